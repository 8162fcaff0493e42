"""Fields of delimited text as they are written, with errors that name the file and the line."""

from __future__ import annotations

import contextlib
import csv
import io
import lzma
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE_BYTES = 1 << 16
# Not what splitlines breaks at, which Latin-1 titles may hold.
_LINE_END = re.compile("\r\n|\r|\n")
# Formats with quotation marks around fields that hold a separator.
QUOTING = (",", ";", " ")
_UNREADABLE = (OSError, EOFError, lzma.LZMAError, zlib.error)


@dataclass(frozen=True)
class Source:
    """A file that can be opened more than once, on disk or in an archive."""

    name: str
    open: Callable[[], IO[bytes]]
    size: int | None = None  # in bytes, where it is known


@dataclass(frozen=True)
class Sample:
    """The first rows of a file that are not blank, and how many blank ones stand before them."""

    rows: list[str]
    blank: int


def sample_of(source: Source) -> Sample:
    """Return the first rows of a text file, whatever ends its lines."""
    try:
        with source.open() as file:
            start = file.read(_SAMPLE_BYTES)
            whole = not file.read(1)
    except _UNREADABLE as error:
        raise ValueError(f"{source.name} cannot be read: {error}") from error
    if b"\0" in start:
        raise ValueError(f"{source.name} is not text in UTF-8 or Latin-1")
    rows = _LINE_END.split(start.decode("utf-8-sig", "replace"))
    if not whole and len(rows) > 1:
        rows.pop()
    there = [row for row in rows if row.strip()]
    if not there:
        raise ValueError(f"{source.name} is empty")
    return Sample(there, rows.index(there[0]))


def split(row: str, separator: str) -> list[str]:
    """Return the fields of a row, without the quotation marks that a format has."""
    if separator == " ":
        return row.split()
    if separator in QUOTING:
        return next(csv.reader([row], delimiter=separator, skipinitialspace=True))
    fields = row.split(separator)
    if all(len(field) > 1 and field[0] == field[-1] == '"' for field in fields):
        return [field[1:-1].replace('""', '"') for field in fields]
    return fields


def read_texts(
    source: Source, separator: str, width: int, skip: int, wanted: Collection[int] | None = None
) -> list[pa.ChunkedArray]:
    """Return columns as they are written, null where a field is empty.

    Parameters
    ----------
    source : Source
        Text in UTF-8, or else in Latin-1.
    separator : str
        What stands between the fields.
    width : int
        How many fields a row has.
    skip : int
        How many lines to leave out at the start.
    wanted : collection of int or None
        Which columns to return, in order; None for all.

    Raises
    ------
    ValueError
        If a row has more fields, or a quotation mark is never closed; rows may have fewer.
    """
    import pyarrow as pa

    places = list(range(width)) if wanted is None else sorted(wanted)
    try:
        if len(separator) > 1:
            columns = _read_double(source, separator, width, skip, places)
        else:
            columns = _read_single(source, separator, width, skip, places)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{source.name}: {error}") from error
    except (csv.Error, *_UNREADABLE) as error:
        raise ValueError(f"{source.name} cannot be read: {error}") from error
    return columns


def _read_single(
    source: Source, separator: str, width: int, skip: int, places: list[int]
) -> list[pa.ChunkedArray]:
    """Read fields between single characters: by PyArrow, and what that refuses by pandas."""
    import pyarrow as pa

    for encoding in ("utf-8", "latin-1"):
        if separator != " ":
            with contextlib.suppress(pa.ArrowInvalid):
                return _read_by_arrow(source, separator, width, skip, places, encoding)
        with contextlib.suppress(UnicodeDecodeError):
            return _read_by_pandas(source, separator, skip, places, encoding)
    raise AssertionError("every file is Latin-1")


