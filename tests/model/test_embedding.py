"""The estimator: the same again for a seed, how a fit ends, and what is left on the model."""

from __future__ import annotations

import signal

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from fit_cases import L0, fit
from helpers import dense_cooccurrence, dense_cost, random_likes
from movieembed import Likes, MovieEmbedding
from movieembed._base.validation import as_generator
from movieembed.solvers import SOLVERS

# -- The same again


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_same_seed_gives_the_same_bits(solver, dtype):
    one, two = (fit(solver=solver, dtype=dtype, max_iter=40) for _ in range(2))
    np.testing.assert_array_equal(one.embedding_, two.embedding_)
    assert one.history_["cost"].tolist() == two.history_["cost"].tolist()
    assert one.embedding_.dtype == dtype
    assert (one.cost_, one.gap_, one.n_iter_) == (two.cost_, two.gap_, two.n_iter_)


def test_seeds_differ():
    one, two = (fit(solver="gd", max_iter=1, random_state=seed) for seed in (0, 1))
    assert one.history_["cost"].iloc[0] != two.history_["cost"].iloc[0]


def test_random_state_kinds():
    costs = {}
    for name, state in {
        "int": 5,
        "numpy": np.int64(5),
        "generator": np.random.default_rng(5),
        "legacy": np.random.RandomState(5),
        "legacy again": np.random.RandomState(5),
        "none": None,
        "none again": None,
    }.items():
        model = fit(solver="gd", max_iter=1, random_state=state)
        costs[name] = model.history_["cost"].iloc[0]
    assert costs["int"] == costs["numpy"] == costs["generator"]
    assert costs["legacy"] == costs["legacy again"] != costs["int"]
    assert costs["none"] != costs["none again"]


def test_a_generator_moves_on():
    rng = np.random.default_rng(5)
    one, two = (fit(solver="gd", max_iter=1, random_state=rng) for _ in range(2))
    assert one.history_["cost"].iloc[0] != two.history_["cost"].iloc[0]
    legacy = np.random.RandomState(5)
    one, two = (fit(solver="gd", max_iter=1, random_state=legacy) for _ in range(2))
    assert one.history_["cost"].iloc[0] != two.history_["cost"].iloc[0]


def test_the_global_state_is_left_alone():
    np.random.seed(3)  # noqa: NPY002
    wanted = np.random.RandomState(3).rand()
    fit(random_state=None)
    assert np.random.rand() == wanted  # noqa: NPY002
    assert as_generator(None) is not as_generator(None)


@pytest.mark.parametrize("solver", SOLVERS)
def test_threads_agree(solver):
    # Large enough for the kernels to share it out.
    L = random_likes(400, 300, 0.15, 0)
    one, two = (fit(L, 4, solver=solver, n_jobs=n, max_iter=60, tol=1e-10) for n in (1, 2))
    assert one.cost_ == pytest.approx(two.cost_, rel=1e-9 if solver != "eigen" else 1e-10)
    if solver in ("eigen", "als", "lbfgs"):  # at the optimum; the others are still on their way
        size = np.abs(one.embedding_).max()
        np.testing.assert_allclose(one.embedding_, two.embedding_, atol=1e-5 * size)


# -- How a fit ends


def test_the_docstrings_words_for_the_end():
    assert fit().stop_reason_ == "converged"
    assert fit(d=15).stop_reason_ == "exact"
    assert fit(solver="gd", max_iter=2).stop_reason_ == "max_iter"
    assert fit(callback=lambda entry: True).stop_reason_ == "callback"


@pytest.mark.parametrize("solver", SOLVERS)
def test_max_iter_warns(solver):
    model = MovieEmbedding(3, solver=solver, max_iter=2, random_state=0)
    with pytest.warns(ConvergenceWarning, match="max_iter=2") as caught:
        model.fit(L0)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert solver in str(caught[0].message)
    assert model.n_iter_ == 2
    assert not model.converged_
    assert len(model.history_) == 3


@pytest.mark.parametrize("true", [True, 1, "stop", [0]])
def test_callback_stops(true):
    seen = []

    def callback(entry):
        seen.append(entry)
        return true if entry.iteration == 3 else None

    model = MovieEmbedding(3, solver="gd", random_state=0, callback=callback).fit(L0)
    assert model.stop_reason_ == "callback"
    assert not model.converged_
    assert model.n_iter_ == 3
    assert [entry.iteration for entry in seen] == [0, 1, 2, 3]
    assert [entry.cost for entry in seen] == model.history_["cost"].tolist()
    assert [entry.seconds for entry in seen] == sorted(entry.seconds for entry in seen)
    assert model.cost_ == pytest.approx(seen[-1].cost)


