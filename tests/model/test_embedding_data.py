"""The estimator: what may be fitted, in which forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from fit_cases import L0, fit, tastes
from movieembed import Likes, MovieEmbedding
from movieembed.model.fitting import likes_with_items_first
from movieembed.solvers import SOLVERS


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


def test_likes_of_the_models_items_are_taken_as_they_are():
    """Nothing is copied where nothing has to move; titles that are missing come from the model."""
    matrix = sp.csr_array([[1, 1, 0], [1, 1, 1]])
    titled = Likes.from_matrix(matrix, items=["a", "b", "c"], titles=["A", "B", "C"])
    fitted = MovieEmbedding(1, random_state=0).fit(titled)._fitted_items()
    assert likes_with_items_first(titled, fitted) is titled
    plain = Likes.from_matrix(matrix, items=["a", "b", "c"])
    found = likes_with_items_first(plain, fitted)
    assert found is not plain
    assert found.titles.tolist() == ["A", "B", "C"]
    turned = Likes.from_matrix(matrix[:, [2, 0, 1]], items=["c", "a", "b"], titles=["C", "A", "B"])
    found = likes_with_items_first(turned, fitted)
    assert found.items.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(found.matrix.toarray(), matrix.toarray())


@pytest.mark.parametrize("ids", [["a", "b", "c"], [1, 2, 3], [5, "b", 2.5]])
def test_the_ids_of_the_model_stay_where_the_likes_have_none(ids):
    matrix = sp.csr_array([[1, 1, 0], [1, 1, 1], [0, 1, 1]])
    model = MovieEmbedding(1, random_state=0).fit(Likes.from_matrix(matrix, items=ids))
    again = model.refit(matrix)
    assert again.items_.tolist() == ids
    assert [type(x) for x in again.items_.tolist()] == [type(x) for x in ids]


def test_ids_that_a_frame_has_as_text_stay_numbers():
    matrix = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]])
    model = MovieEmbedding(1, random_state=0).fit(Likes.from_matrix(matrix, items=[1, 2, 3]))
    again = model.refit(pd.DataFrame(matrix, columns=["1", "2", "3"]))
    assert again.items_.tolist() == [1, 2, 3]
    assert again.items_.dtype == model.items_.dtype
