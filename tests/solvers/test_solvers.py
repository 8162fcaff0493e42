"""Every solver against dense references on problems small enough to be sure of."""

from __future__ import annotations

import itertools
import warnings
from functools import cache

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from helpers import dense_cooccurrence, dense_cost, dense_gradient, random_likes
from movieembed import MovieEmbedding, cost
from movieembed._base.threads import serial_blas
from movieembed.data.canonical_csr import canonical_csr
from movieembed.exceptions import DivergenceError
from movieembed.operators.cpu import CpuOperator
from movieembed.solvers import SOLVERS, solve
from movieembed.solvers.adam import adam
from movieembed.solvers.als import als, least_squares_step
from movieembed.solvers.certificate import missed_decrease
from movieembed.solvers.driver import estimate_gap
from movieembed.solvers.eigen import eigen
from movieembed.solvers.gradient_descent import gradient_descent
from movieembed.solvers.lbfgs import lbfgs
from movieembed.solvers.momentum import momentum
from movieembed.solvers.point import Iterate

FALLING = ("eigen", "als", "gd", "lbfgs")


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


# -- The optimum


@pytest.mark.parametrize("name", PROBLEMS)
def test_references(name):
    # Their agreement is what makes "the optimum" in the other tests mean something.
    X = dense_cooccurrence(problem(name)[0])
    costs = reference_costs(name)
    assert costs.max() - costs.min() <= 1e-6 * costs.min() + 1e-12 * size_of(X)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_reaches_the_optimum(name, solver):
    L, _ = problem(name)
    X = dense_cooccurrence(L)
    model = fitted(name, solver)
    best = reference_costs(name).min()
    assert model.cost_ == pytest.approx(dense_cost(X, model.embedding_), rel=1e-9, abs=1e-9)
    assert abs(model.cost_ - best) <= 1e-6 * best + 1e-10 * size_of(X)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_reaches_the_optimum_in_float32(name, solver):
    # The docstring promises 1e-5; of the size of the terms that cancel, which is what float32 sees.
    L, _ = problem(name)
    X = dense_cooccurrence(L)
    model = fitted(name, solver, dtype="float32", tol=1e-8)
    best = reference_costs(name).min()
    assert model.embedding_.dtype == np.float32
    assert model.cost_ == pytest.approx(dense_cost(X, model.embedding_), rel=1e-6, abs=1e-6)
    assert model.cost_ - best <= 1e-4 * best + 5e-5 * size_of(X)
    assert model.cost_ - best >= -1e-6 * best - 1e-9 * size_of(X)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_eigen_converges_to_the_optimum_from_any_seed(dtype, seed):
    name = "d = 3"
    X = dense_cooccurrence(problem(name)[0])
    model = fitted(name, "eigen", dtype=dtype, tol=1e-8, seed=seed)
    best = reference_costs(name).min()
    slack = 1e-6 * best if dtype == "float64" else 2e-5 * size_of(X)
    assert model.cost_ - best <= slack


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ["d = 2", "tastes", "weights", "duplicate users"])
def test_ends_converged_at_a_stationary_point(name, solver):
    L, _ = problem(name)
    X = dense_cooccurrence(L)
    model = fitted(name, solver)
    assert model.converged_
    assert model.stop_reason_ == "converged"
    assert model.gap_ <= 1e-11 or model.gap_ * model.cost_ <= 1e-14 * size_of(X)
    gradient = np.linalg.norm(dense_gradient(X, model.embedding_))
    assert gradient <= 1e-4 * np.linalg.norm(X) * np.linalg.norm(model.embedding_)
    assert model.history_["gradient_norm"].iloc[-1] <= 1e-4 * model.history_["gradient_norm"].max()


def test_eigen_agrees_with_dense_principal_factors():
    L, d = problem("tastes")
    X = dense_cooccurrence(L)
    V = hetero_pca(X, np.zeros((len(X), d)))
    model = fitted("tastes", "eigen", tol=1e-13)
    assert model.cost_ == pytest.approx(dense_cost(X, V), rel=1e-10)
    np.testing.assert_allclose(model.embedding_ @ model.embedding_.T, V @ V.T, atol=1e-4)


