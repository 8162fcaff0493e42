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
from pages import run_section
from sessions import run_sessions

DOCS = REPOSITORY / "docs"
BENCH = DOCS.parent / "bench"


@pytest.mark.parametrize(("page", "examples"), [("tutorial.md", 15), ("faq.md", 6)])
def test_a_page_of_sessions_runs(
    page: str, examples: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_sessions(DOCS / page, at_least=examples)


def test_the_commands_of_the_tutorial_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_section("tutorial.md", "The same from the command line")
    assert "847   The Cosmic Starpilot Returns (1990)" in names["printed"]
    assert (tmp_path / "map.html").exists()


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
