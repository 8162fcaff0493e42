"""Ratings, from a table or a matrix, as numbered users and items."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed import tables
from movieembed.canonical import check_finite, check_matrix

__all__ = [
    "Duplicates",
    "RaiseOrDrop",
    "Rows",
    "match_items",
    "one_each",
    "rows_of_matrix",
    "rows_of_table",
]

Duplicates = Literal["last", "first", "max", "error"]
RaiseOrDrop = Literal["raise", "drop"]


@dataclass
class Rows:
    """Ratings as codes: row k says that user_ids[users[k]] rated item_ids[items[k]]."""

    users: NDArray[np.intp]
    items: NDArray[np.intp]
    ratings: NDArray[Any] | None
    user_ids: NDArray[Any]
    item_ids: NDArray[Any]

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Keep the rows that mask marks."""
        self.users, self.items = self.users[mask], self.items[mask]
        if self.ratings is not None:
            self.ratings = self.ratings[mask]


def rows_of_table(
    ratings: object,
    user: Hashable | None,
    item: Hashable | None,
    rating: Hashable | None,
    missing: RaiseOrDrop,
) -> Rows:
    """Read a data frame, its columns as named or found; O(n) expected time."""
    table = tables.as_table(ratings, "ratings")
    if table is None:
        raise TypeError(
            f"ratings must be {tables.ACCEPTED}, or a SciPy sparse users x items matrix; "
            f"got {type(ratings).__name__}"
        )
    labels: dict[str, Any] = {"user": user, "item": item, "rating": rating}
    for role, aliases in (
        ("user", tables.USER_ALIASES),
        ("item", tables.ITEM_ALIASES),
        ("rating", tables.RATING_ALIASES),
    ):
        labels[role] = tables.find_column(
            table.columns,
            labels[role],
            aliases,
            argument="ratings",
            role=role,
            taken=[label for label in labels.values() if label is not None],
            required=role != "rating",
        )
    if labels["rating"] is None:
        del labels["rating"]
        tables.warn_of_other_numbers(table, labels.values())
    columns = tables.complete_columns(table, labels, "ratings", drop=missing == "drop")
    values = None
    if "rating" in columns:
        values = tables.numbers(columns["rating"], f"ratings column {labels['rating']!r}")
        check_finite(values, "ratings")
    users, user_ids = _encode(columns["user"].to_numpy(), f"ratings column {labels['user']!r}")
    items, item_ids = _encode(columns["item"].to_numpy(), f"ratings column {labels['item']!r}")
    return Rows(users, items, values, user_ids, item_ids)


def rows_of_matrix(ratings: Any, missing: RaiseOrDrop) -> Rows:
    """Read a users x items sparse matrix whose stored values are ratings, ids from 0."""
    coo = check_matrix(ratings, "ratings").tocoo()
    users, items = (np.asarray(index, dtype=np.intp) for index in (coo.row, coo.col))
    values = coo.data.astype(np.int8) if coo.data.dtype.kind == "b" else coo.data
    rows = Rows(users, items, values, np.arange(coo.shape[0]), np.arange(coo.shape[1]))
    absent = np.isnan(values)
    if absent.any():
        if missing == "raise":
            raise ValueError(
                f"ratings stores {absent.sum()} NaN; pass missing='drop' to leave them out"
            )
        rows.keep(~absent)
    check_finite(rows.ratings, "ratings")
    return rows


def _encode(ids: NDArray[Any], argument: str) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Number ids: codes, and the distinct ids they stand for, sorted where they have an order."""
    try:
        codes, distinct = pd.factorize(ids)
    except TypeError as error:
        raise TypeError(f"the ids in {argument} must be hashable: {error}") from error
    if len(codes) and codes.min() < 0:
        raise ValueError(f"{argument} has a missing id")
    distinct = tables.unify(np.asarray(distinct))
    order = tables.in_order(distinct)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return rank[codes], distinct[order]


def match_items(rows: Rows, ids: NDArray[Any], unknown: RaiseOrDrop) -> None:
    """Number the items of rows by their place in ids instead."""
    places = {id_: place for place, id_ in enumerate(ids.tolist())}
    place_of = np.array([places.get(id_, -1) for id_ in rows.item_ids.tolist()], dtype=np.intp)
    strangers = rows.item_ids[place_of < 0].tolist()
    if strangers and unknown == "raise":
        hint = ""
        if len(strangers) == len(rows.item_ids) and len(ids):
            hint = f" (ratings hold {strangers[0]!r} where items hold {ids.tolist()[0]!r})"
        raise ValueError(
            f"ratings name {len(strangers)} items that items lacks, such as "
            + ", ".join(repr(id_) for id_ in strangers[:5])
            + f"{hint}; pass unknown='drop' to leave them out"
        )
    rows.items, rows.item_ids = place_of[rows.items], ids
    if strangers:
        rows.keep(rows.items >= 0)


def one_each(
    rows: Rows, duplicates: Duplicates
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[Any] | None]:
    """Return users, items and ratings in row-major order, each pair once.

    O(n) if the pairs already come so, else O(n log n).
    """
    users, items, ratings = rows.users, rows.items, rows.ratings
    key = users.astype(np.int64) * len(rows.item_ids) + items
    if not len(key) or bool((key[1:] > key[:-1]).all()):
        return users, items, ratings
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    if len(starts) < len(key) and duplicates == "error":
        first = order[np.flatnonzero(key[1:] == key[:-1])[0]]
        user, item = rows.user_ids[users[first]], rows.item_ids[items[first]]
        raise ValueError(
            f"{len(key) - len(starts)} ratings repeat a user and an item, such as user "
            f"{user!s} and item {item!s}; choose with duplicates='last', 'first' or 'max'"
        )
    if duplicates == "max" and ratings is not None:
        best = np.maximum.reduceat(ratings[order], starts)
        return users[order[starts]], items[order[starts]], best
    pick = order[starts if duplicates == "first" else np.append(starts[1:], len(key)) - 1]
    return users[pick], items[pick], None if ratings is None else ratings[pick]
