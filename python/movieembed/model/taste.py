"""Whom to recommend to, and the items that are named in a question or an answer."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import object_array
from movieembed._base.gpu_arrays import on_host
from movieembed._base.tables import table_of
from movieembed.data import frames
from movieembed.data.column_names import (
    ITEM_ALIASES,
    RATING_ALIASES,
    TITLE_ALIASES,
    looks_like,
)
from movieembed.data.ids import holds_values, one_dimensional, unify
from movieembed.data.items import ItemIndex
from movieembed.data.likes import Likes
from movieembed.data.users_by_items import (
    GivenMatrix,
    check_columns,
    places_of_columns,
    read_matrix,
    with_columns,
)
from movieembed.model.fitted_items import FittedItems

ITEM_COLUMNS = {"id", *ITEM_ALIASES, *TITLE_ALIASES}
# What is a list of items, and nothing that would have to be looked into.
PLAIN = (str, bytes, tuple, set, frozenset, range, Number, Iterator)


@dataclass
class Taste:
    """Whom to recommend to.

    Attributes
    ----------
    rows : csr_array, shape (n_users, n_items)
        Weights of the items given; canonical.
    single : bool
        Whether it was one person, not a matrix of them.
    seen : csr_array of bool, shape (n_users, n_items), or None
        Items rated and not liked, where they are known; canonical.
    users : ndarray, shape (n_users,), or None
        Ids of the people, where they have some.
    never : csr_array of bool, shape (n_users, n_items), or None
        What else is not to be recommended to each; canonical.
    """

    rows: sp.csr_array
    single: bool
    seen: sp.csr_array | None = None
    users: NDArray[Any] | None = None
    never: sp.csr_array | None = None

    def excluded(self, exclude_seen: bool) -> sp.csr_array:
        """What is not to be looked for, in canonical form: items given, and perhaps those seen."""
        others = [self.seen if exclude_seen else None, self.never]
        if all(other is None for other in others):
            return self.rows
        given = np.ones(self.rows.nnz, dtype=np.bool_)  # also where weights add up to 0
        parts = (given, self.rows.indices, self.rows.indptr)
        found = sp.csr_array(parts, shape=self.rows.shape)
        return sum((other for other in others if other is not None), start=found)

    def ranked(self, candidates: NDArray[np.bool_]) -> sp.csr_array:
        """The items given, but dislikes, that may be recommended all the same; canonical."""
        kept = candidates[self.rows.indices] & (self.rows.data > 0)
        ends = np.concatenate([[0], np.cumsum(kept)])[self.rows.indptr]
        parts = (kept[kept], self.rows.indices[kept], ends)
        found = sp.csr_array(parts, shape=self.rows.shape)
        if self.never is not None:
            found = sp.csr_array(found > found.multiply(self.never))
            found.sort_indices()
        return found


def as_taste(
    fitted: FittedItems, items: Any, weights: Iterable[float] | None = None, dislikes: Any = None
) -> Taste:
    """What `recommend` was given: a list of ids or titles, ratings, or one row a user.

    Raises
    ------
    ValueError
        When a list is empty, an item is liked and disliked, weights are not finite or do not fit,
        no rating is a like, or a matrix has another number of columns than there are items.
    """
    if isinstance(items, Taste):
        return items
    index = fitted.index
    given = _read(index, items, listed=weights is not None)
    if isinstance(given, Likes | GivenMatrix):
        if weights is not None or dislikes is not None:
            raise ValueError(
                "weights and dislikes go with a list of items; a matrix holds weights itself, "
                "negative ones for dislikes"
            )
        return _of_likes(index, given) if isinstance(given, Likes) else _of_matrix(index, given)
    seen = None
    if isinstance(given, Mapping):
        if weights is not None:
            raise ValueError("weights go with a list of items; a dict or Series holds ratings")
        liked, others = _liked_and_seen(index, given, fitted.threshold)
        seen = _one_row(np.ones(len(others), dtype=np.bool_), np.sort(others), len(index))
    else:
        liked = index.resolve_many(given)
    total = _weights(index, liked, weights, dislikes)
    columns = np.array(sorted(total))
    data = np.array([total[c] for c in columns.tolist()])
    return Taste(_one_row(data, columns, len(index)), True, seen)


def _one_row(data: NDArray[Any], columns: NDArray[np.int64], n_items: int) -> sp.csr_array:
    return sp.csr_array((data, columns, np.array([0, len(columns)])), shape=(1, n_items))


def _weights(
    index: ItemIndex, liked: NDArray[np.int64], weights: Iterable[float] | None, dislikes: Any
) -> dict[int, float]:
    """The weight of each column that one person names."""
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
    return total


def _read(index: ItemIndex, items: Any, *, listed: bool) -> Any:
    """Likes or a `GivenMatrix` of people, or a person's ratings as a mapping or list of items."""
    items = on_host(items)
    if isinstance(items, pd.Series):
        items = _of_series(index, items)
    if sp.issparse(items):
        return read_matrix(items)
    if isinstance(items, Likes | Mapping) or (isinstance(items, PLAIN) and not holds_values(items)):
        return items
    if isinstance(items, list):
        nested = bool(items) and all(isinstance(row, list | np.ndarray) for row in items)
    else:
        nested = not isinstance(items, pd.DataFrame) and getattr(items, "ndim", 1) == 2
        table = None if isinstance(items, np.ndarray) else frames.as_table(items, "the matrix")
        if table is not None:
            if len(table.columns) != 1 or not looks_like(table.columns[0], ITEM_COLUMNS):
                return read_matrix(table)
            items, nested = table.column(table.columns[0], "items"), False
    if nested:
        return read_matrix(items)
    if not listed and is_row(items, len(index)):
        row = np.ma.filled(items, 0) if isinstance(items, np.ma.MaskedArray) else items
        return GivenMatrix(np.asarray(row)[None], one=True)
    plain = isinstance(items, list) or not isinstance(items, Iterable)
    return items if plain else one_dimensional(items, "items")


