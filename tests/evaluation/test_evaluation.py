"""Splits, metrics and baselines, against scikit-learn and brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score

import movieembed as me
from helpers import random_likes
from movieembed import evaluation as ev
from movieembed.data.likes import Likes


@pytest.fixture(scope="module")
def likes() -> Likes:
    return Likes.from_matrix(random_likes(80, 30, 0.3, seed=3))


# --- metrics ----------------------------------------------------------------------------------


def lists(seed: int, n_users: int, n_items: int, n: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rankings and what is relevant, at least one item each."""
    rng = np.random.default_rng(seed)
    columns = np.argsort(rng.random((n_users, n_items)), axis=1)[:, :n]
    relevant = rng.random((n_users, n_items)) < 0.2
    relevant[np.arange(n_users), rng.integers(0, n_items, n_users)] = True
    return columns, relevant


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 12), k=st.integers(1, 12))
def test_ndcg_is_that_of_scikit_learn(seed: int, n: int, k: int) -> None:
    columns, relevant = lists(seed, 7, 12, n)
    k = min(k, n)
    scores = np.zeros(relevant.shape)
    np.put_along_axis(scores, columns, np.arange(n, 0, -1.0)[None, :].repeat(7, 0), axis=1)
    found = ev.ranking_metrics(columns, sp.csr_array(relevant.astype(float)), ks=(k,))
    for u in range(7):
        expected = ndcg_score(relevant[[u]], scores[[u]], k=k)
        assert found[f"ndcg@{k}"][u] == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_whole_rankings_are_those_of_scikit_learn(seed: int) -> None:
    """Average precision over all items; and with one relevant item it is the reciprocal rank."""
    n = 12
    columns, relevant = lists(seed, 7, n, n)
    scores = np.zeros(relevant.shape)
    np.put_along_axis(scores, columns, np.arange(n, 0, -1.0)[None, :].repeat(7, 0), axis=1)
    found = ev.ranking_metrics(columns, sp.csr_array(relevant.astype(float)), ks=(n,))
    for u in range(7):
        expected = label_ranking_average_precision_score(relevant[[u]], scores[[u]])
        assert found[f"map@{n}"][u] == pytest.approx(expected)
        assert found[f"recall@{n}"][u] == 1
        first = columns[u, relevant[u, columns[u]].argmax()]
        single = np.zeros((1, n))
        single[0, first] = 1
        expected = label_ranking_average_precision_score(single, scores[[u]])
        assert found[f"mrr@{n}"][u] == pytest.approx(expected)


def test_metrics_by_hand() -> None:
    held = sp.csr_array(np.array([[0, 1, 1, 0, 1], [1, 0, 0, 0, 0]]))
    columns = np.array([[3, 1, 4, -1], [2, 3, -1, -1]])
    found = ev.ranking_metrics(columns, held, ks=(2, 4))
    assert found["recall@2"].tolist() == [1 / 3, 0]
    assert found["capped_recall@2"].tolist() == [1 / 2, 0]
    assert found["recall@4"].tolist() == [2 / 3, 0]
    assert found["map@4"].tolist() == pytest.approx([(1 / 2 + 2 / 3) / 3, 0])
    assert found["mrr@4"].tolist() == [1 / 2, 0]
    ideal = 1 + 1 / np.log2(3) + 1 / 2
    assert found["ndcg@4"][0] == pytest.approx((1 / np.log2(3) + 1 / 2) / ideal)


def test_what_metrics_refuse() -> None:
    held = sp.csr_array(np.array([[0, 1], [0, 0]]))
    with pytest.raises(ValueError, match="nothing held out"):
        ev.ranking_metrics(np.zeros((2, 1), int), held, ks=(1,))
    with pytest.raises(ValueError, match="for 2 users"):
        ev.ranking_metrics(np.zeros((3, 1), int), held, ks=(1,))
    with pytest.raises(ValueError, match=r"within \[1, 1\]"):
        ev.ranking_metrics(np.zeros((1, 1), int), held[[0]], ks=(2,))


def test_hubs() -> None:
    even = np.array([[1], [2], [3], [0]])
    assert ev.hubness(even) == {"largest": 1.0, "skewness": 0.0, "absent": 0.0}
    star = np.array([[1], [0], [0], [0], [-1]])
    found = ev.hubness(star)
    assert found["largest"] == 3
    assert found["absent"] == 0.5
    counts = np.array([3.0, 1, 0, 0])
    expected = ((counts - 1) ** 3).mean() / counts.std() ** 3
    assert found["skewness"] == pytest.approx(expected)


