"""The progress bar of a terminal, or of a notebook that has widgets for it."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # In a notebook without ipywidgets, tqdm asks for them as soon as it is imported.
    warnings.filterwarnings("ignore", message="IProgress not found")
    from tqdm.auto import tqdm

__all__ = ["tqdm"]
