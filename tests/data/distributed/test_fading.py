"""Likes that fade and dislikes that are told apart, on a cluster as in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from cluster_ratings import cut, gathered, ratings, written

pytest.importorskip("distributed")
pytest.importorskip("dask.dataframe")

DAY = 86_400


def timed(kind: str) -> pd.DataFrame:
    """Ratings with repeats, over two years."""
    table = ratings(300, repeats=True)
    seconds = np.random.default_rng(1).integers(0, 730 * DAY, len(table)) + 1_500_000_000
    when: Any = {
        "numbers": seconds,
        "dates": pd.to_datetime(seconds, unit="s"),
        "text": pd.to_datetime(seconds, unit="s").astype(str),
    }[kind]
    return table.assign(timestamp=when)


def seen_of(likes: Any, parts: list[Any]) -> set[tuple[int, int]]:
    found = set()
    for part in parts:
        rows, columns = part.seen.nonzero()
        users, items = part.users[rows].tolist(), likes.items[columns].tolist()
        found |= set(zip(users, items, strict=True))
    return found


def check(table: pd.DataFrame, folder: Path, client: Any, **options: Any) -> me.DistributedLikes:
    """The same weights and the same that was seen."""
    here = me.Likes.from_ratings(table, **options)
    there = me.DistributedLikes.from_ratings(
        written(cut(table, 5), folder), n_parts=3, client=client, progress=False, **options
    )
    matrix = here.matrix.tocoo()
    wanted: dict[Any, dict[Any, float]] = {user: {} for user in here.users.tolist()}
    for row, column, weight in zip(matrix.row, matrix.col, matrix.data, strict=True):
        wanted[here.users.tolist()[row]][here.items.tolist()[column]] = float(weight)
    assert gathered(there) == wanted
    parts = client.gather(there.parts)
    if here.seen is not None:
        rows, columns = here.seen.nonzero()
        pairs = zip(here.users[rows].tolist(), here.items[columns].tolist(), strict=True)
        assert seen_of(there, parts) == set(pairs)
    assert (there.is_binary, there.threshold) == (here.is_binary, here.threshold)
    return there


@pytest.mark.parametrize("kind", ["numbers", "dates", "text"])
def test_kinds_of_times(kind: str, tmp_path: Path, client: Any) -> None:
    half_life = 100 * DAY if kind == "numbers" else "100 days"
    likes = check(timed(kind), tmp_path, client, half_life=half_life)
    assert not likes.is_binary
    newest = timed(kind)["timestamp"].max()
    assert newest > timed(kind)["timestamp"].iloc[:60].max()  # not in the first of the files


@pytest.mark.parametrize("threshold", [None, 4])
@pytest.mark.parametrize("duplicates", ["last", "first", "max"])
def test_which_of_several_counts(
    duplicates: str, threshold: float | None, tmp_path: Path, client: Any
) -> None:
    options: dict[str, Any] = {"duplicates": duplicates, "threshold": threshold}
    check(timed("numbers"), tmp_path, client, half_life="100 days", dislike_below=2.5, **options)


@pytest.mark.parametrize("threshold", [None, 4])
@pytest.mark.parametrize("dislike_below", [2.5, 4.5])
@pytest.mark.parametrize("duplicates", ["last", "max"])
def test_dislikes(
    duplicates: str, dislike_below: float, threshold: float | None, tmp_path: Path, client: Any
) -> None:
    options: dict[str, Any] = {"duplicates": duplicates, "threshold": threshold}
    table = ratings(300, repeats=True)
    likes = check(table, tmp_path, client, dislike_below=dislike_below, **options)
    every = check(table, tmp_path, client, **options)
    parts, others = client.gather(likes.parts), client.gather(every.parts)
    fewer, more = (sum(part.seen.nnz for part in some) for some in (parts, others))
    assert fewer < more if dislike_below < 4 else fewer == more


def test_rows_without_ratings_and_items_given(tmp_path: Path, client: Any) -> None:
    table = timed("dates")[["userId", "movieId", "timestamp"]]
    check(table, tmp_path / "a", client, half_life="30 days")
    items = sorted(table["movieId"].unique())[::2]
    check(timed("dates"), tmp_path / "b", client, half_life="1d", items=items, unknown="drop")


def test_a_model_of_fading_likes(tmp_path: Path, client: Any) -> None:
    likes = check(timed("numbers"), tmp_path, client, half_life="100 days")
    here = me.Likes.from_ratings(timed("numbers"), half_life="100 days")
    models = [me.MovieEmbedding(3, random_state=0).fit(some) for some in (likes, here)]
    assert models[0].cost_ == pytest.approx(models[1].cost_, rel=1e-6)


def test_a_column_of_times_that_nothing_needs(tmp_path: Path, client: Any) -> None:
    check(timed("numbers"), tmp_path, client, timestamp="timestamp")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"half_life": "no time"}, "half_life='no time' is no length of time"),
        ({"half_life": "1 day", "timestamp": "when"}, "when"),
        ({"timestamp": "when"}, "timestamp='when' is not a column"),
        ({"title": "name"}, "title='name' names a column of a table, but items is not a table"),
        ({"dislike_below": float("nan")}, "dislike_below"),
        ({"dislike_below": 2, "rating": None}, "dislike_below=2.0 needs ratings"),
    ],
)
def test_what_is_refused(options: dict[str, Any], words: str, tmp_path: Path, client: Any) -> None:
    table = timed("numbers").drop(columns=["rating"] if "rating" in options else [])
    for source, read in (
        (table, me.Likes.from_ratings),
        (written(cut(table, 2), tmp_path), me.DistributedLikes.from_ratings),
    ):
        with pytest.raises(ValueError, match=words):
            read(source, **options)


def test_numbers_in_some_files_and_dates_in_others(tmp_path: Path, client: Any) -> None:
    folder = written([timed("numbers")[:100], timed("dates")[100:]], tmp_path)
    with pytest.raises(ValueError, match="numbers in some parts and dates in others"):
        me.DistributedLikes.from_ratings(folder, half_life="1 day", client=client)
