"""The progress bar of a terminal, or of a notebook that has widgets for it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class HiddenBar:
    """A bar that is not shown. One of tqdm's own takes a lock that a forked child may never get."""

    def __enter__(self) -> HiddenBar:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def update(self, n: float = 1) -> None:
        """Count so many more."""

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """Take a text."""


def progress_bar(
    total: int | None, name: str, unit: str, progress: bool | None, **options: Any
) -> Any:
    """A bar that goes when it is done: shown, not shown, or with None where there is a terminal."""
    if progress is None:
        progress = sys.stderr is not None and sys.stderr.isatty()
    if not progress:
        return HiddenBar()
    with warnings.catch_warnings():
        # In a notebook without ipywidgets, tqdm asks for them as soon as it is imported.
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm
    return tqdm(total=total, desc=name, unit=unit, **{"leave": False, **options})


def followed(things: Iterator[T], bar: Any) -> Iterator[T]:
    """The same things, counted by a bar."""
    for thing in things:
        yield thing
        bar.update()
