"""From numbered rows of ratings to the matrix of likes.

Here it is decided which of several ratings of one user and item counts, and which rating is a like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import index_dtype
from movieembed._base.message import Message
from movieembed._base.warn import warn_caller
from movieembed.data.canonical_csr import blocks
from movieembed.data.ratings import Codes, Duplicates, Rows

# Of the scale that the default threshold is for.
MOST_STARS = 5


def matrices_of_rows(
    rows: Rows, duplicates: Duplicates, is_like: Callable[[NDArray[Any]], NDArray[np.bool_]]
) -> tuple[sp.csr_array, sp.csr_array | None]:
    """Return which users x items are liked, by the rating that counts, and which only rated.

    Both are canonical matrices of ones. Rows without ratings are likes, and the second is None.
    """
    users, columns, values = one_each(rows, duplicates)
    shape = len(rows.user_ids), len(rows.item_ids)
    starts = np.searchsorted(users, np.arange(shape[0] + 1, dtype=users.dtype))
    if values is None:
        return _of_ones(columns, starts, shape, np.float32), None
    is_liked = is_like(values)
    liked = np.flatnonzero(is_liked)
    liked_before = np.searchsorted(liked, starts)
    return (
        _of_ones(columns[liked], liked_before, shape, np.float32),
        _of_ones(columns[~is_liked], starts - liked_before, shape, np.bool_),
    )


def _of_ones(columns: Codes, starts: Codes, shape: tuple[int, int], dtype: Any) -> sp.csr_array:
    index = index_dtype(len(columns), *shape)
    parts = (
        np.ones(len(columns), dtype=dtype),
        columns.astype(index, copy=False),
        starts.astype(index),
    )
    matrix = sp.csr_array(parts, shape=shape)
    matrix.has_canonical_format = True
    return matrix


def reaching(
    values: NDArray[Any], threshold: float | None
) -> tuple[NDArray[np.bool_], float | None]:
    """Return which ratings are likes, and the threshold, by `default_threshold` for None.

    Warn if none is a like, or if ratings without a threshold are no stars.
    """
    default = threshold is None
    least = threshold
    if least is None:
        least = default_threshold(bool(len(values)) and zeros_and_ones(values))
    liked: NDArray[np.bool_] = values >= least
    if len(values) and not liked.any():
        warn_caller(f"no likes: the highest rating is {values.max():g} and the threshold {least:g}")
    elif default and len(values):
        warn_of_scale(float(values.max()), least, float(liked.mean()))
    return liked, least


def warn_of_scale(highest: float, least: float, share: float | None = None) -> None:
    """Warn that a threshold that nobody gave is for stars from 1 to 5, where there are more."""
    if highest > MOST_STARS:
        likes = "those" if share is None else f"{share:.0%} of them, those"
        what = "ratings go up to {highest}, and {likes} from {least} on, count as likes, "
        what += "which is meant for 1 to 5 stars; choose with {threshold}"
        warn_caller(Message(what, highest=f"{highest:g}", likes=likes, least=f"{least:g}"))


def default_threshold(binary: bool) -> float:
    """Return the threshold where none is given: of ratings that are all 0 or 1, or of stars."""
    return 1.0 if binary else 4.0


def zeros_and_ones(values: NDArray[Any]) -> bool:
    """Whether every rating is 0 or 1."""
    return all(
        bool(((values[block] == 0) | (values[block] == 1)).all()) for block in blocks(len(values))
    )


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
        what = "{n} ratings repeat a user and an item, such as user {user!s} and item {item!s}"
        what += "|; choose with {duplicates=}, 'first' or 'max'"
        n = len(order) - len(starts)
        raise ValueError(Message(what, n=n, user=user, item=item, duplicates="last"))
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
    index = index_dtype(max(n, n_users, n_items))
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
