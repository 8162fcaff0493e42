"""Ratings in files for the workers of a cluster, and their likes beside those of one process."""

from __future__ import annotations

import itertools
import os
import signal
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import movieembed as me

Frames = Sequence[pd.DataFrame]


def written(frames: Frames, folder: Path) -> Path:
    """A file for each frame, in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, frame in enumerate(frames):
        frame.to_parquet(folder / f"{i:03d}.parquet")
    return folder


def gathered(likes: me.DistributedLikes) -> dict[Any, dict[Any, float]]:
    """What each user likes, by ids; nobody is in two parts."""
    found: dict[Any, dict[Any, float]] = {}
    parts = likes.cluster.client.gather(likes.parts)
    for part in parts:
        assert part.matrix.shape == (len(part.users), likes.n_items)
        assert part.matrix.has_canonical_format
        part.matrix.check_format(full_check=True)
        for row, user in enumerate(part.users.tolist()):
            assert user not in found
            mine = slice(part.matrix.indptr[row], part.matrix.indptr[row + 1])
            items = likes.items[part.matrix.indices[mine]].tolist()
            found[user] = dict(zip(items, part.matrix.data[mine].tolist(), strict=True))
    assert likes.users_of_part == [len(part.users) for part in parts]
    return found


def by_user(likes: me.Likes) -> dict[Any, dict[Any, float]]:
    m = likes.matrix
    return {
        user: dict(
            zip(
                likes.items[m.indices[m.indptr[r] : m.indptr[r + 1]]].tolist(),
                m.data[m.indptr[r] : m.indptr[r + 1]].tolist(),
                strict=True,
            )
        )
        for r, user in enumerate(likes.users.tolist())
    }


def outcome(read: Callable[[], Any]) -> tuple[Any, list[str]]:
    """What comes of it, an error's type and text included, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            found = read()
        except (ValueError, TypeError) as error:
            found = error
    return found, [str(w.message) for w in caught if w.category is UserWarning]


def check(
    frames: Frames, source: Any, client: Any, n_parts: int | None = None, **options: Any
) -> Any:
    """Both ways give the same likes, or the same kind of error."""
    table = pd.concat(frames, ignore_index=True)
    here, warned_here = outcome(lambda: me.Likes.from_ratings(table, **options))
    there, warned_there = outcome(
        lambda: me.DistributedLikes.from_ratings(
            source, n_parts=n_parts, client=client, progress=False, **options
        )
    )
    if isinstance(here, Exception):
        assert type(there) is type(here), (here, there)
        return there
    if isinstance(there, Exception):
        raise there
    assert there.items.dtype == here.items.dtype
    assert there.items.tolist() == here.items.tolist()
    assert [type(x) for x in there.items.tolist()] == [type(x) for x in here.items.tolist()]
    assert gathered(there) == by_user(here)
    assert there.item_counts.tolist() == here.item_counts.tolist()
    assert there.item_counts.dtype == np.int64
    assert (there.shape, there.n_likes, there.is_binary) == (here.shape, here.n_likes, True)
    assert there.threshold == here.threshold
    for name in ("titles", "item_table"):
        a, b = getattr(there, name), getattr(here, name)
        assert (a is None) == (b is None)
        if a is not None:
            pd.testing.assert_frame_equal(pd.DataFrame(a), pd.DataFrame(b))
    if n_parts is not None:
        assert len(there.parts) == n_parts
    assert [w[:9] for w in warned_there] == [w[:9] for w in warned_here]
    return there


def ratings(
    n: int = 120, n_users: int = 15, n_items: int = 12, seed: int = 0, repeats: bool = False
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    pairs = rng.choice(n_users * n_items, n, replace=repeats)
    return pd.DataFrame(
        {
            "userId": pairs // n_items * 3 + 1,
            "movieId": pairs % n_items * 7,
            "rating": rng.integers(1, 11, n) / 2,
        }
    )


def cut(table: pd.DataFrame, n: int) -> list[pd.DataFrame]:
    bounds = np.linspace(0, len(table), n + 1).astype(int)
    return [table.iloc[a:b] for a, b in itertools.pairwise(bounds)]


def apart(table: pd.DataFrame, n: int) -> list[pd.DataFrame]:
    """Users in ranges."""
    ids = np.array_split(np.sort(table["userId"].unique()), n)
    return [table[table["userId"].isin(some)] for some in ids]


def die(frame: pd.DataFrame) -> pd.DataFrame:
    """Kill the process, as a task; a worker finds this module, but not one that holds tests."""
    os.kill(os.getpid(), signal.SIGKILL)
    return frame