def test_franchises() -> None:
    titles = [
        "Toy Story (1995)",
        "Toy Story 2 (1999)",
        "Star Wars: Episode IV - A New Hope (1977)",
        "Star Wars: Episode V - The Empire Strikes Back (1980)",
        "Rocky (1976)",
        "Rocky II (1979)",
        "Rocky III (1982)",
        "Hamlet (1990)",
        "Hamlet (1996)",
        "Heat (1995)",
        "Apollo 13 (1995)",
        "Godfather: Part II, The (1974)",
        "Die Hard 2 (1990)",
    ]
    found = [group.tolist() for group in ev.franchises(titles)]
    assert found == [[0, 1], [2, 3], [4, 5, 6]]
    assert ev.franchises(titles, counts=np.array([9, 2] + [9] * 11))[0].tolist() == [2, 3]
    columns = np.array([[1, 9], [5, 0], [3, 1], [7, 8], [5, 6], [4, 1], [5, 4]] + [[0, 0]] * 6)
    shares = [1, 1, 1, 0, 1, 1 / 2, 1]
    groups = ev.franchises(titles)
    assert ev.sequels_among_neighbors(columns, groups) == pytest.approx(np.mean(shares))


# --- splits -----------------------------------------------------------------------------------


def check_parts(likes: Likes, split: ev.Split) -> None:
    """Given and held are disjoint parts of users' likes."""
    both = split.given.toarray() * split.held.toarray()
    assert not both.any()
    assert (np.diff(split.held.indptr) > 0).all()
    np.testing.assert_array_equal(split.train.items, likes.items)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_random_split(likes: Likes, share: float) -> None:
    split = ev.split_random(likes, share, random_state=1)
    check_parts(likes, split)
    lengths = np.diff(likes.matrix.indptr)
    held = lengths - np.diff(split.train.matrix.indptr)
    np.testing.assert_array_equal(held, np.floor(share * lengths + 0.5))
    asked = held > 0
    whole = split.given.toarray() + split.held.toarray()
    np.testing.assert_array_equal(whole, likes.matrix.toarray()[asked])
    again = ev.split_random(likes, share, random_state=1)
    np.testing.assert_array_equal(again.held.toarray(), split.held.toarray())
    other = ev.split_random(likes, share, random_state=2)
    assert (other.held.toarray() != split.held.toarray()).any()


def test_random_split_favours_nobody() -> None:
    likes = Likes.from_matrix(np.ones((2000, 5)))
    split = ev.split_random(likes, 0.2, random_state=0)
    counts = split.held.toarray().sum(axis=0)
    assert np.abs(counts - 400).max() < 80


def test_last_split() -> None:
    ratings = pd.DataFrame(
        {
            "userId": [1, 1, 1, 2, 2, 3, 1],
            "movieId": [10, 20, 30, 10, 20, 30, 40],
            "rating": [5.0, 4.0, 5.0, 4.0, 5.0, 4.0, 1.0],
            "timestamp": [3, 9, 5, 8, 7, 1, 99],
        }
    )
    likes = Likes.from_ratings(ratings)
    split = ev.split_last(likes, ratings)
    assert split.held.toarray()[:, :3].tolist() == [[0, 1, 0], [1, 0, 0]]
    assert split.train.matrix.toarray()[:, :3].tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 1]]
    two = ev.split_last(likes, ratings.sample(frac=1, random_state=0), 2)
    assert two.held.toarray()[:, :3].tolist() == [[0, 1, 1]]
    with pytest.raises(ValueError, match="no column 'when'"):
        ev.split_last(likes, ratings, timestamp="when")
    with pytest.raises(ValueError, match="1 likes have no time"):
        ev.split_last(likes, ratings.iloc[1:])


def test_users_split(likes: Likes) -> None:
    split = ev.split_users(likes, 10, random_state=4)
    check_parts(likes, split)
    assert split.given.shape[0] <= 10
    assert len(np.intersect1d(split.train.users, [])) == 0
    assert split.train.n_users == (np.diff(likes.matrix.indptr) >= 5).sum() - 10
    lengths = np.diff(split.given.indptr) + np.diff(split.held.indptr)
    np.testing.assert_array_equal(
        np.diff(split.held.indptr), np.maximum(1, np.floor(0.2 * lengths + 0.5))
    )
    with pytest.raises(ValueError, match="nobody to learn from"):
        ev.split_users(likes, 80)
    with pytest.raises(ValueError, match="share must be between"):
        ev.split_random(likes, 1.0)
    with pytest.raises(ValueError, match="nothing is held out"):
        ev.split_random(Likes.from_matrix(np.eye(4)), 0.1)


# --- baselines --------------------------------------------------------------------------------


def ranked(S: NDArray[Any], given: sp.csr_array, n: int) -> NDArray[Any]:
    S = S.copy()
    S[given.toarray() > 0] = -np.inf
    return np.argsort(-S, axis=1, kind="stable")[:, :n]


