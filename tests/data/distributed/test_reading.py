"""Likes read by the workers of a Dask cluster, against `Likes.from_ratings` on the same rows."""

from __future__ import annotations

import itertools
import os
import signal
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import movieembed as me
from helpers import dask_client
from movieembed.data.distributed import blocks, reading

distributed = pytest.importorskip("distributed")
dd = pytest.importorskip("dask.dataframe")

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


IDS: dict[str, Callable[[pd.Series], Any]] = {
    "int32": lambda ids: ids.astype(np.int32),
    "uint64": lambda ids: ids.astype(np.uint64),
    "large uint64": lambda ids: ids.astype(np.uint64) + np.uint64(2**63),
    "float": lambda ids: ids.astype(float),
    "fractions": lambda ids: ids + 0.5,
    "negative": lambda ids: -ids,
    "strings": lambda ids: "item " + ids.astype(str),
    "long strings": lambda ids: ids.astype(str) + "é" * 500,
    "categories": lambda ids: ids.astype(str).astype("category"),
    "times": lambda ids: pd.to_datetime(ids, unit="D"),
    "bytes": lambda ids: ids.astype(str).str.encode("ascii"),
}


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("cutting", [cut, apart])
def test_kinds_of_ids(kind: str, cutting: Any, tmp_path: Path, client: Any) -> None:
    frames = [
        frame.assign(userId=IDS[kind](frame["userId"]), movieId=IDS[kind](frame["movieId"]))
        for frame in cutting(ratings(), 4)
    ]
    check(frames, written(frames, tmp_path), client, 3)


MIXED = {
    "int, then string": ["int32", "strings"],
    "string, then int": ["strings", "int32"],
    "int, float, fractions": ["int32", "float", "fractions"],
    "fractions, float, string": ["fractions", "float", "strings"],
    "int, float, string": ["int32", "float", "strings"],
    "int, float, int, string": ["int32", "float", "int32", "strings"],
    "small and large": ["uint64", "large uint64", "uint64"],
}


@pytest.mark.parametrize("kinds", MIXED.values(), ids=MIXED.keys())
@pytest.mark.parametrize("n_parts", [1, 3])
def test_kinds_of_ids_that_differ_between_files(
    kinds: list[str], n_parts: int, tmp_path: Path, client: Any
) -> None:
    """Equal ids are one, and where there is no order it is that of first appearance."""
    frames = [
        frame.assign(userId=IDS[kind](frame["userId"]), movieId=IDS[kind](frame["movieId"]))
        for kind, frame in zip(kinds, cut(ratings(170), len(kinds)), strict=True)
    ]
    if kinds[-1] == "strings":  # a frame of both: numbers beside strings, not numbers as text
        frames = [frame.astype({"userId": object, "movieId": object}) for frame in frames]
    check(frames, written(frames, tmp_path), client, n_parts)


def test_negative_ids_beside_large_ones(tmp_path: Path, client: Any) -> None:
    """No common integer type: -5 is not 2**64 - 5."""
    frames = [
        pd.DataFrame({"user": np.array([-5, 3]), "item": [1, 2]}),
        pd.DataFrame({"user": np.array([2**64 - 5, 3], dtype=np.uint64), "item": [1, 3]}),
    ]
    likes = me.DistributedLikes.from_ratings(written(frames, tmp_path), client=client, n_parts=2)
    assert gathered(likes) == {-5: {1: 1}, 3: {2: 1, 3: 1}, 2**64 - 5: {1: 1}}


def test_equal_ids_hash_alike() -> None:
    def hashes(*ids: Any) -> list[int]:
        array = np.empty(len(ids), dtype=object)
        array[:] = ids
        return hashes(array).tolist()

    assert len(set(hashes(1, 1.0, Decimal(1), np.int64(1), np.float32(1)))) == 1
    assert len(set(hashes((1, "a"), (1.0, "a")))) == 1
    assert len(set(hashes(frozenset("abc"), frozenset("cba")))) == 1
    assert len(set(hashes(datetime(2020, 1, 2), pd.Timestamp("2020-01-02")))) == 1
    assert len(set(hashes("a", "b", 1, 2, (1, 2), (2, 1), frozenset([1, 2])))) == 7
    assert hashes("a") == hashes("a", 1)[:1] == pd.util.hash_array(np.array(["a"], object)).tolist()
    assert hashes(2**70, -7) == hashes(2**70, -7, "x")[:2]


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


