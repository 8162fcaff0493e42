"""The how-to's sections on users and lists run as they stand, and give what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from helpers import REPOSITORY


def block(section: str) -> Any:
    text = (REPOSITORY / "docs" / "howto.md").read_text(encoding="utf-8")
    (body,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    (code,) = re.findall(r"^```python\n(.*?)^```$", body, re.MULTILINE | re.DOTALL)
    return compile(code, "howto.md", "exec")


def test_the_howto_recommends_to_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(block("Recommend to everybody"), names)
    every = names["everybody"]
    assert every.columns.tolist() == ["user", "item", "title", "rank", "score"]
    assert every["user"].nunique() == (names["likes"].matrix.sum(axis=1) > 0).sum()
    expected = pd.concat([every[every["user"] == user] for user in (42, 7)], ignore_index=True)
    pd.testing.assert_frame_equal(names["some"], expected, rtol=1e-5)
    for same in (names["other"], pd.read_parquet("lists.parquet")):
        pd.testing.assert_frame_equal(same, every, check_dtype=False, rtol=1e-5)


def test_the_howto_says_what_may_be_in_a_list() -> None:
    names: dict[str, Any] = {}
    exec(block("Say what may be in a list"), names)
    model, films = names["model"], names["films"].set_index("movieId")
    found = model.recommend(names["person"], where="genres has Comedy and year >= 1990")
    rows = films.loc[found["item"]]
    assert len(rows) == 10
    assert rows["genres"].str.contains("Comedy").all()
    assert (rows["title"].str[-5:-1].astype(int) >= 1990).all()


def test_the_howto_finds_people_alike() -> None:
    names: dict[str, Any] = {}
    exec(block("Find people who are alike"), names)
    assert names["vectors"].shape == (names["likes"].n_users, 32)


def test_the_howto_searches_with_scikit_learn() -> None:
    names: dict[str, Any] = {}
    exec(block("Search parameters with scikit-learn"), names)
    assert names["best"]["n_components"] in (8, 32)
    assert (names["scores"] > 0.2).all()
