"""Sums of parts of users."""

from __future__ import annotations

import numpy as np
import pytest

from movieembed.evaluation.distributed import Tallies


def test_tallies_add_up_in_any_tree() -> None:
    values = np.random.default_rng(0).random(20) * 1e-6 + 0.5
    nothing = np.zeros(2, dtype=np.int64)
    each = [Tallies(1, {"a": x}, x, 0.0, nothing + 1, nothing) for x in values.tolist()]
    each.insert(7, Tallies(0, {"a": 0.0}, 0.0, 0.0, nothing, nothing))
    left, right = each[0], each[-1]
    for one in each[1:]:
        left = left + one
    for one in each[-2::-1]:
        right = one + right
    for total in (left, right):
        assert (total.users, total.shown.tolist()) == (20, [20, 20])
        assert total.metrics["a"] == pytest.approx(values.sum(), rel=1e-14)
        assert total.mean == pytest.approx(values.mean(), rel=1e-14)
        assert total.squares == pytest.approx(values.var() * 20, rel=1e-8)
