"""The documentation's code runs, and its reference lists every public name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import movieembed
from helpers import REPOSITORY
from movieembed import evaluation, study
from movieembed.outputs import loss_plots as plots
from movieembed.outputs import plots as model_plots

DOCS = REPOSITORY / "docs"
BENCH = DOCS.parent / "bench"


def test_the_tutorial_runs(
    tmp_path: Path, movielens_small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ml-latest-small").symlink_to(movielens_small.resolve(), target_is_directory=True)
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "tutorial.md", "exec"), names)
    assert (tmp_path / "small.npz").exists()


def blocks_under(page: str, heading: str) -> list[str]:
    """The Python blocks of a page's section."""
    text = (DOCS / page).read_text(encoding="utf-8")
    section = re.split(r"^## ", text.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]
    return re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def test_an_optimisation_loop_of_ones_own_runs(demo_likes: movieembed.Likes) -> None:
    names: dict[str, Any] = {"me": movieembed, "likes": demo_likes}
    scipys, plain = blocks_under("howto.md", "Run your own optimisation loop")
    exec(compile(scipys, "howto.md", "exec"), names)
    optimum = movieembed.MovieEmbedding(10, random_state=0).fit(demo_likes).cost_
    assert names["found"].fun == movieembed.cost(demo_likes, names["V"])
    assert optimum <= names["found"].fun < 1.05 * optimum
    exec(compile(plain, "howto.md", "exec"), names)
    before = movieembed.cost(demo_likes, names["start"])
    assert movieembed.cost(demo_likes, names["V"]) < before


def test_x_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = blocks_under("howto.md", "Start from X itself")
    names: dict[str, Any] = {"me": movieembed, "pd": pd}
    exec(compile(block, "howto.md", "exec"), names)
    assert repr(names["X"]) == "Cooccurrence(4 items, 4 pairs)"
    assert names["model"].similar("bread", n=1)["item"].tolist() == ["butter"]


def test_the_exercises_descent(demo_likes: movieembed.Likes) -> None:
    (block,) = blocks_under("howto.md", "Follow the exercise's descents to the letter")
    names: dict[str, Any] = {"me": movieembed, "np": np, "likes": demo_likes}
    with pytest.warns(Warning, match="max_iter"):
        exec(compile(block, "howto.md", "exec"), names)
    first = movieembed.cost(demo_likes, names["start"])
    assert names["costs"][0] == pytest.approx(first, rel=1e-12)
    assert len(names["costs"]) == 21


def test_the_page_on_clusters_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    Path("ratings").mkdir()
    ratings, _ = movieembed.load_movielens("demo")
    for i, rows in enumerate(np.array_split(np.arange(len(ratings)), 3)):
        ratings.iloc[rows].to_parquet(f"ratings/{i}.parquet")
    text = (DOCS / "cluster.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks:
        here = block.replace('"scheduler:8786"', "processes=False, dashboard_address=':0'")
        exec(compile(here, "cluster.md", "exec"), names)
    names["client"].close()
    assert names["model"].converged_
    written = pd.read_parquet("recommendations")
    assert (written.groupby("user")["rank"].max() == 10).all()
    assert not Path("fit.npz").exists()


@pytest.mark.skipif(not BENCH.exists(), reason="the benches are not in an sdist")
def test_the_plan_is_that_of_the_model() -> None:
    text = (DOCS / "scaling.md").read_text(encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "bench.lib.dask_model", "--plan"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.count("\n") == 6
    assert run.stdout in text


def test_the_reference_is_whole() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\.\. auto\w+:: ([\w.]+)$", text, re.MULTILINE))
    modules = (movieembed, evaluation, model_plots, plots, study)
    public = {f"{module.__name__}.{name}" for module in modules for name in module.__all__}
    assert listed == public


def test_every_picture_has_the_command_that_makes_it() -> None:
    """The gallery's commands are those of the script that draws the pictures."""
    gallery = (DOCS / "gallery.md").read_text(encoding="utf-8")
    script = (DOCS / "pictures.sh").read_text(encoding="utf-8").replace('"$work/', '"')
    script = re.sub(r'"((?:demo|map|report)\.\w+|study)"', r"\1", script).replace("docs/", "")
    commands = re.findall(r"^```sh\n(.*?)\n```$", gallery, re.MULTILINE | re.DOTALL)
    assert len(commands) == 5
    for command in commands:
        assert command in script
    shown = re.findall(r"!\[[^]]{20,}\]\((\w+\.png)\)", gallery)
    assert sorted(shown) == sorted(picture.name for picture in DOCS.glob("*.png"))
    for name in shown:
        assert (DOCS / name).stat().st_size < 300_000, name
        assert f"/{name}" in (DOCS / "pictures.sh").read_text(encoding="utf-8")
