"""Ids and titles of any kind, in files of any format: every reader gives what a slow one gives."""

from __future__ import annotations

import csv
import io
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from movieembed.data import number_file
from movieembed.data.delimited_text import read_table
from movieembed.data.likes import Likes
from movieembed.data.movielens import load_movielens

ODD = [
    *("7", "07", "007", "7.0", "+7", "-7", "-0", "0", "00", "1e3", "0x1F", "1_000", "٣"),
    *("NA", "None", "null", "nan", "NaN", "True", "inf", "<NA>", "N/A", "-", "#1"),
    *("0306406152", "080442957X", "10", "10.0", "10.00", "12 ", "a b"),
    *("9007199254740993", "9007199254740992", "9223372036854775807", "9223372036854775808"),
    *("-9223372036854775808", "98765432109876543210", "98765432109876543211"),
]  # fmt: skip
QUOTES = ['"Heat" (1995)', 'say "hi"', '"', "'a'", "a,b", "a;b", 'x"', '""', '"a"', "2012", "300"]
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6)
DIGITS = st.integers(0, 40).map(str)
IDS = st.one_of(DIGITS, st.integers(-(2**64), 2**65).map(str), st.sampled_from(ODD + QUOTES), WORDS)
# Columns of digits alone, of digits and few others, and of anything.
COLUMNS = st.one_of(
    st.lists(DIGITS, min_size=1, max_size=12),
    st.lists(st.one_of(DIGITS, DIGITS, DIGITS, DIGITS, IDS), min_size=1, max_size=12),
    st.lists(IDS, min_size=1, max_size=12),
)
RATINGS = st.lists(st.sampled_from(["5", "4.0", "4", "3.5", "0.5", "1"]), min_size=12, max_size=12)
FORMATS = {"csv": ",", "semicolons": ";", "tsv": "\t", "dat": "::"}
MANY = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def fits(texts: list[str], separator: str) -> bool:
    """Whether a format without quotation marks can hold the texts."""
    if separator in ",;":
        return True
    return not any(separator[0] in text for text in texts)


def written(rows: list[list[str]], separator: str, end: str = "\n") -> str:
    if separator in ",;":
        file = io.StringIO()
        csv.writer(file, delimiter=separator, lineterminator=end).writerows(rows)
        return file.getvalue()
    return "".join(separator.join(row) + end for row in rows)


def slow_rows(text: str, separator: str) -> list[list[str]]:
    if separator in ",;":
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    return [line.split(separator) for line in re.split("\r\n|\r|\n", text) if line]


def slow_ids(texts: list[str]) -> list[Any]:
    """Python integers if each text is one as Python writes it, and 64 bits hold it."""
    if all(re.fullmatch("0|-?[1-9][0-9]*", text) for text in texts):
        numbers = [int(text) for text in texts]
        if all(-(2**63) <= number < 2**63 for number in numbers):
            return numbers
    return list(texts)


def slow_likes(users: list[Any], items: list[Any], ratings: list[str]) -> dict[Any, set[Any]]:
    """Pairs of user and item, the last rating of which is a like."""
    last = {pair: float(rating) for *pair, rating in zip(users, items, ratings, strict=True)
            for pair in [tuple(pair)]}  # fmt: skip
    return {pair for pair, rating in last.items() if rating >= 4}  # type: ignore[return-value]


def pairs_of(likes: Likes) -> set[Any]:
    users, items = likes.users.tolist(), likes.items.tolist()
    rows, columns = likes.matrix.nonzero()
    return {(users[u], items[i]) for u, i in zip(rows.tolist(), columns.tolist(), strict=True)}


def same(found: list[Any], expected: list[Any]) -> None:
    assert found == expected
    assert [type(id_) for id_ in found] == [type(id_) for id_ in expected]


def movielens(
    folder: Path, separator: str, rows: list[list[str]], movies: list[list[str]], end: str
) -> None:
    header = [["userId", "movieId", "rating", "timestamp"]], [["movieId", "title", "genres"]]
    suffix, headers = ("csv", header) if separator == "," else ("dat", ([], []))
    for name, head, body in zip(("ratings", "movies"), headers, (rows, movies), strict=True):
        text = written([*head, *body], separator, end)
        (folder / f"{name}.{suffix}").write_bytes(text.encode())


