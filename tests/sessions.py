"""Sessions of a page, in Python and in a shell, with what they print, run as they stand.

    python tests/sessions.py

writes what they print now into the README and the pages; it needs MovieLens small.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from command_line import run
from find_movielens import find_movielens
from helpers import REPOSITORY

BLOCK = re.compile(r"^```python\n(>>> .*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```console\n(\$ .*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
PAGES = ("README.md", "docs/tutorial.md", "docs/faq.md")


def run_sessions(page: Path, at_least: int) -> None:
    """Run all sessions of a page in one go, and compare what they print."""
    text = "\n".join(BLOCK.findall(page.read_text(encoding="utf-8")))
    session = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert len(session.examples) >= at_least
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report: list[str] = []
    runner.run(session, out=report.append)
    assert runner.failures == 0, "".join(report)


def transcripts(text: str) -> list[tuple[str, str]]:
    """The commands of a block, and what each prints."""
    pairs = (part.partition("\n") for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:])
    return [(command, output) for command, _, output in pairs]


def rerun(text: str, names: dict[str, Any]) -> str:
    """A Python session with what it prints now, where that is not what it says."""
    lines = []
    for example in doctest.DocTestParser().get_examples(text):
        first, *more = example.source.splitlines()
        lines += [f">>> {first}", *(f"... {line}" for line in more)]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            try:
                exec(compile(example.source, "session", "single"), names)
            except Exception as error:
                print("Traceback (most recent call last):\n  ...")
                print(*traceback.format_exception_only(error), end="")
        got = printed.getvalue()
        want = example.want
        if example.exc_msg:  # the message alone is compared
            want, got = example.exc_msg, got.splitlines()[-1] + "\n"
        same = doctest.OutputChecker().check_output(want, got, FLAGS)
        lines += (example.want if same else printed.getvalue()).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def rerun_commands(text: str) -> str:
    """Commands with what they print now; those that show no output show none."""
    lines = []
    for command, output in transcripts(text):
        printed = run(*shlex.split(command)[1:]).output if command.startswith("movieembed") else ""
        seconds = re.findall(r"^seconds .*$", output, re.MULTILINE)
        if seconds:  # a time is measured by itself
            printed = re.sub(r"^seconds .*$", seconds[0], printed, flags=re.MULTILINE)
        lines += [f"$ {command}", *(printed if output else "").splitlines()]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def within(pattern: re.Pattern[str], text: str, change: Callable[[str], str]) -> str:
    """A text with another content in each block."""
    return pattern.sub(lambda block: block[0].replace(block[1], change(block[1])), text)


def main() -> None:
    """Write what the sessions print now into the pages."""
    os.environ |= {"COLUMNS": "100", "NO_COLOR": "1"}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        small = find_movielens(Path(folder))
        assert small is not None
        Path("ml-latest-small").symlink_to(small.resolve(), target_is_directory=True)
        for name in PAGES:
            page, names = REPOSITORY / name, dict[str, Any]()
            text = page.read_text(encoding="utf-8")
            text = within(BLOCK, text, lambda session, names=names: rerun(session, names))
            text = within(COMMANDS, text, rerun_commands)
            page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
