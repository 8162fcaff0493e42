"""What pictures take of Matplotlib, or an error that says how to get it."""

from __future__ import annotations

try:
    from matplotlib import rc_context
    from matplotlib.axes import Axes
    from matplotlib.colors import to_hex, to_rgb
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator
    from matplotlib.transforms import blended_transform_factory
except ModuleNotFoundError as error:
    raise ImportError(
        "plots and reports need matplotlib: pip install 'movieembed[plot]'"
    ) from error

__all__ = [
    "Axes",
    "ConstrainedLayoutEngine",
    "Figure",
    "Line2D",
    "MaxNLocator",
    "blended_transform_factory",
    "rc_context",
    "to_hex",
    "to_rgb",
]
