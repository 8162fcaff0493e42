"""The estimator: what goes in, how a fit ends, and what is left on the model."""

from __future__ import annotations

import signal
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from helpers import dense_cooccurrence, dense_cost, random_likes
from movieembed import Likes, MovieEmbedding
from movieembed._base.validation import as_generator
from movieembed.model.embedding import principal_axes
from movieembed.solvers import SOLVERS


def tastes(n_users, n_items, seed):
    """Users of three tastes, half of them of the first: a well separated optimum, found by all."""
    rng = np.random.default_rng(seed)
    taste = np.array([0, 0, 0, 1, 1, 2])[np.arange(n_users) % 6]
    likely = np.where(np.arange(n_items) % 3 == taste[:, None], 0.7, 0.15)
    return sp.csr_array((rng.random((n_users, n_items)) < likely).astype(np.float32))


# Eigenvalues 155, 53 and 32 at the optimum: well apart, so that the axes are well determined.
L0 = tastes(90, 15, 0)
DESCENTS = ("gd", "momentum", "adam", "lbfgs")


def fit(L=L0, d=3, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MovieEmbedding(d, **{"random_state": 0, **parameters}).fit(L)


# -- The axes


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
    turned, eigenvalues = principal_axes(V, 10)
    assert turned.dtype == dtype
    assert turned.shape == (shape[0], 10)
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(turned @ turned.T, V @ V.T, atol=tolerance)
    np.testing.assert_allclose(turned.T @ turned, np.diag(eigenvalues), atol=10 * tolerance)
    assert (eigenvalues >= 0).all()
    assert (np.diff(eigenvalues) <= 0).all()
    assert not turned[:, shape[1] :].any()
    again, _ = principal_axes(-turned, 10)
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


# -- init


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


# -- Data


def test_forms_of_the_same_likes():
    dense = L0.toarray()
    reference = fit(Likes.from_matrix(L0)).embedding_
    names = [f"film {i}" for i in range(15)]
    for data in (
        L0,
        sp.csr_matrix(L0),
        sp.csc_array(L0),
        sp.csc_matrix(L0),
        sp.coo_array(L0),
        sp.lil_array(L0),
        dense,
        dense.astype(np.float32),
        dense.astype(int),
        dense.astype(bool),
        np.asfortranarray(dense),
        dense.tolist(),
        pd.DataFrame(dense, columns=names),
        pd.DataFrame(dense.astype(bool), columns=names),
    ):
        model = fit(data)
        np.testing.assert_array_equal(model.embedding_, reference)
        assert model.n_features_in_ == 15


def test_indices_of_64_bits_and_unsorted():
    L = sp.csr_array(L0)
    wide = sp.csr_array((L.data, L.indices.astype(np.int64), L.indptr.astype(np.int64)), L.shape)
    np.testing.assert_array_equal(fit(wide).embedding_, fit().embedding_)
    backwards = L.copy()
    for start, stop in zip(L.indptr, L.indptr[1:], strict=False):
        backwards.indices[start:stop] = L.indices[start:stop][::-1]
    backwards.has_sorted_indices = False
    np.testing.assert_array_equal(fit(backwards).embedding_, fit().embedding_)


def test_the_data_are_left_alone():
    dense = L0.toarray()
    dense.setflags(write=False)
    kept = sp.csr_array(L0)
    for array in (kept.data, kept.indices, kept.indptr):
        array.setflags(write=False)
    before = dense.copy()
    fit(dense)
    fit(kept)
    np.testing.assert_array_equal(dense, before)
    np.testing.assert_array_equal(kept.toarray(), before)


def test_ids_and_titles_come_from_likes():
    ids, titles = list(range(100, 115)), [f"Film {i}" for i in range(15)]
    likes = Likes.from_matrix(L0, items=ids, titles=titles)
    model = fit(likes)
    assert model.items_.tolist() == ids
    assert model.titles_.tolist() == titles
    assert model.item_counts_.tolist() == L0.toarray().astype(int).sum(axis=0).tolist()
    assert model.item_counts_.dtype == np.int64
    assert not hasattr(model, "feature_names_in_")
    assert fit().items_.tolist() == list(range(15))
    assert fit().titles_ is None


def test_column_names_of_a_frame_are_the_ids():
    names = [f"film {i}" for i in range(15)]
    model = fit(pd.DataFrame(L0.toarray(), columns=names))
    assert model.feature_names_in_.tolist() == names
    assert model.items_.tolist() == names
    assert model.similar("film 3", 1)["item"].iloc[0] in names


def test_integer_column_names_of_a_frame_are_the_ids():
    # ratings.pivot_table(..., columns="movieId") has them. Numbering them anew in silence would
    # answer similar(7) for another film.
    names = list(range(20, 5, -1))
    model = fit(pd.DataFrame(L0.toarray(), columns=names))
    assert model.items_.tolist() == names
    named = fit(pd.DataFrame(L0.toarray(), columns=[str(name) for name in names]))
    assert model.similar(7)["item"].tolist() == [int(i) for i in named.similar("7")["item"]]


def test_refit_clears_the_old_state():
    names = [f"film {i}" for i in range(15)]
    model = MovieEmbedding(2, random_state=0)
    model.fit(pd.DataFrame(L0.toarray(), columns=names))
    assert model.feature_names_in_.tolist() == names
    small = tastes(40, 6, 3)
    titles = list("ABCDEF")
    model.fit(Likes.from_matrix(small, titles=titles))
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == len(model.items_) == len(model.embedding_) == 6
    assert model.titles_.tolist() == titles
    assert set(model.similar("A")["title"]) < set(titles)
    model.fit(small)
    assert model.titles_ is None
    assert model.similar(0).columns.tolist() == ["item", "score"]
    fresh = MovieEmbedding(2, random_state=0).fit(small)
    np.testing.assert_array_equal(model.embedding_, fresh.embedding_)
    assert set(vars(model)) == set(vars(fresh))


def test_a_failed_refit_does_not_mix_old_and_new():
    names = [f"film {i}" for i in range(15)]
    model = MovieEmbedding(2, random_state=0)
    model.fit(pd.DataFrame(L0.toarray(), columns=names))

    def refuse(entry):
        raise RuntimeError("stop")

    model.set_params(callback=refuse)
    with pytest.raises(RuntimeError):
        model.fit(Likes.from_matrix(tastes(40, 6, 3)))
    if hasattr(model, "embedding_"):  # kept whole, or gone; not half of each
        assert model.n_features_in_ == len(model.embedding_)
        assert model.feature_names_in_.tolist() == names


@pytest.mark.filterwarnings("ignore:no two items")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, sp.csc_matrix, pd.DataFrame])
def test_nan_and_infinity(bad, form):
    dense = L0.toarray()
    dense[3, 4] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        MovieEmbedding(2).fit(form(dense))


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((0, 5)),
        np.zeros((5, 0)),
        sp.csr_array((0, 5)),
        sp.csr_array((5, 0)),
        np.ones(5),
        np.ones((2, 3, 4)),
        [["a", "b"]],
        np.ones((3, 3), dtype=complex),
        None,
        "ratings.csv",
        3,
    ],
    ids=lambda d: repr(d)[:25],
)
def test_what_is_no_data(data):
    with pytest.raises((ValueError, TypeError)):
        MovieEmbedding(2).fit(data)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "data",
    [np.zeros((3, 4)), np.eye(4), np.ones((1, 1)), np.ones((5, 1)), sp.csr_array((3, 4))],
    ids=["nothing", "one like each", "1 x 1", "one item", "sparse nothing"],
)
def test_nothing_to_learn(data, solver, dtype):
    model = MovieEmbedding(3, solver=solver, dtype=dtype)
    with pytest.warns(UserWarning, match="nothing to learn") as caught:
        model.fit(data)
    assert [w.category for w in caught] == [UserWarning]
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(model.embedding_, np.zeros((data.shape[1], 3)))
    assert model.embedding_.dtype == dtype
    assert model.cost_ == model.gap_ == model.n_iter_ == 0
    assert model.converged_
    assert model.stop_reason_ == "empty"
    assert len(model.history_) == 1
    np.testing.assert_array_equal(model.eigenvalues_, 0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_two_items_of_one_user(solver):
    model = fit(np.array([[1, 1]]), 1, solver=solver)
    assert model.cost_ == pytest.approx(0, abs=1e-10)
    np.testing.assert_allclose(model.embedding_ @ model.embedding_.T, 1, atol=20)
    assert np.prod(model.embedding_) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("solver", SOLVERS)
def test_weights_that_cancel(solver):
    # Co-occurrence is 0 though every user has two likes.
    L = np.array([[1.0, 1.0], [1.0, -1.0]])
    model = fit(L, 1, solver=solver)
    assert np.isfinite(model.embedding_).all()
    assert model.cost_ == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1e3, 1e8])
