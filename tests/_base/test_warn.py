"""Warnings that point at the user's own line."""

from __future__ import annotations

import pytest

from movieembed._base.warn import warn_caller


def test_a_warning_names_the_line_outside_the_package() -> None:
    namespace = {"__name__": "movieembed.deep", "warn_caller": warn_caller}
    exec("def inner(): warn_caller('look')\ndef outer(): return [inner() for _ in '1']", namespace)
    with pytest.warns(UserWarning, match="look") as caught:
        namespace["outer"]()  # type: ignore[operator]
    assert caught[0].filename == __file__
    with pytest.warns(RuntimeWarning, match="look") as caught:
        warn_caller("look", RuntimeWarning)
    assert caught[0].filename == __file__
