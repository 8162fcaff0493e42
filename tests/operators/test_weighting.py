"""Other co-occurrence matrices, new items and more likes, against dense formulas."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

import movieembed as me
from helpers import dense_cost, random_likes
from movieembed.data.likes import Likes
from movieembed.objective.cooccurrence import cooccurrence_within
from movieembed.operators.explicit import ExplicitOperator
from movieembed.operators.weighting import Weighting


@pytest.fixture(scope="module")
def likes() -> sp.csr_array:
    L = random_likes(90, 30, 0.3, seed=1)
    return sp.csr_array(L[np.diff(L.indptr) >= 2])


def dense_x(A: NDArray[Any], alpha: float, beta: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """X with its diagonal, and the item scale."""
    w = (A**2).sum(axis=1) ** -beta
    G = A.T @ (w[:, None] * A)
    s = np.diag(G) ** (-alpha / 2)
    return s[:, None] * G * s, s


def without_diagonal(X: NDArray[Any]) -> NDArray[Any]:
    return X - np.diag(np.diag(X))


@pytest.mark.parametrize(
    ("parameters", "alpha", "beta"),
    [
        ({}, 0, 0),
        ({"item_scaling": "cosine"}, 1, 0),
        ({"item_scaling": 0.5}, 0.5, 0),
        ({"user_weighting": "inverse"}, 0, 1),
        ({"item_scaling": 0.3, "user_weighting": 0.5}, 0.3, 0.5),
    ],
)
def test_scaled_likes(likes: sp.csr_array, parameters: Any, alpha: float, beta: float) -> None:
    """The optimum is that of the scaled X, and scores are in the units of the likes."""
    A = likes.toarray().astype(float)
    G, s = dense_x(A, alpha, beta)
    model = me.MovieEmbedding(
        4,
        random_state=0,
        regularization=0.7,
        recommend_weighting=beta,
        regularization_power=0,
        tol=1e-12,
        **parameters,
    ).fit(likes)
    X = without_diagonal(G)
    assert model.cost_ == pytest.approx(dense_cost(X, model.embedding_), rel=1e-9)
    residual = without_diagonal(model.embedding_ @ model.embedding_.T - X)
    assert np.abs(residual @ model.embedding_).max() < 1e-4 * np.abs(X).max() * len(X)
    np.testing.assert_allclose(model.item_squares_, np.diag(G), rtol=1e-12)
    if alpha:
        np.testing.assert_allclose(model.item_scale_, s, rtol=1e-12)
    else:
        assert model.item_scale_ is None

    def weights(P: NDArray[Any]) -> NDArray[Any]:
        B = -P / np.diag(P)
        np.fill_diagonal(B, 0)
        return (s[:, None] * B) / s

    D = np.maximum(np.diag(G) - (model.embedding_**2).sum(axis=1), 0) + 0.7
    S = A @ weights(np.linalg.inv(model.embedding_ @ model.embedding_.T + np.diag(D)))
    columns, scores = model.recommend(likes, 5, refine=0, popularity_discount=0)
    np.testing.assert_allclose(scores, np.take_along_axis(S, columns, axis=1), atol=1e-9)
    S = A @ weights(np.linalg.inv(G + 0.7 * np.eye(30)))
    columns, scores = model.recommend(likes, 5, refine=30)
    np.testing.assert_allclose(scores, np.take_along_axis(S, columns, axis=1), atol=1e-6)
    table = model.recommend([2, 3], 5, refine=0)
    shares = model.explain([2, 3], table["item"].tolist(), refine=0)
    sums = shares.groupby("recommended", sort=False)["share"].sum()
    np.testing.assert_allclose(sums[table["item"]], table["score"], atol=1e-10)


@pytest.mark.parametrize("transform", ["log1p", "ppmi"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_transformed_entries(likes: sp.csr_array, transform: Any, dtype: str) -> None:
    A = likes.toarray().astype(float)
    X = without_diagonal(A.T @ A)
    if transform == "log1p":
        T = np.log1p(X)
    else:
        r = X.sum(axis=1)
        with np.errstate(divide="ignore"):
            T = np.maximum(0, np.log(X * X.sum() / np.outer(r, r)))
    found = Weighting.of(0, 0, transform).explicit(likes, 2)
    np.testing.assert_allclose(found.toarray(), T, rtol=1e-12, atol=1e-15)
    assert found.has_canonical_format
    model = me.MovieEmbedding(5, random_state=0, entry_weighting=transform, dtype=dtype).fit(likes)
    assert model.cost_ == pytest.approx(dense_cost(T, model.embedding_), rel=1e-5)
    residual = without_diagonal(model.embedding_ @ model.embedding_.T - T)
    assert np.abs(residual @ model.embedding_).max() < 1e-2 * np.abs(T).max()
    other = me.MovieEmbedding(
        5, random_state=1, entry_weighting=transform, solver="lbfgs", max_iter=3000
    ).fit(likes)
    assert model.cost_ <= other.cost_ * (1 + 1e-5)
    with pytest.raises(ValueError, match="needs a Gram matrix"):
        model.recommend([1], method="precision")
    assert model.recommend([1]).equals(model.recommend([1], method="cosine"))
    with pytest.raises(ValueError, match="no closed form"):
        model.fold_in(np.ones((likes.shape[0], 1)), likes)


@pytest.mark.parametrize("transform", ["log1p", "ppmi"])
@pytest.mark.parametrize("extra", [0, 2])
def test_entries_with_room_for_all(transform: Any, extra: int) -> None:
    """With a component an item X is matched off its diagonal; L's rows would not match it."""
    likes = (np.random.default_rng(0).random((40, 12)) < 0.4).astype(float)
    model = me.MovieEmbedding(12 + extra, random_state=0, entry_weighting=transform).fit(likes)
    assert model.cost_ < 1e-9


