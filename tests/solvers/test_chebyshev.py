"""The filtered solver: the optimum of the other one, by passes over the likes."""

from __future__ import annotations

import importlib
from itertools import islice, pairwise

import numpy as np
import pytest
import scipy.sparse as sp

from helpers import REPOSITORY, dense_cooccurrence, dense_cost
from movieembed import MovieEmbedding
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.explicit import ExplicitOperator
from movieembed.operators.host_arrays import HostArrays
from movieembed.solvers.chebyshev import (
    evened,
    filter_block,
    filtered,
    filters,
    lowest_eigenvalue,
    whitening,
)
from movieembed.solvers.driver import run
from movieembed.solvers.eigen import block_width, eigen

D = 12


@pytest.fixture(scope="module")
def shop():
    """Many items with few likes each: users of one of 40 circles, which have items of their own."""
    rng = np.random.default_rng(0)
    circle = rng.integers(0, 40, 1_100)
    items = 20 * circle[:, None] + np.minimum(rng.geometric(0.2, (1_100, 6)) - 1, 19)
    common = rng.integers(0, 800, (1_100, 2)) ** 2 // 800
    columns = np.hstack([items, common])
    rows = np.repeat(np.arange(1_100), columns.shape[1])
    L = sp.csr_array((np.ones(columns.size), (rows, columns.ravel())), shape=(1_100, 800))
    L.sum_duplicates()
    L.data[:] = 1
    return L


def solved(steps, op, tol=1e-9):
    return run(steps, op, tol=tol, max_iter=100, window=2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_reaches_the_optimum_of_the_block_solver(shop, dtype):
    op = CpuOperator(shop, dtype)
    ours = solved(filtered(op, D, np.random.default_rng(0)), op)
    best = solved(eigen(CpuOperator(shop), D, np.random.default_rng(0)), CpuOperator(shop)).cost
    X = dense_cooccurrence(op.matrix)
    within = 1e-8 if dtype == np.float64 else 2e-6
    assert ours.converged
    assert abs(dense_cost(X, ours.V.astype(float)) / best - 1) <= within
    assert ours.gap <= 1e-8 or dtype == np.float32
    costs = [entry.cost for entry in ours.history]
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(costs))


@pytest.mark.parametrize(("seed", "d"), [(0, 40), (0, 100), (1, 40), (1, 100)])
@pytest.mark.skipif(not (REPOSITORY / "bench").exists(), reason="no benches in an sdist")
def test_unequal_eigenvalues_do_not_end_it(monkeypatch, seed, d):
    """Where the leading one is a hundred times the last; the gap is of the right size there too."""
    monkeypatch.syspath_prepend(str(REPOSITORY))
    checkins = importlib.import_module("bench.lib.shapes").checkins
    monkeypatch.setattr("movieembed.solvers.chebyshev.eigen", None)  # float32 loses no direction
    op = CpuOperator(checkins(3_000, 4_000, 80_000, 100, 0.12, seed), np.float32)
    ours = run(filtered(op, d, np.random.default_rng(0)), op, tol=1e-4, max_iter=6, window=1)
    op = CpuOperator(op.matrix)
    best = solved(eigen(op, d, np.random.default_rng(0)), op, 1e-7).cost
    assert ours.converged
    assert ours.cost / best - 1 < min(1e-4, 2 * ours.gap)


@pytest.mark.parametrize(("gain", "slow"), [(10, False), (1e9, True)])
def test_least_squares_goes_on_where_filters_gain_too_little(monkeypatch, shop, gain, slow):
    monkeypatch.setattr("movieembed.solvers.chebyshev.is_slow", lambda *_: False)
    monkeypatch.setattr("movieembed.solvers.chebyshev.GAIN", gain)
    op, rng = CpuOperator(shop, np.float32), np.random.default_rng(0)
    uneven = [step.uneven for step in islice(filtered(op, D, rng), 5)]
    assert uneven == [False] * 2 + [slow] * 3


