"""Times of ratings, and likes that weigh less the older they are."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import movieembed as me
from movieembed.data.likes import Likes
from movieembed.evaluation import split_last, split_time
from movieembed.exceptions import ParameterError

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


def test_a_column_of_times_must_be_there_even_if_nothing_fades() -> None:
    table = TABLE.assign(when=SECONDS)
    likes, plain = me.Likes.from_ratings(table, timestamp="when"), me.Likes.from_ratings(table)
    np.testing.assert_array_equal(likes.matrix.toarray(), plain.matrix.toarray())
    for given in (table, pl.from_pandas(table)):
        with pytest.raises(
            ParameterError, match="timestamp='whem' is not a column of ratings"
        ) as e:
            me.Likes.from_ratings(given, timestamp="whem")
        assert e.value.parameter == "timestamp"
    with pytest.raises(ParameterError, match="timestamp goes by the times of a table's rows") as e:
        me.Likes.from_ratings(plain.matrix, timestamp="when")
    assert e.value.parameter == "timestamp"


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
    "times",
    [
        [True, False, True],
        pd.array([True, False, True], dtype="boolean"),
        np.array([True, False, True], dtype=object),
        np.array([5, 6, True], dtype=object),
        np.array([5, np.False_, 7], dtype=object),
        np.array([NEWEST, True, NEWEST], dtype=object),
        pl.Series([True, False, True]),
        ["True", "False", "True"],
        pd.to_timedelta([1, 2, 4], unit="D"),
        np.array([timedelta(1), timedelta(2), timedelta(4)], dtype=object),
        pd.period_range("2020-01", periods=3, freq="M"),
    ],
)
def test_what_is_no_time_is_refused(times: Any) -> None:
    library: Any = pl if isinstance(times, pl.Series) else pd
    table = library.DataFrame({"user": [1, 2, 3], "item": [7, 7, 7], "timestamp": times})
    likes = me.Likes.from_ratings(table)
    such = r"'?True|(np\.)?False|Timedelta|datetime\.timedelta|Period"
    for read in (
        lambda: me.Likes.from_ratings(table, half_life=1),
        lambda: split_last(likes, table),
        lambda: split_time(likes, table),
    ):
        with pytest.raises(
            ParameterError, match=f"holds no dates, times or numbers, such as ({such})"
        ):
            read()


@pytest.mark.parametrize("number", [5, 1_577_836_800, 1.5, np.int64(5), Decimal(5)])
@pytest.mark.parametrize(
    "date", [NEWEST, NEWEST.date(), NEWEST.to_datetime64(), NEWEST.to_pydatetime(), "2025-06-01"]
)
@pytest.mark.parametrize("first", [True, False])
def test_numbers_among_dates_are_refused(number: Any, date: Any, first: bool) -> None:
    times = [number, date, date] if first else [date, date, number]
    table = pd.DataFrame({"user": [1, 2, 3], "item": 7})
    table["timestamp"] = pd.Series(times, dtype=object)
    said = "column 'timestamp' holds numbers in some rows and dates in others"
    likes = me.Likes.from_ratings(table)
    for read in (
        lambda: me.Likes.from_ratings(table, half_life="1 day"),
        lambda: split_last(likes, table),
    ):
        with pytest.raises(ParameterError, match=said) as raised:
            read()
        assert raised.value.parameter == "timestamp"


def test_dates_of_several_kinds_and_numbers_of_several_are_read() -> None:
    day = pd.Timedelta(days=1)
    dates = [(NEWEST - 2 * day).date(), (NEWEST - day).isoformat(), NEWEST]
    for times, half_life in ((dates, "1 day"), ([5, "6", Decimal(7)], 1), ([5, 6.0, 7], 1)):
        table = pd.DataFrame({"user": [1, 2, 3], "item": 7})
        table["timestamp"] = pd.Series(times, dtype=object)
        likes = me.Likes.from_ratings(table, half_life=half_life)
        np.testing.assert_allclose(likes.matrix.toarray().ravel(), [0.25, 0.5, 1], rtol=1e-6)


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
