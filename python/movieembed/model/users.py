"""The best items for many users, as a table or as files, here or on the workers of a cluster."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from movieembed._base.atomic_file import replacing
from movieembed._base.validation import check_count
from movieembed.data.distributed.blocks import UserRows
from movieembed.data.distributed.cluster import Cluster, new_key
from movieembed.data.distributed.likes import DistributedLikes
from movieembed.data.likes import Likes
from movieembed.operators.dask.part import threads

if TYPE_CHECKING:
    from movieembed.model.fitted_items import Recommender


def check_same_items(likes: Likes | DistributedLikes, model: Recommender) -> None:
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
    own = copy.copy(model)
    own.n_jobs = threads()
    return own


def recommend_users(
    model: Recommender,
    likes: Likes | DistributedLikes,
    n: int,
    folder: str | os.PathLike[str] | None,
    progress: bool | None,
    options: dict[str, Any],
) -> pd.DataFrame | list[str]:
    """A table of the best items of every user, or the files that hold it."""
    check_same_items(likes, model)
    n = check_count(n, "n")
    n_parts = len(likes.parts) if isinstance(likes, DistributedLikes) else 1
    where = None
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        where = str(Path(folder).absolute())
        ours = {file_of_part(p) for p in range(n_parts)}
        for path in sorted(Path(where).glob("part-*.parquet")):
            if path.name not in ours:
                raise ValueError(f"{path} is of likes in another number of parts: remove it first")
    found: list[Any]
    if isinstance(likes, Likes):
        found = [best_of(UserRows(likes.matrix, likes.users), model, n, options, where, 0)]
    else:
        found = on_workers(likes, model, n, options, where, progress)
    return list(found) if where is not None else pd.concat(found, ignore_index=True)


def on_workers(
    likes: DistributedLikes,
    model: Recommender,
    n: int,
    options: dict[str, Any],
    where: str | None,
    progress: bool | None,
) -> list[Any]:
    """What `best_of` gives for each part, on the worker that holds it."""
    cluster: Cluster = likes.cluster
    sent = cluster.here("model", bare(model))
    key = new_key("recommend")
    tasks = {
        (key, p): (best_in_task, part, sent, n, options, where, p)
        for p, part in enumerate(likes.parts)
    }
    futures = cluster.submit(tasks, list(tasks))
    cluster.follow(futures, "recommend", progress)
    found: list[Any] = cluster.result(futures)
    return found


def file_of_part(part: int) -> str:
    """Its name."""
    return f"part-{part:05d}.parquet"


def best_in_task(rows: UserRows, model: Recommender, *arguments: Any) -> pd.DataFrame | str:
    """As `best_of`, with the threads that are a task's."""
    return best_of(rows, in_a_task(model), *arguments)


def best_of(
    rows: UserRows,
    model: Recommender,
    n: int,
    options: dict[str, Any],
    folder: str | None,
    part: int,
) -> pd.DataFrame | str:
    """The best items for a part's users: a table, or the file that it was written to."""
    columns, scores = model.recommend(rows.matrix, n, **options)
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