@pytest.mark.parametrize("solver", ["eigen", "als", "lbfgs"])
def test_the_unit_of_the_weights_does_not_matter(solver, scale):
    # L -> s L makes X -> s^2 X, V -> s V and the cost s^4 times as large.
    plain = fit(solver=solver, tol=1e-12)
    scaled = fit(L0.astype(np.float64) * scale, solver=solver, tol=1e-12)
    assert scaled.cost_ == pytest.approx(plain.cost_ * scale**4, rel=1e-8)
    np.testing.assert_allclose(scaled.embedding_ / scale, plain.embedding_, atol=1e-3)
    assert scaled.converged_


# -- Parameters


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("n_components", 0, ValueError),
        ("n_components", -3, ValueError),
        ("n_components", 2.0, TypeError),
        ("n_components", "3", TypeError),
        ("n_components", True, TypeError),
        ("n_components", None, TypeError),
        ("solver", "sgd", ValueError),
        ("solver", None, (ValueError, TypeError)),
        ("solver", ["eigen"], (ValueError, TypeError)),
        ("learning_rate", 0, ValueError),
        ("learning_rate", -1e-3, ValueError),
        ("learning_rate", np.nan, ValueError),
        ("learning_rate", np.inf, ValueError),
        ("learning_rate", "auto", ValueError),
        ("learning_rate", None, TypeError),
        ("learning_rate", True, TypeError),
        ("learning_rate", [0.1], TypeError),
        ("momentum", 1.0, ValueError),
        ("momentum", -0.1, ValueError),
        ("momentum", np.nan, ValueError),
        ("momentum", "0.9", TypeError),
        ("momentum", None, TypeError),
        ("init", "zeros", ValueError),
        ("init", None, TypeError),
        ("init", np.ones((3, 15)), ValueError),
        ("init", np.ones((15, 4)), ValueError),
        ("init", np.ones((14, 3)), ValueError),
        ("init", np.ones(15), ValueError),
        ("init", np.full((15, 3), np.nan), ValueError),
        ("init", np.ones((15, 3), dtype=complex), TypeError),
        ("tol", -1e-9, ValueError),
        ("tol", np.nan, ValueError),
        ("tol", np.inf, ValueError),
        ("tol", None, TypeError),
        ("tol", "1e-8", TypeError),
        ("max_iter", 0, ValueError),
        ("max_iter", -1, ValueError),
        ("max_iter", 1.5, TypeError),
        ("max_iter", False, TypeError),
        ("backend", "gpu", ValueError),
        ("backend", None, ValueError),
        ("backend", ["cpu"], ValueError),
        ("dtype", "float16", ValueError),
        ("dtype", int, ValueError),
        ("dtype", "double precision", (ValueError, TypeError)),
        ("dtype", None, (ValueError, TypeError)),
        ("random_state", True, TypeError),
        ("random_state", "seed", (ValueError, TypeError)),
        ("random_state", 1.5, (ValueError, TypeError)),
        ("random_state", -1, ValueError),
        ("n_jobs", 0, ValueError),
        ("n_jobs", 1.5, TypeError),
        ("n_jobs", "all", TypeError),
        ("n_jobs", True, TypeError),
        ("callback", 3, TypeError),
    ],
)
def test_wrong_parameters_are_named(name, value, error):
    solver = {"solver": "momentum"} if name != "solver" else {}
    model = MovieEmbedding(**({"n_components": 3} | solver | {name: value}))  # stores, checks not
    with pytest.raises(error, match=rf"\b{name}\b"):
        model.fit(L0)
    assert not hasattr(model, "embedding_")


