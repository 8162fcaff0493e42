"""Weights of any size: the fit of kL is k times the fit of L, and its cost k^4 times."""

from __future__ import annotations

import numpy as np
import pytest

import movieembed as me
from helpers import dense_cost, dense_gradient, random_likes

EXPONENTS = (-498, -76, -40, 1, 3, 63, 130, 232)  # 1e-150 to 1e70


def rated(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random((12, 7)) < 0.4) * rng.integers(1, 6, (12, 7)) * 1.0


def cooccurrence(L: np.ndarray) -> np.ndarray:
    X = L.T @ L
    np.fill_diagonal(X, 0)
    return X


def power(k: float, exponent: float) -> float:
    """k^exponent, 0 or infinity where that leaves float64."""
    return float(np.float64(k) ** exponent)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("solver", ["eigen", "als", "lbfgs", "momentum", "adam", "gd"])
def test_every_solver_gives_the_same_bits_for_a_power_of_two(solver, dtype):
    model = me.MovieEmbedding(
        2,
        solver=solver,
        dtype=dtype,
        random_state=0,
        max_iter=15,
        recommend_weighting=0,
        n_jobs=1,
    )
    L = rated()
    plain = model.fit(L)
    V, cost, gap, history = plain.embedding_, plain.cost_, plain.gap_, plain.history_
    values, squares, chosen = plain.eigenvalues_, plain.item_squares_, plain.regularization_
    for e in EXPONENTS if dtype == "float64" else (-90, -3, 40, 80):
        k = 2.0**e
        seen = []
        model.set_params(callback=lambda entry, seen=seen: seen.append(entry.cost))
        scaled = model.fit(k * L)
        with np.errstate(under="ignore"):
            np.testing.assert_array_equal(scaled.embedding_, V * V.dtype.type(k))
            assert scaled.cost_ == cost * k * k * k * k
            np.testing.assert_array_equal(scaled.history_["cost"], history["cost"] * k * k * k * k)
            np.testing.assert_array_equal(
                scaled.history_["gradient_norm"], history["gradient_norm"] * k * k * k
            )
            np.testing.assert_array_equal(scaled.eigenvalues_, values * k * k)
            np.testing.assert_array_equal(scaled.item_squares_, squares * k * k)
            np.testing.assert_allclose(scaled.regularization_, chosen * k * k, rtol=1e-12)
        assert scaled.gap_ == gap
        assert seen == scaled.history_["cost"].tolist()


@pytest.mark.parametrize("k", [1e-150, 1e-50, 1e-23, 0.3, 1e19, 1e39, 1e70])
def test_the_cost_is_that_of_the_dense_formula(k):
    L = rated(1)
    plain = me.MovieEmbedding(2, random_state=0, tol=1e-10, n_jobs=1).fit(L)
    scaled = me.MovieEmbedding(2, random_state=0, tol=1e-10, n_jobs=1).fit(k * L)
    assert scaled.converged_
    with np.errstate(under="ignore"):
        assert scaled.cost_ == pytest.approx(plain.cost_ * k * k * k * k, rel=1e-8)
        np.testing.assert_allclose(scaled.embedding_ / k, plain.embedding_, rtol=1e-3, atol=1e-4)
    V = scaled.embedding_ / k
    assert dense_cost(cooccurrence(L), V) == pytest.approx(plain.cost_, rel=1e-8)


@pytest.mark.parametrize(
    ("weighting", "degree"),
    [
        ({"item_scaling": "cosine"}, 0),
        ({"item_scaling": 0.5}, 0.5),
        ({"user_weighting": 0.5}, 0.5),
        ({"user_weighting": 2.0, "item_scaling": 0.5}, -0.5),
        ({"entry_weighting": "ppmi"}, 0),
    ],
)
@pytest.mark.parametrize("k", [1e-120, 1e-23, 1e19, 1e60])
def test_weightings_see_the_weights_as_they_are(weighting, degree, k):
    L = rated(2)
    model = me.MovieEmbedding(2, random_state=0, tol=1e-10, n_jobs=1, **weighting)
    plain = model.fit(L)
    V, cost = plain.embedding_, plain.cost_
    scale, squares = plain.item_scale_, plain.item_squares_
    scaled = model.fit(k * L)
    with np.errstate(under="ignore"):
        assert scaled.cost_ == pytest.approx(cost * power(k, 4 * degree), rel=1e-8)
        np.testing.assert_allclose(scaled.embedding_ / k**degree, V, rtol=1e-3, atol=1e-4)
        if squares is not None:
            np.testing.assert_allclose(scaled.item_squares_ / k**degree / k**degree, squares)
    if scale is not None:
        alpha = 1.0 if weighting["item_scaling"] == "cosine" else weighting["item_scaling"]
        beta = weighting.get("user_weighting", 0.0)
        np.testing.assert_allclose(scaled.item_scale_ / power(k, -alpha * (1 - beta)), scale)


