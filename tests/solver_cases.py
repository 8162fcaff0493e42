"""Problems small enough to be sure of, and their dense optima, for the tests of the solvers."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import scipy.optimize
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from helpers import dense_cooccurrence, dense_cost, dense_gradient, random_likes
from movieembed import MovieEmbedding
from movieembed.data.canonical_csr import canonical_csr
from movieembed.operators.cpu import CpuOperator


def tastes(n_users, n_items, seed):
    """Users of three tastes, half of them of the first: a well separated optimum, found by all."""
    rng = np.random.default_rng(seed)
    taste = np.array([0, 0, 0, 1, 1, 2])[np.arange(n_users) % 6]
    likely = np.where(np.arange(n_items) % 3 == taste[:, None], 0.7, 0.15)
    return sp.csr_array((rng.random((n_users, n_items)) < likely).astype(np.float32))


def with_duplicates():
    L = random_likes(12, 10, 0.5, 3)
    return sp.csr_array(sp.vstack([L, L, L[:5]]))


def with_idle_users_and_items():
    """Users without a like or with one, items nobody liked, items liked alone."""
    L = np.zeros((40, 16))
    L[:30, 2:14] = random_likes(30, 12, 0.5, 2).toarray()
    L[30:34, 14] = 1
    L[34, 3] = 1
    return sp.csr_array(L)


# name: (likes, d). The landscapes are benign: dense L-BFGS finds one and the same cost from every
# start, which test_references checks.
PROBLEMS = {
    "d = 1": (random_likes(30, 12, 0.4, 0), 1),
    "d = 2": (random_likes(30, 12, 0.4, 1), 2),
    "d = 3": (random_likes(30, 12, 0.4, 0), 3),
    "tastes": (tastes(90, 15, 0), 3),
    "few users": (random_likes(8, 20, 0.5, 0), 3),
    "weights": (random_likes(30, 12, 0.4, 1, weights=True), 2),
    "weights, d = 3": (random_likes(60, 14, 0.5, 5, weights=True), 3),
    "duplicate users": (with_duplicates(), 2),
    "idle users and items": (with_idle_users_and_items(), 2),
    "two items": (np.array([[1, 1], [1, 1], [1, 0]]), 1),
    "more components than items": (random_likes(30, 6, 0.6, 1), 9),
}


def problem(name):
    L, d = PROBLEMS[name]
    return canonical_csr(L), d


@cache
def reference_costs(name):
    """Dense costs that L-BFGS-B reaches from four starts."""
    L, d = problem(name)
    X = dense_cooccurrence(L)
    rng = np.random.default_rng(0)
    costs = []
    for _ in range(4):
        start = rng.standard_normal((len(X), d)) * np.sqrt(np.abs(X).max() / d)
        found = scipy.optimize.minimize(
            lambda v: (
                dense_cost(X, v.reshape(len(X), d)),
                dense_gradient(X, v.reshape(len(X), d)).ravel(),
            ),
            start.ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 3000, "maxfun": 6000, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 30},
        )
        costs.append(found.fun)
    return np.array(costs)


@cache
def fitted(name, solver, dtype="float64", tol=1e-11, seed=0):
    L, d = problem(name)
    return fit(L, d, solver=solver, dtype=dtype, tol=tol, random_state=seed)


def fit(L, d, **parameters):
    """A fitted model; whether it converged is for the test to ask."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MovieEmbedding(d, **{"random_state": 0, **parameters}).fit(L)


def hetero_pca(X, V, leave_out=0, steps=20_000):
    """Stationary points by dense eigenvectors: the d leading ones after `leave_out` others."""
    d = V.shape[1]
    n = (V * V).sum(axis=1)
    for _ in range(steps):
        w, U = np.linalg.eigh(X + np.diag(n))
        take = slice(len(X) - leave_out - d, len(X) - leave_out)
        V = U[:, take] * np.sqrt(np.maximum(w[take], 0))
        before, n = n, (V * V).sum(axis=1)
        if np.abs(n - before).max() <= 1e-14 * np.abs(n).max():
            break
    return V


def saddle(L, d):
    """V that is stationary, but for eigenpairs 2 to d + 1 instead of 1 to d."""
    X = dense_cooccurrence(L)
    V = hetero_pca(X, np.zeros((len(X), d)), leave_out=1)
    assert np.linalg.norm(dense_gradient(X, V)) < 1e-9 * np.linalg.norm(X) ** 1.5
    return X, V


def size_of(X):
    return float((X**2).sum())


def full_problem(dtype="float64"):
    """An operator with every item active, its X, and a start."""
    L = canonical_csr(random_likes(25, 9, 0.5, 3))
    op = CpuOperator(L, dtype)
    assert op.n_items == 9
    V0 = np.random.default_rng(1).standard_normal((9, 3))
    return op, dense_cooccurrence(L), V0
