"""Help, the tour, the version and completion."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
import typer

import movieembed as me
from command_line import run
from movieembed.cli import app
from movieembed.cli.commands import COMMANDS

NAMES = [function.__name__.rstrip("_") for panel in COMMANDS.values() for function in panel]


def test_help_and_version():
    assert "movieembed fit ml-latest-small --out small.npz" in run("--help").stdout
    assert "$ movieembed" in run().stdout
    assert run("--version").stdout == f"movieembed {me.__version__}\n"


def test_help_is_a_tour(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = run("--help").stdout
    lines = text.splitlines()
    assert set(NAMES) == set(typer.main.get_command(app).commands)
    # A command each line, in order, and in the session at the end, where it needs no scrolling.
    places = [text.index(f"│ {name} ") for name in NAMES]
    assert places == sorted(places)
    for name in NAMES:
        (line,) = (line for line in lines if re.match(rf"│ {name}  ", line))
        assert line.rstrip("│ ").endswith(".")
        assert f"     $ movieembed {name} " in text
    assert max(map(len, lines)) <= 80
    assert text.index("$ movieembed info") > max(places)


@pytest.mark.parametrize("command", NAMES)
def test_help_of_a_command_ends_with_examples(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = run(command, "-h").stdout.rstrip().splitlines()
    assert max(map(len, lines)) <= 80
    examples = lines[lines.index(" Examples:") + 1 :]
    assert examples[0] == ""
    assert all(line.startswith("     $ movieembed ") for line in examples[1:])
    assert any(line.startswith(f"     $ movieembed {command} ") for line in examples)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("movieembed ", "info fit similar recommend map report evaluate study export"),
        ("movieembed fit --sol", "--solver"),
        ("movieembed fit data --solver a", "als adam"),
        ("movieembed export m.npz --format p", "projector parquet"),
    ],
)
def test_completion_in_bash(typed, offered):
    environment = os.environ | {
        "_MOVIEEMBED_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split(" ")) - 1),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "movieembed.cli"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.stdout.split() == offered.split()
