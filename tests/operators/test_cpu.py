from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from helpers import (
    dense_cooccurrence,
    dense_gradient,
    normal,
    operator_cases,
    parallel_from,
    random_likes,
    to_dense,
)
from movieembed._base.threads import serial_blas
from movieembed.data.likes import Likes
from movieembed.operators import cpu
from movieembed.operators.build import prepare, without_users
from movieembed.operators.cpu import CpuOperator, without_unembedded
from movieembed.operators.weighting import Weighting

FLOATS = (np.float32, np.float64)


@pytest.fixture(autouse=True)
def _parallel_with_blas() -> Iterator[None]:
    with parallel_from(0), serial_blas():
        yield


def eps(dtype: Any, factor: float = 30) -> float:
    return factor * float(np.finfo(dtype).eps)


# --- the reduction ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", operator_cases())
def test_without_unembedded_leaves_x_as_it_is(name: str) -> None:
    L = operator_cases()[name]
    dense, X = to_dense(L), dense_cooccurrence(L)
    met = dense_cooccurrence(dense != 0) > 0
    reduced, active = without_unembedded(L)
    np.testing.assert_array_equal(active, np.flatnonzero(met.any(axis=1)))
    np.testing.assert_array_equal(
        to_dense(reduced), dense[(dense != 0).sum(axis=1) >= 2][:, active]
    )
    np.testing.assert_allclose(
        dense_cooccurrence(reduced), X[np.ix_(active, active)], rtol=0, atol=1e-14
    )
    left = np.setdiff1d(np.arange(L.shape[1]), active)
    assert not X[left].any()
    assert reduced.has_sorted_indices or reduced.copy().has_sorted_indices
    for r in range(reduced.shape[0]):
        row = reduced.indices[reduced.indptr[r] : reduced.indptr[r + 1]]
        assert (np.diff(row) > 0).all()


@pytest.mark.parametrize("name", operator_cases())
def test_without_unembedded_can_keep_every_item(name: str) -> None:
    L = operator_cases()[name]
    dense = to_dense(L)
    reduced, active = without_unembedded(L, keep_all=True)
    np.testing.assert_array_equal(active, np.arange(L.shape[1]))
    np.testing.assert_array_equal(to_dense(reduced), dense[(dense != 0).sum(axis=1) >= 2])
    np.testing.assert_allclose(
        dense_cooccurrence(reduced), dense_cooccurrence(L), rtol=0, atol=1e-14
    )


def test_without_unembedded_touches_nothing() -> None:
    for name in ("sparse weights", "tall"):
        L = operator_cases()[name]
        before = L.copy()
        for array in (L.data, L.indices, L.indptr):
            array.flags.writeable = False
        for keep_all in (False, True):
            CpuOperator(L, keep_all=keep_all)
        for part in ("data", "indices", "indptr"):
            np.testing.assert_array_equal(getattr(L, part), getattr(before, part))


