"""From files or partitions of ratings to parts that hold their users whole."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from operator import getitem
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from movieembed._base.warn import warn_caller
from movieembed.data import frames as tables
from movieembed.data.distributed import blocks
from movieembed.data.distributed.blocks import Options
from movieembed.data.distributed.cluster import Cluster, new_key
from movieembed.data.distributed.ids import common_kind, ordered, union
from movieembed.data.likes_matrix import default_threshold, warn_of_scale
from movieembed.data.rating_columns import (
    find_rating_columns,
    find_time_column,
    warn_of_choice,
)
from movieembed.data.times import Times, newest_of_all


@dataclass(frozen=True)
class Sources:
    """Where the blocks of ratings are.

    Attributes
    ----------
    names : list of str
        Paths of the files; of partitions, what to call them.
    frames : list of keys, or None for files
    graph : dict
        The tasks behind the keys.
    empty : table without rows
        The first, to find columns in.
    """

    names: list[str]
    frames: list[Any] | None
    graph: dict[Any, Any]
    empty: Any


def find_sources(ratings: Any, cluster: Cluster) -> Sources:
    """Find the Parquet files of a folder or a list, or the partitions of a Dask dataframe."""
    if hasattr(ratings, "to_delayed") and hasattr(ratings, "_meta"):
        # Their tasks go with ours, so that a frame is let go as soon as it is read.
        frames = ratings.to_delayed()
        graph = {key: task for frame in frames for key, task in dict(frame.dask).items()}
        names = [f"partition {i} of the Dask dataframe" for i in range(len(frames))]
        return Sources(names, [frame.key for frame in frames], graph, ratings._meta)
    if isinstance(ratings, str | os.PathLike):
        if "://" in str(ratings):
            raise ValueError(
                f"ratings must be in files that every worker sees, not at {ratings}: pass "
                "dask.dataframe.read_parquet of it"
            )
        folder = Path(ratings)
        files = [folder]
        if folder.is_dir():
            files = files_in(folder)
            if not files:
                raise ValueError(
                    f"the folder {folder} has no .parquet files; of others pass a Dask dataframe, "
                    "as dask.dataframe.read_csv makes it"
                )
    elif isinstance(ratings, Sequence) and all(isinstance(p, str | os.PathLike) for p in ratings):
        files = [Path(name) for name in ratings]
        if not files:
            raise ValueError("ratings is an empty list: name at least one Parquet file")
    else:
        raise TypeError(
            "ratings must be a Dask dataframe, a folder of Parquet files or a list of paths; "
            f"got {type(ratings).__name__}. For a table in this process use "
            "DistributedLikes.from_likes(Likes.from_ratings(...))"
        )
    import pyarrow.parquet as pq

    names = [str(path.absolute()) for path in files]
    with blocks.named(names[0]):
        empty = pq.read_schema(names[0]).empty_table()
    return Sources(names, None, {}, empty)


def files_in(folder: Path) -> list[Path]:
    """Return a folder's Parquet files, its folders' too, "part.2" before "part.10", none hidden.

    Writers keep unfinished files in folders such as _temporary.
    """
    found = []
    for path in folder.rglob("*.parquet"):
        inside = path.relative_to(folder).parts
        if not path.is_dir() and not any(name.startswith((".", "_")) for name in inside):
            found.append((natural(inside), path))
    return [path for _, path in sorted(found)]


def natural(names: Sequence[str]) -> list[Any]:
    """Return a key that orders numbers in names by value."""
    pieces = [re.split(r"([0-9]+)", name) for name in names]
    return [[int(x) if i % 2 else x for i, x in enumerate(piece)] for piece in pieces]


def find_labels(
    sources: Sources,
    user: Hashable | None,
    item: Hashable | None,
    rating: Hashable | None,
    timestamp: Hashable | None,
    timed: bool,
) -> tuple[tuple[Hashable, ...], Hashable]:
    """Return the labels of user, item and perhaps rating, and of the time where it is needed.

    They are those that `Likes.from_ratings` finds; a time that is not needed must be there too.
    """
    table = tables.as_table(sources.empty, "ratings")
    assert table is not None
    argument = "ratings" if sources.frames is not None else sources.names[0]
    labels = find_rating_columns(table, user, item, rating, argument)
    warn_of_choice(table, labels, (user, item, rating))
    time = None
    if timed or timestamp is not None:
        time = find_time_column(table, timestamp, labels.values())
    return tuple(labels.values()), time if timed else None


def read_parts(
    cluster: Cluster,
    sources: Sources,
    labels: tuple[Hashable, ...],
    given: NDArray[Any] | None,
    options: Options,
    n_parts: int | None,
    progress: bool | None,
) -> tuple[list[Any], NDArray[Any], float | None, int]:
    """Return futures of parts with whole users, all items' ids, the threshold, and the rows read.

    Blocks are read where there is room; only their summaries, and the item ids, come here.
    """
    read = new_key("read")
    frames = [None] * len(sources.names) if sources.frames is None else sources.frames
    ids = None
    if given is not None:
        ids = cluster.here("item-ids", given)
    tasks: dict[Any, Any] = {
        (read, b): (
            blocks.read_block,
            name,
            frame,
            labels,
            options,
            ids,
        )
        for b, (name, frame) in enumerate(zip(sources.names, frames, strict=True))
    }
    held = cluster.submit(sources.graph | tasks, list(tasks))
    cluster.follow(held, "ratings", progress)
    summaries = cluster.result(cluster.each("summary", getitem, held, 1))
    item_ids = given
    if ids is None:
        item_ids = ordered(
            cluster.result(cluster.total("item-ids", blocks.items_of, held, join=union))
        )
        # Sent back, so that a part that is lost needs no more than its own blocks.
        ids = cluster.here("item-ids", item_ids)
    assert item_ids is not None
    plan = planned(summaries, n_parts or cluster.n_workers(), n_parts is not None)

    def gather_from(least: float) -> tuple[list[Any], list[tuple[bool, float]]]:
        parts, known = gather(
            cluster, held, ids, given is not None, summaries, least, options, plan
        )
        cluster.follow(parts, "users", progress)
        return parts, cluster.result(known)

    binary = all(s.binary for s in summaries)
    least = default_threshold(binary)
    if options.threshold is not None:
        least = blocks.LIKED if options.coded else options.threshold
    parts, known = gather_from(least)
    if options.threshold is None and not binary and all(ones for ones, _ in known):
        # Only ratings that others took the place of were neither 0 nor 1.
        least = 1.0
        parts, known = gather_from(least)
    highest = max(high for _, high in known)
    if -np.inf < highest < least:
        if options.threshold is not None:
            highest, least = max(s.highest for s in summaries), options.threshold
        warn_of_no_likes(highest, least)
    used = None
    if len(labels) == 3:
        used = known_threshold(options.threshold, highest, least)
    return parts, item_ids, used, sum(s.n_rows for s in summaries)


def age_of(summaries: Sequence[blocks.Summary], options: Options) -> tuple[Times, float] | None:
    """Return the newest time of all ratings and the half-life in its unit, where likes fade."""
    if options.half_life is None:
        return None
    newest = newest_of_all([s.newest for s in summaries if s.newest is not None])
    return newest, newest.span(options.half_life, "half_life")


def known_threshold(given: float | None, highest: float, least: float) -> float:
    """Return the threshold of ratings; warn where nobody gave the one of a wide scale."""
    if given is not None:
        return given
    if highest == -np.inf:
        return default_threshold(False)  # where nothing is rated, as `Likes.from_ratings`
    if highest >= least:
        warn_of_scale(highest, least)
    return least


def warn_of_no_likes(highest: float, least: float) -> None:
    """Warn that no rating reaches the threshold."""
    said = f"the highest rating is {highest:g} and the threshold {least:g}"
    if highest >= least:
        said = f"ratings from {least:g} on gave way to others of their user and item"
    warn_caller(f"no likes: {said}")


def planned(summaries: Sequence[blocks.Summary], n_parts: int, exact: bool) -> list[range] | int:
    """Return runs of blocks that make a part each, or how many parts users are hashed to.

    Blocks whose users lie in ranges apart need no exchange.
    """
    there = [s for s in summaries if s.n_users]
    n_parts = n_parts if exact else max(1, min(n_parts, sum(s.n_users for s in there)))
    if not there or len(there) < n_parts or any(s.users.low is None for s in there):
        return n_parts
    try:
        ordered = sorted(there, key=lambda s: s.users.low)
        if any(a.users.high >= b.users.low for a, b in itertools.pairwise(ordered)):
            return n_parts
    except TypeError:  # numbers here, strings there
        return n_parts
    sizes = np.array([s.n_rows for s in summaries])
    middles = np.cumsum(sizes) - sizes / 2
    cuts = np.searchsorted(middles, np.linspace(0, sizes.sum(), n_parts + 1))
    cuts[0], cuts[-1] = 0, len(summaries)
    runs = [range(a, b) for a, b in itertools.pairwise(cuts) if a < b]
    return runs if len(runs) == n_parts or not exact else n_parts


def gather(
    cluster: Cluster,
    held: list[Any],
    ids: Any,
    known: bool,
    summaries: Sequence[blocks.Summary],
    least: float,
    options: Options,
    plan: list[range] | int,
) -> tuple[list[Any], list[Any]]:
    """Return futures of the parts, and of what is known of their ratings."""
    dtype = common_kind([s.users for s in summaries if s.n_users])
    age = age_of(summaries, options)
    whole, both = new_key("renumber"), new_key("gather")
    part, spread = new_key("users"), new_key("ratings")
    tasks: dict[Any, Any] = {
        (whole, b): (blocks.renumbered, block, ids, known, age) for b, block in enumerate(held)
    }
    if isinstance(plan, int):
        split, pick = new_key("split"), new_key("exchange")
        chosen: list[list[Any]] = []
        for b in range(len(held)):
            tasks[split, b] = (blocks.parted, (whole, b), dtype, plan)
        for p in range(plan):
            chosen.append([(pick, b, p) for b in range(len(held))])
            for b in range(len(held)):
                tasks[pick, b, p] = (getitem, (split, b), p)
    else:
        chosen = [[(whole, b) for b in run] for run in plan]
    for p, pieces in enumerate(chosen):
        tasks[both, p] = (blocks.gathered, pieces, ids, dtype, least, options)
        tasks[part, p] = (getitem, (both, p), 0)
        tasks[spread, p] = (getitem, (both, p), 1)
    each = range(len(chosen))
    futures = cluster.submit(tasks, [(kind, p) for kind in (part, spread) for p in each])
    return futures[: len(chosen)], futures[len(chosen) :]