def test_why_there_are_no_likes(tmp_path: Path, client: Any) -> None:
    frames = cut(pd.DataFrame({"user": [1, 2, 1], "item": [1, 2, 1], "rating": [4.5, 3, 2]}), 2)
    folder = written(frames, tmp_path)
    for options, message in (
        ({"threshold": 9}, "no likes: the highest rating is 4.5 and the threshold 9"),
        ({"threshold": 4}, "no likes: ratings from 4 on gave way to others of their user and item"),
        ({}, "no likes: the highest rating is 3 and the threshold 4"),
    ):
        with pytest.warns(UserWarning, match="no likes") as warned:
            me.DistributedLikes.from_ratings(folder, client=client, **options)
        assert [(str(w.message), w.filename) for w in warned] == [(message, __file__)]


def test_strangers(tmp_path: Path, client: Any) -> None:
    frames = cut(ratings(), 3)
    error = check(frames, written(frames, tmp_path), client, items=[0, 7])
    assert isinstance(error, ValueError)
    assert str(error).startswith(str(tmp_path / "00"))
    assert "items that items lacks" in str(error)


@pytest.mark.parametrize("n_parts", [1, 3])
def test_a_table_of_items(n_parts: int, tmp_path: Path, client: Any) -> None:
    frames = cut(ratings(), 3)
    items = pd.DataFrame(
        {
            "movieId": np.arange(15)[::-1] * 7,
            "title": [f"Film {i}" for i in range(15)],
            "year": 1999,
        }
    )
    likes = check(frames, written(frames, tmp_path), client, n_parts, items=items)
    assert likes.item_index().resolve("film 3") == 3
    odd = items.rename(columns={"movieId": "key", "title": "caption"})
    check(frames, written(frames, tmp_path), client, items=odd, item_id="key", title="caption")
    strings = [frame.assign(movieId=frame["movieId"].astype(str)) for frame in frames]
    error = check(strings, written(strings, tmp_path), client, items=items)
    assert "ratings hold" in str(error)


VALUES: dict[str, tuple[Any, dict[str, Any]]] = {
    "zeros and ones": (lambda r: (r > 3).astype(int), {}),
    "booleans": (lambda r: r > 3, {}),
    "ones in one file": (lambda r: r * 0 + 1, {}),
    "whole": (lambda r: np.ceil(r).astype(np.int8), {}),
    "float32": (lambda r: r.astype(np.float32) + np.float32(0.1), {"threshold": 4.1}),
    "decimals": (lambda r: r.map(lambda x: Decimal(str(x))), {"threshold": 3}),
    "none reaches": (lambda r: r / 2, {"threshold": 4}),
    "none reaches 4": (lambda r: r / 2, {}),
    "negative": (lambda r: -r, {"threshold": -3}),
}


@pytest.mark.parametrize("kind", VALUES)
def test_kinds_of_ratings(kind: str, tmp_path: Path, client: Any) -> None:
    change, options = VALUES[kind]
    frames = [frame.assign(rating=change(frame["rating"])) for frame in cut(ratings(), 3)]
    check(frames, written(frames, tmp_path), client, 2, **options)


def test_zeros_and_ones_in_some_files(tmp_path: Path, client: Any) -> None:
    """The threshold that is not given is one for all files."""
    frames = cut(ratings(), 3)
    frames[1] = frames[1].assign(rating=1.0)
    check(frames, written(frames, tmp_path), client, 2)


@pytest.mark.parametrize("duplicates", ["last", "first", "max"])
def test_only_ratings_that_count_decide(duplicates: str, tmp_path: Path, client: Any) -> None:
    first = pd.DataFrame({"user": [1, 1, 2], "item": [5, 6, 5], "rating": [5.0, 1.0, 0.0]})
    second = pd.DataFrame({"user": [1, 2], "item": [5, 6], "rating": [1.0, 1.0]})
    for frames in ([first, second], [second, first]):
        for threshold in (None, 4, 5):
            folder = tmp_path / f"{threshold} {len(frames[0])}"
            check(
                frames,
                written(frames, folder),
                client,
                2,
                duplicates=duplicates,
                threshold=threshold,
            )


def test_no_rating_column(tmp_path: Path, client: Any) -> None:
    plain = [frame[["userId", "movieId"]] for frame in cut(ratings(), 3)]
    check(plain, written(plain, tmp_path / "plain"), client, 2)
    both = check(plain, tmp_path / "plain", client, threshold=4)
    assert "needs ratings" in str(both)
    timed = [frame.assign(timestamp=5) for frame in plain]
    check(timed, written(timed, tmp_path / "timed"), client)
    other = [frame.assign(plays=3) for frame in plain]
    check(other, written(other, tmp_path / "other"), client)
    check(other, tmp_path / "other", client, rating="plays", threshold=2)


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


