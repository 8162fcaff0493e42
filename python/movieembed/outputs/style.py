"""What all pictures share: fonts, colours, new axes, and how names are written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE = "#0072B2"
FONTS: Any = {
    "font.size": 11,
    "axes.titlesize": 13,
    "axes.labelsize": 11.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.edgecolor": "#666666",
}
"""Matplotlib's settings for figures with axes."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
NAMES = {"adam": "Adam", "gd": "gradient descent", "lbfgs": "L-BFGS", "als": "ALS"}


def optimizer_name(name: str) -> str:
    """The name of an optimiser as readers know it, such as "L-BFGS" for "lbfgs"."""
    return NAMES.get(name, name)


def drawn(text: str, longest: int = 80) -> str:
    """Text that Matplotlib draws as it stands, on one line and not too long.

    Between two dollar signs it would see a formula, and at half of a surrogate pair it fails.
    """
    text = " ".join(CONTROL.sub(" ", utf8(text)).split())
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return text.replace("$", r"\$")


def utf8(text: str) -> str:
    """Text that UTF-8 can encode."""
    return text.encode("utf-8", "replace").decode()


def new_axes() -> Axes:
    """Axes on a new figure that pyplot knows, so that it shows in a notebook."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(7, 4.5), layout="constrained")[1]
