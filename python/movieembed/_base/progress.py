"""The progress bar of a terminal, or of a notebook that has widgets for it."""

from __future__ import annotations

import warnings
from typing import Any

with warnings.catch_warnings():
    # In a notebook without ipywidgets, tqdm asks for them as soon as it is imported.
    warnings.filterwarnings("ignore", message="IProgress not found")
    from tqdm.auto import tqdm


def progress_bar(
    total: int | None, name: str, unit: str, progress: bool | None, **options: Any
) -> Any:
    """A bar that goes when it is done: shown, not shown, or with None where there is a terminal."""
    hidden = None if progress is None else not progress
    return tqdm(total=total, desc=name, unit=unit, disable=hidden, **{"leave": False, **options})
