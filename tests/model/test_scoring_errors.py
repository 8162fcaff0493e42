"""What `recommend`, `explain` and `similar` refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import movieembed as me


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda m: m.recommend([]), ValueError, "items is empty"),
        (lambda m: m.recommend([1], dislikes=[1]), ValueError, "among the items and among"),
        (lambda m: m.recommend([1], weights=[1, 2]), ValueError, "2 weights for 1 items"),
        (lambda m: m.recommend([1], weights=[np.nan]), ValueError, "NaN or infinity"),
        (lambda m: m.recommend(np.ones((2, 39))), ValueError, "39 columns for 40 items"),
        (lambda m: m.recommend(np.ones((40, 3))), ValueError, "looks transposed"),
        (lambda m: m.recommend(np.ones((2, 40)), weights=[1]), ValueError, "go with a list"),
        (lambda m: m.recommend([1], method="magic"), ValueError, "method must be one of"),
        (lambda m: m.recommend([1], regularization=0), ValueError, "regularization must be"),
        (lambda m: m.recommend([1], regularization="x"), TypeError, "must be a number"),
        (lambda m: m.recommend([1], refine=-1), ValueError, r"refine must be in \[0, 1000\]"),
        (lambda m: m.recommend([1], refine=1.5), TypeError, "refine must be an integer"),
        (lambda m: m.recommend([1], popularity_discount=3), ValueError, "popularity_discount"),
        (lambda m: m.recommend([1], popularity_discount="a"), TypeError, "popularity_discount"),
        (lambda m: m.recommend([1], n=0), ValueError, "n must be at least 1"),
        (lambda m: m.recommend(["No such film"]), me.ItemNotFoundError, "No such film"),
        (lambda m: m.recommend([1], filter_items=[77]), me.ItemNotFoundError, "77"),
        (lambda m: m.explain([1], [1]), ValueError, "among the given items"),
        (lambda m: m.explain([1], []), ValueError, "recommended is empty"),
        (lambda m: m.explain(np.ones((2, 40)), 1), ValueError, "one person's items"),
        (lambda m: m.similar(1, min_likes="a"), TypeError, "min_likes"),
        (lambda m: m.similar(1, refine=1), ValueError, "refine goes with"),
    ],
)
def test_errors(model: Any, call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call(model)
