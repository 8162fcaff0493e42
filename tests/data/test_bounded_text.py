"""Archives and files that mean harm: memory in proportion to what they take on the disk."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import movieembed as me
from movieembed.data import bounded_text
from movieembed.data.bounded_text import LONGEST_LINE, bounded
from movieembed.data.delimited_text import read_table

RATINGS = "userId,movieId,rating,timestamp\n" + "".join(
    f"{u},{m},4.5,0\n" for u in range(1, 9) for m in range(1, 9) if (u * m) % 3
)
MOVIES = "movieId,title,genres\n" + "".join(f"{m},Film {m},Drama\n" for m in range(1, 9))


def peak_of(call: Callable[[], Any], match: str) -> int:
    """What is allocated at most while a call is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=match):
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def archive(path: Path, ratings: bytes = RATINGS.encode(), movies: bytes = MOVIES.encode()) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("data/ratings.csv", ratings)
        made.writestr("data/movies.csv", movies)
    return path


@pytest.mark.parametrize("block", [1, 10, 1000, -1])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_bounded_text_is_the_text(block: int, end: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_text, "LONGEST_LINE", 30)
    content = end.join(b"x" * n for n in (0, 5, 29, 28, 1, 29, 12)) + end
    with bounded(lambda: io.BytesIO(content), "f") as file:
        got = b"".join(iter(lambda: file.read(block), b""))
    assert got == content


def test_the_line_that_is_too_long_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_text, "LONGEST_LINE", 30)
    for end in (b"\n", b"\r\n", b"\r"):
        content = end.join([b"1", b"", b"x" * 40])
        file = bounded(lambda content=content: io.BytesIO(content), "f")
        with file, pytest.raises(ValueError, match="f, line 3: longer than 30 bytes"):
            file.read()


@pytest.mark.parametrize("part", ["ratings", "movies"])
def test_a_line_without_end_is_refused_where_it_begins(part: str, tmp_path: Path) -> None:
    start = (RATINGS if part == "ratings" else MOVIES).encode()
    contents = {part: start + b"7" * (100 * LONGEST_LINE)}
    path = archive(tmp_path / "bomb.zip", **contents)
    line = start.count(b"\n") + 1
    match = rf"{part}\.csv, line {line}: longer than 1,048,576 bytes"
    for call in (lambda: me.load_movielens(path), lambda: me.Likes.from_movielens(path)):
        assert peak_of(call, match) < 40 * LONGEST_LINE


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "csv.bz2"])
def test_a_table_with_a_line_without_end(ending: str, tmp_path: Path) -> None:
    content = RATINGS.encode() + b"7" * (100 * LONGEST_LINE)
    packed = {"gz": gzip.compress, "bz2": bz2.compress}.get(ending.rpartition(".")[2], bytes)
    path = tmp_path / f"table.{ending}"
    path.write_bytes(packed(content))
    line = RATINGS.count("\n") + 1
    match = rf"table\.{ending}.*line {line}: longer than"
    assert peak_of(lambda: read_table(path), match) < 20 * LONGEST_LINE


def test_lines_that_shrink_to_next_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_text, "ALWAYS", 1 << 20)
    path = archive(tmp_path / "bomb.zip", movies=MOVIES.encode() + b"\n" * (100 << 20))
    peak = peak_of(lambda: me.load_movielens(path), r"movies\.csv is compressed to less than")
    assert peak < 50e6


def test_a_forged_size_asks_for_nothing(tmp_path: Path) -> None:
    path = archive(tmp_path / "forged.zip")
    honest = me.load_movielens(path)[0]
    raw = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x01\x02", 20), (b"PK\x03\x04", 18)):
        place = raw.find(signature)
        size = int.from_bytes(raw[place + at : place + at + 4], "little")
        assert 0 < size < 1000  # ratings.csv, compressed
        raw[place + at + 4 : place + at + 8] = (4_000_000_000).to_bytes(4, "little")
    path.write_bytes(raw)
    tracemalloc.start()
    try:
        read = me.load_movielens(path)[0]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.array_equal(read, honest)
    assert peak < 50e6


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ValueError, match="is a pipe or a device, not a table"):
        read_table(tmp_path / "pipe.csv")
    with pytest.raises(ValueError, match="is a pipe or a device, not a folder"):
        me.load_movielens(tmp_path / "pipe.csv")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "movies.csv").write_text(MOVIES)
    os.mkfifo(folder / "ratings.csv")
    with pytest.raises(ValueError, match=r"ratings\.csv is a pipe or a device"):
        me.load_movielens(folder)
