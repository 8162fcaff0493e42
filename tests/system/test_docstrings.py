"""Every public name has an example, and every example in the docstrings prints what it says."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import movieembed
from movieembed import evaluation, study
from movieembed._base.derived import derived
from movieembed.outputs import loss_plots as plots
from movieembed.outputs import plots as model_plots

MODULES = sorted(
    m.name
    for m in pkgutil.walk_packages(movieembed.__path__, "movieembed.")
    if not m.name.endswith("._core")
)
PUBLIC = (movieembed, evaluation, plots, model_plots, study)


def public_objects() -> Iterator[tuple[str, Any]]:
    """Functions and classes, and the methods that movieembed gives them."""
    for module in PUBLIC:
        for name in module.__all__:
            value = getattr(module, name)
            if not callable(value):
                continue
            path = f"{module.__name__}.{name}"
            yield path, value
            if not inspect.isclass(value):
                continue
            for key in dir(value):
                static = inspect.getattr_static(value, key)
                method = static.__func__ if isinstance(static, classmethod) else static
                if key.startswith("_") or isinstance(method, property | derived):
                    continue
                if inspect.isfunction(method) and method.__module__.startswith("movieembed"):
                    yield f"{path}.{key}", method


OBJECTS = dict(public_objects())


@pytest.mark.parametrize("name", ["movieembed", *MODULES])
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_the_public_names_are_found() -> None:
    assert {
        "movieembed.cost",
        "movieembed.Likes.from_ratings",
        "movieembed.study.save_study",
    } <= (OBJECTS.keys())


@pytest.mark.parametrize("name", OBJECTS)
def test_public_names_have_an_example(name: str) -> None:
    text = inspect.getdoc(OBJECTS[name]) or ""
    assert "\n\nExamples\n--------\n" in text
    examples = doctest.DocTestParser().get_examples(text.split("\nExamples\n--------\n")[1])
    assert examples
    # An example that only imports, or shows nothing, says nothing.
    assert any(example.want for example in examples)
    if name != "movieembed.evaluation.als":  # whose package the tests do not install
        assert not any(doctest.SKIP in example.options for example in examples)