def test_als_ends_where_each_row_is_its_least_squares_solution():
    L, _ = problem("tastes")
    X = dense_cooccurrence(L)
    V = fitted("tastes", "als", tol=1e-14).embedding_
    G = V.T @ V
    XV = X @ V
    rows = [np.linalg.solve(G - np.outer(v, v), xv) for v, xv in zip(V, XV, strict=True)]
    np.testing.assert_allclose(V, rows, atol=1e-5 * np.abs(V).max())


def test_als_first_direction_is_the_least_squares_step():
    L, d = problem("tastes")
    X = dense_cooccurrence(L)
    op = CpuOperator(L)
    assert op.n_items == len(X)
    V = np.random.default_rng(0).standard_normal((len(X), d))
    G, XV = V.T @ V, X @ V
    rows = [np.linalg.solve(G - np.outer(v, v), xv) for v, xv in zip(V, XV, strict=True)]
    np.testing.assert_allclose(
        V + least_squares_step(op, Iterate.at(op, V)), rows, rtol=1e-5, atol=1e-6
    )


def test_als_goes_along_conjugate_directions(small_likes):
    """The plain steps need 90 iterations and more."""
    model = fit(small_likes, 10, solver="als", tol=1e-8)
    assert model.converged_
    assert model.n_iter_ < 60


# -- The way there


@pytest.mark.parametrize("solver", FALLING)
@pytest.mark.parametrize("name", ["d = 3", "weights", "few users", "idle users and items"])
def test_cost_never_rises(name, solver):
    X = dense_cooccurrence(problem(name)[0])
    costs = fitted(name, solver).history_["cost"].to_numpy()
    assert np.diff(costs).max() <= 1e-13 * size_of(X)
    assert len(costs) >= 2


@pytest.mark.parametrize("solver", SOLVERS)
def test_history_is_consistent(solver):
    model = fitted("d = 3", solver)
    history = model.history_
    assert list(history.columns) == ["iteration", "cost", "gradient_norm", "seconds"]
    np.testing.assert_array_equal(history["iteration"], np.arange(model.n_iter_ + 1))
    assert (np.diff(history["seconds"]) >= 0).all()
    assert (history["seconds"] >= 0).all()
    X = dense_cooccurrence(problem("d = 3")[0])
    assert model.cost_ == pytest.approx(history["cost"].min(), abs=1e-13 * size_of(X))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ["d = 3", "idle users and items", "weights"])
def test_what_is_yielded_is_what_was_computed(name, solver):
    # Cost and gradient norm of each step are those of its V, also when XV was carried along.
    L, d = problem(name)
    op = CpuOperator(L)
    X = dense_cooccurrence(L)[np.ix_(op.active, op.active)]
    rng = np.random.default_rng(0)
    V0 = rng.standard_normal((op.n_items, d))
    steps = {
        "als": lambda: als(op, V0),
        "gd": lambda: gradient_descent(op, V0, "exact"),
        "momentum": lambda: momentum(op, V0, "exact"),
        "adam": lambda: adam(op, V0, "exact"),
        "lbfgs": lambda: lbfgs(op, V0, "exact"),
        "eigen": lambda: eigen(op, d, rng),
    }[solver]()
    seen = [
        (step.V.copy(), step.V, step.cost, step.gradient_norm)
        for step in itertools.islice(steps, 60)
    ]
    assert len(seen) == 60
    for copy, V, value, norm in seen:
        np.testing.assert_array_equal(copy, V)  # not written to again
        assert value == pytest.approx(dense_cost(X, V), rel=1e-8, abs=1e-11 * size_of(X))
        gradient = np.linalg.norm(dense_gradient(X, V))
        assert norm == pytest.approx(gradient, rel=1e-5, abs=1e-10 * size_of(X) ** 0.75)


