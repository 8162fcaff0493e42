"""Approximate indexes give the model's own lists, but for few misses."""

from __future__ import annotations

import copy
import io
import sys
from importlib.util import find_spec
from typing import Any

import joblib
import numpy as np
import pytest

import movieembed as me
from helpers import unpickled
from movieembed.data.likes import Likes

LIBRARIES = [name for name in ("usearch", "hnswlib", "faiss") if find_spec(name)]


def fitted(likes: Likes) -> me.MovieEmbedding:
    return me.MovieEmbedding(32, random_state=0, dtype="float32", tol=1e-5).fit(likes)


@pytest.fixture(scope="module")
def model(demo_likes: Likes) -> me.MovieEmbedding:
    return fitted(demo_likes)


@pytest.fixture(scope="module")
def movielens_model(small_likes: Likes) -> me.MovieEmbedding:
    return fitted(small_likes)


def test_there_is_one_to_test() -> None:
    assert "usearch" in LIBRARIES


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("method", ["cosine", "precision"])
def test_recall(movielens_model: Any, small_likes: Likes, library: Any, method: Any) -> None:
    model = movielens_model
    index = me.AnnIndex(model, method, library=library)
    rows = small_likes.matrix[:200]
    queries = model.query_vectors(rows, method)
    columns, scores = index.search(queries, 20)
    products = queries @ model.item_vectors(method).T
    unembedded = ~model.embedding_.any(axis=1)
    products[:, unembedded] = -np.inf
    exact = np.argsort(-products, axis=1)[:, :20]
    asked = queries.any(axis=1)
    shared = [len(np.intersect1d(a, b)) for a, b in zip(columns[asked], exact[asked], strict=True)]
    assert np.mean(shared) > 0.97 * 20
    at = np.take_along_axis(products, np.maximum(columns, 0), axis=1)
    np.testing.assert_allclose(scores[asked], at[asked], rtol=1e-3, atol=1e-4)
    assert not unembedded[columns[columns >= 0]].any()


def through_joblib(index: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(index, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("way", ["pickle", "deepcopy", "joblib", "cloudpickle"])
def test_an_index_is_copied_and_sent(model: Any, demo_likes: Likes, library: Any, way: str) -> None:
    """Before and after a search, by what its library writes of it."""
    again = {
        "pickle": unpickled,
        "deepcopy": copy.deepcopy,
        "joblib": through_joblib,
        "cloudpickle": lambda index: unpickled(index, pytest.importorskip("cloudpickle")),
    }[way]
    index = me.AnnIndex(model, library=library, expansion=40, connectivity=8)
    queries = model.query_vectors(demo_likes.matrix[:50])
    before = again(index)
    wanted = index.search(queries, 10)
    for copied in (before, again(index), again(before)):
        found = copied.search(queries, 10)
        assert [x.tobytes() for x in found] == [x.tobytes() for x in wanted]
        assert (copied.library, copied.scale) == (library, index.scale)
    assert index.search(queries, 10)[0].tobytes() == wanted[0].tobytes()


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_index_of_nothing_is_sent(library: Any) -> None:
    with pytest.warns(UserWarning, match="nothing to learn"):
        empty = me.MovieEmbedding(2, random_state=0).fit(np.eye(3))
    index = unpickled(me.AnnIndex(empty, library=library))
    assert (index.search(np.ones((2, 2)), 3)[0] == -1).all()


def test_vectors_rank_as_the_model_does(model: Any) -> None:
    for method in ("cosine", "dot", "precision"):
        scores = (model.query_vectors([88, 847], method) @ model.item_vectors(method).T)[0]
        scores[[list(model.items_).index(i) for i in (88, 847)]] = -np.inf
        scores[~model.embedding_.any(axis=1)] = -np.inf
        best = np.argsort(-scores, kind="stable")[:10]
        table = model.recommend([88, 847], 10, method=method, refine=0)
        assert table["item"].tolist() == model.items_[best].tolist()


def test_a_table_of_ids(model: Any) -> None:
    index = unpickled(me.AnnIndex(model))
    queries = model.query_vectors(model.likes_[:3])
    columns, scores = index.search(queries, 4)
    table = index.search(queries, 4, as_frame=True)
    assert table.columns.tolist() == ["query", "item", "title", "rank", "score"]
    assert table["query"].tolist() == np.repeat([0, 1, 2], 4).tolist()
    assert table["item"].tolist() == model.items_[columns.ravel()].tolist()
    assert table["title"].tolist() == model.titles_[columns.ravel()].tolist()
    assert table["rank"].tolist() == [1, 2, 3, 4] * 3
    assert table["score"].tolist() == scores.ravel().tolist()


def test_an_index_of_nothing_and_wrong_queries() -> None:
    with pytest.warns(UserWarning, match="nothing to learn"):
        empty = me.MovieEmbedding(2, random_state=0).fit(np.eye(3))
    columns, scores = me.AnnIndex(empty).search(np.ones((2, 2)), 3)
    assert (columns == -1).all()
    assert np.isneginf(scores).all()
    with pytest.raises(ValueError, match=r"shape \(n, 2\)"):
        me.AnnIndex(empty).search(np.ones((2, 3)))
    with pytest.raises(ValueError, match="library must be one of"):
        me.AnnIndex(empty, library="annoy")


def test_without_a_library(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("movieembed.outputs.ann.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'movieembed\[ann\]'"):
        me.AnnIndex(model)
    with pytest.raises(ImportError, match="pip install faiss-cpu"):
        me.AnnIndex(model, library="faiss")
    assert "movieembed.outputs.ann" in sys.modules
