"""What a worker does with ratings: reads blocks, numbers items, parts and gathers users."""

from __future__ import annotations

import errno
import numbers
import os
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed.data import frames as tables
from movieembed.data.likes import matrix_of_rows
from movieembed.data.ratings import Duplicates, RaiseOrDrop, Rows, match_items, rows_of_table


@dataclass
class Summary:
    """What the process that plans must know of a block.

    Attributes
    ----------
    n_rows, n_users : int
        A user whose rows were all dropped still counts.
    low, high : Any
        The first and last user id in their order; None where they have none.
    dtype : numpy.dtype
        Of the user ids.
    binary : bool
        Whether every rating is 0 or 1.
    highest : float
        Rating; -inf without rows.
    """

    n_rows: int
    n_users: int
    low: Any
    high: Any
    dtype: np.dtype[Any]
    binary: bool
    highest: float


@dataclass
class Block:
    """Ratings as they were read, items numbered among themselves, and what is known of them."""

    rows: Rows
    summary: Summary

    def __sizeof__(self) -> int:
        return size_of_rows(self.rows)


@dataclass
class UserRows:
    """The likes of some users, who are in no other part.

    Attributes
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Canonical.
    users : ndarray, shape (n_users,)
        Their ids.
    """

    matrix: sp.csr_array
    users: NDArray[Any]

    def __reduce__(self) -> tuple[Any, ...]:
        m = self.matrix
        return from_arrays, (m.data, m.indices, m.indptr, m.shape[1], self.users)

    def __sizeof__(self) -> int:
        m = self.matrix
        return int(m.data.nbytes + m.indices.nbytes + m.indptr.nbytes + self.users.nbytes)


@dataclass
class Piece:
    """Some rows of a block by their users, items numbered among all."""

    rows: Rows

    def __sizeof__(self) -> int:
        return size_of_rows(self.rows)


def size_of_rows(rows: Rows) -> int:
    """Bytes, by which Dask decides what to move."""
    arrays = (rows.users, rows.items, rows.ratings, rows.user_ids, rows.item_ids)
    return sum(int(a.nbytes) for a in arrays if a is not None)


@contextmanager
def named(source: str) -> Iterator[None]:
    """Errors that say which block they are about."""
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
    missing: RaiseOrDrop,
    threshold: float | None,
    ids: NDArray[Any] | None,
    unknown: RaiseOrDrop,
) -> Block:
    """Read a Parquet file, or take a data frame, by the labels of user, item and perhaps rating.

    With a threshold the ratings become whether they reach it, in one byte each. With `ids` the
    items are numbered by them.
    """
    with named(source):
        if frame is None:
            import pyarrow.parquet as pq

            with pq.ParquetFile(source) as file:
                check_no_rating(file.schema_arrow.names, labels)
                frame = file.read(columns=[str(label) for label in labels])
        rating = labels[2] if len(labels) == 3 else None
        rows = rows_of_table(frame, labels[0], labels[1], rating, missing)
        if ids is not None:
            match_items(rows, ids, unknown)
    return Block(*summed_up(rows, threshold))


def check_no_rating(names: Sequence[str], labels: tuple[Hashable, ...]) -> None:
    """Raise ValueError where a file has ratings and the first had none."""
    if len(labels) == 3:
        return
    rating = tables.find_column(
        names,
        None,
        tables.RATING_ALIASES,
        argument="ratings",
        role="rating",
        taken=labels,
        required=False,
    )
    if rating is not None:
        raise ValueError(f"it has ratings, in column {rating!r}, where the first file has none")


def summed_up(rows: Rows, threshold: float | None) -> tuple[Rows, Summary]:
    """Rows with short ratings, and what is known of them."""
    values, users = rows.ratings, rows.user_ids
    low = high = None
    if len(users) and is_sorted_kind(users):
        low, high = users[0], users[-1]
    binary, highest = spread_of(values)
    if values is not None and threshold is not None:
        rows.ratings = (values >= threshold).astype(np.int8)
    summary = Summary(len(rows), len(users), low, high, users.dtype, binary, highest)
    return rows, summary


