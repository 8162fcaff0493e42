"""Ids and titles in one form, whatever held them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed._base.arrays import object_array
from movieembed.data.column_numbers import increase

ACCEPTED = (
    "a pandas, polars, PyArrow or other narwhals-supported data frame, or an object with the "
    "Arrow C stream interface"
)


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
    ids = unify(_one_dimensional(values, argument))
    absent = np.flatnonzero(np.asarray(pd.isna(ids), dtype=bool))
    if len(absent):
        raise ValueError(f"{argument} has a missing id at position {absent[0]}")
    if increase(ids):
        return ids
    listed = ids.tolist()
    try:
        distinct = len(set(listed))
    except TypeError as error:
        raise TypeError(f"the ids in {argument} must be hashable: {error}") from error
    if distinct != len(listed):
        repeated = [id_ for id_, count in Counter(listed).items() if count > 1]
        raise ValueError(
            f"{argument} has {len(repeated)} ids that occur more than once, such as "
            + ", ".join(repr(id_) for id_ in repeated[:5])
        )
    return ids


def _one_dimensional(values: object, argument: str) -> NDArray[Any]:
    if isinstance(values, pd.Index):
        return values.to_numpy()
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise ValueError(f"{argument} must be one-dimensional, got shape {values.shape}")
        return values
    import narwhals.stable.v1 as nw

    wrapped = nw.from_native(cast(Any, values), pass_through=True, allow_series=True)
    if isinstance(wrapped, nw.Series):
        return wrapped.to_numpy()
    if isinstance(values, str | bytes | dict | set | frozenset) or not isinstance(values, Iterable):
        raise TypeError(
            f"{argument} must be a sequence of ids or {ACCEPTED}, got {type(values).__name__}"
        )
    return object_array(values)


def unify(ids: NDArray[Any]) -> NDArray[Any]:
    """Return ids as int64, uint64, float64 or objects: equal ids from any frame look equal."""
    if ids.dtype.kind == "O":
        kind = pd.api.types.infer_dtype(ids, skipna=False)
        if kind not in {"integer", "floating"}:
            return ids.copy()
        try:
            ids = ids.astype(np.int64 if kind == "integer" else np.float64)
        except OverflowError:
            return ids.copy()
    if ids.dtype.kind == "f":
        whole = np.isfinite(ids) & (np.abs(ids) < 2**53) & (ids == np.trunc(ids))
        return ids.astype(np.int64 if whole.all() and len(ids) else np.float64)
    if ids.dtype.kind in "iu":
        fits = ids.dtype != np.uint64 or not len(ids) or ids.max() <= np.iinfo(np.int64).max
        return ids.astype(np.int64 if fits else np.uint64)
    if ids.dtype.kind in "US":
        return ids.astype(object)
    return ids.copy()


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
    given = _one_dimensional(values, "titles")
    return object_array(
        "" if absent else str(text) for text, absent in zip(given, pd.isna(given), strict=True)
    )