def test_a_transform_can_be_exact(likes: sp.csr_array) -> None:
    """Where the cost vanishes the residuals themselves are summed."""
    X = sp.csr_array(np.array([[0, 2.0, 3], [2, 0, 6], [3, 6, 0]]))
    op = ExplicitOperator(X)
    V = np.array([[1.0], [2.0], [3.0]])
    assert op.exact_cost(V) == 0
    assert op.exact_cost(V + 0.1) == pytest.approx(dense_cost(X.toarray(), V + 0.1))


def test_x_that_does_not_fit(likes: sp.csr_array, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MemoryError, match=r"ppmi needs X itself, whose [\d,]+ entries take"):
        cooccurrence_within(likes, 1, most_bytes=100, why="ppmi")
    monkeypatch.setattr("movieembed.operators.weighting.memory", lambda: 100)
    with pytest.raises(MemoryError, match="item_scaling"):
        me.MovieEmbedding(2, entry_weighting="log1p").fit(likes)


def test_a_file_keeps_the_weighting(likes: sp.csr_array, tmp_path: Any) -> None:
    for parameters in (
        {"item_scaling": "cosine", "user_weighting": 0.5},
        {"entry_weighting": "ppmi"},
    ):
        model = me.MovieEmbedding(3, random_state=0, **parameters).fit(likes)
        model.save(tmp_path / "m.npz")
        again = me.load(tmp_path / "m.npz")
        assert again.recommend([1, 2]).equals(model.recommend([1, 2]))
        assert again.get_params() == model.get_params()


# --- new items --------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", [{}, {"item_scaling": 0.5, "user_weighting": 0.5}])
def test_fold_in_is_the_row_of_alternating_least_squares(
    likes: sp.csr_array, parameters: Any
) -> None:
    """Users' weights count what they like of the known items."""
    A = likes.toarray().astype(float)
    known, new = A[:, :25], A[:, 25:]
    model = me.MovieEmbedding(4, random_state=0, **parameters).fit(known)
    V = model.embedding_
    alpha, beta = parameters.get("item_scaling", 0.0), parameters.get("user_weighting", 0.0)
    w = (known**2).sum(axis=1) ** -beta
    s_known = ((w[:, None] * known**2).sum(axis=0)) ** (-alpha / 2)
    s_new = ((w[:, None] * new**2).sum(axis=0)) ** (-alpha / 2)
    X = (s_new[:, None] * (new.T @ (w[:, None] * known))) * s_known
    expected = np.linalg.lstsq(V, X.T, rcond=None)[0].T
    np.testing.assert_allclose(model.fold_in(new, known), expected, atol=1e-9)


