"""Split and measure likes that lie on a cluster, each part where it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add, getitem
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.validation import check_count, check_integer
from movieembed.data.distributed.blocks import UserRows
from movieembed.data.distributed.cluster import new_key
from movieembed.data.distributed.likes import DistributedLikes
from movieembed.evaluation.holdout import held_at_random
from movieembed.evaluation.metrics import ranking_metrics
from movieembed.model.embedding import Embedding
from movieembed.model.fitted_items import FittedItems
from movieembed.model.scoring import recommend
from movieembed.model.taste import Taste
from movieembed.model.users import check_same_items, in_a_task, needs_all_parts


@dataclass(frozen=True)
class DistributedSplit:
    """Likes in two parts, where they are, from :func:`movieembed.evaluation.split_random`.

    Attributes
    ----------
    train : DistributedLikes
        To fit on.
    held : list of distributed.Future
        What each part's users like besides: a csr_array beside each part of `train`.

    Examples
    --------
    >>> import distributed
    >>> import numpy as np
    >>> import movieembed as me
    >>> from movieembed.evaluation import split_random
    >>> liked = np.random.default_rng(0).random((40, 12)) < 0.5
    >>> likes = me.Likes.from_matrix(liked.astype(float))
    >>> with distributed.Client(processes=False, dashboard_address=":0"):
    ...     split = split_random(me.DistributedLikes.from_likes(likes))
    ...     model = me.MovieEmbedding(2, random_state=0).fit(split.train)
    ...     found = split.evaluate(model, ks=(5,))
    >>> bool(0 < found["recall@5"] < 1), int(found["users"])
    (True, 39)
    """

    train: DistributedLikes
    held: list[Any]

    def evaluate(
        self,
        model: Embedding,
        *,
        ks: tuple[int, ...] = (20,),
        exclude_seen: bool = False,
        **options: Any,
    ) -> pd.Series:
        """Measure a model's lists on what is held out.

        Parameters
        ----------
        model : MovieEmbedding
            Fitted on `train`.
        ks : tuple of int, default=(20,)
            Cut-offs.
        exclude_seen : bool, default=False
            As for :func:`movieembed.evaluation.evaluate`, where the likes know what was seen.
        **options
            Of :meth:`movieembed.MovieEmbedding.recommend`.

        Returns
        -------
        Series
            The metrics of :func:`movieembed.evaluation.ranking_metrics`, averaged over the users
            with something held out; their number, "users"; the standard error of the first NDCG;
            and "coverage" and "popularity" of the longest lists, as
            :func:`movieembed.evaluation.evaluate` gives them.

        Raises
        ------
        TypeError, ValueError
            When the items of the model are others, or a cut-off is not a positive integer.

        Examples
        --------
        >>> import distributed
        >>> import numpy as np
        >>> import movieembed as me
        >>> from movieembed.evaluation import split_random
        >>> likes = me.Likes.from_matrix(np.ones((9, 10)))
        >>> with distributed.Client(processes=False, dashboard_address=":0"):
        ...     split = split_random(me.DistributedLikes.from_likes(likes))
        ...     model = me.MovieEmbedding(1, random_state=0).fit(split.train)
        ...     float(split.evaluate(model, ks=(2,))["recall@2"])
        1.0
        """
        fitted = model._fitted_items()
        check_same_items(self.train, fitted)
        ks = tuple(check_count(k, "ks") for k in ks)
        if not ks:
            raise ValueError("ks is empty: name at least one cut-off")
        train, options = self.train, {**options, "exclude_seen": exclude_seen}
        if needs_all_parts(fitted, options):
            found = []
            for part in zip(train.parts, self.held, strict=True):
                rows, held = train.cluster.result(list(part))
                found.append(evaluated(rows, held, fitted, ks, options))
            sums = reduce(add, found)
        else:
            sums = train.cluster.sum_with(
                "evaluate", evaluated_in_task, train.parts, fitted, ks, options, each=self.held
            )
        means = {name: float(total / sums.users) for name, total in sums.metrics.items()}
        first = f"ndcg@{ks[0]}"
        means["users"] = float(sums.users)
        means[f"{first}_stderr"] = (
            float(np.sqrt(sums.squares / (sums.users - 1) / sums.users))
            if sums.users > 1
            else np.nan
        )
        counts = train.item_counts
        means["coverage"] = float((sums.shown > 0).sum() / max((counts > 0).sum(), 1))
        wanted = float(sums.held @ counts) / max(sums.held.sum(), 1)
        shown = float(sums.shown @ counts) / max(sums.shown.sum(), 1)
        means["popularity"] = shown / wanted if wanted and sums.shown.any() else np.nan
        return pd.Series(means)


@dataclass
class Tallies:
    """Sums over users, to be added.

    Attributes
    ----------
    users : int
    metrics : dict of float
    mean, squares : float
        Of the first NDCG, and of its distances from that mean.
    shown, held : ndarray of int64, shape (n_items,)
        How often each item is.
    """

    users: int
    metrics: dict[str, float]
    mean: float
    squares: float
    shown: NDArray[np.int64]
    held: NDArray[np.int64]

    def __add__(self, other: Tallies) -> Tallies:
        users = max(self.users + other.users, 1)
        gap = other.mean - self.mean
        return Tallies(
            self.users + other.users,
            {name: value + other.metrics[name] for name, value in self.metrics.items()},
            self.mean + gap * other.users / users,
            # Chan, Golub & LeVeque 1979: a difference of sums of squares would lose digits.
            self.squares + other.squares + gap**2 * self.users * other.users / users,
            self.shown + other.shown,
            self.held + other.held,
        )


def split_parts(likes: DistributedLikes, share: float, random_state: Any) -> DistributedSplit:
    """Hold out a share of the likes of each user, where they are."""
    if random_state is None:
        random_state = int(np.random.default_rng().integers(1 << 32))
    seed = check_integer(random_state, "random_state")
    cluster = likes.cluster
    key, given, held = new_key("split"), new_key("split-given"), new_key("split-held")
    tasks: dict[Any, Any] = {}
    for p, part in enumerate(likes.parts):
        tasks[key, p] = (halved, part, share, [seed, p])
        tasks[given, p] = (getitem, (key, p), 0)
        tasks[held, p] = (getitem, (key, p), 1)
    n_parts = len(likes.parts)
    parts = cluster.submit(tasks, [(kind, p) for kind in (given, held) for p in range(n_parts)])
    labels = (likes.items, likes.titles, likes.item_table, likes.threshold)
    train = DistributedLikes(cluster, parts[:n_parts], *labels)
    if train.n_likes == likes.n_likes:
        raise ValueError("nothing is held out: users have too few likes for this split")
    return DistributedSplit(train, parts[n_parts:])


def halved(rows: UserRows, share: float, seed: list[int]) -> tuple[UserRows, sp.csr_array]:
    """What is kept and what is held out of a part."""
    kept, held = held_at_random(rows.matrix, share, np.random.default_rng(seed))
    return UserRows(kept, rows.users, rows.seen), held


def evaluated_in_task(
    rows: UserRows, held: sp.csr_array, fitted: FittedItems, *arguments: Any
) -> Tallies:
    """Do as `evaluated`, with the threads that are a task's."""
    return evaluated(rows, held, in_a_task(fitted), *arguments)


def evaluated(
    rows: UserRows,
    held: sp.csr_array,
    fitted: FittedItems,
    ks: tuple[int, ...],
    options: dict[str, Any],
) -> Tallies:
    """The sums of a part's users that have something held out."""
    asked = np.flatnonzero(np.diff(held.indptr))
    seen, held = None if rows.seen is None else rows.seen[asked], held[asked]
    n_items = rows.matrix.shape[1]
    taste = Taste(rows.matrix[asked], single=False, seen=seen)
    columns, _ = recommend(fitted, taste, max(ks), **options)
    found = ranking_metrics(columns, held, ks=ks)
    first = found[f"ndcg@{ks[0]}"]
    mean = float(first.mean()) if len(first) else 0.0
    return Tallies(
        len(asked),
        {name: float(values.sum()) for name, values in found.items()},
        mean,
        float(((first - mean) ** 2).sum()),
        np.bincount(columns[columns >= 0], minlength=n_items),
        np.bincount(held.indices, minlength=n_items),
    )
