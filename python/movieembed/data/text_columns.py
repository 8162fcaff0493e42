"""Columns of text, and what they hold: ids, which are text until proven integers, or numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# What stands for a missing number; an id or a title may be any of these words.
_NO_NUMBER = ("NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None")
# Zeros in front, or more digits than float64 has: nothing that is measured is written so.
_NO_MEASURE = r"^[+-]?(?:0[0-9]|[0-9]{16})"


def as_proven_ids(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return int64 if every text is an integer as Python writes it, else the texts.

    "7" is one; "007", "7.0", "+7" and what 64 bits do not hold are text, and stay apart.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        numbers = pc.cast(texts, pa.int64())
    except pa.ArrowInvalid:
        return texts
    written = pc.equal(pc.cast(numbers, texts.type), texts)
    return numbers if pc.all(written).as_py() in (True, None) else texts


def of_text(column: pa.ChunkedArray, are_ids: bool) -> pa.ChunkedArray:
    """Return a column of text as what it holds, ids or values; any other column as it is."""
    import pyarrow as pa

    if column.type != pa.string():
        return column
    return as_proven_ids(column) if are_ids else as_values(column)


def as_values(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return integers as of ids, else floats or booleans if every text is one, else the texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = as_proven_ids(texts)
    if numbers.type != texts.type:
        return numbers
    there = pc.utf8_trim_whitespace(texts)
    absent = pc.is_in(there, value_set=pa.array(_NO_NUMBER))
    there = pc.if_else(absent, pa.scalar(None, texts.type), there)
    try:
        floats = pc.cast(there, pa.float64())
    except pa.ArrowInvalid:
        return _as_booleans(texts)
    if floats.null_count == len(floats) or _any(pc.match_substring_regex(there, _NO_MEASURE)):
        return texts
    return floats


def _as_booleans(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    either = pc.is_in(pc.ascii_lower(texts), value_set=pa.array(["true", "false"]))
    return pc.cast(texts, pa.bool_()) if pc.all(either).as_py() else texts


def as_numbers(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return finite numbers; ValueError if a text is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    floats = pc.cast(pc.utf8_trim_whitespace(texts), pa.float64())
    if floats.null_count or pc.all(pc.is_finite(floats)).as_py() not in (True, None):
        raise ValueError("has values that are not finite numbers")
    return floats


def as_seconds(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return seconds since 1970 of such numbers, or of times as in "2005-04-02 23:53:47" in UTC.

    ValueError if a text is neither.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if texts.null_count:
        raise ValueError("has missing values")
    seconds = as_proven_ids(texts)
    if seconds.type != texts.type:
        return seconds
    try:
        micros = pc.cast(texts, pa.timestamp("us")).cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:  # with a zone
        times = pd.to_datetime(texts.to_pandas(), format="ISO8601", utc=True)
        micros = times.astype("datetime64[us, UTC]").astype("int64").to_numpy()
    return pa.chunked_array([micros // 1_000_000])


def unquoted(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts without the quotation marks around them, if there are some around every one."""
    import pyarrow.compute as pc

    quoted = pc.match_substring_regex(texts, '^(?s:"(?:[^"]|"")*")$')
    if texts.null_count == len(texts) or not pc.all(quoted).as_py():
        return texts
    inside = pc.utf8_slice_codeunits(texts, 1, -1)
    return pc.replace_substring(inside, '""', '"')


def to_pandas(column: pa.ChunkedArray) -> pd.Series[Any]:
    """Return a column of a frame; integers stay integers beside missing ones."""
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype()} if column.null_count else {}
    series: pd.Series[Any] = column.to_pandas(types_mapper=nullable.get)
    return series


def to_numpy(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return numbers, or an array of str objects."""
    found: NDArray[Any] = column.to_numpy()
    return found


def of_one_kind(ids: NDArray[Any], others: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return ids of two files: as text where integers were proven in one of them only."""
    if _is_integer(ids) and is_text(others):
        return as_text(ids), others
    if is_text(ids) and _is_integer(others):
        return ids, as_text(others)
    return ids, others


def as_text(ids: NDArray[Any]) -> NDArray[np.object_]:
    """Return integers as they were written."""
    return ids.astype(np.str_).astype(object)


def _is_integer(ids: NDArray[Any]) -> bool:
    return ids.dtype.kind in "iu"


def is_text(ids: NDArray[Any]) -> bool:
    """Whether all ids are strings."""
    return ids.dtype.kind == "O" and all(isinstance(id_, str) for id_ in ids.tolist())


def _any(mask: pa.ChunkedArray) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(mask).as_py())
