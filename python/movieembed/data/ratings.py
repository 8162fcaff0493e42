"""Ratings, from a table or a matrix, as numbered users and items."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed.data import frames as tables
from movieembed.data.canonical_csr import blocks, check_finite, check_matrix

__all__ = [
    "Duplicates",
    "RaiseOrDrop",
    "Rows",
    "encode",
    "match_items",
    "one_each",
    "rows_of_matrix",
    "rows_of_table",
]

Duplicates = Literal["last", "first", "max", "error"]
RaiseOrDrop = Literal["raise", "drop"]
Codes = NDArray[np.signedinteger[Any]]

# Integer ids are numbered through a table of their range where it has at most so many places an id.
_PLACES_AN_ID = 4


@dataclass
class Rows:
    """Ratings as codes: row k says that user_ids[users[k]] rated item_ids[items[k]]."""

    users: Codes
    items: Codes
    ratings: NDArray[Any] | None
    user_ids: NDArray[Any]
    item_ids: NDArray[Any]

    def __len__(self) -> int:
        return len(self.users)

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
    users, user_ids = encode(columns["user"].to_numpy(), f"ratings column {labels['user']!r}")
    items, item_ids = encode(columns["item"].to_numpy(), f"ratings column {labels['item']!r}")
    return Rows(users, items, values, user_ids, item_ids)


def rows_of_matrix(ratings: Any, missing: RaiseOrDrop) -> Rows:
    """Read a users x items sparse matrix whose stored values are ratings, ids from 0."""
    coo = check_matrix(ratings, "ratings").tocoo()
    users, items = coo.row, coo.col
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


def encode(
    ids: NDArray[Any], argument: str, *, overwrite: bool = False
) -> tuple[Codes, NDArray[Any]]:
    """Number ids: codes, and the distinct ids they stand for, sorted where they have an order.

    Integers that lie close together are looked up in a table of their range, others hashed. With
    `overwrite` the codes may take the place of the ids.
    """
    if ids.dtype.kind in "iu" and len(ids):
        low, high = int(ids.min()), int(ids.max())
        if high - low < _PLACES_AN_ID * len(ids) and high <= np.iinfo(np.intp).max:
            return _encode_near(ids, low, high, overwrite)
    try:
        codes, distinct = pd.factorize(ids)
    except TypeError as error:
        raise TypeError(f"the ids in {argument} must be hashable: {error}") from error
    if len(codes) and codes.min() < 0:
        raise ValueError(f"{argument} has a missing id")
    distinct = tables.unify(np.asarray(distinct))
    order = tables.in_order(distinct)
    rank = np.empty(len(order), dtype=_code_type(len(order)))
    rank[order] = np.arange(len(order))
    return rank[codes], distinct[order]


def _encode_near(
    ids: NDArray[Any], low: int, high: int, overwrite: bool
) -> tuple[Codes, NDArray[Any]]:
    there = np.zeros(high - low + 1, dtype=bool)
    for block in blocks(len(ids)):
        there[ids[block].astype(np.intp) - low] = True
    distinct = np.flatnonzero(there) + low
    code = np.cumsum(there, dtype=_code_type(len(distinct))) - 1
    codes = ids if overwrite and ids.dtype == code.dtype else np.empty(len(ids), code.dtype)
    for block in blocks(len(ids)):
        codes[block] = code[ids[block].astype(np.intp) - low]
    return codes, distinct.astype(np.int64)


def _code_type(size: int) -> type[np.int32] | type[np.int64]:
    return np.int32 if size <= np.iinfo(np.int32).max else np.int64


def match_items(rows: Rows, ids: NDArray[Any], unknown: RaiseOrDrop) -> None:
    """Number the items of rows by their place in ids instead."""
    places = {id_: place for place, id_ in enumerate(ids.tolist())}
    place_of: Codes = np.array(
        [places.get(id_, -1) for id_ in rows.item_ids.tolist()], dtype=_code_type(len(ids))
    )
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
    rows.items, rows.item_ids = _looked_up(place_of, rows.items), ids
    if strangers:
        rows.keep(rows.items >= 0)


def _looked_up(table: Codes, codes: Codes) -> Codes:
    """``table[codes]``, in the place of the codes if it fits there."""
    found = codes if codes.dtype == table.dtype else np.empty(len(codes), table.dtype)
    for block in blocks(len(codes)):
        found[block] = table[codes[block]]
    return found


def one_each(rows: Rows, duplicates: Duplicates) -> tuple[Codes, Codes, NDArray[Any] | None]:
    """Return users, items and ratings in row-major order, each pair once.

    O(n) if the pairs already come so, else O(n log k) for k ratings a user.
    """
    users, items, ratings = rows.users, rows.items, rows.ratings
    if _strictly_ordered(users, items):
        return users, items, ratings
    order, items, indptr = _sorted_by_user_and_item(rows)
    users = np.repeat(np.arange(len(rows.user_ids), dtype=users.dtype), np.diff(indptr))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (users[1:] != users[:-1]) | (items[1:] != items[:-1])
    starts = np.flatnonzero(new)
    if len(starts) < len(order) and duplicates == "error":
        first = int(np.argmin(new))
        user, item = rows.user_ids[users[first]], rows.item_ids[items[first]]
        raise ValueError(
            f"{len(order) - len(starts)} ratings repeat a user and an item, such as user "
            f"{user!s} and item {item!s}; choose with duplicates='last', 'first' or 'max'"
        )
    users, items = users[starts], items[starts]
    if ratings is None:
        return users, items, None
    if duplicates == "max":
        return users, items, np.maximum.reduceat(ratings[order], starts)
    # Equal pairs are in no order among themselves.
    wanted = np.minimum if duplicates == "first" else np.maximum
    return users, items, ratings[wanted.reduceat(order, starts)]


def _strictly_ordered(users: Codes, items: Codes) -> bool:
    """Whether the pairs ascend, none repeated."""
    for block in blocks(len(users) - 1):
        after = slice(block.start + 1, block.stop + 1)
        ascends = items[after] > items[block]
        ascends &= users[after] == users[block]
        ascends |= users[after] > users[block]
        if not ascends.all():
            return False
    return True


def _sorted_by_user_and_item(rows: Rows) -> tuple[Codes, Codes, Codes]:
    """Return the places and items of sorted rows, and where each user's begin.

    SciPy's change from rows to columns is a counting sort, here of a matrix with one entry a row.
    """
    n, n_users, n_items = len(rows), len(rows.user_ids), len(rows.item_ids)
    index = _code_type(max(n, n_users, n_items))
    one_a_row = (
        np.ones(n, np.int8),
        rows.users.astype(index, copy=False),
        np.arange(n + 1, dtype=index),
    )
    by_user = sp.csr_array(one_a_row, shape=(n, n_users)).tocsc()
    places = by_user.indices.astype(index, copy=False)
    sorted_rows = sp.csr_array(
        (places, rows.items[places].astype(index, copy=False), by_user.indptr),
        shape=(n_users, n_items),
    )
    sorted_rows.sort_indices()
    return sorted_rows.data, sorted_rows.indices, sorted_rows.indptr
