"""Python sessions of a page, with what they print, run as they stand."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

BLOCK = re.compile(r"^```python\n(>>> .*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def run_sessions(page: Path, at_least: int) -> None:
    """Run all sessions of a page in one go, and compare what they print."""
    text = "\n".join(BLOCK.findall(page.read_text(encoding="utf-8")))
    session = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert len(session.examples) >= at_least
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report: list[str] = []
    runner.run(session, out=report.append)
    assert runner.failures == 0, "".join(report)
