"""Every example in the docstrings runs and prints what it says."""

import doctest
import importlib
import pkgutil

import pytest

import movieembed

MODULES = sorted(
    m.name
    for m in pkgutil.walk_packages(movieembed.__path__, "movieembed.")
    if not m.name.endswith("._core")
)


@pytest.mark.parametrize("name", ["movieembed", *MODULES])
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


@pytest.mark.parametrize("name", movieembed.__all__)
def test_public_names_are_documented_with_an_example(name):
    doc = getattr(movieembed, name).__doc__
    assert doc
    assert doc.strip()
    is_error = isinstance(getattr(movieembed, name), type) and issubclass(
        getattr(movieembed, name), Exception
    )
    assert is_error or ">>>" in doc
