"""Errors: one line, in the words of the command line, before any work is done for nothing."""

from __future__ import annotations

import inspect

import pytest
import typer

import movieembed as me
from command_line import error
from movieembed._base.message import Message
from movieembed.cli import app
from movieembed.cli.group import describe
from movieembed.exceptions import ParameterError


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
        (["recommend", "BARE", "Heat", "--refine", "1"], "--keep-likes"),
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
    places = {"DATA": folder / "data", "MODEL": folder / "model.npz", "BARE": folder / "bare.npz"}
    named = [places.get(a, a.replace("DATA/", f"{folder}/data/")) for a in arguments]
    assert words in error(*named)
    assert not (tmp_path / "m.npz").exists()


def test_out_is_checked_before_the_data_is_read(tmp_path):
    assert "folder" in error("fit", "ml-nowhere", "--out", tmp_path / "absent" / "m.npz")
    (tmp_path / "file").touch()
    assert "file" in error("study", "ml-nowhere", "--out", tmp_path / "file" / "study")


def test_messages_in_the_words_of_the_command_line():
    options = typer.main.get_command(app).options_of("fit")
    what = "Raise {max_iter}, or use {solver=}; {n_components=} is an item."
    message = Message(what, solver="eigen", n_components=5)
    assert message == "Raise max_iter, or use solver='eigen'; n_components=5 is an item."
    said = describe(ValueError(message), options)
    assert said == "Raise --max-iter, or use --solver eigen; --components 5 is an item."
    message = Message("say it with {user=} or {title=}", user=..., title=...)
    assert message == "say it with user=... or title=..."
    said = describe(UserWarning(message), options)
    assert said == "say it with --user-col COLUMN or --title-col COLUMN"
    message = Message("fit it with {keep_likes=}", keep_likes=True)
    assert describe(ValueError(message), options) == "fit it with --keep-likes"
    assert describe(OSError(28, "No space left", "m.npz"), {}) == "m.npz: No space left"
    assert describe(MemoryError("Unable to allocate 9 GiB"), {}).startswith("not enough")
    assert describe(ValueError("two\nlines"), {}) == "two lines"
    assert describe(ValueError(), {}) == "ValueError"


def test_advice_that_no_option_follows_is_left_out():
    options = typer.main.get_command(app).options_of("fit")
    message = Message("items are unknown|; pass {unknown=} to leave them out", unknown="drop")
    assert message == "items are unknown; pass unknown='drop' to leave them out"
    assert describe(ValueError(message), options) == "items are unknown"
    message = Message("values are missing|; pass {missing=} to leave them out", missing="drop")
    expected = "values are missing; pass --missing drop to leave them out"
    assert describe(ValueError(message), options) == expected


def test_the_parameter_of_an_error_becomes_its_option():
    group = typer.main.get_command(app)
    options = group.options_of("fit")
    error = ParameterError("n_jobs must not be 0", "n_jobs")
    assert describe(error, options) == "--jobs must not be 0"
    # A word of the sentence that no error names stays a word.
    assert describe(ValueError("title must be said"), options) == "title must be said"
    error = ParameterError("title must be text", "title")
    assert describe(error, options) == "--title-col must be text"
    assert describe(error, group.options_of("map")) == "--title must be text"
    message = Message("ratings has several users; say which with {user=}", user="my user")
    said = describe(ParameterError(message, "user"), options)
    assert said == "ratings has several users; say which with --user-col 'my user'"


def test_advice_is_what_the_running_command_can_be_told(folder, tmp_path):
    X, pairs = me.Cooccurrence([[0, 3, 2], [3, 0, 5], [2, 5, 0]]), tmp_path / "pairs.npz"
    me.MovieEmbedding(1, random_state=0).fit(X).save(pairs)
    lost = "this model does not keep whose likes it was fitted on: "
    assert error("similar", folder / "bare.npz", "--user", 7) == lost + "fit it with --keep-likes"
    told = error("recommend", folder / "bare.npz", "--user", 7)
    assert told == lost + "pass --users, or fit it with --keep-likes"
    of_pairs = "this model is of a Cooccurrence, which knows no users"
    assert error("similar", pairs, "--user", 1) == of_pairs
    assert error("recommend", pairs, "--user", 1) == f"{of_pairs}: pass --users"
    table, out = folder / "own.csv", tmp_path / "x.html"
    unknown = "ratings has no column that looks like the user; it has: 'listener', 'song', 'grade'"
    told = error("fit", table, "--out", out)
    assert told == f"{unknown}. Say which one it is with --user-col COLUMN"
    assert error("report", folder / "model.npz", "--data", table, "--out", out) == unknown
    (tmp_path / "odd.csv").write_text("abc\ndef\n")
    unknown = f"{tmp_path / 'odd.csv'}: cannot tell what separates the columns in 'abc'"
    told = error("fit", tmp_path / "odd.csv", "--out", out)
    assert told.startswith(f"{unknown}; pass --sep, or --layout lists if each row")
    for given in (["map", "--items"], ["map", "--tags"], ["report", "--data"]):
        command, option = given
        path = tmp_path / "odd.csv"
        assert error(command, folder / "model.npz", option, path, "--out", out) == unknown


@pytest.mark.parametrize("command", sorted(typer.main.get_command(app).commands))
def test_options_of_other_commands_are_those_of_models(command):
    group = typer.main.get_command(app)
    own = {p.name: max(p.opts, key=len) for p in group.commands[command].params}
    options = group.options_of(command)
    assert own.items() <= options.items()
    parameters = set(inspect.signature(me.MovieEmbedding).parameters)
    of_fit = {"out", "yesterday", "tune", "as_json"}
    assert set(options) - set(own) <= parameters | of_fit
