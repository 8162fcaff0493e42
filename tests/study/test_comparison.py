"""Runs at one d: rates around what is stable, lists of neighbours, and the best rotation."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import dense_cooccurrence
from movieembed.operators.cpu import CpuOperator
from movieembed.study.comparison import nearest, rotation_gap, stable_rates


def test_the_rates_straddle_what_is_stable(likes):
    op = CpuOperator(likes.matrix)
    too_large, good, small, tiny = stable_rates(op)
    limit = 3.8 / (8 * np.linalg.eigvalsh(dense_cooccurrence(likes))[-1])
    assert too_large > limit > 3 * good
    assert small == pytest.approx(good / 10)
    assert tiny == pytest.approx(good / 100)
    assert good > 0.05 * limit


def test_the_rates_on_real_data(small_likes):
    assert stable_rates(CpuOperator(small_likes.matrix)) == [1e-4, 1e-5, 1e-6, 1e-7]


def test_nearest_ignores_what_is_no_candidate():
    V = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
    columns = np.array([2, 3, 5, 7, 11])
    found, cosines = nearest(V, columns, np.array([2]), np.array([2, 3, 5, 7]), 3)
    assert found.tolist() == [[3, 7, -1]]
    np.testing.assert_allclose(cosines[0, :2], [1 / np.hypot(1, 0.1), 0.5**0.5])
    assert np.isnan(cosines[0, 2])


def test_rotation_gap_finds_the_rotation():
    rng = np.random.default_rng(0)
    V = rng.standard_normal((20, 4))
    Q = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    raw, aligned = rotation_gap(V @ Q, V)
    assert raw == pytest.approx(np.linalg.norm(V @ Q - V) / np.linalg.norm(V))
    assert aligned == pytest.approx(0, abs=1e-12)
    assert rotation_gap(V, 2 * V)[1] == pytest.approx(0.5)
    assert np.isnan(rotation_gap(V, 0 * V)).all()
