"""Ratings whose columns, scale or order of columns are surely not what was meant."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import movieembed as me
from ratings_tables import FRAMES


def ratings(n_users: int = 30, n_items: int = 20, low: int = 1, high: int = 5) -> pd.DataFrame:
    """A table in which the ids of users and items overlap in no value."""
    rng = np.random.default_rng(4)
    users, items = np.divmod(rng.permutation(n_users * n_items)[:200], n_items)
    stars = rng.integers(low, high + 1, 200)
    return pd.DataFrame({"userId": users, "movieId": items + 1000, "rating": stars})


@pytest.mark.parametrize("frame", FRAMES)
def test_columns_that_cannot_be_the_user_and_item(frame: str) -> None:
    table = ratings()
    table["user"] = np.where(table["userId"] % 2, "new", "old")
    table = table.drop(columns="userId").assign(item=table["rating"]).drop(columns="movieId")
    given = FRAMES[frame](table.to_dict("list"))
    match = "ratings has 200 rows, but columns 'user' and 'item', .* only 2 x 5 pairs; say which"
    with pytest.raises(ValueError, match=match):
        me.Likes.from_ratings(given)
    with pytest.raises(ValueError, match=match):
        me.Likes.from_ratings(given, user="user")
    both = me.Likes.from_ratings(given, user="user", item="item")
    assert both.shape == (2, 5)


def test_a_column_that_a_table_without_names_lacks() -> None:
    table = pd.DataFrame([[1, 2, 5], [2, 3, 4]])
    for given in ({"user": "user"}, {"item": "item"}, {"rating": "r"}, {"user": "a", "item": "b"}):
        words = r"is not a column of ratings; it has: 0, 1, 2"
        with pytest.raises(ValueError, match=words) as caught:
            me.Likes.from_ratings(table, **given)
        assert caught.value.parameter == next(iter(given))


def test_as_many_rows_as_pairs_are_all_right() -> None:
    table = pd.DataFrame({"userId": np.repeat(range(10), 10), "movieId": list(range(10)) * 10})
    assert me.Likes.from_ratings(table).n_likes == 100
    assert me.Likes.from_ratings(pd.concat([table, table])).n_likes == 100
    with pytest.raises(ValueError, match="only 10 x 10 pairs"):
        me.Likes.from_ratings(pd.concat([table, table, table[:1]]))


def test_columns_that_are_named_the_wrong_way_round() -> None:
    table = ratings()
    with pytest.warns(UserWarning, match="user='movieId' and item='userId' look swapped"):
        likes = me.Likes.from_ratings(table, user="movieId", item="userId", threshold=3)
    assert likes.items.max() < 30


@pytest.mark.parametrize("unknown", ["raise", "drop"])
def test_items_that_are_the_users(unknown: Any) -> None:
    table = ratings()
    table = table.rename(columns={"userId": "movieId", "movieId": "userId"})
    catalogue = pd.DataFrame({"movieId": range(1000, 1020)})
    said = "all users are in items, so users and items look swapped"
    if unknown == "raise":
        with pytest.raises(ValueError, match=said):
            me.Likes.from_ratings(table, items=catalogue)
    else:
        with pytest.warns(UserWarning, match=said):
            me.Likes.from_ratings(table, items=catalogue, unknown=unknown)
    right = ratings()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        me.Likes.from_ratings(right, items=catalogue)
        with pytest.raises(ValueError, match="ratings name 19 items") as caught:
            me.Likes.from_ratings(right, items=[1000])
    assert "swapped" not in str(caught.value)


@pytest.mark.parametrize("as_matrix", [False, True])
def test_a_scale_that_the_default_threshold_is_not_for(as_matrix: bool) -> None:
    table = ratings(high=10)
    given: Any = table
    if as_matrix:
        places = (table["userId"], table["movieId"] - 1000)
        given = sp.coo_array((table["rating"].astype(float), places))
    share = f"{(table['rating'] >= 4).mean():.0%}"
    match = f"go up to 10, and {share} of them, those from 4 on, count .*; choose with threshold$"
    with pytest.warns(UserWarning, match=match):
        likes = me.Likes.from_ratings(given)
    assert likes.n_likes == (table["rating"] >= 4).sum()
    assert likes.threshold == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert me.Likes.from_ratings(given, threshold=4).threshold == 4
        assert me.Likes.from_ratings(ratings()).threshold == 4
        ones = table.assign(rating=table["rating"] > 5)
        assert me.Likes.from_ratings(ones).threshold == 1
        assert me.Likes.from_ratings(table.drop(columns="rating")).threshold is None
        assert me.Likes.from_matrix(np.eye(3)).threshold is None


def test_the_threshold_of_a_movielens_folder_is_as_given(tmp_path: Any) -> None:
    (tmp_path / "ratings.dat").write_text("1::10::5::978300760\n1::20::4.1::978302109\n")
    (tmp_path / "movies.dat").write_text("10::Heat (1995)::Crime\n20::Up (2009)::Drama\n")
    likes = me.Likes.from_movielens(tmp_path, 4.1)
    assert likes.threshold == 4.1
    assert likes.n_likes == 2
    assert me.Likes.from_movielens(tmp_path, None).threshold == 4


def test_likes_check_their_threshold() -> None:
    made = me.Likes(sp.csr_array(np.eye(2)), [0, 1], [0, 1], threshold=3)  # type: ignore[arg-type]
    assert made.threshold == 3
    with pytest.raises(TypeError, match="threshold must be a number or None"):
        me.Likes(sp.csr_array(np.eye(2)), [0, 1], [0, 1], threshold="4")  # type: ignore[arg-type]


def test_x_is_no_matrix_of_ratings() -> None:
    X = sp.csr_array(np.ones((4, 4)) - np.eye(4))
    with pytest.raises(ValueError, match="is symmetric, as X"):
        me.Likes.from_ratings(X)
