"""History, gap and stopping of every solver, and what divergence tells."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import dense_cooccurrence
from movieembed import MovieEmbedding
from movieembed.exceptions import DivergenceError
from movieembed.solvers import SOLVERS, solve
from solver_cases import fit, fitted, full_problem, problem, reference_costs, size_of

FALLING = ("eigen", "als", "gd", "lbfgs")


@pytest.mark.parametrize("solver", FALLING)
@pytest.mark.parametrize("name", ["d = 3", "weights", "few users", "unembedded items"])
def test_cost_never_rises(name, solver):
    X = dense_cooccurrence(problem(name)[0])
    model = fitted(name, solver)
    costs = model.history_["cost"].to_numpy()
    allowed = np.full(len(costs) - 1, 1e-13 * size_of(X))
    if solver == "eigen":
        # A new direction may overlap its float32 basis by 1e3 eps, which moves V by as much, and
        # the cost by the gradient times that. Whether it does depends on the BLAS.
        moved = 1e3 * np.finfo(np.float32).eps * np.linalg.norm(model.embedding_)
        allowed += moved * model.history_["gradient_norm"].to_numpy()[:-1]
    assert (np.diff(costs) <= allowed).all()
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
