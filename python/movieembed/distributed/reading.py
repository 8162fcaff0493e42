"""Which blocks ratings come in, and their way to parts that hold their users whole."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed import tables
from movieembed.distributed import blocks
from movieembed.distributed.cluster import Cluster, new_key
from movieembed.rows import Duplicates, RaiseOrDrop

__all__ = ["Options", "Sources", "find_sources", "read_parts"]


@dataclass(frozen=True)
class Options:
    """How ratings become likes; see :meth:`movieembed.Likes.from_ratings`."""

    threshold: float | None
    duplicates: Duplicates
    missing: RaiseOrDrop
    unknown: RaiseOrDrop


@dataclass(frozen=True)
class Sources:
    """Blocks of ratings: names, futures of frames (None for files), and a table without rows."""

    names: list[str]
    frames: list[Any] | None
    empty: Any


def find_sources(ratings: Any, cluster: Cluster) -> Sources:
    """The Parquet files of a folder, those of a list, or the partitions of a Dask dataframe."""
    if hasattr(ratings, "to_delayed") and hasattr(ratings, "dtypes"):
        empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in ratings.dtypes.items()})
        frames = cluster.client.compute(ratings.to_delayed())
        names = [f"partition {i} of the Dask dataframe" for i in range(len(frames))]
        return Sources(names, frames, empty)
    if isinstance(ratings, str | os.PathLike):
        folder = Path(ratings)
        files = [folder]
        if folder.is_dir():
            files = sorted(p for p in folder.rglob("*.parquet") if p.name[0] not in "._")
            if not files:
                raise ValueError(f"the folder {folder} has no .parquet files")
    elif isinstance(ratings, Sequence):
        files = [Path(name) for name in ratings]
        if not files:
            raise ValueError("ratings is an empty list: name at least one Parquet file")
    else:
        raise TypeError(
            "ratings must be a Dask dataframe, a folder of Parquet files or a list of them; "
            f"got {type(ratings).__name__}. For a table in this process use "
            "DistributedLikes.from_likes(Likes.from_ratings(...))"
        )
    import pyarrow.parquet as pq

    with blocks.named(str(files[0])):
        empty = pq.read_schema(files[0]).empty_table()
    return Sources([str(path.absolute()) for path in files], None, empty)


def find_labels(
    empty: Any, user: Hashable | None, item: Hashable | None, rating: Hashable | None
) -> tuple[Hashable, ...]:
    """The labels of user, item and perhaps rating, as `Likes.from_ratings` finds them."""
    table = tables.as_table(empty, "ratings")
    assert table is not None
    found: list[Any] = []
    for role, given, aliases in (
        ("user", user, tables.USER_ALIASES),
        ("item", item, tables.ITEM_ALIASES),
        ("rating", rating, tables.RATING_ALIASES),
    ):
        label = tables.find_column(
            table.columns,
            given,
            aliases,
            argument="ratings",
            role=role,
            taken=found,
            required=role != "rating",
        )
        if label is not None:
            found.append(label)
    if len(found) == 2:
        tables.warn_of_other_numbers(table, found)
    return tuple(found)


def read_parts(
    cluster: Cluster,
    sources: Sources,
    labels: tuple[Hashable, ...],
    given: NDArray[Any] | None,
    options: Options,
    n_parts: int | None,
    progress: bool | None,
) -> tuple[list[Any], NDArray[Any]]:
    """Futures of parts with whole users, and the ids of all items.

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
            options.missing,
            options.threshold,
            ids,
            options.unknown,
        )
        for b, (name, frame) in enumerate(zip(sources.names, frames, strict=True))
    }
    held = cluster.submit(tasks, list(tasks))
    cluster.follow(held, "ratings", progress)
    summaries = cluster.result(cluster.each("summary", blocks.summary_of, held))
    item_ids = given
    if ids is None:
        item_ids = cluster.result(
            cluster.total("item-ids", blocks.items_of, held, join=blocks.union)
        )
        # Sent back, so that a part that is lost needs no more than its own blocks.
        ids = cluster.here("item-ids", item_ids)
    assert item_ids is not None
    threshold = resolved(summaries, options.threshold, has_ratings=len(labels) == 3)
    plan = planned(summaries, n_parts or cluster.n_workers(), n_parts is not None)
    parts = gather(cluster, held, ids, given is not None, summaries, threshold, options, plan)
    cluster.follow(parts, "users", progress)
    return parts, item_ids


