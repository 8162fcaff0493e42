"""Ids of any kind come out in one form and order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from movieembed.data.ids import unify
from movieembed.data.likes import Likes
from ratings_tables import table


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([30, 10, 20], [10, 20, 30]),
        ([3.0, 1.0, 2.0], [1, 2, 3]),
        ([2.5, 0.5, 1.0], [0.5, 1.0, 2.5]),
        (["b", "a", "B"], ["B", "a", "b"]),
        ([("b", 1), ("a", 2), ("a", 1)], [("a", 1), ("a", 2), ("b", 1)]),
        ([2, "a", (1, 2)], [2, "a", (1, 2)]),
        ([b"y", b"x", b"z"], [b"x", b"y", b"z"]),
        ([2**63 + 2, 2**63, 2**63 + 1], [2**63, 2**63 + 1, 2**63 + 2]),
        ([2**70, 1, 2**65], [1, 2**65, 2**70]),
        ([frozenset("b"), frozenset("a"), frozenset("ab")],) * 2,
    ],
)
def test_ids_of_any_kind_are_kept_in_order(ids: list[Any], expected: list[Any]) -> None:
    column = pd.Series(ids, dtype=object) if not isinstance(ids[0], int | float) else ids
    frame = pd.DataFrame({"userId": column, "movieId": column, "rating": [5, 5, 5]})
    likes = Likes.from_ratings(frame)
    assert likes.users.tolist() == expected
    assert likes.items.tolist() == expected
    assert likes.items.ndim == 1
    np.testing.assert_array_equal(likes.matrix.toarray(), np.eye(3))


def test_integer_ids_are_int64_whatever_their_width() -> None:
    frame = table([2, 1], [1, 2], [5, 5])
    for dtype in ("int8", "uint16", "int64", "uint64", "float32", "Int32", object):
        likes = Likes.from_ratings(frame.astype({"userId": dtype, "movieId": dtype}))
        assert likes.users.dtype == likes.items.dtype == np.int64
        assert likes.users.tolist() == [1, 2]


def test_unsigned_ids_are_int64_where_they_fit() -> None:
    assert unify(np.array([1, 2], np.uint64)).dtype == np.int64
    assert unify(np.array([], np.uint64)).dtype == np.int64
    large = np.array([1, 2**63], np.uint64)
    assert unify(large).dtype == np.uint64
    assert unify(large).tolist() == [1, 2**63]


def test_categories_count_as_their_values() -> None:
    frame = table(["b", "a"], ["x", "y"], [5, 5]).astype({"userId": "category"})
    assert Likes.from_ratings(frame).users.tolist() == ["a", "b"]
    polars = pl.DataFrame({"user": ["b", "a"], "item": [1, 2], "rating": [5, 5]})
    polars = polars.with_columns(pl.col("user").cast(pl.Categorical))
    assert Likes.from_ratings(polars).users.tolist() == ["a", "b"]


def test_large_nullable_ids_keep_every_digit() -> None:
    ids = [2**53 + 1, None, 2**53 + 2]
    frame = pd.DataFrame({"userId": pd.array(ids, dtype="Int64"), "movieId": [1, 2, 3]})
    for given_frame in (frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        likes = Likes.from_ratings(given_frame, missing="drop")
        assert likes.users.tolist() == [2**53 + 1, 2**53 + 2]


def test_unhashable_ids_are_type_errors() -> None:
    frame = pd.DataFrame({"userId": [[1], [2]], "movieId": [1, 2], "rating": [5, 5]})
    with pytest.raises(TypeError, match=r"'userId' must be hashable"):
        Likes.from_ratings(frame)
    lists = pl.DataFrame({"userId": [1, 2], "movieId": [[1], [2]], "rating": [5, 5]})
    with pytest.raises(TypeError, match=r"'movieId' must be hashable"):
        Likes.from_ratings(lists)


def test_bad_item_ids_are_refused() -> None:
    ratings = table([1], [1], [5])
    with pytest.raises(ValueError, match="items has 2 ids that occur more than once, such as 1, 2"):
        Likes.from_ratings(ratings, items=[1, 1, 2, 2, 2])
    with pytest.raises(ValueError, match="items has a missing id at position 1"):
        Likes.from_ratings(ratings, items=[1, None])
    with pytest.raises(ValueError, match="one-dimensional"):
        Likes.from_ratings(ratings, items=np.zeros((2, 2)))
    with pytest.raises(TypeError, match="hashable"):
        Likes.from_ratings(ratings, items=[[1]])
    for items in ("abc", {1: 2}, {1}, 5):
        with pytest.raises(TypeError, match="items must be a sequence"):
            Likes.from_ratings(ratings, items=items)


@pytest.mark.parametrize(
    "ids", [[1, True], [1, 1.0], [0, False], [True, 1.0], [2, "a", 2.0], ["x", 1, True]]
)
def test_ids_that_are_equal_but_of_different_types_are_refused(ids: list[Any]) -> None:
    column = pd.Series(ids, dtype=object)
    frame = pd.DataFrame({"userId": column, "movieId": range(len(ids)), "rating": 5})
    with pytest.raises(TypeError, match=r"'userId' has ids that are equal .*give them one type"):
        Likes.from_ratings(frame)
    with pytest.raises(TypeError, match="equal but of different types"):
        Likes.from_ratings(table([1], [1], [5]), items=ids)


@pytest.mark.parametrize(
    "ids",
    [
        [1, "1"],
        ["1", 1, 1.5, "1.0"],
        [-1, 2**63],
        [-(2**63), 2**64 - 1, 2**70],
        [2**63, 5],
        [2**53, 2**53 + 1],
        [0.5, 7.0],
        [2.0**60, 1.0],
        ["NA", "nan", "None", ""],
        [(1, 2), (1, "2")],
        [np.longdouble(2) ** 63 + 1, np.longdouble(2) ** 63],
    ],
)
def test_no_two_ids_become_one_and_none_another(ids: list[Any]) -> None:
    column = pd.Series(ids, dtype=object)
    likes = Likes.from_ratings(
        pd.DataFrame({"userId": column, "movieId": column, "rating": 5}), items=ids
    )
    assert likes.items.tolist() == ids
    assert [type(id_) for id_ in likes.items.tolist()] == [type(id_) for id_ in ids]
    assert set(likes.users.tolist()) == set(ids)
    index = likes.item_index()
    assert [index.resolve(id_) for id_ in ids] == [*range(len(ids))]


def test_floats_that_are_all_whole_are_integers_and_found_as_either() -> None:
    likes = Likes.from_ratings(table([1.0, 2.0], [7.0, 8.0], [5, 5]))
    assert likes.items.tolist() == [7, 8]
    index = likes.item_index()
    assert [index.resolve(query) for query in (7, 7.0, "7", "7.0", np.float32(7))] == [0] * 5
