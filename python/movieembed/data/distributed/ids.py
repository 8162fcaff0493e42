"""Ids of users and items that come in blocks: joined, ordered, found and hashed."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed._base.arrays import index_dtype, object_array
from movieembed.data.ids import check_apart, in_order, unify
from movieembed.data.text_columns import as_text, is_text

# Integers up to there are floats too.
EXACT = 2**53


# Ids that are text, where some blocks hold only what could be taken for integers.
TEXT = np.dtype(np.str_)


def union(*several: NDArray[Any]) -> NDArray[Any]:
    """Return the distinct ids of all arrays, by first appearance.

    Raises TypeError where ids are equal but of different types, as 1 and True.
    """
    there = [ids for ids in several if len(ids)]
    if len(there) < 2:
        return there[0] if there else several[0]
    common = common_kind([Kind.of(ids) for ids in there])
    there = [as_kind(ids, common) for ids in there]
    if common.kind in "OU":
        listed = [id_ for ids in there for id_ in ids.tolist()]
        check_apart(listed, "ratings")
        return unify(object_array(dict.fromkeys(listed)))
    return unify(np.asarray(pd.unique(np.concatenate(there))))


@dataclass(frozen=True)
class Kind:
    """What the ids of a block are.

    Attributes
    ----------
    dtype : numpy.dtype
    low, high : Any
        The first and the last in their order; None where they have none.
    text : bool
        Whether all are strings.
    """

    dtype: np.dtype[Any]
    low: Any
    high: Any
    text: bool

    @classmethod
    def of(cls, ids: NDArray[Any]) -> Kind:
        """The kind of some ids, in no order."""
        text = is_text(ids)
        low, high = (ids.min(), ids.max()) if ids.dtype.kind in "iuf" else (None, None)
        return cls(ids.dtype, low, high, text)


def common_kind(kinds: Sequence[Kind]) -> np.dtype[Any]:
    """Return one dtype for the ids of several blocks, so that equal ids look and hash alike."""
    dtypes = {kind.dtype for kind in kinds}
    letters = {dtype.kind for dtype in dtypes}
    if not dtypes:
        return np.dtype(np.int64)
    if len(dtypes) == 1:
        return dtypes.pop()
    if letters == {"i", "u"} and all(kind.low >= 0 for kind in kinds):
        return np.dtype(np.uint64)  # a column of uint64 whose ids fit int64 in some blocks
    if letters == {"i", "f"} and all(k.low >= -EXACT and k.high <= EXACT for k in kinds):
        return np.dtype(np.float64)
    # The integers of a file are proven in it alone; another shows that ids are text.
    text = any(kind.text for kind in kinds)
    if text and all(kind.text or kind.dtype.kind in "iu" for kind in kinds):
        return TEXT
    return np.dtype(object)


def as_kind(ids: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return ids as what `common_kind` says."""
    if dtype != TEXT:
        return ids.astype(dtype)
    return ids if ids.dtype.kind == "O" else as_text(ids)


def ordered(ids: NDArray[Any]) -> NDArray[Any]:
    """Return ids in their order, or as they are where they have none."""
    found: NDArray[Any] = ids[in_order(ids)]
    return found


def places_in(ids: NDArray[Any], some: NDArray[Any]) -> NDArray[Any]:
    """Return the place in `ids` of each of `some`, which are all there."""
    index = index_dtype(len(ids))
    if is_text(ids):
        some = as_kind(some, TEXT)
    if ids.dtype.kind != "O":
        return np.searchsorted(ids, some.astype(ids.dtype)).astype(index)
    place = {id_: at for at, id_ in enumerate(ids.tolist())}
    try:
        return np.array([place[id_] for id_ in some.tolist()], dtype=index)
    except KeyError as error:
        what = "the ids are of several types, text, integers and others: give them one type"
        raise TypeError(what) from error


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
