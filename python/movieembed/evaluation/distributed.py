"""Splits, metrics and recommendations, each part where it is."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.atomic_file import replacing
from movieembed._base.validation import check_integer
from movieembed.data.distributed import blocks
from movieembed.data.distributed.blocks import UserRows
from movieembed.data.distributed.cluster import Cluster, new_key
from movieembed.objective.cooccurrence import check_count

if TYPE_CHECKING:
    from movieembed.data.distributed.likes import DistributedLikes
    from movieembed.model.fitted_items import Recommender

__all__ = ["DistributedSplit"]


@dataclass(frozen=True)
class DistributedSplit:
    """Likes in two parts, where they are, from :meth:`movieembed.DistributedLikes.split_random`.

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
    >>> liked = np.random.default_rng(0).random((40, 12)) < 0.5
    >>> likes = me.Likes.from_matrix(liked.astype(float))
    >>> with distributed.Client(processes=False, dashboard_address=":0"):
    ...     split = me.DistributedLikes.from_likes(likes).split_random()
    ...     model = me.MovieEmbedding(2, random_state=0).fit(split.train)
    ...     found = split.evaluate(model, ks=(5,))
    >>> bool(0 < found["recall@5"] < 1), int(found["users"])
    (True, 39)
    """

    train: DistributedLikes
    held: list[Any]

    def evaluate(
        self, model: Recommender, *, ks: tuple[int, ...] = (20,), **options: Any
    ) -> pd.Series:
        """Measure a model's lists on what is held out.

        Parameters
        ----------
        model : MovieEmbedding
            Fitted on `train`.
        ks : tuple of int, default=(20,)
            Cut-offs.
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
        >>> likes = me.Likes.from_matrix(np.ones((9, 10)))
        >>> with distributed.Client(processes=False, dashboard_address=":0"):
        ...     split = me.DistributedLikes.from_likes(likes).split_random()
        ...     model = me.MovieEmbedding(1, random_state=0).fit(split.train)
        ...     float(split.evaluate(model, ks=(2,))["recall@2"])
        1.0
        """
        check_same_items(self.train, model)
        ks = tuple(check_count(k, "ks") for k in ks)
        if not ks:
            raise ValueError("ks is empty: name at least one cut-off")
        train = self.train
        sums: Tallies = train.cluster.sum_with(
            "evaluate", evaluated, train.parts, bare(model), ks, options, each=self.held
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


def check_same_items(likes: DistributedLikes, model: Recommender) -> None:
    """Raise ValueError unless the model's items are the columns of the likes."""
    model._check_fitted()
    if not np.array_equal(likes.items, model.items_):
        raise ValueError(
            f"the model has {len(model.items_):,} items and the likes {likes.n_items:,}, or in "
            "another order: read the likes with items=model.items_"
        )


def bare(model: Recommender) -> Recommender:
    """A model to be sent: without what belongs to this process."""
    sent = copy.copy(model)
    for name in ("_operator_", "_form_"):
        sent.__dict__.pop(name, None)
    sent.callback = None  # type: ignore[attr-defined]
    return sent


def in_a_task(model: Recommender) -> Recommender:
    """A model with this task's share of the worker's threads, and nothing to share with others."""
    from movieembed.operators.dask.part import threads

    own = copy.copy(model)
    own.n_jobs = threads()
    return own


def split_random(likes: DistributedLikes, share: float, random_state: int) -> DistributedSplit:
    """See :meth:`movieembed.DistributedLikes.split_random`."""
    from movieembed.data.distributed.likes import DistributedLikes

    if not 0 < share < 1:
        raise ValueError(f"share must be between 0 and 1, not {share}")
    seed = check_integer(random_state, "random_state")
    cluster = likes.cluster
    key, given, held = new_key("split"), new_key("split-given"), new_key("split-held")
    tasks: dict[Any, Any] = {}
    for p, part in enumerate(likes.parts):
        tasks[key, p] = (halved, part, share, [seed, p])
        tasks[given, p] = (blocks.first_of, (key, p))
        tasks[held, p] = (blocks.second_of, (key, p))
    range_of_parts = range(len(likes.parts))
    parts = cluster.submit(tasks, [(kind, p) for kind in (given, held) for p in range_of_parts])
    train = DistributedLikes(
        cluster, parts[: len(likes.parts)], likes.items, likes.titles, likes.item_table
    )
    if train.n_likes == likes.n_likes:
        raise ValueError("nothing is held out: users have too few likes for this split")
    return DistributedSplit(train, parts[len(likes.parts) :])


def halved(rows: UserRows, share: float, seed: list[int]) -> tuple[UserRows, sp.csr_array]:
    """What is kept and what is held out of a part."""
    from movieembed.evaluation.splits import held_at_random

    kept, held = held_at_random(rows.matrix, share, np.random.default_rng(seed))
    return UserRows(kept, rows.users), held


def evaluated(
    rows: UserRows,
    held: sp.csr_array,
    model: Recommender,
    ks: tuple[int, ...],
    options: dict[str, Any],
) -> Tallies:
    """The sums of a part's users that have something held out."""
    from movieembed.evaluation.metrics import ranking_metrics

    asked = np.flatnonzero(np.diff(held.indptr))
    given, held = rows.matrix[asked], held[asked]
    n_items = rows.matrix.shape[1]
    columns, _ = in_a_task(model).recommend(given, max(ks), **options)
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


def recommended(
    likes: DistributedLikes,
    model: Recommender,
    n: int,
    folder: str | os.PathLike[str] | None,
    progress: bool | None,
    options: dict[str, Any],
) -> pd.DataFrame | list[str]:
    """See :meth:`movieembed.DistributedLikes.recommend`."""
    check_same_items(likes, model)
    n = check_count(n, "n")
    cluster: Cluster = likes.cluster
    where = None
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        where = str(Path(folder).absolute())
        ours = {file_of_part(p) for p in range(len(likes.parts))}
        for path in sorted(Path(where).glob("part-*.parquet")):
            if path.name not in ours:
                raise ValueError(f"{path} is of likes in another number of parts: remove it first")

    sent = cluster.here("model", bare(model))
    key = new_key("recommend")
    tasks = {
        (key, p): (best_of, part, sent, n, options, where, p) for p, part in enumerate(likes.parts)
    }
    futures = cluster.submit(tasks, list(tasks))
    cluster.follow(futures, "recommend", progress)
    found = cluster.result(futures)
    return list(found) if where is not None else pd.concat(found, ignore_index=True)


def file_of_part(part: int) -> str:
    """Its name."""
    return f"part-{part:05d}.parquet"


def best_of(
    rows: UserRows,
    model: Recommender,
    n: int,
    options: dict[str, Any],
    folder: str | None,
    part: int,
) -> pd.DataFrame | str:
    """The best items for a part's users: a table, or the file that it was written to."""
    columns, scores = in_a_task(model).recommend(rows.matrix, n, **options)
    there = columns >= 0
    user, place = np.nonzero(there)
    table = pd.DataFrame(
        {
            "user": rows.users[user],
            "item": model.items_[columns[there]],
            "rank": place + 1,
            "score": scores[there],
        }
    )
    if folder is None:
        return table
    path = Path(folder) / file_of_part(part)
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)
    return str(path)
