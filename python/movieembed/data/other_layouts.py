"""Ratings that are not a row each: lists of items, blocks of an item's ratings, lines of JSON.

All are read a block of whole lines at a time, one a core, so that what is not kept takes no memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from movieembed._base.message import Message
from movieembed.data.number_file import blocks_of_lines, in_parallel
from movieembed.data.text_columns import as_proven_ids
from movieembed.data.text_fields import Source, lines
from movieembed.exceptions import ParameterError

if TYPE_CHECKING:
    import pyarrow as pa

Layout = Literal["rows", "lists", "blocks", "json"]
LAYOUTS: tuple[Layout, ...] = ("rows", "lists", "blocks", "json")
Columns = dict[str, "pa.ChunkedArray"]
# Whether to keep a column, by its label and what it holds in the first rows.
Keep = Callable[[Any, Sequence[Any]], bool]

_MOST_COLUMNS = 12
_SEPARATORS = ("::", "\t", ",", ";", "|")
# A separator within a field.
_SECOND = re.compile(r"::|[,;|]|\s")
_ITEM_LINE = re.compile(r"[0-9]+:\s*")
_END_OF_ITEM = re.compile(rb":[ \t]*\n")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def layout_of(sample: Sequence[str], separator: str | None) -> Layout:
    """Return the layout of a file by its first lines that are not blank."""
    if re.match(r"\s*(\{|\[\s*(\{|$))", sample[0]):
        return "json"
    if _ITEM_LINE.fullmatch(sample[0]):
        return "blocks"
    rows = [row.split(" ") for row in map(str.strip, sample)]
    # A table has as many fields in each row, not so many, and a header of words or none.
    widths = {len(row) for row in rows}
    ragged = separator in (None, " ") and (len(widths) > 1 or max(widths) > _MOST_COLUMNS)
    return "lists" if ragged and all(f.isdecimal() for row in rows for f in row) else "rows"


def separator_of_lists(sample: Sequence[str], name: str) -> str:
    """Return what stands between the items of lists; a blank for blanks and tabs alike.

    Raises
    ------
    ParameterError
        If a second separator is in the fields, unless they can only be titles.
    """
    counts = {one: sum(one in row for row in sample) for one in _SEPARATORS}
    best = max(counts, key=counts.__getitem__)
    blanks = any(" " in row.strip() for row in sample)
    if not counts[best] or (blanks and 2 * counts[best] <= len(sample)):
        best = " "
    by = None if best == " " else best
    lists = [[field.strip() for field in row.split(by) if field.strip()] for row in sample]
    mixed = [field for fields in lists for field in fields if _SECOND.search(field)]
    numbers = all(_SECOND.sub("", field).isdecimal() for field in mixed)
    if not mixed or (best == " " and not numbers):
        return best
    users = [user for fields in lists[1:] or lists for user in fields[:1]]  # below a header
    if not any(map(_SECOND.search, users)):
        if not numbers and max(map(len, lists)) > 2:
            return best
        if best == "\t" and not any(_SECOND.search(field.replace(" ", "")) for field in mixed):
            return " "
    row = next(row for row, fields in zip(sample, lists, strict=True) if mixed[0] in fields)
    second = _SECOND.findall(mixed[0])[0]
    what = "{name}: cannot tell whether {best!r} or {second!r} stands between the fields of "
    what += "{row!r}; pass {separator}"
    facts = {"name": name, "best": best, "second": second, "row": row[:80]}
    raise ParameterError(Message(what, **facts), "separator")


def read_lists(source: Source, separator: str, header: str | None) -> Columns:
    """Read rows of a user and all their items, as LightGCN's files are, into a row a pair.

    `header` is a first row that is to be left out. An item that is empty is none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    def parse(block: bytes) -> dict[str, Any]:
        rows = pa.array((row for row in _text(block).splitlines() if row.strip()), pa.string())
        if separator == " ":
            fields = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(rows))
        else:
            fields = pc.split_pattern(rows, separator)
        items = pc.list_slice(fields, 1)
        users = pc.take(pc.list_element(fields, 0), pc.list_parent_indices(items))
        users, items = map(pc.utf8_trim_whitespace, (users, pc.list_flatten(items)))
        there = pc.not_equal(items, "")
        users = pc.filter(pc.if_else(pc.equal(users, ""), None, users), there)
        both = as_proven_ids(users), as_proven_ids(pc.filter(items, there))
        return dict(zip(("user", "item"), both, strict=True))

    named = 0 if header is None else len(parse(header.encode())["item"])
    joined = _joined(source, ["user", "item"], parse)
    return {name: column.slice(named) for name, column in joined.items()}


