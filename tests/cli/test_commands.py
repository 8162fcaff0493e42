"""The command line, in the process and as a process: output, errors in one line, exit statuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

import movieembed as me
from movieembed import solvers
from movieembed.cli import console as _console
from movieembed.cli.commands import app
from movieembed.solvers.gradient_descent import gradient_descent

LONG = "A Title That Is Far Too Long For Any Terminal " * 5 + "(1999)"
TITLES = ["Heat (1995)", "[REC] (2007)", "Léon (1994)", LONG, *(f"Film {i}" for i in range(8))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Made-up data in MovieLens' layout and as tables, and a model of it."""
    root = tmp_path_factory.mktemp("cli")
    rng = np.random.default_rng(3)
    user, item = np.nonzero(rng.random((40, 12)) < 0.5)
    rating = rng.choice([3.0, 4.0, 5.0], len(user))
    ratings = pd.DataFrame(
        {"userId": user + 1, "movieId": item + 100, "rating": rating, "timestamp": 0}
    )
    movies = pd.DataFrame({"movieId": range(100, 112), "title": TITLES, "genres": "Drama"})
    data = root / "data"
    data.mkdir()
    ratings.to_csv(data / "ratings.csv", index=False)
    movies.to_csv(data / "movies.csv", index=False)
    movies.to_csv(root / "items.csv", index=False)
    own = ratings.rename(columns={"userId": "listener", "movieId": "song", "rating": "grade"})
    own[["listener", "song", "grade"]].to_csv(root / "own.csv", index=False)
    ratings.iloc[:, :3].to_csv(root / "bare.tsv", sep="\t", index=False, header=False)
    ratings.to_parquet(root / "ratings.parquet")
    likes = me.Likes.from_ratings(ratings, items=movies)
    me.MovieEmbedding(3, random_state=0).fit(likes).save(root / "model.npz")
    return root


def run(*arguments, status=0):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == status, result.output
    return result


def error(*arguments):
    """The one line of error of a command that fails."""
    result = run(*arguments, status=2)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("movieembed: error: ")
    return lines[0].removeprefix("movieembed: error: ")


def process(*arguments, code="from movieembed.cli.commands import main; main()", **options):
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


@pytest.mark.parametrize(
    "arguments",
    [
        ["own.csv", "--user-col", "listener", "--item-col", "song", "--rating-col", "grade"],
        ["bare.tsv", "--user-col", "0", "--item-col", "1", "--rating-col", "2"],
        ["ratings.parquet"],
    ],
)
def test_fit_a_table_of_ones_own(folder, tmp_path, arguments):
    out = tmp_path / "m.npz"
    source, *options = arguments
    run("fit", folder / source, *options, "--components", 3, "--out", out)
    reference = me.load(folder / "model.npz")
    assert me.load(out).cost_ == pytest.approx(reference.cost_, rel=1e-6)
    assert me.load(out).titles_ is None


@pytest.mark.parametrize("header", [True, False])
def test_an_item_table_brings_titles(folder, tmp_path, header):
    items = tmp_path / "items.csv"
    pd.read_csv(folder / "items.csv").to_csv(items, index=False, header=header)
    out = tmp_path / "m.npz"
    columns = ["--user-col", "listener", "--item-col", "song", "--rating-col", "grade"]
    options = ["--id-col", "movieId", "--title-col", "title"] if header else []
    run("fit", folder / "own.csv", *columns, "--items", items, *options, "-o", out)
    assert me.load(out).titles_.tolist() == TITLES


def test_columns_that_cannot_be_told_are_asked_for_by_option(folder, tmp_path):
    message = error("fit", folder / "own.csv", "--out", tmp_path / "m.npz")
    assert "--user-col COLUMN" in message
    assert "'listener'" in message
    message = error("fit", folder / "data", "--out", tmp_path / "m.npz", "--user-col", "x")
    assert message.startswith("--user-col is for a table of one's own")


def test_similar_prints_aligned_columns_with_whole_titles(folder):
    result = run("similar", folder / "model.npz", "Heat", "-n", 20)
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == ["score", "item", "title"]
    model = me.load(folder / "model.npz")
    expected = model.similar(100, n=20)
    assert [row.split(maxsplit=2)[2] for row in rows] == expected["title"].str.rstrip().tolist()
    assert [int(row.split()[1]) for row in rows] == expected["item"].tolist()
    assert any(LONG in row for row in rows)
    assert len({row.index(row.split(maxsplit=2)[2]) for row in rows}) == 1


def test_similar_of_several_has_a_heading_each_and_each_once(folder):
    result = run("similar", folder / "model.npz", "Heat", "101", "heat (1995)", "-n", 2)
    blocks = result.stdout.split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == ["Heat (1995)", "[REC] (2007)"]
    assert [len(block.splitlines()) for block in blocks] == [4, 4]


