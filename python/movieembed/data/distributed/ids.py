"""Ids of users and items that come in blocks: joined, ordered, found and hashed."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed._base.arrays import index_dtype, object_array
from movieembed.data.ids import in_order, unify


def union(*several: NDArray[Any]) -> NDArray[Any]:
    """Return the distinct ids of all arrays, by first appearance."""
    there = [ids for ids in several if len(ids)]
    if len(there) < 2:
        return there[0] if there else several[0]
    kinds = {ids.dtype.kind for ids in there}
    if kinds == {"i", "u"} and all(ids.min() >= 0 for ids in there):
        there, kinds = [ids.astype(np.uint64) for ids in there], {"u"}
    if "O" not in kinds and (len({ids.dtype for ids in there}) == 1 or kinds == {"i", "f"}):
        return unify(np.asarray(pd.unique(np.concatenate(there))))
    return unify(object_array(dict.fromkeys(id_ for ids in there for id_ in ids.tolist())))


def ordered(ids: NDArray[Any]) -> NDArray[Any]:
    """Return ids in their order, or as they are where they have none."""
    found: NDArray[Any] = ids[in_order(ids)]
    return found


def places_in(ids: NDArray[Any], some: NDArray[Any]) -> NDArray[Any]:
    """Return the place in `ids` of each of `some`, which are all there."""
    index = index_dtype(len(ids))
    if ids.dtype.kind != "O":
        return np.searchsorted(ids, some.astype(ids.dtype)).astype(index)
    place = {id_: at for at, id_ in enumerate(ids.tolist())}
    return np.array([place[id_] for id_ in some.tolist()], dtype=index)


def is_sorted_kind(ids: NDArray[Any]) -> bool:
    """Whether `encode` gave ids in an order that holds between blocks: numbers and strings."""
    return ids.dtype.kind in "iuf" or all(isinstance(id_, str) for id_ in ids.tolist())


def hashes(ids: NDArray[Any]) -> NDArray[np.uint64]:
    """Return a hash of each id: the same in every process, and for ids that are equal."""
    if ids.dtype.kind == "O":
        ids = object_array(map(_text_of, ids.tolist()))
    return pd.util.hash_array(ids, categorize=False)


def _text_of(id_: Any) -> str:
    """Return the same text for equal ids: 1, 1.0 and Decimal(1) are equal."""
    if isinstance(id_, str):
        return id_
    if isinstance(id_, numbers.Number):
        return str(hash(id_))  # of numbers alone it does not change with the process
    if isinstance(id_, tuple):
        return f"({','.join(map(_text_of, id_))})"
    if isinstance(id_, frozenset):
        return f"{{{','.join(sorted(map(_text_of, id_)))}}}"
    return str(id_)
