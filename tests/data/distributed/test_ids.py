"""Ids of every kind, the same in all blocks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from cluster_ratings import apart, check, cut, gathered, ratings, written
from movieembed.data.distributed.ids import hashes as hash_ids

pytest.importorskip("distributed")
pytest.importorskip("dask.dataframe")

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
    files = written(frames, tmp_path)
    both = {"userId": object, "movieId": object}
    if "strings" in kinds:
        # Integers beside strings are text, as in one file of both; fractions stay numbers.
        text = dict.fromkeys(both, str)
        if "fractions" not in kinds:
            whole = dict.fromkeys(both, int)
            frames = [
                f.astype(text if k == "strings" else whole)
                for f, k in zip(frames, kinds, strict=True)
            ]
            frames = [frame.astype(text) for frame in frames]
        frames = [frame.astype(both) for frame in frames]
    check(frames, files, client, n_parts)


@pytest.mark.parametrize("n_parts", [1, 3])
def test_digits_in_one_file_and_an_isbn_in_another(
    n_parts: int, tmp_path: Path, client: Any
) -> None:
    digits = pd.DataFrame({"user": [1, 2, 3], "item": [306406152, 7, 306406152]})
    isbns = pd.DataFrame({"user": ["2", "x"], "item": ["080442957X", "306406152"]})
    for name, frames in (("a", [digits, isbns]), ("b", [isbns, digits])):
        (tmp_path / name).mkdir()
        files = written(frames, tmp_path / name)
        likes = me.DistributedLikes.from_ratings(files, client=client, n_parts=n_parts)
        # What one file of all of them holds, as text.
        text = pd.concat(frames).astype(str)
        (tmp_path / "one.csv").write_text(text.to_csv(index=False))
        local = me.Likes.from_ratings(me.read_table(tmp_path / "one.csv"))
        assert likes.items.tolist() == local.items.tolist() == ["080442957X", "306406152", "7"]
        assert gathered(likes) == {
            "1": {"306406152": 1}, "2": {"080442957X": 1, "7": 1},
            "3": {"306406152": 1}, "x": {"306406152": 1},
        }  # fmt: skip


def test_large_integers_beside_fractions_and_truth_beside_one(tmp_path: Path, client: Any) -> None:
    frames = [
        pd.DataFrame({"user": [1, 2], "item": [2**53 + 1, 2**53]}),
        pd.DataFrame({"user": [1, 2], "item": [0.5, 2.5]}),
    ]
    files = written(frames, tmp_path)
    likes = me.DistributedLikes.from_ratings(files, client=client, n_parts=2)
    assert gathered(likes) == {1: {2**53 + 1: 1, 0.5: 1}, 2: {2**53: 1, 2.5: 1}}
    frames[1] = pd.DataFrame({"user": [1, 2], "item": [True, False]})
    frames[0] = pd.DataFrame({"user": [1, 2], "item": [1, 2]})
    with pytest.raises(TypeError, match=r"such as (1 and True|True and 1): give them one"):
        me.DistributedLikes.from_ratings(written(frames, tmp_path), client=client)


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
        return hash_ids(array).tolist()

    assert len(set(hashes(1, 1.0, Decimal(1), np.int64(1), np.float32(1)))) == 1
    assert len(set(hashes((1, "a"), (1.0, "a")))) == 1
    assert len(set(hashes(frozenset("abc"), frozenset("cba")))) == 1
    assert len(set(hashes(datetime(2020, 1, 2), pd.Timestamp("2020-01-02")))) == 1
    assert len(set(hashes("a", "b", 1, 2, (1, 2), (2, 1), frozenset([1, 2])))) == 7
    assert hashes("a") == hashes("a", 1)[:1] == pd.util.hash_array(np.array(["a"], object)).tolist()
    assert hashes(2**70, -7) == hashes(2**70, -7, "x")[:2]


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
