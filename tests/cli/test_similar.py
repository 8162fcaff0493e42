"""``movieembed similar``."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import movieembed as me
from command_line import LONG, error, run


def test_similar_prints_aligned_columns_with_whole_titles(folder):
    result = run("similar", folder / "model.npz", "Heat", "-n", 20)
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == ["score", "item", "title"]
    model = me.load(folder / "model.npz")
    expected = model.similar(100, n=20)
    assert [row.split(maxsplit=2)[2] for row in rows] == expected["title"].str.rstrip().tolist()
    assert [int(row.split()[1]) for row in rows] == expected["item"].tolist()
    assert any(LONG in row for row in rows)
    assert len({row.index(row.split(maxsplit=2)[2]) for row in rows}) == 1


def test_similar_of_several_has_a_heading_each_and_each_once(folder):
    result = run("similar", folder / "model.npz", "Heat", "101", "heat (1995)", "-n", 2)
    blocks = result.stdout.split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == ["Heat (1995)", "[REC] (2007)"]
    assert [len(block.splitlines()) for block in blocks] == [4, 4]


@pytest.mark.parametrize("method", ["cosine", "dot", "precision"])
def test_similar_as_json(folder, method):
    document = json.loads(
        run("similar", folder / "model.npz", "102", "-n", 3, "--method", method, "--json").stdout
    )
    (query,) = document["queries"]
    assert (query["item"], query["title"]) == (102, "Léon (1994)")
    expected = me.load(folder / "model.npz").similar(102, n=3, method=method)
    assert query["neighbors"] == expected.to_dict("records")


def test_the_neighbours_of_all(folder, tmp_path):
    model = me.load(folder / "model.npz")
    given = ["similar", folder / "model.npz", "-n", 3, "--method", "dot"]
    for suffix, read in ((".parquet", pd.read_parquet), (".csv", pd.read_csv)):
        out = tmp_path / f"neighbours{suffix}"
        assert run(*given, "--all", "--out", out).stdout == f"saved {out}\n"
        expected = model.neighbors(3, method="dot", as_frame=True)
        pd.testing.assert_frame_equal(read(out), expected, check_dtype=False, rtol=1e-6)
        assert expected.columns.tolist() == ["query", "item", "title", "rank", "score"]
    out = tmp_path / "two.csv"
    run(*given, "Heat", "101", "--out", out)
    expected = model.similar([100, 101], 3, method="dot")
    pd.testing.assert_frame_equal(pd.read_csv(out), expected, check_dtype=False, rtol=1e-6)


def test_users_who_are_alike(folder, tmp_path):
    model = me.load(folder / "model.npz")
    given = ["similar", folder / "model.npz", "--user", "7", "-n", 3]
    heading, *rows = run(*given).stdout.splitlines()
    assert heading.split() == ["score", "user"]
    expected = model.similar_users(7, 3)
    assert [int(row.split()[1]) for row in rows] == expected["user"].tolist()
    assert [float(row.split()[0]) for row in rows] == expected["score"].round(4).tolist()
    given += ["--user", "3"]
    blocks = run(*given).stdout.split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == ["user 7", "user 3"]
    document = json.loads(run(*given, "--json").stdout)
    assert [user["user"] for user in document["users"]] == [7, 3]
    alike = pd.DataFrame(document["users"][0]["alike"])
    # A product of one row and one of several round differently.
    pd.testing.assert_frame_equal(alike, expected, check_dtype=False, rtol=1e-6)
    out = tmp_path / "alike.csv"
    run(*given, "--out", out)
    found = pd.read_csv(out)
    pd.testing.assert_frame_equal(found, model.similar_users([7, 3], 3), rtol=1e-6)
    again = [*given, "--user", "7", "--user", "7.0"]
    for form in ([], ["--json"]):
        assert run(*again, *form).stdout == run(*given, *form).stdout
    run(*again, "--out", out)
    pd.testing.assert_frame_equal(pd.read_csv(out), found)
    assert "no user has the id" in error(*given, "--user", "99")
    assert "--user goes without ITEM" in error(*given, "Heat")
    assert "about items: leave out --user" in error(*given, "--method", "dot")


def test_what_all_refuses(folder, tmp_path):
    given = ["similar", folder / "model.npz", "--all"]
    assert "--all needs --out" in error(*given)
    assert "--all goes without ITEM" in error(*given, "Heat", "--out", tmp_path / "a.csv")
    assert "--out must end in one of" in error(*given, "--out", tmp_path / "a.json")
    assert not list(tmp_path.iterdir())
