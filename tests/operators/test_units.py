"""The power of two that brings weights to order one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from helpers import random_likes
from movieembed.data.canonical_csr import canonical_csr
from movieembed.operators import units
from movieembed.operators.weighting import Weighting


def test_the_unit_is_the_power_of_two_below_the_largest():
    assert units.unit_of(np.array([0.1, -5.0])) == 4
    assert units.unit_of(np.array([1.0])) == 1
    assert units.unit_of(np.array([5e-324])) == 5e-324
    assert units.unit_of(np.array([1.7e308])) == 2.0**1023
    assert units.unit_of(np.zeros(2)) == 1
    assert units.unit_of(np.array([])) == 1
    assert units.unit_of(np.array([5.0]), free=8) == 1
    assert units.unit_of(np.array([1 / 8]), free=8) == 1
    assert units.unit_of(np.array([16.0]), free=8) == 16


@pytest.mark.parametrize("block", [1, 2, 100])
def test_dividing_by_it_is_exact_and_rows_with_one_like_do_not_count(block, monkeypatch):
    monkeypatch.setattr("movieembed._base.arrays._BLOCK", block)
    L = sp.csr_array(np.array([[3e40, 0, 0], [3e-40, 0, 7e-41], [0, 0, 0], [0, 1e-40, 1e-40]]))
    unit = units.unit_of_shared(L)
    assert unit == 2.0 ** np.floor(np.log2(3e-40))
    divided = units.divided(L, unit)
    np.testing.assert_array_equal(divided.data * unit, L.data)
    assert 1 <= divided.data[1:].max() < 2
    assert units.divided(L, 1.0) is L


def test_times_neither_overflows_nor_vanishes_on_the_way():
    assert units.times(1e-300, 2.0**300, 4) == 1e-300 * 2.0**300 * 2.0**900
    assert units.times(3.0, 2.0**-100, -2) == 3.0 * 2.0**200
    assert units.times(3.0, 2.0**-1000, 2) == 0


def test_row_sums_of_rows_without_entries():
    L = canonical_csr(random_likes(30, 8, 0.15, seed=3))
    lengths = np.diff(L.indptr)
    assert (lengths == 0).any()
    assert (lengths > 1).any()
    values = np.random.default_rng(0).standard_normal(L.nnz)
    dense = sp.csr_array((values, L.indices, L.indptr), shape=L.shape).toarray()
    np.testing.assert_allclose(units.row_sums(L, values), dense.sum(axis=1), rtol=1e-13)
    empty = sp.csr_array((3, 4))
    assert units.row_sums(empty, empty.data).tolist() == [0, 0, 0]
    assert units.unit_of_rows(empty).tolist() == [1, 1, 1]


def test_a_heavy_user_does_not_change_the_weights_of_others():
    rows = np.array([[1e9, 2e9, 0], [0, 0, 0], [1, 0, 2], [0.1, 0.2, 0.3], [0, 1e-9, 1e-9]])
    L = canonical_csr(rows)
    for beta in (0.5, 1.0, 2.0):
        roots = Weighting(user_weighting=beta).user_roots(L)
        squares = (rows**2).sum(axis=1)
        expected = [1 if s == 0 else s ** (-beta / 2) for s in squares]
        np.testing.assert_allclose(roots, expected, rtol=1e-14)


def test_users_and_items_far_from_each_other_keep_their_own_scale():
    rows = np.array([[1e-200, 2e-200, 0], [1e200, 0, 3e200], [1, 1, 1]])
    roots = Weighting(user_weighting=1.0).user_roots(canonical_csr(rows))
    np.testing.assert_allclose(roots, [1e200 / 5**0.5, 1e-200 / 10**0.5, 3**-0.5], rtol=1e-14)
    scale = Weighting(item_scaling=1.0).item_scale(canonical_csr(rows), None)
    np.testing.assert_allclose(scale, [1e-200, 1, 1e-200 / 3], rtol=1e-14)
    apart = np.array([[1e-200, 1.0], [1e-200, 1.0]])
    scale = Weighting(item_scaling=0.5).item_scale(canonical_csr(apart), None)
    np.testing.assert_allclose(scale, [2**-0.25 * 1e100, 2**-0.25], rtol=1e-14)
