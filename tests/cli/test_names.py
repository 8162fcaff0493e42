"""Items named on the command line, where ids and titles are both text."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from command_line import error, run
from movieembed import study
from movieembed.cli.data import load_genres
from movieembed.outputs import report as pages

IDS = [300, 51662, 7, 2012, 11, 12]
TITLES = ["Quiz Show (1994)", "300 (2007)", "Sabrina (1995)", "7", "Up (2009)", "Heat (1995)"]


def fitted(path, items, titles):
    rows = (np.random.default_rng(5).random((30, len(items))) < 0.6).astype(int)
    likes = me.Likes.from_matrix(rows, items=items, titles=titles)
    model = me.MovieEmbedding(1, random_state=0, keep_likes=True, tol=1e-2).fit(likes)
    model.save(path)
    return model


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("names") / "model.npz"


@pytest.fixture(scope="module")
def model(path):
    return fitted(path, IDS, TITLES)


@pytest.mark.parametrize(
    ("typed", "item"),
    [("id:300", 300), ("title:300", 51662), ("51662", 51662), ("id:7", 7), ("title:7", 2012)],
)
def test_each_command_takes_an_id_or_a_title(model, path, typed, item):
    document = json.loads(run("similar", path, typed, "--json").stdout)
    assert document["queries"][0]["item"] == item
    expected = model.similar(item)
    assert document["queries"][0]["neighbors"] == expected.to_dict("records")
    assert model.similar(typed)["item"].tolist() == expected["item"].tolist()
    options = ["--dislike", typed, "--explain", "--json"]
    document = json.loads(run("recommend", path, "Heat", *options).stdout)
    expected = model.recommend([12], dislikes=[item])
    found = [{k: row[k] for k in expected} for row in document["recommendations"]]
    assert found == expected.to_dict("records")


@pytest.mark.parametrize("command", ["similar", "recommend", "dislike"])
@pytest.mark.parametrize(("typed", "items"), [("300", "300 .*51662"), ("7", "7 .*2012")])
def test_a_number_that_is_an_id_and_a_title_is_asked_back(model, path, command, typed, items):
    arguments = {
        "similar": ("similar", path, typed),
        "recommend": ("recommend", path, "Heat", typed),
        "dislike": ("recommend", path, "Heat", "--dislike", typed),
    }[command]
    message = error(*arguments)
    assert message.startswith(f"'{typed}' is an id and a title: ")
    assert message.endswith(f"say 'id:{typed}' or 'title:{typed}'")
    assert re.search(items, message)
    assert model.similar(int(typed)).equals(model.similar(f"id:{typed}"))


def test_report_and_study_take_what_was_typed(model, path, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(pages, "write_report", lambda *_, items, **__: asked.extend(items))
    run("report", path, "--item", "300", "--item", "id:7", "--out", tmp_path / "r.html")

    def run_study(*_, films, **__):
        asked.extend(films)
        return SimpleNamespace(notes=[])

    monkeypatch.setattr(study, "run_study", run_study)
    monkeypatch.setattr(study, "save_study", lambda *_: {})
    monkeypatch.setattr(study, "study_answer", lambda *_: "")
    run("study", "demo", "--out", tmp_path / "study", "--film", "300")
    index = me.ItemIndex(IDS, TITLES)
    for place in (0, 2):
        with pytest.raises(me.AmbiguousTitleError):
            index.resolve(asked[place])
    assert index.resolve(asked[1]) == IDS.index(7)


@pytest.mark.parametrize(
    "items",
    [IDS, ["007", "7", "080442957X", "NA", "7.0", "a b"], [0.5, 7.5, 7.0, 8.0, 1e20, 3.0],
     [1, 2**63, 2**64 - 1, 5, 6, 7]],
)  # fmt: skip
def test_ids_of_json_can_be_fed_back(tmp_path, items):
    model = fitted(tmp_path / "m.npz", items, TITLES)
    asked = f"id:{items[1]}"
    printed = run("similar", tmp_path / "m.npz", asked, "-n", 3, "--json").stdout
    (query,) = json.loads(printed)["queries"]
    ids = [row["item"] for row in query["neighbors"]]
    assert ids == model.similar(asked, 3)["item"].tolist()
    assert all(id_ in items and type(id_) is type(items[0]) for id_ in ids)
    # As jq writes "id:\(.item)".
    texts = [f"id:{id_ if isinstance(id_, str) else json.dumps(id_)}" for id_ in ids]
    again = json.loads(run("recommend", tmp_path / "m.npz", *texts, "--json").stdout)
    assert [row["item"] for row in again["items"]] == ids
    expected = model.recommend(texts)["item"].tolist()
    assert [row["item"] for row in again["recommendations"]] == expected


def test_text_ids_of_a_table_are_found_as_written(tmp_path):
    rng = np.random.default_rng(1)
    isbns = ["007", "7", "080442957X", "0306406152", "NA", "98765432109876543210"]
    user, item = np.nonzero(rng.random((20, 6)) < 0.7)
    ratings = pd.DataFrame({"reader": user, "book": np.array(isbns)[item], "stars": 5})
    ratings.to_csv(tmp_path / "books.csv", index=False)
    # A catalogue of digits alone is of the same ids.
    catalogue = pd.DataFrame(
        {"key": isbns, "name": ["NA", "null", "None", '"Heat" (1995)', "1", "x"]}
    )
    catalogue.to_csv(tmp_path / "names.tsv", sep="\t", index=False, quoting=3)
    columns = ["--user-col", "reader", "--item-col", "book", "--items", tmp_path / "names.tsv"]
    columns += ["--id-col", "key", "--title-col", "name"]
    run("fit", tmp_path / "books.csv", *columns, "--components", 2, "--out", tmp_path / "b.npz")
    model = me.load(tmp_path / "b.npz")
    assert model.items_.tolist() == isbns
    assert model.titles_.tolist() == catalogue["name"].tolist()
    for typed in ("007", "7", "NA", "id:98765432109876543210", '"Heat" (1995)'):
        if typed == "NA":
            assert "say 'id:NA' or 'title:NA'" in error("similar", tmp_path / "b.npz", typed)
            continue
        (query,) = json.loads(run("similar", tmp_path / "b.npz", typed, "--json").stdout)["queries"]
        assert typed.removeprefix("id:") in (query["item"], query["title"])


@pytest.mark.parametrize("odd", ["ratings", "items"])
def test_digits_in_one_file_and_text_in_the_other_are_the_same_ids(tmp_path, odd):
    ratings = pd.DataFrame({"user": [1, 1, 2, 2], "item": ["7", "8", "7", "8"], "rating": 5})
    items = pd.DataFrame({"item": ["7", "8"], "title": ["A", "B"]})
    if odd == "items":
        items.loc[2] = ["080442957X", "C"]
    else:
        items = pd.concat([items, items.assign(item=["9", "10"])])
        ratings.loc[4] = [2, "080442957X", 5]
        items.loc[2] = ["080442957X", "C"]
    ratings.to_csv(tmp_path / "r.csv", index=False)
    items.drop_duplicates().to_csv(tmp_path / "i.csv", index=False)
    options = ["--items", tmp_path / "i.csv", "--components", 1, "--out", tmp_path / "m.npz"]
    run("fit", tmp_path / "r.csv", *options)
    model = me.load(tmp_path / "m.npz")
    assert model.items_.tolist() == items["item"].drop_duplicates().tolist()
    assert model.similar("id:7", 1)["item"].tolist() == ["8"]


def test_genres_of_digits_are_those_of_a_model_of_text(tmp_path):
    model = fitted(tmp_path / "m.npz", ["7", "8", "080442957X", "9", "10", "11"], TITLES)
    genres = tmp_path / "genres.csv"
    genres.write_text("item,title,genres\n7,A,Drama\n8,B,NA\n")
    found = load_genres(genres, model, None, None)
    assert found == ["Drama", "NA", None, None, None, None]
