"""NaN and infinity never leave as a result; what is asked for in excess costs no memory."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from helpers import dense_cooccurrence, dense_cost, dense_gradient

L = (np.random.default_rng(0).random((40, 12)) < 0.4) * 1.0


@pytest.fixture(scope="module", params=["float64", "float32"])
def model(request):
    return me.MovieEmbedding(3, random_state=0, keep_likes=True, dtype=request.param).fit(L)


def numbers(result) -> list[np.ndarray]:
    if isinstance(result, tuple):
        return [part for each in result for part in numbers(each)]
    if isinstance(result, pd.DataFrame):
        return [result.iloc[:, -1].to_numpy(dtype=float)]
    return [np.asarray(result)]


ASKED = {
    "recommend": lambda m, s: m.recommend([0, 1], weights=[s, s]),
    "recommend, no steps": lambda m, s: m.recommend([0, 1], weights=[s, s], refine=0),
    "recommend, dot": lambda m, s: m.recommend([0, 1], weights=[s, s], method="dot"),
    "recommend, lambda": lambda m, s: m.recommend([0, 1], regularization=s),
    "recommend, lambda, no steps": lambda m, s: m.recommend([0, 1], regularization=s, refine=0),
    "explain": lambda m, s: m.explain([0, 1], 2, weights=[s, s]),
    "explain, lambda": lambda m, s: m.explain([0, 1], 2, regularization=s),
    "similar, lambda": lambda m, s: m.similar(0, method="precision", regularization=s),
    "similar, steps": lambda m, s: m.similar(0, method="precision", regularization=s, refine=2),
    "neighbors": lambda m, s: m.neighbors(3, method="precision", regularization=s),
    "query_vectors": lambda m, s: m.query_vectors(s * L[:2], "dot"),
    "query_vectors, precision": lambda m, s: m.query_vectors(s * L[:2], "precision"),
    "fold_in": lambda m, s: m.fold_in(s * L[:, :2]),
    "fold_in, known": lambda m, s: m.fold_in(L[:, :2], s * L),
    "extend": lambda m, s: m.extend(s * L[:, :2]).item_vectors("precision"),
    "cost": lambda m, s: me.cost(s * L, m.embedding_),
    "gradient": lambda m, s: me.gradient(s * L, m.embedding_),
}


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e-40, 1.0, 1e25, 1e100, 1e200, 1e308])
@pytest.mark.parametrize("name", ASKED)
def test_a_result_is_finite_or_an_error(model, name, size):
    try:
        found = numbers(ASKED[name](model, size))
    except ValueError as error:
        if size == 1 or not re.search("beyond|NaN or inf", str(error)):
            raise
        return
    for part in found:
        lacking = np.isneginf(part) if name == "neighbors" else np.zeros(part.shape, dtype=bool)
        assert np.isfinite(part[~lacking]).all()
        if size <= 1e25:  # beyond, correlations in float32 vanish
            assert part.size
            assert not lacking.all()


@pytest.mark.parametrize("k", [1e-100, 1e-70, 1e-23, 1e-5, 1.0, 1e10, 1e46, 1e70])
def test_cost_and_gradient_of_any_size(k):
    V = np.random.default_rng(1).standard_normal((12, 3))
    X = dense_cooccurrence(L)
    assert me.cost(k * L, k * V) == pytest.approx(dense_cost(X, V) * k * k * k * k, rel=1e-12)
    for method in ("identity", "exact"):
        expected = dense_cost(X, V) * k * k * k * k
        assert me.cost(k * L, k * V, method=method) == pytest.approx(expected, rel=1e-12)
    found = me.gradient(k * L, k * V)
    np.testing.assert_allclose(found, dense_gradient(X, V) * k * k * k, rtol=1e-11)


def test_a_float32_gradient_loses_nothing_on_the_way():
    X = dense_cooccurrence(L)
    V = np.random.default_rng(1).standard_normal((12, 3)).astype(np.float32)
    # The squares of these weights do not fit float32, the gradient at a small V does.
    found = me.gradient(1e20 * L, np.float32(1e-15) * V)
    expected = dense_gradient(X * 1e40, V.astype(np.float64) * np.float32(1e-15))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
    with pytest.raises(ValueError, match="the gradient would lie beyond float32: scale"):
        me.gradient(1e20 * L, V)


def test_one_long_vector_has_a_cost():
    V = np.zeros((12, 1))
    V[0] = 1e100
    expected = dense_cost(dense_cooccurrence(L), np.zeros((12, 1)))
    assert me.cost(L, V) == pytest.approx(expected, rel=1e-12)


def test_new_items_of_any_size_have_the_vectors_of_least_squares(model):
    plain = model.fold_in(L[:, :2])
    for k in (1e-30, 1e-5, 1e5, 1e30):
        np.testing.assert_allclose(model.fold_in(k * L[:, :2]), plain * k, rtol=2e-5)
    if model.dtype == "float64":
        np.testing.assert_allclose(model.fold_in(1e-200 * L[:, :2], 1e250 * L), plain * 1e50)


@pytest.mark.parametrize("many", [12, 13, 10**9, 2**62])
def test_more_than_there_are_is_all_there_are(model, many):
    assert len(model.recommend([0, 1], n=many)) == 10
    assert len(model.recommend([0, 1], n=many, refine=0)) == 10
    assert len(model.similar(0, many)) == 11
    columns, scores = model.recommend(L, n=many)
    assert columns.shape == scores.shape == (40, 12)
    columns, scores = model.neighbors(many)
    assert columns.shape == scores.shape == (12, 12)
    assert (columns[:, -1] == -1).all()
    assert (columns[:, :-1] >= 0).all()


@pytest.mark.parametrize("shape", [(3, 4), (0, 4)])
@pytest.mark.parametrize("scaling", [{"item_scaling": "cosine"}, {"user_weighting": "inverse"}])
def test_scaling_nothing(shape, scaling):
    likes = me.Likes.from_matrix(np.zeros(shape))
    with pytest.warns(match="nothing to learn"):
        model = me.MovieEmbedding(2, **scaling).fit(likes)
    assert model.embedding_.tolist() == [[0, 0]] * 4
    assert model.stop_reason_ == "empty"
