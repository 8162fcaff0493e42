"""Tables of several recommenders."""

from __future__ import annotations

import time

import numpy as np
import pytest

from movieembed import evaluation as ev
from movieembed.data.likes import Likes


def test_evaluate_measures_what_it_says(likes: Likes) -> None:
    split = ev.split_random(likes, random_state=0)
    start = time.perf_counter()
    table = ev.evaluate({"popular": ev.popularity, "ease": ev.ease}, split, ks=(5, 10))
    seconds = table[["fit_seconds", "recommend_seconds"]].to_numpy()
    assert 0 < seconds.min() <= seconds.sum() <= time.perf_counter() - start
    columns = ev.popularity(split.train)(split.given, 10)
    found = ev.ranking_metrics(columns, split.held, ks=(5, 10))
    for metric in ("recall@5", "ndcg@10", "mrr@5", "map@10", "capped_recall@10"):
        assert table.loc["popular", metric] == pytest.approx(found[metric].mean())
    liked = split.train.item_counts
    assert table.loc["popular", "coverage"] == len(np.unique(columns)) / (liked > 0).sum()
    expected = liked[columns].mean() / liked[split.held.indices].mean()
    assert table.loc["popular", "popularity"] == pytest.approx(expected)
    assert table.index.tolist() == ["popular", "ease"]


def test_the_default_is_near_the_best_on_movielens(small_likes: Likes) -> None:
    """Untuned, at d = 128, within 3 % of dense EASE at its best; far above popularity."""
    split = ev.split_random(small_likes, random_state=0)
    ours = lambda train: ev.movieembed(train, n_components=128, dtype="float32", tol=1e-5)  # noqa: E731
    dense = lambda train: ev.ease(train, 150.0)  # noqa: E731
    table = ev.evaluate({"ours": ours, "ease": dense, "popular": ev.popularity}, split)
    for metric in ("recall@20", "ndcg@20"):
        assert table.loc["ours", metric] > 0.97 * table.loc["ease", metric]
        assert table.loc["ours", metric] > 1.3 * table.loc["popular", metric]
