"""The exact line search against dense costs along the line."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import dense_cooccurrence, dense_cost, dense_gradient, random_likes
from movieembed.data.canonical_csr import canonical_csr
from movieembed.operators.cpu import CpuOperator
from movieembed.solvers.line_search import minimise_quartic, quartic
from movieembed.solvers.point import REFRESH, Iterate

POINTS = np.array([-2.0, -0.7, -0.1, 0.3, 0.9, 1.6, 3.0])


def coefficients_of(X, V, D):
    return quartic(
        A=V.T @ V,
        B=V.T @ D,
        C=D.T @ D,
        n=(V * V).sum(axis=1),
        m=(V * D).sum(axis=1),
        q=(D * D).sum(axis=1),
        slope=float((dense_gradient(X, V) * D).sum()),
        dxd=float((D * (X @ D)).sum()),
        cost=dense_cost(X, V),
    )


def value(coefficients, t):
    return np.polynomial.polynomial.polyval(t, coefficients)


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("d", [1, 2, 5, 20])
def test_coefficients_are_those_of_the_dense_cost(d, weights):
    X = dense_cooccurrence(random_likes(20, 11, 0.4, 1, weights))
    rng = np.random.default_rng(d)
    V, D = rng.standard_normal((2, 11, d))
    found = coefficients_of(X, V, D)
    costs = np.array([dense_cost(X, V + t * D) for t in POINTS])
    np.testing.assert_allclose(value(found, POINTS), costs, rtol=1e-11)
    fitted = np.polyfit(POINTS, costs, 4)[::-1]
    np.testing.assert_allclose(found, fitted, rtol=1e-8, atol=1e-9 * np.abs(fitted).max())


def test_coefficients_when_the_direction_touches_one_row():
    # D D' is then on the diagonal alone, which the cost does not see: no t^3, no t^4.
    X = dense_cooccurrence(random_likes(20, 11, 0.4, 1))
    rng = np.random.default_rng(0)
    V, D = rng.standard_normal((11, 3)), np.zeros((11, 3))
    D[4] = rng.standard_normal(3)
    found = coefficients_of(X, V, D)
    assert found[3] == found[4] == 0
    costs = [dense_cost(X, V + t * D) for t in POINTS]
    np.testing.assert_allclose(value(found, POINTS), costs, rtol=1e-11)


def test_coefficients_along_a_zero_direction():
    X = dense_cooccurrence(random_likes(20, 11, 0.4, 1))
    V = np.random.default_rng(0).standard_normal((11, 3))
    found = coefficients_of(X, V, np.zeros_like(V))
    np.testing.assert_array_equal(found[1:], 0)
    assert found[0] == pytest.approx(dense_cost(X, V), rel=1e-14)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(6))
def test_exact_step_is_the_minimum_of_a_fine_grid(seed, dtype):
    L = canonical_csr(random_likes(25, 12, 0.5, seed))
    X = dense_cooccurrence(L)
    op = CpuOperator(L, dtype, 1)
    assert op.n_items == 12
    rng = np.random.default_rng(seed)
    V = op.asarray(2 * rng.standard_normal((12, 3)))
    D = op.asarray(rng.standard_normal((12, 3)))
    moved = Iterate.at(op, V).exact_step(op, D)
    grid = np.linspace(-10, 10, 20_001)
    lowest = value(coefficients_of(X, V.astype(float), D.astype(float)), grid).min()
    slack = 1e-9 if dtype == "float64" else 1e-4
    assert dense_cost(X, moved.V) <= lowest * (1 + slack)
    # The point carries its own cost, product and gradient along; they must be those at moved.V.
    tolerance = 1e-10 if dtype == "float64" else 1e-4
    assert moved.cost == pytest.approx(dense_cost(X, moved.V), rel=tolerance)
    gradient = dense_gradient(X, moved.V)
    np.testing.assert_allclose(
        moved.gradient, gradient, atol=tolerance * (X**2).sum() ** 0.75, rtol=tolerance
    )
    assert abs((gradient * D).sum()) <= tolerance * np.linalg.norm(D) * (X**2).sum() ** 0.75


def test_the_carried_product_is_refreshed():
    op = CpuOperator(canonical_csr(random_likes(25, 12, 0.5, 0)), "float32", 1)
    point = Iterate.at(op, op.asarray(np.random.default_rng(0).standard_normal((12, 3))))
    ages = []
    for _ in range(2 * REFRESH):
        point = point.exact_step(op, -point.gradient)
        np.testing.assert_allclose(point.XV, op.apply(point.V), rtol=1e-3, atol=1e-3)
        ages.append(point.age)
    assert ages == [*range(1, REFRESH), 0] * 2
    assert REFRESH <= 100


@pytest.mark.parametrize("seed", range(50))
def test_minimum_is_global(seed):
    # (p(t))^2 + (q(t))^2 with quadratics p and q: every cost along a line is a sum of such.
    rng = np.random.default_rng(seed)
    p, q = (np.polynomial.Polynomial(rng.standard_normal(3)) for _ in range(2))
    coefficients = (p * p + q * q).coef
    t = minimise_quartic(coefficients)
    grid = np.linspace(-50, 50, 100_001)
    lowest = min(value(coefficients, grid).min(), coefficients[0])
    assert value(coefficients, t) <= lowest + 1e-10 * coefficients[0]


def test_of_two_minima_the_lower_is_taken():
    # Derivative 4 (t + 1)(t - 1)(t - 3): minima at -1 and 3, and uphill between 0 and 1.
    polynomial = np.polynomial.Polynomial.fromroots([-1, 1, 3]) * 4
    for tilt, wanted in ((0.5, 3), (-0.5, -1)):
        coefficients = (polynomial - tilt).integ().coef + np.array([100.0, 0, 0, 0, 0])
        t = minimise_quartic(coefficients)
        assert t == pytest.approx(wanted, abs=0.1)
        assert value(coefficients, t) < value(coefficients, 2 - wanted)


@pytest.mark.parametrize(
    ("coefficients", "wanted"),
    [
        ([0, 0, 0, 0, 0], 0),
        ([7, 0, 0, 0, 0], 0),
        ([7, 0, 0, 0, 1], 0),
        ([7, 0, 3, 0, 1], 0),
        ([7, 0, 3, 0, 0], 0),
        ([7, -4, 2, 0, 0], 1),
        ([7, -2e-9, 1, 0, 0], 1e-9),
        ([2e14, -2e6, 1, 0, 0], 1e6),
        ([16, -32, 24, -8, 1], 2),  # (t - 2)^4: a triple root
    ],
)
def test_degenerate_polynomials(coefficients, wanted):
    coefficients = np.array(coefficients, dtype=float)
    t = minimise_quartic(coefficients)
    assert t == pytest.approx(wanted, rel=1e-3, abs=1e-12)
    assert value(coefficients, t) <= coefficients[0]


def test_either_of_two_equal_minima():
    assert abs(minimise_quartic(np.array([1.0, 0, -2, 0, 1]))) == pytest.approx(1)


@pytest.mark.parametrize("coefficients", [[5, 0, -1, 0, 0], [5, -1, 0, 0, 0], [5, 1, 0, 1, 0]])
def test_what_has_no_minimum_is_rounding_and_moves_nothing(coefficients):
    assert minimise_quartic(np.array(coefficients, dtype=float)) == 0


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", range(5))
def test_not_finite(at, wrong):
    coefficients = np.array([1.0, -1, 1, 0, 1])
    coefficients[at] = wrong
    assert minimise_quartic(coefficients) == 0


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_scale_of_the_direction_changes_the_step_alone(scale):
    X = dense_cooccurrence(random_likes(20, 11, 0.4, 1))
    rng = np.random.default_rng(0)
    V, D = rng.standard_normal((2, 11, 3))
    plain = minimise_quartic(coefficients_of(X, V, D))
    assert plain != 0
    assert minimise_quartic(coefficients_of(X, V, scale * D)) * scale == pytest.approx(plain)
