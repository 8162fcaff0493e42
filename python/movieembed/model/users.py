"""The best items for many users, as a table or as files, here or on the workers of a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed._base.message import Message
from movieembed._base.progress import followed, progress_bar
from movieembed._base.table_file import check_table_path, write_tables
from movieembed._base.validation import check_count
from movieembed.data.distributed.blocks import UserRows
from movieembed.data.distributed.cluster import new_key
from movieembed.data.distributed.likes import DistributedLikes
from movieembed.data.ids import each_id
from movieembed.data.likes import Likes
from movieembed.data.users import Pairs, UserIndex, is_single, shown
from movieembed.data.users_by_items import (
    check_columns,
    places_of_columns,
    read_matrix,
    with_columns,
)
from movieembed.exceptions import ParameterError, UserNotFoundError
from movieembed.model.fitted_items import FittedItems
from movieembed.model.ranking import Ranking, beyond
from movieembed.model.rules import Rules
from movieembed.model.taste import Taste, table_of_lists
from movieembed.operators.dask.part import threads

# Whose lists are made and written at a time: a whole number of the search's own blocks.
BLOCK_USERS = 6144
OPTIONS = ("method", "regularization", "refine", "popularity_discount")


def recommend_users(
    fitted: FittedItems,
    /,
    likes: Likes | DistributedLikes | Any | None = None,
    n: int = 10,
    *,
    users: Any = None,
    exclude: Any = None,
    out: str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    **options: Any,
) -> pd.DataFrame | list[str] | str:
    """The best items for users of some likes, by the ids of both.

    Parameters
    ----------
    likes : Likes, DistributedLikes, or matrix or data frame of shape (n_users, n_items), optional
        By default those that the model keeps. Items are found by id, a frame's columns by id or
        title, and those of a matrix without names are the model's; of others than the model's likes
        are an error, or with ``unknown="drop"`` passed over. The users of distributed likes, whose
        items must be the model's, are scored by the workers that hold them; where lists are refined
        by this process, one part after the other, with products on all workers. What users rated
        and did not like, `Likes.seen`, is left out as well, unless ``exclude_seen=False``.
    n : int, default=10
        Items a user.
    users : id or list of ids, optional
        Of whom; by default of all.
    exclude : Likes, or data frame, optional
        Items that are never recommended to single users: other likes, of what they bought for one,
        or a table with a row a user and item. Pairs of other users and items say nothing.
    out : path, optional
        A file to write instead of returning the table: Parquet, CSV or Arrow, as its suffix says
        (.parquet, .csv, .arrow). It is written block after block of users, so that memory does not
        grow with them, and is there whole or not at all.
    folder : path, optional
        Where each part of distributed likes becomes a Parquet file, written by the worker that
        holds it, which must see the folder, or where lists are refined by this process. Likes
        become one file.
    progress : bool, optional
        Show a bar; by default where standard error is a terminal.
    **options
        Of `recommend`: method, regularization, refine, popularity_discount, filter_items,
        allowed_items, where, unknown, exclude_given, exclude_seen, diversify.

    Returns
    -------
    DataFrame
        user (id), item (id), title (where titles are known), rank (from 1) and score, in the order
        of `users`, or else of the likes. A user without likes has no rows. With `out` the path of
        the file with that, with `folder` a list of paths.

    Raises
    ------
    UserNotFoundError
        When one of `users` is not in the likes.
    ValueError
        When the model keeps no likes and none are given, distributed likes are of other items, or
        the folder has lists of likes in another number of parts.
    ItemNotFoundError
        When likes are of items that the model lacks.
    TypeError
        For an option that `recommend` does not have.
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
    >>> model.recommend_users(users=[0], n=1)["item"].tolist()
    ['c']
    """
    if out is not None:
        if folder is not None:
            what = "{out} names one file and {folder} a folder of them: pass one of the two"
            raise ParameterError(Message(what), "out")
        check_table_path(out, "out")
    n, (rules, options) = check_count(n, "n"), Rules.among(options, "recommend_users", OPTIONS)
    wish = Wish(
        n,
        rules,
        options,
        None if users is None else [users] if is_single(users) else list(each_id(users)),
        None if exclude is None else Pairs(exclude, fitted.index, "exclude"),
    )
    here = not isinstance(likes, DistributedLikes)
    rows = some_rows(*kept_rows(fitted, likes, rules.unknown), wish) if here else None
    of_all_parts = needs_all_parts(fitted, options)
    if isinstance(likes, DistributedLikes):
        check_same_items(likes, fitted)
        check_users(likes, wish)
        n_parts = len(likes.parts)
        where = None if folder is None else prepared(folder, n_parts)
        found = of_parts(likes, fitted, wish, where, progress)
        total, unit = n_parts, "part"
        if not of_all_parts:
            progress = False  # its own bar follows the workers
    else:
        assert rows is not None
        where = None if folder is None else prepared(folder, 1)
        total, unit = -(-len(rows.users) // BLOCK_USERS), "block"
        found = tables(rows, fitted, wish)
    with progress_bar(total, "recommend", unit, progress) as bar:
        found = followed(found, bar)
        if out is not None:
            return write_tables(found, out)
        if where is None:
            table: pd.DataFrame = pd.concat(list(found), ignore_index=True)
            return table
        if isinstance(likes, DistributedLikes):
            return list(found)
        return [write_tables(found, Path(where) / file_of_part(0))]


@dataclass(frozen=True)
class Wish:
    """What is asked for each user: it goes to the workers as it is.

    Attributes
    ----------
    n : int
    rules : Rules
    options : dict
        Of `recommend`, but the rules.
    users : list of ids, or None
    exclude : Pairs or None
    """

    n: int
    rules: Rules
    options: dict[str, Any]
    users: list[Any] | None = None
    exclude: Pairs | None = None


def kept_rows(
    fitted: FittedItems, likes: Likes | Any | None, unknown: Any = "raise"
) -> tuple[UserRows, Callable[[], UserIndex]]:
    """The rows of some likes, or of those that a model keeps, and what finds them.

    Their items are found by id, a frame's columns by id or title, and those of a matrix without
    names are the model's; likes of others are an error, or with ``unknown="drop"`` left out.
    """
    if likes is None:
        kept = fitted.user_index
        return UserRows(fitted.likes, kept.ids, fitted.seen), lambda: kept
    by_id = isinstance(likes, Likes)
    if not isinstance(likes, Likes):
        given = read_matrix(likes)
        if given.items is None:
            check_columns(given, len(fitted))
        likes = Likes.from_matrix(given, items=fitted.items if given.items is None else None)
    matrix, seen, index = likes.matrix, likes.seen, fitted.index
    if not np.array_equal(likes.items, fitted.items):
        labels = likes.items.tolist()
        places = places_of_columns(index, labels, by_id=by_id, drop=unknown == "drop")
        if (places < 0).any():
            known, places = places >= 0, places[places >= 0]
            matrix, seen = matrix[:, known], None if seen is None else seen[:, known]
        matrix = with_columns(matrix, places, len(index))
        seen = None if seen is None else with_columns(seen, places, len(index))
    return UserRows(matrix, likes.users, seen), lambda: UserIndex(likes.users)


def some_rows(rows: UserRows, index: Callable[[], UserIndex], wish: Wish) -> UserRows:
    """The rows of those who are asked for, in that order."""
    return rows if wish.users is None else rows_at(rows, index().rows(wish.users))


def rows_at(rows: UserRows, at: NDArray[np.int64]) -> UserRows:
    """Some rows, in that order."""
    seen = None if rows.seen is None else rows.seen[at]
    return UserRows(rows.matrix[at], rows.users[at], seen)


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
    """Give what a task answers with its share of the worker's threads."""
    return replace(fitted, n_jobs=threads())


