"""Recommendations by the precision form, against dense inverses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import movieembed as me
from helpers import dense_cooccurrence, random_likes
from movieembed.data.likes import Likes
from movieembed.model import regularization
from movieembed.model.precision import PrecisionForm, Preconditioner, refine
from movieembed.model.regularization import Stacked
from movieembed.operators.cpu import CpuOperator

LAMBDA = 3.0


def dense_precision(V: Any, squares: Any, value: float) -> NDArray[np.float64]:
    V = np.asarray(V, dtype=np.float64)
    D = np.maximum(squares - (V**2).sum(axis=1), 0) + value
    return np.linalg.inv(V @ V.T + np.diag(D))


def dense_weights(P: NDArray[np.float64]) -> NDArray[np.float64]:
    """EASE's B: -P_ij / P_jj, 0 on the diagonal."""
    B = -P / np.diag(P)
    np.fill_diagonal(B, 0)
    return B


def ease(L: Any, value: float) -> NDArray[np.float64]:
    A = L.toarray().astype(np.float64)
    return dense_weights(np.linalg.inv(A.T @ A + value * np.eye(A.shape[1])))


def inverse_gram(A: NDArray[np.float64], value: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """A P and the diagonal of P = (A'A + value I)^-1, by A's singular values."""
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    return (U * (s / (s**2 + value))) @ Vt, (1 - (s**2 / (s**2 + value)) @ Vt**2) / value


@pytest.fixture(scope="module")
def likes() -> sp.csr_array:
    L = random_likes(120, 40, 0.25, seed=0)
    return sp.csr_array(L[np.diff(L.indptr) >= 2])


@pytest.fixture(scope="module")
def model(likes: sp.csr_array) -> me.MovieEmbedding:
    return me.MovieEmbedding(6, random_state=0, regularization=LAMBDA, keep_likes=True).fit(likes)


def ranking(scores: NDArray[Any], left_out: Any, n: int) -> list[int]:
    allowed = np.setdiff1d(np.arange(len(scores)), left_out)
    return allowed[np.argsort(-scores[allowed], kind="stable")][:n].tolist()


# --- the form ---------------------------------------------------------------------------------


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
    columns, scores = model.recommend(likes, n=40, refine=0)
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

    check(model.recommend([3, 5, 9], 7, refine=0), {3: 1, 5: 1, 9: 1})
    check(model.recommend([3, 5, 3, 9, 3], 7, refine=0), {3: 1, 5: 1, 9: 1})
    check(model.recommend([3, 5], 7, weights=[2.0, -0.5], refine=0), {3: 2, 5: -0.5})
    check(model.recommend([3, 5, 3], 7, weights=[2, 1, -1], refine=0), {3: 1, 5: 1})
    check(model.recommend([3], 7, dislikes=[8, 9], refine=0), {3: 1, 8: -1, 9: -1})
    check(model.recommend([], 7, dislikes=[8], refine=0), {8: -1})
    one = sp.csr_array(([1.0, -1.0], [3, 8], [0, 2]), shape=(1, 40))
    columns, scores = model.recommend(one, 7, refine=0)
    listed = model.recommend([3], 7, dislikes=[8], refine=0)
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
    discounted = model.recommend([3, 5], 40, popularity_discount=0.5, **options)
    for item, score in zip(discounted["item"], discounted["score"], strict=True):
        assert score == pytest.approx(scores[item] / model.item_counts_[item] ** 0.5, abs=1e-12)
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


def test_explain_adds_up(model: Any) -> None:
    given = [3, 5, 9, 12]
    weights = [1.0, 2.0, -1.0, 0.5]
    table = model.recommend(given, 6, weights=weights, refine=0)
    shares = model.explain(given, table["item"].tolist(), weights=weights)
    assert shares.columns.tolist() == ["recommended", "item", "share"]
    sums = shares.groupby("recommended", sort=False)["share"].sum()
    np.testing.assert_allclose(sums[table["item"]], table["score"], atol=1e-12)
    single = model.explain(given, int(table["item"][0]), weights=weights)
    assert sorted(single["item"]) == sorted(given)
    assert single["share"].is_monotonic_decreasing
    assert single["share"].sum() == pytest.approx(table["score"][0], abs=1e-12)
    alone = model.explain([3], int(table["item"][0]))
    assert alone["item"].tolist() == [3]


# --- refinement -------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 6, 15])
def test_many_steps_are_dense_ease(likes: sp.csr_array, d: int) -> None:
    model = me.MovieEmbedding(d, random_state=0, tol=1e-4, keep_likes=True).fit(likes)
    value = 5.0
    S = likes.toarray() @ ease(likes, value)
    columns, scores = model.recommend(likes, 10, regularization=value, refine=30)
    rows = np.arange(len(columns))[:, None]
    there = columns >= 0
    np.testing.assert_allclose(scores[there], S[rows, columns][there], atol=1e-6)
    for u in range(len(columns)):
        own = likes.indices[likes.indptr[u] : likes.indptr[u + 1]]
        best = ranking(S[u], own, 10)
        np.testing.assert_allclose(S[u, columns[u]], S[u, best], atol=1e-6)


def test_a_step_is_a_step_of_conjugate_gradients(model: Any, likes: sp.csr_array) -> None:
    A = likes.toarray().astype(float)
    G = A.T @ A + LAMBDA * np.eye(40)
    P = dense_precision(model.embedding_, A.sum(axis=0), LAMBDA)
    for u in (0, 7):
        x = A[u]
        y = P @ x
        r = x - G @ y
        z = P @ r
        direction = z
        for steps in range(4):
            expected = -y / np.diag(P)
            columns, scores = model.recommend(likes[[u]], 5, refine=steps)
            np.testing.assert_allclose(scores[0], expected[columns[0]], atol=1e-9)
            Q = G @ direction
            length = (r @ z) / (direction @ Q)
            y = y + length * direction
            before = r @ z
            r = r - length * Q
            z = P @ r
            direction = z + (r @ z) / before * direction


def test_blocks_of_users(model: Any, likes: sp.csr_array, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model.recommend(likes, 8, refine=2)
    monkeypatch.setattr("movieembed.recommend.REFINE_BYTES", 1)
    blocks = model.recommend(likes, 8, refine=2)
    np.testing.assert_array_equal(whole[0], blocks[0])
    np.testing.assert_allclose(whole[1], blocks[1], atol=1e-12)


def test_what_refine_needs(likes: sp.csr_array, model: Any) -> None:
    bare = me.MovieEmbedding(6, random_state=0, regularization=LAMBDA).fit(likes)
    with pytest.raises(ValueError, match="keep_likes=True"):
        bare.recommend([3], refine=1)
    with pytest.raises(ValueError, match="refine goes with method='precision'"):
        model.recommend([3], refine=1, method="cosine")
    unrefined, refined = model.recommend([3], refine=0), model.recommend([3], refine=1)
    assert bare.recommend([3]).equals(unrefined)
    assert model.recommend([3]).equals(refined)
    assert not refined.equals(unrefined)
    chosen = me.MovieEmbedding(6, random_state=0, refine=2, keep_likes=True, regularization=LAMBDA)
    np.testing.assert_array_equal(
        chosen.fit(likes).recommend([3])["score"], model.recommend([3], refine=2)["score"]
    )


def test_thirty_steps_are_ease(demo_likes: Likes) -> None:
    value = 100.0
    model = me.MovieEmbedding(64, random_state=0, tol=1e-5, keep_likes=True).fit(demo_likes)
    users = np.arange(0, 600, 40)
    used = np.flatnonzero(demo_likes.item_counts)
    y, diagonal = inverse_gram(demo_likes.matrix[:, used].toarray().astype(float), value)
    S = -y[users] / diagonal  # but for what is given, which is left out
    columns, scores = model.recommend(demo_likes.matrix[users], 20, regularization=value, refine=30)
    at = np.searchsorted(used, columns)
    np.testing.assert_allclose(scores, np.take_along_axis(S, at, axis=1), atol=1e-6)


# --- neighbours -------------------------------------------------------------------------------


@pytest.mark.parametrize("refine", [0, 30])
def test_partial_correlations(model: Any, likes: sp.csr_array, refine: int) -> None:
    A = likes.toarray().astype(float)
    if refine:
        P = np.linalg.inv(A.T @ A + LAMBDA * np.eye(40))
    else:
        P = dense_precision(model.embedding_, A.sum(axis=0), LAMBDA)
    lengths = np.sqrt(np.diag(P))
    R = -P / np.outer(lengths, lengths)
    columns, scores = model.neighbors(39, method="precision", refine=refine)
    for i in range(40):
        assert sorted(columns[i].tolist()) == [j for j in range(40) if j != i]
        np.testing.assert_allclose(scores[i], R[i, columns[i]], atol=1e-6 if refine else 1e-10)
    table = model.similar(4, 3, method="precision", refine=refine)
    np.testing.assert_allclose(table["score"], scores[4, :3], atol=1e-9)


@pytest.mark.parametrize("method", ["cosine", "dot", "precision"])
def test_neighbors_of_all(model: Any, method: Any) -> None:
    columns, scores = model.neighbors(5, method=method)
    assert columns.shape == scores.shape == (40, 5)
    for i in (0, 17, 39):
        table = model.similar(i, 5, method=method)
        assert table["item"].tolist() == columns[i].tolist()
        np.testing.assert_allclose(table["score"], scores[i], atol=1e-12)
    some = model.neighbors(40, method=method, min_likes=30)[0]
    enough = np.flatnonzero(model.item_counts_ >= 30)
    assert set(some.ravel().tolist()) - {-1} == set(enough.tolist())


# --- regularisation ---------------------------------------------------------------------------


def test_regularization_is_the_least_leave_one_out_error(demo_likes: Likes) -> None:
    """Against Allen's PRESS from the dense inverse, over all users."""
    used = np.flatnonzero(demo_likes.item_counts)
    A = demo_likes.matrix[:, used].toarray().astype(np.float64)
    errors = {}
    for value in (25.0, 50.0, 100.0, 200.0, 400.0, 800.0):
        y, diagonal = inverse_gram(A, value)
        residuals = y / diagonal / (1 - (y * A).sum(axis=1))[:, None]
        errors[value] = (residuals**2).sum()
    best = min(errors, key=errors.__getitem__)
    for d in (50, 200):
        model = me.MovieEmbedding(d, random_state=0, tol=1e-5, dtype="float32").fit(demo_likes)
        assert best / 3 < model.regularization_ < best * 3  # d = 50 wants more: it knows less


def test_columns_are_refined_each_with_its_own_regularization(likes: sp.csr_array) -> None:
    op = CpuOperator(likes)
    squares = op.diagonal.astype(float)
    V = np.random.default_rng(0).standard_normal((op.n_items, 3))
    values = (3.0, 50.0)
    parts = [
        Preconditioner(op, PrecisionForm(V, squares, value), np.arange(op.n_items))
        for value in values
    ]
    X = op.asarray(op.some_users(4))
    both = refine(op, Stacked(parts, 4), squares, np.repeat(values, 4), np.hstack([X, X]), 2)
    for i, value in enumerate(values):
        alone = refine(op, parts[i], squares, value, X, 2)
        np.testing.assert_allclose(both[:, 4 * i : 4 * i + 4], alone, rtol=1e-10, atol=1e-14)


def test_regularization_is_chosen_from_the_error_of_each_value(demo_likes: Likes) -> None:
    op = CpuOperator(demo_likes.matrix)
    squares = op.diagonal.astype(float)
    V = me.MovieEmbedding(10, random_state=0).fit(demo_likes).embedding_[op.active]
    X = op.asarray(op.some_users(regularization.SAMPLE))
    values = squares.sum() / op.n_users * np.array(regularization.MULTIPLES)
    errors = []
    for value in values:
        form = PrecisionForm(V, squares, value)
        P = Preconditioner(op, form, np.arange(op.n_items))
        y = refine(op, P, squares, value, X, regularization.STEPS)
        left_out = y / form.diagonal[:, None] / (1 - (X * y).sum(axis=0))
        errors.append((left_out**2).sum())
    assert errors[1] < min(errors[0], errors[2])
    a, b, _ = np.polyfit(np.log(values), np.log(errors), 2)
    chosen = regularization.choose_regularization(op, V, squares)
    assert chosen == pytest.approx(np.exp(-b / (2 * a)), rel=1e-6)


def test_regularization_of_a_users_choice(likes: sp.csr_array) -> None:
    model = me.MovieEmbedding(3, random_state=0, regularization=17).fit(likes)
    assert model.regularization_ == 17
    automatic = me.MovieEmbedding(3, random_state=0).fit(likes)
    assert automatic.regularization_ > 0
    again = me.MovieEmbedding(3, random_state=0, n_jobs=1).fit(likes)
    assert again.regularization_ == automatic.regularization_


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda m: m.recommend([]), ValueError, "items is empty"),
        (lambda m: m.recommend([1], dislikes=[1]), ValueError, "among the items and among"),
        (lambda m: m.recommend([1], weights=[1, 2]), ValueError, "2 weights for 1 items"),
        (lambda m: m.recommend([1], weights=[np.nan]), ValueError, "NaN or infinity"),
        (lambda m: m.recommend(np.ones((2, 39))), ValueError, "39 columns for 40 items"),
        (lambda m: m.recommend(np.ones((40, 3))), ValueError, "looks transposed"),
        (lambda m: m.recommend(np.ones((2, 40)), weights=[1]), ValueError, "go with a list"),
        (lambda m: m.recommend([1], method="magic"), ValueError, "method must be one of"),
        (lambda m: m.recommend([1], regularization=0), ValueError, "regularization must be"),
        (lambda m: m.recommend([1], regularization="x"), TypeError, "must be a number"),
        (lambda m: m.recommend([1], refine=-1), ValueError, "refine must be at least 0"),
        (lambda m: m.recommend([1], refine=1.5), TypeError, "refine must be an integer"),
        (lambda m: m.recommend([1], popularity_discount=3), ValueError, "popularity_discount"),
        (lambda m: m.recommend([1], popularity_discount="a"), TypeError, "popularity_discount"),
        (lambda m: m.recommend([1], n=0), ValueError, "n must be at least 1"),
        (lambda m: m.recommend(["No such film"]), me.ItemNotFoundError, "No such film"),
        (lambda m: m.recommend([1], filter_items=[77]), me.ItemNotFoundError, "77"),
        (lambda m: m.explain([1], [1]), ValueError, "among the given items"),
        (lambda m: m.explain([1], []), ValueError, "recommended is empty"),
        (lambda m: m.explain(np.ones((1, 40)), 1), ValueError, "one person's items"),
        (lambda m: m.similar(1, min_likes="a"), TypeError, "min_likes"),
        (lambda m: m.similar(1, refine=1), ValueError, "refine goes with"),
    ],
)
def test_errors(model: Any, call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call(model)


@pytest.mark.parametrize(
    ("parameters", "error", "match"),
    [
        ({"refine": -1}, ValueError, "at least 0"),
        ({"regularization": -1}, ValueError, "regularization must be in"),
        ({"regularization": "much"}, ValueError, "a number or 'auto'"),
        ({"refine": 2}, ValueError, "needs keep_likes=True"),
        ({"refine": 1.5}, TypeError, "must be an integer"),
        ({"refine": "some"}, ValueError, "an integer or 'auto'"),
        ({"keep_likes": "yes"}, TypeError, "keep_likes must be true or false"),
        ({"item_scaling": "x"}, TypeError, "a number or 'cosine'"),
        ({"item_scaling": 3}, ValueError, r"\[0, 2\]"),
        ({"user_weighting": -1}, ValueError, r"\[0, 2\]"),
        ({"entry_weighting": "sqrt"}, ValueError, "None, 'log1p' or 'ppmi'"),
        ({"entry_weighting": "ppmi", "item_scaling": 1.0}, ValueError, "exclude each other"),
    ],
)
def test_parameters_that_are_refused(
    likes: sp.csr_array, parameters: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        me.MovieEmbedding(2, **parameters).fit(likes)


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
