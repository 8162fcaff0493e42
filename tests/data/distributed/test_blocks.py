"""What a worker makes of a block of ratings, or says of one that it cannot read."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from cluster_ratings import apart, check, cut, ratings, written

pytest.importorskip("distributed")
pytest.importorskip("dask.dataframe")


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
