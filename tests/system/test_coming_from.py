"""The blocks of docs/coming_from.md run as they stand, and give what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import REPOSITORY


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    text = (REPOSITORY / "docs" / "coming_from.md").read_text(encoding="utf-8")

    def names_of(heading: str) -> dict[str, Any]:
        section = re.split(r"^## ", text.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]
        (code,) = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
        names: dict[str, Any] = {}
        exec(compile(code, "coming_from.md", "exec"), names)
        return names

    return names_of


def test_implicit(run: Any) -> None:
    names = run("implicit")
    assert "The Cosmic Starpilot III (1993)" in names["alike"]["title"].tolist()
    assert names["lists"]["user"].tolist() == [1] * 10 + [2] * 10
    liked = names["likes"].matrix[[names["likes"].users.tolist().index(1)]].indices
    own = set(names["likes"].items[liked].tolist())
    assert not own & set(names["lists"]["item"][:10])
    assert own & set(names["again"]["item"])


def test_gensim(run: Any) -> None:
    names = run("gensim's KeyedVectors")
    assert len(names["near"]) == 5
    first = Path("films.vec").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"{int((names['model'].item_counts_ > 0).sum())} 32"


def test_scikit_learn(run: Any) -> None:
    ours, theirs = run("scikit-learn's TruncatedSVD and NMF")["costs"]
    assert ours < theirs


def test_lenskit(run: Any) -> None:
    found = run("LensKit")["table"]["ndcg@20"]
    assert found["movieembed"] > 1.5 * found["popularity"]


def test_pytorch(run: Any) -> None:
    names = run("A PyTorch notebook of the exercise")
    assert (np.diff(names["costs"]) < 0).all()