@pytest.mark.parametrize("method", ["cosine", "dot", "precision"])
def test_similar_as_json(folder, method):
    document = json.loads(
        run("similar", folder / "model.npz", "102", "-n", 3, "--method", method, "--json").stdout
    )
    (query,) = document["queries"]
    assert (query["item"], query["title"]) == (102, "Léon (1994)")
    expected = me.load(folder / "model.npz").similar(102, n=3, method=method)
    assert query["neighbors"] == expected.to_dict("records")


def test_recommend(folder):
    model = me.load(folder / "model.npz")
    expected = model.recommend(["Heat", 101], n=4)
    result = run("recommend", folder / "model.npz", "Heat", "101", "-n", 4)
    assert [int(line.split()[1]) for line in result.stdout.splitlines()[1:]] == expected[
        "item"
    ].tolist()
    document = json.loads(
        run("recommend", folder / "model.npz", "Heat", "101", "-n", 4, "--json").stdout
    )
    assert document["recommendations"] == expected.to_dict("records")
    assert [item["item"] for item in document["items"]] == [100, 101]


def test_recommend_with_options(folder, tmp_path):
    out = tmp_path / "kept.npz"
    arguments = ["--components", 3, "--keep-likes", "--item-scaling", 0.5, "--user-weighting", 1]
    run("fit", folder / "data", "-o", out, *arguments, "--regularization", 7)
    model = me.load(out)
    assert model.regularization_ == 7
    assert model.likes_.shape == (40, 12)
    assert (model.item_scaling, model.user_weighting) == (0.5, 1.0)
    given = ["recommend", out, "Heat", "101", "-n", 4, "--dislike", "103", "--refine", 2]
    given += ["--popularity-discount", 0.5, "--regularization", 3]
    expected = model.recommend(
        ["Heat", 101], 4, dislikes=[103], refine=2, popularity_discount=0.5, regularization=3
    )
    document = json.loads(run(*given, "--json").stdout)
    assert document["recommendations"] == expected.to_dict("records")
    document = json.loads(run(*given, "--explain", "--json").stdout)
    for record in document["recommendations"]:
        shares = model.explain(["Heat", 101], record["item"], dislikes=[103], regularization=3)
        assert record["because"] == shares["title"].iloc[0]
    lines = run(*given, "--explain").stdout.splitlines()
    assert lines[0].split()[-2:] == ["because", "of"]
    cosine = json.loads(run("recommend", out, "Heat", "--method", "cosine", "--json").stdout)
    expected = model.recommend(["Heat"], method="cosine")
    assert cosine["recommendations"] == expected.to_dict("records")
    near = ["similar", out, "Heat", "--method", "precision", "--refine", 1, "--min-likes", 12]
    (query,) = json.loads(run(*near, "--json").stdout)["queries"]
    expected = model.similar("Heat", method="precision", refine=1, min_likes=12)
    assert query["neighbors"] == expected.to_dict("records")
    assert "regularization 7\n" in run("info", out).stdout
    assert "keeps likes yes\n" in run("info", out).stdout


@pytest.mark.parametrize("split", ["random", "users", "last"])
def test_evaluate(folder, split):
    given = ["evaluate", folder / "data", "--components", "2,3", "--split", split, "-k", 3]
    document = json.loads(run(*given, "--baselines", "popularity,ease", "--json").stdout)
    assert document["split"] == split
    names = [row["name"] for row in document["results"]]
    assert names[:2] == ["movieembed", "popularity"]
    assert names[2].startswith("ease, lambda ")
    assert document["chosen"]["n_components"] in (2, 3)
    for row in document["results"]:
        assert 0 <= row["recall@3"] <= 1
    lines = run(*given).stdout.splitlines()
    assert lines[0].startswith("chosen n_components ")
    assert lines[2].split()[:2] == ["recall@3", "ndcg@3"]
    assert [line.split()[-1] for line in lines[3:5]] == ["movieembed", "popularity"]


def test_info(folder):
    text = run("info", folder / "data").stdout
    likes = me.Likes.from_ratings(*[me.load_movielens(folder / "data")[0]])
    assert f"\nlikes {likes.n_likes}\n" in text
    facts = json.loads(run("info", folder / "data", "--json").stdout)
    assert facts["cost_of_zero"] == me.cooccurrence_sums(likes)[0].sum()
    facts = json.loads(run("info", folder / "model.npz", "--json").stdout)
    assert facts["cost"] == me.load(folder / "model.npz").cost_
    assert "components 3\n" in run("info", folder / "model.npz").stdout


def test_an_unknown_gap_is_null(folder, tmp_path):
    out = tmp_path / "m.npz"
    arguments = ["fit", folder / "data", "-o", out, "--solver", "gd", "--max-iter", 1]
    assert json.loads(run(*arguments, "--json").stdout)["gap"] is None
    assert "gap unknown" in run(*arguments).stdout


