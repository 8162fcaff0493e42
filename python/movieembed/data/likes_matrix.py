"""From numbered rows of ratings to the matrix of likes.

Here it is decided which of several ratings of one user and item counts, and which rating is a like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import blocks, index_dtype
from movieembed._base.message import Message
from movieembed._base.warn import warn_caller
from movieembed.data.ratings import Codes, Duplicates, Rows

# Of the scale that the default threshold is for.
MOST_STARS = 5


def matrices_of_rows(
    rows: Rows,
    duplicates: Duplicates,
    is_like: Callable[[NDArray[Any]], NDArray[np.bool_]],
    dislike_below: float | None = None,
) -> tuple[sp.csr_array, sp.csr_array | None]:
    """Return which users x items are liked, by the rating that counts, and which only rated.

    Both are canonical, the first of weights or ones, the second of True: with `dislike_below` only
    where the rating is below that. Rows without ratings are likes, and the second is None.
    """
    users, columns, values, weights = one_each(rows, duplicates)
    shape = len(rows.user_ids), len(rows.item_ids)
    starts = np.searchsorted(users, np.arange(shape[0] + 1, dtype=users.dtype))
    if values is None:
        ones = np.ones(len(columns), np.float32)
        return _matrix(ones if weights is None else weights, columns, starts, shape), None
    is_liked = is_like(values)
    is_seen = ~is_liked
    if dislike_below is not None:
        is_seen &= values < dislike_below
    liked, seen = np.flatnonzero(is_liked), np.flatnonzero(is_seen)
    ones = np.ones(len(liked), np.float32)
    return (
        _matrix(
            ones if weights is None else weights[liked],
            columns[liked],
            np.searchsorted(liked, starts),
            shape,
        ),
        _matrix(np.ones(len(seen), np.bool_), columns[seen], np.searchsorted(seen, starts), shape),
    )


def _matrix(
    data: NDArray[Any], columns: Codes, starts: Codes, shape: tuple[int, int]
) -> sp.csr_array:
    index = index_dtype(len(columns), *shape)
    parts = data, columns.astype(index, copy=False), starts.astype(index)
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


def one_each(
    rows: Rows, duplicates: Duplicates
) -> tuple[Codes, Codes, NDArray[Any] | None, NDArray[Any] | None]:
    """Return users, items, ratings and weights in row-major order, each pair once.

    O(n) if the pairs already come so, else O(n log k) for k ratings a user.
    """
    users, items, ratings, weights = rows.users, rows.items, rows.ratings, rows.weights
    if _strictly_ordered(users, items):
        return users, items, ratings, weights
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
    if duplicates == "max" and weights is None:
        highest = None if ratings is None else np.maximum.reduceat(ratings[order], starts)
        return users, items, highest, None
    if duplicates == "max":
        # Which of a pair's rows counts matters too: the newest of the highest ratings.
        pair = np.cumsum(new)
        by = [x[order] for x in (weights, ratings) if x is not None]
        order = order[np.lexsort((*by, pair))]
        chosen = order[np.append(starts[1:], len(order)) - 1]
    elif ratings is None and weights is None:
        return users, items, None, None
    else:
        # Equal pairs are in no order among themselves.
        wanted = np.minimum if duplicates == "first" else np.maximum
        chosen = wanted.reduceat(order, starts)
    counting = (None if x is None else x[chosen] for x in (ratings, weights))
    return users, items, next(counting), next(counting)


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