@MANY
@given(
    users=COLUMNS,
    items=COLUMNS,
    ratings=RATINGS,
    titles=st.lists(st.sampled_from(ODD + QUOTES), min_size=12, max_size=12),
    dat=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    block=st.sampled_from([1, 30, 1 << 20]),
)
@example(["1"], ["007"], ["5"] * 12, ["NA"] * 12, False, "\n", 1)
@example(["1", "2"], ["7", "7.0"], ["5"] * 12, ["NA"] * 12, True, "\n", 1)
def test_both_readers_of_movielens_agree_with_a_slow_one(
    tmp_path_factory: pytest.TempPathFactory,
    users: list[str],
    items: list[str],
    ratings: list[str],
    titles: list[str],
    dat: bool,
    end: str,
    block: int,
) -> None:
    separator = "::" if dat else ","
    n = min(len(users), len(items))
    users, items, ratings = users[:n], items[:n], ratings[:n]
    if not fits([*users, *items, *titles], separator):
        return
    listed = list(dict.fromkeys(items))
    rows = [[*row, "9"] for row in zip(users, items, ratings, strict=True)]
    movies = [[id_, title, "Drama"] for id_, title in zip(listed, titles, strict=False)]
    folder = tmp_path_factory.mktemp("ml")
    movielens(folder, separator, rows, movies, end)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no likes
        patch.setattr(number_file, "BLOCK_BYTES", block)
        table, catalogue = load_movielens(folder)
        by_table = Likes.from_ratings(table, threshold=4.0, items=catalogue)
        compact = Likes.from_movielens(folder, threshold=4.0)
    same(table["userId"].tolist(), slow_ids(users))
    same(table["movieId"].tolist(), slow_ids(items))
    assert table["rating"].tolist() == list(map(float, ratings))
    same(catalogue["movieId"].tolist(), slow_ids(listed))
    assert catalogue["title"].tolist() == titles[: len(listed)]
    expected = slow_likes(slow_ids(users), slow_ids(items), ratings)
    for likes in (by_table, compact):
        same(likes.items.tolist(), slow_ids(listed))
        same(likes.users.tolist(), sorted(set(slow_ids(users))))
        assert likes.titles is not None
        assert likes.titles.tolist() == titles[: len(listed)]
        assert pairs_of(likes) == expected


@MANY
@given(
    users=COLUMNS,
    items=COLUMNS,
    ratings=RATINGS,
    name=st.sampled_from(sorted(FORMATS)),
    header=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
@example(["a"], ['"Heat" (1995)'], ["5"] * 12, "tsv", True, "\n")
@example(["NA", "x"], ["10", "10.0"], ["5"] * 12, "csv", True, "\n")
@example(["9007199254740993", "1"], ["", "2"], ["5"] * 12, "csv", True, "\n")
def test_a_table_of_ones_own_agrees_with_a_slow_reader(
    tmp_path_factory: pytest.TempPathFactory,
    users: list[str],
    items: list[str],
    ratings: list[str],
    name: str,
    header: bool,
    end: str,
) -> None:
    separator = FORMATS[name]
    n = min(len(users), len(items))
    users, items, ratings = users[:n], items[:n], ratings[:n]
    if not fits([*users, *items], separator):
        return
    rows = [list(row) for row in zip(users, items, ratings, strict=True)]
    labels: list[Any] = ["user", "item", "rating"] if header else [0, 1, 2]
    text = written([labels, *rows] if header else rows, separator, end)
    path = tmp_path_factory.mktemp("own") / "table.txt"
    path.write_bytes(text.encode())
    found = read_table(path, separator=separator, header=header, ids=labels[:2])
    slow = slow_rows(text, separator)[header:]
    assert found.columns.tolist() == labels
    for place, label in enumerate(labels[:2]):
        texts = [row[place] for row in slow]
        if separator not in ",;" and all(re.fullmatch('"([^"]|"")*"', t) for t in texts if t):
            texts = [t[1:-1].replace('""', '"') for t in texts]
        there = [t for t in texts if t]
        column = found[label]
        assert column.isna().tolist() == [not t for t in texts]
        same(column.dropna().tolist(), slow_ids(there))
    assert found[labels[2]].tolist() == [float(row[2]) for row in slow]
