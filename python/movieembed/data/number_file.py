"""Files of ids and numbers to columns: fast where all is regular, exact in saying what is not.

PyArrow's parser takes blocks of whole lines, one a core: of 5 million ratings its streaming reader,
`open_csv`, took 0.9 times the processor time but 1.2 to 1.4 times the wall time on two busy cores,
and 60 MiB more. Ids other than plain integers, and what the parser refuses, are read as text, and
what is wrong with that is looked for line by line.
"""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import IO, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed._base.arrays import index_dtype
from movieembed._base.threads import available_cores
from movieembed.data import text_columns
from movieembed.data import text_fields as textfiles
from movieembed.data.text_fields import Source

# An id is an integer if every one of its column is written as one, else all are text; seconds since
# 1970 may be dates and times instead, and their column may be absent.
Kind = Literal["id", "number", "seconds"]
Columns = dict[str, NDArray[Any]]

# Each block takes three times that while it is parsed. Half or twice that was slower.
BLOCK_BYTES = 1 << 23
MOST_BLOCKS = 16
# A bar for what takes less than some tenths of a second would only flicker.
BAR_BYTES = 1 << 26
_BOM = b"\xef\xbb\xbf"
# What the inner caches hold while zeros are looked for.
_ZEROS_BYTES = 1 << 16
_POINT = np.uint8(ord("."))


class _IrregularError(ValueError):
    """A file is not for the fast parser."""


def read_numbers(
    source: Source,
    types: Mapping[str, Kind],
    *,
    separator: str,
    header: bool,
    progress: bool | None = False,
) -> pd.DataFrame:
    """Read a file of ids and numbers.

    Parameters
    ----------
    source : Source
        The file.
    types : mapping of column name to "id", "number" or "seconds"
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
        int64 and float64 columns, and of text, in the order of `types`.

    Raises
    ------
    ValueError
        If a field is missing or is no number: the message names file and line.
    """
    columns = read_regular(source, types, separator, header, progress)
    if columns is not None:
        return pd.DataFrame(columns, copy=False)
    found = _read_carefully(source, types, separator, header)
    return pd.DataFrame({name: text_columns.to_pandas(column) for name, column in found.items()})


def read_columns(
    source: Source,
    types: Mapping[str, Kind],
    wanted: Collection[str],
    *,
    separator: str,
    header: bool,
    progress: bool | None = False,
) -> Columns:
    """Return some columns of a file; the others are checked and not kept.

    As `read_numbers`, but in 32 bits where every value has exactly that value so.
    """
    columns = {name: _Column(_dtype(types[name], np.int32, np.float32)) for name in wanted}
    if _parse(source, types, columns, separator, header, progress):
        return {name: column.values for name, column in columns.items()}
    found = _read_carefully(source, types, separator, header)
    return {name: _compact(text_columns.to_numpy(found[name])) for name in wanted}


def read_regular(
    source: Source,
    types: Mapping[str, Kind],
    separator: str,
    header: bool,
    progress: bool | None = False,
) -> Columns | None:
    """Return columns as `read_numbers` does; None where a field needs a closer look."""
    columns = {name: _Column(_dtype(kind, np.int64, np.float64)) for name, kind in types.items()}
    if not _parse(source, types, columns, separator, header, progress):
        return None
    return {name: column.values for name, column in columns.items()}


def _dtype(kind: Kind, integer: Any, real: Any) -> Any:
    return real if kind == "number" else integer


