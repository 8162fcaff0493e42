"""Columns are found in frames of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from movieembed.data.likes import Likes
from movieembed.exceptions import ParameterError
from ratings_tables import assert_canonical, pairs, table


def test_every_kind_of_frame_gives_the_same(frame: Callable[[dict[str, Any]], Any]) -> None:
    ratings = {"user_id": [7, 7, 3], "item": ["b", "a", "b"], "Score": [4.0, 3.5, 5.0]}
    items = {"item_id": ["c", "b", "a"], "name": ["C", None, "A"], "n": [1, 2, 3]}
    likes = Likes.from_ratings(frame(ratings), items=frame(items))
    assert likes.users.tolist() == [3, 7]
    assert likes.users.dtype == np.int64
    assert likes.items.tolist() == ["c", "b", "a"]
    assert likes.items.dtype == object
    assert likes.titles is not None
    assert likes.titles.tolist() == ["C", "", "A"]
    assert pairs(likes) == {(7, "b"), (3, "b")}
    assert likes.item_table is not None
    assert likes.item_table["n"].tolist() == [1, 2, 3]
    assert likes.item_table.index.tolist() == [0, 1, 2]
    assert_canonical(likes)


@pytest.mark.parametrize(
    ("user", "item", "rating"),
    [
        ("userId", "movieId", "rating"),
        ("USER_ID", "Movie ID", "Stars"),
        ("uid", "iid", "Value"),
        ("user", "film", "liked"),
    ],
)
def test_usual_column_names_are_found(user: str, item: str, rating: str) -> None:
    frame = pd.DataFrame({rating: [4, 2], "extra": ["x", "y"], item: [1, 2], user: [5, 6]})
    assert pairs(Likes.from_ratings(frame)) == {(5, 1)}


def test_columns_can_be_named_by_any_label() -> None:
    exercise = pd.DataFrame([[10, 1, 0], [20, 1, 1], [10, 2, 1]])
    likes = Likes.from_ratings(exercise, item=0, user=1, rating=2)
    assert pairs(likes) == {(1, 20), (2, 10)}
    deep = pd.DataFrame(
        [[1, 10, 5.0]], columns=pd.MultiIndex.from_tuples([("a", x) for x in "uir"])
    )
    likes = Likes.from_ratings(deep, user=("a", "u"), item=("a", "i"), rating=("a", "r"))
    assert pairs(likes) == {(1, 10)}


def test_a_named_column_is_not_taken_for_another() -> None:
    frame = pd.DataFrame({"user": ["ann"], "item": ["x"], "movie": ["y"], "rating": [5]})
    assert pairs(Likes.from_ratings(frame, item="movie")) == {("ann", "y")}
    assert pairs(Likes.from_ratings(frame, user="item", item="movie")) == {("x", "y")}


def test_ids_in_a_pandas_index_are_found() -> None:
    ratings = table([1, 2], [10, 20], [5.0, 1.0]).set_index(["userId", "movieId"])
    movies = pd.DataFrame({"title": ["B", "A"]}, index=pd.Index([20, 10], name="movieId"))
    likes = Likes.from_ratings(ratings, items=movies)
    assert pairs(likes) == {(1, 10)}
    assert likes.titles is not None
    assert likes.titles.tolist() == ["B", "A"]
    assert movies.index.name == "movieId"


def test_an_unaligned_pandas_index_changes_nothing() -> None:
    ratings = table([1, 1, 2], [10, 20, 10], [5.0, None, 4.0])
    shuffled = ratings.set_axis([3, 3, 0])
    for drop in (ratings, shuffled):
        assert pairs(Likes.from_ratings(drop, missing="drop")) == {(1, 10), (2, 10)}


def test_columns_that_cannot_be_told_are_errors() -> None:
    with pytest.raises(ValueError, match=r"the user; it has: 'a', 'movieId'.*user=\.\.\."):
        Likes.from_ratings(pd.DataFrame({"a": [1], "movieId": [1]}))
    with pytest.raises(ValueError, match="the item; it has: 0, 1, 2"):
        Likes.from_ratings(pd.DataFrame([[1, 2, 3]]), user=0)
    with pytest.raises(ValueError, match=r"could be the item: 'item' and 'movie'; .*item='item'"):
        Likes.from_ratings(pd.DataFrame({"user": [1], "item": [1], "movie": [1]}))
    with pytest.raises(ValueError, match="could be the rating: 'rating' and 'liked'"):
        Likes.from_ratings(table([1], [1], [1], liked=[1]))
    with pytest.raises(ValueError, match="rating='stars' is not a column of ratings; it has"):
        Likes.from_ratings(table([1], [1], [1]), rating="stars")
    twice = pd.DataFrame([[1, 2, 3]], columns=["userId", "movieId", "movieId"])
    with pytest.raises(ValueError, match=r"'movieId' and 'movieId'"):
        Likes.from_ratings(twice)
    with pytest.raises(ValueError, match="ratings has 2 columns called 'movieId'"):
        Likes.from_ratings(twice, item="movieId")


@pytest.mark.parametrize(
    "ratings",
    [
        None,
        3,
        "ratings.csv",
        {"userId": [1]},
        [(1, 2, 5.0)],
        np.zeros((2, 2)),
        pd.Series([1]),
        pl.Series([1]),
        pa.chunked_array([[1]]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_table_is_refused_with_what_is(ratings: object) -> None:
    with pytest.raises(TypeError, match=r"pandas, polars, PyArrow .* SciPy sparse"):
        Likes.from_ratings(ratings)


def test_an_arrow_stream_without_a_table_is_refused() -> None:
    class Broken:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return pa.chunked_array([[1]]).__arrow_c_stream__(requested_schema)

    with pytest.raises(TypeError, match="ratings"):
        Likes.from_ratings(Broken())


def test_a_number_that_may_be_the_rating_is_pointed_at() -> None:
    with pytest.warns(UserWarning, match="pass rating='plays'") as caught:
        likes = Likes.from_ratings(table([1, 2], [1, 2], plays=[0, 7], tag=["x", "y"]))
    assert caught[0].filename == __file__
    assert likes.n_likes == 2
    with pytest.warns(UserWarning, match="pass rating=2"):
        Likes.from_ratings(pd.DataFrame([[10, 1, 0]]), item=0, user=1)


def test_missing_values_are_reported(frame: Callable[[dict[str, Any]], Any]) -> None:
    data = {
        "userId": [1, None, 3, 4],
        "movieId": ["a", "b", None, "d"],
        "rating": [5.0, 5.0, 5.0, None],
    }
    with pytest.raises(
        ValueError,
        match=r"missing values in 3 of 4 rows \(1 in column 'userId', 1 in column 'movieId', "
        r"1 in column 'rating'\), first in row 1, counting from 0; pass missing='drop'",
    ):
        Likes.from_ratings(frame(data))
    likes = Likes.from_ratings(frame(data), missing="drop")
    assert likes.users.tolist() == [1]
    assert likes.users.dtype == np.int64
    assert pairs(likes) == {(1, "a")}


def test_nan_is_missing_where_null_is_another_thing() -> None:
    ratings = [5.0, np.nan, None]
    frame = pl.DataFrame({"userId": [1, 2, 3], "movieId": [1, 2, 3], "rating": ratings})
    with pytest.raises(ValueError, match=r"2 of 3 rows .*first in row 1"):
        Likes.from_ratings(frame)
    assert pairs(Likes.from_ratings(frame, missing="drop")) == {(1, 1)}


@pytest.mark.parametrize("ratings", [["5", "4"], [4 + 1j, 5], [object(), 5], [[5], [4]], [5, "x"]])
def test_ratings_must_be_numbers(ratings: list[Any]) -> None:
    with pytest.raises(TypeError, match="'rating' must hold numbers"):
        Likes.from_ratings(table([1, 2], [1, 2], ratings))


def test_numbers_in_an_object_column_are_numbers() -> None:
    from decimal import Decimal

    for column in ([5, 3.5], [Decimal("4.5"), Decimal("1")]):
        frame = table([1, 2], [1, 2], pd.Series(column, dtype=object))  # type: ignore[arg-type]
        assert pairs(Likes.from_ratings(frame)) == {(1, 1)}
    decimals = pl.DataFrame(
        {"user": [1, 2], "item": [1, 2], "rating": [Decimal("4.5"), Decimal(1)]}
    )
    for frame in (decimals, decimals.to_arrow()):
        assert pairs(Likes.from_ratings(frame)) == {(1, 1)}


def test_item_tables_with_other_names() -> None:
    movies = pd.DataFrame({"film no": [1, 2], "de": ["Eins", "Zwei"], "title": ["One", "Two"]})
    ratings = pd.DataFrame({"user": [1], "film no": [2], "rating": [5]})
    likes = Likes.from_ratings(ratings, item="film no", items=movies)
    assert likes.titles is not None
    assert likes.titles.tolist() == ["One", "Two"]
    likes = Likes.from_ratings(ratings, item="film no", items=movies, item_id="film no", title="de")
    assert likes.titles is not None
    assert likes.titles.tolist() == ["Eins", "Zwei"]
    with pytest.raises(ValueError, match="title='fr' is not a column of items"):
        Likes.from_ratings(ratings, item="film no", items=movies, title="fr")
    with pytest.raises(ValueError, match="items has no column that looks like the item_id"):
        Likes.from_ratings(table([1], [2], [5]), items=movies)


@pytest.mark.parametrize("items", [[2], None])
@pytest.mark.parametrize("name", ["item_id", "title"])
def test_columns_of_items_need_their_table(items: Any, name: str) -> None:
    options: dict[str, Any] = {"items": items, name: "de"}
    for read in (
        lambda: Likes.from_ratings(table([1], [2], [5]), **options),
        lambda: Likes.from_matrix([[1]], **options),
    ):
        match = f"{name}='de' names a column of a table, but items is not a table"
        with pytest.raises(ParameterError, match=match) as raised:
            read()
        assert raised.value.parameter == name


def test_item_table_is_a_copy() -> None:
    movies = pd.DataFrame({"movieId": [1, 2], "title": ["One", "Two"]}, index=[9, 8])
    likes = Likes.from_ratings(table([1], [1], [5]), items=movies)
    assert likes.item_table is not None
    likes.item_table.loc[0, "title"] = "changed"
    assert movies.loc[9, "title"] == "One"
