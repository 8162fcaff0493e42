"""What a worker does with ratings on their way to likes.

It reads blocks, numbers their items, cuts them into pieces by user, and gathers the pieces of a
part, whose users are then whole.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import holds_ones
from movieembed.data.column_names import RATING_COLUMNS, find_column
from movieembed.data.distributed.ids import (
    TEXT,
    Kind,
    as_kind,
    hashes,
    is_sorted_kind,
    ordered,
    places_in,
    union,
)
from movieembed.data.likes_matrix import matrices_of_rows, zeros_and_ones
from movieembed.data.ratings import (
    Decay,
    Duplicates,
    RaiseOrDrop,
    Rows,
    match_items,
    rows_of_table,
)
from movieembed.data.text_columns import is_text
from movieembed.data.times import Times, weights_of

# What stands for a rating from the threshold on, for one below, and for one that is disliked.
LIKED, BETWEEN, DISLIKED = 2, 1, 0


@dataclass(frozen=True)
class Options:
    """How ratings become likes; see :meth:`movieembed.Likes.from_ratings`.

    `timestamp` is the label of the column of times, where there is a `half_life`.
    """

    threshold: float | None
    duplicates: Duplicates
    missing: RaiseOrDrop
    unknown: RaiseOrDrop
    dislike_below: float | None = None
    half_life: float | str | timedelta | np.timedelta64 | None = None
    timestamp: Hashable | None = None

    @property
    def coded(self) -> bool:
        """Whether a byte that says what a rating is tells all that its value does.

        It does not without a threshold, nor where the highest of several ratings counts, and with
        it its age.
        """
        by_age = self.half_life is not None and self.duplicates == "max"
        return self.threshold is not None and not by_age

    def code(self, ratings: NDArray[Any]) -> NDArray[np.int8]:
        """What each rating is, in one byte."""
        assert self.threshold is not None
        codes = np.full(len(ratings), DISLIKED, dtype=np.int8)
        if self.dislike_below is not None:
            codes[ratings >= self.dislike_below] = BETWEEN
        codes[ratings >= self.threshold] = LIKED
        return codes

    @property
    def disliked(self) -> float | None:
        """Below which a rating, or its code, is a dislike; None: all that are no likes."""
        return BETWEEN if self.coded and self.dislike_below is not None else self.dislike_below


@dataclass
class Summary:
    """What the process that plans must know of a block.

    Attributes
    ----------
    n_rows, n_users : int
        A user whose rows were all dropped still counts.
    users : Kind
        What the user ids are.
    binary : bool
        Whether every rating is 0 or 1.
    highest : float
        Rating; -inf without rows.
    newest : Times or None
        The newest of its times, where likes fade.
    """

    n_rows: int
    n_users: int
    users: Kind
    binary: bool
    highest: float
    newest: Times | None = None


@dataclass
class UserRows:
    """The likes of some users, who are in no other part.

    Attributes
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Canonical.
    users : ndarray, shape (n_users,)
        Their ids.
    seen : csr_array of bool, shape (n_users, n_items), or None
        As `Likes.seen`.
    """

    matrix: sp.csr_array
    users: NDArray[Any]
    seen: sp.csr_array | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        m, s = self.matrix, self.seen
        seen = () if s is None else (s.indices, s.indptr)
        return from_arrays, (m.data, m.indices, m.indptr, m.shape[1], self.users, *seen)

    def __sizeof__(self) -> int:
        there = [m for m in (self.matrix, self.seen) if m is not None]
        size = sum(m.data.nbytes + m.indices.nbytes + m.indptr.nbytes for m in there)
        return int(size + self.users.nbytes)


@contextmanager
def named(source: str) -> Iterator[None]:
    """Let errors say which block they are about."""
    try:
        yield
    except TypeError as error:
        raise TypeError(f"{source}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    except OSError as error:
        if error.errno is None:
            raise OSError(f"{source}: {error}") from error
        what = os.strerror(error.errno)
        if error.errno == errno.ENOENT:
            what += ", here or on a worker: all must see the files, by the same path"
        # Python makes a FileNotFoundError, or what else the number stands for, of it.
        raise OSError(error.errno, what, source) from error


def read_block(
    source: str,
    frame: Any,
    labels: tuple[Hashable, ...],
    options: Options,
    ids: NDArray[Any] | None,
) -> tuple[Rows, Summary]:
    """Read a Parquet file, or take a data frame, by the labels of user, item and perhaps rating.

    With a threshold the ratings become one byte each. With `ids` the items are numbered by them.
    """
    decay = Decay(None, options.timestamp, keep_times=options.half_life is not None)
    with named(source):
        if frame is None:
            import pyarrow.parquet as pq

            with pq.ParquetFile(source) as file:
                check_no_rating(file.schema_arrow.names, labels)
                wanted = (*labels, decay.timestamp) if decay.timed else labels
                frame = file.read(columns=[str(label) for label in wanted])
        rating = labels[2] if len(labels) == 3 else None
        rows = rows_of_table(frame, labels[0], labels[1], rating, options.missing, decay)
        newest = None if rows.times is None else rows.times.newest
        if ids is not None:
            match_items(rows, ids, options.unknown)
    summary = summed_up(rows, newest)
    if rows.ratings is not None and options.coded:
        rows.ratings = options.code(rows.ratings)
    return rows, summary


def check_no_rating(names: Sequence[str], labels: tuple[Hashable, ...]) -> None:
    """Raise ValueError where a file has ratings and the first had none."""
    if len(labels) == 3:
        return
    rating = find_column(
        names,
        None,
        RATING_COLUMNS["rating"],
        argument="ratings",
        role="rating",
        taken=labels,
        required=False,
    )
    if rating is not None:
        raise ValueError(f"it has ratings, in column {rating!r}, where the first file has none")


def summed_up(rows: Rows, newest: Times | None) -> Summary:
    """Return the summary of rows."""
    users = rows.user_ids
    low = high = None
    if len(users) and is_sorted_kind(users):
        low, high = users[0], users[-1]
    kind = Kind(users.dtype, low, high, is_text(users))
    return Summary(len(rows), len(users), kind, *spread_of(rows.ratings), newest)


def spread_of(ratings: NDArray[Any] | None) -> tuple[bool, float]:
    """Return whether all ratings are 0 or 1, and the highest."""
    if ratings is None or not len(ratings):
        return True, -np.inf
    return zeros_and_ones(ratings), float(ratings.max())


def items_of(block: tuple[Rows, Summary]) -> NDArray[Any]:
    """Return a block's item ids by first appearance, which counts where ids have no order."""
    rows, _ = block
    first = np.full(len(rows.item_ids), len(rows), dtype=np.int64)
    first[rows.items[::-1]] = np.arange(len(rows))[::-1]
    found: NDArray[Any] = rows.item_ids[np.argsort(first, kind="stable")]
    return found


