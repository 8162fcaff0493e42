"""What is no users x items matrix though it looks like one, and what frames say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import movieembed as me
from helpers import random_likes
from ratings_tables import FRAMES

LIKES = random_likes(20, 6, 0.5, seed=1)
X = (LIKES.T @ LIKES).toarray()
V = np.ones((6, 1))
RATINGS = {
    "userId": [1, 1, 2, 2, 3],
    "movieId": [10, 20, 10, 30, 20],
    "rating": [5.0, 4.0, 4.0, 5.0, 3.0],
    "timestamp": [1, 2, 3, 4, 5],
}
TAKERS: dict[str, Callable[[Any], Any]] = {
    "fit": lambda data: me.MovieEmbedding(1).fit(data),
    "refit": lambda data: me.MovieEmbedding(1, random_state=0).fit(LIKES).refit(data),
    "from_matrix": me.Likes.from_matrix,
    "cooccurrence": me.cooccurrence,
    "cooccurrence_sums": me.cooccurrence_sums,
    "cooccurrence_top_k": lambda data: me.cooccurrence_top_k(data, 2),
    "cooccurrence_frame": lambda data: me.cooccurrence_frame(data, [0]),
    "cost": lambda data: me.cost(data, V),
    "gradient": lambda data: me.gradient(data, V),
    "recommend": lambda data: me.MovieEmbedding(1, random_state=0).fit(LIKES).recommend(data),
    "query_vectors": lambda data: (
        me.MovieEmbedding(1, random_state=0).fit(LIKES).query_vectors(data)
    ),
}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("taker", TAKERS)
def test_a_table_of_ratings_is_no_matrix(taker: str, frame: str) -> None:
    with pytest.raises(ValueError, match=r"a row a rating \(columns 'userId', 'movieId', 'rating'"):
        TAKERS[taker](FRAMES[frame](RATINGS))


def test_other_tables_of_ratings() -> None:
    table = pd.DataFrame(RATINGS)
    for other in (
        table.drop(columns="rating"),
        table.drop(columns="userId"),
        table.set_index(["userId", "movieId"]),
        table.rename(columns={"userId": "user_id", "movieId": "Film", "rating": "Stars"}),
    ):
        with pytest.raises(ValueError, match=r"pass Likes\.from_ratings\(table\)"):
            me.Likes.from_matrix(other)
    with pytest.raises(TypeError, match="column 'reader' of the matrix must hold numbers"):
        me.Likes.from_matrix(pd.DataFrame({"reader": ["ann", "bob"], "stars": [4, 5]}))


def test_a_pivot_table_is_a_matrix_and_its_transpose_is_not() -> None:
    pivot = pd.DataFrame(RATINGS).pivot(index="userId", columns="movieId", values="rating")
    with pytest.raises(ValueError, match=r"1 missing values \(NaN or null\) in column 10: fill"):
        me.Likes.from_matrix(pivot)
    likes = me.Likes.from_matrix(pivot.fillna(0) >= 4)
    assert likes.matrix.toarray().tolist() == [[1, 1, 0], [1, 0, 1], [0, 0, 0]]
    assert likes.users.tolist() == [1, 2, 3]
    assert likes.items.tolist() == [10, 20, 30]
    for turned in (pivot.T, pivot.T.rename_axis(columns=None), pivot.T.rename_axis(index=None)):
        with pytest.raises(ValueError, match=r"pass its transpose, frame\.T"):
            me.Likes.from_matrix(turned.fillna(0))


def test_rows_of_a_frame_have_ids() -> None:
    dense = LIKES.toarray()
    users = [f"u{i}" for i in range(20)]
    columns = {f"f{j}": dense[:, j] for j in range(6)}
    for frame in (
        pd.DataFrame(columns, index=users),
        pd.DataFrame({"user": users, **columns}),
        pl.DataFrame({"user_id": users, **columns}),
    ):
        likes = me.Likes.from_matrix(frame)
        assert likes.users.tolist() == users
        assert likes.items.tolist() == list(columns)
        np.testing.assert_array_equal(likes.matrix.toarray(), dense)
        assert me.MovieEmbedding(1, random_state=0).fit(frame).items_.tolist() == list(columns)
    twice = pd.concat([pd.DataFrame(columns)] * 2)
    assert me.Likes.from_matrix(twice).users.tolist() == list(range(40))


def test_names_and_ids_that_are_given_beside_them() -> None:
    frame = pd.DataFrame({"b": [1, 0], "a": [1, 1]})
    catalogue = pd.DataFrame({"id": ["a", "b", "c"], "title": ["A", "B", "C"]})
    likes = me.Likes.from_matrix(frame, items=catalogue)
    assert likes.matrix.toarray().tolist() == [[1, 1, 0], [1, 0, 0]]
    assert likes.titles is not None
    assert likes.titles.tolist() == ["A", "B", "C"]
    with pytest.raises(ValueError, match="1 columns that items lacks, such as 'b'"):
        me.Likes.from_matrix(frame, items=["a", "c"])
    numbered = pd.DataFrame(frame.to_numpy())
    assert me.Likes.from_matrix(numbered, items=["x", "y"]).items.tolist() == ["x", "y"]
    # Many frames can name columns in text alone.
    text = pl.DataFrame({"7": [1, 0], "3": [1, 1]})
    likes = me.Likes.from_matrix(text, items=[3, 7])
    assert likes.matrix.toarray().tolist() == [[1, 1], [1, 0]]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("by", ["columns", "pivot"])
def test_names_that_are_numbers_are_put_in_order(first: int, by: str) -> None:
    names = [first, first + 1, first + 2]
    frame = pd.DataFrame([[1, 0, 1], [1, 1, 0]], columns=names)
    given = frame
    if by == "pivot":
        long = frame.rename_axis(columns="item").stack().rename("n").reset_index()
        given = long.rename(columns={"level_0": "user"}).pivot(index="user", columns="item")["n"]
    for order in (names[::-1], [names[2], 99, names[0], names[1]]):
        likes = me.Likes.from_matrix(given, items=order)
        expected = frame.reindex(columns=order).fillna(0)
        np.testing.assert_array_equal(likes.matrix.toarray(), expected)
        assert likes.items.tolist() == order
    with pytest.raises(ValueError, match=f"1 columns that items lacks, such as {first};"):
        me.Likes.from_matrix(given, items=[*names[1:], 99])
    plain = me.Likes.from_matrix(pd.DataFrame(frame.to_numpy()), items=[2, 0, 1])
    np.testing.assert_array_equal(plain.matrix.toarray(), frame)
    assert plain.items.tolist() == [2, 0, 1]


def test_a_model_finds_columns_by_name_whatever_names_them() -> None:
    ids = [30, 4, 100, 7, 55, 2]
    model = me.MovieEmbedding(1, random_state=0).fit(me.Likes.from_matrix(LIKES, items=ids))
    dense = LIKES.toarray()[:3]
    by_text = pl.DataFrame({str(ids[j]): dense[:, j] for j in (5, 0, 3)})
    wanted = np.zeros((3, 6))
    wanted[:, [0, 3, 5]] = dense[:, [0, 3, 5]]
    np.testing.assert_array_equal(model.recommend(by_text)[0], model.recommend(wanted)[0])
    assert model.refit(by_text).items_.tolist() == ids
    with pytest.raises(me.ItemNotFoundError, match="no items of the model: 'x', 9; leave them out"):
        model.recommend(pd.DataFrame([[1, 1, 1]], columns=["x", 30, 9]))
    titled = me.Likes.from_matrix(LIKES, items=ids, titles=list("abcdef"))
    model = me.MovieEmbedding(1, random_state=0).fit(titled)
    with pytest.raises(ValueError, match="columns 30 and 'a' are the same item"):
        model.recommend(pd.DataFrame([[1, 1]], columns=[30, "a"]))


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("diagonal", [False, True], ids=["", "with diagonal"])
def test_x_is_no_matrix_of_likes(taker: str, diagonal: bool) -> None:
    given = X if diagonal else X - np.diag(np.diag(X))
    for data in (given, sp.coo_array(given), given.tolist()):
        with pytest.raises(ValueError, match=r"6 x 6, is symmetric, as X .* is, but X is made"):
            TAKERS[taker](data)
    with pytest.raises(ValueError, match="is symmetric"):
        TAKERS["fit"](pd.DataFrame(given, columns=list("abcdef"), index=list("abcdef")))


def test_rows_that_are_said_to_be_users_may_be_symmetric() -> None:
    friends = X - np.diag(np.diag(X))
    likes = me.Likes.from_matrix(friends, users=range(6))
    np.testing.assert_array_equal(likes.matrix.toarray(), friends)
    model = me.MovieEmbedding(1, random_state=0, keep_likes=True).fit(likes)
    model.recommend(likes)
    model.recommend_users(likes)
    model.refit(likes)
    assert me.cost(likes, V) > 0
    assert me.Likes(sp.csr_array(friends), likes.users, likes.items).n_likes == likes.n_likes


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.integers(0, 1), min_size=4, max_size=4), min_size=4, max_size=4))
def test_ones_that_are_x_are_refused_and_no_others(rows: list[list[int]]) -> None:
    dense = np.array(rows)
    is_x = (dense == dense.T).all() and not np.diag(dense).any() and dense.any()
    if is_x:
        with pytest.raises(ValueError, match="is symmetric"):
            me.Likes.from_matrix(dense)
    else:
        np.testing.assert_array_equal(me.Likes.from_matrix(dense).matrix.toarray(), dense)


@pytest.mark.parametrize(
    "dense",
    [[[0, 2], [2, 0]], np.eye(4), 3 * np.eye(4), np.zeros((4, 4)), np.ones((4, 4))],
    ids=["two users", "one like each", "weighted", "nothing", "everything"],
)
def test_what_may_be_likes_by_chance(dense: Any) -> None:
    np.testing.assert_array_equal(me.Likes.from_matrix(dense).matrix.toarray(), dense)
