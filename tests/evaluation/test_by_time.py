"""Likes split by time, in whatever form the times come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from movieembed import evaluation as ev
from movieembed.data.likes import Likes

DAYS = np.array([30, 2, 17, 8, 25, 11, 1, 40, 3])
RATINGS = pd.DataFrame(
    {
        "reader": ["ann", "ann", "ann", "bob", "bob", "bob", "cy", "cy", "dan"],
        "book": ["It", "Emma", "Up", "It", "Emma", "Up", "It", "Up", "Up"],
        "stars": [5, 4, 5, 4, 5, 5, 4, 1, 5],
    }
)
WHEN = pd.Timestamp("2020-01-01") + pd.to_timedelta(DAYS, unit="D")
FORMS: dict[str, tuple[Any, Any]] = {
    "seconds": (WHEN.astype("M8[s]").astype("int64"), 1577836800 + 12 * 86400),
    "unsigned": (WHEN.astype("M8[s]").astype("int64").to_numpy(np.uint32), "2020-01-13"),
    "milliseconds": (WHEN.astype("M8[ms]").astype("int64"), "2020-01-13"),
    "numbers": (DAYS.astype(float), 12),
    "datetimes": (WHEN, pd.Timestamp("2020-01-13")),
    "with a zone": (WHEN.tz_localize("UTC"), "2020-01-13T00:00:00Z"),
    "dates": (list(WHEN.date), WHEN[1].to_pydatetime().replace(day=13)),
    "ISO text": (WHEN.strftime("%Y-%m-%d"), "2020-01-13"),
    "words": (WHEN.strftime("%m %d, %Y"), "2020-01-13 00:00"),
    "digits": (list(map(str, DAYS)), "12"),
    "datetimes, number": (WHEN, 1577836800 + 12 * 86400),
}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> tuple[pd.DataFrame, Any]:
    times, cutoff = FORMS[request.param]
    return RATINGS.assign(when=times), cutoff


def kwargs() -> dict[str, Any]:
    return {"user": "reader", "item": "book", "timestamp": "when"}


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.from_pandas], ids=["pandas", "polars"])
def test_last_likes(form: tuple[pd.DataFrame, Any], frame: Callable[[Any], Any]) -> None:
    table = frame(form[0])
    likes = Likes.from_ratings(table, user="reader", item="book", rating="stars")
    assert likes.items.tolist() == ["Emma", "It", "Up"]
    split = ev.split_last(likes, table, **kwargs())
    assert split.held.toarray().tolist() == [[0, 1, 0], [1, 0, 0]]
    assert split.given.toarray().tolist() == [[1, 0, 1], [0, 1, 1]]


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.from_pandas], ids=["pandas", "polars"])
def test_likes_from_a_moment_on(
    form: tuple[pd.DataFrame, Any], frame: Callable[[Any], Any]
) -> None:
    table, cutoff = frame(form[0]), form[1]
    likes = Likes.from_ratings(table, user="reader", item="book", rating="stars")
    split = ev.split_time(likes, table, cutoff=cutoff, **kwargs())
    # The users are ann, bob, cy and dan, the items Emma, It and Up.
    before = [[1, 0, 0], [0, 1, 1], [0, 1, 0], [0, 0, 1]]
    assert split.train.matrix.toarray().tolist() == before
    assert split.given.toarray().tolist() == before[:2]
    assert split.held.toarray().tolist() == [[0, 1, 1], [1, 0, 0]]
    # Of eight likes the newest quarter are those of days 30 and 25.
    split = ev.split_time(likes, table, 0.25, **kwargs())
    assert split.held.toarray().tolist() == [[0, 1, 0], [1, 0, 0]]


def test_who_has_nothing_before_is_not_asked_for() -> None:
    ratings = RATINGS.assign(timestamp=DAYS).rename(columns={"reader": "user", "book": "isbn"})
    likes = Likes.from_ratings(ratings)
    split = ev.split_time(likes, ratings, cutoff=3)
    assert split.train.n_likes == 2
    assert split.held.toarray().tolist() == [[0, 1, 1]]  # ann
    with pytest.raises(ValueError, match=r"anything before cutoff=1: .* from 1 to 30"):
        ev.split_time(likes, ratings, cutoff=1)
    with pytest.raises(ValueError, match=r"anything from cutoff='31': .* from 1 to 30"):
        ev.split_time(likes, ratings, cutoff="31")
    with pytest.raises(ValueError, match="cutoff='soon' is neither a number nor a date"):
        ev.split_time(likes, ratings, cutoff="soon")
    with pytest.raises(ValueError, match="share must be between 0 and 1"):
        ev.split_time(likes, ratings, 1.5)
    dated = ratings.assign(timestamp=WHEN)
    with pytest.raises(ValueError, match="are from 2020-01-02 00:00:00 to 2020-01-31 00:00:00"):
        ev.split_time(likes, dated, cutoff="2021-01-01")
    with pytest.raises(ValueError, match="no column 'when'; they have 'user', 'isbn'"):
        ev.split_time(likes, dated, timestamp="when")
    # Times of rows that are no likes may be missing, those of likes may not.
    dated.loc[7, "timestamp"] = pd.NaT
    assert ev.split_time(likes, dated, 0.25).held.nnz == 2
    dated.loc[0, "timestamp"] = pd.NaT
    with pytest.raises(ValueError, match="column 'timestamp' has no time in 1 of 8 rows"):
        ev.split_time(likes, dated)
    with pytest.raises(ValueError, match="holds no dates, times or numbers, such as 'soon'"):
        ev.split_last(likes, ratings.assign(timestamp="soon"))


@pytest.mark.parametrize(
    ("times", "cutoff", "n_before"),
    [
        (WHEN, "2020", 0),
        (WHEN - pd.Timedelta(days=12), "2020", 5),
        (WHEN, "20200113", 5),
        (WHEN, np.datetime64("2020-01-13", "ns"), 5),
        (WHEN, np.datetime64("2020-01-13", "D"), 5),
        (WHEN, np.array(np.datetime64("2020-01-13", "ns")), 5),
        (WHEN, str(1577836800 + 12 * 86400), 5),
        (WHEN.astype("M8[ns]").astype("int64"), np.datetime64("2020-01-13", "ns"), 5),
        (2**60 + DAYS, 2**60 + 12, 5),
        (2**60 + DAYS.astype(np.uint64), 2**60 + 12, 5),
    ],
)
def test_a_moment_in_any_form(times: Any, cutoff: Any, n_before: int) -> None:
    ratings = RATINGS.assign(when=times)
    likes = Likes.from_ratings(ratings, user="reader", item="book", rating="stars")
    if not n_before:
        with pytest.raises(ValueError, match="nobody liked anything before"):
            ev.split_time(likes, ratings, cutoff=cutoff, **kwargs())
        return
    assert ev.split_time(likes, ratings, cutoff=cutoff, **kwargs()).train.n_likes == n_before


@pytest.mark.parametrize(
    "cutoff", [pd.NaT, np.nan, float("nan"), "nan", "NaT", np.timedelta64(3, "D"), True]
)
@pytest.mark.parametrize("times", [WHEN, DAYS])
def test_what_is_no_moment_is_refused(times: Any, cutoff: Any) -> None:
    ratings = RATINGS.assign(when=times)
    likes = Likes.from_ratings(ratings, user="reader", item="book", rating="stars")
    with pytest.raises(ValueError, match=r"cutoff=.* is neither a number nor a date or time"):
        ev.split_time(likes, ratings, cutoff=cutoff, **kwargs())


@pytest.mark.parametrize("per_second", [1, 1000])
def test_the_ends_are_said_in_the_form_of_the_cutoff(per_second: int) -> None:
    ratings = RATINGS.assign(when=WHEN.astype("M8[s]").astype("int64") * per_second)
    likes = Likes.from_ratings(ratings, user="reader", item="book", rating="stars")
    with pytest.raises(ValueError, match=r"from 2020-01-02 00:00:00 to 2020-01-31 00:00:00$"):
        ev.split_time(likes, ratings, cutoff="2030-01-01", **kwargs())
    ends = f"from {1577923200 * per_second} to {1580428800 * per_second}$"
    with pytest.raises(ValueError, match=ends):
        ev.split_time(likes, ratings, cutoff=10**15, **kwargs())


@pytest.mark.parametrize("percent", range(10, 100, 10))
def test_a_share_of_ten_likes(percent: int) -> None:
    ratings = pd.DataFrame({"user": 1, "item": range(10), "timestamp": range(10)})
    split = ev.split_time(Likes.from_ratings(ratings), ratings, percent / 100)
    assert split.train.matrix.indices.tolist() == list(range(10 - percent // 10))
