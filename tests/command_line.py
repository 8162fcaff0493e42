"""Calls of the command line, and the titles of the made-up data of tests/cli."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from typer.testing import CliRunner, Result

from movieembed.cli import app

LONG = "A Title That Is Far Too Long For Any Terminal " * 5 + "(1999)"
TITLES = ["Heat (1995)", "[REC] (2007)", "Léon (1994)", LONG, *(f"Film {i}" for i in range(8))]


def run(*arguments: Any, status: int = 0) -> Result:
    """A command that ends with this status."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == status, result.output
    return result


def error(*arguments: Any) -> str:
    """The one line of error of a command that fails."""
    result = run(*arguments, status=2)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("movieembed: error: ")
    return lines[0].removeprefix("movieembed: error: ")


def process(*arguments, code="from movieembed.cli import main; main()", **options):
    """A real process, with pipes for stdout and stderr."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
        **options,
    )
