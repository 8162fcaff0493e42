"""Sums and largest entries of X from panels of its rows."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import movieembed._core as _core
from helpers import dense_cooccurrence, random_likes, top_k_of_rows
from kernel_cases import INDICES, THREADS, core, matrices


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("index", INDICES)
def test_cooccurrence_panels(index: Any) -> None:
    """All at once and panel by panel, on any number of threads; several panels of 32 items."""
    for name, L in matrices():
        X = dense_cooccurrence(L)
        n_items = L.shape[1]
        users = core(L, index)
        for k in sorted({0, 1, 3, 40, n_items - 1, n_items} & set(range(n_items + 1))):
            expected = top_k_of_rows(X, X > 0, k) if k else ()
            for n_threads in THREADS:
                panels = _core.CooccurrencePanels(users, k, n_threads)
                n = len(panels.work)
                assert n == -(-np.count_nonzero(L.sum(axis=0)) // 32)
                cuts = (0, n) if n_threads < 3 else range(n + 1)
                for first, last in itertools.pairwise(cuts):
                    panels.add(first, last, n_threads)
                squares, totals = panels.sums()
                assert squares.dtype == totals.dtype == np.float64
                np.testing.assert_array_equal(squares, (X**2).sum(axis=1), err_msg=name)
                np.testing.assert_array_equal(totals, X.sum(axis=1), err_msg=name)
                if k:
                    columns, values = panels.top_k(n_threads)
                    assert columns.dtype == np.int64
                    assert values.dtype == np.float64
                    np.testing.assert_array_equal(columns, expected[0], err_msg=f"{name}, {k}")
                    np.testing.assert_array_equal(values, expected[1], err_msg=f"{name}, {k}")


def likes_about_255() -> sp.csr_array:
    """256 popular items, as many of the same 256 users, some of the same 255, and rare ones."""
    shares = np.concatenate([np.linspace(0.6, 1, 256), np.full(544, 0.05)])
    there = np.random.default_rng(11).random((600, 800)) < shares
    there[:, 256:562] = np.arange(600)[:, None] < np.repeat([256, 255], [256, 50])
    return sp.csr_array(there.astype(np.float32))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(
    "L",
    [
        random_likes(12, 700, 0.4, seed=10),
        likes_about_255(),
        sp.csr_array(
            (np.ones(4500, dtype=np.float32), np.arange(4500) * 7919 % 3001, np.arange(0, 4501, 3))
        ),
    ],
    ids=["ties", "about 255", "rare items"],
)
def test_cooccurrence_panels_of_many_columns(L: sp.csr_array) -> None:
    """Ties with what is already among the best; panels that touch few of the columns."""
    L.sort_indices()
    X = (L.T @ L).toarray().astype(np.int64)
    np.fill_diagonal(X, 0)
    n_items = len(X)
    for k in (1, 3, 20):
        order = np.argsort(-X, axis=1, kind="stable")[:, :k]
        values = np.take_along_axis(X, order, axis=1)
        for n_threads in (1, 3):
            panels = _core.CooccurrencePanels(core(L), k, n_threads)
            panels.add(0, len(panels.work), n_threads)
            if L.shape[0] > 1000:
                assert (panels.work < (n_items - 32 * np.arange(len(panels.work))) / 16).any()
            j, x = panels.top_k(n_threads)
            np.testing.assert_array_equal(x, values)
            np.testing.assert_array_equal(j, np.where(values > 0, order, -1))
            np.testing.assert_array_equal(panels.sums()[0], (X**2).sum(axis=1))


@pytest.mark.usefixtures("isa")
def test_cooccurrence_panels_beyond_16_bits() -> None:
    """Counts above 65,535 within a panel and between two, next to smaller ones, above 255 too."""
    n = 140_000
    rng = np.random.default_rng(8)
    shares = rng.permutation(
        [*np.full(9, 1.0), *np.linspace(0.7, 1, 28), *np.geomspace(1e-5, 0.4, 38)]
    )
    there = (rng.random((n, 75)) < shares).astype(np.float32)
    X = there.T.astype(np.float64) @ there
    assert (np.diagonal(X) > 65_535).sum() > 32
    np.fill_diagonal(X, 0)
    assert X.max() == n
    assert ((X > 65_535).sum(axis=1) > 32).any()
    expected = top_k_of_rows(X, X > 0, 9)
    for n_threads in (1, 2):
        panels = _core.CooccurrencePanels(core(there), 9, n_threads)
        panels.add(0, len(panels.work), n_threads)
        squares, totals = panels.sums()
        np.testing.assert_array_equal(squares, (X**2).sum(axis=1))
        np.testing.assert_array_equal(totals, X.sum(axis=1))
        columns, values = panels.top_k(n_threads)
        np.testing.assert_array_equal(columns, expected[0])
        np.testing.assert_array_equal(values, expected[1])


def test_cooccurrence_panels_refuse() -> None:
    L = core(np.ones((2, 40)))
    for k in (-1, 41, 2**62):
        with pytest.raises(ValueError, match=r"k must be within \[0, 40\]"):
            _core.CooccurrencePanels(L, k)
    with pytest.raises(TypeError, match="l has values"):
        _core.CooccurrencePanels(core(np.ones((2, 40)), np.int32, np.float32), 1)
    with pytest.raises(ValueError, match="more items than 32 bits count"):
        _core.CooccurrencePanels(
            _core.Csr(0, 2**31, np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64)), 1
        )
    panels = _core.CooccurrencePanels(L, 0)
    assert panels.work.tolist() == [2 * 40 + 40, 2 * 8 + 8]  # lines added to, lines walked
    with pytest.raises(ValueError, match="not within"):
        panels.add(0, 3)
    panels.add(0, 1)
    with pytest.raises(ValueError, match="panels must be added in order: 1 is next"):
        panels.add(0, 1)
    for call in (panels.sums, panels.top_k):
        with pytest.raises(ValueError, match="1 of 2 panels are missing"):
            call()
    panels.add(1, 2)
    with pytest.raises(ValueError, match="k is 0"):
        panels.top_k()
    assert panels.sums()[1].tolist() == [78.0] * 40


def test_cooccurrence_panels_add_up() -> None:
    X = dense_cooccurrence(random_likes(50, 150, 0.2, seed=5))
    L = core(random_likes(50, 150, 0.2, seed=5))
    n = len(_core.CooccurrencePanels(L, 0).work)
    assert n > 3
    squares = np.zeros(150)
    for first, last in ((0, 1), (1, n - 1), (n - 1, n)):
        panels = _core.CooccurrencePanels(L, 0)
        panels.add(first, last)
        some = panels.sums(partial=True)
        assert (some[0] <= (X**2).sum(axis=1)).all()
        squares += some[0]
        np.testing.assert_array_equal(some[1], X.sum(axis=1))
        with pytest.raises(ValueError, match=f"{n - (last - first)} of {n} panels are missing"):
            panels.sums()
    np.testing.assert_array_equal(squares, (X**2).sum(axis=1))
