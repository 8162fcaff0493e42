"""The report: what is on the page, that it stands alone, and that titles stay text."""

from __future__ import annotations

import base64
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
from browser_pages import driver
from movieembed.cli import app
from movieembed.outputs import plots as plots
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


def test_the_commands_data_are_read_with_the_models_threshold(
    tmp_path: Path, monkeypatch: Any
) -> None:
    rows = [(u, i, 1 + (u + i) % 5) for u in range(12) for i in range(8)]
    table = pd.DataFrame(rows, columns=["user", "item", "rating"])
    table.to_csv(tmp_path / "t.csv", index=False)
    likes = me.Likes.from_ratings(table, threshold=3)
    me.MovieEmbedding(2, random_state=0).fit(likes).save(tmp_path / "m.npz")
    seen: list[me.Likes] = []
    monkeypatch.setattr(
        "movieembed.outputs.report.write_report", lambda *_, likes, **__: seen.append(likes)
    )
    given = ["report", tmp_path / "m.npz", "--out", tmp_path / "r.html", "--data"]
    for more in ([], ["--threshold", 2]):
        result = CliRunner().invoke(app, [*map(str, [*given, tmp_path / "t.csv", *more])])
        assert result.exit_code == 0, result.output
    assert [found.n_likes for found in seen] == [(table["rating"] >= k).sum() for k in (3, 2)]


@pytest.fixture(scope="module")
def demo_report(demo_likes: me.Likes, tmp_path_factory: Any) -> Any:
    """A report of the demo data with two items asked for, its model, and what it says."""
    model = me.MovieEmbedding(20, random_state=0, tol=1e-4).fit(demo_likes)
    path = tmp_path_factory.mktemp("report") / "report.html"
    me.write_report(model, path, items=[ASKED[0], ASKED[1]])
    return model, path, path.read_text(encoding="utf-8")


ASKED = ("The Cosmic Starpilot (1987)", "Bloodless Crypt (2011)")


def test_a_table_lists_the_nearest_of_what_was_asked_for(demo_report: Any) -> None:
    model, _, text = demo_report
    tables = re.findall(r"<table>(.*?)</table>", text)
    rows = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in tables[0].split("</tr>")]
    nearest = [model.similar(name, 8)["title"].tolist() for name in ASKED]
    assert rows[0] == ["", *ASKED]
    assert rows[1:-1] == [[str(k), a, b] for k, (a, b) in enumerate(zip(*nearest, strict=True), 1)]


def test_a_sentence_under_each_picture_says_what_to_see(demo_report: Any) -> None:
    model, _, text = demo_report
    words = re.findall(r"<figcaption>(.*?)</figcaption>", text)
    assert len(words) == text.count("<figure>") == 6
    for counts, said in (
        (model.item_counts_, words[0]),
        (np.diff(model.likes_.indptr), words[1]),
    ):
        ordered = np.sort(counts[counts > 0])[::-1]
        half = next(k for k in range(1, len(ordered)) if ordered[:k].sum() >= ordered.sum() / 2)
        assert f"The {half:,} " in said
        assert f"the middle one has {int(np.median(ordered)):,}." in said
    cost = model.history_["cost"]
    assert f"from {cost.iloc[0]:,.0f} to {cost.min():,.0f};" in words[2]
    share = 100 * model.eigenvalues_[:10].sum() / model.eigenvalues_.sum()
    assert f"the first 10 together {share:.0f} %." in words[3]
    scores = model.similar(ASKED[0], 8)["score"]
    assert f"scores {scores.iloc[0]:.2f}, the last of these 8 {scores.iloc[-1]:.2f}." in words[4]


def test_bars_have_one_scale(evil_model: Any, tmp_path: Path, monkeypatch: Any) -> None:
    axes: list[Any] = []
    drawn = plots.plot_neighbors

    def remembered(table: Any, ax: Any, **more: Any) -> Any:
        axes.append(ax)
        return drawn(table, ax, **more)

    monkeypatch.setattr("movieembed.outputs.report.plot_neighbors", remembered)
    me.write_report(evil_model, tmp_path / "r.html", items=[3, 4, 5])
    assert len(axes) == 3
    assert len({ax.get_xlim() for ax in axes}) == 1
    assert len({tuple(ax.get_position().bounds) for ax in axes}) == 1
    highest = max(bar.get_width() for ax in axes for bar in ax.patches)
    assert highest < axes[0].get_xlim()[1]


