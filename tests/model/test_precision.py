"""The precision form and what is recommended by it, against dense inverses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import movieembed as me
from helpers import dense_cooccurrence
from movieembed.data.likes import Likes
from movieembed.model.precision import PrecisionForm
from precision_cases import LAMBDA, dense_precision, dense_weights, ranking


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    d=st.integers(1, 8),
    n=st.integers(1, 30),
    size=st.sampled_from([0.01, 1.0, 30.0]),
    value=st.sampled_from([0.1, 1.0, 200.0]),
)
def test_the_form_is_the_dense_inverse(
    seed: int, d: int, n: int, size: float, value: float
) -> None:
    """Also where rows are longer than the likes allow: Heywood cases, whose D is lambda."""
    rng = np.random.default_rng(seed)
    V = size * rng.standard_normal((n, d))
    squares = rng.integers(0, 20, n).astype(float)
    form = PrecisionForm(V, squares, value)
    P = dense_precision(V, squares, value)
    built = np.diag(1 / form.D) - form.W @ form.K @ form.W.T
    np.testing.assert_allclose(built, P, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(form.diagonal, np.diag(P), rtol=1e-7)
    assert (form.diagonal > 0).all()
    assert form.D.min() >= value


def test_scores_are_those_of_the_dense_inverse(model: Any, likes: sp.csr_array) -> None:
    P = dense_precision(model.embedding_, likes.toarray().sum(axis=0), LAMBDA)
    S = likes.toarray() @ dense_weights(P)
    columns, scores = model.recommend(likes, n=40, refine=0, popularity_discount=0)
    for u in range(likes.shape[0]):
        row = likes.indices[likes.indptr[u] : likes.indptr[u + 1]]
        left = np.setdiff1d(np.arange(40), row)
        assert sorted(columns[u, : len(left)].tolist()) == left.tolist()
        np.testing.assert_allclose(
            scores[u, : len(left)], S[u, columns[u, : len(left)]], atol=1e-10
        )
        assert (np.diff(scores[u, : len(left)]) <= 0).all()
        assert (columns[u, len(left) :] == -1).all()
        assert np.isneginf(scores[u, len(left) :]).all()


def test_weights_dislikes_and_lists(model: Any, likes: sp.csr_array) -> None:
    B = dense_weights(dense_precision(model.embedding_, likes.toarray().sum(axis=0), LAMBDA))

    def check(table: Any, x: dict[int, float]) -> None:
        row = np.zeros(40)
        row[list(x)] = list(x.values())
        wanted = ranking(row @ B, list(x), 7)
        assert table["item"].tolist() == wanted
        np.testing.assert_allclose(table["score"], (row @ B)[wanted], atol=1e-10)

    plain: dict[str, Any] = {"refine": 0, "popularity_discount": 0}
    check(model.recommend([3, 5, 9], 7, **plain), {3: 1, 5: 1, 9: 1})
    check(model.recommend([3, 5, 3, 9, 3], 7, **plain), {3: 1, 5: 1, 9: 1})
    check(model.recommend([3, 5], 7, weights=[2.0, -0.5], **plain), {3: 2, 5: -0.5})
    check(model.recommend([3, 5, 3], 7, weights=[2, 1, -1], **plain), {3: 1, 5: 1})
    check(model.recommend([3], 7, dislikes=[8, 9], **plain), {3: 1, 8: -1, 9: -1})
    check(model.recommend([], 7, dislikes=[8], **plain), {8: -1})
    one = sp.csr_array(([1.0, -1.0], [3, 8], [0, 2]), shape=(1, 40))
    columns, scores = model.recommend(one, 7, **plain)
    listed = model.recommend([3], 7, dislikes=[8], **plain)
    assert columns[0].tolist() == listed["item"].tolist()
    np.testing.assert_allclose(scores[0], listed["score"], rtol=1e-12)


@pytest.mark.parametrize("method", ["precision", "cosine", "dot"])
@pytest.mark.parametrize("refine", [0, 2])
def test_choices_of_items(model: Any, likes: sp.csr_array, method: str, refine: int) -> None:
    if method != "precision":
        refine = 0
    options: dict[str, Any] = {"method": method, "refine": refine}
    full = model.recommend([3, 5], 40, **options)
    scores = dict(zip(full["item"], full["score"], strict=True))
    without = model.recommend([3, 5], 40, filter_items=[7, 11, 3], **options)
    assert set(without["item"]) == set(full["item"]) - {7, 11}
    only = model.recommend([3, 5], 40, allowed_items=[7, 11, 3], **options)
    assert sorted(only["item"]) == [7, 11]
    for item, score in zip(only["item"], only["score"], strict=True):
        assert score == pytest.approx(scores[item], abs=1e-12)
    usual = 0.08 if method == "precision" else 0
    for power in (0, 0.5):
        table = model.recommend([3, 5], 40, popularity_discount=power, **options)
        for item, score in zip(table["item"], table["score"], strict=True):
            wanted = scores[item] * model.item_counts_[item] ** (usual - power)
            assert score == pytest.approx(wanted, abs=1e-12)
    assert model.recommend([3, 5], 40, allowed_items=[3], **options).empty
    assert model.recommend(list(range(40)), 5, **options).empty
    many, _ = model.recommend(likes, 5, allowed_items=[7, 11], **options)
    assert set(many.ravel().tolist()) <= {-1, 7, 11}


def test_nothing_for_who_says_nothing(model: Any) -> None:
    rows = sp.csr_array(np.eye(40)[[3]] * np.array([[1], [0]]))
    for options in ({"refine": 0}, {"refine": 1}, {"method": "cosine"}, {"method": "dot"}):
        columns, scores = model.recommend(rows, 4, **options)
        assert (columns[0] >= 0).all()
        assert (columns[1] == -1).all()
        assert np.isneginf(scores[1]).all()


@pytest.mark.parametrize("refine", [0, 1, 2, None])
@pytest.mark.parametrize("weighting", ["exercise's", "own"])
def test_explain_adds_up(model: Any, likes: sp.csr_array, weighting: str, refine: Any) -> None:
    if weighting == "own":
        model = me.MovieEmbedding(6, random_state=0, item_scaling=0.5, recommend_weighting=0.5)
        model.fit(likes)
    given = [3, 5, 9, 12]
    weights = [1.0, 2.0, -1.0, 0.5]
    table = model.recommend(given, 6, weights=weights, refine=refine)
    options = {"weights": weights, "refine": refine}
    shares = model.explain(given, table["item"].tolist(), **options)
    assert shares.columns.tolist() == ["recommended", "item", "share"]
    sums = shares.groupby("recommended", sort=False)["share"].sum()
    np.testing.assert_allclose(sums[table["item"]], table["score"], atol=1e-12)
    single = model.explain(given, int(table["item"][0]), **options)
    assert sorted(single["item"]) == sorted(given)
    assert single["share"].is_monotonic_decreasing
    assert single["share"].sum() == pytest.approx(table["score"][0], abs=1e-12)
    alone = model.explain([3], int(table["item"][0]))
    assert alone["item"].tolist() == [3]


def test_a_model_says_the_same_from_its_file(
    model: Any, likes: sp.csr_array, tmp_path: Any
) -> None:
    model.save(tmp_path / "m.npz")
    again = me.load(tmp_path / "m.npz")
    assert again.regularization_ == LAMBDA
    np.testing.assert_array_equal(again.likes_.toarray(), likes.toarray())
    for options in ({"refine": 0}, {"refine": 2}, {"method": "cosine"}):
        assert again.recommend([3, 4], **options).equals(model.recommend([3, 4], **options))
    assert again.recommend([3, 4]).equals(model.recommend([3, 4], refine=1))


def test_likes_are_matched_by_id(likes: sp.csr_array, model: Any) -> None:
    order = np.random.default_rng(0).permutation(40)
    shuffled = Likes.from_matrix(likes[:, order], items=order.tolist())
    expected = model.recommend(likes, 6)
    found = model.recommend(shuffled, 6)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], atol=1e-12)


def test_the_dense_x_is_what_is_fitted(likes: sp.csr_array, model: Any) -> None:
    assert me.cost(likes, model.embedding_) == pytest.approx(model.cost_)
    np.testing.assert_array_equal(model.item_squares_, likes.toarray().sum(axis=0))
    assert dense_cooccurrence(likes).shape == (40, 40)