def test_popularity_and_item_cosine(likes: Likes) -> None:
    A = likes.matrix.toarray().astype(float)
    given = likes.matrix[:20]
    counts = A.sum(axis=0)
    found = ev.popularity(likes)(given, 5)
    np.testing.assert_array_equal(found, ranked(np.tile(counts, (20, 1)), given, 5))
    unit = A / np.sqrt(counts)
    S = A[:20] @ (unit.T @ unit)
    found = ev.item_cosine(likes)(given, 5)
    np.testing.assert_allclose(
        np.take_along_axis(S, found, 1), np.take_along_axis(S, ranked(S, given, 5), 1), rtol=1e-5
    )


def test_ease(likes: Likes) -> None:
    A = likes.matrix.toarray().astype(float)
    P = np.linalg.inv(A.T @ A + 20 * np.eye(30))
    B = -P / np.diag(P)
    np.fill_diagonal(B, 0)
    given = likes.matrix[:20]
    S = A[:20] @ B
    found = ev.ease(likes, 20.0)(given, 5)
    np.testing.assert_allclose(
        np.take_along_axis(S, found, 1),
        np.take_along_axis(S, ranked(S, given, 5), 1),
        atol=1e-5,
    )
    with pytest.raises(ValueError, match="dense EASE inverts"):
        ev.ease(Likes.from_matrix(sp.eye_array(20_001, format="csr")))


def test_als_without_implicit(likes: Likes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "implicit.cpu.als", None)
    with pytest.raises(ImportError, match=r"pip install 'movieembed\[evaluation\]'"):
        ev.als(likes)


def test_more_items_than_there_are(likes: Likes) -> None:
    given = likes.matrix[:3]
    for recommend in (ev.popularity(likes), ev.ease(likes), ev.movieembed(likes, n_components=3)):
        columns = recommend(given, 40)
        assert columns.shape == (3, 40)
        for u in range(3):
            row = columns[u][columns[u] >= 0]
            assert len(row) == 30 - given[[u]].nnz
            assert len(np.unique(row)) == len(row)
            assert not np.isin(row, given[[u]].indices).any()


# --- tuning and comparison --------------------------------------------------------------------


def test_evaluate_measures_what_it_says(likes: Likes) -> None:
    split = ev.split_random(likes, random_state=0)
    table = ev.evaluate({"popular": ev.popularity, "ease": ev.ease}, split, ks=(5, 10))
    columns = ev.popularity(split.train)(split.given, 10)
    found = ev.ranking_metrics(columns, split.held, ks=(5, 10))
    for metric in ("recall@5", "ndcg@10", "mrr@5", "map@10", "capped_recall@10"):
        assert table.loc["popular", metric] == pytest.approx(found[metric].mean())
    liked = split.train.item_counts
    assert table.loc["popular", "coverage"] == len(np.unique(columns)) / (liked > 0).sum()
    expected = liked[columns].mean() / liked[split.held.indices].mean()
    assert table.loc["popular", "popularity"] == pytest.approx(expected)
    assert table.index.tolist() == ["popular", "ease"]


def test_tune_takes_the_best_of_the_validation_part(likes: Likes) -> None:
    chosen = ev.tune(likes, n_components=(2, 6), factors=(0.5, 2.0), refine=(0, 2), k=5)
    assert len(chosen.table) == 8
    total = chosen.table["recall"] + chosen.table["ndcg"]
    row = chosen.table[
        (chosen.table["n_components"] == chosen.n_components)
        & (chosen.table["regularization"] == chosen.regularization)
        & (chosen.table["refine"] == chosen.refine)
    ]
    assert len(row) == 1
    assert total[row.index[0]] >= total.max() - 0.02
    model = me.MovieEmbedding(random_state=0, **chosen.parameters()).fit(likes)
    assert model.n_components == chosen.n_components


def test_the_default_is_near_the_best_on_movielens(small_likes: Likes) -> None:
    """Untuned, at d = 128, within 3 % of dense EASE at its best; far above popularity."""
    split = ev.split_random(small_likes, random_state=0)
    ours = lambda train: ev.movieembed(train, n_components=128, dtype="float32", tol=1e-5)  # noqa: E731
    dense = lambda train: ev.ease(train, 150.0)  # noqa: E731
    table = ev.evaluate({"ours": ours, "ease": dense, "popular": ev.popularity}, split)
    for metric in ("recall@20", "ndcg@20"):
        assert table.loc["ours", metric] > 0.97 * table.loc["ease", metric]
        assert table.loc["ours", metric] > 1.3 * table.loc["popular", metric]