def test_log1p_is_of_the_true_x():
    L = rated(3)
    for k in (1e-50, 1e-3, 1.0, 1e60):
        X = np.log1p(cooccurrence(k * L))
        model = me.MovieEmbedding(2, random_state=0, entry_weighting="log1p", tol=1e-10, n_jobs=1)
        model.fit(k * L)
        residual = model.embedding_ @ model.embedding_.T - X
        np.fill_diagonal(residual, 0)
        size = np.abs(X).max()
        assert model.cost_ / size / size == pytest.approx(
            float(((residual / size) ** 2).sum()), rel=1e-9
        )
        assert model.converged_


def test_a_like_alone_does_not_hide_the_others():
    L = rated(4)
    alone = np.zeros((1, 7))
    alone[0, 2] = 1e100
    plain = me.MovieEmbedding(2, random_state=0, n_jobs=1).fit(L)
    beside = me.MovieEmbedding(2, random_state=0, n_jobs=1).fit(np.vstack([L, alone]))
    np.testing.assert_array_equal(beside.embedding_, plain.embedding_)


@pytest.mark.parametrize("k", [1.0, 1e-3, 300.0])
@pytest.mark.parametrize("solver", ["gd", "momentum", "adam", "lbfgs"])
def test_a_learning_rate_is_in_the_units_of_the_weights(solver, k):
    L = k * rated(5)
    X = cooccurrence(L)
    V = k * np.random.default_rng(0).standard_normal((7, 2))
    gradient = dense_gradient(X, V)
    rate = 1e-5 / k**2
    step = gradient
    if solver == "adam":
        rate, step = 0.05 * k, gradient / (np.abs(gradient) + 1e-8)
    model = me.MovieEmbedding(
        2, solver=solver, learning_rate=rate, init=V, max_iter=1, tol=0, n_jobs=1
    )
    with pytest.warns(match="stopped after"):
        model.fit(L)
    costs = [dense_cost(X, V), dense_cost(X, V - rate * step)]
    np.testing.assert_allclose(model.history_["cost"], costs, rtol=1e-11)


@pytest.mark.parametrize(
    ("dtype", "k", "reach"),
    [
        ("float32", 1e39, "float32"),
        ("float32", 1e-50, "float32"),
        ("float64", 1e80, "float64"),
        ("float64", 1e200, "float64"),
        ("float64", 1e-300, "float64"),
    ],
)
def test_weights_out_of_reach_are_an_error_that_says_so(dtype, k, reach):
    with pytest.raises(ValueError, match=f"out of the reach of {reach}: multiply all"):
        me.MovieEmbedding(2, random_state=0, dtype=dtype).fit(k * rated())


@pytest.mark.parametrize("refine", [0, 1, 2])
@pytest.mark.parametrize("k", [1e-150, 1e-50, 1e-30, 3.0, 1e30, 1e50, 1e70])
def test_lists_are_those_of_other_units(k, refine):
    L = random_likes(60, 20, 0.3, seed=0).astype(np.float64)
    columns, scores = me.MovieEmbedding(3, random_state=0).fit(L).recommend(L, 3, refine=refine)
    model = me.MovieEmbedding(3, random_state=0).fit(k * L)
    found = model.recommend(k * L, 3, refine=refine)
    np.testing.assert_array_equal(found[0], columns)
    there = columns >= 0
    np.testing.assert_allclose(found[1][there] / k, scores[there], rtol=1e-4, atol=1e-6)
