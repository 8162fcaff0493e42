"""Cost and gradient against the dense formulas, in float64 and float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed as me
from helpers import dense_cooccurrence, dense_cost, dense_gradient, normal, random_likes, to_dense
from movieembed.data.likes import Likes
from movieembed.operators import cpu

METHODS = ("auto", "identity", "exact")


def cases() -> list[tuple[str, sp.csr_array, int]]:
    """Likes or weights, and a number of components."""
    return [
        ("tall", random_likes(60, 20, 0.3, seed=1), 5),
        ("wide", random_likes(12, 50, 0.3, seed=2), 7),
        ("weights", random_likes(40, 30, 0.4, seed=3, weights=True), 6),
        ("wide weights", random_likes(9, 60, 0.4, seed=4, weights=True), 3),
        ("unliked items", random_likes(20, 60, 0.03, seed=5), 4),
        ("more components than items", random_likes(30, 10, 0.5, seed=6), 17),
        ("all liked", random_likes(6, 11, 1.0, seed=7), 3),
        ("nobody likes anything", random_likes(6, 11, 0.0, seed=8), 3),
        ("one item", random_likes(6, 1, 1.0, seed=9), 3),
        ("one user", random_likes(1, 9, 0.7, seed=10), 2),
        ("no users", random_likes(0, 9, 0.7, seed=11), 2),
        ("no items", random_likes(4, 0, 0.7, seed=12), 2),
        ("no components", random_likes(8, 9, 0.5, seed=13), 0),
    ]


@pytest.mark.parametrize(("n_jobs", "block_rows"), [(None, 256), (1, 7), (3, 1)])
def test_cost_against_dense(
    n_jobs: int | None, block_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu, "EXACT_ROWS", block_rows)
    for name, L, d in cases():
        X = dense_cooccurrence(L)
        for scale in (0.0, 0.1, 1.0, 30.0):
            V = scale * normal((L.shape[1], d), 0)
            expected = dense_cost(X, V)
            for method in METHODS:
                value = me.cost(L, V, method=method, n_jobs=n_jobs)
                assert type(value) is float
                # The identity is exact to 1e-12 of the terms that it subtracts.
                terms = np.linalg.norm(V.T @ V) ** 2 + (X**2).sum()
                atol = 0 if method == "exact" else 1e-14 * terms
                np.testing.assert_allclose(
                    value, expected, rtol=1e-12, atol=atol, err_msg=f"{name}, {method}, {scale}"
                )


def test_gradient_against_dense() -> None:
    for name, L, d in cases():
        X = dense_cooccurrence(L)
        for scale in (0.0, 0.1, 1.0, 30.0):
            V = scale * normal((L.shape[1], d), 1)
            expected = dense_gradient(X, V)
            size = 4 * (np.abs(V @ V.T) + np.abs(X)) @ np.abs(V)
            for n_jobs in (None, 1, 3):
                g = me.gradient(L, V, n_jobs=n_jobs)
                assert g.dtype == np.float64
                assert g.shape == V.shape
                assert (np.abs(g - expected) <= 1e-13 * size).all(), (name, scale)


def test_gradient_in_the_form_of_the_exercise() -> None:
    """There V is d x M, an item a column: 4 V ((V'V - X) * mask)."""
    L = random_likes(30, 25, 0.3, seed=14)
    X = dense_cooccurrence(L)
    V = normal((6, 25), 2)
    mask = np.ones((25, 25)) - np.eye(25)
    exercise = 4 * V @ ((V.T @ V - X) * mask)
    np.testing.assert_allclose(me.gradient(L, V.T).T, exercise, rtol=1e-10, atol=1e-10)
    assert np.isclose(me.cost(L, V.T), (((V.T @ V - X) * mask) ** 2).sum(), rtol=1e-12)


def test_gradient_against_finite_differences() -> None:
    """Every element, by 4th-order central differences: exact for a cost that is quartic in each."""
    for L, d in ((random_likes(15, 9, 0.4, seed=15), 3), (random_likes(8, 7, 0.5, 16, True), 2)):
        V = normal((L.shape[1], d), 3)
        g = me.gradient(L, V)
        h = 0.5
        for at in np.ndindex(*V.shape):
            step = np.zeros_like(V)
            step[at] = h
            far, near = (
                me.cost(L, V + m * step, method="exact") - me.cost(L, V - m * step, method="exact")
                for m in (2, 1)
            )
            assert abs((8 * near - far) / (12 * h) - g[at]) <= 1e-10 * np.abs(g).max()


def test_gradient_is_zero_at_an_exact_factor() -> None:
    L = random_likes(12, 30, 0.4, seed=17, weights=True)
    V = L.T.toarray()
    g = me.gradient(L, V)
    assert np.abs(g).max() <= 1e-12 * np.abs(4 * (V @ V.T) @ V).max()


def test_cost_keeps_its_digits_near_the_optimum() -> None:
    """V minimises the cost there, up to what an eigensolver leaves."""
    L = random_likes(300, 80, 0.2, seed=18)
    X = dense_cooccurrence(L)
    for d in (10, 40):
        V = with_free_diagonal(L, d)
        expected = dense_cost(X, V)
        assert 1e-4 < expected / (X**2).sum() < 1e-1
        for method in METHODS:
            np.testing.assert_allclose(me.cost(L, V, method=method), expected, rtol=1e-9)


def with_free_diagonal(L: Any, d: int) -> NDArray[np.float64]:
    """Three steps of principal factors from the truncated SVD: close to the optimum."""
    X = dense_cooccurrence(L)
    n = (to_dense(L) ** 2).sum(axis=0)
    for _ in range(3):
        w, Q = np.linalg.eigh(X + np.diag(n))
        V: NDArray[np.float64] = Q[:, -d:] * np.sqrt(np.maximum(w[-d:], 0))
        n = (V**2).sum(axis=1)
    return V


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cost_of_the_likes_themselves_is_zero(dtype: Any) -> None:
    """V = L' reproduces X: the identity is left with noise, the exact way with nothing."""
    L = random_likes(12, 60, 0.4, seed=19)
    total = (dense_cooccurrence(L) ** 2).sum()
    V = L.T.toarray().astype(dtype)
    assert me.cost(L, V, method="exact") == 0
    assert me.cost(L, V) == 0
    assert abs(me.cost(L, V, method="identity")) <= 1e-6 * total

    weights = random_likes(12, 60, 0.4, seed=20, weights=True)
    weights.data = weights.data.astype(dtype).astype(np.float64)
    total = (dense_cooccurrence(weights) ** 2).sum()
    V = weights.T.toarray().astype(dtype)
    for method in ("auto", "exact"):
        assert 0 <= me.cost(weights, V, method=method) <= 1e-28 * total

    Q = np.linalg.qr(normal((12, 12), 4))[0]
    rotated = L.T.toarray() @ Q
    assert 0 <= me.cost(L, rotated) <= 1e-28 * (dense_cooccurrence(L) ** 2).sum()


def test_auto_takes_the_exact_way_only_where_the_identity_cancels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = []
    exact = cpu.CpuOperator.exact_cost
    monkeypatch.setattr(
        cpu.CpuOperator, "exact_cost", lambda self, V: taken.append(1) or exact(self, V)
    )
    L = random_likes(12, 60, 0.4, seed=21)
    V = L.T.toarray().astype(np.float64)
    total = (dense_cooccurrence(L) ** 2).sum()

    me.cost(L, V + 0.1)
    me.cost(L, np.zeros((60, 1)))
    me.cost(L, V, method="identity")
    assert not taken
    for perturbation in (0.0, 1e-12, 1e-9, 1e-6):
        nearly = V + perturbation * normal(V.shape, 5)
        value = me.cost(L, nearly)
        assert taken
        taken.clear()
        expected = dense_cost(dense_cooccurrence(L), nearly)
        assert abs(value - expected) <= 1e-9 * expected + 1e-28 * total
    me.cost(L, V + 0.1, method="exact")
    assert taken


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-3), (np.float64, 1e-9)])
def test_auto_keeps_its_digits_beside_long_vectors(dtype: Any, rtol: float) -> None:
    """An item's own length is masked out, but the identity subtracts its 4th power.

    Optima with many components do have such items. Whatever rounding the identity has in V's
    dtype, "auto" must leave it in time.
    """
    L = random_likes(50, 30, 0.3, seed=19)
    X = dense_cooccurrence(L)
    V = with_free_diagonal(L, 5)
    c = dense_cost(X, V)
    for factor in (1.0, 1e2, 1e3, 1e4, 1e5, 3e5, 1e6, 1e9):
        own = np.zeros((30, 1))
        own[3] = (factor * c) ** 0.25
        longer = np.hstack([V, own]).astype(dtype)
        expected = dense_cost(X, longer)
        assert expected == pytest.approx(c, rel=1e-5)
        np.testing.assert_allclose(
            me.cost(L, longer), expected, rtol=rtol, err_msg=f"factor {factor:g}"
        )