def test_gap_is_not_flattered_by_a_small_step():
    """From some starts the eigensolver all but rests on its way; the gradient shows it."""
    L, d = problem("few users")
    best = fitted("few users", "als", tol=1e-14).cost_
    for seed in range(40):
        model = fit(L, d, tol=1e-8, random_state=seed)
        assert model.converged_
        assert (model.cost_ - best) / best <= 1e-7


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ["d = 2", "d = 3", "tastes", "weights", "few users"])
def test_gap_is_of_the_right_size(name, solver):
    best = min(fitted(name, other, tol=1e-14).cost_ for other in ("als", "eigen", "lbfgs"))
    tol = 1e-8
    model = fitted(name, solver, tol=tol)
    assert model.converged_
    assert 0 <= model.gap_ <= tol
    true = (model.cost_ - best) / best
    # An estimate below tol may be anything, as long as the truth is near tol too.
    assert true <= 10 * max(model.gap_, tol)
    if solver in ("gd", "momentum", "adam") and true > 1e-9:  # slow and regular: no lucky last step
        assert true >= model.gap_ / 10


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_looser_tolerance_stops_no_later(solver):
    # Not 1e-3: the way of "eigen" has a plateau that falls by less than that.
    loose, tight = (fitted("d = 3", solver, tol=tol) for tol in (1e-5, 1e-11))
    assert loose.n_iter_ <= tight.n_iter_
    assert loose.cost_ >= tight.cost_ * (1 - 1e-12)
    assert loose.cost_ <= tight.cost_ * (1 + 1e-2)


# -- The estimate of the gap


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("window", [1, 2, 5])
def test_gap_of_a_geometric_sequence_is_exact(rate, window):
    costs = [10 + 3 * rate**k for k in range(2 * window + 1)]
    assert estimate_gap(costs, window, 0.0) == pytest.approx(costs[-1] - 10, rel=1e-9)


def test_gap_needs_two_windows():
    costs = [1.0, 0.5, 0.25, 0.125, 0.0625]
    assert estimate_gap(costs[:4], 2, 0.0) == np.inf
    assert estimate_gap(costs, 2, 0.0) < np.inf
    assert estimate_gap([], 2, 0.0) == np.inf


def test_gap_looks_at_the_end_alone():
    costs = [1e9, 3.0, 1e5] + [10 + 0.5**k for k in range(5)]
    assert estimate_gap(costs, 2, 0.0) == pytest.approx(0.5**4, rel=1e-9)


def test_gap_on_a_plateau_is_the_noise():
    assert estimate_gap([5.0] * 7, 3, 1e-3) == 1e-3
    assert estimate_gap([5.0, 5.0, 5.0004, 5.0, 5.0, 4.9997, 5.0], 3, 1e-3) == 1e-3


@pytest.mark.parametrize(
    "costs",
    [
        [3.0, 2.0, 1.0],  # no slowing down: nothing to extrapolate
        [3.0, 2.5, 1.0],  # speeding up
        [3.0, 1.0, 2.0],  # rising
        [1.0, 2.0, 3.0],
    ],
)
def test_gap_of_what_does_not_settle_is_infinite(costs):
    assert estimate_gap(costs, 1, 1e-9) == np.inf


# -- Saddles


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


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("scale", [1e5, 1e20])
def test_a_start_far_too_large(solver, scale):
    L, d = problem("tastes")
    X = dense_cooccurrence(L)
    V0 = scale * np.random.default_rng(0).standard_normal((len(X), d))
    try:
        model = fit(L, d, solver=solver, init=V0, max_iter=300)
    except DivergenceError:
        return
    best = reference_costs("tastes").min()
    assert np.isfinite(model.embedding_).all()
    if model.converged_:
        assert model.cost_ == pytest.approx(best, rel=1e-5)


# -- d at and around the rank


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("extra", [0, 1, 4, 30])
def test_rank_is_recognised(extra, weights, dtype):
    L = random_likes(6, 25, 0.5, 7, weights)
    rank = np.linalg.matrix_rank(L.toarray())
    assert rank == 6
    X = dense_cooccurrence(L)
    model = MovieEmbedding(rank + extra, random_state=0, dtype=dtype).fit(L)
    assert model.stop_reason_ == "exact"
    assert model.converged_
    assert model.n_iter_ == 0
    assert model.gap_ == 0
    small = 1e-12 if dtype == "float64" else 1e-9
    assert 0 <= model.cost_ < small * size_of(X)
    product = model.embedding_.astype(float) @ model.embedding_.T.astype(float)
    np.fill_diagonal(product, 0)
    np.testing.assert_allclose(product, X, atol=(1e-10 if dtype == "float64" else 1e-4))