def _read_by_arrow(
    source: Source, separator: str, width: int, skip: int, places: list[int], encoding: str
) -> list[pa.ChunkedArray]:
    """Read with PyArrow; ArrowInvalid where pandas should have a look."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow_csv

    names, quoting = list(map(str, range(width))), separator in QUOTING
    wanted = list(map(str, places))
    with source.open() as file:
        table = arrow_csv.read_csv(
            file,
            arrow_csv.ReadOptions(column_names=names, skip_rows=skip, encoding=encoding),
            arrow_csv.ParseOptions(
                delimiter=separator,
                quote_char='"' if quoting else False,
                newlines_in_values=quoting,
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=wanted,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    columns = []
    for column in table.columns:
        if separator != ":" and pc.any(pc.starts_with(column, " ")).as_py():
            # Within quotation marks blanks count, and PyArrow tells no more where those were.
            if quoting:
                raise pa.ArrowInvalid("a blank before a field")
            column = pc.utf8_ltrim(column, " ")
            column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
        # PyArrow closes at the end of the file what was left open.
        if quoting and len(column) and "\n" in (column[-1].as_py() or ""):
            raise pa.ArrowInvalid("a line end in the last row")
        columns.append(column)
    return columns


def _read_by_pandas(
    source: Source, separator: str, skip: int, places: list[int], encoding: str
) -> list[pa.ChunkedArray]:
    import pyarrow as pa

    quoting: Any = csv.QUOTE_MINIMAL if separator in QUOTING else csv.QUOTE_NONE
    try:
        with source.open() as file:
            frame = pd.read_csv(
                file,
                sep=r"\s+" if separator == " " else separator,
                header=None,
                skiprows=skip,
                dtype=str,
                keep_default_na=False,
                na_values=[""],
                engine="c",
                encoding="utf-8-sig" if encoding == "utf-8" else encoding,
                skipinitialspace=True,
                quoting=quoting,
            )
    except UnicodeDecodeError:
        raise
    except pd.errors.EmptyDataError:
        return [pa.chunked_array([pa.array([], pa.string())]) for _ in places]
    except (ValueError, *_UNREADABLE) as error:
        raise ValueError(f"{source.name}: {str(error).strip()}") from error
    n_rows = len(frame)
    return [
        pa.chunked_array(
            [pa.array(frame[i], pa.string(), from_pandas=True)]
            if i < frame.shape[1]
            else [pa.nulls(n_rows, pa.string())]
        )
        for i in places
    ]


def _read_double(
    source: Source, separator: str, width: int, skip: int, places: list[int]
) -> list[pa.ChunkedArray]:
    """Read fields between longer separators.

    At a single colon every second field of ``::`` is empty, unless a field holds a colon itself.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if separator == "::":
        with contextlib.suppress(ValueError):
            pairs = range(2 * width - 1)
            columns = _read_by_arrow(source, ":", len(pairs), skip, list(pairs), "utf-8")
            if all(pc.all(pc.is_null(column)).as_py() in (True, None) for column in columns[1::2]):
                return [columns[2 * i] for i in places]
    rows = []
    for number, line in lines(source):
        if number > skip:
            fields = line.split(separator)
            if len(fields) > width:
                raise ValueError(
                    f"{source.name}: Expected {width} fields in line {number}, saw {len(fields)}"
                )
            rows.append(fields + [""] * (width - len(fields)))
    return [pa.chunked_array([pa.array([r[i] or None for r in rows], pa.string())]) for i in places]


def lacks(source: Source, column: str, columns: Sequence[str]) -> str:
    """Say that a header lacks a column."""
    return f"{source.name} lacks the column {column!r}; it has: {', '.join(map(repr, columns))}"


def csv_records(source: Source) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of its last line, fields) of the records of a .csv file."""
    text = io.StringIO(_text(source), newline="")
    reader = csv.reader(text, strict=True, skipinitialspace=True)
    try:
        for fields in reader:
            if fields:
                yield reader.line_num, fields
    except csv.Error as error:
        raise ValueError(f"{source.name}, line {reader.line_num + 1}: {error}") from error


def lines(source: Source) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of the lines that are not blank."""
    for number, line in enumerate(_LINE_END.split(_text(source)), 1):
        if line.strip():
            yield number, line


def _text(source: Source) -> str:
    """Return a file's text, in UTF-8 or else Latin-1."""
    with source.open() as file:
        content = file.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