def is_row(items: Any, n_items: int) -> bool:
    """Whether numbers are a person's dense row of likes, not ids.

    An array with a number for each of three items or more, some of them repeated, is one; and so
    is a list of as many zeros and ones. As ids they would mean nothing.
    """
    if n_items < 3 or not hasattr(items, "__len__") or len(items) != n_items:
        return False
    if isinstance(items, list):
        return all(isinstance(x, int | float | np.number | np.bool_) and x in (0, 1) for x in items)
    array = np.asarray(items)
    return array.dtype.kind in "biuf" and len(np.unique(array)) < n_items


def _of_series(index: ItemIndex, items: pd.Series) -> Any:
    """Ratings by item as a dict; the values of a Series that is a list of items."""
    labels, name = items.index, items.name
    is_rating = looks_like(name, RATING_ALIASES)
    start = labels.start if isinstance(labels, pd.RangeIndex) and labels.step == 1 else None
    if start == 0 and labels.name is None and not is_rating:
        return items.to_numpy()
    if not pd.api.types.is_numeric_dtype(items.dtype) or looks_like(name, ITEM_COLUMNS):
        return items.to_numpy()
    # A piece of a list has the numbers of its rows, as has a column of some rows of a table.
    ids = set(index.ids.tolist())
    numbered = labels.name is None and pd.api.types.is_integer_dtype(labels.dtype)
    piece = start is not None and items.is_unique and set(items.tolist()) <= ids
    if numbered and not is_rating and (piece or isinstance(name, str)) and set(labels) != ids:
        raise ValueError(
            "the Series may hold ratings by item or be a list of items: pass "
            "series.to_dict() or series.tolist()"
        )
    if not labels.is_unique:
        raise ValueError("the Series rates some items more than once")
    return dict(zip(labels.tolist(), items.tolist(), strict=True))


