"""The score that scikit-learn's searches take."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

import movieembed as me
from helpers import random_likes, unpickled
from movieembed import evaluation
from movieembed.evaluation.holdout import held_at_random


@pytest.fixture(scope="module")
def likes() -> sp.csr_array:
    return random_likes(90, 20, 0.4, seed=6)


@pytest.mark.parametrize("metric", ["ndcg@5", "recall@3", "mrr@4"])
def test_cross_validation(likes: sp.csr_array, metric: str) -> None:
    """Each part's score is that of a split made by hand."""
    model = me.MovieEmbedding(4, random_state=0)
    scorer = evaluation.make_scorer(metric, holdout=0.3, random_state=5)
    found = cross_val_score(model, likes, scoring=scorer, cv=3)
    k = int(metric[-1])
    for score, (train, test) in zip(found, KFold(3).split(likes), strict=True):
        fitted = me.MovieEmbedding(4, random_state=0).fit(likes[train])
        given, held = held_at_random(likes[test], 0.3, np.random.default_rng(5))
        asked = np.flatnonzero(np.diff(held.indptr))
        columns, _ = fitted.recommend(given[asked], k)
        expected = evaluation.ranking_metrics(columns, held[asked], ks=(k,))[metric].mean()
        assert score == pytest.approx(expected, rel=1e-12)
        assert 0 < score < 1


def test_grid_search(likes: sp.csr_array) -> None:
    scorer = unpickled(evaluation.make_scorer("recall@5"))
    search = GridSearchCV(
        me.MovieEmbedding(random_state=0, tol=1e-4), {"n_components": [1, 8]}, scoring=scorer, cv=2
    ).fit(likes)
    scores = search.cv_results_["mean_test_score"]
    assert search.best_params_["n_components"] == (1, 8)[int(np.argmax(scores))]
    assert search.best_estimator_.embedding_.shape[0] == 20
    again = cross_val_score(
        me.MovieEmbedding(1, random_state=0, tol=1e-4), likes, scoring=scorer, cv=2
    )
    assert again.mean() == pytest.approx(scores[0])


def test_lists_as_long_as_there_are_items(likes: sp.csr_array) -> None:
    model = me.MovieEmbedding(2, random_state=0).fit(likes)
    assert evaluation.make_scorer("recall@50")(model, likes) == pytest.approx(1.0)


@pytest.mark.parametrize("metric", ["ndcg", "ndcg@", "ndcg@0", "auc@5", "@5", 20])
def test_metrics_that_there_are_not(metric: object) -> None:
    with pytest.raises(ValueError, match="metric must be one of ndcg, recall"):
        evaluation.make_scorer(metric)


def test_what_the_scorer_refuses(likes: sp.csr_array) -> None:
    for share in (0, 1, 1.0, 1.5, float("nan"), True):
        with pytest.raises((ValueError, TypeError), match="holdout must be"):
            evaluation.make_scorer(holdout=share)
    model = me.MovieEmbedding(2, random_state=0).fit(likes)
    with pytest.raises(ValueError, match="nothing is held out"):
        evaluation.make_scorer(holdout=0.01)(model, likes[:2])