@pytest.mark.parametrize("shape", [(6, 25), (40, 8)])
def test_a_start_does_not_hide_that_the_rank_fits(shape):
    L = random_likes(*shape, 0.5, 7)
    init = np.random.default_rng(0).standard_normal((shape[1], 9))
    model = MovieEmbedding(9, init=init, random_state=0).fit(L)
    assert (model.stop_reason_, model.n_iter_) == ("exact", 0)
    assert model.cost_ < 1e-12 * size_of(dense_cooccurrence(L))


def test_rank_below_the_number_of_users_is_recognised():
    few = random_likes(6, 25, 0.5, 7)
    L = sp.csr_array(sp.vstack([few] * 5))
    X = dense_cooccurrence(L)
    for d in (6, 7, 12):
        model = MovieEmbedding(d, random_state=0).fit(L)
        assert (model.stop_reason_, model.n_iter_) == ("exact", 0)
        assert model.cost_ < 1e-12 * size_of(X)


@pytest.mark.parametrize("weights", [False, True])
def test_one_component_short_of_the_rank(weights):
    L = random_likes(6, 25, 0.5, 7, weights)
    X = dense_cooccurrence(L)
    model = fit(L, 5)
    assert model.stop_reason_ != "exact"
    assert model.n_iter_ > 0
    assert model.cost_ > 1e-6 * size_of(X)
    assert model.cost_ == pytest.approx(dense_cost(X, model.embedding_), rel=1e-9)


def test_users_with_one_like_do_not_count_for_the_rank():
    L = np.zeros((12, 20))
    L[:4] = random_likes(4, 20, 0.5, 2).toarray()
    L[4:, 5] = L[4, 6] = 1
    L[4, 6] = 0
    model = MovieEmbedding(4, random_state=0).fit(L)
    assert model.stop_reason_ == "exact"
    assert model.cost_ < 1e-12 * size_of(dense_cooccurrence(L))


def test_descent_with_components_to_spare_goes_to_zero():
    L = random_likes(6, 12, 0.5, 7)
    X = dense_cooccurrence(L)
    for solver in ("als", "lbfgs", "momentum"):
        model = fit(L, 8, solver=solver)
        assert 0 <= model.cost_ < 1e-6 * size_of(X)


def test_an_infimum_that_is_not_attained():
    # One item liked with each of two that share nobody: v_0 runs to infinity and the cost to 0.
    L = np.array([[1, 1, 0], [1, 0, 1]])
    for solver in SOLVERS:
        model = fit(L, 1, solver=solver)
        assert np.isfinite(model.embedding_).all()
        assert 0 <= model.cost_ < 0.05
        assert model.cost_ == pytest.approx(dense_cost(dense_cooccurrence(L), model.embedding_))


# -- Given learning rates: PyTorch's updates, written out


def full_problem(dtype="float64"):
    """An operator with every item active, its X, and a start."""
    L = canonical_csr(random_likes(25, 9, 0.5, 3))
    op = CpuOperator(L, dtype)
    assert op.n_items == 9
    V0 = np.random.default_rng(1).standard_normal((9, 3))
    return op, dense_cooccurrence(L), V0


def assert_same_path(steps, expected):
    for k, (step, V) in enumerate(zip(steps, expected, strict=False)):
        np.testing.assert_allclose(step.V, V, rtol=1e-10, atol=1e-12, err_msg=f"step {k}")


def test_gd_with_a_learning_rate_is_sgd():
    op, X, V0 = full_problem()

    def path(V):
        for _ in range(12):
            yield V
            V = V - 1e-3 * dense_gradient(X, V)

    assert_same_path(gradient_descent(op, V0, 1e-3), path(V0))


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_momentum_with_a_learning_rate_is_sgd_with_momentum(decay):
    op, X, V0 = full_problem()

    def path(V):
        buffer = None
        for _ in range(12):
            yield V
            g = dense_gradient(X, V)
            buffer = g if buffer is None else decay * buffer + g
            V = V - 5e-4 * buffer

    assert_same_path(momentum(op, V0, 5e-4, decay), path(V0))


