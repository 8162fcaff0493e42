"""One's own table of ratings or items, from text in any layout or Parquet."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from movieembed._base.message import Message, Parameter
from movieembed._base.regular_file import check_regular
from movieembed._base.validation import OneOf, check_parameter
from movieembed.data import other_layouts, text_columns
from movieembed.data.bounded_text import bounded
from movieembed.data.column_names import (
    ITEM_ALIASES,
    RATING_ALIASES,
    TIME_ALIASES,
    TITLE_ALIASES,
    USER_ALIASES,
    looks_like,
)
from movieembed.data.number_file import Kind, read_regular
from movieembed.data.other_layouts import LAYOUTS, Keep, Layout
from movieembed.data.text_fields import QUOTING, Sample, Source, read_texts, sample_of, split
from movieembed.data.where import conditions, rows_left
from movieembed.exceptions import ParameterError, ParameterTypeError

if TYPE_CHECKING:
    import pyarrow as pa

# Between equally good ones the first wins; a blank is tried only if nothing else separates.
_SEPARATORS = ("::", "\t", ",", ";", "|", " ")
_COMPRESSED: dict[str, Any] = {".gz": gzip, ".bz2": bz2, ".xz": lzma}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_ID_NAMES = USER_ALIASES | ITEM_ALIASES | {"id", *TITLE_ALIASES}
_NAMES = _ID_NAMES | RATING_ALIASES | TIME_ALIASES | {"genres", "genre", "tag", "tags", "year"}


def read_table(
    path: str | os.PathLike[str],
    *,
    separator: str | None = None,
    header: bool | None = None,
    ids: Iterable[Hashable] = (),
    where: str | Iterable[str] = (),
    layout: Layout | None = None,
    columns: Collection[Hashable] | None = None,
) -> pd.DataFrame:
    r"""Read one's own ratings table from text, lines of JSON or Parquet.

    Parameters
    ----------
    path : path
        A .parquet file, or text such as .csv, .tsv, .txt, .dat or .jsonl, perhaps compressed (.gz,
        .bz2 or .xz). The name's ending decides only that much.
    separator : str or None
        What stands between the fields; None finds it among ``::``, tab, comma, semicolon, ``|``
        and blank. Lists have one throughout, of which a blank stands for tabs too.
    header : bool or None
        Whether the first row names the columns; None takes it for names if no field of it is a
        number, and it has a usual name or one of `ids`, or stands above a column of numbers.
    ids : list of labels
        Columns of text that hold ids or titles, besides those with usual names such as userId.
    where : str or list of str
        Rows to keep: a column, one of ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=`` and ``has``, and
        a value, as in ``event == "buy"``; ``has`` finds a word of a list such as "Action|Comedy".
        Of a list, and of what stands around ``and``, all must hold. Columns without names go by
        number, ``2 == "play"``, and names with signs in quotation marks.
    layout : {"rows", "lists", "blocks", "json"} or None
        A row a rating; rows of a user and all their items, as in LightGCN's files; a line such as
        ``1:`` for an item and then its users and ratings, as the Netflix Prize's; or lines of JSON,
        an object each. None finds it.
    columns : list of labels, or None
        Which columns to return; None for all. Fields of JSON that hold lists or objects are left
        out.

    Returns
    -------
    DataFrame
        Columns as named, else numbered 0, 1, 2, ...; of lists and blocks, user, item, and perhaps
        rating and date.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If path is not a file.
    ValueError
        If no separator can be told, or a line has too many fields: the message names it.
    TypeError
        If columns is no list of labels, but one of them.
    ParameterError
        If `where` is no comparison, no row is left, or a column is absent. It is a ValueError.
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
    ...     read_table(path), read_table(path, where="2 >= 4")
    (     0  1  2
    0  ann  1  5
    1  bob  2  3,      0  1  2
    0  ann  1  5)
    """
    if isinstance(columns, str | bytes):
        what = f"columns must be a list of labels, such as [{columns!r}], not {columns!r}"
        raise ParameterTypeError(what, "columns")
    wanted = None if columns is None else list(columns)
    there: list[Hashable] = []

    def keep(label: Hashable, values: Sequence[Any]) -> bool:
        there.append(label)
        return wanted is None or label in wanted

    table = read_kept(path, keep, separator, header, ids, where, layout)
    absent = [label for label in wanted or () if label not in table]
    if absent:
        listed = ", ".join(map(repr, there or table.columns))
        what = "{given} is not a column of {path}; it has: {listed}"
        given = Parameter("columns", absent[0])
        message = Message(what, given=given, path=str(path), listed=listed)
        raise ParameterError(message, "columns")
    return table if wanted is None else table[wanted]


def read_kept(
    path: str | os.PathLike[str],
    keep: Keep,
    separator: str | None = None,
    header: bool | None = None,
    ids: Iterable[Hashable] = (),
    where: str | Iterable[str] = (),
    layout: Layout | None = None,
) -> pd.DataFrame:
    """Read a table as `read_table` does, with the columns that are to be kept by what they hold."""
    if layout is not None:
        check_parameter(layout, "layout", OneOf(*LAYOUTS))
    texts = [where] if isinstance(where, str) else list(where)
    compared = {name.casefold() for text in texts for name, _, _ in conditions(text)}
    given = {str(label) for label in ids}

    def needed(label: Hashable, values: Sequence[Any]) -> bool:
        name = str(label)
        return name in given or name.casefold() in compared or keep(label, values)

    path = Path(path).expanduser()
    if path.is_dir():
        what = "{path} is a folder, not a table|; see {load_movielens} for those"
        raise IsADirectoryError(Message(what, path=str(path)))
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if path.suffix.lower() in (".parquet", ".pq"):
        try:
            table = pd.read_parquet(path)
        except ImportError as error:
            raise ImportError(f"reading {path} needs PyArrow: pip install pyarrow") from error
    elif path.suffix.lower() == ".zip":
        what = "{path} is an archive, not a table|; see {load_movielens} for those"
        raise ValueError(Message(what, path=str(path)))
    else:
        table = _read_text(path, needed, separator, header, given, layout)
    return rows_left(table, texts)


def _read_text(
    path: Path,
    keep: Keep,
    separator: str | None,
    header: bool | None,
    given: Set[str],
    layout: Layout | None,
) -> pd.DataFrame:
    file_opener = _COMPRESSED.get(path.suffix.lower(), io)
    check_regular(path, "a table")
    size = path.stat().st_size if file_opener is not io else None
    source = Source(
        str(path), lambda: bounded(lambda: file_opener.open(path, "rb"), str(path), size)
    )
    sample = sample_of(source)
    layout = layout or other_layouts.layout_of(sample.rows, separator)
    if layout == "rows":
        return _read_rows(source, sample, keep, separator, header, given)
    if layout == "json":
        found = other_layouts.read_json(source, sample.rows, keep)
    elif layout == "lists":
        separator = separator or other_layouts.separator_of_lists(sample.rows, source.name)
        rows = [split(row, separator) for row in sample.rows[:50]]
        named = sample.rows[0] if _is_header(rows, given, header) else None
        found = other_layouts.read_lists(source, separator, named)
    else:
        found = other_layouts.read_blocks(source, sample.rows)
    return pd.DataFrame(
        {
            label: text_columns.to_pandas(text_columns.of_text(column, _holds_ids(label, given)))
            for label, column in found.items()
        },
        copy=False,
    )


def _holds_ids(label: Hashable, given: Set[str]) -> bool:
    return str(label) in given or looks_like(label, _ID_NAMES)


def _read_rows(
    source: Source,
    sample: Sample,
    keep: Keep,
    separator: str | None,
    header: bool | None,
    given: Set[str],
) -> pd.DataFrame:
    if separator is None:
        separator = _sniff(source, sample.rows)
    rows = [split(row, separator) for row in sample.rows[:50]]
    header = _is_header(rows, given, header)
    width = len(rows[0])
    if header and width < len(rows[:2][-1]):
        raise ValueError(f"{source.name}: the first row has more fields than the header's {width}")
    labels: list[Any] = list(range(width))
    if header:
        labels = [name or f"Unnamed: {place}" for place, name in enumerate(rows[0])]
    of_ids = [_holds_ids(label, given) for label in labels]
    values = [[row[place] for row in rows[header:] if place < len(row)] for place in range(width)]
    kept = [place for place in range(width) if keep(labels[place], values[place])]
    columns = None
    kinds = _kinds(rows[header:], of_ids)
    if kinds and separator != " " and not sample.blank:
        types = dict(zip(map(str, labels), kinds, strict=True))
        columns = read_regular(source, types, separator, header)
    # Floats with more digits than they hold may be ids.
    if columns is None or any(
        x.dtype.kind == "f" and np.abs(x).max(initial=0) >= 1e15 for x in columns.values()
    ):
        texts = read_texts(source, separator, width, sample.blank + header, kept)
        columns = _as_they_are(texts, [of_ids[place] for place in kept], separator)
        labels = [labels[place] for place in kept]
    frame = pd.DataFrame(columns, copy=False)
    frame.columns = pd.Index(labels) if header or len(labels) < width else pd.RangeIndex(width)
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
        str(place): text_columns.to_pandas(text_columns.of_text(column, is_id))
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
        what = "{name}: cannot tell what separates the columns in {row!r}|; pass {separator}"
        what += "|, or {layout=} if each row is a user and their items"
        row = sample[0][:80]
        message = Message(what, name=source.name, row=row, layout="lists")
        raise ParameterError(message, "separator")
    return best


def _is_header(rows: Sequence[Sequence[str]], given: Set[str], header: bool | None) -> bool:
    """Whether the first row names columns; rows of nothing but words look like one another."""
    if header is not None:
        return header
    first, *others = rows
    if any(_is_number(field) or _DATE.match(field) for field in first):
        return False
    columns = [[row[i] for row in others if i < len(row)] for i in range(len(first))]
    for field, column in zip(first, columns, strict=True):
        if field in given or (looks_like(field, _NAMES) and field not in column):
            return True
    return any(column and all(map(_is_number, column)) for column in columns)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