def read_blocks(source: Source, sample: Sequence[str]) -> Columns:
    """Read blocks of the Netflix Prize: a line "1:" for a film, then user, rating and date."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    first = next((row for row in sample if not _ITEM_LINE.fullmatch(row)), "")
    fields = first.split(",")
    names = ["user", "rating", "date"][: len(fields)]
    if len(fields) == 2 and _DATE.fullmatch(fields[1]):
        names = ["user", "date"]
    dated = all(map(_DATE.fullmatch, fields[names.index("date") :])) if "date" in names else False
    kinds = {"user": pa.string(), "rating": pa.float64(), "date": pa.string()}
    if dated:
        kinds["date"] = pa.timestamp("s")
    read = csv.ReadOptions(column_names=names, use_threads=False)
    convert = csv.ConvertOptions(column_types={name: kinds[name] for name in names})
    end = b":" + b"," * (len(names) - 1) + b"\n"

    def parse(block: bytes) -> dict[str, Any]:
        rows = block if block.endswith(b"\n") else block + b"\n"
        rows = _END_OF_ITEM.sub(end, rows.replace(b"\r\n", b"\n"))
        table = csv.read_csv(pa.BufferReader(rows), read, convert_options=convert)
        return {name: table[name].combine_chunks() for name in names}

    item = pa.scalar(None, pa.string())
    parts: dict[str, list[Any]] = {name: [] for name in ("user", "item", *names[1:])}
    try:
        with source.open() as file:
            for _, block in in_parallel(parse, blocks_of_lines(file)):
                is_item = pc.ends_with(block["user"], ":")
                items = pc.filter(block["user"], is_item)
                items = pa.concat_arrays([pa.array([item.as_py()], pa.string()), items])
                at = pc.cumulative_sum(pc.cast(is_item, pa.int32()))
                rows = pc.invert(is_item)
                item = items[-1]
                block["item"] = pc.utf8_rtrim(pc.take(items, pc.filter(at, rows)), ":")
                for name, values in parts.items():
                    values.append(block[name] if name == "item" else pc.filter(block[name], rows))
                for name in ("user", "item"):
                    parts[name][-1] = as_proven_ids(parts[name][-1])
    except pa.ArrowInvalid as error:
        raise ValueError(f"{source.name}: {error}") from error
    return {name: _chunked(values) for name, values in parts.items()}


def read_json(source: Source, sample: Sequence[str], keep: Keep) -> Columns:
    """Read lines of JSON, an object each; fields that hold lists or objects are left out."""
    import pyarrow as pa
    from pyarrow import json as arrow_json

    first = [found for row in sample if isinstance(found := _loaded(row), dict)]
    values: dict[str, list[Any]] = {}
    for found in first:
        for name, value in found.items():
            values.setdefault(name, []).append(value)
    kinds = {n: _kind(v) for n, v in values.items() if keep(n, v) and not _is_nested(v)}
    if not first and sample[0].lstrip().startswith("["):
        what = "is one array of JSON, where an object a line is read: make it so with jq -c '.[]'"
        raise ValueError(f"{source.name} {what}")
    if not first:
        raise ValueError(f"{source.name}, line {_first_bad_line(source)}: this is no JSON object")
    if not kinds:
        return {}
    schema = pa.schema(list(kinds.items()))
    options = arrow_json.ParseOptions(schema, unexpected_field_behavior="ignore")

    def parse(block: bytes) -> dict[str, Any]:
        try:
            size = arrow_json.ReadOptions(use_threads=False, block_size=len(block) + 1)
            table = arrow_json.read_json(pa.BufferReader(block), size, options)
            table.validate(full=True)  # that text is UTF-8
            return {name: table[name].combine_chunks() for name in kinds}
        except pa.ArrowInvalid:  # of several kinds in one column, of Latin-1, or no JSON
            rows = [json.loads(row) for row in _text(block).split("\n") if row.strip()]
            return {name: _of_any([row.get(name) for row in rows]) for name in kinds}

    try:
        return _joined(source, list(kinds), parse)
    except (json.JSONDecodeError, AttributeError) as error:
        where = f"{source.name}, line {_first_bad_line(source)}"
        raise ValueError(f"{where}: this is no JSON object") from error


def _joined(
    source: Source, names: Sequence[str], parse: Callable[[bytes], dict[str, Any]]
) -> Columns:
    parts: dict[str, list[Any]] = {name: [] for name in names}
    with source.open() as file:
        for _, block in in_parallel(parse, blocks_of_lines(file)):
            for name, values in parts.items():
                values.append(block[name])
    return {name: _chunked(values) for name, values in parts.items()}


def _chunked(parts: Sequence[Any]) -> pa.ChunkedArray:
    """Return the parts of a column as one: as text where they are of several kinds."""
    import pyarrow as pa

    kinds = {part.type for part in parts} - {pa.null()}
    if len(kinds) > 1:
        number = all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds)
        kinds = {pa.float64() if number else pa.string()}
    kind = kinds.pop() if kinds else pa.string()
    return pa.chunked_array([part.cast(kind) for part in parts], kind)


def _of_any(values: Iterable[Any]) -> pa.Array:
    """Return values of JSON as one array, as text where they are of several kinds."""
    import pyarrow as pa

    values = [
        value if not isinstance(value, dict | list) else json.dumps(value) for value in values
    ]
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([v if v is None or isinstance(v, str) else json.dumps(v) for v in values])


def _kind(values: Sequence[Any]) -> Any:
    import pyarrow as pa

    there = {type(value) for value in values if value is not None}
    if there == {bool}:
        return pa.bool_()
    if there == {int}:
        return pa.int64()
    return pa.float64() if there and there <= {int, float} else pa.string()


def _is_nested(values: Iterable[Any]) -> bool:
    return any(isinstance(value, dict | list) for value in values)


def _loaded(row: str) -> Any:
    try:
        return json.loads(row)
    except json.JSONDecodeError:
        return None


def _first_bad_line(source: Source) -> int:
    """Return the number of the first line that is no object; Python speed."""
    bad = (number for number, row in lines(source) if not isinstance(_loaded(row), dict))
    return next(bad, 1)


def _text(block: bytes) -> str:
    try:
        return block.decode("utf-8-sig")
    except UnicodeDecodeError:
        return block.decode("latin-1")
