"""Descents that move the vectors of items that nobody liked, as the exercise's do."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import movieembed as me
from helpers import dense_cooccurrence, dense_cost, dense_gradient, normal, random_likes
from movieembed.exceptions import ParameterError

L = random_likes(25, 40, 0.05, seed=1)
X = dense_cooccurrence(L)
START = normal((40, 6), 2)


def adam(X: NDArray[Any], V: NDArray[Any], rate: float, steps: int) -> tuple[list[float], Any]:
    """The costs of Adam on all rows of V, as PyTorch's with its defaults, and where it ends."""
    m = s = np.zeros_like(V)
    costs = [dense_cost(X, V)]
    for t in range(1, steps + 1):
        g = dense_gradient(X, V)
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g**2
        V = V - rate * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
        costs.append(dense_cost(X, V))
    return costs, V


def fitted(**options: Any) -> me.MovieEmbedding:
    given = {"solver": "adam", "learning_rate": 0.05, "init": START, "max_iter": 30}
    with pytest.warns(Warning, match="stopped after max_iter=30 iterations"):
        return me.MovieEmbedding(6, **{**given, **options}).fit(L)


def test_adams_history_is_that_of_a_plain_adam() -> None:
    assert (~X.any(axis=1)).sum() > 5
    costs, V = adam(X, START, 0.05, 30)
    model = fitted(keep_unliked=True)
    np.testing.assert_allclose(model.history_["cost"], costs, rtol=1e-10)
    assert min(costs) == costs[-1]
    np.testing.assert_allclose(model.embedding_ @ model.embedding_.T, V @ V.T, atol=1e-9)
    assert model.embedding_.any(axis=1).all()
    assert model.cost_ == pytest.approx(me.cost(L, model.embedding_), rel=1e-12)


def test_by_default_their_vectors_are_zero_and_count_nothing() -> None:
    liked = X.any(axis=1)
    costs, _ = adam(X[liked][:, liked], START[liked], 0.05, 30)
    model = fitted()
    np.testing.assert_allclose(model.history_["cost"], costs, rtol=1e-10)
    np.testing.assert_array_equal(model.embedding_.any(axis=1), liked)


@pytest.mark.parametrize("solver", ["gd", "momentum", "lbfgs"])
def test_other_descents_start_from_all_of_the_start(solver: str) -> None:
    model = fitted(keep_unliked=True, solver=solver, learning_rate=1e-6)
    assert model.history_["cost"][0] == pytest.approx(dense_cost(X, START), rel=1e-12)
    assert model.history_["cost"][30] < model.history_["cost"][0]


def test_logarithms_of_x() -> None:
    costs, _ = adam(np.log1p(X), START, 0.05, 30)
    model = fitted(keep_unliked=True, entry_weighting="log1p")
    np.testing.assert_allclose(model.history_["cost"], costs, rtol=1e-10)


def test_a_random_start_and_the_way_to_the_optimum() -> None:
    model = me.MovieEmbedding(3, solver="lbfgs", random_state=0, keep_unliked=True).fit(L)
    optimum = me.MovieEmbedding(3, solver="lbfgs", random_state=0).fit(L)
    assert model.converged_
    assert model.cost_ == pytest.approx(optimum.cost_, rel=1e-4)
    lengths = np.linalg.norm(model.embedding_[~X.any(axis=1)], axis=1)
    assert lengths.max() < 0.1 * np.linalg.norm(model.embedding_, axis=1).max()


@pytest.fixture(scope="module")
def unliked() -> me.MovieEmbedding:
    """A model in which items 3 and 19 have vectors, though nobody likes them."""
    A = (np.random.default_rng(0).random((60, 20)) < 0.3).astype(float)
    A[:, [3, 19]] = 0
    model = me.MovieEmbedding(5, random_state=0, solver="lbfgs", keep_unliked=True).fit(A)
    assert model.embedding_.any(axis=1).all()
    return model


@pytest.mark.parametrize("options", [{}, {"refine": 0}, {"refine": 1}, {"refine": 9}])
def test_items_that_nobody_likes_have_no_score(
    unliked: me.MovieEmbedding, options: dict[str, Any]
) -> None:
    table = unliked.rank([0], [3, 4, 19, 5], **options).set_index("item")["score"]
    assert table.index[2:].tolist() == [3, 19]
    assert table.isna().tolist() == [False, False, True, True]
    alone = unliked.recommend([0], 20, **options).set_index("item")["score"]
    np.testing.assert_allclose(table[[4, 5]], alone[[4, 5]], rtol=1e-6)
    with pytest.warns(UserWarning, match="19 has no embedding: nobody liked it"):
        found = unliked.recommend([0, 19], 20, exclude_given=False, **options)
    assert set(found["item"]) == set(range(20)) - {3, 19}
    with pytest.raises(me.ItemWithoutLikesError, match="3 has no embedding: nobody liked it"):
        unliked.recommend([3], **options)


@pytest.mark.parametrize("method", ["weighted", "precision", "cosine", "dot"])
def test_the_items_near_those_that_nobody_likes(unliked: me.MovieEmbedding, method: str) -> None:
    columns, _ = unliked.neighbors(20, method=method)
    if method in ("weighted", "precision"):
        with pytest.raises(me.ItemWithoutLikesError, match="19 has no embedding: nobody liked it"):
            unliked.similar([0, 19], method=method)
        assert (columns[[3, 19]] == -1).all()
        assert not np.isin(columns, [3, 19]).any()
        return
    V = unliked.embedding_
    V = V / np.linalg.norm(V, axis=1, keepdims=True) if method == "cosine" else V
    scores = np.delete(V @ V[19], 19)
    np.testing.assert_allclose(
        unliked.similar(19, 19, method=method)["score"], -np.sort(-scores), rtol=1e-9
    )


def test_it_is_saved() -> None:
    file = io.BytesIO()
    fitted(keep_unliked=True).save(file)
    file.seek(0)
    assert me.load(file).keep_unliked is True


def test_where_it_does_not_go() -> None:
    for solver in ("eigen", "als"):
        match = f"keep_unliked=True is for gd, momentum, adam and lbfgs: solver='{solver}'"
        with pytest.raises(ParameterError, match=match) as caught:
            me.MovieEmbedding(6, solver=solver, keep_unliked=True).fit(L)
        assert caught.value.parameter == "keep_unliked"
    with pytest.raises(ValueError, match="keep_unliked=True needs backend='cpu'"):
        me.MovieEmbedding(6, solver="adam", keep_unliked=True, backend="cuda").fit(L)
    with pytest.raises(TypeError, match="keep_unliked must be true or false"):
        me.MovieEmbedding(6, solver="adam", keep_unliked="yes").fit(L)
