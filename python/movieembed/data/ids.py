"""Ids and titles in one form, whatever held them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from movieembed._base.arrays import object_array
from movieembed.data.column_numbers import are_increasing

ACCEPTED = (
    "a pandas, polars, PyArrow or other narwhals-supported data frame, or an object with the "
    "Arrow C stream interface"
)
ACCEPTED_IDS = f"a sequence of ids or {ACCEPTED}"
# The last is of lazy frames.
_OF_HOLDERS = ("__array__", "__arrow_c_stream__", "__arrow_c_array__", "collect_schema")


def as_ids(values: object, argument: str) -> NDArray[Any]:
    """Return ids as a 1-D array of one form, whatever held them.

    Integers become int64 (uint64 if they need it), and so do floats that are all whole, since
    a missing value elsewhere turns integers into floats; strings become objects.

    Raises
    ------
    ValueError
        If values are not one-dimensional, or an id is missing or repeats.
    TypeError
        If an id is not hashable, or values cannot be read one by one.
    """
    ids = unify(one_dimensional(values, argument))
    import pandas as pd

    absent = np.flatnonzero(np.asarray(pd.isna(ids), dtype=bool))
    if len(absent):
        raise ValueError(f"{argument} has a missing id at position {absent[0]}")
    if are_increasing(ids):
        return ids
    listed = ids.tolist()
    try:
        distinct = len(set(listed))
    except TypeError as error:
        raise TypeError(f"the ids in {argument} must be hashable: {error}") from error
    if distinct != len(listed):
        check_apart(listed, argument)
        repeated = [id_ for id_, count in Counter(listed).items() if count > 1]
        raise ValueError(
            f"{argument} has {len(repeated)} ids that occur more than once, such as "
            + ", ".join(repr(id_) for id_ in repeated[:5])
        )
    return ids


def one_dimensional(values: object, argument: str) -> NDArray[Any]:
    """Return ids or titles, whatever holds them in an order, as an array.

    Raises
    ------
    ValueError
        If they are not one-dimensional, one is masked, or a table has several columns.
    TypeError
        If they are in no order, or cannot be read one by one.
    """
    if isinstance(values, str | bytes | dict | set | frozenset):
        why = "a set has no order" if isinstance(values, set | frozenset) else ACCEPTED_IDS
        raise TypeError(f"{argument} must be {ACCEPTED_IDS}, got {type(values).__name__}: {why}")
    if isinstance(values, list | tuple | range):
        return object_array(values)
    column = _as_column(values, argument)
    if column.ndim != 1:
        raise ValueError(f"{argument} must be one-dimensional, got shape {column.shape}")
    return column


def holds_values(x: Any) -> bool:
    """Whether something is an array, column, table or stream, which may not be gone through."""
    return any(hasattr(x, name) for name in _OF_HOLDERS) and getattr(x, "ndim", 1) != 0


def each_id(values: Any) -> Any:
    """Return a list of the ids that an array, table or set holds; all else as it is."""
    if holds_values(values):
        return one_dimensional(values, "the list of items").tolist()
    if isinstance(values, set | frozenset):
        listed = object_array(values)
        return listed[in_order(listed)].tolist()
    return values


def _as_column(values: Any, argument: str) -> NDArray[Any]:
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            raise ValueError(f"{argument} has a missing id at a masked place")
        return np.asarray(values)
    if isinstance(values, np.ndarray):
        return values
    import pandas as pd

    if isinstance(values, pd.Index | pd.api.extensions.ExtensionArray):
        return np.asarray(values)
    import narwhals.stable.v1 as nw

    wrapped = nw.from_native(values, pass_through=True, allow_series=True)
    if isinstance(wrapped, nw.Series):
        return wrapped.to_numpy()
    if isinstance(values, pd.DataFrame):
        _check_one_column(values.shape[1], argument)
        return values.iloc[:, 0].to_numpy()
    if isinstance(wrapped, nw.LazyFrame):
        values = wrapped.collect().to_native()
    column = of_arrow(values)
    if column is not None:
        if is_table(column):
            _check_one_column(column.type.num_fields, argument)
            (column,) = column.flatten()
        return np.asarray(column.to_numpy())
    if hasattr(values, "__array__"):
        return np.asarray(values)
    if not isinstance(values, Iterable):
        raise TypeError(f"{argument} must be {ACCEPTED_IDS}, got {type(values).__name__}")
    return object_array(values)


def of_arrow(values: Any) -> Any:
    """Return what Arrow's C interfaces give, a table as one array of structs; None without."""
    import pyarrow as pa

    if hasattr(values, "__arrow_c_stream__"):
        return pa.chunked_array(values)
    return pa.chunked_array([pa.array(values)]) if hasattr(values, "__arrow_c_array__") else None


