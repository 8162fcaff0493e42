"""The command map: a page or a picture, genres from files, and its errors in one line."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from command_line import error, run
from map_cases import data_of, made_up
from movieembed.cli.data import load_genres, load_tags
from movieembed.model.embedding import Embedding
from movieembed.outputs.map import layout


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("map")
    Embedding(4, random_state=0).fit(made_up()).save(folder / "model.npz")
    table = pd.DataFrame({"movieId": range(100, 139), "genres": ["War|Crime", "Drama", ""] * 13})
    table.to_csv(folder / "items.csv", index=False)
    table.assign(title="x")[["movieId", "title", "genres"]].to_csv(
        folder / "bare.tsv", sep="\t", index=False, header=False
    )
    (folder / "data").mkdir()
    (folder / "data" / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,100,5,0\n")
    table.assign(title="x")[["movieId", "title", "genres"]].to_csv(
        folder / "data" / "movies.csv", index=False
    )
    return folder


@pytest.mark.parametrize("items", ["items.csv", "bare.tsv", "data"])
def test_the_command(files, tmp_path, items):
    out = tmp_path / "map.html"
    arguments = ("map", files / "model.npz", "--out", out, "--method", "pca")
    said = run(*arguments, "--items", files / items).stdout
    assert f"saved {out}, 0." in said
    header, _ = data_of(out.read_text(encoding="utf-8"))
    assert set(header["genres"]) == {"War", "Crime", "Drama"}
    assert header["heading"] == "model"
    facts = json.loads(run(*arguments, "--title", "Mine", "--neighbors", 3, "--json").stdout)
    assert facts["bytes"] == out.stat().st_size
    header, _ = data_of(out.read_text(encoding="utf-8"))
    assert (header["heading"], header["k"], header["genres"]) == ("Mine", 3, [])


def test_tags_name_the_clusters(files, tmp_path):
    ids = range(100, 139)
    words = ["Even" if item % 2 == 0 else "odd" for item in ids]
    tags = pd.DataFrame({"userId": 1, "movieId": ids, "tag": words})
    tags.to_csv(files / "tags.csv", index=False)
    out = tmp_path / "map.html"
    for source in (files, files / "tags.csv"):
        run("map", files / "model.npz", "--out", out, "--method", "pca", "--tags", source)
        header, _ = data_of(out.read_text(encoding="utf-8"))
        first = {name.replace(" (", ", ").split(", ")[0] for name in header["clusters"]}
        assert first >= {"even", "odd"}
    tags.assign(movieId=7).to_csv(files / "tags.csv", index=False)
    said = error("map", files / "model.npz", "--out", out, "--tags", files / "tags.csv")
    assert "has no tags of the model's items: it is of other ids" in said


WORDS = {
    "integers": ("1980", "2001"),
    "a missing one": ("1980", ""),
    "NA beside numbers": ("7", "NA"),
    "fractions": ("1.50", "24"),
    "booleans": ("True", "False"),
    "zeros in front": ("007", "08"),
    "text": ("Heist", "1980"),
}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_tags_and_genres_that_are_numbers_are_words(files, tmp_path, words):
    model = Embedding.load(files / "model.npz")
    ids = model.items_.tolist()
    column = [words[item % 2] for item in ids]
    rows = zip(ids, column, strict=True)
    (tmp_path / "t.csv").write_text("movieId,tag\n" + "".join(f"{i},{w}\n" for i, w in rows))
    expected = [[word.casefold()] if word else [] for word in column]
    assert load_tags(tmp_path / "t.csv", model) == expected
    found = load_genres(tmp_path / "t.csv", model, None, "tag")
    assert [genre or "" for genre in found] == column
    out = tmp_path / "map.html"
    given = ["--items", tmp_path / "t.csv", "--genres-col", "tag", "--tags", tmp_path / "t.csv"]
    run("map", files / "model.npz", "--out", out, "--method", "pca", *given)
    header, _ = data_of(out.read_text(encoding="utf-8"))
    assert set(header["genres"]) == set(words) - {""}


@pytest.mark.parametrize("cells", [[18, 35], [18, None], [True, False], ["Heist", None]])
def test_numbers_of_parquet_are_words(files, tmp_path, cells):
    model = Embedding.load(files / "model.npz")
    ids = model.items_.tolist()
    table = pd.DataFrame({"movieId": ids, "tag": [cells[item % 2] for item in ids]})
    if cells[0] == 18:
        table["tag"] = table["tag"].astype("Int64")
    table.to_parquet(tmp_path / "t.parquet")
    words = [None if cell is None else str(cell) for cell in cells]
    expected = [words[item % 2] for item in ids]
    found = load_genres(tmp_path / "t.parquet", model, None, "tag")
    assert [None if genre != genre else genre for genre in found] == expected
    tags = [[] if word is None else [word.casefold()] for word in expected]
    assert load_tags(tmp_path / "t.parquet", model) == tags


def test_the_command_draws_too(files, tmp_path):
    out = tmp_path / "map.PNG"
    run("map", files / "model.npz", "--out", out, "--method", "pca", "--min-likes", 2)
    assert out.read_bytes().startswith(b"\x89PNG")


def test_the_command_s_errors(files, tmp_path, monkeypatch):
    model, out = files / "model.npz", tmp_path / "map.html"
    base = ("map", model, "--out", out)
    assert "--out must end in .html, .png" in error("map", model, "--out", tmp_path / "map.gif")
    assert error(*base, "--method", "umap").startswith("--method must be one of")
    assert "--genres-col x is not a column" in error(
        *base, "--items", files / "items.csv", "--genres-col", "x"
    )
    assert "name columns of --items" in error(*base, "--id-col", "x")
    (tmp_path / "other.csv").write_text("movieId,genres\n1,War\n")
    assert "of other ids" in error(*base, "--items", tmp_path / "other.csv")
    monkeypatch.setattr(layout, "find_spec", lambda name: None)
    said = error(*base, "--method", "tsne")
    assert said.startswith("--method tsne needs openTSNE: pip install 'movieembed[map]'")
    assert not out.exists()
