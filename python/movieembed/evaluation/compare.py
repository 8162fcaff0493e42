"""Compare several recommenders, or settings of ours, on one split, as a table.

The settings are components, regularization (lambda) and refinement; the terms are explained in the
glossary, ``docs/glossary.md``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from movieembed.data.likes import Likes
from movieembed.evaluation.baselines import Recommend
from movieembed.evaluation.metrics import list_metrics, ranking_metrics
from movieembed.evaluation.seen import check_seen, lists
from movieembed.evaluation.splits import Split, split_random
from movieembed.model.embedding import Embedding
from movieembed.model.taste import Taste


def evaluate(
    recommenders: Mapping[str, Callable[[Likes], Recommend]],
    split: Split,
    *,
    ks: tuple[int, ...] = (20,),
    exclude_seen: bool = False,
) -> pd.DataFrame:
    """Fit each recommender on the training part and measure its lists on what is held out.

    Parameters
    ----------
    recommenders : mapping of str to callable
        From the training likes to a function (given, n) -> columns, such as those of
        `movieembed.evaluation`.
    split : Split
    ks : tuple of int, default=(20,)
        Cut-offs.
    exclude_seen : bool, default=False
        Leave what users rated and did not like, `Split.seen`, out of everybody's lists. Published
        protocols do not: they leave out the training likes alone, and so does False.

    Returns
    -------
    DataFrame
        A row a recommender: the metrics of :func:`ranking_metrics`, averaged over users, with the
        standard error of the first NDCG, "coverage" and "popularity" of the longest lists, and
        seconds to fit and to recommend.

    Raises
    ------
    ParameterError
        When what was seen is to be left out and the split does not know it.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> from movieembed.evaluation import evaluate, popularity, split_random
    >>> rng = np.random.default_rng(0)
    >>> likes = me.Likes.from_matrix((rng.random((30, 12)) < 0.5).astype(float))
    >>> table = evaluate({"popularity": popularity}, split_random(likes, random_state=0), ks=(5,))
    >>> table.index.tolist(), "recall@5" in table
    (['popularity'], True)
    """
    seen = check_seen(split, exclude_seen)
    longest = max(ks)
    counts = split.train.item_counts
    rows: dict[str, dict[str, Any]] = {}
    for name, fit in recommenders.items():
        start = time.perf_counter()
        recommend = fit(split.train)
        fitted = time.perf_counter()
        columns = lists(recommend, split.given, longest, seen)
        done = time.perf_counter()
        found = ranking_metrics(columns, split.held, ks=ks)
        first = found[f"ndcg@{ks[0]}"]
        rows[name] = {
            **{metric: float(values.mean()) for metric, values in found.items()},
            f"ndcg@{ks[0]}_stderr": float(first.std(ddof=1) / np.sqrt(len(first)))
            if len(first) > 1
            else np.nan,
            **list_metrics(columns, counts, split.held),
            "fit_seconds": fitted - start,
            "recommend_seconds": done - fitted,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


@dataclass(frozen=True)
class Tuned:
    """The parameters that :func:`tune` chose, and all that it tried.

    Attributes
    ----------
    n_components, refine : int
    regularization : float
    table : DataFrame
        n_components, regularization, refine, recall and ndcg of everything tried.

    Examples
    --------
    >>> import pandas as pd
    >>> from movieembed.evaluation import Tuned
    >>> Tuned(64, 100.0, 1, pd.DataFrame()).parameters()["keep_likes"]
    True
    """

    n_components: int
    regularization: float
    refine: int
    table: pd.DataFrame

    def parameters(self) -> dict[str, Any]:
        """Return what was chosen, as parameters of :class:`movieembed.MovieEmbedding`.

        Examples
        --------
        >>> import pandas as pd
        >>> from movieembed.evaluation import Tuned
        >>> Tuned(64, 100.0, 0, pd.DataFrame()).parameters()
        {'n_components': 64, 'regularization': 100.0, 'refine': 0, 'keep_likes': False}
        """
        return {
            "n_components": self.n_components,
            "regularization": self.regularization,
            "refine": self.refine,
            "keep_likes": self.refine > 0,
        }


def tune(
    likes: Likes,
    *,
    n_components: Iterable[int] = (64, 128, 256),
    factors: Iterable[float] = (0.25, 0.5, 1.0, 2.0),
    refine: Iterable[int] = (0, 1, 2, 4),
    k: int = 20,
    split: Split | None = None,
    random_state: Any = 0,
    **parameters: Any,
) -> Tuned:
    """Choose the parameters of `recommend` on a part of the likes that is held out.

    Parameters
    ----------
    likes : Likes
        For training: what is to be tested on must not be among them.
    n_components : iterable of int
    factors : iterable of float
        Values of the regularisation, in units of the automatic one.
    refine : iterable of int
        Numbers of steps.
    k : int, default=20
        Cut-off of the NDCG that decides.
    split : Split, optional
        The validation split; by default a fifth of each user's likes, at random.
    random_state : int or None, default=0
        Of that split and of the fits.
    **parameters
        Others of the estimator.

    Returns
    -------
    Tuned
        The highest sum of mean recall and NDCG decides. Of settings that come within a tenth of a
        standard error of it the one with the fewest steps, then the fewest components, is taken.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> from movieembed.evaluation import tune
    >>> rng = np.random.default_rng(0)
    >>> likes = me.Likes.from_matrix((rng.random((40, 15)) < 0.4).astype(float))
    >>> chosen = tune(likes, n_components=(2, 4), refine=(0, 1), k=3)
    >>> chosen.n_components in (2, 4), len(chosen.table)
    (True, 16)
    """
    split = split_random(likes, random_state=random_state) if split is None else split
    given = Taste(split.given, single=False)
    rows, scores = [], []
    for d in n_components:
        model = Embedding(d, random_state=random_state, keep_likes=True, **parameters)
        model.fit(split.train)
        for factor in factors:
            value = factor * model.regularization_
            for steps in refine:
                columns, _ = model.recommend(given, k, regularization=value, refine=steps)
                found = ranking_metrics(columns, split.held, ks=(k,))
                score = found[f"recall@{k}"] + found[f"ndcg@{k}"]
                scores.append(score)
                rows.append(
                    {
                        "n_components": int(d),
                        "regularization": float(value),
                        "refine": int(steps),
                        "recall": float(found[f"recall@{k}"].mean()),
                        "ndcg": float(found[f"ndcg@{k}"].mean()),
                    }
                )
    table = pd.DataFrame(rows)
    means = np.array([score.mean() for score in scores])
    best = int(means.argmax())
    slack = 0.1 * scores[best].std() / np.sqrt(len(scores[best]))
    near = table[means >= means[best] - slack]
    chosen = near.sort_values(["refine", "n_components"], kind="stable").iloc[0]
    return Tuned(
        int(chosen["n_components"]), float(chosen["regularization"]), int(chosen["refine"]), table
    )
