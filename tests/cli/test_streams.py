"""Streams that are closed or full, names that are not UTF-8, and Ctrl-C at any moment."""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import movieembed as me

MAIN = [sys.executable, "-c", "from movieembed.cli import main; main()"]
posix = pytest.mark.skipif(os.name == "nt", reason="streams and signals of POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")


def in_shell(redirection: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *MAIN, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@posix
@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_closed_stream_keeps_no_work_from_being_done(
    redirection: str, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m.npz"
    done = in_shell(redirection, "fit", folder / "data", "--components", 2, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert me.load(out).embedding_.shape == (12, 2)
    assert ("saved" in done.stdout) == (">&-" not in redirection.split())


@linux
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["similar", "MODEL", "Heat"]])
def test_a_full_stream_is_one_line(arguments: list[str], folder: Path) -> None:
    given = [folder / "model.npz" if word == "MODEL" else word for word in arguments]
    done = in_shell("> /dev/full", *given)
    assert done.returncode == 1
    assert done.stderr == "movieembed: error: standard output: No space left on device\n"


@linux
def test_a_name_that_is_not_utf_8_comes_back_from_json(folder: Path, tmp_path: Path) -> None:
    out = os.fsencode(tmp_path) + b"/m\xff.npz"
    command = [*MAIN, "fit", folder / "data", "--components", "2", "--out", out, "--json"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert os.fsencode(json.loads(done.stdout)["out"]) == out
    assert os.listdir(os.fsencode(tmp_path)) == [b"m\xff.npz"]


@linux
def test_a_device_is_written_to(folder: Path) -> None:
    done = in_shell("", "fit", folder / "data", "--components", 2, "--out", "/dev/null")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "saved /dev/null")
    assert not os.path.isfile("/dev/null")


@linux
@pytest.mark.parametrize("limit", [200_000, 450_000, 700_000])
def test_little_address_space_is_one_line(limit: int, folder: Path) -> None:
    command = ["sh", "-c", f'ulimit -v {limit}; exec "$@"', "sh", *MAIN, "info", folder / "data"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("movieembed: error: not enough memory. the address space is lim")
    assert done.stderr.count("\n") == 1


# Where a process of the command line is once it is past Python's own start.
BEGUN = "import sys; from movieembed.cli import main; print(file=sys.stderr, flush=True); main()"


@posix
def test_ctrl_c_at_any_moment_is_one_line(folder: Path) -> None:
    """At moments spread evenly over the command's first half second."""
    rng, n_tries = random.Random(0), 24
    seen: collections.Counter[tuple[int, str]] = collections.Counter()
    command = [sys.executable, "-c", BEGUN, "similar", folder / "model.npz", "Heat"]
    for number in range(n_tries):
        with subprocess.Popen(
            command, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as run:
            assert run.stderr is not None
            assert run.stderr.read(1) == b"\n"
            time.sleep(0.01 + 0.5 * (number + rng.random()) / n_tries)
            run.send_signal(signal.SIGINT)
            _, said = run.communicate(timeout=120)
            seen[run.returncode, said.decode()] += 1
    assert seen.keys() <= {(130, "movieembed: interrupted\n"), (0, "")}
    assert seen[130, "movieembed: interrupted\n"] > 0
