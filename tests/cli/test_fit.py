"""``movieembed fit``: its options, data of one's own, checkpoints and interrupts."""

from __future__ import annotations

import json
import signal
import sys
from itertools import islice

import numpy as np
import pytest

import movieembed as me
from command_line import process, run
from movieembed import solvers
from movieembed.solvers.descent import gradient_descent


def test_fit_says_what_it_found(folder, tmp_path):
    out = tmp_path / "m.npz"
    result = run("fit", folder / "data", "--components", 3, "--out", out)
    lines = dict(line.split(" ", 1) for line in result.stdout.splitlines())
    assert set(lines) == {"data", "cost", "gap", "iterations", "seconds", "saved"}
    model = me.load(out)
    assert float(lines["cost"].replace(",", "")) == pytest.approx(model.cost_, abs=1e-4)
    assert model.n_components == 3
    assert "40 users" in lines["data"]
    assert lines["saved"] == str(out)
    assert result.stderr == ""


def test_fit_as_json(folder, tmp_path):
    out = tmp_path / "m.npz"
    document = json.loads(
        run("fit", folder / "data", "-o", out, "--components", 3, "--json").stdout
    )
    assert document["cost"] == me.load(out).cost_
    assert document["data"]["users"] == 40
    assert document["converged"] is True
    assert document["seed"] == 0
    assert document["out"] == str(out)


def test_fit_is_reproducible_and_takes_a_seed(folder, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(
            *("fit", folder / "data", "--components", 2, "--seed", seed, "--solver", "gd"),
            *("--max-iter", 5, "--jobs", 1, "--out", tmp_path / name),
        )
    a, b, c = (me.load(tmp_path / name).embedding_ for name in "abc")
    assert (a == b).all()
    assert not (a == c).all()


def test_fit_passes_the_options_on(folder, tmp_path):
    result = run(
        *("fit", folder / "data", "--components", 2, "--solver", "adam", "--learning-rate", 0.05),
        *("--tol", 1e-3, "--max-iter", 7, "--dtype", "float32", "--out", tmp_path / "m.npz"),
    )
    model = me.load(tmp_path / "m.npz")
    assert (model.solver, model.learning_rate, model.tol, model.n_iter_) == ("adam", 0.05, 1e-3, 7)
    assert model.embedding_.dtype == np.float32
    # The library's ConvergenceWarning in one line, in the words of the command line.
    (warning,) = result.stderr.splitlines()
    assert warning.startswith("movieembed: warning: adam stopped after --max-iter 7")
    assert "--solver eigen" in warning
    assert "stopped at --max-iter" in result.stdout


def test_an_unknown_gap_is_null(folder, tmp_path):
    out = tmp_path / "m.npz"
    arguments = ["fit", folder / "data", "-o", out, "--solver", "gd", "--max-iter", 1]
    assert json.loads(run(*arguments, "--json").stdout)["gap"] is None
    assert "gap unknown" in run(*arguments).stdout


def test_an_interrupted_fit_is_saved(folder, tmp_path, monkeypatch):
    def interrupted(*arguments):
        yield from islice(gradient_descent(*arguments), 4)
        raise KeyboardInterrupt

    monkeypatch.setitem(solvers.DESCENT, "gd", interrupted)
    out = tmp_path / "m.npz"
    result = run("fit", folder / "data", "--out", out, "--solver", "gd", status=130)
    assert result.stderr.startswith("movieembed: warning: interrupted after 3 iterations;")
    assert result.stderr.count("\n") == 1
    assert "iterations 3 of gd, interrupted" in result.stdout
    assert me.load(out).stop_reason_ == "interrupted"


def test_an_interrupted_fit_goes_on(folder, tmp_path, monkeypatch):
    def interrupted(*arguments):
        yield from islice(gradient_descent(*arguments), 4)
        raise KeyboardInterrupt

    fit = ["fit", folder / "data", "--out", tmp_path / "m.npz", "--checkpoint", tmp_path / "c.npz"]
    with monkeypatch.context() as patch:
        patch.setitem(solvers.DESCENT, "gd", interrupted)
        run(*fit, "--solver", "gd", status=130)
    other = run(*fit, "--components", "7", status=2)
    assert f"{tmp_path / 'c.npz'} is the checkpoint of another fit" in other.stderr
    run(*fit)
    assert me.load(tmp_path / "m.npz").history_["iteration"].tolist()[:4] == [0, 1, 2, 3]
    assert not (tmp_path / "c.npz").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_a_real_signal(folder, tmp_path):
    code = (
        "import os, signal, itertools, movieembed.solvers as s\n"
        "from movieembed.cli import main\n"
        "gd = s.DESCENT['gd']\n"
        "def slow(*a):\n"
        "    for k, step in enumerate(gd(*a)):\n"
        "        if k == 5: os.kill(os.getpid(), signal.SIGINT)\n"
        "        yield step\n"
        "s.DESCENT['gd'] = slow\n"
        "main()\n"
    )
    out = tmp_path / "m.npz"
    done = process("fit", folder / "data", "--out", out, "--solver", "gd", code=code)
    assert done.returncode == 130
    assert done.returncode != -signal.SIGINT
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert out.exists()


def test_the_real_data(movielens_small, tmp_path):
    out = tmp_path / "m.npz"
    result = run("fit", movielens_small, "--components", 10, "--out", out)
    (cost,) = [line for line in result.stdout.splitlines() if line.startswith("cost ")]
    assert cost.startswith("cost 4,669,909.7")
    document = json.loads(run("similar", out, "apollo 13", "-n", 10, "--json").stdout)
    titles = [row["title"] for row in document["queries"][0]["neighbors"]]
    assert "Fugitive, The (1993)" in titles
    assert len(titles) == 10


def own_table(path, rows):
    path.write_text("user,item,rating\n" + "".join(f"{u},{i},{r}\n" for u, i, r in rows))
    return path


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([(u, i, 3) for u in range(5) for i in range(4)], "the highest rating is 3 and the thres"),
        ([(u, u % 4, 5) for u in range(5)], "no two items are liked by the same user"),
    ],
    ids=["nothing is liked", "nothing is shared"],
)
def test_a_model_of_nothing_takes_no_others_place(folder, tmp_path, rows, why):
    out = tmp_path / "m.npz"
    run("fit", folder / "data", "--components", 2, "--out", out)
    good = out.read_bytes()
    result = run("fit", own_table(tmp_path / "t.csv", rows), "--out", out, status=1)
    assert why in result.stderr
    last = result.stderr.splitlines()[-1]
    assert last == f"movieembed: error: there is nothing to learn, so {out} is not written"
    assert result.stdout == ""
    assert out.read_bytes() == good
    run("fit", tmp_path / "t.csv", "--out", tmp_path / "new.npz", status=1)
    assert not (tmp_path / "new.npz").exists()


def test_another_scale_is_said_in_the_words_of_the_command_line(tmp_path):
    table = own_table(
        tmp_path / "t.csv", [(u, i, 1 + (u + i) % 10) for u in range(9) for i in range(8)]
    )
    result = run("fit", table, "--components", 1, "--out", tmp_path / "m.npz")
    (warning,) = result.stderr.splitlines()
    assert "ratings go up to 10, and 71% of them, those from 4 on, count as likes" in warning
    assert warning.endswith("choose with --threshold")
    assert run("info", tmp_path / "m.npz").stdout.count("threshold 4\n") == 1
    run("fit", table, "--threshold", 8, "--components", 1, "--out", tmp_path / "m.npz")
    assert me.load(tmp_path / "m.npz").threshold_ == 8
