"""The report: what is on the page, that it stands alone, and that titles stay text."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import movieembed as me
from movieembed.cli import app
from movieembed.outputs.report import _well_known
from movieembed.study import run_study, save_study

mpl.use("Agg")


class Page(HTMLParser):
    """Tags, what they refer to, and the visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.references += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_is_whole_and_alone(evil_model: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    table = pd.DataFrame({"recall@20": [0.25], "ndcg@20_stderr": [0.1]}, index=["<ours>"])
    me.write_report(evil_model, path, evaluation=table)
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert "script" not in page.tags
    assert all(r.startswith(("#", "data:")) for r in page.references)
    assert not re.search(r"url\((?!#)", text)
    for words in ("The data", "The fit", "Neighbours", "Quality", "recall@20", "<ours>", "users"):
        assert words in page.words
    assert "stderr" not in page.words
    assert "the 20 recommended hold, on average: <ours> 25.0 %." in page.words
    assert "measured with" not in page.words
    assert page.tags.count("svg") >= 5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html"]


def test_a_study_is_taken_over(evil_model: Any, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    with pytest.raises(FileNotFoundError, match=r"no README\.md"):
        me.write_report(evil_model, tmp_path / "r.html", study=folder)
    assert not (tmp_path / "r.html").exists()
    (folder / "README.md").write_text("# T\n\n**Not <much>.**\n\n![picture](loss.png)\n\nmore")
    (folder / "loss.png").write_bytes(b"\x89PNG")
    with pytest.raises(FileNotFoundError, match=r"no costs\.csv"):
        me.write_report(evil_model, tmp_path / "r.html", study=folder)
    (folder / "costs.csv").write_text(
        "components,optimizer,learning_rate,start,cost,distance,iterations,seconds,outcome\n"
        "10,gd,1e-05,0,1234567.8,0.25,300,1.0,stopped\n"
        "10,adam,<10>,0,9.4e22,inf,6,0.1,diverged\n"
        "10,als,none,0,1000000.0,1e-12,40,0.1,converged\n"
    )
    me.write_report(evil_model, tmp_path / "r.html", study=folder)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "Not <much>." in page.words
    assert "**" not in page.words
    assert "more" not in page.words
    assert {"strong", "details"} <= set(page.tags)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall("<tr>(.*?)</tr>", text)]
    assert cells[1:] == [
        ["gradient descent", "1e-05", "10", "1,234,567.8", "2.5e-01", "300"],
        ["Adam", "&lt;10&gt;", "10", "diverged", "", "6"],
        ["ALS", "", "10", "1,000,000", "1.0e-12", "40"],
    ]


def test_a_real_study_is_taken_over(evil_model: Any, tmp_path: Path) -> None:
    likes = me.Likes.from_matrix(evil_model.likes_)
    study = run_study(likes, components=(2,), iterations=20, films=[0], progress=False)
    save_study(study, tmp_path / "study")
    me.write_report(evil_model, tmp_path / "r.html", study=tmp_path / "study")
    words = Page((tmp_path / "r.html").read_text(encoding="utf-8")).words
    assert f"All {len(study.costs)} runs" in words
    assert ">none<" not in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "**" not in words


def test_the_well_known_are_not_each_others_neighbours(demo_likes: me.Likes) -> None:
    model = me.MovieEmbedding(20, random_state=0, tol=1e-4).fit(demo_likes)
    chosen = _well_known(model)
    assert len(chosen) == 6
    assert chosen[0] == int(np.argmax(model.item_counts_))
    ids = model.items_[chosen].tolist()
    for place, item in enumerate(ids[:-1]):
        near = set(model.similar(item, 10)["item"])
        assert not near & set(ids[place + 1 :])


def test_nothing_learned_is_reported_too(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="nothing to learn"):
        empty = me.MovieEmbedding(2, random_state=0).fit(np.eye(3))
    me.write_report(empty, tmp_path / "r.html")
    assert "No item has neighbours" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_the_command(evil_model: Any, tmp_path: Path) -> None:
    evil_model.save(tmp_path / "m.npz")
    chosen = {"n_components": 64, "regularization": 100.0, "refine": 1}
    quality = {"chosen": chosen, "results": [{"name": "ours", "recall@20": 0.25}]}
    (tmp_path / "q.json").write_text(json.dumps(quality))
    out = tmp_path / "r.html"
    arguments = ["report", str(tmp_path / "m.npz"), "--out", str(out)]
    more = ["--evaluation", str(tmp_path / "q.json"), "--item", "Film 3"]
    result = CliRunner().invoke(app, [*arguments, *more])
    assert result.exit_code == 0, result.output
    words = Page(out.read_text(encoding="utf-8")).words
    assert "measured with 64 components and 1 step " in words
    assert "this model has 3 components" in words
    (tmp_path / "q.json").write_text("[]")
    result = CliRunner().invoke(app, [*arguments, *more])
    assert result.exit_code == 2
    assert "is not what movieembed evaluate --json prints" in result.output
