"""The sections of a page of the documentation, run as they stand."""

from __future__ import annotations

import re
import shlex
from typing import Any

from command_line import run
from helpers import REPOSITORY

FENCE = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections(page: str) -> dict[str, list[tuple[str, str]]]:
    """The blocks under each heading, as (language, text); "" for those before the first."""
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    parts = re.split(r"^## (.*)\n", "\n" + text, flags=re.MULTILINE)
    return {
        heading: FENCE.findall(body)
        for heading, body in zip(["", *parts[1::2]], parts[::2], strict=True)
    }


def run_section(page: str, heading: str | None = None) -> dict[str, Any]:
    """Run what a page begins with, and then perhaps a section of it, in the current folder.

    Returns
    -------
    dict
        The names that they leave, and under "printed" what its commands printed.
    """
    found = sections(page)
    names: dict[str, Any] = {"__name__": "__main__"}
    blocks = found[""] + ([] if heading is None else found[heading])
    printed = [run_block(page, *block, names) for block in blocks]
    return names | {"printed": "".join(printed)}


def run_block(page: str, language: str, text: str, names: dict[str, Any]) -> str:
    """Run a block, and return what its commands printed."""
    if language == "python":
        exec(compile(text, page, "exec"), names)
        return ""
    commands = [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]
    words = [shlex.split(command) for command in commands]
    assert words
    assert {command[0] for command in words} == {"movieembed"}
    return "".join(run(*command[1:]).output for command in words)
