"""Cost and gradient from one call: against both alone, differences, and what `out` may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import movieembed as me
from helpers import (
    dense_cooccurrence,
    dense_cost,
    dense_gradient,
    misaligned,
    normal,
    operator_cases,
    parallel_from,
    random_likes,
    read_only,
)
from movieembed.operators.cpu import CpuOperator

DTYPES = (np.float32, np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
def test_both_are_what_each_alone_is(dtype: Any) -> None:
    for name, L in operator_cases().items():
        X = dense_cooccurrence(L)
        for d in (0, 1, 6):
            V = normal((L.shape[1], d), 1, dtype)
            seen = set()
            for n_jobs in (None, 1, 3):
                with parallel_from(0):
                    value, g = me.cost_and_gradient(L, V, n_jobs=n_jobs)
                assert type(value) is float
                assert g.dtype == dtype
                assert g.shape == V.shape
                seen.add((value, g.tobytes()))
            assert len(seen) == 1, name  # the same bits at any number of threads
            terms = np.linalg.norm(V.astype(np.float64)) ** 4 + (X**2).sum()
            np.testing.assert_allclose(value, me.cost(L, V), rtol=1e-13, atol=1e-15 * terms)
            np.testing.assert_allclose(value, dense_cost(X, V), rtol=1e-12, atol=1e-14 * terms)
            V64 = V.astype(np.float64)
            size = 4 * (np.abs(V64 @ V64.T) + np.abs(X)) @ np.abs(V64) + 1e-30
            eps = 20 * np.finfo(dtype).eps
            assert (np.abs(g - me.gradient(L, V)) <= eps * size).all(), name
            assert (np.abs(g - dense_gradient(X, V)) <= eps * size).all(), name


def test_as_wide_as_films_are_many() -> None:
    """So many components that their Gram matrix is cut into tiles."""
    L = random_likes(40, 700, 0.05, seed=2)
    X = dense_cooccurrence(L)
    for dtype, eps in ((np.float32, 2e-6), (np.float64, 1e-13)):
        V = normal((700, 700), 3, dtype)
        value, g = me.cost_and_gradient(L, V)
        assert value == pytest.approx(dense_cost(X, V), rel=1e-12)
        expected = dense_gradient(X, V)
        assert np.abs(g - expected).max() <= eps * np.abs(expected).max() * 10


def test_the_gradient_is_the_costs() -> None:
    """Every element, by central differences that are exact for a cost quartic in each."""
    L = random_likes(15, 9, 0.4, seed=4)
    V = normal((9, 3), 5)
    g = me.cost_and_gradient(L, V)[1]
    h = 0.5
    for at in np.ndindex(*V.shape):
        step = np.zeros_like(V)
        step[at] = h
        far, near = (
            me.cost_and_gradient(L, V + m * step)[0] - me.cost_and_gradient(L, V - m * step)[0]
            for m in (2, 1)
        )
        assert abs((8 * near - far) / (12 * h) - g[at]) <= 1e-10 * np.abs(g).max()


def test_a_cost_close_to_zero_keeps_its_digits() -> None:
    L = random_likes(12, 60, 0.4, seed=6)
    for dtype in DTYPES:
        V = L.T.toarray().astype(dtype)
        value, g = me.cost_and_gradient(L, V)
        assert value == 0
        assert np.abs(g).max() == 0
        nearly = V + dtype(1e-6) * normal(V.shape, 7, dtype)
        expected = dense_cost(dense_cooccurrence(L), nearly)
        assert me.cost_and_gradient(L, nearly)[0] == pytest.approx(expected, rel=1e-9)


def test_one_gram_matrix_and_one_product(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("moments", "gram", "evaluate", "apply"):
        method = getattr(CpuOperator, name)
        monkeypatch.setattr(
            CpuOperator,
            name,
            lambda self, *args, method=method, name=name: calls.append(name) or method(self, *args),
        )
    for dtype in DTYPES:
        me.cost_and_gradient(random_likes(20, 15, 0.4, seed=8), normal((15, 4), 9, dtype))
        assert sorted(calls) == ["evaluate", "moments"]
        calls.clear()


@pytest.mark.parametrize("dtype", DTYPES)
def test_out_is_written_and_returned(dtype: Any) -> None:
    L = random_likes(20, 15, 0.4, seed=10)
    V = normal((15, 5), 11, dtype)
    value, expected = me.cost_and_gradient(L, V)
    wide = np.full((15, 9), np.nan, dtype)
    for out in (
        np.full((15, 5), np.nan, dtype),
        np.full((5, 15), np.nan, dtype).T,
        wide[:, 2:7],
        misaligned(np.full((15, 5), np.nan, dtype)),
    ):
        given, g = me.cost_and_gradient(L, V, out)
        assert given == value
        assert g is out
        np.testing.assert_array_equal(out, expected)
    assert np.isnan(wide[:, :2]).all()
    assert np.isnan(wide[:, 7:]).all()


def test_the_embedding_itself_may_be_overwritten() -> None:
    L = random_likes(20, 15, 0.4, seed=12)
    V = normal((15, 5), 13)
    value, expected = me.cost_and_gradient(L, V)
    again, g = me.cost_and_gradient(L, V, out=V)
    assert again == value
    assert g is V
    np.testing.assert_array_equal(V, expected)


def test_weights_beyond_what_float32_squares() -> None:
    L = 1e12 * random_likes(20, 15, 0.4, seed=14, weights=True)
    V = normal((15, 3), 15, np.float32)
    out = np.empty_like(V)
    value, g = me.cost_and_gradient(L, V, out=out)
    assert g is out
    assert value == pytest.approx(dense_cost(dense_cooccurrence(L), V), rel=1e-12)
    np.testing.assert_allclose(g, dense_gradient(dense_cooccurrence(L), V), rtol=1e-5)


@pytest.mark.parametrize(
    ("out", "error", "match"),
    [
        (np.empty((4, 2), np.float32), TypeError, "out must be an array of float64.*not float32"),
        (np.empty((4, 2), int), TypeError, "out must be an array of float64, as V is, not int64"),
        ([[0.0] * 2] * 4, TypeError, "out must be an array of float64, as V is, not list"),
        (np.empty((2, 4)), ValueError, r"out has shape \(2, 4\) for V of \(4, 2\)"),
        (np.empty(8), ValueError, "out has shape"),
        (read_only(np.empty((4, 2))), ValueError, "out is read-only"),
    ],
)
def test_an_out_that_cannot_be_written_to(
    out: NDArray[Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match) as caught:
        me.cost_and_gradient(np.ones((3, 4)), np.ones((4, 2)), out)
    assert caught.value.parameter == "out"