def test_float32() -> None:
    for name, L, d in cases():
        X = dense_cooccurrence(L)
        V = normal((L.shape[1], d), 6, np.float32)
        g = me.gradient(L, V)
        assert g.dtype == np.float32
        V64 = V.astype(np.float64)
        size = 4 * (np.abs(V64 @ V64.T) + np.abs(X)) @ np.abs(V64)
        assert (np.abs(g - dense_gradient(X, V)) <= 2e-6 * size + 1e-30).all(), name
        for method in METHODS:
            value = me.cost(L, V, method=method)
            assert type(value) is float
            terms = np.linalg.norm(V64.T @ V64) ** 2 + (X**2).sum()
            atol = 0 if method == "exact" else 1e-6 * terms
            np.testing.assert_allclose(value, dense_cost(X, V), rtol=1e-12, atol=atol)


def test_weights_of_very_different_sizes() -> None:
    """The sum of squares of X must not be the small difference of two large sums."""
    for ratio in (1e2, 1e4, 1e6, 1e8):
        L = np.array([[1.1 * ratio, 1.1, 0.7]])
        X = dense_cooccurrence(L)
        for method in METHODS:
            value = me.cost(L, np.zeros((3, 1)), method=method)
            np.testing.assert_allclose(value, (X**2).sum(), rtol=1e-9, err_msg=f"{ratio:g}")