def spread_of(ratings: NDArray[Any] | None) -> tuple[bool, float]:
    """Whether all are 0 or 1, and the highest."""
    if ratings is None or not len(ratings):
        return True, -np.inf
    return bool(((ratings == 0) | (ratings == 1)).all()), float(ratings.max())


def is_sorted_kind(ids: NDArray[Any]) -> bool:
    """Whether `encode` gave ids in an order that holds between blocks: numbers and strings."""
    return ids.dtype.kind in "iuf" or all(isinstance(id_, str) for id_ in ids.tolist())


def summary_of(block: Block) -> Summary:
    """What the process that plans is sent."""
    return block.summary


def items_of(block: Block) -> NDArray[Any]:
    """The ids of a block's items by first appearance, which counts where ids have no order."""
    rows = block.rows
    first = np.full(len(rows.item_ids), len(rows), dtype=np.int64)
    first[rows.items[::-1]] = np.arange(len(rows))[::-1]
    found: NDArray[Any] = rows.item_ids[np.argsort(first, kind="stable")]
    return found


def union(*several: NDArray[Any]) -> NDArray[Any]:
    """Distinct ids of all, by first appearance."""
    there = [ids for ids in several if len(ids)]
    if len(there) < 2:
        return there[0] if there else several[0]
    kinds = {ids.dtype.kind for ids in there}
    if kinds == {"i", "u"} and all(ids.min() >= 0 for ids in there):
        there, kinds = [ids.astype(np.uint64) for ids in there], {"u"}
    if "O" not in kinds and (len({ids.dtype for ids in there}) == 1 or kinds == {"i", "f"}):
        return tables.unify(np.asarray(pd.unique(np.concatenate(there))))
    distinct = list(dict.fromkeys(id_ for ids in there for id_ in ids.tolist()))
    joined = np.empty(len(distinct), dtype=object)
    joined[:] = distinct
    return tables.unify(joined)


def ordered(ids: NDArray[Any]) -> NDArray[Any]:
    """Ids in their order, or as they are where they have none."""
    found: NDArray[Any] = ids[tables.in_order(ids)]
    return found


def places_in(ids: NDArray[Any], some: NDArray[Any]) -> NDArray[Any]:
    """Where each of some ids, all of them among the others, is."""
    index = np.int32 if len(ids) <= np.iinfo(np.int32).max else np.int64
    if ids.dtype.kind != "O":
        return np.searchsorted(ids, some.astype(ids.dtype)).astype(index)
    place = {id_: at for at, id_ in enumerate(ids.tolist())}
    return np.array([place[id_] for id_ in some.tolist()], dtype=index)


def renumbered(block: Block, ids: NDArray[Any], known: bool) -> Piece:
    """All of a block, its items numbered among all; `known` where they are already."""
    rows = block.rows
    items = rows.items if known else places_in(ids, rows.item_ids)[rows.items]
    return Piece(Rows(rows.users, items, rows.ratings, rows.user_ids, ids[:0]))


def parted(piece: Piece, dtype: np.dtype[Any], n_parts: int) -> list[Piece]:
    """A piece for each part, its users those whose ids, as `dtype`, hash to it."""
    rows = piece.rows
    part_of = (hashes(rows.user_ids.astype(dtype)) % np.uint64(n_parts)).astype(np.int64)
    place = np.empty(len(part_of), dtype=rows.users.dtype)
    of_row = part_of[rows.users]
    pieces = []
    for part in range(n_parts):
        own = np.flatnonzero(part_of == part)
        place[own] = np.arange(len(own))
        here = np.flatnonzero(of_row == part)
        pieces.append(
            Piece(
                Rows(
                    place[rows.users[here]],
                    rows.items[here],
                    None if rows.ratings is None else rows.ratings[here],
                    rows.user_ids[own],
                    rows.item_ids,
                )
            )
        )
    return pieces


