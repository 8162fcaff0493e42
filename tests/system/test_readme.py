"""Every block of the README runs, and prints what the README says."""

import itertools
import os
import re
import shlex
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from helpers import REPOSITORY
from movieembed.cli import app
from sessions import run_sessions, transcripts

README = REPOSITORY / "README.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GAP = re.compile(r"^gap (\S+) of the cost, estimated$", re.MULTILINE)
BLOCKS = FENCE.findall(README.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, movielens_small):
    """A folder where ml-latest-small is already there, so that nothing is downloaded."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "ml-latest-small").symlink_to(movielens_small.resolve(), target_is_directory=True)
    return folder


def test_there_are_blocks():
    assert {kind for kind, _ in BLOCKS} >= {"python", "console", "sh"}


def test_python_blocks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_sessions(README, at_least=10)


def commands_and_outputs():
    return [pair for kind, text in BLOCKS if kind == "console" for pair in transcripts(text)]


def check(commands, run):
    """In order, for later commands use the files of earlier ones.

    Durations may differ, and the estimated gap by a tenth: it is of the size of rounding, which
    differs between processors.
    """
    for command, expected in commands:
        words = shlex.split(command)
        assert words[0] == "movieembed"
        printed = run(words[1:])
        assert lines(printed) == lines(expected), command
        assert gaps(printed) == pytest.approx(gaps(expected), rel=0.1), command


def needs_data(transcript):
    return "small" in transcript[0]


def test_the_first_commands_need_no_data(tmp_path):
    """As a stranger runs them: in processes of their own, in an empty folder."""
    commands = list(itertools.takewhile(lambda pair: not needs_data(pair), commands_and_outputs()))
    assert len(commands) >= 3
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}

    def run(words):
        done = subprocess.run(
            [sys.executable, "-m", "movieembed.cli", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        return done.stdout + done.stderr

    check(commands, run)


def test_console_blocks(workplace, monkeypatch):
    """In one process: most of the time of a short command is its imports'."""
    monkeypatch.chdir(workplace)
    for name, value in (("COLUMNS", "100"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    commands = list(itertools.dropwhile(lambda pair: not needs_data(pair), commands_and_outputs()))
    assert len(commands) >= 3
    check(commands, lambda words: CliRunner().invoke(app, words).output)


def lines(text):
    """Lines without trailing space, with durations and gaps replaced."""
    plain = re.sub(r"^seconds .*$", "seconds", text.strip(), flags=re.MULTILINE)
    return [line.rstrip() for line in GAP.sub("gap", plain).splitlines()]


def gaps(text):
    """The gaps that are printed."""
    return [float(gap) for gap in GAP.findall(text)]


def test_sh_blocks_name_real_commands():
    """The set-up commands: what they install is this project, what they run exists."""
    text = "\n".join(text for kind, text in BLOCKS if kind == "sh")
    assert "pip install ." in text
    assert "pytest" in text


def test_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)#]+)", README.read_text(encoding="utf-8"))
    here = [target for target in targets if "://" not in target]
    assert len(here) >= 15
    assert [target for target in here if not (REPOSITORY / target).exists()] == []