def renumbered(
    block: tuple[Rows, Summary],
    ids: NDArray[Any],
    known: bool,
    age: tuple[Times, float] | None = None,
) -> Rows:
    """Return all rows of a block, items numbered among all; `known` if they are already.

    With `age`, the newest time of all and the half-life, they have weights.
    """
    rows, _ = block
    items = rows.items if known else places_in(ids, rows.item_ids)[rows.items]
    weights = None
    if age is not None and rows.times is not None:
        newest, half_life = age
        weights = weights_of(rows.times, half_life, newest)
    return Rows(rows.users, items, rows.ratings, rows.user_ids, ids[:0], weights)


def parted(rows: Rows, dtype: np.dtype[Any], n_parts: int) -> list[Rows]:
    """Return the rows of each part, its users those whose ids, as `dtype`, hash to it."""
    part_of = (hashes(as_kind(rows.user_ids, dtype)) % np.uint64(n_parts)).astype(np.int64)
    place = np.empty(len(part_of), dtype=rows.users.dtype)
    of_row = part_of[rows.users]
    pieces = []
    for part in range(n_parts):
        own = np.flatnonzero(part_of == part)
        place[own] = np.arange(len(own))
        here = np.flatnonzero(of_row == part)
        ratings, weights = (None if x is None else x[here] for x in (rows.ratings, rows.weights))
        users, items = place[rows.users[here]], rows.items[here]
        pieces.append(Rows(users, items, ratings, rows.user_ids[own], rows.item_ids, weights))
    return pieces


def gathered(
    pieces: Sequence[Rows],
    ids: NDArray[Any],
    dtype: np.dtype[Any],
    least: float,
    options: Options,
) -> tuple[UserRows, tuple[bool, float]]:
    """Return the likes of a part, and `spread_of` its ratings that count, one a user and item.

    The pieces are in the order of their blocks. A rating, or its code, from `least` on is a like.
    """
    each = [rows for rows in pieces if len(rows.user_ids)]
    users = np.empty(0, dtype=object if dtype == TEXT else dtype)
    if each:
        users = ordered(union(*(as_kind(rows.user_ids, dtype) for rows in each)))
    codes = [places_in(users, as_kind(rows.user_ids, dtype))[rows.users] for rows in each]
    ratings = [rows.ratings for rows in each if rows.ratings is not None]
    weights = [rows.weights for rows in each if rows.weights is not None]
    joined = Rows(
        _joined(codes, np.int32),
        _joined([rows.items for rows in each], np.int32),
        _joined(ratings, np.int8) if ratings or not each else None,
        users,
        ids,
        _joined(weights, np.float32) if weights else None,
    )
    known = spread_of(None)

    def reaching(values: NDArray[Any]) -> NDArray[np.bool_]:
        nonlocal known
        known = spread_of(values)
        liked: NDArray[np.bool_] = values >= least
        return liked

    matrix, seen = matrices_of_rows(joined, options.duplicates, reaching, options.disliked)
    return UserRows(matrix, users, seen), known


def _joined(arrays: Sequence[NDArray[Any]], empty: Any) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=empty)


def from_arrays(
    data: NDArray[Any] | None,
    indices: NDArray[Any],
    indptr: NDArray[Any],
    n_items: int,
    users: NDArray[Any],
    seen_indices: NDArray[Any] | None = None,
    seen_indptr: NDArray[Any] | None = None,
) -> UserRows:
    """Return a part whose arrays came with its task."""
    data = np.ones(len(indices), dtype=np.float32) if data is None else usable(data)
    matrix, seen = _canonical(data, indices, indptr, n_items), None
    if seen_indices is not None:
        seen = _canonical(np.ones(len(seen_indices), np.bool_), seen_indices, seen_indptr, n_items)
    return UserRows(matrix, users, seen)


def _canonical(data: Any, indices: Any, indptr: Any, n_items: int) -> sp.csr_array:
    matrix = sp.csr_array((data, usable(indices), usable(indptr)), shape=(len(indptr) - 1, n_items))
    matrix.has_canonical_format = True
    return matrix


def usable(x: NDArray[Any]) -> NDArray[Any]:
    """Return an array as the kernels take it: contiguous and aligned; one sent may not be."""
    return np.require(x, requirements=["C", "A"])


def counted(rows: UserRows) -> tuple[tuple[int, bool], NDArray[np.int64]]:
    """Return the number of users and whether all values are 1, and the likes of each item."""
    counts = np.bincount(rows.matrix.indices, minlength=rows.matrix.shape[1])
    return (rows.matrix.shape[0], holds_ones(rows.matrix.data)), counts