def hashes(ids: NDArray[Any]) -> NDArray[np.uint64]:
    """Of ids, the same in every process and for ids that are equal."""
    if ids.dtype.kind == "O":
        texts = np.empty(len(ids), dtype=object)
        texts[:] = [text_of(id_) for id_ in ids.tolist()]
        ids = texts
    return pd.util.hash_array(ids, categorize=False)


def text_of(id_: Any) -> str:
    """The same text for equal ids: 1, 1.0 and Decimal(1) are equal."""
    if isinstance(id_, str):
        return id_
    if isinstance(id_, numbers.Number):
        return str(hash(id_))  # of numbers alone it does not change with the process
    if isinstance(id_, tuple):
        return f"({','.join(map(text_of, id_))})"
    if isinstance(id_, frozenset):
        return f"{{{','.join(sorted(map(text_of, id_)))}}}"
    return str(id_)


def pick(pieces: list[Piece], part: int) -> Piece:
    """One of them: a key of its own, so that no worker is sent the others."""
    return pieces[part]


def gathered(
    pieces: Sequence[Piece],
    ids: NDArray[Any],
    dtype: np.dtype[Any],
    threshold: float,
    duplicates: Duplicates,
) -> tuple[UserRows, tuple[bool, float]]:
    """The likes of a part out of its pieces, in the order of their blocks, and `spread_of`.

    The latter is of the ratings that count: one for a user and an item.
    """
    each = [piece.rows for piece in pieces if len(piece.rows.user_ids)]
    users = np.empty(0, dtype=dtype)
    if each:
        users = ordered(union(*(rows.user_ids.astype(dtype) for rows in each)))
    codes = [places_in(users, rows.user_ids.astype(dtype))[rows.users] for rows in each]
    ratings = [rows.ratings for rows in each if rows.ratings is not None]
    joined = Rows(
        _joined(codes, np.int32),
        _joined([rows.items for rows in each], np.int32),
        _joined(ratings, np.int8) if ratings or not each else None,
        users,
        ids,
    )
    known = spread_of(None)

    def reaching(values: NDArray[Any]) -> NDArray[np.bool_]:
        nonlocal known
        known = spread_of(values)
        liked: NDArray[np.bool_] = values >= threshold
        return liked

    return UserRows(matrix_of_rows(joined, duplicates, reaching), users), known


def _joined(arrays: Sequence[NDArray[Any]], empty: Any) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=empty)


def from_arrays(
    data: NDArray[Any] | None,
    indices: NDArray[Any],
    indptr: NDArray[Any],
    n_items: int,
    users: NDArray[Any],
) -> UserRows:
    """A part whose arrays came with its task."""
    data = np.ones(len(indices), dtype=np.float32) if data is None else usable(data)
    matrix = sp.csr_array((data, usable(indices), usable(indptr)), shape=(len(indptr) - 1, n_items))
    matrix.has_canonical_format = True
    return UserRows(matrix, users)


def usable(x: NDArray[Any]) -> NDArray[Any]:
    """An array as the kernels take it: contiguous, and aligned as what arrives need not be."""
    return np.require(x, requirements=["C", "A"])


def first_of(pair: tuple[Any, Any]) -> Any:
    """A result of two, with a key of its own."""
    return pair[0]


def second_of(pair: tuple[Any, Any]) -> Any:
    """The other."""
    return pair[1]


@dataclass
class Counts:
    """What is known of a part's likes."""

    n_users: int
    items: NDArray[np.int64]
    binary: bool


def counted(rows: UserRows) -> Counts:
    """Users, likes of each item, and whether all are 1."""
    counts = np.bincount(rows.matrix.indices, minlength=rows.matrix.shape[1])
    return Counts(rows.matrix.shape[0], counts, bool((rows.matrix.data == 1).all()))


def sizes(counts: Counts) -> tuple[int, bool]:
    """What of it is small."""
    return counts.n_users, counts.binary


def item_counts(counts: Counts) -> NDArray[np.int64]:
    """Likes of each item."""
    return counts.items