def resolved(
    summaries: Sequence[blocks.Summary], threshold: float | None, has_ratings: bool
) -> float:
    """The least rating that is a like, of what the blocks hold by now."""
    if not has_ratings or not sum(s.n_rows for s in summaries):
        return 1.0
    binary = all(s.binary for s in summaries)
    least = (1.0 if binary else 4.0) if threshold is None else threshold
    highest = max(s.highest for s in summaries)
    if highest < least:
        warnings.warn(
            f"no likes: the highest rating is {highest:g} and the threshold {least:g}",
            UserWarning,
            stacklevel=4,
        )
    return least if threshold is None else 1.0


def planned(summaries: Sequence[blocks.Summary], n_parts: int, exact: bool) -> list[range] | int:
    """Runs of blocks that make a part each, or the number of parts that users are hashed to.

    Blocks whose users lie in ranges apart need no exchange.
    """
    there = [s for s in summaries if s.n_rows]
    n_parts = n_parts if exact else max(1, min(n_parts, sum(s.n_rows for s in there)))
    if not there or len(there) < n_parts or any(s.low is None for s in there):
        return n_parts
    try:
        ordered = sorted(there, key=lambda s: s.low)
        if any(a.high >= b.low for a, b in itertools.pairwise(ordered)):
            return n_parts
    except TypeError:  # numbers here, strings there
        return n_parts
    upto = np.cumsum([s.n_rows for s in summaries])
    cuts = np.searchsorted(upto, np.linspace(0, upto[-1], n_parts + 1), side="left") + 1
    cuts[0], cuts[-1] = 0, len(summaries)
    runs = [range(a, b) for a, b in itertools.pairwise(cuts) if a < b]
    return runs if len(runs) == n_parts or not exact else n_parts


def gather(
    cluster: Cluster,
    held: list[Any],
    ids: Any,
    known: bool,
    summaries: Sequence[blocks.Summary],
    threshold: float,
    options: Options,
    plan: list[range] | int,
) -> list[Any]:
    """Futures of the parts."""
    dtype = common_dtype([s.dtype for s in summaries if s.n_rows])
    whole, part = new_key("renumber"), new_key("users")
    tasks: dict[Any, Any] = {
        (whole, b): (blocks.renumbered, block, ids, known) for b, block in enumerate(held)
    }
    if isinstance(plan, int):
        split, pick = new_key("split"), new_key("exchange")
        chosen: list[list[Any]] = []
        for b in range(len(held)):
            tasks[split, b] = (blocks.parted, (whole, b), dtype, plan)
        for p in range(plan):
            chosen.append([(pick, b, p) for b in range(len(held))])
            for b in range(len(held)):
                tasks[pick, b, p] = (blocks.pick, (split, b), p)
    else:
        chosen = [[(whole, b) for b in run] for run in plan]
    wanted = []
    for p, pieces in enumerate(chosen):
        wanted.append((part, p))
        tasks[part, p] = (blocks.gathered, pieces, ids, dtype, threshold, options.duplicates)
    futures: list[Any] = cluster.submit(tasks, wanted)
    return futures


def common_dtype(dtypes: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """One for user ids of all blocks, so that equal ids hash alike."""
    kinds = {dtype.kind for dtype in dtypes}
    if not kinds:
        return np.dtype(np.int64)
    if not kinds <= set("iuf"):
        return np.dtype(object)
    if kinds == {"i", "u"}:  # a column of uint64 whose ids fit int64 in some blocks
        return np.dtype(np.uint64)
    return np.result_type(*dtypes)