@pytest.mark.parametrize("n_parts", [None, 1, 3])
def test_empty_files(n_parts: int | None, tmp_path: Path, client: Any) -> None:
    table = ratings()
    none = table.iloc[:0]
    frames = [none, *apart(table, 2), none, table.iloc[:5], none]
    check(frames, written(frames, tmp_path / "some"), client, n_parts)
    likes = check([none, none], written([none, none], tmp_path / "all"), client, n_parts)
    assert likes.shape == (0, 0)
    check([none], written([none], tmp_path / "one"), client, n_parts, items=["a", "b"])


@pytest.mark.parametrize("column", ["userId", "movieId", "rating"])
@pytest.mark.parametrize("missing", ["raise", "drop"])
def test_missing_values(column: str, missing: str, tmp_path: Path, client: Any) -> None:
    frames = [frame.copy() for frame in cut(ratings(), 3)]
    frames[1] = frames[1].astype({column: float})
    frames[1].iloc[[3, 5], frames[1].columns.get_loc(column)] = np.nan
    error = check(frames, written(frames, tmp_path), client, 2, missing=missing)
    if missing == "raise":
        assert str(error).startswith(f"{tmp_path / '001.parquet'}: ratings has missing values")
        assert "first in row 3" in str(error)


def test_ratings_that_are_no_numbers(tmp_path: Path, client: Any) -> None:
    for i, (value, said) in enumerate((("good", "must hold numbers"), (np.inf, "infinite"))):
        frames = [frame.copy() for frame in cut(ratings(), 3)]
        frames[2] = frames[2].assign(rating=value)
        folder = written(frames, tmp_path / str(i))
        with pytest.raises((TypeError, ValueError), match=said) as raised:
            me.Likes.from_ratings(frames[2])
        with pytest.raises(raised.type, match=said) as there:
            me.DistributedLikes.from_ratings(folder, client=client)
        assert type(there.value) is raised.type
        assert str(there.value).startswith(f"{folder / '002.parquet'}: ")


def test_files_that_lack_a_column(tmp_path: Path, client: Any) -> None:
    for column in ("userId", "movieId", "rating"):
        frames = cut(ratings(), 3)
        frames[1] = frames[1].drop(columns=column)
        folder = written(frames, tmp_path / column)
        with pytest.raises(ValueError, match=f"'{column}' is not a column") as error:
            me.DistributedLikes.from_ratings(folder, client=client)
        assert str(error.value).startswith(f"{folder / '001.parquet'}: ")
    # Not: every row of every file a like.
    frames = cut(ratings(), 3)
    frames[0] = frames[0].drop(columns="rating")
    folder = written(frames, tmp_path / "first")
    with pytest.raises(ValueError, match=r"00[12]\.parquet: it has ratings, in column 'rating'"):
        me.DistributedLikes.from_ratings(folder, client=client)


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


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("how", ["text", "nothing", "cut short", "overwritten", "a folder", "gone"])
def test_files_that_cannot_be_read(how: str, place: int, tmp_path: Path, client: Any) -> None:
    frames = cut(ratings(2000, 100, 50), 4)
    files = sorted(written(frames, tmp_path).iterdir())
    spoil(files[place], how)
    with pytest.raises((ValueError, OSError)) as error:
        me.DistributedLikes.from_ratings(files, client=client)
    assert str(files[place]) in str(error.value)
    assert isinstance(error.value, FileNotFoundError) == (how == "gone")


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
    for wrong in (ratings(), 5, None, [ratings()], {"a": 1}):
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


# Dask dataframes.


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


# Any rows, in any files.

PLAIN_IDS = st.integers(0, 6)
ANY_IDS = st.one_of(PLAIN_IDS, st.sampled_from(["a", "b", "c", "1", ""]))
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
    check(frames, folder, client, n_parts, **options)


# How it is done.


def test_ranges_apart_need_no_exchange(tmp_path: Path, client: Any) -> None:
    def plan(frames: Frames, n_parts: int, exact: bool = True) -> Any:
        labels = ("userId", "movieId", "rating")
        read = [
            blocks.read_block(str(i), frame, labels, "raise", None, None, "raise")
            for i, frame in enumerate(frames)
        ]
        return reading.planned([block.summary for block in read], n_parts, exact)

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
