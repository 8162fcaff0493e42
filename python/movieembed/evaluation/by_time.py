"""Split likes by time: each user's last ones, or all from a moment on."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from movieembed._base.message import Message, Parameter
from movieembed.data.frames import Table, as_table
from movieembed.data.ids import ACCEPTED
from movieembed.data.likes import Likes, as_likes
from movieembed.data.rating_columns import find_pair_columns, find_time_column
from movieembed.data.times import Times, times_of
from movieembed.evaluation.holdout import first_of_rows, rows_of, selected
from movieembed.evaluation.splits import Split, check_share, within_users
from movieembed.exceptions import ParameterError


def split_last(
    likes: Likes,
    ratings: Any,
    n: int = 1,
    *,
    user: Hashable | None = None,
    item: Hashable | None = None,
    timestamp: Hashable | None = None,
) -> Split:
    """Hold out each user's last likes by time.

    Parameters
    ----------
    likes : Likes
    ratings : data frame
        With the times, in any frame that `Likes.from_ratings` takes; rows that are not likes are
        passed over.
    n : int, default=1
        Likes a user; users with no more than that many keep them.
    user, item, timestamp : hashable or None
        Column labels; None looks for usual names. Times are numbers, dates or text.

    Returns
    -------
    Split

    Raises
    ------
    ValueError
        When the table lacks a column or the time of a like, or nothing is held out.

    Examples
    --------
    >>> import pandas as pd
    >>> import movieembed as me
    >>> from movieembed.evaluation import split_last
    >>> ratings = pd.DataFrame({"userId": [1, 1, 1], "movieId": [7, 8, 9],
    ...                         "rating": [5.0, 4.0, 5.0], "timestamp": [30, 10, 20]})
    >>> split = split_last(me.Likes.from_ratings(ratings), ratings)
    >>> split.held.indices.tolist()
    [0]
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"n must be a positive integer, not {n!r}")
    likes = as_likes(likes)
    matrix, when = likes.matrix, _times_of_likes(likes, ratings, user, item, timestamp).values
    lengths = np.diff(matrix.indptr)
    counts = np.where(lengths > n, n, 0)
    # The latest first; of several at once the later column.
    order = np.lexsort((-matrix.indices.astype(np.int64), -when, rows_of(matrix)))
    held = first_of_rows(matrix, order, counts)
    return within_users(likes, selected(matrix, ~held), selected(matrix, held))


def split_time(
    likes: Likes,
    ratings: Any,
    share: float = 0.2,
    *,
    cutoff: Any = None,
    user: Hashable | None = None,
    item: Hashable | None = None,
    timestamp: Hashable | None = None,
) -> Split:
    """Hold out all likes from a moment on, as if the model were fitted then.

    Parameters
    ----------
    likes : Likes
    ratings : data frame
        With the times, as for `split_last`.
    share : float, default=0.2
        Of all likes, the newest; those of the same time as the oldest of them go with them.
    cutoff : number, str, datetime or None
        The moment, instead of a share: a number in the unit of the times, or seconds since 1970
        where those are dates; text such as "2009-07-01", or "2009" where they are dates; without
        a zone in UTC.
    user, item, timestamp : hashable or None
        Column labels; None looks for usual names. Times are numbers, dates or text.

    Returns
    -------
    Split
        `train` is what came before. Users with nothing before it are not asked for.

    Raises
    ------
    ValueError
        When the table lacks a column or the time of a like, or nothing is before or after.

    Examples
    --------
    >>> import pandas as pd
    >>> import movieembed as me
    >>> from movieembed.evaluation import split_time
    >>> ratings = pd.DataFrame({"user": ["ann", "ann", "bob"], "book": ["Emma", "It", "Emma"],
    ...                         "stars": [5, 4, 5], "date": ["2024-05", "2025-02", "2025-03"]})
    >>> likes = me.Likes.from_ratings(ratings)
    >>> split = split_time(likes, ratings, cutoff="2025-01-01")
    >>> split.train.n_likes, split.held.toarray().tolist()
    (1, [[0.0, 1.0]])
    """
    check_share(share)
    likes = as_likes(likes)
    matrix, times = likes.matrix, _times_of_likes(likes, ratings, user, item, timestamp)
    when = times.values
    if not len(when):
        raise ValueError("there are no likes to split")
    if cutoff is None:
        # Rounded, as 1 - 0.9 is a little less than 0.1.
        first: Any = np.sort(when)[int(round((1 - share) * len(when), 6))]
    else:
        first = times.at(cutoff, "cutoff")
    later = when >= first
    if later.all() or not later.any():
        side = "before" if later.all() else "from"
        what = "nobody liked anything {side} {cutoff}: the likes are from {oldest} to {newest}"
        given = Parameter("cutoff", cutoff) if cutoff is not None else Parameter("share", share)
        ends = {
            "oldest": times.named(when.min(), cutoff),
            "newest": times.named(when.max(), cutoff),
        }
        raise ParameterError(Message(what, side=side, cutoff=given, **ends), given.name)
    known = np.bincount(rows_of(matrix)[~later], minlength=matrix.shape[0]) > 0
    held = selected(matrix, later & known[rows_of(matrix)])
    return within_users(likes, selected(matrix, ~later), held)


def _times_of_likes(
    likes: Likes,
    ratings: Any,
    user: Hashable | None,
    item: Hashable | None,
    timestamp: Hashable | None,
) -> Times:
    """Return the time of each stored like, of repeated ratings that of the last row."""
    table = as_table(ratings, "ratings")
    if table is None:
        raise TypeError(f"ratings must be {ACCEPTED}, not {type(ratings).__name__}")
    labels = _labels(table, user, item, timestamp)
    matrix = likes.matrix
    place_user = {value: r for r, value in enumerate(likes.users.tolist())}
    place_item = {value: c for c, value in enumerate(likes.items.tolist())}
    columns = [table.column(label, "ratings") for label in labels]
    rows, places = (
        np.array([place.get(v, -1) for v in column.to_list()], dtype=np.int64)
        for place, column in zip((place_user, place_item), columns[:2], strict=True)
    )
    known = (rows >= 0) & (places >= 0)
    keys = rows * matrix.shape[1] + places
    own = rows_of(matrix) * matrix.shape[1] + matrix.indices
    at = np.searchsorted(own, keys)
    there = known & (at < len(own))
    there[there] = own[at[there]] == keys[there]
    # Others may have no time.
    times = times_of(columns[2].filter(there.tolist()), labels[2])
    of_like = np.full(len(own), -1)
    of_like[at[there]] = np.arange(int(there.sum()))
    if (of_like < 0).any():
        raise ValueError(f"{int((of_like < 0).sum()):,} likes have no time in the ratings")
    return Times(times.values[of_like], times.per_second, times.numbers)


def _labels(
    table: Table, user: Hashable | None, item: Hashable | None, timestamp: Hashable | None
) -> list[Any]:
    given = {"user": user, "item": item, "timestamp": timestamp}
    for role, label in given.items():
        if label is not None and label not in table.columns:
            what = "the ratings have no column {label}; they have {listed}"
            named = Parameter(role, label, repr(label))
            listed = ", ".join(map(repr, table.columns))
            raise ParameterError(Message(what, label=named, listed=listed), role)
    found = list(find_pair_columns(table, user, item).values())
    return [*found, find_time_column(table, timestamp, found)]
