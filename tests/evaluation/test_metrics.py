"""Ranking metrics against scikit-learn and by hand; hubs and franchises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score

from movieembed import evaluation as ev


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
    counts = np.array([3, 3, 2] + [9] * 10)
    groups = ev.franchises(titles, counts, min_likes=3)
    assert [group.tolist() for group in groups] == [[0, 1], [4, 5, 6]]
    columns = np.array([[1, 9], [5, 0], [3, 1], [7, 8], [5, 6], [4, 1], [5, 4]] + [[0, 0]] * 6)
    shares = [1, 1, 1, 0, 1, 1 / 2, 1]
    groups = ev.franchises(titles)
    assert ev.sequels_among_neighbors(columns, groups) == pytest.approx(np.mean(shares))
