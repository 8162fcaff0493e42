"""``movieembed recommend``."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import movieembed as me
from command_line import error, run


def test_recommend(folder):
    model = me.load(folder / "model.npz")
    expected = model.recommend(["Heat", 101], n=4)
    result = run("recommend", folder / "model.npz", "Heat", "101", "-n", 4)
    assert [int(line.split()[1]) for line in result.stdout.splitlines()[1:]] == expected[
        "item"
    ].tolist()
    document = json.loads(
        run("recommend", folder / "model.npz", "Heat", "101", "-n", 4, "--json").stdout
    )
    assert document["recommendations"] == expected.to_dict("records")
    assert [item["item"] for item in document["items"]] == [100, 101]


def test_recommend_with_options(folder, tmp_path):
    out = tmp_path / "kept.npz"
    arguments = ["--components", 3, "--keep-likes", "--item-scaling", 0.5, "--user-weighting", 1]
    run("fit", folder / "data", "-o", out, *arguments, "--regularization", 7)
    model = me.load(out)
    assert model.regularization_ == 7
    assert model.likes_.shape == (40, 12)
    assert (model.item_scaling, model.user_weighting) == (0.5, 1.0)
    given = ["recommend", out, "Heat", "101", "-n", 4, "--dislike", "103", "--refine", 2]
    given += ["--popularity-discount", 0.5, "--regularization", 3]
    expected = model.recommend(
        ["Heat", 101], 4, dislikes=[103], refine=2, popularity_discount=0.5, regularization=3
    )
    document = json.loads(run(*given, "--json").stdout)
    assert document["recommendations"] == expected.to_dict("records")
    document = json.loads(run(*given, "--explain", "--json").stdout)
    for record in document["recommendations"]:
        shares = model.explain(["Heat", 101], record["item"], dislikes=[103], regularization=3)
        assert record["because"] == shares["title"].iloc[0]
    lines = run(*given, "--explain").stdout.splitlines()
    assert lines[0].split()[-2:] == ["because", "of"]
    cosine = json.loads(run("recommend", out, "Heat", "--method", "cosine", "--json").stdout)
    expected = model.recommend(["Heat"], method="cosine")
    assert cosine["recommendations"] == expected.to_dict("records")
    near = ["similar", out, "Heat", "--method", "precision", "--refine", 1, "--min-likes", 12]
    (query,) = json.loads(run(*near, "--json").stdout)["queries"]
    expected = model.similar("Heat", method="precision", refine=1, min_likes=12)
    assert query["neighbors"] == expected.to_dict("records")
    assert "regularization 7\n" in run("info", out).stdout
    assert "keeps likes yes\n" in run("info", out).stdout


def test_users_of_the_kept_likes(folder):
    model = me.load(folder / "model.npz")
    expected = model.recommend_users(users=[7], n=4)
    lines = run("recommend", folder / "model.npz", "--user", 7, "-n", 4).stdout.splitlines()
    assert [int(line.split()[1]) for line in lines[1:]] == expected["item"].tolist()
    both = ["recommend", folder / "model.npz", "--user", 9, "--user", "7", "-n", 4]
    blocks = run(*both).stdout.split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == ["user 9", "user 7"]
    document = json.loads(run(*both, "--json").stdout)
    assert [entry["user"] for entry in document["users"]] == [9, 7]
    table = expected.drop(columns=["user", "rank"])
    found = pd.DataFrame(document["users"][1]["recommendations"])
    # A product of one row and one of several round differently.
    pd.testing.assert_frame_equal(found, table, check_dtype=False, rtol=1e-6)
    for likes in ([], ["--users", folder / "data"]):
        again = [*both, *likes, "--user", "9", "--user", "7.0"]
        assert run(*again).stdout == run(*both, *likes).stdout
        assert json.loads(run(*again, "--json").stdout) == document


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".arrow"])
@pytest.mark.parametrize("data", ["data", "ratings.parquet", "own.csv"])
def test_users_of_any_data_to_a_file(folder, tmp_path, data, suffix):
    """Also of one's own columns, and of items in another order than the model's."""
    out = tmp_path / f"lists{suffix}"
    own = ["--user-col", "listener", "--item-col", "song", "--rating-col", "grade"]
    given = ["recommend", folder / "model.npz", "--users", folder / data, "--out", out, "-n", 5]
    result = run(*given, *(own if data == "own.csv" else []))
    assert result.stdout == f"saved {out}\n"
    model = me.load(folder / "model.npz")
    read = {".parquet": pd.read_parquet, ".csv": pd.read_csv, ".arrow": pd.read_feather}[suffix]
    expected = model.recommend_users(n=5)
    pd.testing.assert_frame_equal(read(out), expected, check_dtype=False, rtol=1e-6)
    assert expected.columns.tolist() == ["user", "item", "title", "rank", "score"]


def test_items_that_the_model_lacks_are_said(folder, tmp_path):
    ratings = pd.read_parquet(folder / "ratings.parquet")
    more = pd.DataFrame({"userId": [1, 900], "movieId": [999, 998], "rating": 5.0})
    pd.concat([ratings[["userId", "movieId", "rating"]], more]).to_csv(
        tmp_path / "more.csv", index=False
    )
    given = ["recommend", folder / "model.npz", "--users", tmp_path / "more.csv"]
    result = run(*given, "--out", tmp_path / "lists.csv")
    assert "the model lacks 2 of the 14 items" in result.stderr
    expected = me.load(folder / "model.npz").recommend_users()
    read = pd.read_csv(tmp_path / "lists.csv")
    pd.testing.assert_frame_equal(read, expected, check_dtype=False, rtol=1e-6)
    more.to_csv(tmp_path / "other.csv", index=False)
    words = error(*given[:3], tmp_path / "other.csv", "--user", 1)
    assert "has none of the model's items" in words


def test_rules(folder, tmp_path):
    items = pd.read_csv(folder / "items.csv")
    items["genres"] = ["Comedy|Drama", "Children's", "Drama"] * 4
    items["year"] = range(1990, 2002)
    items.to_csv(tmp_path / "items.csv", index=False)
    path = tmp_path / "m.npz"
    fit = ["fit", folder / "ratings.parquet", "--items", tmp_path / "items.csv"]
    run(*fit, "--components", 3, "-o", path)
    model = me.load(path)
    pairs = tmp_path / "bought.csv"
    pairs.write_text("user,item\n7,104\n7,103\n")
    dropped = pd.DataFrame({"user": [7, 7], "item": [104, 103]})
    cases = [
        (["--genre", "comedy"], {"where": "genres has Comedy"}),
        (
            ["--genre", "Children's", "--where", "year>1992"],
            {"where": 'genres has "Children\'s" and year > 1992'},
        ),
        (["--include-given", "--diversify", 0.4], {"exclude_given": False, "diversify": 0.4}),
    ]
    for options, rules in cases:
        found = json.loads(run("recommend", path, "Heat", "101", *options, "--json").stdout)
        expected = model.recommend(["Heat", 101], **rules)
        assert found["recommendations"] == expected.to_dict("records")
        assert len(expected) >= 2
        given = ["recommend", path, "--user", 7, *options, "--exclude", pairs, "--json"]
        found = json.loads(run(*given).stdout)["users"][0]["recommendations"]
        expected = model.recommend_users(users=7, exclude=dropped, **rules)
        assert found == expected.drop(columns=["user", "rank"]).to_dict("records")


def test_chosen_items(folder):
    model, given = me.load(folder / "model.npz"), ["recommend", folder / "model.npz", "--json"]
    among = ["--among", "id:104", "--among", "Heat", "--among", "106"]
    document = json.loads(run(*given, "101", *among).stdout)
    assert document["recommendations"] == model.rank([101], [104, 100, 106]).to_dict("records")
    document = json.loads(run(*given, "101", "100", *among, "--include-given").stdout)
    assert document["recommendations"] == model.rank([101, 100], [104, 100, 106]).to_dict("records")
    (user,) = json.loads(run(*given, "--user", 7, *among, "--include-given").stdout)["users"]
    rules = {"allowed_items": [104, 100, 106], "exclude_given": False}
    expected = model.recommend_users(users=7, **rules)["item"].tolist()
    assert [row["item"] for row in user["recommendations"]] == expected
    assert len(expected) >= 2
    assert "no item is called 'nothing'" in error(*given[:2], "--user", 7, "--among", "nothing")


def test_one_list_to_a_file(folder, tmp_path):
    run("recommend", folder / "model.npz", "Heat", "--out", tmp_path / "list.csv")
    expected = me.load(folder / "model.npz").recommend(["Heat"])
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "list.csv"), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument ITEM: name what somebody likes, or people by --user"),
        (["Heat", "--user", 7], "ITEM goes without --user"),
        (["--users", "DATA"], "--users needs --out"),
        (["--user", 7, "--explain"], "--explain goes with items"),
        (["--user", 7, "--threshold", 3], "--threshold is for the data that --users names"),
        (["--user", 7, "--user-col", "a"], "--user-col is for the data that --users names"),
        (["Heat", "--threshold", 3], "--threshold is for the data that --users names"),
        (["Heat", "--sep", ","], "--sep is for the data that --users names"),
        (["Heat", "--exclude", "nowhere.csv"], "--exclude goes with users, not with items"),
        (["--user", 77], "no user has the id '77'; the 40 ids are of type int"),
        (["--user", 7, "--out", "lists.txt"], "--out must end in one of .parquet"),
        (["Heat", "--where", "year"], "--where: 'year' is no condition"),
        (["Heat", "--where", "length > 3"], "'length' is not a column of the table of items"),
        (["Heat", "--diversify", 3], "--diversify must be"),
    ],
)
def test_what_is_refused(folder, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    arguments = [folder / "data" if a == "DATA" else a for a in arguments]
    assert words in error("recommend", folder / "model.npz", *arguments)
    assert not list(tmp_path.iterdir())
