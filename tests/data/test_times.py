"""Times of ratings, and likes that weigh less the older they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from movieembed.data.likes import Likes

DAYS = np.array([0, 30, 60, 90, 60_000])
TABLE = pd.DataFrame({"user": [1, 1, 2, 2, 3], "item": [7, 8, 7, 9, 9], "rating": [5, 5, 4, 2, 5]})
NEWEST = pd.Timestamp("2025-06-01")
WHEN = pd.DatetimeIndex([NEWEST - pd.Timedelta(days=int(day)) for day in DAYS])
SECONDS = np.array([t.timestamp() for t in WHEN]).astype(np.int64)


@pytest.mark.parametrize(
    ("times", "half_life"),
    [
        (SECONDS, 30 * 86400),
        (SECONDS, "30 days"),
        (SECONDS, timedelta(days=30)),
        (SECONDS, np.timedelta64(30, "D")),
        (SECONDS * 1000, "30d"),
        (SECONDS * 1000, 30 * 86_400_000),
        (WHEN, "30 days"),
        (WHEN, 30 * 86400),
        (WHEN.strftime("%Y-%m-%d"), pd.Timedelta(days=30)),
        (100_000 - DAYS, 30),
        (100_000 - DAYS, "30"),
    ],
)
@pytest.mark.parametrize("label", ["timestamp", "date", "when"])
def test_a_like_weighs_half_after_its_half_life(times: Any, half_life: Any, label: str) -> None:
    table = TABLE.assign(**{label: times})
    given = "when" if label == "when" else None
    likes = me.Likes.from_ratings(table, half_life=half_life, timestamp=given)
    expected = [[1, 0.5, 0], [0.25, 0, 0], [0, 0, 2.0**-40]]
    np.testing.assert_allclose(likes.matrix.toarray(), expected, rtol=1e-6)
    assert likes.matrix.dtype == np.float32
    assert likes.seen is not None
    assert likes.seen.toarray().tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert likes.item_counts.tolist() == [2, 1, 1]


@pytest.mark.parametrize("rated", [True, False])
@pytest.mark.parametrize("duplicates", ["last", "first", "max"])
def test_of_repeated_ratings_the_weight_is_that_of_the_one_that_counts(
    duplicates: Any, rated: bool
) -> None:
    rng = np.random.default_rng(0)
    n = 400
    table = pd.DataFrame({"user": rng.integers(0, 9, n), "item": rng.integers(0, 7, n)})
    table["rating"] = rng.integers(1, 6, n)
    table["timestamp"] = rng.permutation(n)
    if not rated:
        del table["rating"]
    likes = me.Likes.from_ratings(
        table, user="user", item="item", duplicates=duplicates, half_life=50
    )
    weight = 2.0 ** ((table["timestamp"] - table["timestamp"].max()) / 50)
    expected = np.zeros((9, 7))
    groups: Any = table.assign(weight=weight).groupby(["user", "item"])
    for (user, item), rows in groups:
        by = ["rating", "timestamp"] if rated else ["timestamp"]
        row = {"last": rows.iloc[-1], "first": rows.iloc[0]}.get(duplicates)
        row = rows.sort_values(by).iloc[-1] if row is None else row
        if not rated or row["rating"] >= 4:
            expected[user, item] = row["weight"]
    np.testing.assert_allclose(likes.matrix.toarray(), expected, rtol=1e-6)


def test_dropped_and_unknown_rows_keep_weights_with_their_likes() -> None:
    table = TABLE.assign(timestamp=100_000 - DAYS)
    likes = me.Likes.from_ratings(table, items=[8, 7], unknown="drop", half_life=30)
    np.testing.assert_allclose(likes.matrix.toarray()[:2], [[0.5, 1], [0, 0.25]])
    table["timestamp"] = table["timestamp"].astype(float)
    table.loc[0, "timestamp"] = np.nan
    with pytest.raises(ValueError, match="1 in column 'timestamp'"):
        me.Likes.from_ratings(table, half_life=30)
    likes = me.Likes.from_ratings(table, half_life=30, missing="drop")
    np.testing.assert_allclose(likes.matrix.toarray()[:2], np.array([[0, 1, 0], [0.5, 0, 0]]))


def test_a_model_of_likes_that_fade() -> None:
    table = TABLE.assign(timestamp=100_000 - DAYS)
    likes = me.Likes.from_ratings(table, half_life=30)
    X = likes.matrix.toarray().astype(float).T @ likes.matrix.toarray()
    np.testing.assert_allclose(me.cooccurrence(likes).toarray(), X - np.diag(np.diag(X)), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"half_life": 0}, "half_life=0 is no length of time above 0"),
        ({"half_life": "soon"}, "half_life='soon' is no length of time above 0"),
        ({"half_life": "-3 days"}, "half_life='-3 days' is no length of time above 0"),
        ({"half_life": float("nan")}, "half_life=nan is no length of time"),
        ({"half_life": True}, "half_life=True is no length of time"),
        ({"half_life": 30}, r"no column that looks like the timestamp; .* with timestamp=\.\.\."),
        ({"half_life": 30, "timestamp": "x"}, "timestamp='x' is not a column of ratings"),
        ({"half_life": 30, "timestamp": "words"}, "'words' holds no dates, times or numbers"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, Any], message: str) -> None:
    table = TABLE.assign(words="soon")
    if "no length" in message:
        table["timestamp"] = 3
    with pytest.raises(ValueError, match=message):
        me.Likes.from_ratings(table, **options)
    with pytest.raises(ValueError, match="half_life goes by the times of a table's rows"):
        me.Likes.from_ratings(me.Likes.from_ratings(TABLE).matrix, half_life=3)


def test_what_is_rated_between_may_be_recommended_again() -> None:
    table = pd.DataFrame({"user": 1, "item": range(6), "rating": [-1, 0, 1, 2, 3, 5]})
    likes = me.Likes.from_ratings(table, dislike_below=2)
    assert likes.seen is not None
    assert likes.matrix.toarray().tolist() == [[0, 0, 0, 0, 0, 1]]
    assert likes.seen.toarray().tolist() == [[1, 1, 1, 0, 0, 0]]
    with pytest.raises(ValueError, match=r"dislike_below=2.0 needs ratings, .* rating=\.\.\."):
        me.Likes.from_ratings(table[["user", "item"]], dislike_below=2)
    with pytest.raises(TypeError, match="dislike_below must be a number or None"):
        me.Likes.from_ratings(table, dislike_below="2")  # type: ignore[arg-type]


def test_times_before_1970_fade_from_their_own_newest() -> None:
    rows = [("ann", "Emma", -200.0), ("ann", "It", -100.0)]
    table = pd.DataFrame(rows, columns=["user", "item", "timestamp"])
    assert Likes.from_ratings(table, half_life=100).matrix.toarray().tolist() == [[0.5, 1.0]]


@pytest.mark.parametrize(
    ("times", "half_life"),
    [
        (np.array([-100, -90, -50]), 10),
        (np.array([-100, 0, 100], np.int8), 40),
        (np.array([0, 100, 250], np.uint8), 40),
        (np.array([0, 100, 250], np.float16), 40),
        (pd.array([-100, -90, -50], dtype="Int8"), 10),
        (2**60 + np.array([1, 2, 3]), 1),
        (np.array([-(2**62), 0, 2**63 - 1]), 2.0**62),
        (np.array(["-3", "-2", "-1"], dtype=object), 1),
    ],
)
def test_the_newest_weighs_one_whatever_the_times(times: Any, half_life: float) -> None:
    table = pd.DataFrame({"user": [1, 2, 3], "item": [7, 7, 7], "timestamp": times})
    likes = me.Likes.from_ratings(table, half_life=half_life)
    exact = np.array([int(time) for time in times], dtype=object)
    ages = (exact.max() - exact).astype(float)
    expected = 2.0 ** -(ages / half_life)
    np.testing.assert_allclose(likes.matrix.toarray().ravel(), expected, rtol=1e-6)


@pytest.mark.parametrize("year", ["1960", "2020"])
@pytest.mark.parametrize(
    "half_life",
    [
        "1 day",
        np.timedelta64(1, "D"),
        np.timedelta64(1, "D").astype("m8[ns]"),
        np.array(np.timedelta64(24, "h").astype("m8[us]")),
        86400,
        np.int32(86400),
        np.array(86400.0),
    ],
)
def test_dates_before_1970_and_lengths_of_any_unit(year: str, half_life: Any) -> None:
    when = pd.to_datetime([f"{year}-01-01", f"{year}-01-02", f"{year}-01-04"])
    table = pd.DataFrame({"user": [1, 2, 3], "item": [7, 7, 7], "timestamp": when})
    likes = me.Likes.from_ratings(table, half_life=half_life)
    np.testing.assert_allclose(likes.matrix.toarray().ravel(), [0.125, 0.25, 1], rtol=1e-6)


@pytest.mark.parametrize("half_life", [np.datetime64("2020-01-01", "ns"), np.True_, pd.NaT])
def test_what_is_no_length_of_time_is_refused(half_life: Any) -> None:
    with pytest.raises(ValueError, match="is no length of time"):
        me.Likes.from_ratings(TABLE.assign(timestamp=SECONDS), half_life=half_life)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([1, 2, np.inf, 4, 5], "'timestamp' has an infinite time in row 2"),
        (["1", "2", "inf", "4", "5"], "'timestamp' has an infinite time in row 2"),
        (["1", "2", "nan", "4", "5"], "'timestamp' holds no dates, times or numbers"),
        (["2020-01-01", "NaT", "2020", "2021", "2022"], "'timestamp' holds no dates"),
    ],
)
def test_times_without_an_end_are_refused(times: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        me.Likes.from_ratings(TABLE.assign(timestamp=times), half_life=1)
