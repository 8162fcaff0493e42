"""Files as well-known data sets publish them, by one command with at most two options."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import movieembed as me
import own_files as files
from command_line import error, run
from movieembed import evaluation as ev

RATINGS = files.ratings_of()
LIKED = RATINGS["stars"] >= 4
CASES = {
    "train.txt": (files.adjacency, []),
    "triples.txt": (files.triples(" "), []),
    "triples.csv": (files.triples(","), ["--no-header"]),
    "pipes": (files.triples("|"), ["--sep", "|"]),
    "mv.txt": (files.netflix, []),
    "reviews.json.gz": (files.amazon, []),
    "reviews.csv": (files.amazon_csv, []),
    "books.csv": (files.book_crossing, ["--threshold", "7"]),
    "anime.csv": (files.anime, ["--threshold", "7"]),
    "events.csv": (files.shop, ["--where", 'event == "transaction"']),
    "plays.tsv": (files.lastfm, ["--user-col", "0", "--item-col", "3"]),
    "stars.csv": (files.with_header("reviewerID,asin,overall"), []),
    "swapped.csv": (files.with_header("isbn,visitorid,stars"), []),
}


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_file_is_one_command(tmp_path, name):
    write, options = CASES[name]
    path = tmp_path / (name if "." in name else f"{name}.txt")
    write(path, RATINGS)
    facts = json.loads(run("info", path, *options, "--json").stdout)
    rows = RATINGS if name in ("train.txt", "plays.tsv") else RATINGS[LIKED]
    assert facts["likes"] == len(rows) + (name == "books.csv")
    matrix = pd.crosstab(rows["user"], rows["item"]).to_numpy()
    X = (matrix.T @ matrix).astype(float)
    if name == "swapped.csv":
        X = (matrix @ matrix.T).astype(float)
    for i in range(len(X)):
        X[i, i] = 0
    assert facts["shared_likes"] == X.sum()
    assert facts["cost_of_zero"] == (X**2).sum()


def test_the_columns_that_were_chosen_are_printed(tmp_path):
    path = tmp_path / "reviews.jsonl"
    files.amazon(path, RATINGS)
    said = "user 'reviewerID', item 'asin', rating 'overall'"
    lines = run("fit", path, "--components", 2, "--out", tmp_path / "m.npz").stdout.splitlines()
    assert f"columns {said}" in lines
    assert f"columns {said}\n" in run("info", path).stdout
    given = ["evaluate", path, "--components", 2, "--baselines", "popularity", "-k", 3]
    lines = run(*given, "--split", "last").stdout.splitlines()
    assert lines[0] == f"columns {said}, time 'unixReviewTime'"
    options = ["--item-col", "reviewerName", "--user-col", "asin"]
    facts = json.loads(run("info", path, *options, "--json").stdout)
    assert facts["columns"] == {"user": "asin", "item": "reviewerName", "rating": "overall"}


def test_errors_name_the_options_to_add(tmp_path):
    path = tmp_path / "plays.tsv"
    files.lastfm(path, RATINGS)
    message = error("info", path, "--user-col", 0)
    assert message.endswith("it has: 0, 1, 2, 3, 4, 5. Say which one it is with --item-col COLUMN")
    message = error("info", path, "--user-col", 0, "--item-col", 2)
    assert message.endswith("pass --missing drop to leave them out")
    options = ["--user-col", 0, "--item-col", 2, "--missing", "drop"]
    there = RATINGS["item"] % 3 > 0
    assert json.loads(run("info", path, *options, "--json").stdout)["likes"] == there.sum()
    path.write_text("ann\nbob\n")
    assert "pass --sep, or --layout lists if each row" in error("info", path)
    assert error("info", path, "--layout", "list").startswith("--layout must be one of rows, lists")
    path.write_text("1 1,2,3\n2 2,3\n")
    message = error("info", path, "--layout", "lists")
    said = "cannot tell whether ',' or ' ' stands between the fields of '1 1,2,3'; pass --sep"
    assert message == f"{path}: {said}"
    path.write_text("ann\nbob\n")
    message = error("info", path, "--sep", ",", "--where", "0 == cy")
    assert message == "no row has --where '0 == cy'; column 0 holds 'ann', 'bob'"
    assert error("info", path, "--sep", ",", "--where", "cy").startswith(
        "--where: 'cy' is no condition"
    )
    files.shop(path.with_suffix(".csv"), RATINGS)
    said = run("info", path.with_suffix(".csv")).stderr
    assert "to read only some rows say --where 'event == \"transaction\"'" in said
    files.with_header("user,isbn,stars,when")(path, RATINGS)
    message = error("info", path, "--time-col", "whem")
    assert message.startswith("--time-col whem is not a column of ratings; it has: 'user', 'isbn'")
    message = error("info", "demo", "--where", "a == b")
    assert message.startswith("--where is for a table of one's own")
    message = error("info", path, "--sep", ",", "--items", tmp_path)
    assert message.endswith("is a folder, not a table")


def test_likes_that_fade_and_ratings_between(tmp_path):
    path = tmp_path / "ratings.csv"
    files.with_header("user,isbn,stars,when")(path, RATINGS)
    given = ["fit", path, "--half-life", "20 days", "--time-col", "when", "--components", 2]
    given += ["--dislike-below", 3]
    run(*given, "--out", tmp_path / "m.npz")
    table = me.read_table(path)
    options = {"half_life": "20 days", "timestamp": "when", "dislike_below": 3}
    likes = me.Likes.from_ratings(table, **options)
    weights = 2.0 ** ((RATINGS["when"] - RATINGS["when"].max()) / (20 * 86400))
    assert likes.matrix.sum() == pytest.approx(weights[LIKED].sum(), rel=1e-6)
    assert likes.seen.nnz == (RATINGS["stars"] < 3).sum()
    model = me.load(tmp_path / "m.npz")
    assert (model.likes_ != likes.matrix).nnz == 0
    # MovieLens data have their times too.
    facts = json.loads(run("info", "demo", "--half-life", "300 days", "--json").stdout)
    ratings, movies = me.load_movielens("demo")
    likes = me.Likes.from_ratings(ratings, items=movies, half_life="300 days")
    assert facts["cost_of_zero"] == me.cooccurrence_sums(likes)[0].sum()


@pytest.mark.parametrize("split", ["last", "time"])
@pytest.mark.parametrize("at", [None, 0.3, "2008-02-20"])
def test_evaluate_a_table_by_time(tmp_path, split, at):
    path = tmp_path / "events.csv"
    files.shop(path, RATINGS)
    given = ["evaluate", path, "--where", "event == transaction", "--baselines", "popularity"]
    given += ["--split", split, "--components", 2, "-k", 3, "--json"]
    if at is not None:
        given += ["--split-at", at]
    if split == "last" and at is not None:
        assert error(*given) == "--split-at goes with --split time"
        return
    table = me.read_table(path, where="event == transaction")
    likes = me.Likes.from_ratings(table)
    parts = ev.split_last(likes, table)
    if split == "time":
        how = {"cutoff": at} if isinstance(at, str) else {"share": at or 0.2}
        parts = ev.split_time(likes, table, **how)
    expected = ev.evaluate({"popularity": ev.popularity}, parts, ks=(3,))
    results = json.loads(run(*given).stdout)["results"]
    assert [row["name"] for row in results] == ["movieembed", "popularity"]
    assert results[1]["recall@3"] == expected.loc["popularity", "recall@3"]


def test_times_are_asked_for(tmp_path):
    path = tmp_path / "triples.csv"
    files.with_header("user,item,rating")(path, RATINGS)
    assert error("evaluate", path, "--split", "last").endswith("with --time-col COLUMN")
    assert error("fit", path, "--half-life", 3, "-o", tmp_path / "m.npz").endswith(
        "with --time-col COLUMN"
    )
    path = tmp_path / "timed.csv"
    files.with_header("user,item,rating,time")(path, RATINGS)
    message = error("fit", path, "--half-life", "soon", "-o", tmp_path / "m.npz")
    assert message.startswith("--half-life soon is no length of time above 0")
    message = error("evaluate", path, "--split", "time", "--split-at", "soon")
    assert message == "--split-at soon is neither a number nor a date or time"
