"""From a table or a matrix to rows of numbered users and items."""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed._base.arrays import blocks, index_dtype
from movieembed._base.message import Message, Parameter
from movieembed._base.validation import OneOf, check_parameter, check_threshold
from movieembed._base.warn import warn_caller
from movieembed.data import frames as tables
from movieembed.data.canonical_csr import check_finite, check_matrix
from movieembed.data.column_names import ITEM_ALIASES, USER_ALIASES, looks_like
from movieembed.data.ids import ACCEPTED, check_apart, in_order, unify
from movieembed.data.rating_columns import (
    find_rating_columns,
    find_time_column,
    warn_of_choice,
)
from movieembed.data.times import Times, times_of, weights_of
from movieembed.exceptions import ParameterError

Duplicates = Literal["last", "first", "max", "error"]
RaiseOrDrop = Literal["raise", "drop"]
Codes = NDArray[np.signedinteger[Any]]

# Integer ids are numbered through a table of their range where it has at most so many places an id.
_PLACES_AN_ID = 4
# Fewer rows may well repeat themselves, and some more than the pairs may too.
_FEW_ROWS, _REPEATS = 100, 2
_SWAPPED = "all users are in items, so users and items look swapped"


def check_reading(
    threshold: Any, duplicates: object, missing: object = "raise", unknown: object = "raise"
) -> float | None:
    """Check the options of reading ratings; return the threshold as a float or None."""
    check_parameter(duplicates, "duplicates", OneOf("last", "first", "max", "error"))
    check_parameter(missing, "missing", OneOf("raise", "drop"))
    check_parameter(unknown, "unknown", OneOf("raise", "drop"))
    return check_threshold(threshold)


def check_rated(value: float | None, rated: bool, parameter: str = "threshold") -> None:
    """Raise ParameterError if a threshold is given for ratings that have no rating column."""
    if value is not None and not rated:
        what = "{given} needs ratings, but no column looks like the rating"
        what += "|; say which one it is with {rating=}"
        message = Message(what, given=Parameter(parameter, value), rating=...)
        raise ParameterError(message, "rating")


