"""The how-to's sections on files and on time run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers import REPOSITORY

SECTIONS = {"Read files as they come": 2, "Go by time": 1, "Evaluate on your own table": 1}


@pytest.mark.parametrize("section", SECTIONS)
def test_blocks_run(section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (REPOSITORY / "docs" / "howto.md").read_text(encoding="utf-8")
    (body,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```python\n(.*?)^```$", body, re.MULTILINE | re.DOTALL)
    assert len(blocks) == SECTIONS[section]
    for block in blocks:
        exec(compile(block, "howto.md", "exec"), {})