def test_starts_from_a_given_embedding(shop):
    op = CpuOperator(shop, np.float32)
    done = solved(filtered(op, D, np.random.default_rng(0)), op, tol=1e-5)
    first = next(filtered(op, D, np.random.default_rng(1), done.V))
    assert first.cost <= done.cost * (1 + 1e-4)


def test_is_chosen_where_products_are_cheap(shop):
    assert filters(CpuOperator(shop), D)
    assert filters(CpuOperator(shop[:900]), D)
    op = CpuOperator(shop)
    widest = max(d for d in range(D, 500) if filters(op, d))
    halves = [2 * block_width(d, op.n_items) for d in (widest, widest + 1)]
    assert halves[0] <= op.n_items < halves[1]
    dense = sp.csr_array((np.random.default_rng(0).random((1_100, 800)) < 0.2).astype(float))
    assert not filters(CpuOperator(dense), D)


def test_progress_names_it(shop, capsys):
    MovieEmbedding(D, random_state=0, tol=1e-3, verbose=True).fit(shop)
    assert "eigen, filtered" in capsys.readouterr().err


def test_the_same_bits_on_any_number_of_threads(shop):
    a, b = (
        list(islice(filtered(CpuOperator(shop, np.float32, n), D, np.random.default_rng(0)), 4))
        for n in (1, 3)
    )
    for one, other in zip(a, b, strict=True):
        np.testing.assert_array_equal(one.V, other.V)
        assert one.cost == other.cost


def test_an_operator_of_x_itself_takes_the_same_step(shop):
    op = CpuOperator(shop, keep_all=True)
    X = dense_cooccurrence(op.matrix)
    explicit = ExplicitOperator(sp.csr_array(X), keep_all=True)
    rng = np.random.default_rng(0)
    V, shift, before = rng.random((800, 5)), rng.random(800), rng.random((800, 5))
    expected = 0.5 * (X @ V + shift[:, None] * V) - before
    for each in (op, explicit):
        got = each.shifted(V, shift, 0.5, out=before.copy(), minus_out=True)
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("distinct", [D - 4, D + 2, D + 8])
def test_likes_of_low_rank(distinct):
    rng = np.random.default_rng(0)
    rows = (rng.random((distinct, 200)) < 0.1).astype(float)
    L = sp.csr_array(rows[rng.integers(0, distinct, 1_100)])
    op = CpuOperator(L)
    ours = solved(filtered(op, D, np.random.default_rng(0)), op)
    theirs = solved(eigen(op, D, np.random.default_rng(0)), op)
    size = op.frobenius_squared
    assert abs(ours.cost - theirs.cost) <= 1e-7 * theirs.cost + 1e-12 * size


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_filtered_eigenvector_is_a_multiple_of_itself(shop, dtype):
    """Also beside an eigenvalue whose polynomial swamps float32 where nothing is taken out."""
    op = CpuOperator(shop, dtype)
    A = dense_cooccurrence(op.matrix)
    A[:20, :20] += 5_000  # as an operator of a matrix far from those of likes
    values, vectors = np.linalg.eigh(A)
    theta, W = values[::-1][:18], np.ascontiguousarray(vectors[:, ::-1][:, :18])

    class Dense(CpuOperator):
        def apply(self, V, out=None):
            return (A @ V.astype(float)).astype(dtype)

        shifted = HostArrays.shifted

    dense = Dense(shop, dtype)
    zero = np.zeros(op.n_items)
    low, high = float(values[0]), float(theta[-1])
    block = dense.asarray(W)
    got = filter_block(
        dense, (block, dense.apply(block), dense.empty(18)), theta, (zero, zero), (low, high), 6
    )
    x = (theta - (low + high) / 2) / ((high - low) / 2)
    assert x[0] > 100
    multiples = np.einsum("ij,ij->j", W, got)
    degrees = np.rint(np.arccosh(multiples.clip(1)) / np.arccosh(x.clip(1 + 1e-9)))[:D]
    assert (np.diff(degrees) >= 0).all()
    assert degrees[0] < degrees[-1] >= 3
    np.testing.assert_allclose(np.cosh(degrees * np.arccosh(x[:D])), multiples[:D], rtol=1e-3)
    rest = np.linalg.norm(got - W * multiples, axis=0) / multiples
    assert rest.max() < (1e-2 if dtype == np.float32 else 1e-9)


