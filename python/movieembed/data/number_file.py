"""Files of nothing but numbers to columns: fast where all is regular, exact in saying what is not.

PyArrow's parser takes blocks of whole lines, one a core: of 5 million ratings its streaming reader,
`open_csv`, took 0.9 times the processor time but 1.2 to 1.4 times the wall time on two busy cores,
and 60 MiB more. What the parser refuses, and what it might read otherwise than pandas does, goes to
pandas, and what that refuses is looked for line by line.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed._base.arrays import index_dtype
from movieembed._base.threads import available_cores
from movieembed.data import delimited_text as textfiles
from movieembed.data.delimited_text import Source

Number = type[int] | type[float]
Columns = dict[str, NDArray[Any]]

# Each block takes three times that while it is parsed. Half or twice that was slower.
BLOCK_BYTES = 1 << 23
MOST_BLOCKS = 16
# A bar for what takes less than some tenths of a second would only flicker.
BAR_BYTES = 1 << 26
_BOM = b"\xef\xbb\xbf"


class _IrregularError(ValueError):
    """A file is not for the fast parser."""


def read_numbers(
    source: Source,
    types: Mapping[str, Number],
    *,
    separator: str,
    header: bool,
    progress: bool | None = False,
) -> pd.DataFrame:
    """Read a file of numbers only.

    Parameters
    ----------
    source : Source
        The file.
    types : mapping of column name to int or float
        Which columns to return; without a header, all of the file's, in order.
    separator : str
        One character, or "::" where there is no header.
    header : bool
        Whether the first line names the columns.
    progress : bool or None
        Whether to show a bar on stderr; None shows one for a large file where that is a terminal.

    Returns
    -------
    DataFrame
        int64 and float64 columns in the order of `types`.

    Raises
    ------
    ValueError
        If a field is missing or is no number: the message names file and line.
    """
    columns = {name: _Column(np.int64 if types[name] is int else np.float64) for name in types}
    if _parse(source, types, columns, separator, header, progress):
        return pd.DataFrame({name: column.values for name, column in columns.items()}, copy=False)
    return _read_carefully(source, types, separator, header)


def read_columns(
    source: Source,
    types: Mapping[str, Number],
    wanted: Collection[str],
    *,
    separator: str,
    header: bool,
    progress: bool | None = False,
) -> Columns:
    """Return some columns of a file of numbers; the others are checked and not kept.

    As `read_numbers`, but in 32 bits where every value has exactly that value so.
    """
    columns = {name: _Column(np.int32 if types[name] is int else np.float32) for name in wanted}
    if _parse(source, types, columns, separator, header, progress):
        return {name: column.values for name, column in columns.items()}
    frame = _read_carefully(source, types, separator, header)
    return {name: _compact(frame[name].to_numpy()) for name in wanted}


def _parse(
    source: Source,
    types: Mapping[str, Number],
    columns: Mapping[str, _Column],
    separator: str,
    header: bool,
    progress: bool | None,
) -> bool:
    """Fill the columns; False where the fast parser will not do."""
    import pyarrow as pa

    done = 0
    expected = 0
    try:
        with source.open() as file, _bar(source, progress) as advance:
            names = _header(file, types, separator) if header else list(types)
            parse = _parser(names, types, columns, separator)
            for length, block in _in_parallel(parse, _blocks_of_lines(file)):
                n_rows = len(next(iter(block.values())))
                if not expected and source.size:
                    # Ids grow longer: later blocks have fewer rows.
                    expected = int(1.02 * n_rows * source.size / length)
                for name, column in columns.items():
                    column.append(block[name], expected)
                done += n_rows
                advance(length)
    except (pa.ArrowInvalid, _IrregularError):
        return False
    return header or done > 0


def _header(file: IO[bytes], types: Mapping[str, Number], separator: str) -> list[str]:
    line = file.readline().removeprefix(_BOM)
    names = line.decode("utf-8", "replace").rstrip("\r\n").split(separator)
    if sorted(names) != sorted(types):
        raise _IrregularError
    return names


def _blocks_of_lines(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block if block.endswith(b"\n") else block + file.readline()


def _in_parallel(
    parse: Callable[[bytes], Columns], blocks: Iterator[bytes]
) -> Iterator[tuple[int, Columns]]:
    """Yield the length and columns of each block in order; one block a core is held."""
    cores = min(available_cores(), MOST_BLOCKS)
    pending: deque[tuple[int, Future[Columns]]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        for block in blocks:
            pending.append((len(block), pool.submit(parse, block)))
            if len(pending) > cores:
                length, columns = pending.popleft()
                yield length, columns.result()
        for length, columns in pending:
            yield length, columns.result()


def _parser(
    names: list[str], types: Mapping[str, Number], wanted: Collection[str], separator: str
) -> Callable[[bytes], Columns]:
    """Return what turns lines into compact columns, or raises ArrowInvalid or _IrregularError."""
    import pyarrow as pa
    from pyarrow import csv

    fields = {name: pa.int64() if types[name] is int else pa.float64() for name in names}
    if separator == "::":
        # To a parser that takes one character there is an empty field at each second one.
        between = {name: {name: kind, f"after {name}": pa.null()} for name, kind in fields.items()}
        fields = {key: kind for pair in between.values() for key, kind in pair.items()}
        fields.popitem()
    read = csv.ReadOptions(column_names=list(fields), use_threads=False)
    split = csv.ParseOptions(delimiter=separator[0], quote_char=False)
    convert = csv.ConvertOptions(column_types=fields, null_values=[""])

    def parse(block: bytes) -> Columns:
        # PyArrow takes 0x1F for an integer.
        if b"x" in block or b"X" in block:
            raise _IrregularError
        table = csv.read_csv(pa.BufferReader(block), read, split, convert)
        columns = {}
        for name in types:
            column = table[name]
            values = column.to_numpy()
            if column.null_count or (types[name] is float and not np.isfinite(values).all()):
                raise _IrregularError
            if name in wanted:
                columns[name] = _compact(values)
        return columns

    return parse


def _compact(values: NDArray[Any]) -> NDArray[Any]:
    """Return values in 32 bits where that changes none."""
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            narrow = values.astype(np.float32)
        return narrow if bool((narrow == values).all()) else values
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    return values.astype(index_dtype(high, -1 - low), copy=False)


class _Column:
    """An array that grows at its end, seldom: memory touched for the first time is slow."""

    def __init__(self, dtype: Any) -> None:
        self._room = np.empty(0, dtype)
        self._length = 0

    def append(self, values: NDArray[Any], expected: int) -> None:
        """Add values; `expected` is how many there may be in the end."""
        stop = self._length + len(values)
        dtype = np.promote_types(self._room.dtype, values.dtype)
        if stop > len(self._room) or dtype != self._room.dtype:
            size = max(expected, stop + stop // 2)
            room = np.empty(size, dtype)
            room[: self._length] = self.values
            self._room = room
        self._room[self._length : stop] = values
        self._length = stop

    @property
    def values(self) -> NDArray[Any]:
        return self._room[: self._length]


@contextlib.contextmanager
def _bar(source: Source, progress: bool | None) -> Iterator[Callable[[int], Any]]:
    """Yield a function that takes the number of bytes done."""
    if progress is None:
        progress = (
            (source.size or 0) >= BAR_BYTES and sys.stderr is not None and sys.stderr.isatty()
        )
    if not progress:
        yield lambda done: None
        return
    from movieembed._base.progress import progress_bar

    name = source.name.replace("\\", "/").rpartition("/")[2]
    with progress_bar(source.size, name, "B", True, unit_scale=True) as bar:
        yield bar.update


def _read_carefully(
    source: Source, types: Mapping[str, Number], separator: str, header: bool
) -> pd.DataFrame:
    try:
        with np.errstate(invalid="ignore"):  # of infinity among integers, which is then refused
            if separator == "::":
                frame = _read_double_colon(source, types)
            else:
                frame = _read_one_character(source, types, separator, header)
        for name, column in frame.items():
            if column.dtype.kind == "f" and not np.isfinite(column.to_numpy()).all():
                raise ValueError(f"{source.name}: {name} has values that are not finite numbers")
    except (ValueError, OverflowError) as error:
        found = _first_bad_line(source, types, separator, header)
        text = str(error).strip()
        named = text if text.startswith(source.name) else f"{source.name}: {text}"
        raise ValueError(found or named) from error
    return frame


def _read_one_character(
    source: Source, types: Mapping[str, Number], separator: str, header: bool
) -> pd.DataFrame:
    # pandas would take fields beyond the columns of the first row for an index.
    with source.open() as file:
        start = [line for line in itertools.islice(file, 10) if line.strip()]
    widths = [line.count(separator.encode()) + 1 for line in start[:2]]
    if widths and widths[-1 if header else 0] > (widths[0] if header else len(types)):
        raise ValueError("the first row has too many fields")
    with source.open() as file:
        frame = pd.read_csv(
            file,
            sep=separator,
            header=0 if header else None,
            names=None if header else list(types),
            dtype={name: "int64" if kind is int else "float64" for name, kind in types.items()},
            engine="c",
        )
    absent = [name for name in types if name not in frame.columns]
    if absent:
        raise ValueError(textfiles.lacks(source, absent[0], list(frame.columns)))
    if frame.empty and not header:
        raise ValueError(f"{source.name} is empty")
    return frame[list(types)]


def _read_double_colon(source: Source, types: Mapping[str, Number]) -> pd.DataFrame:
    """Read a file of numbers between ``::``, one line a row.

    A ``:`` is one character, which the C parser takes; every second field is then empty. That is
    exact where each line has the right number of colons, which is counted first.
    """
    with source.open() as file:
        content = file.read()
    n_lines = content.count(b"\n") + (not content.endswith(b"\n"))
    n_pairs = content.count(b"::")
    if n_pairs != n_lines * (len(types) - 1) or content.count(b":") != 2 * n_pairs:
        found = _first_bad_line(source, types, "::", False)
        if found:
            raise ValueError(found)
    dtypes = {2 * i: "int64" if kind is int else "float64" for i, kind in enumerate(types.values())}
    frame = pd.read_csv(
        io.BytesIO(content), sep=":", header=None, usecols=list(dtypes), dtype=dtypes, engine="c"
    )
    frame.columns = pd.Index(list(types))
    return frame


def _first_bad_line(
    source: Source, types: Mapping[str, Number], separator: str, header: bool
) -> str | None:
    """Describe the first line that is not as types says; None if there is none.

    Python speed: only for a file that the fast parser has refused.
    """
    columns = list(enumerate(types.items()))
    n_fields = len(types)
    with source.open() as file:
        for number, raw in enumerate(file, 1):
            line = raw.decode("utf-8-sig", "replace").rstrip("\r\n")
            if not line.strip():
                continue
            fields = [field.strip().strip('"') for field in line.split(separator)]
            if header and number == 1:
                if any(name not in fields for name in types):
                    return None
                columns = [(fields.index(name), (name, kind)) for name, kind in types.items()]
                n_fields = len(fields)
                continue
            where = f"{source.name}, line {number}"
            if len(fields) != n_fields:
                return f"{where}: expected {n_fields} fields, got {len(fields)}: {line[:80]!r}"
            for place, (name, kind) in columns:
                if not _fits(fields[place], kind):
                    wanted = "an integer" if kind is int else "a finite number"
                    return f"{where}: {name} is {fields[place]!r}, not {wanted}"
    return None


def _fits(text: str, kind: Number) -> bool:
    try:
        value = kind(text)
    except ValueError:
        return False
    return abs(value) < 2**63
