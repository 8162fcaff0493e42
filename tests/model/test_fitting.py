"""The axes that a fit ends in, and the embedding that it starts from."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from fit_cases import L0, fit
from helpers import dense_cooccurrence, dense_cost, random_likes
from movieembed.model.fitting import principal_axes
from movieembed.operators.cpu import CpuOperator
from movieembed.solvers import SOLVERS


def test_axes_are_canonical():
    model = fit()
    V = model.embedding_
    G = V.T @ V
    np.testing.assert_allclose(G, np.diag(np.diag(G)), atol=1e-10 * G.max())
    np.testing.assert_allclose(np.diag(G), model.eigenvalues_, rtol=1e-10)
    assert (np.diff(model.eigenvalues_) < 0).all()
    assert (np.take_along_axis(V, np.abs(V).argmax(axis=0)[None], axis=0) > 0).all()


def test_axes_are_eigenvectors_of_x_with_its_free_diagonal():
    model = fit(tol=1e-13)
    V = model.embedding_
    A = dense_cooccurrence(L0) + np.diag((V * V).sum(axis=1))
    np.testing.assert_allclose(A @ V, V * model.eigenvalues_, atol=1e-4)
    np.testing.assert_allclose(np.linalg.eigvalsh(A)[:-4:-1], model.eigenvalues_, rtol=1e-5)


@pytest.mark.parametrize("solver", [s for s in SOLVERS if s != "eigen"])
def test_every_solver_gives_the_same_embedding(solver):
    reference = fit(tol=1e-13)
    np.testing.assert_allclose(reference.eigenvalues_, [154.7, 52.8, 32.1], atol=0.1)
    model = fit(solver=solver, tol=1e-13, max_iter=3000, random_state=3)
    np.testing.assert_allclose(model.embedding_, reference.embedding_, atol=2e-4)
    np.testing.assert_allclose(model.eigenvalues_, reference.eigenvalues_, rtol=1e-5)


@pytest.mark.parametrize("solver", ["eigen", "als", "lbfgs"])
def test_permuting_items_permutes_the_embedding(solver):
    order = np.random.default_rng(0).permutation(15)
    plain = fit(solver=solver, tol=1e-13)
    turned = fit(L0[:, order], solver=solver, tol=1e-13)
    np.testing.assert_allclose(turned.embedding_, plain.embedding_[order], atol=1e-4)


def test_permuting_or_repeating_users():
    order = np.random.default_rng(0).permutation(90)
    plain = fit(tol=1e-13)
    np.testing.assert_allclose(fit(L0[order], tol=1e-13).embedding_, plain.embedding_, atol=1e-4)
    twice = fit(sp.vstack([L0, L0]), tol=1e-13)
    np.testing.assert_allclose(twice.embedding_, 2**0.5 * plain.embedding_, atol=1e-4)


def test_items_that_nobody_shares_are_zero_and_change_nothing():
    L = np.zeros((93, 18))
    columns = np.r_[1:9, 10:17]
    L[:90, columns] = L0.toarray()
    L[90:92, 9] = 1
    L[92, 12] = 1
    plain, wider = fit(tol=1e-13), fit(L, tol=1e-13)
    np.testing.assert_array_equal(wider.embedding_[[0, 9, 17]], 0)
    np.testing.assert_allclose(wider.embedding_[columns], plain.embedding_, atol=1e-4)
    assert wider.cost_ == pytest.approx(plain.cost_, rel=1e-9)
    assert wider.item_counts_[[0, 9, 12]].tolist() == [0, 2, int(L[:, 12].sum())]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(1, 1), (9, 4), (4, 9), (5, 0), (0, 3)])
def test_principal_axes(shape, dtype):
    V = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    op = CpuOperator(sp.csr_array(np.ones((2, shape[0]))), dtype, keep_all=True)
    turned, eigenvalues = principal_axes(op, V, 10)
    assert turned.dtype == dtype
    assert turned.shape == (shape[0], 10)
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(turned @ turned.T, V @ V.T, atol=tolerance)
    np.testing.assert_allclose(turned.T @ turned, np.diag(eigenvalues), atol=10 * tolerance)
    assert (eigenvalues >= 0).all()
    assert (np.diff(eigenvalues) <= 0).all()
    assert not turned[:, shape[1] :].any()
    again, _ = principal_axes(op, -turned, 10)
    np.testing.assert_allclose(again, turned, atol=10 * tolerance**0.5)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("d", [6, 9, 30])
def test_more_components_than_items(solver, d):
    L = random_likes(30, 6, 0.6, 1)
    model = fit(L, d, solver=solver)
    assert model.embedding_.shape == (6, d)
    assert model.eigenvalues_.shape == (d,)
    np.testing.assert_array_equal(model.embedding_[:, 6:], 0)
    np.testing.assert_array_equal(model.eigenvalues_[6:], 0)
    X = dense_cooccurrence(L)
    assert 0 <= model.cost_ <= 1e-4 * (X**2).sum()
    assert len(model.similar(0)) == 5


@pytest.mark.parametrize("solver", SOLVERS)
def test_init_is_the_start(solver):
    V0 = np.random.default_rng(3).standard_normal((15, 3))
    kept = V0.copy()
    model = fit(solver=solver, init=V0, max_iter=2)
    np.testing.assert_array_equal(V0, kept)
    assert model.init is V0
    X = dense_cooccurrence(L0)
    start = model.history_["cost"].iloc[0]
    if solver == "eigen":  # starts from its column space, so no worse
        assert start <= dense_cost(X, V0)
    else:
        assert start == pytest.approx(dense_cost(X, V0), rel=1e-10)


def test_init_at_the_optimum_stays_there():
    best = fit(tol=1e-13)
    for solver in SOLVERS:
        model = fit(solver=solver, init=best.embedding_)
        assert model.converged_
        assert model.cost_ == pytest.approx(best.cost_, rel=1e-9)
        np.testing.assert_allclose(model.embedding_, best.embedding_, atol=1e-3)


def test_init_with_idle_items_and_other_dtypes():
    L = np.hstack([np.zeros((90, 1)), L0.toarray()])
    V0 = np.random.default_rng(3).standard_normal((16, 3))
    X = dense_cooccurrence(L0)
    for init in (V0, V0.astype(np.float32), np.asfortranarray(V0), V0[:, ::-1], V0.tolist()):
        model = fit(L, solver="gd", init=init, max_iter=1)
        wanted = dense_cost(X, np.asarray(init)[1:])
        assert model.history_["cost"].iloc[0] == pytest.approx(wanted, rel=1e-6)
        np.testing.assert_array_equal(model.embedding_[0], 0)
