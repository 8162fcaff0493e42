"""Which ratings are likes, and which of several counts."""

from __future__ import annotations

import warnings
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from movieembed.data.likes import Likes
from ratings_tables import assert_canonical, assert_same, pairs, seen_pairs, table


def test_default_threshold_is_four() -> None:
    likes = Likes.from_ratings(table([1, 1, 1], [1, 2, 3], [3.99, 4.0, 4.5]))
    assert pairs(likes) == {(1, 2), (1, 3)}


@pytest.mark.parametrize("values", [[0, 1, 1], [0.0, 1.0, 1.0], [False, True, True]])
def test_a_table_of_zeros_and_ones_is_likes_already(values: list[Any]) -> None:
    likes = Likes.from_ratings(table([1, 1, 2], [1, 2, 1], values))
    assert pairs(likes) == {(1, 2), (2, 1)}


def test_explicit_threshold_is_used_as_is() -> None:
    ones = table([1, 2], [1, 1], [0, 1])
    assert Likes.from_ratings(ones, threshold=0).n_likes == 2
    assert Likes.from_ratings(ones, threshold=-1.5).n_likes == 2
    assert Likes.from_ratings(ones, threshold=Fraction(1, 2)).n_likes == 1  # type: ignore[arg-type]
    narrow = table([1], [1]).assign(rating=np.array([4.1], dtype=np.float32))
    assert Likes.from_ratings(narrow, threshold=4.1).n_likes == 1
    assert Likes.from_ratings(pl.from_pandas(narrow), threshold=np.float64(4.1)).n_likes == 1


def test_no_likes_is_allowed_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="highest rating is 3.5 and the threshold 4") as caught:
        likes = Likes.from_ratings(table([1, 2], [1, 2], [3.5, 1.0]))
    assert caught[0].filename == __file__
    assert (likes.shape, likes.n_likes) == ((2, 2), 0)
    assert_canonical(likes)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-3, 6), st.integers(0, 8), st.sampled_from([1.0, 3.5, 4.0, 5.0])),
        unique_by=lambda row: row[:2],
        min_size=1,
    ),
    st.randoms(use_true_random=False),
)
def test_shuffled_rows_give_the_same_likes(rows: list[tuple[Any, ...]], random: Any) -> None:
    def build(given_rows: list[tuple[Any, ...]], **options: Any) -> Likes:
        frame = pd.DataFrame(given_rows, columns=["user", "item", "rating"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return Likes.from_ratings(frame, threshold=4.0, **options)

    shuffled = list(rows)
    random.shuffle(shuffled)
    assert_same(build(rows), build(shuffled))
    assert_same(build(rows, items=range(9)), build(shuffled, items=range(9)))
    likes = build(shuffled)
    assert_canonical(likes)
    assert pairs(likes) == {row[:2] for row in rows if row[2] >= 4}
    assert likes.users.tolist() == sorted({row[0] for row in rows})
    assert likes.items.tolist() == sorted({row[1] for row in rows})


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.sampled_from([2.0, 3.0, 4.0, 5.0])),
        min_size=1,
    ),
    st.sampled_from(["last", "first", "max"]),
)
def test_duplicates_against_a_dictionary(rows: list[tuple[Any, ...]], duplicates: Any) -> None:
    gold: dict[tuple[int, int], float] = {}
    for user, item, rating in rows:
        if duplicates == "first":
            gold.setdefault((user, item), rating)
        elif duplicates == "max":
            gold[user, item] = max(rating, gold.get((user, item), rating))
        else:
            gold[user, item] = rating
    frame = pd.DataFrame(rows, columns=["user", "item", "rating"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        likes = Likes.from_ratings(frame, threshold=4.0, duplicates=duplicates)
    assert pairs(likes) == {pair for pair, rating in gold.items() if rating >= 4}


def test_duplicates_are_settled_before_the_threshold() -> None:
    frame = table([1, 1, 2], [1, 1, 1], [5.0, 1.0, 4.0])
    assert pairs(Likes.from_ratings(frame)) == {(2, 1)}
    assert pairs(Likes.from_ratings(frame, duplicates="first")) == {(1, 1), (2, 1)}
    with pytest.raises(ValueError, match=r"1 ratings repeat .* user 1 and item 1"):
        Likes.from_ratings(frame, duplicates="error")
    assert Likes.from_ratings(frame.iloc[[0, 2]], duplicates="error").n_likes == 2


def test_repeats_in_a_ratings_matrix_follow_duplicates() -> None:
    index = np.zeros(2, dtype=int)
    coo = sp.coo_array((np.array([5.0, 2.0]), (index, index)), shape=(1, 1))
    assert Likes.from_ratings(coo, duplicates="first").n_likes == 1
    with pytest.warns(UserWarning, match="no likes"):
        assert Likes.from_ratings(coo).n_likes == 0


@st.composite
def rated_tables(draw: st.DrawFn) -> pd.DataFrame:
    """Rows of any order, some pairs repeated; ids are numbers or text, with gaps."""
    users = draw(st.sampled_from([[0, 1, 2], [7, -3, 2**40], ["b", "a", "007"], [0.5, 2.5, 1.5]]))
    items = draw(st.sampled_from([[0, 1, 2, 3], [9, 10**12, 4, -1], ["x", "7", "y", "é"]]))
    stars = st.sampled_from([0.0, 0.5, 2.0, 3.5, 4.0, 5.0])
    row = st.tuples(st.sampled_from(users), st.sampled_from(items), stars)
    rows = draw(st.lists(row, min_size=1, max_size=25))
    return pd.DataFrame(rows, columns=["user", "item", "rating"])


@settings(deadline=None, max_examples=60)
@given(
    rated_tables(),
    st.sampled_from([None, 0.0, 0.5, 3.0, 4.0, 6.0]),
    st.sampled_from(["last", "first", "max"]),
    st.booleans(),
)
def test_seen_is_what_pandas_finds_below_the_threshold(
    frame: pd.DataFrame, threshold: float | None, duplicates: Any, catalogue: bool
) -> None:
    counts = frame.groupby(["user", "item"], sort=False)["rating"].agg(duplicates)
    bar = threshold
    if bar is None:
        bar = 1.0 if counts.isin([0, 1]).all() else 4.0
    items = [*dict.fromkeys(frame["item"]), "nobody's"][::-1] if catalogue else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        likes = Likes.from_ratings(frame, threshold=threshold, duplicates=duplicates, items=items)
    assert_canonical(likes)
    assert seen_pairs(likes) == set(counts.index[counts < bar])
    assert pairs(likes) == set(counts.index[counts >= bar])


def test_nothing_is_known_to_be_seen_without_ratings() -> None:
    assert Likes.from_ratings(table([1, 2], [1, 2])).seen is None
    assert Likes.from_matrix(np.eye(2)).seen is None


def test_ratings_of_unknown_items_are_not_seen() -> None:
    frame = table([1, 1, 2], [1, 2, 3], [5.0, 2.0, 1.0])
    likes = Likes.from_ratings(frame, items=[2, 1], unknown="drop")
    assert (likes.users.tolist(), seen_pairs(likes)) == ([1, 2], {(1, 2)})


def test_stored_ratings_of_a_matrix_are_seen() -> None:
    coo = sp.coo_array(([5.0, 0.0, 2.0], ([0, 0, 1], [0, 1, 1])), shape=(2, 3))
    likes = Likes.from_ratings(coo)
    assert (pairs(likes), seen_pairs(likes)) == ({(0, 0)}, {(0, 1), (1, 1)})