def _liked_and_seen(
    index: ItemIndex, ratings: Mapping[Any, Any], threshold: float | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The items that one person's ratings make likes, and the others that they have rated."""
    given = [np.nan if x is None or x is pd.NA else x for x in ratings.values()]
    if not all(isinstance(x, Number | np.bool_) for x in given):
        raise TypeError("a dict or Series must hold numbers: one person's ratings by item")
    values = np.array(given, dtype=np.float64)
    if np.isinf(values).any():
        raise ValueError("the ratings hold infinity")
    columns = index.resolve_many(list(ratings))
    if len(np.unique(columns)) < len(columns):
        raise ValueError("the ratings name an item twice, by id and by title")
    # Of a row of a users x items table zeros come along, and say that there is no rating.
    rated = ~np.isnan(values) & ((values != 0) | (len(values) < len(index)))
    values, columns = values[rated], columns[rated]
    if threshold is None:
        if not np.isin(values, (0, 1)).all():
            raise ValueError(
                "this model's likes came without a threshold, so it cannot tell from which rating "
                "on an item is liked: pass the list of liked items, with weights= if they matter"
            )
        threshold = 1.0
    liked = values >= threshold
    if len(values) and not liked.any():
        raise ValueError(
            f"the highest of the ratings is {values.max():g}, below {threshold:g}, from which on "
            "an item is liked: pass the list of liked items instead"
        )
    return columns[liked], columns[~liked]


def _of_likes(index: ItemIndex, likes: Likes) -> Taste:
    """Rows of likes, their columns found by id."""
    rows, seen = likes.matrix, likes.seen
    if not np.array_equal(likes.items, index.ids):
        places = places_of_columns(index, likes.items.tolist(), by_id=True)
        rows = with_columns(rows, places, len(index))
        seen = None if seen is None else with_columns(seen, places, len(index))
    return Taste(rows, single=False, seen=seen, users=likes.users)


def _of_matrix(index: ItemIndex, given: GivenMatrix) -> Taste:
    """Rows of a matrix, its columns found by name where it has names."""
    if given.items is None:
        check_columns(given, len(index))
    rows = of_columns(index, given)
    if given.one and not rows.nnz:
        raise ValueError("items is empty: the row has no likes to recommend from")
    users = None if given.users is None else unify(object_array(given.users))
    return Taste(rows, single=given.one, users=users)


def of_columns(
    index: ItemIndex, given: GivenMatrix, *, rows_are_users: bool = False
) -> sp.csr_array:
    """The rows of a matrix, its columns found by name where it has names."""
    rows = given.canonical(rows_are_users=rows_are_users)
    if given.items is not None and given.items != index.ids.tolist():
        rows = with_columns(rows, places_of_columns(index, given.items), len(index))
    return rows


def as_table(
    index: ItemIndex, rows: NDArray[np.int64], scores: NDArray[Any], **before: NDArray[Any]
) -> pd.DataFrame:
    """Columns item, title (where known) and score, behind others."""
    columns: dict[str, Any] = {**before, "item": index.ids[rows]}
    if index.titles is not None:
        columns["title"] = index.titles[rows]
    return table_of({**columns, "score": scores})


def table_of_lists(
    index: ItemIndex,
    owners: NDArray[Any],
    columns: NDArray[np.int64],
    scores: NDArray[Any],
    owner: str = "user",
) -> pd.DataFrame:
    """A row an entry of each list: its owner, item, title (where known), rank and score."""
    there = columns >= 0
    at, place = np.nonzero(there)
    table = as_table(index, columns[there], scores[there], **{owner: owners[at]})
    table.insert(table.shape[1] - 1, "rank", place + 1)
    return table


def is_single(index: ItemIndex, items: Hashable | Iterable[Hashable]) -> bool:
    """Whether one item was asked for, not a list."""
    if isinstance(items, (str, bytes)) or not isinstance(items, Iterable):
        return not holds_values(items)
    return isinstance(items, tuple) and index.is_id(items)


def why_unembedded(index: ItemIndex, counts: NDArray[np.int64], row: int) -> str:
    """A sentence for an item whose embedding is zero."""
    name = repr(index.ids.tolist()[row]) if index.titles is None else repr(index.titles[row])
    if counts[row] == 0:
        return f"{name} has no embedding: nobody liked it"
    return f"{name} has no embedding: none of the users who liked it liked anything else"
