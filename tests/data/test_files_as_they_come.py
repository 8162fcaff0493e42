"""Files as well-known data sets publish them give the likes that their ratings are."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import movieembed as me
import own_files as files
from movieembed.exceptions import ParameterError

RATINGS = files.ratings_of()
Case = tuple[str, Callable[[Path, pd.DataFrame], None], Callable[[int], Any], Callable[[int], Any]]


def itself(id_: int) -> int:
    return id_


CASES: list[Case] = [
    ("triples.txt", files.triples(" "), itself, itself),
    ("triples.csv", files.triples(","), itself, itself),
    ("triples.tsv", files.triples("\t"), itself, itself),
    ("mv_all.txt", files.netflix, itself, itself),
    ("reviews.json", files.amazon, lambda u: f"A{u:05}", files.asin),
    ("reviews.json.gz", files.amazon, lambda u: f"A{u:05}", files.asin),
    ("reviews.csv", files.amazon_csv, lambda u: f"A{u:012}", files.asin),
    (
        "ml.inter",
        files.with_header("user_id:token\titem_id:token\trating:float\ttimestamp:float", "\t"),
        itself,
        itself,
    ),
    *(
        (f"{header}.csv", files.with_header(header), itself, itself)
        for header in (
            "user_id,book_id,rating",
            "reviewerID,asin,overall,unixReviewTime",
            "User-ID,ISBN,Book-Rating",
            "visitorid,itemid,stars,timestamp",
            "user_id,business_id,stars,date",
            "userID,artistID,rating",
            "user_id,parent_asin,rating,timestamp",
            "customer_id,article_id,score,t_dat",
            "user_id,recipe_id,rating,submitted",
            "review_profilename,beer_beerid,review_overall,review_time",
            "user_id,anime_id,rating",
            "userId,jokeId,rating",
            "steamid,appid,rating",
        )
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
@pytest.mark.filterwarnings("ignore:the columns have no names:UserWarning")
def test_ratings_are_read_without_an_option(tmp_path: Path, case: Case) -> None:
    name, write, user, item = case
    write(tmp_path / name, RATINGS)
    likes = me.Likes.from_ratings(me.read_table(tmp_path / name))
    assert likes.users.tolist() == sorted({user(u) for u in RATINGS["user"].tolist()})
    assert likes.items.tolist() == sorted({item(i) for i in RATINGS["item"].tolist()})
    assert likes.seen is not None
    expected = np.zeros((files.N_USERS, files.N_ITEMS))
    expected[RATINGS["user"], RATINGS["item"]] = RATINGS["stars"]
    np.testing.assert_array_equal(likes.matrix.toarray(), expected >= 4)
    np.testing.assert_array_equal(likes.seen.toarray(), (expected > 0) & (expected < 4))


def test_what_was_chosen_without_names_is_said(tmp_path: Path) -> None:
    files.amazon_csv(tmp_path / "a.csv", RATINGS)
    table = me.read_table(tmp_path / "a.csv")
    with pytest.warns(UserWarning, match="they are taken as user=1, item=0, rating=2$"):
        me.Likes.from_ratings(table)
    # Seconds are no rating, and counts are none that could be guessed.
    with pytest.warns(UserWarning, match="they are taken as user=1, item=0$"):
        likes = me.Likes.from_ratings(table[[0, 1, 3]].set_axis(range(3), axis=1))
    assert likes.seen is None
    counts = pd.DataFrame({0: [1, 1, 2], 1: [7, 8, 7], 2: [1, 300, 2]})
    with pytest.warns(UserWarning, match="every row counts as a like; if the rating is 2"):
        assert me.Likes.from_ratings(counts, user=0, item=1).n_likes == 3


def test_lists_of_items(tmp_path: Path) -> None:
    files.adjacency(tmp_path / "train.txt", RATINGS)
    table = me.read_table(tmp_path / "train.txt")
    pd.testing.assert_frame_equal(table, RATINGS[["user", "item"]])
    # Rows of equal length look like a table.
    (tmp_path / "even.txt").write_text("1 7 8\n2 8 9\n")
    assert me.read_table(tmp_path / "even.txt").shape == (2, 3)
    pairs = me.read_table(tmp_path / "even.txt", layout="lists")
    assert pairs.values.tolist() == [[1, 7], [1, 8], [2, 8], [2, 9]]
    (tmp_path / "words.txt").write_text("ann\tEmma\tUlysses\n\nbob\tEmma\ncy\n")
    pairs = me.read_table(tmp_path / "words.txt", layout="lists", separator="\t")
    assert pairs.values.tolist() == [["ann", "Emma"], ["ann", "Ulysses"], ["bob", "Emma"]]
    (tmp_path / "odd.txt").write_text("1 7 8\n2 007\n")
    assert me.read_table(tmp_path / "odd.txt")["item"].tolist() == ["7", "8", "007"]
    (tmp_path / "one.txt").write_text("ann\nbob\n")
    with pytest.raises(ValueError, match=r"cannot tell what separates .* layout='lists'"):
        me.read_table(tmp_path / "one.txt")


@pytest.mark.parametrize("block", [1 << 23, 64])
def test_blocks_of_the_netflix_prize(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr("movieembed.data.number_file.BLOCK_BYTES", block)
    path = tmp_path / "combined_data_1.txt"
    files.netflix(path, RATINGS)
    rows = RATINGS.sort_values(["item", "user"], kind="stable")
    days = pd.to_datetime(rows["when"], unit="s").dt.normalize()
    expected = pd.DataFrame(
        {
            "user": rows["user"].to_numpy(),
            "item": rows["item"].to_numpy(),
            "rating": rows["stars"].to_numpy(float),
            "date": days.astype("M8[s]").to_numpy(),
        }
    )
    pd.testing.assert_frame_equal(me.read_table(path), expected)
    # Windows' line ends, a film without ratings, and none at the end.
    path.write_bytes(b"1:\r\n2:\r\n7,3,2005-01-01\r\n9,4,2005-01-02\r\n3:")
    assert me.read_table(path)[["user", "item"]].values.tolist() == [[7, 2], [9, 2]]
    path.write_text("1:\n7\n9\n")  # the probe
    assert me.read_table(path).values.tolist() == [[7, 1], [9, 1]]
    path.write_text("1:\n7,2005-01-01\n")  # the qualifying set
    assert me.read_table(path).columns.tolist() == ["user", "item", "date"]
    path.write_text("1:\n7,3,2005-01-01\n8,3,2005-01-01,9\n")
    with pytest.raises(ValueError, match=r"combined_data_1.txt: .*Expected 3 columns, got 4"):
        me.read_table(path)


@pytest.mark.parametrize("block", [1 << 23, 64])
def test_lines_of_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr("movieembed.data.number_file.BLOCK_BYTES", block)
    path = tmp_path / "reviews.jsonl"
    files.amazon(path, RATINGS)
    table = me.read_table(path)
    assert "helpful" not in table
    assert "style" not in table
    assert table["unixReviewTime"].tolist() == RATINGS["when"].tolist()
    assert table["verified"].all()
    few = me.read_table(path, columns=["asin", "overall"])
    assert few.columns.tolist() == ["asin", "overall"]
    assert few["overall"].tolist() == RATINGS["stars"].tolist()
    with pytest.raises(ValueError, match=r"columns='book' is not .* 'overall', 'unixRev"):
        me.read_table(path, columns=["book"])
    # A field may be absent, or of another kind behind the lines that were looked at.
    rows = ['{"user": 1, "item": "7", "rating": "5"}\n'] * 3 + ['{"user": 2, "item": "8"}\n'] * 3000
    path.write_text("".join(rows) + '{"user": "x", "item": 9, "rating": 4.5}\n\n')
    table = me.read_table(path)
    assert table["user"].tolist() == ["1"] * 3 + ["2"] * 3000 + ["x"]
    assert table["item"].tolist() == [7] * 3 + [8] * 3000 + [9]
    assert table["rating"].dropna().tolist() == [5, 5, 5, 4.5]
    path.write_text('{"user": 1, "item": 2}\n\n{"user": 1, "item"\n')
    with pytest.raises(ValueError, match=r"reviews.jsonl, line 3: this is no JSON object"):
        me.read_table(path)
    path.write_text("{'user': 1, 'item': 2}\n")
    with pytest.raises(ValueError, match=r"reviews.jsonl, line 1: this is no JSON object"):
        me.read_table(path)
    path.write_text('[{"user": 1, "item": 2}]\n')
    with pytest.raises(ValueError, match=r"one array of JSON, .* jq -c '.\[\]'"):
        me.read_table(path)


def test_what_was_read_or_watched_and_not_rated_is_seen(tmp_path: Path) -> None:
    files.book_crossing(tmp_path / "books.csv", RATINGS)
    likes = me.Likes.from_ratings(me.read_table(tmp_path / "books.csv"), threshold=7)
    assert likes.items.tolist() == [*(files.isbn(i) for i in range(files.N_ITEMS)), "é"]
    assert likes.seen is not None
    liked, rated = np.zeros((2, files.N_USERS, files.N_ITEMS), bool)
    rated[RATINGS["user"], RATINGS["item"]] = True
    liked[RATINGS["user"], RATINGS["item"]] = RATINGS["stars"] >= 4
    np.testing.assert_array_equal(likes.matrix.toarray()[:-1, :-1], liked)
    np.testing.assert_array_equal(likes.seen.toarray()[:-1, :-1], rated & ~liked)
    files.anime(tmp_path / "anime.csv", RATINGS)
    likes = me.Likes.from_ratings(me.read_table(tmp_path / "anime.csv"), threshold=7)
    assert likes.seen is not None
    np.testing.assert_array_equal(likes.matrix.toarray(), liked)
    np.testing.assert_array_equal(likes.seen.toarray(), rated & ~liked)


def test_events_of_a_shop(tmp_path: Path) -> None:
    files.shop(tmp_path / "events.csv", RATINGS)
    table = me.read_table(tmp_path / "events.csv")
    with pytest.warns(UserWarning, match=r"'view' or 'transaction'; .*where='event == \"trans"):
        assert me.Likes.from_ratings(table).n_likes == len(RATINGS)
    bought = me.read_table(tmp_path / "events.csv", where='event == "transaction"')
    expected = table[table["event"] == "transaction"].reset_index(drop=True)
    pd.testing.assert_frame_equal(bought, expected)
    likes = me.Likes.from_ratings(bought)
    assert likes.n_likes == (RATINGS["stars"] >= 4).sum()


@pytest.mark.filterwarnings("ignore:the columns have no names:UserWarning")
def test_plays_of_last_fm(tmp_path: Path) -> None:
    path = tmp_path / "plays.tsv"
    files.lastfm(path, RATINGS)
    # Artists' ids are missing here and there, so that their names are taken.
    likes = me.Likes.from_ratings(me.read_table(path))
    assert sorted(likes.items.tolist()) == sorted({f"Artist {i}" for i in RATINGS["item"]})
    assert likes.n_likes == len(RATINGS)
    # The first row has a name that columns have elsewhere.
    path.write_text("song\tann\nx\ty\nsong\tz\n")
    assert me.read_table(path).shape == (3, 2)
    path.write_text("ann\tbook\nbob\tsong\n")
    assert me.read_table(path).shape == (1, 2)
    assert me.read_table(path, header=False).shape == (2, 2)


PAIRS = [[0, 1], [0, 2], [1, 5]]


@pytest.mark.parametrize("separator", ["::", "\t", ",", ";", "|", " ", ", "])
@pytest.mark.parametrize("named", ["user{}item{}more\n", "", "x{}y\n"])
@pytest.mark.parametrize("block", [1 << 23, 4])
def test_what_separates_items_in_lists_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, separator: str, named: str, block: int
) -> None:
    monkeypatch.setattr("movieembed.data.number_file.BLOCK_BYTES", block)
    path = tmp_path / "lists.csv"
    header = named.format(separator, separator)
    path.write_text(header + f"0{separator}1{separator}2\n1{separator}5\n")
    pairs = me.read_table(path, layout="lists")
    assert pairs.values.tolist() == PAIRS
    assert me.read_table(path, layout="lists", header=bool(header)).values.tolist() == PAIRS
    if header:
        without = me.read_table(path, layout="lists", header=False)
        assert without["user"].iloc[0] == header.split(separator.strip() or None)[0].strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A tab behind the user, blanks between the items.
        ("1\t1 2 3\n2\t3\n", [[1, 1], [1, 2], [1, 3], [2, 3]]),
        ("A1\tB1 B2\t\nA2\tB3\n", [["A1", "B1"], ["A1", "B2"], ["A2", "B3"]]),
        ("1\t2 3\t4\n", [[1, 2], [1, 3], [1, 4]]),
        ("1 it,em1 2\n2 2 3\n3 4\n", [[1, "it,em1"], [1, "2"], [2, "2"], [2, "3"], [3, "4"]]),
        (
            "ann\tEmma\tThe Idiot\nbob\tEmma\n",
            [["ann", "Emma"], ["ann", "The Idiot"], ["bob", "Emma"]],
        ),
        ("ann;One, Two;Emma\nbob;Emma\n", [["ann", "One, Two"], ["ann", "Emma"], ["bob", "Emma"]]),
        ("User ID,Items\n7,Emma,The Idiot\n", [[7, "Emma"], [7, "The Idiot"]]),
        ("1,2\n3\n4\n", [[1, 2]]),
        # A separator at the end, or twice, makes no item.
        ("1,2,3,\n4,2,\n", [[1, 2], [1, 3], [4, 2]]),
        ("user,item,\n1,,2,3,\n4,2, ,\n5,\n", [[1, 2], [1, 3], [4, 2]]),
        ("1;2;3; \n4;2\n", [[1, 2], [1, 3], [4, 2]]),
    ],
)
@pytest.mark.parametrize("block", [1 << 23, 4])
def test_rows_of_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, text: str, expected: list[Any]
) -> None:
    monkeypatch.setattr("movieembed.data.number_file.BLOCK_BYTES", block)
    path = tmp_path / "lists.txt"
    path.write_text(text)
    assert me.read_table(path, layout="lists").values.tolist() == expected


@pytest.mark.parametrize(
    ("text", "separators", "separator", "expected"),
    [
        ("1 1,2,3\n2 2,3\n", "',' or ' '", " ", [[1, "1,2,3"], [2, "2,3"]]),
        ("1 2,3\n2 5\n3 6\n", "' ' or ','", " ", [[1, "2,3"], [2, "5"], [3, "6"]]),
        ("1 i,1 i,2\n2 i,3\n", "',' or ' '", " ", [[1, "i,1"], [1, "i,2"], [2, "i,3"]]),
        ("1,1 2 3\n2,1\n", "',' or ' '", ",", [[1, "1 2 3"], [2, "1"]]),
        ("1\t1,2,3\n2\t4,5\n", r"'\t' or ','", "\t", [[1, "1,2,3"], [2, "4,5"]]),
        ("al\tIt\nAn Li\tIt\n", r"'\t' or ' '", "\t", [["al", "It"], ["An Li", "It"]]),
    ],
)
def test_lists_of_which_the_separator_cannot_be_told(
    tmp_path: Path, text: str, separators: str, separator: str, expected: list[Any]
) -> None:
    path = tmp_path / "lists.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match="cannot tell whether " + re.escape(separators)) as raised:
        me.read_table(path, layout="lists")
    assert isinstance(raised.value, ParameterError)
    assert raised.value.parameter == "separator"
    pairs = me.read_table(path, layout="lists", separator=separator, header=False)
    assert pairs.values.tolist() == expected


def test_a_list_without_its_user_has_a_missing_one(tmp_path: Path) -> None:
    path = tmp_path / "lists.txt"
    path.write_text(",2,3\n4,2\n")
    pairs = me.read_table(path, layout="lists")
    assert pairs["user"].isna().tolist() == [True, True, False]
    assert pairs["item"].tolist() == [2, 3, 2]
    assert me.Likes.from_ratings(pairs, missing="drop").users.tolist() == [4]


def test_lists_of_words_are_no_header(tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_text("ann,Emma,The Idiot\nbob,Emma\n")
    pairs = me.read_table(path, layout="lists")
    assert pairs.values.tolist() == [["ann", "Emma"], ["ann", "The Idiot"], ["bob", "Emma"]]
    assert me.read_table(path, layout="lists", header=True).values.tolist() == [["bob", "Emma"]]


def test_blanks_behind_the_item_of_a_block(tmp_path: Path) -> None:
    path = tmp_path / "blocks.txt"
    path.write_bytes(b"1: \n7,3,2005-01-01\n2:\t \r\n9,4,2005-01-02\r\n3:  ")
    table = me.read_table(path)
    assert table[["user", "item", "rating"]].values.tolist() == [[7, 1, 3], [9, 2, 4]]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("block", [1 << 23, 40])
def test_lines_of_json_in_either_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, encoding: str
) -> None:
    monkeypatch.setattr("movieembed.data.number_file.BLOCK_BYTES", block)
    path = tmp_path / "reviews.jsonl"
    names = ["Am\u00e9lie", "It", "L\u00e9on", "Emma"]
    lines = [f'{{"user": {i}, "item": "{name}", "stars": {i}}}\n' for i, name in enumerate(names)]
    path.write_bytes("".join(lines).encode(encoding))
    table = me.read_table(path)
    assert table["item"].tolist() == names
    assert me.read_table(path, columns=["user"])["user"].tolist() == [0, 1, 2, 3]
    assert table["stars"].tolist() == [0, 1, 2, 3]
