"""Vectors of users, and the users who are alike by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import movieembed as me
from helpers import random_likes


@pytest.fixture(scope="module")
def likes() -> me.Likes:
    matrix = random_likes(50, 12, 0.4, seed=2).toarray()
    matrix[9] = 0
    return me.Likes.from_matrix(matrix, users=[f"u{i}" for i in range(50)])


@pytest.mark.parametrize("parameters", [{}, {"item_scaling": 0.5, "user_weighting": 1.0}])
def test_transform(likes: me.Likes, parameters: dict[str, float]) -> None:
    """The likes times unit axes; with all components they keep every length and angle."""
    model = me.MovieEmbedding(4, random_state=0, **parameters).fit(likes)
    L = likes.matrix.toarray().astype(float)
    if parameters:
        counts = np.maximum(L.sum(axis=1, keepdims=True), 1)
        L = L / np.sqrt(counts) * model.item_scale_
    axes = model.embedding_ / np.linalg.norm(model.embedding_, axis=0)
    expected = L @ axes
    for given in (likes, likes.matrix, likes.matrix.toarray(), sp.csc_array(likes.matrix)):
        np.testing.assert_allclose(model.transform(given), expected, atol=1e-12)
    turned = np.random.default_rng(0).permutation(12)
    moved = me.Likes(likes.matrix[:, turned], likes.users, likes.items[turned])
    np.testing.assert_allclose(model.transform(moved), expected, atol=1e-12)
    assert model.get_feature_names_out().tolist() == [f"movieembedding{i}" for i in range(4)]


@pytest.mark.parametrize("fitted_on", ["numbered frame", "likes"])
def test_transform_finds_the_columns_of_frames(likes: me.Likes, fitted_on: str) -> None:
    """In any order and by number, id in text or title; items without a column are not liked."""
    ids, L = np.arange(12) * 3 + 5, likes.matrix.toarray()
    numbered = pd.DataFrame(L, columns=ids)
    named = me.Likes.from_matrix(L, items=ids, titles=[f"Film {i}" for i in ids])
    model = me.MovieEmbedding(4, random_state=0)
    model.fit(numbered if fitted_on == "numbered frame" else named)
    axes = model.embedding_ / np.linalg.norm(model.embedding_, axis=0)
    turned = np.random.default_rng(0).permutation(12)
    frames = [numbered, numbered.iloc[:, turned], numbered.iloc[:, turned].rename(columns=str)]
    if fitted_on == "likes":
        frames.append(numbered.iloc[:, turned].rename(columns=lambda id_: f"Film {id_}"))
    for frame in frames:
        np.testing.assert_allclose(model.transform(frame), L @ axes, atol=1e-12)
    some = turned[:5]
    np.testing.assert_allclose(
        model.transform(numbered.iloc[:, some]), L[:, some] @ axes[some], atol=1e-12
    )
    with pytest.raises(me.ItemNotFoundError, match="columns that are no items of the model: 77"):
        model.transform(numbered.rename(columns={5: 77}))
    symmetric = np.ones((12, 12)) - np.eye(12)
    np.testing.assert_allclose(model.transform(symmetric), symmetric @ axes, atol=1e-12)


def test_transform_keeps_all_with_all_components(likes: me.Likes) -> None:
    model = me.MovieEmbedding(12, random_state=0).fit(likes)
    U, L = model.transform(likes), likes.matrix.toarray()
    np.testing.assert_allclose(U @ U.T, L @ L.T, atol=1e-6)


def test_similar_users(likes: me.Likes) -> None:
    model = me.MovieEmbedding(4, random_state=0).fit(likes)
    U = model.transform(likes)
    with np.errstate(invalid="ignore"):
        U = U / np.linalg.norm(U, axis=1, keepdims=True)
    cosines = U @ U.T
    np.fill_diagonal(cosines, -np.inf)
    cosines[np.isnan(cosines)] = -np.inf
    order = np.argsort(-cosines, axis=1)
    table = model.similar_users("u3", 5)
    assert table.columns.tolist() == ["user", "score"]
    assert table["user"].tolist() == likes.users[order[3, :5]].tolist()
    np.testing.assert_allclose(table["score"], cosines[3, order[3, :5]], rtol=1e-10)
    several = model.similar_users(["u7", "u3"], 5)
    assert several["query"].tolist() == ["u7"] * 5 + ["u3"] * 5
    pd.testing.assert_frame_equal(several.iloc[5:, 1:].reset_index(drop=True), table, rtol=1e-10)
    assert len(model.similar_users("u3", 100)) == 48  # not themselves, not who likes nothing
    other = me.Likes(likes.matrix[:20], likes.users[:20], likes.items)
    assert set(model.similar_users("u3", 100, likes=other)["user"]) == {*other.users} - {"u3", "u9"}
    bare = model.similar_users(3, 5, likes=likes.matrix)
    assert bare["user"].tolist() == order[3, :5].tolist()
    np.testing.assert_allclose(bare["score"], table["score"], rtol=1e-10)


def test_what_similar_users_refuses(likes: me.Likes) -> None:
    model = me.MovieEmbedding(2, random_state=0).fit(likes)
    with pytest.raises(me.UserNotFoundError, match="no user has the id 'u50'"):
        model.similar_users("u50")
    with pytest.raises(ValueError, match="'u9' likes no item that has a vector"):
        model.similar_users(["u3", "u9"])
    with pytest.raises(ValueError, match="n must be at least 1"):
        model.similar_users("u3", 0)


@pytest.mark.parametrize("wrong", [np.ones((2, 11)), [[1, np.nan] * 6], "text"])
def test_what_transform_refuses(likes: me.Likes, wrong: Any) -> None:
    model = me.MovieEmbedding(2, random_state=0).fit(likes)
    with pytest.raises((ValueError, TypeError)):
        model.transform(wrong)
