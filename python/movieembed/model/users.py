"""The best items for many users, as a table or as files, here or on the workers of a cluster."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from movieembed._base.atomic_file import replacing
from movieembed._base.progress import progress_bar
from movieembed._base.tables import table_of
from movieembed._base.validation import check_count
from movieembed.data.distributed.blocks import UserRows
from movieembed.data.distributed.cluster import new_key
from movieembed.data.distributed.likes import DistributedLikes
from movieembed.data.likes import Likes, as_likes
from movieembed.model.fitted_items import FittedItems
from movieembed.model.scoring import recommend
from movieembed.model.taste import Taste
from movieembed.operators.dask.part import threads


def recommend_users(
    fitted: FittedItems,
    /,
    likes: Likes | DistributedLikes,
    n: int = 10,
    *,
    folder: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    **options: Any,
) -> pd.DataFrame | list[str]:
    """The best items for every user of some likes, by the ids of both.

    Parameters
    ----------
    likes : Likes or DistributedLikes
        Of the model's items. The users of distributed likes are scored by the workers that hold
        them; where lists are refined by this process, one part after the other, with products on
        all workers. What users rated and did not like, `Likes.seen`, is left out as well, unless
        ``exclude_seen=False``.
    n : int, default=10
    folder : path, optional
        Where each part of distributed likes becomes a Parquet file, written by the worker that
        holds it, which must see the folder, or where lists are refined by this process. Likes
        become one file. Without, the table is returned.
    progress : bool, optional
        Show a bar; by default where standard error is a terminal.
    **options
        Of `recommend`.

    Returns
    -------
    DataFrame, or list of str with `folder`
        user and item (ids), rank (from 1) and score; or the paths of the files with that.

    Raises
    ------
    ValueError
        When the items of the model are others, or the folder has lists of likes in another
        number of parts.
    NotFittedError
        Before `fit`.

    Examples
    --------
    >>> import movieembed as me
    >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], items=["a", "b", "c"])
    >>> model = me.MovieEmbedding(1, random_state=0).fit(likes)
    >>> model.recommend_users(likes, n=1)[["user", "item", "rank"]]
       user item  rank
    0     0    c     1
    """
    if not isinstance(likes, DistributedLikes):
        likes = as_likes(likes)
    check_same_items(likes, fitted)
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
    if isinstance(likes, Likes):
        found: list[Any] = [
            best_of(UserRows(likes.matrix, likes.users, likes.seen), fitted, n, options, where, 0)
        ]
    elif needs_all_parts(fitted, options):
        found = []
        with progress_bar(n_parts, "recommend", "part", progress) as bar:
            for p, part in enumerate(likes.parts):
                found.append(best_of(likes.cluster.result(part), fitted, n, options, where, p))
                bar.update()
    else:
        found = on_workers(likes, fitted, n, options, where, progress)
    return list(found) if where is not None else pd.concat(found, ignore_index=True)


def check_same_items(likes: Likes | DistributedLikes, fitted: FittedItems) -> None:
    """Raise ValueError unless the model's items are the columns of the likes."""
    if not np.array_equal(likes.items, fitted.items):
        raise ValueError(
            f"the model has {len(fitted):,} items and the likes {likes.n_items:,}, or in "
            "another order: read the likes with items=model.items_"
        )


def needs_all_parts(fitted: FittedItems, options: dict[str, Any]) -> bool:
    """Whether `recommend` with some options takes products with likes that are on a cluster."""
    method = fitted.check_method(options.get("method"), "precision")
    return fitted.check_steps(options.get("refine"), method) > 0 and fitted.likes is None


def in_a_task(fitted: FittedItems) -> FittedItems:
    """Give what a task answers with its share of the worker's threads, and nothing of others."""
    return replace(fitted, n_jobs=threads(), distributed=None)


def on_workers(
    likes: DistributedLikes,
    fitted: FittedItems,
    n: int,
    options: dict[str, Any],
    where: str | None,
    progress: bool | None,
) -> list[Any]:
    """What `best_of` gives for each part, on the worker that holds it."""
    cluster = likes.cluster
    sent = cluster.here("model", fitted)
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
    """The name of a part's file."""
    return f"part-{part:05d}.parquet"


def best_in_task(rows: UserRows, fitted: FittedItems, *arguments: Any) -> pd.DataFrame | str:
    """Do as `best_of`, with the threads that are a task's."""
    return best_of(rows, in_a_task(fitted), *arguments)


def best_of(
    rows: UserRows,
    fitted: FittedItems,
    n: int,
    options: dict[str, Any],
    folder: str | None,
    part: int,
) -> pd.DataFrame | str:
    """The best items for a part's users: a table, or the file that it was written to."""
    columns, scores = recommend(fitted, Taste(rows.matrix, False, rows.seen), n, **options)
    there = columns >= 0
    user, place = np.nonzero(there)
    table = table_of(
        {
            "user": rows.users[user],
            "item": fitted.items[columns[there]],
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
