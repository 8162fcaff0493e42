"""``movieembed info``."""

from __future__ import annotations

import json

import pytest

import movieembed as me
from command_line import error, run


def test_info(folder):
    text = run("info", folder / "data").stdout
    likes = me.Likes.from_ratings(*[me.load_movielens(folder / "data")[0]])
    assert f"\nlikes {likes.n_likes}\n" in text
    facts = json.loads(run("info", folder / "data", "--json").stdout)
    assert facts["cost_of_zero"] == me.cooccurrence_sums(likes)[0].sum()
    facts = json.loads(run("info", folder / "model.npz", "--json").stdout)
    assert facts["cost"] == me.load(folder / "model.npz").cost_
    assert "components 3\n" in run("info", folder / "model.npz").stdout


def test_info_says_what_a_model_keeps(folder, tmp_path):
    facts = json.loads(run("info", folder / "model.npz", "--json").stdout)
    model = me.load(folder / "model.npz")
    assert facts["threshold"] == 4
    assert facts["written_by"] == me.__version__
    assert facts["file_format"] == 1
    assert (facts["keeps_likes"], facts["keeps_recommender"], facts["titles"]) == (True,) * 3
    assert (facts["kept_users"], facts["kept_likes"]) == (40, model.likes_.nnz)
    assert facts["recommend_weighting"] == 0.5
    text = run("info", folder / "bare.npz").stdout
    assert "\nkeeps likes no\nkept likes none\n" in text
    assert "\nentry weighting none\n" in text
    likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1], [0, 1, 1]])
    weighted = me.MovieEmbedding(1, entry_weighting="log1p", random_state=0)
    weighted.fit(likes).save(tmp_path / "w.npz")
    text = run("info", tmp_path / "w.npz").stdout
    assert "\nentry weighting log1p\n" in text
    assert "\nthreshold none, every row was a like\n" in text
    assert "\nkeeps recommender no\n" in text


def test_info_of_pairs(tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text("a,b,n\nbread,butter,31\nbread,jam,12\nbutter,jam,14\n")
    facts = json.loads(run("info", table, "--pairs", "--json").stdout)
    X = me.Cooccurrence.from_pairs(me.read_table(table))
    assert (facts["pairs"], facts["items"], facts["paired_items"]) == (3, 3, 3)
    assert facts["shared_likes"] == 2 * (31 + 12 + 14)
    assert facts["cost_of_zero"] == 2 * (31**2 + 12**2 + 14**2)
    assert facts["cost_of_zero"] == me.cost(X, [[0.0]] * 3)


def test_a_model_is_no_table_of_pairs(folder):
    assert error("info", folder / "model.npz", "--pairs").startswith("--pairs is for a table")


@pytest.mark.parametrize(
    "option",
    [
        *("--threshold=0", "--user-col=a", "--item-col=a", "--rating-col=a", "--time-col=a"),
        *("--sep=,", "--header", "--no-header", "--layout=rows", "--where=a==1", "--missing=drop"),
        *("--dislike-below=1", "--half-life=1", "--items=a", "--id-col=a", "--title-col=a"),
    ],
)
def test_options_for_data_are_not_for_a_model(folder, option):
    name = "--header" if option == "--no-header" else option.split("=", 1)[0]
    told = error("info", folder / "model.npz", option)
    assert told == f"{name} is for data, not for a model"


def test_a_report_without_data_has_no_threshold(folder, tmp_path):
    told = error("report", folder / "model.npz", "--out", tmp_path / "r.html", "--threshold", 3)
    assert told == "--threshold is for the data that --data names"