def test_the_lowest_eigenvalue_is_not_overrated(shop):
    op = CpuOperator(shop)
    delta = np.random.default_rng(0).random(op.n_items)
    lowest = np.linalg.eigvalsh(dense_cooccurrence(op.matrix) + np.diag(delta))[0]
    assert 3 * lowest < lowest_eigenvalue(op, delta) <= 0.97 * lowest


def test_ritz_values_of_a_block_of_one_direction_and_a_little_else(shop):
    """In float32 the long direction's rounding would be all that there is of the others."""
    op = CpuOperator(shop, np.float32)
    A = dense_cooccurrence(op.matrix)
    theta, W = np.linalg.eigh(A)
    theta, W = theta[::-1][:6], W[:, ::-1][:, :6]
    mixed = W[:, :1] + 3e-4 * W @ np.random.default_rng(0).standard_normal((6, 6))
    Y = np.ascontiguousarray(mixed, dtype=np.float32)
    Y, Z = evened(op, Y)
    product = op.shifted(Y, np.zeros(op.n_items), 1.0, out=op.empty(6))
    found = np.linalg.eigvalsh(Z.T @ op.gram(Y, product) @ Z)[::-1]
    np.testing.assert_allclose(found, theta, rtol=3e-3)


def test_what_has_ended_does_not_come_back_in_the_others(shop):
    """A first block's Ritz vectors are wrong, and the longest grows a million times in the rest."""
    club = sp.csr_array(np.tile(np.arange(800) % 10 == 0, (400, 1)).astype(float))
    op = CpuOperator(sp.csr_array(sp.vstack([shop, club])), np.float32)
    A = dense_cooccurrence(op.matrix)
    W = np.linalg.eigh(A)[1][:, ::-1][:, :D]
    wrong = np.eye(D) + 0.1 * np.random.default_rng(0).standard_normal((D, D))
    W = np.linalg.qr(W @ wrong)[0]
    theta, turned = np.linalg.eigh(W.T @ A @ W)
    theta, W = theta[::-1], W @ (turned[:, ::-1] + 0.03)
    W = np.ascontiguousarray(np.linalg.qr(W)[0], dtype=np.float32)
    none = np.zeros(op.n_items)
    A_W = op.shifted(W, none, 1.0, out=op.empty(D))
    out = filter_block(op, (W, A_W, op.empty(D)), theta, (none, none), (-2.0, theta[-1]), 10)
    assert theta[0] > 50 * theta[1]
    out /= np.linalg.norm(out, axis=0)
    assert abs(out[:, :1].T @ out[:, 1:]).max() < 1e-2
    assert whitening(op.gram(out))[1] > 1e-4


@pytest.mark.parametrize("apart", [0.3, 1e-2, 3e-5])
def test_nearly_alike_columns_are_told_apart(apart: float) -> None:
    """To rounding of what they differ in, by float32 products or, where these fail, others."""
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((5000, 6)))[0]
    Y = Q.astype(np.float32)
    Y[:, 5] = 1e3 * (Q[:, 0] + apart * Q[:, 5])
    op = CpuOperator(sp.csr_array(np.ones((2, 5000))), np.float32)
    even, Z = evened(op, Y)
    assert Z.shape[1] == 6
    orthonormal = even.astype(np.float64) @ Z
    np.testing.assert_allclose(orthonormal.T @ orthonormal, np.eye(6), atol=1e-5)
    within = np.linalg.svd(Q.T @ orthonormal)[1]
    np.testing.assert_allclose(within, 1, atol=max(1e-6, (1e-7 / apart) ** 2 * 100))
