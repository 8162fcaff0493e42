"""Likes read by the workers of a Dask cluster, against `Likes.from_ratings` on the same rows."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import movieembed as me
from cluster_ratings import Frames, apart, check, cut, gathered, ratings, written
from helpers import dask_client
from movieembed.data.distributed import blocks, reading

distributed = pytest.importorskip("distributed")
dd = pytest.importorskip("dask.dataframe")
bags = pytest.importorskip("dask.bag")


@pytest.mark.parametrize("n_parts", [None, 1, 2, 5, 40])
@pytest.mark.parametrize("n_files", [1, 2, 7])
@pytest.mark.parametrize("cutting", [cut, apart])
def test_files(
    cutting: Any, n_files: int, n_parts: int | None, tmp_path: Path, client: Any
) -> None:
    frames = cutting(ratings(), n_files)
    likes = check(frames, written(frames, tmp_path), client, n_parts)
    if n_parts is None:
        assert len(likes.parts) == 2
    assert len(likes.users_of_part) == len(likes.parts)


@pytest.mark.parametrize("duplicates", ["last", "first", "max", "error"])
@pytest.mark.parametrize("threshold", [None, 4, 2.5])
def test_repeats_over_files(
    duplicates: str, threshold: float | None, tmp_path: Path, client: Any
) -> None:
    frames = cut(ratings(300, repeats=True), 5)
    found = check(
        frames,
        written(frames, tmp_path),
        client,
        3,
        duplicates=duplicates,
        threshold=threshold,
    )
    assert isinstance(found, ValueError) == (duplicates == "error")
    if duplicates == "error":
        assert "repeat a user and an item" in str(found)
        repaired = ratings(100)
        check(cut(repaired, 5), written(cut(repaired, 5), tmp_path), client, duplicates="error")


def test_more_rows_than_pairs_are_an_error_here_too(tmp_path: Path, client: Any) -> None:
    frames = [pd.DataFrame({"user": [1, 2] * 60, "item": [1, 2, 3] * 40})] * 2
    found = check(frames, written(frames, tmp_path), client)
    assert "ratings has 240 rows" in str(found)
    assert "only 2 x 3 pairs" in str(found)
    likes = check(frames, tmp_path, client, user="user", item="item")
    assert likes.shape == (2, 3)


def test_the_last_file_is_the_last_by_number(tmp_path: Path, client: Any) -> None:
    for i in range(12):
        rating = 5.0 if i == 11 else 1.0
        frame = pd.DataFrame({"user": ["ann", "bob"], "item": [1, 2], "rating": [rating, 1.0]})
        frame.to_parquet(tmp_path / f"part.{i}.parquet")
    likes = me.DistributedLikes.from_ratings(tmp_path, client=client)
    assert gathered(likes) == {"ann": {1: 1.0}, "bob": {}}
    first = me.DistributedLikes.from_ratings(
        tmp_path, client=client, duplicates="first", threshold=1, n_parts=1
    )
    assert first.n_likes == 2


def test_a_list_is_read_as_it_is_ordered(tmp_path: Path, client: Any) -> None:
    frames = cut(ratings(200, repeats=True), 4)
    files = sorted(written(frames, tmp_path).iterdir())
    check(frames, files, client)
    check(frames[::-1], files[::-1], client)
    check(frames[:1], files[0], client)
    check(frames[:1], str(files[0]), client)
    check(frames[:2], [str(path) for path in files[:2]], client)


def test_folders_in_a_folder(tmp_path: Path, client: Any) -> None:
    frames = apart(ratings(), 3)
    name = "r" * 120 + " ü"
    written(frames[:1], tmp_path / "a")
    written(frames[1:2], tmp_path / name / name / "c.parquet")
    frames[2].to_parquet(tmp_path / "z.parquet")
    (tmp_path / "_temporary" / "0").mkdir(parents=True)
    for hidden in ("_temporary/0/x.parquet", "_metadata.parquet", ".y.parquet", "notes.txt"):
        (tmp_path / hidden).write_text("no Parquet")
    check(frames, tmp_path, client)


@pytest.mark.parametrize("n_parts", [1, 2, 5])
def test_users_whose_ratings_are_all_dropped(n_parts: int, tmp_path: Path, client: Any) -> None:
    """They keep a row, in one part, though one of their files says nothing of known items."""
    frames = [
        pd.DataFrame({"user": [1, 2, 2], "item": [10, 10, 11], "rating": [5.0, 5.0, 4.0]}),
        pd.DataFrame({"user": [2, 9], "item": [99, 98], "rating": [5.0, 5.0]}),
        pd.DataFrame({"user": [3, 4], "item": [10, 11], "rating": [1.0, 4.0]}),
    ]
    options: dict[str, Any] = {"items": [11, 10], "unknown": "drop"}
    likes = check(frames, written(frames, tmp_path), client, n_parts, **options)
    assert likes.n_users == 5
    apart = [frames[0], pd.DataFrame({"user": [8, 9], "item": [99, 98], "rating": [5.0, 5.0]})]
    likes = check(apart, written(apart, tmp_path / "apart"), client, 1, **options)
    assert likes.users_of_part == [4]
    check(frames[1:2], [tmp_path / "001.parquet"], client, n_parts, **options)


def test_no_more_parts_than_users(tmp_path: Path, client: Any) -> None:
    frames = [pd.DataFrame({"user": [7, 7], "item": [1, 2]})]
    assert len(check(frames, written(frames, tmp_path), client).parts) == 1


def test_names_of_columns(tmp_path: Path, client: Any) -> None:
    names = {"userId": "who.is", "movieId": "what", "rating": "how much"}
    frames = [frame.rename(columns=names) for frame in cut(ratings(), 2)]
    folder = written(frames, tmp_path)
    check(frames, folder, client, user="who.is", item="what", rating="how much")
    for missing in ({"user": "who.is"}, {"user": "x"}, {"user": "who.is", "item": "userId"}):
        error = check(frames, folder, client, **missing)
        assert str(tmp_path / "000.parquet") in str(error)
    two = [frame.assign(score=1.0) for frame in cut(ratings(), 2)]
    error = check(two, written(two, tmp_path), client)
    assert "several columns" in str(error)


def spoil(path: Path, how: str) -> None:
    whole = path.read_bytes()
    if how == "text":
        path.write_text("userId,movieId,rating\n1,2,3\n")
    elif how == "nothing":
        path.write_bytes(b"")
    elif how == "cut short":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "overwritten":
        path.write_bytes(whole[:4] + bytes(range(7, 207)) + whole[204:])
    elif how == "a folder":
        path.unlink()
        path.mkdir()
    elif how == "gone":
        path.unlink()
    elif how == "a link to nothing":
        path.unlink()
        path.symlink_to("nowhere")


def test_a_link_to_nothing_is_not_left_out(tmp_path: Path, client: Any) -> None:
    """A folder whose disk is away must not read as fewer ratings."""
    files = sorted(written(cut(ratings(2000, 100, 50), 4), tmp_path).iterdir())
    spoil(files[2], "a link to nothing")
    with pytest.raises(FileNotFoundError, match="all must see the files") as error:
        me.DistributedLikes.from_ratings(tmp_path, client=client)
    assert error.value.filename == str(files[2])


def test_sources_of_no_kind(tmp_path: Path, client: Any) -> None:
    def read(source: Any) -> None:
        me.DistributedLikes.from_ratings(source, client=client)

    with pytest.raises(ValueError, match=r"the folder .* has no \.parquet files"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"No such file.*all must see.*nowhere"):
        read(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="empty list"):
        read([])
    with pytest.raises(ValueError, match=r"dask\.dataframe\.read_parquet"):
        read("s3://bucket/ratings")
    bag = bags.from_sequence([1, 2])  # it has tasks, but no columns
    for wrong in (ratings(), 5, None, [ratings()], {"a": 1}, bag):
        with pytest.raises(TypeError, match="ratings must be a Dask dataframe"):
            read(wrong)


def test_options_are_checked(tmp_path: Path, client: Any) -> None:
    folder = written([ratings()], tmp_path)
    for options in (
        {"duplicates": "any"},
        {"missing": "keep"},
        {"unknown": "keep"},
        {"threshold": "4"},
        {"threshold": np.nan},
        {"items": [1, 1]},
        {"items": [1], "title": "t"},
    ):
        error = check([ratings()], folder, client, **options)
        assert isinstance(error, ValueError | TypeError)
    for n_parts, kind in ((0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)):
        with pytest.raises(kind, match="n_parts"):
            me.DistributedLikes.from_ratings(folder, n_parts=n_parts, client=client)


@pytest.mark.parametrize("n_parts", [None, 1, 3])
def test_a_dask_dataframe(n_parts: int | None, tmp_path: Path, client: Any) -> None:
    table = ratings(200, repeats=True)
    check([table], dd.from_pandas(table, npartitions=4, sort=False), client, n_parts)
    frames = cut(table, 3)
    check(frames, dd.read_parquet(written(frames, tmp_path)), client, n_parts)
    some = dd.from_pandas(table, npartitions=4, sort=False)
    some = some[some["userId"] < table["userId"].iloc[:50].max()]
    check([some.compute()], some, client, n_parts)
    nobody = some[some["userId"] < 0]
    check([table.iloc[:0]], nobody, client, n_parts)


def test_an_index_that_is_a_column(client: Any) -> None:
    table = ratings().set_index("userId").sort_index()
    frame = dd.from_pandas(table, npartitions=3)
    check([table.reset_index()], frame, client)


def test_errors_name_the_partition(client: Any) -> None:
    table = ratings().astype({"rating": float})
    table.loc[len(table) - 1, "rating"] = np.nan
    with pytest.raises(ValueError, match=r"^partition 3 of the Dask dataframe: .* missing values"):
        me.DistributedLikes.from_ratings(
            dd.from_pandas(table, npartitions=4, sort=False), client=client
        )

    def fails(frame: pd.DataFrame) -> pd.DataFrame:
        raise ZeroDivisionError("of the caller's own")

    frame = dd.from_pandas(table, npartitions=2).map_partitions(fails, meta=table.iloc[:0])
    with pytest.raises(ZeroDivisionError, match="of the caller's own"):
        me.DistributedLikes.from_ratings(frame, client=client)


PLAIN_IDS = st.integers(0, 6)


RATINGS = st.sampled_from([0.0, 1.0, 3.5, 4.0, 5.0])


@st.composite
def any_frames(draw: Any) -> list[pd.DataFrame]:
    """Up to four frames, each of numbers or of strings, with or without rows, maybe by user."""
    binary = draw(st.booleans())
    frames = []
    for _ in range(draw(st.integers(1, 4))):
        ids = draw(st.sampled_from([PLAIN_IDS, st.sampled_from(["a", "b", "c", "1", ""])]))
        value = st.sampled_from([0.0, 1.0]) if binary else RATINGS
        rows = draw(st.lists(st.tuples(ids, ids, value), max_size=8))
        frame = pd.DataFrame(rows, columns=["user", "item", "rating"])
        if draw(st.booleans()):
            frame = frame.sort_values("user", kind="stable")
        frames.append(frame.astype({"rating": float}))
    return frames


@settings(
    deadline=None,
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    frames=any_frames(),
    n_parts=st.sampled_from([None, 1, 2, 5]),
    duplicates=st.sampled_from(["last", "first", "max", "error"]),
    threshold=st.sampled_from([None, 1.0, 4.0]),
    items=st.sampled_from([None, ["b", 3, 1, "x", "a"]]),
)
def test_any_rows(
    frames: list[pd.DataFrame],
    n_parts: int | None,
    duplicates: str,
    threshold: float | None,
    items: Any,
    tmp_path_factory: pytest.TempPathFactory,
    client: Any,
) -> None:
    folder = written(frames, tmp_path_factory.mktemp("ratings"))
    options: dict[str, Any] = {"duplicates": duplicates, "threshold": threshold}
    if items is not None:
        options |= {"items": items, "unknown": "drop"}
    # Integers of one file beside strings of another are text, but for items that are given.
    kinds = {pd.api.types.infer_dtype(frame["user"]) for frame in frames if len(frame)}
    if len(kinds) > 1:
        text = {name: str for name in ("user", "item") if name == "user" or items is None}
        frames = [frame.astype(text).astype(dict.fromkeys(text, object)) for frame in frames]
    check(frames, folder, client, n_parts, **options)


def test_ranges_apart_need_no_exchange(tmp_path: Path, client: Any) -> None:
    def plan(frames: Frames, n_parts: int, exact: bool = True) -> Any:
        labels, options = (
            ("userId", "movieId", "rating"),
            blocks.Options(None, "last", "raise", "raise"),
        )
        read = [
            blocks.read_block(str(i), frame, labels, options, None)
            for i, frame in enumerate(frames)
        ]
        return reading.planned([summary for _, summary in read], n_parts, exact)

    table = ratings()
    sorted_ = apart(table, 6)
    assert plan(sorted_, 1) == [range(6)]
    assert [len(run) for run in plan(sorted_, 3)] == [2, 2, 2]
    assert plan(sorted_[::-1], 6) == [range(i, i + 1) for i in range(6)]
    assert plan(sorted_, 7) == 7
    assert plan(cut(table, 6), 3) == 3
    assert plan([*sorted_, sorted_[0]], 3) == 3
    large = pd.concat(
        [sorted_[5].assign(movieId=lambda x, i=i: x["movieId"] + i) for i in range(50)]
    )
    assert plan([*sorted_[:5], large], 2) == [range(5), range(5, 6)]
    assert plan([large, *apart(table[table["userId"] < large["userId"].min()], 3)], 2) == [
        range(1),
        range(1, 4),
    ]
    names = [frame.assign(userId=frame["userId"].map("{:05d}".format)) for frame in sorted_]
    assert [len(run) for run in plan(names, 2)] == [3, 3]
    assert plan([*names[:3], *sorted_[3:]], 2) == 2


def test_what_is_read_stays_on_the_workers(
    tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting behind a bar brings nothing here."""
    brought: list[str] = []
    gather = distributed.Client._gather

    async def spied(self: Any, futures: Any, *args: Any, **kwargs: Any) -> Any:
        found = await gather(self, futures, *args, **kwargs)
        several = found if isinstance(found, list | tuple) else [found]
        brought.extend(type(x).__name__ for x in several)
        return found

    monkeypatch.setattr(distributed.Client, "_gather", spied)
    frames = cut(ratings(), 3)
    for progress in (True, False):
        me.DistributedLikes.from_ratings(
            written(frames, tmp_path), client=client, progress=progress
        )
    assert "Summary" in brought
    assert not {"Block", "UserRows", "Piece", "Rows"} & set(brought)


def test_parts_lost_with_a_worker_are_made_again(tmp_path: Path) -> None:
    """From the files; and when a file is gone by then the error says which."""
    frames = cut(ratings(400, 40, 20), 4)
    folder = written(frames, tmp_path)
    here = me.MovieEmbedding(3, random_state=0).fit(me.Likes.from_ratings(pd.concat(frames)))
    with dask_client(2, processes=True) as client:
        likes = me.DistributedLikes.from_ratings(folder, client=client, n_parts=4)
        kill_workers(client)
        there = me.MovieEmbedding(3, random_state=0).fit(likes)
        assert there.cost_ == pytest.approx(here.cost_, rel=1e-7)
        (folder / "002.parquet").unlink()
        kill_workers(client)
        with pytest.raises(FileNotFoundError, match=r"002\.parquet"):
            me.MovieEmbedding(3, random_state=0).fit(likes)


def kill_workers(client: Any) -> None:
    """All of them, which their nannies start again."""
    pids = client.run(os.getpid)
    assert len(pids) == 2
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    while pids.keys() & client.nthreads().keys():
        time.sleep(0.02)
