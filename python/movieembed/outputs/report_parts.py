"""What a report is made of: facts, tables, and pictures that are light or dark as the page is."""

from __future__ import annotations

import html
import io
from collections.abc import Callable
from typing import Any

from cycler import cycler

from movieembed.outputs.drawing import Figure, rc_context
from movieembed.outputs.style import BLUE, FONTS

# Colours that pictures are drawn in, and what the page's style makes of them.
DRAWN = {
    "#010203": "var(--ink)",
    "#040506": "var(--soft)",
    "#070809": "var(--line)",
    BLUE.lower(): "var(--blue)",
    "#ffffff": "none",
}
INK, SOFT, LINE = list(DRAWN)[:3]
COLOURS: Any = {
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "grid.color": LINE,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.prop_cycle": cycler(color=[BLUE]),
    "svg.fonttype": "path",
}


def table_html(heading: list[str], rows: list[list[str]], *, numbers: bool = True) -> str:
    """A table of text, its first column to the left, and the others, if numbers, to the right."""
    right = ' class="number"' if numbers else ""

    def line(cells: list[str], tag: str) -> str:
        first, *rest = (html.escape(cell) for cell in cells)
        others = "".join(f"<{tag}{right}>{cell}</{tag}>" for cell in rest)
        return f"<tr><{tag}>{first}</{tag}>{others}</tr>"

    body = line(heading, "th") + "".join(line(row, "td") for row in rows)
    return f'<div class="wide"><table>{body}</table></div>'


def facts_html(facts: dict[str, str]) -> str:
    """Named numbers, each in a box."""
    cells = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    return f"<dl>{cells}</dl>"


def pair_html(figures: list[str]) -> str:
    """Figures beside each other, where the page is broad enough."""
    return f'<div class="pair">{"".join(figures)}</div>'


def figure_html(
    caption: str, draw: Callable[..., object], *what: Any, size: tuple[float, float] = (6, 3.8)
) -> str:
    """What ``draw(*what, ax=...)`` draws, as SVG within the page, and a sentence on what to see."""
    with rc_context({**FONTS, **COLOURS}):
        picture = Figure(figsize=size, layout="constrained")
        draw(*what, ax=picture.add_subplot())
        out = io.StringIO()
        picture.savefig(out, format="svg", metadata={"Date": None})
    drawing = out.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    for colour, of_page in DRAWN.items():
        drawing = drawing.replace(colour, of_page)
    words = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{drawing}{words}</figure>"