def held_out_path(text: str) -> list[list[str]]:
    """The rows of the table of what was tried for lambda."""
    table = re.findall(r"<table>(.*?)</table>", text)[-1]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in table.split("</tr>")[1:-1]]


def test_the_quality_is_what_the_choice_of_lambda_measured(demo_report: Any) -> None:
    model, _, text = demo_report
    assert held_out_path(text) == [
        [f"{row.regularization:,.3g}", f"{row.refine}", f"{row.ndcg:.4f} ± {row.stderr:.4f}"]
        for row in model.regularization_path_.itertuples()
    ]


@pytest.mark.parametrize(
    ("seed", "refine", "is_highest"), [(3, "auto", False), (0, 3, False), (7, 3, True)]
)
def test_the_lambda_that_was_taken_need_not_have_the_highest_quality(
    seed: int, refine: Any, is_highest: bool, tmp_path: Path
) -> None:
    rng, shares = np.random.default_rng(seed), np.arange(1, 61) ** -0.7
    likes = np.zeros((400, 60))
    likes[np.repeat(np.arange(400), 8), rng.choice(60, 3200, p=shares / shares.sum())] = 1
    model = me.MovieEmbedding(5, random_state=0, n_jobs=1, tol=1e-3, refine=refine).fit(likes)
    model.save(tmp_path / "m.npz")
    path, value = model.regularization_path_, model.regularization_
    steps = model._fitted_items().recommending.refine
    taken = path[(path["regularization"] == value) & (path["refine"] == steps)]["ndcg"].item()
    assert (taken == path["ndcg"].max()) == is_highest
    said = f"people held out: {taken:.3f} with lambda {value:,.3g} and {steps} step"
    said += " of refinement" if steps == 1 else "s of refinement"
    me.write_report(me.load(tmp_path / "m.npz"), tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert f"{said}, which were taken;" in text
    assert ("The highest in the table is ahead by no more than" in text) != is_highest


def test_pictures_are_dark_in_the_dark_and_light_on_paper(demo_report: Any) -> None:
    _, path, text = demo_report
    drawings = "".join(re.findall(r"<svg.*?</svg>", text, re.S))
    assert "var(--ink)" in drawings
    assert "var(--blue)" in drawings
    assert not re.search("#(ffffff|000000|0072b2|010203|040506|070809)", drawings, re.I)
    for browser in driver():
        browser.get(path.as_uri())
        shades = {}
        for medium, scheme in (("screen", "light"), ("screen", "dark"), ("print", "dark")):
            scheme_of = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.execute_cdp_cmd(
                "Emulation.setEmulatedMedia", {"media": medium, "features": scheme_of}
            )
            shades[medium, scheme] = browser.execute_script(
                "const of = (e, what) => getComputedStyle(e)[what];"
                "return [of(document.body, 'backgroundColor'),"
                "of(document.querySelector('svg g[id^=text] g[style]'), 'fill')]"
            )
        assert shades["screen", "light"] == ["rgb(255, 255, 255)", "rgb(28, 31, 35)"]
        assert shades["screen", "dark"] == ["rgb(21, 24, 28)", "rgb(232, 234, 237)"]
        assert shades["print", "dark"] == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
        pdf = base64.b64decode(browser.print_page())
        assert pdf.startswith(b"%PDF")


def test_a_studys_table_is_a_table(evil_model: Any, tmp_path: Path) -> None:
    likes = me.Likes.from_matrix(evil_model.likes_)
    study = run_study(likes, components=(2,), iterations=20, films=[0], progress=False)
    save_study(study, tmp_path)
    me.write_report(evil_model, tmp_path / "r.html", study=tmp_path)
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "distance to the optimum" in page.words
    assert "| ---" not in page.words


def test_the_command_takes_films(evil_model: Any, tmp_path: Path) -> None:
    evil_model.save(tmp_path / "m.npz")
    out = tmp_path / "r.html"
    films = ["--film", "Film 3", "--item", "Film 5"]
    arguments = ["report", str(tmp_path / "m.npz"), "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, *films])
    assert result.exit_code == 0, result.output
    headings = re.findall(r"<h3>(.*?)</h3>", out.read_text(encoding="utf-8"))
    assert headings == ["Film 3", "Film 5"]
