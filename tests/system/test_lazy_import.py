"""Importing the package, and asking the command line for help, loads nothing heavy."""

from __future__ import annotations

import ast
import copy
import importlib
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sklearn.base

import movieembed as me
from command_line import run
from helpers import REPOSITORY, unpickled
from movieembed.model.loading import LoadedModel

HEAVY = (
    *("matplotlib", "narwhals", "numpy", "pandas", "pooch", "pyarrow", "rapidfuzz", "requests"),
    *("scipy", "sklearn", "threadpoolctl", "tqdm"),
)


def loaded_by(code: str, *arguments: object) -> set[str]:
    """Names of the heavy packages that a fresh process has loaded at the end of `code`."""
    code += f"\nimport sys; print('loaded', *sorted(set(sys.modules) & set({HEAVY})))"
    ran = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    return set(ran.stdout.splitlines()[-1].split()[1:])


# Its arguments are commands, with "then" between them.
COMMANDS = """
import sys
from movieembed.cli import main
given = sys.argv[1:]
while given is not None:
    here = given.index("then") if "then" in given else len(given)
    sys.argv[1:], given = given[:here], given[here + 1:] or None
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
"""


def test_the_package_alone_loads_nothing_heavy() -> None:
    assert loaded_by("import movieembed; movieembed.__version__; dir(movieembed)") == set()


@pytest.mark.parametrize(
    "arguments", [(), ("--help",), ("fit", "--help"), ("export", "--help"), ("--version",)]
)
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert loaded_by(COMMANDS, *arguments) == set()


def test_names_load_what_they_need() -> None:
    assert loaded_by("import movieembed; movieembed.ItemIndex") == {"numpy"}
    assert "sklearn" in loaded_by("from movieembed import MovieEmbedding")


def test_a_fit_from_the_command_line_does_without_scikit_learn(tmp_path) -> None:
    (tmp_path / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n1,1,5,0\n1,2,5,0\n2,1,4,0\n2,2,5,0\n"
    )
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n1,A,x\n2,B,x\n")
    model = tmp_path / "model.npz"
    never = {"matplotlib", "narwhals", "pooch", "rapidfuzz", "requests", "sklearn"}
    fit = ("fit", tmp_path, "--components", 1, "--out", model)
    others = ("similar", model, "A", "then", "info", model, "then", "info", tmp_path)
    assert loaded_by(COMMANDS, *fit, "then", *others) & never == set()
    assert model.exists()


ANSWER = """
import sys, movieembed as me
model = me.load(sys.argv[1])
assert model.similar("A", n=1)["title"].tolist() == ["B"]
"""
NOT_TO_ANSWER = {
    "asyncio",
    "matplotlib",
    "narwhals",
    "scipy.optimize",
    "scipy.stats",
    "sklearn",
    "tqdm",
}


def test_a_loaded_model_answers_without_scikit_learn(tmp_path: Path) -> None:
    likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
    me.MovieEmbedding(1, random_state=0).fit(likes).save(tmp_path / "model.npz")
    asked = "\nimport sys; print('loaded', *sorted(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", ANSWER + asked, str(tmp_path / "model.npz")],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert set(ran.stdout.split()) & NOT_TO_ANSWER == set()


ASKED = {
    "isinstance": lambda model: isinstance(model, me.MovieEmbedding),
    "class": lambda model: model.__class__ is me.MovieEmbedding,
    "text": lambda model: repr(model) == "MovieEmbedding(n_components=1, random_state=0)",
    "parameters": lambda model: model.get_params()["n_components"] == 1,
    "vectors": lambda model: model.transform([[1, 1, 1]]).shape == (1, 1),
    "fit": lambda model: type(model.fit([[1, 1, 0], [1, 1, 1]])) is me.MovieEmbedding,
    "refit": lambda model: type(model.refit([[1, 1, 0], [1, 1, 1]])) is me.MovieEmbedding,
    "deepcopy": lambda model: type(copy.deepcopy(model)) is me.MovieEmbedding,
    "pickle": lambda model: type(unpickled(model)) is me.MovieEmbedding,
    "clone": lambda model: type(sklearn.base.clone(model)) is me.MovieEmbedding,
    "missing": lambda model: not hasattr(model, "none") and type(model) is me.MovieEmbedding,
}


@pytest.mark.parametrize("what", ASKED)
def test_a_loaded_model_becomes_a_whole_one(what: str, tmp_path: Path) -> None:
    likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
    me.MovieEmbedding(1, random_state=0).fit(likes).save(tmp_path / "model.npz")
    model = LoadedModel.load(tmp_path / "model.npz")
    assert type(model) is LoadedModel
    assert ASKED[what](model)


def test_every_public_name_is_there_and_listed() -> None:
    assert set(me.__all__) <= set(dir(me))
    stub = ast.parse(Path(me.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: node.module for node in imports for alias in node.names}
    assert set(me.__all__) == set(homes)
    for name in me.__all__:
        value = getattr(me, name)
        assert not isinstance(value, ModuleType)
        assert getattr(importlib.import_module(f"movieembed.{homes[name]}"), name) is value


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="movieembed attribute fit"):
        me.fit  # noqa: B018


def test_the_version_is_that_of_the_distribution() -> None:
    assert me.__version__ == version("movieembed")


def test_every_place_states_the_same_version() -> None:
    assert run("--version").stdout == f"movieembed {me.__version__}\n"
    changes = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    latest, date = re.findall(r"^## (\S+) \((.*)\)$", changes, re.MULTILINE)[0]
    citation = (REPOSITORY / "CITATION.cff").read_text("utf-8")
    assert latest == me.__version__
    assert f"\nversion: {latest}\ndate-released: {date}\n" in citation


def test_cooccurrence_is_the_function_whatever_was_imported_first() -> None:
    for first in (
        "import movieembed.objective.cooccurrence",
        "from movieembed.objective.cooccurrence import cooccurrence_sums",
        "import movieembed.model.embedding",
        "movieembed.cooccurrence",
    ):
        loaded_by(f"import movieembed\n{first}\nassert callable(movieembed.cooccurrence)")


def test_classes_travel_to_workers_by_name(pickle_roundtrip: Callable[..., Any]) -> None:
    assert pickle_roundtrip(me.MovieEmbedding) is me.MovieEmbedding
    assert pickle_roundtrip(me.Likes) is me.Likes
