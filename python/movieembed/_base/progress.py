"""The progress bar of a terminal, or of a notebook that has widgets for it."""

from __future__ import annotations

import warnings
from typing import Any

with warnings.catch_warnings():
    # In a notebook without ipywidgets, tqdm asks for them as soon as it is imported.
    warnings.filterwarnings("ignore", message="IProgress not found")
    from tqdm.auto import tqdm

__all__ = ["progress_bar", "tqdm"]


def progress_bar(
    total: int, name: str, unit: str, progress: bool | None, *, initial: int = 0
) -> Any:
    """A bar that goes when it is done: shown, not shown, or with None where there is a terminal."""
    return tqdm(
        total=total,
        initial=initial,
        desc=name,
        unit=unit,
        leave=False,
        disable=None if progress is None else not progress,
    )