def prepared(folder: str | os.PathLike[str], n_parts: int) -> str:
    """The path of a folder for the lists of so many parts; ValueError if it has others."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    where = Path(folder).absolute()
    ours = {file_of_part(p) for p in range(n_parts)}
    for path in sorted(where.glob("part-*.parquet")):
        if path.name not in ours:
            raise ValueError(f"{path} is of likes in another number of parts: remove it first")
    return str(where)


def file_of_part(part: int) -> str:
    """The name of a part's file."""
    return f"part-{part:05d}.parquet"


def check_users(likes: DistributedLikes, wish: Wish) -> None:
    """Raise UserNotFoundError unless the workers have everybody who is asked for."""
    if wish.users is None:
        return
    cluster = likes.cluster
    there = cluster.result(cluster.each("users", are_there, likes.parts, wish.users))
    missing = np.flatnonzero(~np.any(there, axis=0))
    if len(missing):
        what = f"no user has the id {shown(wish.users[missing[0]])}; the likes have "
        raise UserNotFoundError(f"{what}{likes.n_users:,} users")


def are_there(rows: UserRows, users: list[Any]) -> NDArray[np.bool_]:
    """Which users have a row."""
    index = UserIndex(rows.users)
    return np.array([index.find(user) is not None for user in users], dtype=bool)


