"""Commands as people run them, within the process."""

from __future__ import annotations

from typing import Any

from typer.testing import CliRunner, Result

from movieembed.cli.commands import app


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
