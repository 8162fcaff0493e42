"""Likes as an object: what they hold, of MovieLens small too, their labels, copies and repr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp

from movieembed.data.items import ItemIndex
from movieembed.data.likes import Likes
from ratings_tables import FRAMES, assert_canonical, assert_same, pairs, seen_pairs


def test_movielens_small_facts(
    ratings_movies: tuple[pd.DataFrame, pd.DataFrame], small_likes: Likes
) -> None:
    ratings, movies = ratings_movies
    assert repr(small_likes) == "Likes(610 users x 9,742 items, 48,580 likes)"
    assert_canonical(small_likes)
    assert small_likes.is_binary
    assert small_likes.matrix.dtype == np.float32
    assert int((small_likes.item_counts > 0).sum()) == 6298
    assert small_likes.item_counts.dtype == np.int64
    assert small_likes.items.tolist() == movies["movieId"].tolist()
    assert small_likes.titles is not None
    assert small_likes.titles.tolist() == movies["title"].tolist()
    assert small_likes.item_table is not None
    pd.testing.assert_frame_equal(small_likes.item_table, movies)
    liked = ratings[ratings["rating"] >= 4]
    assert pairs(small_likes) == set(zip(liked["userId"], liked["movieId"], strict=True))
    assert Likes.from_ratings(ratings).shape == (610, 9724)
    assert small_likes.item_index() is small_likes.item_index()
    assert small_likes.item_index().resolve("apollo 13") == movies["movieId"].tolist().index(150)


@pytest.mark.parametrize("kind", ["polars", "pyarrow"])
def test_movielens_small_is_the_same_from_any_frame(
    ratings_movies: tuple[pd.DataFrame, pd.DataFrame], small_likes: Likes, kind: str
) -> None:
    ratings, movies = (
        FRAMES[kind]({name: frame[name].to_list() for name in frame}) for frame in ratings_movies
    )
    likes = Likes.from_ratings(ratings, items=movies)
    assert_same(likes, small_likes)
    assert likes.item_table is not None
    assert likes.item_table["genres"].tolist() == ratings_movies[1]["genres"].tolist()


def test_a_transposed_matrix_is_named() -> None:
    matrix = np.ones((3, 2))
    with pytest.raises(ValueError, match=r"items has 3 entries .*transposed .*pass matrix\.T"):
        Likes.from_matrix(matrix, items=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"users has 2 entries .*transposed"):
        Likes.from_matrix(matrix, users=[1, 2])
    with pytest.raises(ValueError, match=r"titles has 3 entries .*transposed"):
        Likes.from_matrix(matrix, titles=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"items has 4 entries .*\(3, 2\): 2 items$"):
        Likes.from_matrix(matrix, items=range(4))
    with pytest.raises(ValueError, match=r"items has 3 entries .*transposed"):
        Likes.from_ratings(sp.csr_array(matrix), items=["a", "b", "c"])


def test_matrix_labels() -> None:
    movies = pl.DataFrame({"item": ["a", "b"], "title": ["A", "B"]})
    likes = Likes.from_matrix(np.ones((1, 2)), users=["u"], items=movies)
    assert likes.items.tolist() == ["a", "b"]
    assert likes.titles is not None
    assert likes.titles.tolist() == ["A", "B"]
    likes = Likes.from_matrix(np.ones((1, 2)), items=movies, titles=["X", None])
    assert likes.titles is not None
    assert likes.titles.tolist() == ["X", ""]
    with pytest.raises(ValueError, match="users has 1 ids that occur more than once, such as 'u'"):
        Likes.from_matrix(np.ones((2, 2)), users=["u", "u"])
    with pytest.raises(ValueError, match="users has a missing id"):
        Likes.from_matrix(np.ones((1, 2)), users=[np.nan])


def test_likes_cannot_be_reassigned_and_travel_to_workers(
    demo_likes: Likes, pickle_roundtrip: Callable[..., Any]
) -> None:
    with pytest.raises(AttributeError):
        demo_likes.users = np.arange(3)  # type: ignore[misc]
    copy = pickle_roundtrip(demo_likes)
    assert_same(copy, demo_likes)
    assert isinstance(copy.item_index(), ItemIndex)
    assert copy != demo_likes
    assert demo_likes == demo_likes
    assert len({demo_likes, copy}) == 2


def test_the_constructor_checks_as_from_matrix_does() -> None:
    with pytest.raises(ValueError, match="item_table has 1 entries"):
        Likes(np.ones((1, 2)), [1], [1, 2], None, pd.DataFrame({"a": [1]}))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="matrix must be"):
        Likes(None, [1], [1])  # type: ignore[arg-type]
    likes = Likes(np.ones((1, 2)), [1], ["a", "b"])  # type: ignore[arg-type]
    assert_canonical(likes)
    assert likes.items.dtype == object


def test_what_was_seen_is_checked_and_copied() -> None:
    matrix = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    seen = sp.coo_array(([1, 1, 0, 3], ([0, 0, 1, 1], [2, 2, 0, 2])), shape=(2, 3))
    given: Any = seen
    likes = Likes(matrix, [1, 2], [10, 20, 30], seen=given)  # type: ignore[arg-type]
    assert_canonical(likes)
    assert seen_pairs(likes) == {(1, 30), (2, 30)}
    again = Likes(likes.matrix, likes.users, likes.items, seen=likes.seen)
    assert_same(again, likes)
    assert again.seen is not None
    assert likes.seen is not None
    assert not np.shares_memory(again.seen.indices, likes.seen.indices)
    for wrong, match in (
        (seen.T, r"seen has shape \(3, 2\) but the matrix of likes \(2, 3\)"),
        (matrix, "seen holds 2 pairs that are likes"),
    ):
        given = wrong
        with pytest.raises(ValueError, match=match):
            Likes(matrix, [1, 2], [10, 20, 30], seen=given)  # type: ignore[arg-type]
