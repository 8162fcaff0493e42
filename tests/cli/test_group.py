"""How commands end: Ctrl-C, a closed pipe, a bug; and what a process loads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from command_line import LONG, process, run
from movieembed.cli import app


def test_a_bug_is_not_taken_for_an_error_of_the_user(folder, monkeypatch):
    def broken(path):
        raise AssertionError("a bug")

    monkeypatch.setattr("movieembed.model.embedding.Embedding.load", broken)
    result = CliRunner().invoke(app, ["info", str(folder / "model.npz")])
    assert isinstance(result.exception, AssertionError)
    result = CliRunner().invoke(app, ["--traceback", "info", "absent.csv"])
    assert isinstance(result.exception, FileNotFoundError)


@pytest.mark.parametrize(
    "place",
    [
        "movieembed.model.embedding.Embedding.load",
        "movieembed.cli.group.Group.make_context",
        "movieembed.cli.group.Group.invoke",
    ],
)
def test_ctrl_c_elsewhere_ends_in_one_line(place, folder, monkeypatch):
    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(place, interrupted)
    result = run("info", folder / "model.npz", status=130)
    assert result.stderr == "movieembed: interrupted\n"


def test_a_process_prints_plain_text_and_imports_only_what_it_needs(folder, tmp_path):
    code = (
        "import sys\n"
        "from movieembed.cli import main\n"
        "try: main()\n"
        "finally: print(*sorted({'matplotlib', 'rapidfuzz'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = process("fit", folder / "data", "--out", tmp_path / "m.npz", code=code)
    assert (done.returncode, done.stderr) == (0, "\n")
    assert "\x1b" not in done.stdout
    done = process(
        "similar", tmp_path / "m.npz", "Heat", "-n", 20, env=os.environ | {"COLUMNS": "40"}
    )
    assert done.returncode == 0
    assert LONG in done.stdout
    done = process("similar", tmp_path / "m.npz", "Haet")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGPIPE")
def test_a_closed_pipe_is_quiet(movielens_small, tmp_path):
    out = tmp_path / "m.npz"
    run("fit", movielens_small, "--components", 10, "--out", out)
    command = [sys.executable, "-m", "movieembed.cli", "similar", out, "1", "-n", "9000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as piped:
        assert piped.stdout.readline().split() == [b"score", b"item", b"title"]
        piped.stdout.close()
        assert piped.stderr.read() == b""
        piped.wait(60)
    assert piped.returncode == 141
