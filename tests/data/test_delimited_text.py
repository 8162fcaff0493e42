"""One's own tables: separators, headers, encodings and compression are found."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def columns_of(path: Path, text: str | bytes, **options: Any) -> list[list[Any]]:
    """What a file of this content is read as, a list a column, None for missing values."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    frame = read_table(path, **options)
    return [
        [None if pd.isna(value) else value for value in frame.iloc[:, i].tolist()]
        for i in range(frame.shape[1])
    ]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["7", "8"], [7, 8]),
        (["007", "7"], ["007", "7"]),
        (["10", "10.0"], ["10", "10.0"]),
        (["1.5", "2"], ["1.5", "2"]),
        (["+5", "5"], ["+5", "5"]),
        (["1e3", "1000"], ["1e3", "1000"]),
        (["-0", "0"], ["-0", "0"]),
        (["0x1F", "31"], ["0x1F", "31"]),
        (["True", "False"], ["True", "False"]),
        (["NA", "7"], ["NA", "7"]),
        (["None", "null"], ["None", "null"]),
        (["nan", "inf"], ["nan", "inf"]),
        (["", "9007199254740993", "9007199254740992"], [None, 2**53 + 1, 2**53]),
        (["98765432109876543210", "1"], ["98765432109876543210", "1"]),
        (["9223372036854775807", "-9223372036854775808"], [2**63 - 1, -(2**63)]),
    ],
)
@pytest.mark.parametrize("separator", [",", "\t", "::", ";", "|", " "])
def test_ids_are_text_unless_each_is_written_as_an_integer(
    tmp_path: Path, texts: list[str], expected: list[Any], separator: str
) -> None:
    if separator == " ":
        texts, expected = [t for t in texts if t], [e for e in expected if e is not None]
    lines = [separator.join(["user", "item", "rating"])]
    lines += [separator.join([f"u{i}", text, "4.5"]) for i, text in enumerate(texts)]
    for end in ("\n", "\r\n", "\r"):
        found = columns_of(tmp_path / "t.txt", end.join(lines) + end, separator=separator)
        assert found == [[f"u{i}" for i in range(len(texts))], expected, [4.5] * len(texts)]
        assert [type(value) for value in found[1]] == [type(value) for value in expected]
    # Of 300,000 rows the last alone may say that all are text.
    if separator == "," and expected == [7, 8]:
        many = [*lines, *(f"u,{i},3" for i in range(300_000)), "u,080442957X,3"]
        found = columns_of(tmp_path / "t.txt", "\n".join(many))
        assert found[1] == [*texts, *map(str, range(300_000)), "080442957X"]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["4", "NA"], [4.0, None]),
        (["4.5", "nan", ""], [4.5, None, None]),
        (["1e3", "+5"], [1000.0, 5.0]),
        (["True", "false"], [True, False]),
        (["007", "1.5"], ["007", "1.5"]),
        (["98765432109876543210", "1.5"], ["98765432109876543210", "1.5"]),
        (["NA", "NA"], ["NA", "NA"]),
        (["x", "NA"], ["x", "NA"]),
    ],
)
def test_other_columns_are_numbers_where_nothing_is_lost(
    tmp_path: Path, texts: list[str], expected: list[Any]
) -> None:
    text = "user,item,other\n" + "".join(f"1,2,{text}\n" for text in texts)
    assert columns_of(tmp_path / "t.csv", text)[2] == expected


def test_quotation_marks_count_only_where_the_format_has_them(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    rows = ['"Heat" (1995)', 'Say "hi"', '"', '"Up'] * 3
    for separator in ("\t", "::", "|"):
        text = "".join(f"{i}{separator}{title}\n" for i, title in enumerate(rows))
        assert columns_of(path, text) == [[*range(12)], rows]
    # As R writes a table: around every name and every word.
    text = '"user"\t"title"\n"ann"\t"Heat ""x"""\n"bob"\t"Up"\n'
    assert columns_of(path, text) == [["ann", "bob"], ['Heat "x"', "Up"]]
    assert columns_of(path, '1,"Heat ""x"", y"\n2,"a\nb"\n') == [[1, 2], ['Heat "x", y', "a\nb"]]
    assert columns_of(path, '1," 7"\n2, 8\n', ids=[1]) == [[1, 2], [" 7", "8"]]


def test_the_first_row_of_words_is_no_header_unless_it_has_a_known_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    assert columns_of(path, "ann,heat\nbob,up\n") == [["ann", "bob"], ["heat", "up"]]
    assert columns_of(path, "person,book\nann,heat\n", ids=["person"]) == [["ann"], ["heat"]]
    assert columns_of(path, "person,book\nann,1\nbob,2\n") == [["ann", "bob"], [1, 2]]
    assert columns_of(path, "User_ID,book\nann,heat\n") == [["ann"], ["heat"]]
    assert columns_of(path, "ann,heat\nbob,300\ncy,up\n")[1] == ["heat", "300", "up"]
    path.write_text("user,item,item\n1,2,3\n")
    with pytest.raises(ValueError, match="several columns that could be the item"):
        Likes.from_ratings(read_table(path))


def test_columns_are_a_list(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("user,item\n1,2\n")
    with pytest.raises(TypeError, match=r"columns must be a list of labels, such as \['user'\]"):
        read_table(tmp_path / "t.csv", columns="user")
    assert read_table(tmp_path / "t.csv", columns=["item"]).values.tolist() == [[2]]
