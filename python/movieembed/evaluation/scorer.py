"""A score for scikit-learn's searches: how well lists for held-out users find held-out likes."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from movieembed._base.validation import Interval, as_generator, check_parameter
from movieembed.evaluation.holdout import held_at_random
from movieembed.evaluation.metrics import ranking_metrics
from movieembed.exceptions import ParameterError
from movieembed.model.taste import Taste, as_taste

METRICS = ("ndcg", "recall", "capped_recall", "map", "mrr")


def make_scorer(metric: str = "ndcg@20", *, holdout: float = 0.2, random_state: int = 0) -> Scorer:
    """A score for GridSearchCV, cross_val_score and the like.

    Each of their parts holds out users. Of what these like a share is held out in turn; the model,
    fitted on the other users, recommends by the rest, and the metric says how well it finds it.

    Parameters
    ----------
    metric : str, default="ndcg@20"
        One of ndcg, recall, capped_recall, map and mrr, "@" and the length of the lists: see
        :func:`ranking_metrics`.
    holdout : float, default=0.2
        The share of each user's likes, between 0 and 1.
    random_state : int, default=0
        The same likes are held out in each call.

    Returns
    -------
    callable
        From (estimator, X, y) to the mean over the users with something held out; X is a users x
        items matrix or frame, and y is ignored.

    Raises
    ------
    ParameterError
        When the metric is none of these or the share not between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> from sklearn.model_selection import cross_val_score
    >>> from movieembed.evaluation import make_scorer
    >>> likes = (np.random.default_rng(0).random((60, 20)) < 0.4).astype(float)
    >>> model = me.MovieEmbedding(4, random_state=0)
    >>> cross_val_score(model, likes, scoring=make_scorer("recall@5"), cv=3).shape
    (3,)
    """
    name, _, k = str(metric).partition("@")
    if name not in METRICS or not k.isdecimal() or int(k) < 1:
        listed = ", ".join(METRICS)
        what = f'metric must be one of {listed}, "@" and a length, as "ndcg@20", not {metric!r}'
        raise ParameterError(what, "metric")
    check_parameter(holdout, "holdout", Interval(Real, 0, 1, "neither"))
    return Scorer(f"{name}@{int(k)}", int(k), float(holdout), random_state)


@dataclass(frozen=True)
class Scorer:
    """What `make_scorer` gives.

    Attributes
    ----------
    metric : str
    k : int
    holdout : float
    random_state : int
    """

    metric: str
    k: int
    holdout: float
    random_state: int

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """The mean of the metric over the users of a matrix."""
        rows = as_taste(estimator._fitted_items(), X).rows
        given, held = held_at_random(rows, self.holdout, as_generator(self.random_state))
        asked = np.flatnonzero(np.diff(held.indptr))
        if not len(asked):
            raise ValueError("nothing is held out: the users have too few likes for this holdout")
        k = min(self.k, rows.shape[1])
        columns, _ = estimator.recommend(Taste(given[asked], single=False), self.k)
        found = ranking_metrics(columns, held[asked], ks=(k,))
        return float(found[self.metric.replace(f"@{self.k}", f"@{k}")].mean())
