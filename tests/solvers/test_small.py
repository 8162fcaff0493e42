"""Small problems: what other starts find below the eigenvalue solver."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp

import movieembed as me
from helpers import dense_cooccurrence, dense_cost, dense_gradient, random_likes
from movieembed.model.fitting import item_vectors
from movieembed.operators.cpu import CpuOperator
from movieembed.solvers import small


def symmetric(n: int, seed: int) -> np.ndarray:
    X = np.random.default_rng(seed).standard_normal((n, n))
    X = X + X.T
    np.fill_diagonal(X, 0)
    return X


def test_second_derivative_is_that_of_the_gradient():
    rng = np.random.default_rng(0)
    X, V, D = symmetric(6, 1), rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
    cost, residual = small.cost_of(X, V)
    assert cost == pytest.approx(dense_cost(X, V), rel=1e-13)
    h = 1e-5
    change = (dense_gradient(X, V + h * D) - dense_gradient(X, V - h * D)) / (2 * h)
    found = (small.second_derivative(residual, V) @ D.ravel()).reshape(D.shape)
    np.testing.assert_allclose(found, change, rtol=1e-6, atol=1e-6)


def test_turns_have_curvature_and_nothing_else_has():
    V = np.random.default_rng(0).standard_normal((6, 3))
    H = small.turns(V, 2.0)
    values = np.linalg.eigvalsh(H)
    np.testing.assert_allclose(values, [0] * 15 + [2] * 3, atol=1e-12)
    turn = V @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(H @ turn.ravel(), 2 * turn.ravel(), atol=1e-12)


def test_a_descent_ends_at_a_minimum_and_says_so():
    X = dense_cooccurrence(random_likes(30, 8, 0.4, seed=2))
    start = np.random.default_rng(0).standard_normal((8, 2))
    point = small.end(X, *small.descend(X, start, small.FINE))
    assert point.cost == pytest.approx(dense_cost(X, point.V), rel=1e-12)
    assert point.gap <= 1e-12 * point.cost
    assert np.linalg.norm(dense_gradient(X, point.V)) <= 1e-6 * np.linalg.norm(X) ** 1.5


def test_a_saddle_has_no_gap():
    X = dense_cooccurrence(random_likes(30, 8, 0.4, seed=2))
    assert small.end(X, np.zeros((8, 2)), np.inf).gap == np.inf


def test_what_is_to_come_of_falling_decreases():
    assert small.to_come([8, 6, 5]) == 1  # 1/2 + 1/4 + ...
    assert small.to_come([9, 9, 9, *(3 + 0.5**k for k in range(21))]) == pytest.approx(0.5**20)
    assert small.to_come([8, 7, 6]) == small.to_come([8, 6]) == small.to_come([8, 7, 5]) == np.inf


def test_a_valley_has_a_gap_from_its_last_decreases():
    # One item liked with each of two that share nobody: v_0 runs to infinity and the cost to 0.
    X = np.array([[0.0, 1, 1], [1, 0, 0], [1, 0, 0]])
    V, decrease = small.descend(X, np.array([[1.0], [0.5], [0.4]]), small.FINE)
    assert 0 < dense_cost(X, V) < 1e-5
    assert 0.2 * dense_cost(X, V) < decrease < 5 * dense_cost(X, V)


def best_of_five(X: np.ndarray, d: int) -> float:
    rng = np.random.default_rng(7)
    size = np.abs(X).max()
    return size**2 * min(
        scipy.optimize.minimize(
            lambda v: (
                dense_cost(X / size, v.reshape(-1, d)),
                dense_gradient(X / size, v.reshape(-1, d)).ravel(),
            ),
            rng.standard_normal(len(X) * d) * 0.5,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 1500, "ftol": 1e-15, "gtol": 1e-9},
        ).fun
        for _ in range(5)
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", range(12))
def test_no_start_ends_lower(seed):
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(4, 20)), int(rng.integers(1, 5))
    L = (rng.random((30, n)) < rng.choice([0.15, 0.3, 0.5])) * 1.0
    if seed % 3 == 0:
        L *= rng.lognormal(0, 1, L.shape)
    model = me.MovieEmbedding(d, random_state=seed, n_jobs=1).fit(L)
    X = dense_cooccurrence(L)
    excess = model.cost_ - best_of_five(X, d)
    if model.converged_:
        assert excess <= 1e-6 * model.cost_ + 1e-10 * float((X**2).sum())
    else:  # in a valley that falls towards infinity
        assert model.stop_reason_ == "max_iter"
        assert excess <= 1e-3 * float((X**2).sum())


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", [30, 196])
def test_the_end_of_a_valley_is_followed(seed):
    """Where 150 steps halve what is left; of 300 problems drawn like this some 30 are."""
    rng = np.random.default_rng(seed)
    n, users = int(rng.integers(4, 26)), int(rng.integers(3, 40))
    L = (rng.random((users, n)) < rng.choice([0.1, 0.2, 0.35, 0.6])).astype(float)
    d = int(rng.integers(1, 7))
    X = dense_cooccurrence(L)
    model = me.MovieEmbedding(d, random_state=seed, n_jobs=1).fit(L)
    best, size = best_of_five(X, d), float((X**2).sum())
    assert model.cost_ <= best * (1 + 1e-6) + 1e-9 * size


def test_a_row_that_goes_to_infinity_leaves_the_others():
    """With one component, where only the pairs with one item can be fitted."""
    X = -np.ones((6, 6))
    X[0] = X[:, 0] = 1
    np.fill_diagonal(X, 0)
    op = CpuOperator(sp.csr_array(np.ones((2, 6))), np.float64)
    assert op.frobenius_squared == (dense_cooccurrence(np.ones((2, 6))) ** 2).sum()
    vars(op)["frobenius_squared"] = 30.0  # X has negative entries, and no L
    V = np.array([[3000.0], *[[1 / 3000]] * 5])
    solution = type("Solution", (), {"V": V})
    kept, _ = item_vectors(op, solution, 1)
    assert dense_cost(X, kept) == pytest.approx(dense_cost(X, V))
    assert dense_cost(X, kept) < dense_cost(X, np.where(V > 1, V, 0)) - 9


def test_larger_problems_and_given_starts_are_left_alone():
    L = random_likes(60, 40, 0.3, seed=1).toarray()
    start = np.random.default_rng(0).standard_normal((8, 2))
    for weights, init in ((L, "random"), (L[:, :8], start)):
        model = me.MovieEmbedding(2, init=init, random_state=0, n_jobs=1).fit(weights)
        costs = model.history_["cost"]
        assert model.n_iter_ == len(costs) - 1
        again = me.MovieEmbedding(2, init=init, random_state=0, n_jobs=1).fit(weights)
        np.testing.assert_array_equal(again.embedding_, model.embedding_)
    assert not small.is_small(type("Op", (), {"n_items": 33}), 1)
    assert small.is_small(type("Op", (), {"n_items": 25}), 6)
    assert not small.is_small(type("Op", (), {"n_items": 25}), 7)
