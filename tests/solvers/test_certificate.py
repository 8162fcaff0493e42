"""Saddles are found, and never called converged."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import dense_cooccurrence, dense_cost
from movieembed.operators.cpu import CpuOperator
from movieembed.solvers import SOLVERS
from movieembed.solvers.certificate import missed_decrease
from solver_cases import fit, fitted, hetero_pca, problem, saddle, size_of


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "d"), [("tastes", 2), ("d = 2", 1), ("weights", 1)])
def test_certificate_finds_the_component_that_was_left_out(name, d, dtype):
    L, _ = problem(name)
    X, V = saddle(L, d)
    w = np.linalg.eigvalsh(X + np.diag((V * V).sum(axis=1)))[::-1]
    op = CpuOperator(L, dtype)
    assert op.n_items == len(X)
    missed = missed_decrease(op, op.asarray(V))
    assert missed == pytest.approx((w[0] - w[d]) ** 2, rel=1e-3)
    # That much can really be had: trade the smallest pair for the one left out.
    best = hetero_pca(X, np.zeros_like(V))
    assert dense_cost(X, V) - dense_cost(X, best) > 0.1 * missed


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["d = 1", "d = 2", "d = 3", "tastes", "few users", "weights"])
def test_certificate_finds_nothing_at_the_optimum(name, dtype):
    L, d = problem(name)
    X = dense_cooccurrence(L)
    V = fitted(name, "eigen", tol=1e-13).embedding_
    op = CpuOperator(L, dtype)
    assert V.shape == (op.n_items, d)
    slack = 1e-9 if dtype == "float64" else 2e-5
    assert missed_decrease(op, op.asarray(V)) <= slack * size_of(X)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_certificate_at_zero(dtype):
    L, d = problem("tastes")
    X = dense_cooccurrence(L)
    op = CpuOperator(L, dtype)
    missed = missed_decrease(op, op.asarray(np.zeros((op.n_items, d))))
    assert missed == pytest.approx(np.linalg.eigvalsh(X)[-1] ** 2, rel=1e-3)


@pytest.mark.parametrize("max_iter", [3, 20, 130, 170, 400])
@pytest.mark.parametrize("solver", ["gd", "momentum", "adam", "lbfgs", "als"])
def test_a_saddle_is_not_called_converged(solver, max_iter):
    # Where a descent rests on a saddle it may stay, but it must not say that all is well: neither
    # in converged_ nor with a gap near 0, however the iterations fall between two looks.
    L, _ = problem("tastes")
    X, V = saddle(L, 2)
    model = fit(L, 2, solver=solver, init=V, max_iter=max_iter)
    best = dense_cost(X, hetero_pca(X, np.zeros_like(V)))
    true_gap = (model.cost_ - best) / model.cost_
    if true_gap > 1e-3:
        assert not model.converged_
        assert model.stop_reason_ == "max_iter"
        assert model.gap_ > 1e-2 * true_gap


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("start", [0.0, 1e-200, 1e-20, 1.0])
def test_starts_that_say_nothing(solver, start):
    # All items alike, down to V = 0, where the gradient vanishes: no crash, no false success.
    L, _ = problem("tastes")
    X = dense_cooccurrence(L)
    best = dense_cost(X, hetero_pca(X, np.zeros((len(X), 2))))
    model = fit(L, 2, solver=solver, init=np.full((len(X), 2), start), max_iter=170)
    assert np.isfinite(model.embedding_).all()
    assert model.cost_ <= max(size_of(X), dense_cost(X, np.full((len(X), 2), start))) * (1 + 1e-12)
    if model.cost_ > best * (1 + 1e-3):
        assert not model.converged_
        assert model.gap_ > 1e-2 * (model.cost_ - best) / model.cost_


@pytest.mark.parametrize("scale", [0.02, 0.1, 30.0])
def test_certificate_has_no_scale_of_its_own(scale):
    # Eigenvalues below 1 count as those above.
    L, _ = problem("tastes")
    X, V = saddle(L, 2)
    op = CpuOperator(scale * L.astype(np.float64))
    w = scale**2 * np.linalg.eigvalsh(X + np.diag((V * V).sum(axis=1)))[::-1]
    expected = (w[0] - w[2]) ** 2
    assert missed_decrease(op, op.asarray(scale * V)) == pytest.approx(expected, rel=1e-3)
    nothing = missed_decrease(op, op.asarray(np.zeros_like(V)))
    largest = scale**2 * np.linalg.eigvalsh(X)[-1]
    assert nothing == pytest.approx(largest**2, rel=1e-3)