def test_movielens_small(small_likes: Likes) -> None:
    assert me.cost(small_likes, np.zeros((9_742, 1))) == 63_482_944
    V = 0.3 * normal((9_742, 4), 10)
    terms = 63_482_944 + np.linalg.norm(V.T @ V) ** 2
    exact = me.cost(small_likes, V, method="exact")
    assert abs(me.cost(small_likes, V, method="identity") - exact) <= 1e-13 * terms
    D = normal(V.shape, 11)
    h = 0.02
    c = {m: me.cost(small_likes, V + m * h * D) for m in (-2, -1, 1, 2)}
    difference = (8 * (c[1] - c[-1]) - (c[2] - c[-2])) / (12 * h)
    slope = float((me.gradient(small_likes, V) * D).sum())
    assert difference == pytest.approx(slope, rel=1e-7)


def test_movielens_small_is_reproduced_by_its_likes(small_likes: Likes) -> None:
    """Rank 609: the rows of L', rotated to 610 components, cost nothing."""
    L = small_likes.matrix
    kept = np.flatnonzero(small_likes.item_counts >= 12)
    V = L[:, kept].T.toarray()
    assert V.shape[1] == 610
    assert me.cost(L[:, kept], V) == 0
    Q = np.linalg.qr(normal((610, 610), 12))[0]
    V64 = V.astype(np.float64) @ Q
    assert 0 <= me.cost(L[:, kept], V64) <= 1e-20
    g = me.gradient(L[:, kept], V64)
    assert np.abs(g).max() <= 1e-9
