"""The documentation's code runs, and its reference lists every public name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import movieembed
from movieembed import evaluation, model_plots, plots, study

DOCS = Path(__file__).parents[1] / "docs"


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


def test_the_reference_is_whole() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\.\. auto\w+:: ([\w.]+)$", text, re.MULTILINE))
    modules = (movieembed, evaluation, model_plots, plots, study)
    public = {f"{module.__name__}.{name}" for module in modules for name in module.__all__}
    assert listed == public
