"""Whom to recommend to, and the items that are named in a question or an answer."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.tables import table_of
from movieembed.data.canonical_csr import canonical_csr
from movieembed.data.items import ById, ItemIndex
from movieembed.data.likes import Likes


@dataclass
class Taste:
    """Whom to recommend to.

    Attributes
    ----------
    rows : csr_array, shape (n_users, n_items)
        Weights of the items given; canonical.
    single : bool
        Whether it was a list of items, not a matrix.
    """

    rows: sp.csr_array
    single: bool


def as_taste(
    index: ItemIndex, items: Any, weights: Iterable[float] | None = None, dislikes: Any = None
) -> Taste:
    """What `recommend` was given: a list of ids or titles, or one row a user.

    Raises
    ------
    ValueError
        When a list is empty, an item is liked and disliked, weights are not finite or do not fit,
        or a matrix has another number of columns than there are items.
    """
    n_items = len(index)
    if isinstance(items, Likes):
        items = _by_id(index, items)
    if sp.issparse(items) or (isinstance(items, np.ndarray) and items.ndim == 2):
        if weights is not None or dislikes is not None:
            raise ValueError(
                "weights and dislikes go with a list of items; a matrix holds weights itself, "
                "negative ones for dislikes"
            )
        if items.shape[1] != n_items:
            hint = "; it looks transposed: pass matrix.T" if items.shape[0] == n_items else ""
            raise ValueError(
                f"the matrix, users x items, has {items.shape[1]} columns for {n_items} items{hint}"
            )
        return Taste(canonical_csr(items), single=False)
    liked = index.resolve_many(items)
    values = np.ones(len(liked))
    if weights is not None:
        values = np.asarray(list(weights), dtype=np.float64)
        if values.shape != liked.shape:
            raise ValueError(f"there are {len(values)} weights for {len(liked)} items")
        if not np.isfinite(values).all():
            raise ValueError("weights hold NaN or infinity")
    total: dict[int, float] = {}
    for column, value in zip(liked.tolist(), values.tolist(), strict=True):
        # A repeat counts once, unless it brings a weight of its own.
        total[column] = value + (total.get(column, 0.0) if weights is not None else 0.0)
    for column in index.resolve_many([] if dislikes is None else dislikes).tolist():
        if column in total:
            raise ValueError(f"{index.ids[column]!r} is among the items and among the dislikes")
        total[column] = -1.0
    if not total:
        raise ValueError("items is empty: name at least one item to recommend from")
    columns = np.array(sorted(total))
    data = np.array([total[c] for c in columns.tolist()])
    return Taste(
        sp.csr_array((data, columns, np.array([0, len(columns)])), shape=(1, n_items)), single=True
    )


def _by_id(index: ItemIndex, likes: Likes) -> sp.csr_array:
    """The matrix of some likes with this model's columns."""
    if likes.items is index.ids or np.array_equal(likes.items, index.ids):
        return likes.matrix
    place = index.resolve_many(map(ById, likes.items.tolist()))
    matrix = likes.matrix
    return sp.csr_array(
        (matrix.data, place[matrix.indices], matrix.indptr), shape=(matrix.shape[0], len(index))
    )


def as_table(index: ItemIndex, rows: NDArray[np.int64], scores: NDArray[Any]) -> pd.DataFrame:
    """Columns item, title (where known) and score."""
    columns: dict[str, Any] = {"item": index.ids[rows]}
    if index.titles is not None:
        columns["title"] = index.titles[rows]
    columns["score"] = scores
    return table_of(columns)


def is_single(index: ItemIndex, items: Hashable | Iterable[Hashable]) -> bool:
    """Whether one item was asked for, not a list."""
    return (
        isinstance(items, (str, bytes))
        or not isinstance(items, Iterable)
        or (isinstance(items, tuple) and index.is_id(items))
    )


def why_unembedded(index: ItemIndex, counts: NDArray[np.int64], row: int) -> str:
    """A sentence for an item whose embedding is zero."""
    name = repr(index.ids.tolist()[row]) if index.titles is None else repr(index.titles[row])
    if counts[row] == 0:
        return f"{name} has no embedding: nobody liked it"
    return f"{name} has no embedding: none of the users who liked it liked anything else"