@pytest.mark.parametrize("false", [None, False, 0, ""])
def test_callback_goes_on(false):
    calls = []
    model = fit(callback=lambda entry: calls.append(entry) or false)
    assert model.stop_reason_ == "converged"
    assert len(calls) >= model.n_iter_


def test_callback_at_the_start():
    model = fit(solver="als", callback=lambda entry: True)
    assert model.n_iter_ == 0
    assert len(model.history_) == 1
    X = dense_cooccurrence(L0)
    assert model.cost_ == pytest.approx(dense_cost(X, model.embedding_), rel=1e-10)


@pytest.mark.parametrize("error", [ValueError, RuntimeError, StopIteration, SystemExit])
def test_errors_of_the_callback_come_through(error):
    def callback(entry):
        if entry.iteration == 2:
            raise error("mine")

    model = MovieEmbedding(3, solver="gd", callback=callback, random_state=0)
    with pytest.raises(error, match="mine"):
        model.fit(L0)
    assert not hasattr(model, "embedding_")


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("how", ["raise", "signal"])
def test_interrupt_keeps_the_best(solver, how):
    def callback(entry):
        if entry.iteration == 2:
            if how == "raise":
                raise KeyboardInterrupt
            signal.raise_signal(signal.SIGINT)

    model = MovieEmbedding(3, solver=solver, callback=callback, random_state=0)
    with pytest.warns(ConvergenceWarning, match="interrupted after 2 iterations"):
        model.fit(L0)
    assert model.stop_reason_ == "interrupted"
    assert not model.converged_
    assert model.n_iter_ == 2
    X = dense_cooccurrence(L0)
    assert model.cost_ == pytest.approx(dense_cost(X, model.embedding_), rel=1e-10)
    assert model.cost_ == pytest.approx(model.history_["cost"].min(), rel=1e-10)
    assert len(model.similar(0)) == 10


def test_interrupt_before_the_first_step(monkeypatch):
    from movieembed.operators.cpu import CpuOperator

    def interrupt(self, V, out=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(CpuOperator, "apply", interrupt)
    for solver in SOLVERS:
        model = MovieEmbedding(3, solver=solver, random_state=0)
        with pytest.raises(KeyboardInterrupt):
            model.fit(L0)
        assert not hasattr(model, "embedding_")


@pytest.mark.parametrize("verbose", [True, False, None])
def test_progress_goes_to_standard_error(capsys, verbose):
    fit(verbose=verbose)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("eigen" in err) == (verbose is True)  # None: standard error is no terminal here


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_fit_is_silent(solver, capsys):
    fit(solver=solver, max_iter=5)
    assert capsys.readouterr() == ("", "")


def test_tolerance_of_zero_ends_at_rounding():
    for solver in ("eigen", "als", "lbfgs"):
        model = fit(tol=0, solver=solver)
        assert model.stop_reason_ == "converged"
        assert model.cost_ == pytest.approx(fit(tol=1e-13).cost_, rel=1e-10)


# -- What is left on the model


def test_a_model_travels_to_workers(pickle_roundtrip):
    model = fit(Likes.from_matrix(L0, titles=[f"Film {i}" for i in range(15)]))
    again = pickle_roundtrip(model)
    pd.testing.assert_frame_equal(again.similar("Film 3"), model.similar("Film 3"))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_types_of_the_results(solver, dtype):
    model = fit(solver=solver, dtype=dtype, max_iter=60)
    assert type(model.cost_) is float
    assert type(model.gap_) is float
    assert type(model.converged_) is bool
    assert type(model.stop_reason_) is str
    assert type(model.n_iter_) is int
    assert model.embedding_.dtype == dtype
    assert model.embedding_.flags["C_CONTIGUOUS"]
    assert model.eigenvalues_.dtype == np.float64
    assert [str(t) for t in model.history_.dtypes] == ["int64", "float64", "float64", "float64"]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("d", [3, 6, 9])
def test_converged_means_that_the_gap_is_within_the_tolerance(solver, d):
    # At d = 6 and 9 the cost can go to 0, where a part of it is no measure.
    model = fit(random_likes(30, 6 if d > 3 else 12, 0.6, 1), d, solver=solver, tol=1e-6)
    if model.converged_:
        assert model.gap_ <= 1e-6
    assert model.gap_ >= 0
    assert not np.isnan(model.gap_)
