"""Rows of a table that comparisons keep."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from movieembed.data.row_filter import comparisons, rows_where

TABLE = pd.DataFrame(
    {
        "event": ["view", "buy", "buy", None],
        "number of it": [1, 20, 3, 4],
        "stars": [0.5, 4.0, np.nan, 5.0],
        "day": pd.to_datetime(["2020-01-01", "2020-02-01", "2021-01-01", "2022-01-01"]),
        "when": ["2020-01-01", "2020-02-01", "2021-01-01", "2022-01-01"],
        "real": [True, False, True, False],
        7: [1, 2, 3, 4],
    }
)


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ('event == "buy"', [1, 2]),
        ("event=buy", [1, 2]),
        ("event != 'buy'", [0]),
        ("`number of it` >= 4", [1, 3]),
        ("number of it<4", [0, 2]),
        ('"number of it" == 20', [1]),
        ("stars > 0.5", [1, 3]),
        ("stars <= -0.5e0", []),
        ('day >= "2020-02-01"', [1, 2, 3]),
        ("when < '2021'", [0, 1]),
        ("real == true", [0, 2]),
        ("7 == 3", [2]),
        (["event == buy", "7 > 2"], [2]),
        ([], [0, 1, 2, 3]),
    ],
)
def test_rows_for_which_a_comparison_holds(where: Any, kept: list[int]) -> None:
    if not kept:
        with pytest.raises(ValueError, match=r"no row has stars <= -0.5e0; column 'stars' holds"):
            rows_where(TABLE, comparisons(where))
        return
    expected = TABLE.loc[kept].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows_where(TABLE, comparisons(where)), expected)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("event", "where must be a column, ==, .* and a value, .* not 'event'"),
        ("__import__('os').getcwd()", "where must be a column"),
        ("event == ", "where must be a column"),
        ("event == buy or 7 == 3", "where must be a column"),
        ("events == buy", "there is no column 'events'; there are: 'event', 'number of it'"),
        ("event == sale", "no row has event == sale; column 'event' holds 'buy', 'view'"),
        ("stars == many", "column 'stars' holds numbers, such as 0.5, .* be compared with many"),
        ("event > 3", "column 'event' holds text, such as 'view', which cannot be compared with 3"),
        ("day > soon", "cannot be compared with soon"),
        ("real == maybe", "cannot be compared with maybe"),
    ],
)
def test_what_is_wrong_with_a_comparison_is_said(where: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rows_where(TABLE, comparisons(where))
