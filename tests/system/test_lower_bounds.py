"""The versions that .ci/lower_bounds tries are the lowest that pyproject.toml allows."""

from __future__ import annotations

import re
import tomllib

from helpers import REPOSITORY

# What the oldest typer and matplotlib came with; newer ones warn of their old names.
OF_THAT_TIME = {"click", "pyparsing"}


def test_the_constraints_are_the_lower_bounds() -> None:
    with open(REPOSITORY / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    wanted = {}
    for needed in project["dependencies"] + project["optional-dependencies"]["test"]:
        match = re.fullmatch(r"([\w.-]+)>=([\d.]+)", needed)
        assert match, f"{needed!r} states no lower bound"
        wanted[match[1]] = match[2]
    lines = (REPOSITORY / ".ci" / "lower_bounds.txt").read_text().split()
    tried = dict(line.split("==") for line in lines)
    assert tried.keys() - wanted.keys() == OF_THAT_TIME
    assert {name: tried[name] for name in wanted} == wanted


def test_an_extra_of_its_own_has_the_bound_of_the_tests() -> None:
    with open(REPOSITORY / "pyproject.toml", "rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    tested = {needed.split(">=")[0]: needed for needed in extras["test"]}
    for extra in ("plot", "ann", "map", "export", "dask"):
        for needed in extras[extra]:
            assert needed == tested[needed.split(">=")[0]]