def test_fold_in_finds_the_optimum_again(likes: sp.csr_array) -> None:
    """At the optimum each row is the closed form of the others."""
    model = me.MovieEmbedding(4, random_state=0, tol=1e-13, keep_likes=True).fit(likes)
    V = model.embedding_
    for i in (0, 13, 29):
        rest = np.delete(np.arange(30), i)
        other = me.MovieEmbedding(4, random_state=0, max_iter=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            other.fit(likes[:, rest])
        other.embedding_ = V[rest]
        found = other.fold_in(likes[:, [i]], likes[:, rest])
        np.testing.assert_allclose(found[0], V[i], atol=1e-4)


def test_an_extended_model(likes: sp.csr_array) -> None:
    known, new = likes[:, :25], likes[:, 25:]
    titles = [f"Film {i}" for i in range(25)]
    model = me.MovieEmbedding(4, random_state=0, keep_likes=True).fit(
        Likes.from_matrix(known, titles=titles)
    )
    bigger = model.extend(new, items=range(100, 105), titles=[f"New {i}" for i in range(5)])
    assert len(model.items_) == 25
    assert bigger.items_.tolist() == [*range(25), *range(100, 105)]
    assert bigger.titles_[-1] == "New 4"
    np.testing.assert_array_equal(bigger.embedding_[25:], model.fold_in(new))
    np.testing.assert_array_equal(bigger.item_counts_[25:], new.toarray().sum(axis=0))
    assert bigger.likes_.shape == likes.shape
    for method in ("cosine", "precision"):
        assert len(bigger.similar("New 0", 29, method=method)) == 29
    assert len(bigger.recommend(["New 1", "Film 3"], 40)) == 28
    assert (bigger.recommend(likes, 3)[0] >= 0).all()
    with pytest.raises(ValueError, match="ids repeat"):
        model.extend(new, items=range(5))
    with pytest.raises(ValueError, match="3 ids for 5"):
        model.extend(new, items=[100, 101, 102])


def test_what_fold_in_refuses(likes: sp.csr_array) -> None:
    model = me.MovieEmbedding(2, random_state=0, keep_likes=False).fit(likes)
    with pytest.raises(ValueError, match="keep_likes=True"):
        model.fold_in(likes[:, :1])
    with pytest.raises(ValueError, match="new has 3 users and known"):
        model.fold_in(np.ones((3, 1)), likes)
    assert model.fold_in(np.zeros((likes.shape[0], 2)), likes).tolist() == [[0, 0], [0, 0]]


# --- more likes -------------------------------------------------------------------------------


def test_refit_reaches_the_same_optimum_sooner(demo_likes: Likes) -> None:
    ratings, movies = me.synthetic_movielens(
        n_users=3000, n_items=1000, n_ratings=200_000, random_state=0
    )
    many = Likes.from_ratings(ratings, threshold=4.0, items=movies)
    # Few users have a quick start of their own, which saves an iteration.
    for likes, sooner in ((demo_likes, -1), (many, 1)):
        users = np.arange(likes.n_users)
        before = Likes.from_matrix(likes.matrix[users % 20 != 0], items=likes.items)
        model = me.MovieEmbedding(20, random_state=0).fit(before)
        again = model.refit(likes)
        scratch = me.MovieEmbedding(20, random_state=0).fit(likes)
        assert again.cost_ == pytest.approx(scratch.cost_, rel=1e-6)
        assert again.n_iter_ <= scratch.n_iter_ - sooner
        np.testing.assert_array_equal(again.items_, likes.items)
        assert again.get_params() == model.get_params()


def test_refit_keeps_and_extends_ids() -> None:
    rng = np.random.default_rng(2)
    old = Likes.from_matrix(
        (rng.random((40, 5)) < 0.5).astype(float), items=[9, 7, 5, 3, 1], titles=list("abcde")
    )
    model = me.MovieEmbedding(1, random_state=0, tol=1e-4, keep_likes=True).fit(old)
    new = Likes.from_matrix(
        (rng.random((50, 4)) < 0.5).astype(float), items=[2, 5, 9, 8], titles=list("FcaG")
    )
    again = model.refit(new)
    assert again.items_.tolist() == [9, 7, 5, 3, 1, 2, 8]
    assert again.titles_.tolist() == ["a", "b", "c", "d", "e", "F", "G"]
    assert again.item_counts_[[1, 3, 4]].tolist() == [0, 0, 0]
    assert not again.embedding_[[1, 3, 4]].any()
    scratch = me.MovieEmbedding(1, random_state=0).fit(new)
    assert again.cost_ == pytest.approx(scratch.cost_, rel=1e-3)
    with pytest.raises(ValueError, match="not column numbers"):
        model.refit((rng.random((40, 7)) < 0.5).astype(float))
    with pytest.raises(ValueError, match="fewer than the 5 items"):
        model.refit(np.ones((3, 4)))
