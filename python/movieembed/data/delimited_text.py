"""One's own table of ratings or items, from delimited text or Parquet."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from movieembed._base.regular_file import check_regular
from movieembed.data import text_columns
from movieembed.data.bounded_text import bounded
from movieembed.data.frames import (
    ITEM_ALIASES,
    RATING_ALIASES,
    TIME_ALIASES,
    TITLE_ALIASES,
    USER_ALIASES,
    looks_like,
)
from movieembed.data.number_file import Kind, read_regular
from movieembed.data.text_fields import QUOTING, Source, read_texts, sample_of, split

if TYPE_CHECKING:
    import pyarrow as pa

# Between equally good ones the first wins; a blank is tried only if nothing else separates.
_SEPARATORS = ("::", "\t", ",", ";", "|", " ")
_COMPRESSED: dict[str, Any] = {".gz": gzip, ".bz2": bz2, ".xz": lzma}
_ID_NAMES = USER_ALIASES | ITEM_ALIASES | {"id", *TITLE_ALIASES}
_NAMES = _ID_NAMES | RATING_ALIASES | TIME_ALIASES | {"genres", "genre", "tag", "tags", "year"}


def read_table(
    path: str | os.PathLike[str],
    *,
    separator: str | None = None,
    header: bool | None = None,
    ids: Iterable[Hashable] = (),
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
        number, and it has a usual name or one of `ids`, or stands above a column of numbers.
    ids : list of labels
        Columns of text that hold ids or titles, besides those with usual names such as userId.

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

    Notes
    -----
    Ids and titles are text, unless every one of a column is written as an integer of 64 bits is:
    with one "007" or "7.0" in it the whole column stays text. Only an empty field is missing, "NA"
    is a name. Other columns become numbers where all their values are, and NA and the like are
    missing ones.

    Quotation marks count in files with commas, semicolons or blanks. Between tabs, ``::`` and
    ``|`` they are part of the field, unless they stand around every value of a column.

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
    sample = sample_of(source)
    if separator is None:
        separator = _sniff(source, sample.rows)
    rows = [split(row, separator) for row in sample.rows[:50]]
    given = {str(label) for label in ids}
    if header is None:
        header = _is_header(rows, given)
    width = len(rows[0])
    if header and width < len(rows[:2][-1]):
        raise ValueError(f"{source.name}: the first row has more fields than the header's {width}")
    labels: list[Any] = list(range(width))
    if header:
        labels = [name or f"Unnamed: {place}" for place, name in enumerate(rows[0])]
    of_ids = [str(label) in given or looks_like(label, _ID_NAMES) for label in labels]
    columns = None
    kinds = _kinds(rows[header:], of_ids)
    if kinds and separator != " " and not sample.blank:
        types = dict(zip(map(str, labels), kinds, strict=True))
        columns = read_regular(source, types, separator, header)
    # Floats with more digits than they hold may be ids.
    if columns is None or any(
        x.dtype.kind == "f" and np.abs(x).max(initial=0) >= 1e15 for x in columns.values()
    ):
        texts = read_texts(source, separator, width, sample.blank + header)
        columns = _as_they_are(texts, of_ids, separator)
    frame = pd.DataFrame(columns, copy=False)
    frame.columns = pd.Index(labels) if header else pd.RangeIndex(width)
    return frame


def _kinds(rows: Sequence[Sequence[str]], of_ids: Sequence[bool]) -> list[Kind]:
    """Return what columns of nothing but numbers seem to be; none where some are of more."""
    if not rows or any(len(row) != len(of_ids) for row in rows):
        return []
    kinds: list[Kind] = []
    for column, is_id in zip(zip(*rows, strict=True), of_ids, strict=True):
        if all(map(str.isdecimal, column)):
            kinds.append("id")
        elif all(map(_is_number, column)) and not is_id:
            kinds.append("number")
        else:
            return []
    return kinds


def _as_they_are(
    texts: Sequence[pa.ChunkedArray], of_ids: Sequence[bool], separator: str
) -> dict[str, Any]:
    """Return columns of text as what they hold."""
    if separator not in QUOTING:
        texts = [text_columns.unquoted(column) for column in texts]
    return {
        str(place): text_columns.to_pandas(
            text_columns.as_proven_ids(column) if is_id else text_columns.as_values(column)
        )
        for place, (column, is_id) in enumerate(zip(texts, of_ids, strict=True))
    }


def _sniff(source: Source, sample: Sequence[str]) -> str:
    """Return the separator that splits most rows into the same, largest number of fields."""
    best, most = "", 1
    for separator in _SEPARATORS:
        if separator == " " and best:
            break
        widths = Counter(len(split(row, separator)) for row in sample[:50])
        width, count = widths.most_common(1)[0]
        if width > most and 2 * count > widths.total():
            best, most = separator, width
    if not best:
        raise ValueError(
            f"{source.name}: cannot tell what separates the columns in {sample[0][:80]!r}; "
            "pass separator=..."
        )
    return best


def _is_header(rows: Sequence[Sequence[str]], given: Collection[str]) -> bool:
    """Whether the first row names columns; rows of nothing but words look like one another."""
    first, *others = rows
    if any(_is_number(field) for field in first):
        return False
    if any(field in given or looks_like(field, _NAMES) for field in first):
        return True
    columns = [[row[i] for row in others if i < len(row)] for i in range(len(first))]
    return any(column and all(map(_is_number, column)) for column in columns)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
