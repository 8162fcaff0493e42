"""Rows of a table by conditions that were typed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from movieembed.data.where import rows_left, rows_where

TABLE = pd.DataFrame(
    {
        "year": [1990, 1985, 2001, 1999],
        "genres": ["Action|Comedy", "Drama", "comedy, Musical", None],
        "length": [90.5, np.nan, 120, 100],
        "event": ["buy", "view", "buy and go", "view"],
        "text year": ["1990", "1985", "?", "1999"],
        "day": pd.to_datetime(["2020-01-01", "2021-05-05", "2022-01-01", None]),
        "seen": [True, False, True, False],
    }
)
YEAR, LENGTH, EVENT = TABLE["year"], TABLE["length"], TABLE["event"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("year >= 1990", YEAR >= 1990),
        ("year>=1990", YEAR >= 1990),
        ("  Year < 1999.5 ", YEAR < 1999.5),
        ("year == 1985", YEAR == 1985),
        ("year = 1985", YEAR == 1985),
        ("year != 1985", YEAR != 1985),
        ("year <= 1990", YEAR <= 1990),
        ("length > -1", LENGTH > -1),
        ("length != 100", LENGTH.notna() & (LENGTH != 100)),
        ("genres has Comedy", pd.Series([1, 0, 1, 0])),
        ("genres has come", pd.Series([0, 0, 0, 0])),
        ('event == "buy"', EVENT == "buy"),
        ("event == buy", EVENT == "buy"),
        ("event == 'buy and go'", EVENT == "buy and go"),
        ("event != view", EVENT != "view"),
        ("event < 'c'", EVENT < "c"),
        ("`text year` > 1986", pd.Series([1, 0, 0, 1])),
        ('"text year" == 1985', pd.Series([0, 1, 0, 0])),
        ("text year = 1985", pd.Series([0, 1, 0, 0])),
        ("day >= 2021-05-05", pd.Series([0, 1, 1, 0])),
        ("seen == true", TABLE["seen"]),
        ("seen != True", ~TABLE["seen"]),
        ("year > 1986 and genres has comedy and length<100", pd.Series([1, 0, 0, 0])),
    ],
)
def test_conditions(text: str, expected: Any) -> None:
    found = rows_where(TABLE, text)
    assert found.dtype == bool
    assert found.tolist() == expected.astype(bool).tolist()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no condition: write a column, one of ==, !=, >=, <=, >, <, has and a value"),
        ("year", "is no condition"),
        ("year >=", "is no condition"),
        ("year >= 1990 and", "is no condition"),
        ("year >= 1990 or year < 3", "is no condition"),
        ("year >= 1990 or 3", "column 'year' wants a number, not '1990 or 3'"),
        ("year >< 3", "is no condition"),
        ("__import__('os').system('x') == 1", "is no condition"),
        ("film == 3", "'film' is not a column of the films; it has: 'year', 'genres'"),
        ("year > abc", "column 'year' wants a number, not 'abc'"),
        ("day > never", "column 'day' wants a date, not 'never'"),
        ("seen == maybe", "column 'seen' wants true or false, not 'maybe'"),
    ],
)
def test_what_is_none(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^where: ") as error:
        rows_where(TABLE, text, "the films")
    assert words in str(error.value)
    assert error.value.parameter == "where"


def test_labels_in_another_case() -> None:
    table = pd.DataFrame([[1, 2, 3]], columns=["a", "A", 7])
    assert rows_where(table, "A == 2").all()
    assert rows_where(table, "7 == 3").all()
    with pytest.raises(ValueError, match="several columns called 'a'"):
        rows_where(pd.DataFrame([[1, 2]], columns=["a", "a"]), "a == 1")


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        (["event == view"], [1, 3]),
        (["event == view", "year > 1990"], [3]),
        (["year > 1990 and event == view"], [3]),
        ([], [0, 1, 2, 3]),
    ],
)
def test_rows_that_are_left_are_numbered_anew(texts: list[str], kept: list[int]) -> None:
    expected = TABLE.loc[kept].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows_left(TABLE, texts), expected)


def test_where_no_row_is_left_it_says_what_there_is() -> None:
    with pytest.raises(ValueError, match="no row has event == sale; column 'event' holds 'view', "):
        rows_left(TABLE, ["event == sale"])
    assert rows_left(TABLE[:0], ["event == sale"]).empty


@pytest.mark.parametrize(
    ("values", "condition", "expected"),
    [
        ([True, None, False], "f == true", [True, False, False]),
        ([True, None, False], "f != true", [False, False, True]),
        ([True, None, False], "f = 0", [False, False, True]),
        ([1990, None, 2000], "f == 1990.0", [True, False, False]),
        ([1990, None, 2000.5], "f > 1990", [False, False, True]),
        ([1990, pd.NA, 2**60 + 1], f"f == {2**60 + 1}", [False, False, True]),
        (
            [pd.Timestamp("2020-01-01"), None, pd.Timestamp("2021-01-01")],
            "f < 2020-06-01",
            [1, 0, 0],
        ),
        (["true", None, True], "f == True", [False, False, True]),
    ],
)
def test_objects_are_compared_as_what_they_are(
    values: list[Any], condition: str, expected: list[bool]
) -> None:
    table = pd.DataFrame({"f": pd.Series(values, dtype=object)})
    assert rows_where(table, condition).tolist() == expected