def _parse(
    source: Source,
    types: Mapping[str, Kind],
    columns: dict[str, _Column],
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
            for absent in set(columns) - set(names):
                del columns[absent]
            parse = _parser(names, types, columns, separator)
            for length, block in in_parallel(parse, blocks_of_lines(file)):
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


def _header(file: IO[bytes], types: Mapping[str, Kind], separator: str) -> list[str]:
    line = file.readline().removeprefix(_BOM)
    names = line.decode("utf-8", "replace").rstrip("\r\n").split(separator)
    needed = {name for name, kind in types.items() if kind != "seconds"}
    if len(set(names)) < len(names) or not needed <= set(names) <= set(types):
        raise _IrregularError
    return names


def blocks_of_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield a file in blocks of whole lines."""
    while block := file.read(BLOCK_BYTES):
        yield block if block.endswith(b"\n") else block + file.readline()


def in_parallel(
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
    names: list[str], types: Mapping[str, Kind], wanted: Collection[str], separator: str
) -> Callable[[bytes], Columns]:
    """Return what turns lines into compact columns, or raises ArrowInvalid or _IrregularError."""
    import pyarrow as pa
    from pyarrow import csv

    fields = {name: _dtype(types[name], pa.int64(), pa.float64()) for name in names}
    if separator == "::":
        # To a parser that takes one character there is an empty field at each second one.
        between = {name: {name: kind, f"after {name}": pa.null()} for name, kind in fields.items()}
        fields = {key: kind for pair in between.values() for key, kind in pair.items()}
        fields.popitem()
    read = csv.ReadOptions(column_names=list(fields), use_threads=False)
    split = csv.ParseOptions(delimiter=separator[0], quote_char=False)
    convert = csv.ConvertOptions(column_types=fields, null_values=[""])

    odd = [byte for byte in (b"-", b" ", b"\t") if byte != separator.encode()]

    def parse(block: bytes) -> Columns:
        # PyArrow takes 0x1F, " 7", 007 and -0 for integers.
        if any(byte in block for byte in odd) or _has_letter_or_zero_in_front(block):
            raise _IrregularError
        table = csv.read_csv(pa.BufferReader(block), read, split, convert)
        columns = {}
        for name in names:
            column = table[name]
            values = column.to_numpy()
            if column.null_count or (types[name] == "number" and not np.isfinite(values).all()):
                raise _IrregularError
            if name in wanted:
                columns[name] = _compact(values)
        return columns

    return parse


def _has_letter_or_zero_in_front(block: bytes) -> bool:
    """Whether a field may hold a letter, or begin with a zero and another digit."""
    text = np.frombuffer(block, np.uint8)
    if text.max(initial=0) > ord(":"):
        return True
    zero = np.uint8(ord("0"))
    if block[:1] == b"0" and block[1:2].isdigit():
        return True
    for start in range(0, len(text) - 2, _ZEROS_BYTES):
        part = text[start : start + _ZEROS_BYTES + 2]
        # Of ASCII, digits and the point lie together; what else stands before is a separator.
        begins = (part[1:-1] == zero) & (part[:-2] - _POINT > ord("9") - _POINT)
        if (begins & (part[2:] - zero < 10)).any():
            return True
    return False


def _compact(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers in 32 bits where that changes none."""
    if values.dtype.kind == "O":
        return values
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
    source: Source, types: Mapping[str, Kind], separator: str, header: bool
) -> dict[str, Any]:
    """Return columns of PyArrow; ValueError names the first line that is wrong."""
    sample = textfiles.sample_of(source)
    rows = [textfiles.split(row, separator) for row in sample.rows[:2]]
    names = rows[0] if header else list(types)
    there = {name: kind for name, kind in types.items() if name in names or kind != "seconds"}
    absent = [name for name in there if name not in names]
    if absent:
        raise ValueError(textfiles.lacks(source, absent[0], names))
    places = {name: names.index(name) for name in there}
    try:
        if len(rows[-1]) > len(names):
            raise ValueError("the first row has too many fields")
        texts = textfiles.read_texts(source, separator, len(names), sample.blank + header)
        return {name: _converted(texts[places[name]], name, kind) for name, kind in there.items()}
    except (ValueError, OverflowError) as error:
        found = _first_bad_line(source, places, there, separator, header)
        text = str(error).strip()
        named = text if text.startswith(source.name) else f"{source.name}: {text}"
        raise ValueError(found or named) from error


def _converted(texts: Any, name: str, kind: Kind) -> Any:
    try:
        if kind == "number":
            return text_columns.as_numbers(texts)
        if kind == "seconds":
            return text_columns.as_seconds(texts)
        if texts.null_count:
            raise ValueError("has missing values")
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return text_columns.as_proven_ids(texts)


def _first_bad_line(
    source: Source,
    places: Mapping[str, int],
    types: Mapping[str, Kind],
    separator: str,
    header: bool,
) -> str | None:
    """Describe the first line that is not as types says; None if there is none.

    Python speed: only for a file that was refused.
    """
    n_fields = 0 if header else len(types)
    for number, line in textfiles.lines(source):
        fields = [field.strip() for field in textfiles.split(line, separator)]
        if not n_fields:
            n_fields = len(fields)
            continue
        where = f"{source.name}, line {number}"
        if len(fields) != n_fields:
            return f"{where}: expected {n_fields} fields, got {len(fields)}: {line[:80]!r}"
        for name, place in places.items():
            if not _FITS[types[name]](fields[place]):
                wrong = _WANTED[types[name]].format(repr(fields[place][:80]))
                return f"{where}: {name} is {wrong}"
    return None


_WANTED = {
    "id": "missing",
    "number": "{}, not a finite number",
    "seconds": "{}, not an integer or a date",
}


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < np.inf
    except ValueError:
        return False


def _is_time(text: str) -> bool:
    with contextlib.suppress(ValueError):
        return str(int(text)) == text and abs(int(text)) < 2**63
    with contextlib.suppress(ValueError):
        datetime.fromisoformat(text)
        return True
    return False


_FITS: dict[Kind, Callable[[str], bool]] = {"id": bool, "number": _is_number, "seconds": _is_time}
