"""Delimited text to pandas, with errors that name the file and the line."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd

from movieembed._base.regular_file import check_regular
from movieembed.data.bounded_text import bounded

_SAMPLE_BYTES = 1 << 16
# Between equally good ones the first wins; a blank is tried only if nothing else separates.
_SEPARATORS = ("::", "\t", ",", ";", "|", " ")
_COMPRESSED: dict[str, Any] = {".gz": gzip, ".bz2": bz2, ".xz": lzma}
_UNREADABLE = (OSError, EOFError, lzma.LZMAError, zlib.error)


@dataclass(frozen=True)
class Source:
    """A file that can be opened more than once, on disk or in an archive."""

    name: str
    open: Callable[[], IO[bytes]]
    size: int | None = None  # in bytes, where it is known


def read_table(
    path: str | os.PathLike[str], *, separator: str | None = None, header: bool | None = None
) -> pd.DataFrame:
    r"""Read one's own ratings table from text or Parquet.

    Parameters
    ----------
    path : path
        A .parquet file, or text such as .csv, .tsv, .txt or .dat, perhaps compressed (.gz, .bz2
        or .xz). The name's ending decides only that much.
    separator : str or None
        What stands between the fields; None finds it among ``::``, tab, comma, semicolon, ``|``
        and blank.
    header : bool or None
        Whether the first row names the columns; None takes it for names if no field of it is a
        number.

    Returns
    -------
    DataFrame
        Columns as named, else numbered 0, 1, 2, ...

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If path is not a file.
    ValueError
        If no separator can be told, or a line has too many fields: the message names it.
    ImportError
        If path is Parquet and PyArrow is not installed.

    Examples
    --------
    >>> import os, tempfile
    >>> from movieembed.data.delimited_text import read_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "ratings.txt")
    ...     with open(path, "w") as file:
    ...         _ = file.write("ann;1;5\nbob;2;3\n")
    ...     read_table(path)
         0  1  2
    0  ann  1  5
    1  bob  2  3
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a table; see load_movielens for those")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if path.suffix.lower() in (".parquet", ".pq"):
        try:
            return pd.read_parquet(path)
        except ImportError as error:
            raise ImportError(f"reading {path} needs PyArrow: pip install pyarrow") from error
    if path.suffix.lower() == ".zip":
        raise ValueError(f"{path} is an archive, not a table; see load_movielens for those")

    file_opener = _COMPRESSED.get(path.suffix.lower(), io)
    check_regular(path, "a table")
    size = path.stat().st_size if file_opener is not io else None
    source = Source(
        str(path), lambda: bounded(lambda: file_opener.open(path, "rb"), str(path), size)
    )
    sample = _sample(source)
    if separator is None:
        separator = _sniff(source, sample)
    if header is None:
        header = not any(_is_number(field) for field in _split(sample[0], separator))
    # pandas would take fields beyond the header for an index, without a word.
    widths = [len(_split(row, separator)) for row in sample[:2]]
    if header and widths[0] < widths[-1]:
        raise ValueError(
            f"{source.name}: the first row has more fields than the header's {widths[0]}"
        )
    try:
        return _read_text(source, separator, header, "utf-8-sig")
    except UnicodeDecodeError:
        return _read_text(source, separator, header, "latin-1")


def _sample(source: Source) -> list[str]:
    try:
        with source.open() as file:
            start = file.read(_SAMPLE_BYTES)
            whole = not file.read(1)
    except _UNREADABLE as error:
        raise ValueError(f"{source.name} cannot be read: {error}") from error
    if b"\0" in start:
        raise ValueError(f"{source.name} is not text in UTF-8 or Latin-1")
    rows = start.decode("utf-8-sig", "replace").split("\n")
    if not whole and len(rows) > 1:
        rows.pop()
    rows = [row.rstrip("\r") for row in rows if row.strip()]
    if not rows:
        raise ValueError(f"{source.name} is empty")
    return rows


def _split(row: str, separator: str) -> list[str]:
    if separator == " ":
        return row.split()
    if len(separator) > 1:
        return row.split(separator)
    return next(csv.reader([row], delimiter=separator, skipinitialspace=True))


def _sniff(source: Source, sample: Sequence[str]) -> str:
    """Return the separator that splits most rows into the same, largest number of fields."""
    best, most = "", 1
    for separator in _SEPARATORS:
        if separator == " " and best:
            break
        widths = Counter(len(_split(row, separator)) for row in sample[:50])
        width, count = widths.most_common(1)[0]
        if width > most and 2 * count > widths.total():
            best, most = separator, width
    if not best:
        raise ValueError(
            f"{source.name}: cannot tell what separates the columns in {sample[0][:80]!r}; "
            "pass separator=..."
        )
    return best


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_text(source: Source, separator: str, header: bool, encoding: str) -> pd.DataFrame:
    if separator == "::":
        frame = _read_colons(source, header, encoding)
        if frame is not None:
            return frame
    pattern = r"\s+" if separator == " " else separator
    if len(separator) > 1:
        pattern = re.escape(separator)
    try:
        with source.open() as file:
            frame = pd.read_csv(
                file,
                sep=pattern,
                header=0 if header else None,
                engine="c" if len(separator) == 1 else "python",
                encoding=encoding,
                skipinitialspace=True,
            )
    except UnicodeDecodeError:
        raise
    except (ValueError, *_UNREADABLE) as error:
        raise ValueError(f"{source.name}: {str(error).strip()}") from error
    return frame


def _read_colons(source: Source, header: bool, encoding: str) -> pd.DataFrame | None:
    """Read fields between ``::`` with the C parser; None if some field holds a ``:`` itself.

    The C parser, ten times as fast as the other, takes one character: at a single colon every
    second field is empty.
    """
    try:
        with source.open() as file:
            frame = pd.read_csv(
                file, sep=":", header=0 if header else None, engine="c", encoding=encoding
            )
    except pd.errors.ParserError:
        return None
    if not frame.shape[1] % 2 or not frame.iloc[:, 1::2].isna().all(axis=None):
        return None
    frame = frame.iloc[:, ::2]
    if not header:
        frame.columns = pd.RangeIndex(frame.shape[1])
    return frame


def lacks(source: Source, column: str, columns: Sequence[str]) -> str:
    """Say that a header lacks a column."""
    return f"{source.name} lacks the column {column!r}; it has: {', '.join(map(repr, columns))}"


def csv_records(source: Source) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of its last line, fields) of the records of a UTF-8 .csv file."""
    with source.open() as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
        reader = csv.reader(text, strict=True)
        try:
            for fields in reader:
                if fields:
                    yield reader.line_num, fields
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{source.name}, line {reader.line_num + 1}: {error}") from error


def lines(source: Source) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of the lines that are not blank, in UTF-8 or else Latin-1."""
    with source.open() as file:
        content = file.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    # Not splitlines, which also breaks at characters that Latin-1 titles may hold.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.rstrip("\r")