def is_table(column: Any) -> bool:
    """Whether what Arrow gave is a table, not a column."""
    import pyarrow as pa

    return bool(pa.types.is_struct(column.type))


def _check_one_column(n_columns: int, argument: str) -> None:
    if n_columns != 1:
        raise ValueError(
            f"{argument} is a table of {n_columns} columns: pass the column that holds the ids"
        )


def unify(ids: NDArray[Any]) -> NDArray[Any]:
    """Return ids as int64, uint64, float64 or objects: equal ids from any frame look equal.

    No two ids become one, and none another.
    """
    if ids.dtype.kind == "O":
        import pandas as pd

        kind = pd.api.types.infer_dtype(ids, skipna=False)
        if kind == "floating":
            ids = ids.astype(np.longdouble)
        elif kind == "integer" and -(2**63) <= min(ids) <= max(ids) < 2**63:
            ids = ids.astype(np.int64)
        elif kind == "integer" and 0 <= min(ids) <= max(ids) < 2**64:
            ids = ids.astype(np.uint64)
        else:
            return ids.copy()
    if ids.dtype.kind == "f":
        if ids.dtype.itemsize > 8 and (ids.astype(np.float64) != ids).any():
            return ids.astype(object)
        whole = np.isfinite(ids) & (np.abs(ids) < 2**53) & (ids == np.trunc(ids))
        return ids.astype(np.int64 if whole.all() and len(ids) else np.float64)
    if ids.dtype.kind in "iu":
        fits = ids.dtype != np.uint64 or not len(ids) or ids.max() <= np.iinfo(np.int64).max
        return ids.astype(np.int64 if fits else np.uint64)
    if ids.dtype.kind in "US":
        return ids.astype(object)
    return ids.copy()


def check_apart(ids: Iterable[Any], argument: str) -> None:
    """Raise TypeError if ids are equal but of different types, as 1, 1.0 and True are."""
    ids = list(ids)
    if len({type(id_) for id_ in ids}) < 2:
        return
    first: dict[Hashable, tuple[type, Any]] = {}
    for id_ in ids:
        kind, value = typed(id_)
        known = first.setdefault(value, (kind, value))
        if known[0] is not kind:
            raise TypeError(
                f"{argument} has ids that are equal but of different types, such as "
                f"{known[1]!r} and {value!r}: give them one type"
            )


def typed(id_: Hashable) -> tuple[type, Any]:
    """Return a key that keeps 1, 1.0 and True apart, and NumPy's scalars with Python's."""
    if isinstance(id_, np.generic):
        id_ = id_.item()
    if isinstance(id_, str):
        # str() of an Enum member would be its name.
        return str, str.__str__(id_)
    for kind in (bool, int, float):
        if isinstance(id_, kind):
            return kind, kind(id_)
    hash(id_)
    return type(id_), id_


def in_order(ids: NDArray[Any]) -> NDArray[np.intp]:
    """Return the permutation that sorts distinct ids, or that leaves them if they have no order."""
    if ids.dtype.kind != "O":
        return np.argsort(ids, kind="stable")
    listed = ids.tolist()
    # Sets compare by inclusion: sorting them raises nothing and means nothing.
    if not any(isinstance(id_, set | frozenset) for id_ in listed):
        try:
            return np.array(sorted(range(len(listed)), key=listed.__getitem__), dtype=np.intp)
        except TypeError:
            pass
    return np.arange(len(listed), dtype=np.intp)


def as_titles(values: object) -> NDArray[np.object_]:
    """Return titles as an object array of str, "" for a missing one."""
    import pandas as pd

    given = one_dimensional(values, "titles")
    return object_array(
        "" if absent else str(text) for text, absent in zip(given, pd.isna(given), strict=True)
    )
