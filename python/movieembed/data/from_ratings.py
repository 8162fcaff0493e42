"""From ratings, in a table, a matrix or a MovieLens data set, to the attributes of `Likes`."""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.message import Message, Parameter
from movieembed._base.validation import check_threshold
from movieembed._base.warn import warn_caller
from movieembed.data.canonical_csr import check_length
from movieembed.data.frames import labels_of_items
from movieembed.data.ids import as_ids, as_titles
from movieembed.data.likes_matrix import matrices_of_rows, reaching
from movieembed.data.movielens import load_compact
from movieembed.data.ratings import (
    Decay,
    Duplicates,
    RaiseOrDrop,
    Rows,
    check_rated,
    check_reading,
    encode,
    match_items,
    rows_of_matrix,
    rows_of_table,
)
from movieembed.data.users_by_items import read_matrix, refuse_cooccurrence
from movieembed.exceptions import ParameterError


def read_ratings(
    ratings: object,
    threshold: float | None,
    columns: tuple[Hashable | None, Hashable | None, Hashable | None],
    items: object,
    item_columns: tuple[Hashable | None, Hashable | None],
    duplicates: Duplicates,
    missing: RaiseOrDrop,
    unknown: RaiseOrDrop,
    *,
    decay: Decay,
    dislike_below: float | None = None,
) -> dict[str, Any]:
    """Return the attributes of `Likes.from_ratings`.

    `columns` are the labels of user, item and rating, `item_columns` those of item_id and title.
    """
    threshold = check_reading(threshold, duplicates, missing, unknown)
    dislike_below = check_threshold(dislike_below, "dislike_below")
    labels = labels_of_items(items, *item_columns, columns[1])
    if sp.issparse(ratings):
        if columns != (None, None, None):
            raise ValueError("user, item and rating name columns of a table, not of a matrix")
        for name in ("half_life", "timestamp"):
            if getattr(decay, name) is not None:
                what = "{name} goes by the times of a table's rows; a matrix has none"
                raise ParameterError(Message(what, name=Parameter(name)), name)
        given = read_matrix(ratings)
        rows = rows_of_matrix(given.values, missing)
        refuse_cooccurrence(given.values)
        if labels is not None:
            check_length(labels[0], 1, (len(rows.user_ids), len(rows.item_ids)), "items")
            rows.item_ids = labels[0]
    else:
        rows = rows_of_table(ratings, *columns, missing, decay)
        if labels is not None:
            swapped = match_items(rows, labels[0], unknown)
            if swapped:
                warn_caller(swapped)
    check_rated(threshold, rows.ratings is not None)
    check_rated(dislike_below, rows.ratings is not None, "dislike_below")
    titles, table = (None, None) if labels is None else labels[1:]
    return _attributes(rows, threshold, duplicates, titles, table, dislike_below)


def read_movielens(
    source: str | os.PathLike[str],
    threshold: float | None,
    *,
    duplicates: Duplicates = "last",
    unknown: RaiseOrDrop = "raise",
    **where: Any,
) -> tuple[dict[str, Any], int]:
    """Return the attributes of `Likes.from_movielens`, and how many ratings the data set has."""
    given = threshold = check_reading(threshold, duplicates, unknown=unknown)
    columns, movies = load_compact(source, **where)
    n_ratings = len(columns["rating"])
    # Arrays as large as the ratings are overwritten or let go early.
    users, user_ids = encode(columns.pop("userId"), "userId", overwrite=True)
    items, item_ids = encode(columns.pop("movieId"), "movieId", overwrite=True)
    rows = Rows(users, items, columns.pop("rating"), user_ids, item_ids)
    del users, items
    match_items(rows, as_ids(movies["movieId"].to_numpy(), "items"), unknown)
    titles = as_titles(movies["title"].to_numpy())
    if threshold is not None and rows.ratings is not None and rows.ratings.dtype == np.float32:
        threshold = _rounded_up(threshold)
    attributes = _attributes(rows, threshold, duplicates, titles, movies)
    if given is not None:
        attributes["threshold"] = given
    return attributes, n_ratings


def _attributes(
    rows: Rows,
    threshold: float | None,
    duplicates: Duplicates,
    titles: NDArray[np.object_] | None,
    table: pd.DataFrame | None,
    dislike_below: float | None = None,
) -> dict[str, Any]:
    least = None

    def is_like(values: NDArray[Any]) -> NDArray[np.bool_]:
        nonlocal least
        liked, least = reaching(values, threshold)
        return liked

    matrix, seen = matrices_of_rows(rows, duplicates, is_like, dislike_below)
    return {
        "matrix": matrix,
        "seen": seen,
        "threshold": least,
        "users": rows.user_ids,
        "items": rows.item_ids,
        "titles": titles,
        "item_table": table,
    }


def _rounded_up(threshold: float) -> float:
    """Return the least float32 from the threshold on: float32 ratings reach both or neither."""
    with np.errstate(over="ignore"):
        nearest = np.float32(threshold)
    # As Python floats: NumPy would round the threshold to 32 bits to compare the two.
    reached = float(nearest) >= threshold
    return float(nearest if reached else np.nextafter(nearest, np.float32(np.inf)))
