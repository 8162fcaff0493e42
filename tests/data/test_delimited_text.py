"""One's own tables: separators, headers, encodings and compression are found."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from movieembed.data.delimited_text import read_table
from movieembed.data.likes import Likes
from movielens_files import CSV, RATINGS, pack


@pytest.mark.parametrize("separator", ["::", "\t", ",", ";", "|", " "])
def test_separators_and_headers_are_found(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "table.txt"
    rows = [["userId", "movieId", "rating"], ["1", "10", "4.5"], ["2", "20", "3"]]
    text = "\n".join(separator.join(row) for row in rows)
    path.write_text(text + "\n")
    expected = pd.DataFrame({"userId": [1, 2], "movieId": [10, 20], "rating": [4.5, 3.0]})
    pd.testing.assert_frame_equal(read_table(path), expected)
    path.write_text(text.partition("\n")[2])
    bare = read_table(str(path))
    assert bare.columns.tolist() == [0, 1, 2]
    assert all(type(label) is int for label in bare.columns)
    pd.testing.assert_frame_equal(bare, expected.set_axis(bare.columns, axis=1))


def test_the_exercise_table(tmp_path: Path) -> None:
    path = tmp_path / "likes.txt"
    path.write_text("10 1 0\n20 1 1\n10 2 1\n")
    likes = Likes.from_ratings(read_table(path), item=0, user=1, rating=2)
    assert likes.matrix.toarray().tolist() == [[0, 1], [1, 0]]


def test_quotes_and_spaces(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('user, item, rating\nann, "Matrix, The", 5\nbob, "X; Y; Z", 4\n')
    frame = read_table(path)
    assert frame.columns.tolist() == ["user", "item", "rating"]
    assert frame["item"].tolist() == ["Matrix, The", "X; Y; Z"]


def test_colons_inside_double_colon_fields(tmp_path: Path) -> None:
    path = tmp_path / "movies.dat"
    path.write_text("1::Die Hard: With a Vengeance (1995)::Action\n2::Up::Drama\n")
    frame = read_table(path)
    assert frame[1].tolist() == ["Die Hard: With a Vengeance (1995)", "Up"]
    assert frame.columns.tolist() == [0, 1, 2]


def test_separator_and_header_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("ann,x;y\nbob,z;w\n")
    assert read_table(path)[0].tolist() == ["ann", "bob"]
    assert read_table(path, ids=["ann"])["x;y"].tolist() == ["z;w"]
    assert read_table(path, header=True).columns.tolist() == ["ann", "x;y"]
    assert read_table(path, header=False)[0].tolist() == ["ann", "bob"]
    assert read_table(path, separator=";", header=False)[1].tolist() == ["y", "w"]
    path.write_text("1,2\n3,4\n")
    assert read_table(path, header=True).columns.tolist() == ["1", "2"]
    path.write_text("a<>b\nc<>d\n")
    assert read_table(path, separator="<>", header=False)[1].tolist() == ["b", "d"]


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_compressed_tables(tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"table.csv{suffix}"
    path.write_bytes(compress(b"user,item\n1,2\n" * 1 + b"3,4\n" * 30_000))
    assert read_table(path).shape == (30_001, 2)
    path.write_bytes(b"plain text")
    with pytest.raises(ValueError, match=rf"table\.csv\{suffix}"):
        read_table(path)
    path.write_bytes(compress(b"user,item\n1,2\n")[:-6])
    with pytest.raises(ValueError, match=rf"table\.csv\{suffix}"):
        read_table(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_encodings_of_tables(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("user,item\nRené,x\n".encode(encoding))
    frame = read_table(path)
    assert frame.columns.tolist() == ["user", "item"]
    assert frame["user"].tolist() == ["René"]


def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.parquet"
    RATINGS.to_parquet(path)
    pd.testing.assert_frame_equal(read_table(path), RATINGS)

    def without_pyarrow(*args: object) -> None:
        raise ImportError("Unable to find a usable engine")

    monkeypatch.setattr(pd, "read_parquet", without_pyarrow)
    with pytest.raises(ImportError, match=r"table\.parquet needs PyArrow: pip install pyarrow"):
        read_table(path)


def test_what_read_table_refuses(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with pytest.raises(FileNotFoundError, match=r"table\.csv does not exist"):
        read_table(path)
    with pytest.raises(IsADirectoryError, match="see load_movielens"):
        read_table(tmp_path)
    with pytest.raises(ValueError, match="an archive, not a table"):
        read_table(pack(tmp_path / "x.zip", CSV))
    for content, message in (
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"abc\ndef\n", r"cannot tell what separates .* pass separator"),
        (b"a,b\0c\n", "is not text"),
        ("a,b\n".encode("utf-16"), "is not text"),
        (b"user,item\n1,2\n3,4,5\n6,7\n", r"Expected 2 fields in line 3, saw 3"),
        (b"user,item\n1,2,3\n4,5,6\n", r"more fields than the header's 2"),
        (b'user,item\n1,"2\n3,4\n', "EOF inside string"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"table\.csv.*{message}"):
            read_table(path, separator="," if b"user" in content else None)
