"""Ratings, from tables and matrices, as numbered rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp

from movieembed.data.likes import Likes
from ratings_tables import assert_canonical, pairs, table


@pytest.mark.parametrize("threshold", ["4", True, 4j, [4]])
def test_threshold_must_be_a_number(threshold: Any) -> None:
    with pytest.raises(TypeError, match="threshold must be a number or None"):
        Likes.from_ratings(table([1], [1], [5]), threshold=threshold)


@pytest.mark.parametrize("threshold", [np.nan, np.inf, -np.inf])
def test_threshold_must_be_finite(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold must be finite"):
        Likes.from_ratings(table([1], [1], [5]), threshold=threshold)


def test_without_ratings_every_row_is_a_like() -> None:
    likes = Likes.from_ratings(table([1, 2, 2], [1, 1, 1], timestamp=[3, 4, 5]))
    assert pairs(likes) == {(1, 1), (2, 1)}
    assert likes.is_binary
    with pytest.raises(ValueError, match=r"threshold=4.0 needs ratings, .* rating=\.\.\."):
        Likes.from_ratings(table([1], [1]), threshold=4.0)


@pytest.mark.parametrize("missing", ["raise", "drop"])
def test_infinite_ratings_are_never_allowed(missing: Any) -> None:
    with pytest.raises(ValueError, match="ratings has 1 values that are NaN or infinite"):
        Likes.from_ratings(table([1, 2], [1, 2], [5, np.inf]), missing=missing)


@pytest.mark.parametrize(
    "items",
    [
        [30, 10, 20],
        (30, 10, 20),
        np.array([30, 10, 20]),
        pd.Series([30, 10, 20], index=[2, 2, 2]),
        pd.Index([30, 10, 20]),
        pl.Series([30, 10, 20]),
        pa.chunked_array([[30], [10, 20]]),
        pd.DataFrame({"id": [30, 10, 20]}),
        pl.DataFrame({"id": [30, 10, 20], "ITEM_ID": [30, 10, 20]}),
        pd.Series([30.0, 10.0, 20.0]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_items_fix_the_columns(items: object) -> None:
    likes = Likes.from_ratings(table([1], [10], [5.0]), items=items)
    assert likes.items.tolist() == [30, 10, 20]
    assert likes.items.dtype == np.int64
    assert likes.matrix.toarray().tolist() == [[0, 1, 0]]
    assert likes.titles is None


def test_unknown_items() -> None:
    ratings = table([1, 2, 3, 3], [10, 20, 30, 10], [5, 5, 5, 5])
    with pytest.raises(ValueError, match=r"2 items that items lacks, such as 20, 30; pass unknown"):
        Likes.from_ratings(ratings, items=[10, 40])
    likes = Likes.from_ratings(ratings, items=[10, 40], unknown="drop")
    assert likes.users.tolist() == [1, 2, 3]
    assert pairs(likes) == {(1, 10), (3, 10)}
    with pytest.raises(ValueError, match=r"ratings hold 10 where items hold '10'"):
        Likes.from_ratings(ratings, items=["10", "20", "30"])


@pytest.mark.parametrize("option", ["duplicates", "missing", "unknown"])
def test_options_name_what_is_allowed(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} must be one of '.*', got 'nonsense'"):
        Likes.from_ratings(table([1], [1], [5]), **{option: "nonsense"})  # type: ignore[arg-type]


def test_empty_tables(frame: Callable[[dict[str, Any]], Any]) -> None:
    empty = {"userId": [], "movieId": [], "rating": []}
    likes = Likes.from_ratings(frame(empty), items=[1, 2])
    assert likes.shape == (0, 2)
    assert likes.item_counts.tolist() == [0, 0]
    assert_canonical(likes)
    nothing = Likes.from_ratings(frame(empty))
    assert nothing.shape == (0, 0)
    assert repr(nothing) == "Likes(0 users x 0 items, 0 likes)"
    assert nothing.is_binary
    assert len(nothing.item_index()) == 0


def test_no_items_but_users() -> None:
    likes = Likes.from_ratings(table([1, 2], [1, 2], [5, 5]), items=[], unknown="drop")
    assert likes.shape == (2, 0)


def test_ratings_in_a_matrix() -> None:
    ratings = sp.csr_array([[5.0, 3.0, 0], [0, 4.0, 2.0], [0, 0, 0]])
    likes = Likes.from_ratings(ratings, items=pd.DataFrame({"id": [7, 8, 9], "name": list("abc")}))
    np.testing.assert_array_equal(likes.matrix.toarray(), [[1, 0, 0], [0, 1, 0], [0, 0, 0]])
    assert likes.items.tolist() == [7, 8, 9]
    assert likes.users.tolist() == [0, 1, 2]
    assert Likes.from_ratings(ratings != 0).n_likes == 4
    with pytest.raises(ValueError, match="not of a matrix"):
        Likes.from_ratings(ratings, user="userId")
    ratings.data[1] = np.nan
    with pytest.raises(ValueError, match="ratings stores 1 NaN; pass missing='drop'"):
        Likes.from_ratings(ratings)
    assert Likes.from_ratings(ratings, missing="drop").n_likes == 2
    ratings.data[1] = np.inf
    with pytest.raises(ValueError, match="NaN or infinite"):
        Likes.from_ratings(ratings, missing="drop")
