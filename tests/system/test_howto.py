"""Every section of docs/howto.md runs as it stands, and gives what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from pages import run_section, sections

PAGE = "howto.md"
WARNS = "Follow the exercise's descents to the letter"
# Those with a test of their own below, or in another file.
CHECKED = {
    WARNS,
    "Run your own optimisation loop",
    "Start from X itself",
    "Recommend to everybody",
    "Say what may be in a list",
    "Find people who are alike",
    "Search parameters with scikit-learn",
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_no_section_is_forgotten() -> None:
    assert set(sections(PAGE)) > CHECKED
    assert len(OTHERS) >= 10


OTHERS = sorted(name for name, blocks in sections(PAGE).items() if name and blocks)
OTHERS = [name for name in OTHERS if name not in CHECKED]


@pytest.mark.parametrize("heading", OTHERS)
def test_a_section_runs(heading: str) -> None:
    run_section(PAGE, heading)


def test_an_optimisation_loop_of_ones_own(demo_likes: me.Likes) -> None:
    names = run_section(PAGE, "Run your own optimisation loop")
    optimum = me.MovieEmbedding(10, random_state=0).fit(demo_likes).cost_
    assert optimum <= names["found"].fun < 1.05 * optimum
    before = me.cost(demo_likes, names["start"])
    assert me.cost(demo_likes, names["V"]) < before


def test_x_itself() -> None:
    names = run_section(PAGE, "Start from X itself")
    assert repr(names["X"]) == "Cooccurrence(4 items, 4 pairs)"
    assert names["model"].similar("bread", n=1)["item"].tolist() == ["butter"]
    assert "data 4 pairs, 4 items (4 in pairs)" in names["printed"]


def test_the_exercises_descent(demo_likes: me.Likes) -> None:
    with pytest.warns(Warning, match="max_iter"):
        names = run_section(PAGE, WARNS)
    first = me.cost(demo_likes, names["start"])
    assert names["costs"][0] == pytest.approx(first, rel=1e-12)
    assert len(names["costs"]) == 21
    assert "iterations 20 of adam, stopped at --max-iter" in names["printed"]


def test_lists_of_everybody() -> None:
    names = run_section(PAGE, "Recommend to everybody")
    every = names["everybody"]
    assert every.columns.tolist() == ["user", "item", "title", "rank", "score"]
    assert every["user"].nunique() == (names["likes"].matrix.sum(axis=1) > 0).sum()
    expected = pd.concat([every[every["user"] == user] for user in (42, 7)], ignore_index=True)
    pd.testing.assert_frame_equal(names["some"], expected, rtol=1e-5)
    for same in (names["other"], pd.read_parquet("lists.parquet")):
        pd.testing.assert_frame_equal(same, every, check_dtype=False, rtol=1e-5)
    near = pd.read_parquet("neighbours.parquet")
    pd.testing.assert_frame_equal(
        near[near["rank"] <= 5].reset_index(drop=True), names["near"], rtol=1e-5, check_dtype=False
    )
    assert every["title"][every["user"] == 42].iloc[0] in names["printed"]


def test_what_may_be_in_a_list() -> None:
    names = run_section(PAGE, "Say what may be in a list")
    model, films = names["model"], names["films"].set_index("movieId")
    found = model.recommend(names["person"], where="genres has Comedy and year >= 1990")
    rows = films.loc[found["item"]]
    assert len(rows) == 10
    assert rows["genres"].str.contains("Comedy").all()
    assert (rows["title"].str[-5:-1].astype(int) >= 1990).all()


def test_people_alike() -> None:
    names = run_section(PAGE, "Find people who are alike")
    vectors = names["vectors"]
    assert vectors.shape == (names["likes"].n_users, 32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    row = names["likes"].users.tolist().index(42)
    cosines = np.delete(unit @ unit[row], row)
    np.testing.assert_allclose(names["alike"]["score"], np.sort(cosines)[::-1][:5], rtol=1e-5)
    for user in names["alike"]["user"]:
        assert f"  {user}\n" in names["printed"]


def test_scikit_learns_searches() -> None:
    names = run_section(PAGE, "Search parameters with scikit-learn")
    assert names["best"]["n_components"] in (8, 32)
    assert (names["scores"] > 0.2).all()