def test_without_unembedded_on_an_example() -> None:
    L = sp.csr_array(
        np.array([[0, 1, 0, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [1, 0, 0, 1, 1.0]])
    )
    reduced, active = without_unembedded(L)
    assert active.tolist() == [0, 3, 4]  # 1 has a like, but nobody who shares it with another
    assert reduced.toarray().tolist() == [[0, 1, 1], [1, 1, 1]]


# --- the operator -----------------------------------------------------------------------------


@pytest.mark.parametrize("keep_all", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", operator_cases())
def test_operator(name: str, dtype: Any, keep_all: bool) -> None:
    L = operator_cases()[name]
    for n_threads in (1, 3):
        op = CpuOperator(L, dtype, n_threads, keep_all)
        M = to_dense(L)[(to_dense(L) != 0).sum(axis=1) >= 2][:, op.active]
        X = dense_cooccurrence(L)[np.ix_(op.active, op.active)]
        assert op.dtype == np.dtype(dtype)
        assert (op.n_users, op.n_items) == M.shape == op.matrix.shape
        assert op.diagonal.dtype == dtype
        np.testing.assert_allclose(op.diagonal, (M**2).sum(axis=0), rtol=eps(dtype))
        np.testing.assert_allclose(
            op.frobenius_squared, (X**2).sum(), rtol=eps(dtype, 100), atol=1e-30
        )
        size = np.abs(M).T @ np.abs(M)
        for k in (1, 19):
            V = normal((op.n_items, k), k, dtype)
            V64 = V.astype(np.float64)
            XV = op.apply(V)
            assert XV.dtype == dtype
            assert XV.flags.c_contiguous
            bound = eps(dtype) * (size + np.diag(np.diag(size))) @ np.abs(V64)
            assert (np.abs(XV - X @ V64) <= bound).all()
            np.testing.assert_array_equal(op.apply(np.asfortranarray(V)), XV)
            np.testing.assert_array_equal(op.apply(np.repeat(V, 2, axis=0)[::2]), XV)
            rows, weights = sp.csr_array(V64.T * (V64.T > 0)), V64[:, 0]
            found = op.apply_rows(rows, weights)
            assert found.dtype == dtype
            expected = weights[:, None] * (X @ rows.toarray().T)
            assert (np.abs(found - expected) <= np.abs(weights)[:, None] * bound).all()
            U = normal((op.n_users, k), k + 1, np.float64)
            LU = op.from_user_vectors(U)
            assert LU.dtype == dtype
            assert (np.abs(LU - M.T @ U) <= eps(dtype) * np.abs(M).T @ np.abs(U)).all()
            for spare in (None, op.empty(k + 2)[:, 1:-1]):
                same, form = op.evaluate(V, spare)
                np.testing.assert_array_equal(same, XV)
                assert spare is None or same is spare
            exact = np.vdot(V64, X @ V64)
            parts = np.vdot(M @ V64, M @ V64) + np.abs(np.vdot(V64, X @ V64))
            assert abs(op.quadratic_form(V) - exact) <= 1e-13 * (parts + 1)  # in either dtype
            size_of_form = np.abs((V64.T @ (size + np.diag(np.diag(size)))) @ np.abs(V64)).max()
            assert abs(form - exact) <= k * eps(dtype) * (size_of_form + 1e-30)
            G, n = op.moments(V)
            np.testing.assert_allclose(G, V64.T @ V64, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(n, (V64**2).sum(axis=1), rtol=1e-12)
            g, norm = op.masked_gradient(V, XV, G, n)
            assert g.dtype == dtype
            terms = 4 * (np.abs(V64 @ V64.T) + 2 * size) @ np.abs(V64) * (1 + k)
            assert (np.abs(g - dense_gradient(X, V64)) <= eps(dtype) * terms).all()
            np.testing.assert_allclose(norm, np.linalg.norm(g.astype(float)), rtol=1e-12)
            assert op.masked_gradient(V, XV, G, n, norm_only=True) == (None, norm)
            assert op.masked_gradient(V, XV, G, n, spare)[0] is spare
            np.testing.assert_array_equal(spare, g)
            weights, inside = np.arange(1.0, k + 1), op.empty(k + 2)[:, 1:-1]
            inside[:] = V
            op.scale_columns(inside, weights, out=inside)
            np.testing.assert_array_equal(inside, op.scale_columns(V, weights))
            np.testing.assert_array_equal(inside, V * weights.astype(dtype))


@pytest.mark.parametrize("name", operator_cases())
@pytest.mark.parametrize("dtype", FLOATS)
def test_an_operator_without_some_users(name: str, dtype: Any) -> None:
    L, k = operator_cases()[name], 3
    op = CpuOperator(L, dtype, 2)
    users = np.arange(op.n_users)[::3]
    V = normal((op.n_items, k), k, dtype)
    before, diagonal = op.apply(V), op.diagonal.copy()
    for other_dtype in FLOATS:
        op.in_precision(other_dtype)  # which is kept
    trace = op.frobenius_squared
    other = op.without_users(users)
    zeroed = to_dense(op.matrix)
    zeroed[users] = 0
    expected = CpuOperator(zeroed_csr(op.matrix, users), dtype, 2, keep_all=True)
    assert (other.n_users, other.n_items) == (op.n_users, op.n_items)
    np.testing.assert_allclose(other.diagonal, (zeroed**2).sum(axis=0), rtol=eps(dtype))
    size = np.abs(zeroed).T @ np.abs(zeroed)
    X = zeroed.T @ zeroed
    np.fill_diagonal(X, 0)
    bound = eps(dtype) * (size + np.diag(np.diag(size))) @ np.abs(V.astype(np.float64))
    assert (np.abs(other.apply(V) - X @ V.astype(np.float64)) <= bound).all()
    np.testing.assert_allclose(
        other.frobenius_squared, expected.frobenius_squared, rtol=eps(dtype, 100), atol=1e-30
    )
    np.testing.assert_allclose(
        other.in_precision(np.float64).diagonal, (zeroed**2).sum(axis=0), rtol=1e-13
    )
    np.testing.assert_array_equal(op.apply(V), before)
    np.testing.assert_array_equal(op.diagonal, diagonal)
    assert op.frobenius_squared == trace


def zeroed_csr(matrix: sp.csr_array, users: Any) -> sp.csr_array:
    rows = matrix.tolil()
    rows[users] = 0
    return sp.csr_array(rows)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_prepared_without_some_users(weighted: bool, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    dense = random_likes(60, 40, 0.1, seed=5).toarray()
    dense[:4] = 0
    dense[:4, :4] = np.eye(4)  # they like one item each, and are no rows of the operator
    dense[:, 30:] = 0
    dense[4::4, 30:] = 1  # what only those like who are left out
    L = sp.csr_array(dense * 1e12 * rng.random(dense.shape) if weighted else dense)
    weighting = Weighting(0.0, 0.5, None)
    users = np.arange(4, 60, 4)
    prepared = prepare("cpu", Likes.from_matrix(L), weighting, dtype, 1)
    found, counts = without_users(prepared, L, users)
    assert (prepared.op.unit != 1) == weighted
    rest = L.toarray()
    rest[users] = 0
    np.testing.assert_array_equal(counts, (rest != 0).sum(axis=0))
    roots = weighting.user_roots(L)
    assert roots is not None
    squares = ((rest * roots[:, None]) ** 2).sum(axis=0)
    np.testing.assert_allclose(found.item_squares, squares, rtol=1e-5, atol=1e-9 * squares.max())
    assert (counts == 0).sum() >= 10
    assert (np.asarray(found.item_squares)[counts == 0] == 0).all()
    scaled = (rest * roots[:, None])[(L.toarray() != 0).sum(axis=1) >= 2][:, found.op.active]
    found_diagonal = found.op.diagonal.astype(float) * prepared.op.unit**2
    np.testing.assert_allclose(found_diagonal, (scaled**2).sum(axis=0), rtol=1e-5)


@pytest.mark.parametrize("few", [0, 10**6])
def test_counts_are_exact(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All ways to the sum of squares: over pairs of items or users, in panels or row by row."""
    monkeypatch.setattr(cpu, "FEW_LIKES", few)
    ways = set()
    for name, L in operator_cases().items():
        if name.endswith("weights"):
            continue
        per_user, per_item = np.diff(L.indptr), np.bincount(L.indices, minlength=L.shape[1])
        ways.add(bool(per_item @ per_item < per_user @ per_user))
        X = dense_cooccurrence(L)
        for dtype in FLOATS:
            for keep_all in (False, True):
                op = CpuOperator(L, dtype, keep_all=keep_all)
                assert op.frobenius_squared == (X**2).sum(), name
                assert type(op.frobenius_squared) is float
                halves = [cpu.sum_of_squares(op.matrix, 2, half) for half in (0, 1)]
                assert sum(halves) == (X**2).sum()
                V = np.random.default_rng(1).integers(-9, 10, (op.n_items, 17)).astype(dtype)
                expected = X[np.ix_(op.active, op.active)] @ V
                np.testing.assert_array_equal(op.apply(V), expected)
    assert ways == {True, False}


def test_same_bits_at_any_number_of_threads() -> None:
    L = random_likes(70, 50, 0.3, seed=12, weights=True)
    for dtype in FLOATS:
        results = []
        for n_threads in (0, 1, 2, 3, 7):
            op = CpuOperator(L, dtype, n_threads)
            V = normal((50, 20), 2, dtype)
            XV = op.apply(V)
            g, norm = op.masked_gradient(V, XV, np.eye(20), np.ones(50))
            results.append((XV.tobytes(), g.tobytes(), norm, op.frobenius_squared))
        assert len(set(results)) == 1


@pytest.mark.parametrize("dtype", FLOATS)
def test_dense_algebra(dtype: Any) -> None:
    op = CpuOperator(random_likes(30, 40, 0.3, seed=13), dtype)
    rng = np.random.default_rng(3)
    A, B = (rng.integers(-9, 10, (40, k)).astype(dtype) for k in (6, 4))
    squares = rng.integers(0, 4, 40).astype(np.float64) ** 2
    A64, B64 = A.astype(np.float64), B.astype(np.float64)

    for G, expected in (
        (op.gram(A), A64.T @ A64),
        (op.gram(A, A), A64.T @ A64),
        (op.gram(A, A.copy()), A64.T @ A64),
        (op.gram(A, B), A64.T @ B64),
        (op.gram(B, A), B64.T @ A64),
        (op.gram(A, B[:, :0]), np.zeros((6, 0))),
        (op.weighted_gram(A, squares), A64.T @ (squares[:, None] * A64)),
        (op.weighted_gram(A, np.zeros(40)), np.zeros((6, 6))),
    ):
        assert G.dtype == np.float64
        np.testing.assert_array_equal(G, expected)
    np.testing.assert_array_equal(op.gram(A), op.gram(A).T)

    C = rng.integers(-9, 10, (6, 3)).astype(np.float64)
    D = rng.integers(-9, 10, (40, 3)).astype(dtype)
    stacked = op.hstack([A, B])
    kept = op.empty(10)
    assert kept.shape == (40, 10)
    kept[:] = 7
    theta = np.arange(6.0)
    shifted = (squares[:, None] - theta) * A64
    for tall, expected in (
        (op.scale_rows(squares, A), squares[:, None] * A64),
        (op.scale_columns(A, theta), A64 * theta),
        (op.matmul(A, C), A64 @ C),
        (op.matmul(A, C, out=D.copy()), A64 @ C),
        (op.matmul(A, C, out=D.copy(), add=True), D + A64 @ C),
        (op.matmul(A[:, 2:5], C[:3], out=kept[:, 4:7]), A64[:, 2:5] @ C[:3]),
        (op.residual(A, 2 * A, squares, theta), 2 * A64 + shifted),
        (op.residual(A, 2 * A, squares, theta, 0.5), A64 + shifted / 2),
        (op.residual(A, A, squares, theta, out=stacked[:, :6].copy()), A64 + shifted),
        (stacked, np.hstack([A64, B64])),
        (op.asarray(A64), A64),
        (op.asarray(np.asfortranarray(A64)), A64),
        (op.astype(A64), A64),
        (op.astype(A.astype(np.float32)), A64),
        (op.to_host(A), A64),
    ):
        assert tall.dtype == dtype
        np.testing.assert_array_equal(tall, expected)
    assert (kept[:, :4] == 7).all()
    assert (kept[:, 7:] == 7).all()
    assert op.asarray(np.asfortranarray(A64)).flags.c_contiguous

    dots = op.row_dots(A, stacked[:, :6])
    assert dots.dtype == np.float64
    np.testing.assert_array_equal(dots, (A64**2).sum(axis=1))
    np.testing.assert_array_equal(op.row_dots(A[:, ::-1], A[:, ::-1]), dots)


def test_another_precision_shares_the_likes() -> None:
    for weights in (False, True):
        op = CpuOperator(random_likes(30, 40, 0.3, seed=14, weights=weights), np.float32)
        assert op.diagonal.dtype == np.float32
        assert op.in_precision(np.float32) is op
        wide = op.in_precision(np.float64)
        assert wide.dtype == wide.diagonal.dtype == np.float64
        assert op.dtype == op.diagonal.dtype == np.float32
        assert wide.matrix is op.matrix
        X = dense_cooccurrence(op.matrix)
        V = normal((op.n_items, 5), 6, np.float64)
        np.testing.assert_allclose(wide.apply(V), X @ V, atol=1e-11)
        assert op.apply(op.astype(V)).dtype == np.float32
        np.testing.assert_allclose(wide.diagonal, op.diagonal, rtol=1e-6)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", operator_cases())
def test_user_gram(name: str, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    op = CpuOperator(operator_cases()[name], dtype)
    M = to_dense(op.matrix)
    gram = op.user_gram()
    assert gram is not None
    np.testing.assert_allclose(gram, M @ M.T, rtol=0, atol=1e-12)
    monkeypatch.setattr(cpu, "FEW_USERS", op.n_users - 1)
    assert op.user_gram() is None


@pytest.mark.parametrize("keep_all", [False, True])
def test_scipy_agrees_on_movielens_small(small_likes: Likes, keep_all: bool) -> None:
    op = CpuOperator(small_likes.matrix, keep_all=keep_all)
    assert op.frobenius_squared == 63_482_944
    assert op.n_items == 9_742 if keep_all else op.n_items <= 6_298
    L = small_likes.matrix.astype(np.float64)
    c = np.asarray(L.sum(axis=0))
    V = np.zeros((9_742, 20))
    V[op.active] = normal((op.n_items, 20), 5, np.float64)
    expected = L.T @ (L @ V) - c[:, None] * V
    np.testing.assert_allclose(op.apply(V[op.active]), expected[op.active], rtol=0, atol=1e-10)
    left = np.setdiff1d(np.arange(9_742), op.active)
    np.testing.assert_allclose(expected[left], 0, atol=1e-12)