def test_study_from_the_command_line(folder, tmp_path):
    out = tmp_path / "new" / "study"
    arguments = ["study", folder / "data", "--out", out, "--components", "2,M"]
    arguments += ["--iterations", 20, "--wide-iterations", 2, "--adam-rates", "0.1"]
    document = json.loads(run(*arguments, "--json").stdout)
    assert {Path(file).name for file in document["files"]} == {
        *("README.md", "loss.png", "costs.csv", "neighbors.csv", "overlap.csv")
    }
    assert {row["components"] for row in document["costs"]} == {2, 12}
    result = run(*arguments, "--no-wide", "--film", "Heat", "--momentum-rates", "1e-3")
    assert result.stdout.endswith(f"overlap.csv in {out}\n")
    assert "**" not in result.stdout
    costs = pd.read_csv(out / "costs.csv")
    assert set(costs["components"]) == {2}
    assert set(pd.read_csv(out / "neighbors.csv")["film"]) == {"Heat (1995)"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "DATA", "--out", "nowhere/m.npz"], "the folder nowhere does not exist"),
        (["fit", "DATA", "--out", "."], "is a folder"),
        (["fit", "ml-nowhere", "--out", "m.npz"], "'ml-nowhere' is neither a folder"),
        (["fit", "absent.csv", "--out", "m.npz"], "absent.csv does not exist"),
        (["fit", "DATA", "--out", "m.npz", "--components", "0"], "--components"),
        (["fit", "DATA", "--out", "m.npz", "--solver", "magic"], "--solver must be one of"),
        (
            ["fit", "DATA", "--out", "m.npz", "--backend", "dask"],
            "--backend must be one of cpu, cuda",
        ),
        (["fit", "DATA", "--out", "m.npz", "--learning-rate", "big"], "a number or exact"),
        (
            ["fit", "DATA", "--out", "m.npz", "--learning-rate", "1"],
            "takes no learning rate; leave --learning-rate exact",
        ),
        (["fit", "DATA", "--out", "m.npz", "--dtype", "int8"], "float32 or float64"),
        (["fit", "DATA", "--out", "m.npz", "--jobs", "0"], "--jobs must not be 0"),
        (
            ["fit", "DATA", "--out", "m.npz", "--solver", "gd", "--learning-rate", "9"],
            "--learning-rate exact",
        ),
        (["fit", "DATA"], "Missing option"),
        (["fit", "DATA", "--out", "m.npz", "--bogus"], "(see movieembed fit --help)"),
        (["fit", "DATA", "--out", "m.npz", "--components", "x"], "--components"),
        (["frobnicate"], "No such command 'frobnicate'"),
        (["--bogus"], "--bogus"),
        (["similar", "MODEL", "Haet"], "did you mean 'Heat (1995)'"),
        (["similar", "MODEL", "Heat", "--method", "rhyme"], "method"),
        (["similar", "MODEL"], "Missing argument"),
        (["similar", "MODEL", "Heat", "-n", "0"], "--number"),
        (["similar", "absent.npz", "Heat"], "there is no model file absent.npz"),
        (["similar", "DATA", "Heat"], "data"),
        (["recommend", "DATA/ratings.csv", "Heat"], "is not a movieembed model"),
        (["recommend", "MODEL", "Haet"], "did you mean 'Heat (1995)'"),
        (["recommend", "MODEL", "Heat", "--refine", "1"], "--keep-likes"),
        (["recommend", "MODEL", "Heat", "--dislike", "100"], "among the items and among"),
        (["recommend", "MODEL", "Heat", "--method", "magic"], "--method must be one of"),
        (["recommend", "MODEL", "Heat", "--regularization", "0"], "--regularization must be"),
        (["fit", "DATA", "--out", "m.npz", "--entry-weighting", "x"], "--entry-weighting"),
        (["fit", "DATA", "--out", "m.npz", "--item-scaling", "9"], "--item-scaling must be"),
        (["evaluate", "DATA", "--split", "x"], "--split must be one of"),
        (["evaluate", "DATA", "--baselines", "x"], "--baselines must be one of"),
        (["evaluate", "DATA", "--components", "M"], "--components must be numbers"),
        (["study", "DATA", "--out", "DATA/ratings.csv"], "is a file"),
        (["study", "DATA", "--out", "s", "--components", "2,x"], "numbers or M"),
        (["study", "DATA", "--out", "s", "--components", "M", "--no-wide"], "empty"),
        (["study", "DATA", "--out", "s", "--adam-rates", "-1"], "positive"),
        (["study", "DATA", "--out", "s", "--film", "Haet"], "did you mean"),
    ],
)
def test_an_error_is_one_line(folder, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    places = {"DATA": folder / "data", "MODEL": folder / "model.npz"}
    named = [places.get(a, a.replace("DATA/", f"{folder}/data/")) for a in arguments]
    assert words in error(*named)
    assert not (tmp_path / "m.npz").exists()


def test_out_is_checked_before_the_data_is_read(tmp_path):
    assert "folder" in error("fit", "ml-nowhere", "--out", tmp_path / "absent" / "m.npz")
    (tmp_path / "file").touch()
    assert "file" in error("study", "ml-nowhere", "--out", tmp_path / "file" / "study")


def test_a_bug_is_not_taken_for_an_error_of_the_user(folder, monkeypatch):
    def broken(path):
        raise AssertionError("a bug")

    monkeypatch.setattr("movieembed.model.embedding.Embedding.load", broken)
    result = CliRunner().invoke(app, ["info", str(folder / "model.npz")])
    assert isinstance(result.exception, AssertionError)
    result = CliRunner().invoke(app, ["--traceback", "info", "absent.csv"])
    assert isinstance(result.exception, FileNotFoundError)


def test_help_and_version():
    assert "movieembed fit ml-latest-small --out small.npz" in run("--help").stdout
    assert "$ movieembed" in run().stdout
    assert run("--version").stdout == f"movieembed {me.__version__}\n"


def test_help_is_a_tour(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = run("--help").stdout
    lines = text.splitlines()
    names = [name for group in _console.COMMANDS.values() for name in group]
    assert set(names) == set(typer.main.get_command(app).commands)
    # A command each line, in order, and in the session at the end, where it needs no scrolling.
    places = [text.index(f"│ {name} ") for name in names]
    assert places == sorted(places)
    for name in names:
        (line,) = (line for line in lines if re.match(rf"│ {name}  ", line))
        assert line.rstrip("│ ").endswith(".")
        assert f"     $ movieembed {name} " in text
    assert max(map(len, lines)) <= 80
    assert text.index("$ movieembed info") > max(places)


@pytest.mark.parametrize(
    "command", [name for group in _console.COMMANDS.values() for name in group]
)
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


def test_an_interrupted_fit_is_saved(folder, tmp_path, monkeypatch):
    def interrupted(*arguments):
        yield from islice(gradient_descent(*arguments), 4)
        raise KeyboardInterrupt

    monkeypatch.setitem(solvers.DESCENT, "gd", interrupted)
    out = tmp_path / "m.npz"
    result = run("fit", folder / "data", "--out", out, "--solver", "gd", status=130)
    assert result.stderr.startswith("movieembed: warning: interrupted after 3 iterations;")
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


def test_ctrl_c_elsewhere_ends_in_one_line(folder, monkeypatch):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("movieembed.model.embedding.Embedding.load", interrupted)
    result = run("info", folder / "model.npz", status=130)
    assert result.stderr == "movieembed: interrupted\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_a_real_signal(folder, tmp_path):
    code = (
        "import os, signal, itertools, movieembed.solvers as s\n"
        "from movieembed.cli.commands import main\n"
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


def test_a_process_prints_plain_text_and_imports_only_what_it_needs(folder, tmp_path):
    code = (
        "import sys\n"
        "from movieembed.cli.commands import main\n"
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


def test_the_real_data(movielens_small, tmp_path):
    out = tmp_path / "m.npz"
    result = run("fit", movielens_small, "--components", 10, "--out", out)
    (cost,) = [line for line in result.stdout.splitlines() if line.startswith("cost ")]
    assert cost.startswith("cost 4,669,909.7")
    document = json.loads(run("similar", out, "apollo 13", "-n", 10, "--json").stdout)
    titles = [row["title"] for row in document["queries"][0]["neighbors"]]
    assert "Fugitive, The (1993)" in titles
    assert len(titles) == 10


def test_a_terminal_gets_a_drawn_table_with_brackets_kept(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    _console.print_columns(["score", "title"], [["0.5", "[REC] (2007)"], ["0.25", "x\x1b[31m"]])
    _console.print_markdown("**No.** Lists stay.")
    text = capsys.readouterr().out
    assert "[REC] (2007)" in text
    assert "\x1b[31m" not in text
    assert "No." in text


def test_messages_in_the_words_of_the_command_line():
    said = _console.in_options("Raise max_iter, or use solver='eigen'; n_components=5 is an item.")
    assert said == "Raise --max-iter, or use --solver eigen; --components 5 is an item."
    assert _console.in_options("say it with user=... or title=...") == (
        "say it with --user-col COLUMN or --title-col COLUMN"
    )
    assert _console.describe(OSError(28, "No space left", "m.npz")) == "m.npz: No space left"
    assert _console.describe(MemoryError("Unable to allocate 9 GiB")).startswith("not enough")
    assert _console.describe(ValueError("two\nlines")) == "two lines"