def of_parts(
    likes: DistributedLikes,
    fitted: FittedItems,
    wish: Wish,
    where: str | None,
    progress: bool | None,
) -> Iterator[Any]:
    """What `best_of` gives for each part, one after the other."""
    cluster = likes.cluster
    if needs_all_parts(fitted, wish.options):
        for p, part in enumerate(likes.parts):
            yield best_of(cluster.result(part), fitted, wish, where, p)
        return
    # Dask looks into what it sends for parts of other likes to wait for.
    alone = replace(fitted, recommender=fitted.recommender_if_made, distributed=None)
    sent = cluster.here("model", alone)
    key = new_key("recommend")
    tasks = {
        (key, p): (best_in_task, part, sent, wish, where, p) for p, part in enumerate(likes.parts)
    }
    futures = cluster.submit(tasks, list(tasks))
    cluster.follow(futures, "recommend", progress)
    for future in futures:
        yield cluster.result(future)


def best_in_task(rows: UserRows, fitted: FittedItems, *arguments: Any) -> pd.DataFrame | str:
    """Do as `best_of`, with the threads that are a task's."""
    return best_of(rows, in_a_task(fitted), *arguments)


def best_of(
    rows: UserRows, fitted: FittedItems, wish: Wish, folder: str | None, part: int
) -> pd.DataFrame | str:
    """The best items for a part's users: a table, or the file that it was written to."""
    if wish.users is not None:
        index = UserIndex(rows.users)
        found = [row for row in map(index.find, wish.users) if row is not None]
        rows = rows_at(rows, np.array(found, dtype=np.int64))
    lists = tables(rows, fitted, wish)
    if folder is None:
        return pd.concat(list(lists), ignore_index=True)
    return write_tables(lists, Path(folder) / file_of_part(part))


def tables(rows: UserRows, fitted: FittedItems, wish: Wish) -> Iterator[pd.DataFrame]:
    """The lists of some users, block after block; at least one table."""
    ranking = Ranking(fitted, wish.rules, exact=beyond(rows.matrix), **wish.options)
    n = min(wish.n, len(fitted))
    for start in range(0, max(1, len(rows.users)), BLOCK_USERS):
        block = slice(start, start + BLOCK_USERS)
        users = rows.users[block]
        taste = Taste(
            rows.matrix[block],
            single=False,
            seen=None if rows.seen is None else rows.seen[block],
            never=None if wish.exclude is None else wish.exclude.of(users),
        )
        yield table_of_lists(fitted.index, users, *ranking.lists(taste, n))