def test_adam_with_a_learning_rate_is_adam():
    op, X, V0 = full_problem()

    def path(V, lr=0.05, beta1=0.9, beta2=0.999, eps=1e-8):
        exp_avg, exp_avg_sq = np.zeros_like(V), np.zeros_like(V)
        for t in range(1, 13):
            yield V
            g = dense_gradient(X, V)
            exp_avg = beta1 * exp_avg + (1 - beta1) * g
            exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g**2
            denominator = np.sqrt(exp_avg_sq) / np.sqrt(1 - beta2**t) + eps
            V = V - lr / (1 - beta1**t) * exp_avg / denominator

    assert_same_path(adam(op, V0, 0.05), path(V0))


def test_momentum_parameter_reaches_the_solver():
    op, X, V0 = full_problem()
    g0 = dense_gradient(X, V0)
    V1 = V0 - 5e-4 * g0
    V2 = V1 - 5e-4 * (0.3 * g0 + dense_gradient(X, V1))
    model = fit(
        op.matrix, 3, solver="momentum", learning_rate=5e-4, momentum=0.3, init=V0, max_iter=2
    )
    assert model.cost_ == pytest.approx(dense_cost(X, V2), rel=1e-12)


@pytest.mark.parametrize("solver", ["gd", "momentum", "adam", "lbfgs"])
def test_float32_stays_float32(solver):
    op, _, V0 = full_problem("float32")
    for rate in ("exact", 1e-4):
        solution = solve(
            op,
            solver,
            3,
            rng=np.random.default_rng(0),
            V0=op.asarray(V0),
            learning_rate=rate,
            max_iter=5,
            progress=False,
        )
        assert solution.V.dtype == np.float32
        assert solution.n_iter == 5


def test_costs_in_float32_are_good_to_more_than_float32():
    """Where the cost is a small part of its terms, as with many likes."""
    rng = np.random.default_rng(3)
    popular = 0.9 * rng.random(50) ** 2
    L = sp.csr_array((rng.random((20_000, 50)) < popular).astype(np.float32))
    op = CpuOperator(L, np.float32)
    with serial_blas():
        steps = list(itertools.islice(eigen(op, 12, np.random.default_rng(0)), 4))
    for step in steps:
        expected = cost(L[:, op.active], step.V)
        assert expected < 1e-2 * op.frobenius_squared
        assert step.cost == pytest.approx(expected, rel=1e-6)


def test_adam_overshooting_keeps_the_best():
    op, X, V0 = full_problem()
    model = fit(op.matrix, 3, solver="adam", learning_rate=2.0, init=V0, max_iter=40)
    costs = model.history_["cost"]
    assert costs.iloc[-1] > costs.min()
    assert model.cost_ == pytest.approx(costs.min(), rel=1e-9)
    assert dense_cost(X, model.embedding_) == pytest.approx(costs.min(), rel=1e-9)


# -- Divergence


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("solver", "rate"), [("gd", 0.75), ("momentum", 0.75), ("adam", 1e30), ("lbfgs", 1e25)]
)
def test_too_large_a_learning_rate(solver, rate, dtype):
    L, d = problem("tastes")
    seen = []
    model = MovieEmbedding(
        d,
        solver=solver,
        learning_rate=rate,
        random_state=0,
        dtype=dtype,
        callback=seen.append,
    )
    with pytest.raises(DivergenceError, match="learning rate") as caught:
        model.fit(L)
    message = str(caught.value)
    assert repr(rate) in message
    assert solver in message
    assert 'learning_rate="exact"' in message
    history = caught.value.history
    assert [entry.iteration for entry in history] == list(range(len(history)))
    assert len(history) >= 2
    last = history[-1].cost
    assert not np.isfinite(last) or last > 1e12 * history[0].cost
    # The callback was not told of the failed iteration.
    assert len(seen) == len(history) - 1
    assert not hasattr(model, "embedding_")
    assert isinstance(caught.value, ArithmeticError)


@pytest.mark.parametrize("solver", ["gd", "momentum", "adam", "lbfgs"])
def test_a_start_whose_cost_overflows_is_brought_within_reach(solver):
    L, d = problem("tastes")
    init = 1e90 * np.random.default_rng(0).standard_normal((L.shape[1], d))
    model = MovieEmbedding(d, solver=solver, init=init, max_iter=3000).fit(L)
    assert model.cost_ == pytest.approx(fitted("tastes", "eigen", tol=1e-11).cost_, rel=1e-3)
