"""Compare several recommenders on one split, as a table."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from movieembed._base.progress import progress_bar
from movieembed.data.likes import Likes
from movieembed.evaluation.baselines import Recommend
from movieembed.evaluation.metrics import list_metrics, ranking_metrics
from movieembed.evaluation.seen import check_seen, lists
from movieembed.evaluation.splits import Split


def evaluate(
    recommenders: Mapping[str, Callable[[Likes], Recommend]],
    split: Split,
    *,
    ks: tuple[int, ...] = (20,),
    exclude_seen: bool = False,
    progress: bool | None = False,
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
    progress : bool or None, default=False
        Show a bar with the time that is left; None shows one where standard error is a terminal.

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
    with progress_bar(2 * len(recommenders), "evaluate", "step", progress) as bar:
        for name, fit in recommenders.items():
            bar.set_postfix_str(name)
            start = time.perf_counter()
            recommend = fit(split.train)
            fitted = time.perf_counter()
            bar.update()
            columns = lists(recommend, split.given, longest, seen)
            done = time.perf_counter()
            bar.update()
            found = ranking_metrics(columns, split.held, ks=ks)
            first = found[f"ndcg@{ks[0]}"]
            error = float(first.std(ddof=1) / np.sqrt(len(first))) if len(first) > 1 else np.nan
            rows[name] = {
                **{metric: float(values.mean()) for metric, values in found.items()},
                f"ndcg@{ks[0]}_stderr": error,
                **list_metrics(columns, counts, split.held),
                "fit_seconds": fitted - start,
                "recommend_seconds": done - fitted,
            }
    return pd.DataFrame.from_dict(rows, orient="index")