@dataclass
class Rows:
    """Ratings as codes: row k says that user_ids[users[k]] rated item_ids[items[k]].

    A like weighs as much as its row, or 1 where there are no weights. Where the newest time of all
    ratings is not known yet, there are times instead.
    """

    users: Codes
    items: Codes
    ratings: NDArray[Any] | None
    user_ids: NDArray[Any]
    item_ids: NDArray[Any]
    weights: NDArray[np.float32] | None = None
    times: Times | None = None

    def __len__(self) -> int:
        return len(self.users)

    def __sizeof__(self) -> int:
        """Bytes, by which Dask decides what to move."""
        return sum(int(array.nbytes) for array in vars(self).values() if array is not None)

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Keep the rows that mask marks."""
        self.users, self.items = self.users[mask], self.items[mask]
        if self.ratings is not None:
            self.ratings = self.ratings[mask]
        if self.weights is not None:
            self.weights = self.weights[mask]
        if self.times is not None:
            self.times = replace(self.times, values=self.times.values[mask])


@dataclass(frozen=True)
class Decay:
    """Likes weigh less the older they are: half after `half_life`, by a column of times.

    With `keep_times` rows keep those instead. Without either the column must merely be there.
    """

    half_life: float | str | timedelta | np.timedelta64 | None
    timestamp: Hashable | None = None
    keep_times: bool = False

    @property
    def timed(self) -> bool:
        """Whether times are read."""
        return self.keep_times or self.half_life is not None


def rows_of_table(
    ratings: object,
    user: Hashable | None,
    item: Hashable | None,
    rating: Hashable | None,
    missing: RaiseOrDrop,
    decay: Decay,
) -> Rows:
    """Read a data frame, its columns as named or found; O(n) expected time."""
    table = tables.as_table(ratings, "ratings")
    if table is None:
        a_file = isinstance(ratings, str | os.PathLike)
        raise TypeError(
            f"ratings must be {ACCEPTED}, or a SciPy sparse users x items matrix; "
            f"got {type(ratings).__name__}{'; read a file with read_table' if a_file else ''}"
        )
    labels = find_rating_columns(table, user, item, rating)
    warn_of_choice(table, labels, (user, item, rating))
    if decay.timed or decay.timestamp is not None:
        time = find_time_column(table, decay.timestamp, labels.values())
        labels |= {"time": time} if decay.timed else {}
    columns = tables.complete_columns(table, labels, "ratings", drop=missing == "drop")
    values = None
    if "rating" in columns:
        values = tables.numbers(columns["rating"], f"ratings column {labels['rating']!r}")
        check_finite(values, "ratings")
    users, user_ids = encode(columns["user"].to_numpy(), f"ratings column {labels['user']!r}")
    items, item_ids = encode(columns["item"].to_numpy(), f"ratings column {labels['item']!r}")
    rows = Rows(users, items, values, user_ids, item_ids)
    if decay.timed:
        times = times_of(columns["time"], labels["time"])
        if decay.half_life is None:
            rows.times = times
        else:
            rows.weights = weights_of(times, times.span(decay.half_life, "half_life"))
    if user is None or item is None:
        check_pairs(
            len(rows), len(rows.user_ids), len(rows.item_ids), labels["user"], labels["item"]
        )
    elif looks_like(user, ITEM_ALIASES) and looks_like(item, USER_ALIASES):
        warn_caller(Message("{user=} and {item=} look swapped", user=user, item=item))
    return rows


def check_pairs(n: int, n_users: int, n_items: int, user: Hashable, item: Hashable) -> None:
    """Raise ParameterError if n rows are more than there are pairs: a column found is wrong."""
    if n >= _FEW_ROWS and n > _REPEATS * n_users * n_items:
        what = "ratings has {n:,} rows, but columns {by!r} and {of!r}, taken for the user and the "
        what += "item, hold only {n_users:,} x {n_items:,} pairs; say which columns are meant with "
        what += "{user=} and {item=}"
        sizes = {"n": n, "n_users": n_users, "n_items": n_items}
        message = Message(what, by=user, of=item, **sizes, user=..., item=...)
        raise ParameterError(message, "user")


def rows_of_matrix(ratings: Any, missing: RaiseOrDrop) -> Rows:
    """Read a users x items sparse matrix whose stored values are ratings, ids from 0."""
    coo = check_matrix(ratings, "ratings").tocoo()
    users, items = coo.row, coo.col
    values = coo.data.astype(np.int8) if coo.data.dtype.kind == "b" else coo.data
    rows = Rows(users, items, values, np.arange(coo.shape[0]), np.arange(coo.shape[1]))
    absent = np.isnan(values)
    if absent.any():
        if missing == "raise":
            what = "ratings stores {n} NaN|; pass {missing=} to leave them out"
            raise ValueError(Message(what, n=absent.sum(), missing="drop"))
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
    if ids.dtype.kind == "O":
        check_apart(ids.tolist(), argument)
    distinct = unify(np.asarray(distinct))
    order = in_order(distinct)
    rank = np.empty(len(order), dtype=index_dtype(len(order)))
    rank[order] = np.arange(len(order))
    return rank[codes], distinct[order]


def _encode_near(
    ids: NDArray[Any], low: int, high: int, overwrite: bool
) -> tuple[Codes, NDArray[Any]]:
    there = np.zeros(high - low + 1, dtype=bool)
    for block in blocks(len(ids)):
        there[ids[block].astype(np.intp) - low] = True
    distinct = np.flatnonzero(there) + low
    code = np.cumsum(there, dtype=index_dtype(len(distinct))) - 1
    codes = ids if overwrite and ids.dtype == code.dtype else np.empty(len(ids), code.dtype)
    for block in blocks(len(ids)):
        codes[block] = code[ids[block].astype(np.intp) - low]
    return codes, distinct.astype(np.int64)


def match_items(rows: Rows, ids: NDArray[Any], unknown: RaiseOrDrop) -> str | None:
    """Number the items of rows by their place in `ids`, and drop or refuse those it lacks.

    Returns what to warn of if these are all rows: the users are in `ids`, and most items are not.
    """
    places = {id_: place for place, id_ in enumerate(ids.tolist())}
    place_of: Codes = np.array(
        [places.get(id_, -1) for id_ in rows.item_ids.tolist()], dtype=index_dtype(len(ids))
    )
    strangers = rows.item_ids[place_of < 0].tolist()
    swapped = 2 * len(strangers) > len(rows.item_ids) and all(
        id_ in places for id_ in rows.user_ids.tolist()
    )
    if strangers and unknown == "raise":
        what = f"ratings name {len(strangers)} items that items lacks, such as "
        what += ", ".join(map(repr, strangers[:5]))
        if len(strangers) == len(rows.item_ids) and len(ids):
            what += f" (ratings hold {strangers[0]!r} where items hold {ids.tolist()[0]!r})"
        if swapped:
            what += f": {_SWAPPED}"
        raise ValueError(
            Message("{what}|; pass {unknown=} to leave them out", what=what, unknown="drop")
        )
    rows.items, rows.item_ids = _looked_up(place_of, rows.items), ids
    if strangers:
        rows.keep(rows.items >= 0)
    return f"{len(strangers)} items are dropped: {_SWAPPED}" if swapped else None


def _looked_up(table: Codes, codes: Codes) -> Codes:
    """Return ``table[codes]``, in the place of the codes if it fits there."""
    found = codes if codes.dtype == table.dtype else np.empty(len(codes), table.dtype)
    for block in blocks(len(codes)):
        found[block] = table[codes[block]]
    return found