@pytest.mark.parametrize("solver", ["eigen", "als"])
def test_a_learning_rate_where_there_is_none(solver):
    with pytest.raises(ValueError, match=f"solver='{solver}' takes no learning rate"):
        MovieEmbedding(3, solver=solver, learning_rate=0.1).fit(L0)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_components": np.int64(3)},
        {"solver": "gd", "learning_rate": np.float32(1e-3)},
        {"solver": "momentum", "momentum": 0},
        {"solver": "gd", "tol": 0},
        {"dtype": np.float32},
        {"dtype": np.dtype("float64")},
        {"n_jobs": -1},
        {"n_jobs": np.int64(1)},
        {"max_iter": np.int64(5)},
    ],
    ids=repr,
)
def test_parameters_in_other_types(parameters):
    model = fit(**{"d": parameters.pop("n_components", 3), "max_iter": 5, **parameters})
    assert np.isfinite(model.cost_)


def test_tolerance_of_zero_ends_at_rounding():
    for solver in ("eigen", "als", "lbfgs"):
        model = fit(tol=0, solver=solver)
        assert model.stop_reason_ == "converged"
        assert model.cost_ == pytest.approx(fit(tol=1e-13).cost_, rel=1e-10)


def test_clone_and_parameters():
    model = MovieEmbedding(7, solver="adam", learning_rate=0.1, momentum=0.5, max_iter=3, n_jobs=1)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert list(MovieEmbedding().get_params()) == sorted(
        [
            "n_components",
            "solver",
            "learning_rate",
            "momentum",
            "init",
            "tol",
            "max_iter",
            "item_scaling",
            "user_weighting",
            "entry_weighting",
            "regularization",
            "refine",
            "keep_likes",
            "checkpoint",
            "dtype",
            "random_state",
            "backend",
            "n_jobs",
            "callback",
            "verbose",
        ]
    )
    model.set_params(n_components=2, tol=0.5)
    assert (model.n_components, model.tol) == (2, 0.5)
    with pytest.raises(ValueError, match="n_topics"):
        model.set_params(n_topics=3)
    with pytest.raises(TypeError):
        MovieEmbedding(3, "eigen")


def test_fit_returns_itself_and_changes_no_parameter():
    model = MovieEmbedding(3, random_state=0)
    before = model.get_params()
    assert model.fit(L0) is model
    assert model.get_params() == before
    assert clone(model).fit(L0).cost_ == model.cost_


def test_a_model_travels_to_workers(there_and_back):
    model = fit(Likes.from_matrix(L0, titles=[f"Film {i}" for i in range(15)]))
    again = there_and_back(model)
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
