"""``movieembed fit``: its options, data of one's own, checkpoints and interrupts."""

from __future__ import annotations

import json
import signal
import sys
from itertools import islice

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from command_line import error, process, run
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


CIRCLE = [(3, "a", "b"), (5, "b", "c"), (2, "a", "c"), (4, "c", "d"), (1, "a", "d"), (9, "b", "d")]
PAIRS = "one,other,times\n007,7,3\nab,7,12\n007,ab,5\n7,zz,1\n"


def pairs_of(path, *options):
    out = path.parent / "pairs.npz"
    result = run("fit", path, "--pairs", "--components", 1, "--out", out, *options)
    return result, me.load(out)


def test_a_table_of_pairs(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text(PAIRS)
    result, model = pairs_of(path)
    assert result.stdout.startswith("data 4 pairs, 4 items (4 in pairs)\ncost ")
    assert model.items_.tolist() == ["007", "7", "ab", "zz"]
    X = np.array([[0, 3, 5, 0], [3, 0, 12, 1], [5, 12, 0, 0], [0, 1, 0, 0]])
    assert model.cost_ == pytest.approx(me.cost(me.Cooccurrence(X), model.embedding_), rel=1e-9)
    document = json.loads(pairs_of(path, "--json")[0].stdout)
    assert document["data"] == {
        "data": str(path),
        "pairs": 4,
        "items": 4,
        "paired_items": 4,
    }
    answer = run("recommend", tmp_path / "pairs.npz", "id:7", "-n", 1, "--json")
    assert json.loads(answer.stdout)["recommendations"][0]["item"] in ("007", "ab")


def test_the_columns_of_pairs_by_name_or_number(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("n,x,y\n" + "".join(f"{n},{a},{b}\n" for n, a, b in CIRCLE))
    _, model = pairs_of(path, "--user-col", "x", "--item-col", "y", "--rating-col", "n")
    X = [[0, 3, 2, 1], [3, 0, 5, 9], [2, 5, 0, 4], [1, 9, 4, 0]]
    expected = me.MovieEmbedding(1, random_state=0).fit(me.Cooccurrence(X)).embedding_
    assert model.items_.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(model.embedding_, expected)
    path.write_text("".join(f"{a}\t{b}\t{n}\n" for n, a, b in CIRCLE))
    np.testing.assert_array_equal(pairs_of(path)[1].embedding_, expected)
    (tmp_path / "titles.csv").write_text("id,title\na,Anna\nb,Bert\nc,Cy\nd,Dora\n")
    path.write_text("x,y\na,b\nb,c\nc,d\na,d\na,c\n")
    titled = pairs_of(path, "--user-col", "x", "--items", tmp_path / "titles.csv")[1]
    assert titled.titles_.tolist() == ["Anna", "Bert", "Cy", "Dora"]


@pytest.mark.parametrize(
    ("items", "options"),
    [
        ("title,code,name\nz1,a,Anna\nz2,b,Bert\nz3,c,Cy\nz4,d,Dora\n", ["code", "name"]),
        ("a,Anna,z1\nb,Bert,z2\nc,Cy,z3\nd,Dora,z4\n", []),
        ("z1,a,Anna\nz2,b,Bert\nz3,c,Cy\nz4,d,Dora\n", ["1", "2"]),
        ("7,a,Anna\n8,b,Bert\n9,c,Cy\n6,d,Dora\n", ["1", "2"]),
    ],
    ids=["named", "no header", "numbers", "numbers beside numbers"],
)
def test_the_columns_of_the_items_of_pairs(tmp_path, items, options):
    path = tmp_path / "pairs.csv"
    path.write_text("n,x,y\n" + "".join(f"{n},{a},{b}\n" for n, a, b in CIRCLE))
    (tmp_path / "items.csv").write_text(items)
    given = ["--user-col", "x", "--item-col", "y", "--rating-col", "n"]
    given += ["--items", tmp_path / "items.csv"]
    given += [x for pair in zip(("--id-col", "--title-col"), options, strict=False) for x in pair]
    _, model = pairs_of(path, *given)
    assert model.items_.tolist() == ["a", "b", "c", "d"]
    assert model.titles_.tolist() == ["Anna", "Bert", "Cy", "Dora"]
    X = me.Cooccurrence([[0, 3, 2, 1], [3, 0, 5, 9], [2, 5, 0, 4], [1, 9, 4, 0]])
    expected = me.MovieEmbedding(1, random_state=0).fit(X).embedding_
    np.testing.assert_array_equal(model.embedding_, expected)
    told = error("fit", path, "--pairs", *given[:8], "--id-col", "zz", "--out", tmp_path / "m")
    assert told.startswith("--id-col zz is not a column of items; it has: ")


@pytest.mark.parametrize(
    ("pairs", "items"),
    [
        ("1,2,5\n1,3,2\n2,3,9\n", "1,A\n2,B\n3,C\nx,D\n"),
        ("1,2,5\n1,x,2\n2,x,9\n", "1,A\n2,B\nx,C\n"),
    ],
)
def test_ids_of_pairs_and_of_items_are_of_one_kind(tmp_path, pairs, items):
    """Text in one column makes text of all."""
    (tmp_path / "pairs.csv").write_text(pairs)
    (tmp_path / "items.csv").write_text("id,title\n" + items)
    model = pairs_of(tmp_path / "pairs.csv", "--items", tmp_path / "items.csv")[1]
    named = [line.split(",") for line in items.splitlines()]
    assert list(map(list, zip(model.items_, model.titles_, strict=True))) == named
    X = np.zeros((len(named), len(named)))
    X[:3, :3] = [[0, 5, 2], [5, 0, 9], [2, 9, 0]]
    assert model.cost_ == pytest.approx(me.cost(me.Cooccurrence(X), model.embedding_), rel=1e-9)


def test_what_does_not_go_with_pairs(tmp_path, folder):
    path, out = tmp_path / "pairs.csv", tmp_path / "m.npz"
    path.write_text(PAIRS)
    told = error("fit", folder / "data", "--pairs", "--out", out)
    assert told.startswith("--pairs reads a table (.csv, ")
    told = error("fit", path, "--pairs", "--threshold", 3, "--out", out)
    assert told == "--threshold is for ratings, not for pairs"
    for option, value in (
        ("--half-life", "3 days"),
        ("--missing", "drop"),
        ("--time-col", "t"),
        ("--dislike-below", 3),
    ):
        told = error("fit", path, "--pairs", option, value, "--out", out)
        assert told == f"{option} is for ratings, not for pairs"
    told = error("fit", path, "--pairs", "--title-col", "title", "--out", out)
    assert told == "--title-col names a column of --items: name that file"
    told = error("fit", path, "--pairs", "--item-scaling", 1, "--out", out)
    assert told == "--item-scaling needs likes: of a Cooccurrence it is not known who liked what"
    assert not out.exists()


def test_descents_may_keep_items_that_nobody_liked(tmp_path, folder):
    options = ("fit", folder / "data", "--components", 2, "--max-iter", 3, "--out", tmp_path / "m")
    told = error(*options, "--keep-unliked")
    assert told.startswith("--keep-unliked is for gd, momentum, adam and lbfgs: --solver eigen")
    run(*options, "--solver", "adam", "--keep-unliked")
    model = me.load(tmp_path / "m")
    assert model.keep_unliked
    assert model.embedding_.any(axis=1).all()


def test_from_yesterdays_model(folder, tmp_path):
    old, new = tmp_path / "old.npz", tmp_path / "new.npz"
    run("fit", folder / "data", "--out", old, "--components", 2)
    run("fit", folder / "data", "--out", new, "--from", old)
    there, here = me.load(new), me.load(old)
    assert there.n_components == 2
    assert there.items_.tolist() == here.items_.tolist()
    assert there.cost_ == pytest.approx(here.cost_, rel=1e-6)
    assert there.n_iter_ <= here.n_iter_
    refused = run("fit", folder / "data", "--out", new, "--from", old, "--tol", 1e-3, status=2)
    assert refused.stderr == (
        "movieembed: error: --from takes the parameters of its model: leave out --tol\n"
    )


def test_a_table_of_pairs_is_read_as_the_options_say(tmp_path):
    rows = [(1, 2, 5, "x"), (1, 3, 2, "x"), (2, 3, 9, "y"), (2, 4, 1, "x")]
    lines = ["%".join(map(str, row)) for row in rows]
    (tmp_path / "odd.csv").write_text("\n".join(["one%other%n%kind", *lines]))
    expected = me.Cooccurrence([[0, 5, 2, 0], [5, 0, 0, 1], [2, 0, 0, 0], [0, 1, 0, 0]])
    named = ["--sep", "%", "--where", "kind == x"]
    model = pairs_of(tmp_path / "odd.csv", *named)[1]
    assert model.items_.tolist() == [1, 2, 3, 4]
    reference = me.MovieEmbedding(1, random_state=0).fit(expected)
    np.testing.assert_allclose(model.embedding_, reference.embedding_, atol=1e-6)
    (tmp_path / "odd.csv").write_text("\n".join(lines))
    model = pairs_of(tmp_path / "odd.csv", "--sep", "%", "--no-header", "--where", "3 == x")[1]
    np.testing.assert_allclose(model.embedding_, reference.embedding_, atol=1e-6)
    records = [dict(zip(("one", "other", "n", "kind"), row, strict=True)) for row in rows]
    (tmp_path / "odd.txt").write_text("\n".join(map(json.dumps, records)))
    model = pairs_of(tmp_path / "odd.txt", "--layout", "json", "--where", "kind == x")[1]
    np.testing.assert_allclose(model.embedding_, reference.embedding_, atol=1e-6)


def test_from_a_model_takes_its_threshold(folder, tmp_path):
    old, new = tmp_path / "old.npz", tmp_path / "new.npz"
    run("fit", folder / "data", "--out", old, "--components", 2, "--threshold", 3)
    told = json.loads(run("fit", folder / "data", "--out", new, "--from", old, "--json").stdout)
    ratings, _ = me.load_movielens(folder / "data")
    assert told["threshold"] == 3
    assert told["data"]["likes"] == (ratings["rating"] >= 3).sum()
    again = ["fit", folder / "data", "--out", new, "--from", old, "--threshold", 5, "--json"]
    assert json.loads(run(*again).stdout)["data"]["likes"] == (ratings["rating"] >= 5).sum()
    told = error("fit", folder / "data", "--out", new, "--from", old, "--jobs", 0)
    assert told.startswith("--jobs must not be 0")


@pytest.mark.parametrize("threshold", [None, 3])
def test_a_models_threshold_is_for_data_with_ratings(folder, tmp_path, threshold):
    """Files without ratings have rows that are likes."""
    old, out = tmp_path / "old.npz", tmp_path / "new.npz"
    given = [] if threshold is None else ["--threshold", threshold]
    run("fit", folder / "data", "--out", old, "--components", 2, *given)
    rows, bare = pd.read_parquet(folder / "ratings.parquet"), tmp_path / "plain.csv"
    columns = ["userId", "movieId"]
    rows[columns].to_csv(bare, index=False)
    lists = rows.groupby("userId")["movieId"].apply(lambda x: " ".join(map(str, x)))
    (tmp_path / "lists.txt").write_text("".join(f"{u} {x}\n" for u, x in lists.items()))
    for path, options in ((bare, []), (tmp_path / "lists.txt", ["--layout", "lists"])):
        told = run("fit", path, "--from", old, "--out", out, *options, "--json")
        assert json.loads(told.stdout)["data"]["likes"] == len(rows)
        assert me.load(out).threshold_ is None
    people = ["recommend", old, "--users", bare, "--user", 7, "-n", 4, "--json"]
    found = json.loads(run(*people).stdout)["users"][0]["recommendations"]
    likes = me.Likes.from_ratings(rows[columns], items=me.load(old).items_)
    expected = me.load(old).recommend_users(likes, 4, users=[7])
    assert [row["item"] for row in found] == expected["item"].tolist()
    rows.to_csv(tmp_path / "rated.csv", index=False)
    for path in (tmp_path / "rated.csv", folder / "data"):
        told = json.loads(run("fit", path, "--from", old, "--out", out, "--json").stdout)
        assert told["data"]["likes"] == (rows["rating"] >= (threshold or 4)).sum()
    told = error("fit", bare, "--from", old, "--out", out, "--threshold", 2)
    assert told.startswith("--threshold 2.0 needs ratings, but no column looks like the rating")


@pytest.mark.parametrize("option", ["--components", "--regularization"])
def test_what_tuning_chooses_is_not_given_as_well(folder, tmp_path, option):
    told = error("fit", folder / "data", "--out", tmp_path / "m.npz", "--tune", option, 3)
    assert told == f"--tune chooses {option}: leave out one of the two"


def test_columns_of_a_table_of_items_that_is_not_there(folder, tmp_path):
    given = ["fit", folder / "ratings.parquet", "--out", tmp_path / "m.npz"]
    told = error(*given, "--id-col", "movieId")
    assert told == "--id-col names a column of --items: name that file"
