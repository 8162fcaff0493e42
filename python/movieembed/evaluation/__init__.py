"""Honest measures of recommendations and neighbours: splits, metrics, baselines, tuning.

=============  ==================================================================================
module         what it holds
=============  ==================================================================================
``splits``     random by user, held-out users
``by_time``    each user's last likes, all likes from a moment on
``metrics``    recall, NDCG, MAP, MRR, coverage, popularity, hubs, franchises
``baselines``  popularity, item cosine, dense EASE, implicit's ALS
``compare``    a table of several recommenders on one split
``tuning``     the parameters of `recommend`, chosen on a validation part
``scorer``     a score for scikit-learn's searches
``seen``       lists without what users rated and did not like
=============  ==================================================================================
"""

from __future__ import annotations

from movieembed.evaluation.baselines import als, ease, item_cosine, movieembed, popularity
from movieembed.evaluation.by_time import split_last, split_time
from movieembed.evaluation.compare import evaluate
from movieembed.evaluation.metrics import (
    franchises,
    hubness,
    ranking_metrics,
    sequels_among_neighbors,
)
from movieembed.evaluation.scorer import make_scorer
from movieembed.evaluation.splits import Split, split_random, split_users
from movieembed.evaluation.tuning import Tuned, tune

__all__ = [
    "Split",
    "Tuned",
    "als",
    "ease",
    "evaluate",
    "franchises",
    "hubness",
    "item_cosine",
    "make_scorer",
    "movieembed",
    "popularity",
    "ranking_metrics",
    "sequels_among_neighbors",
    "split_last",
    "split_random",
    "split_time",
    "split_users",
    "tune",
]
