"""Titles that are no plain text: in pictures, pages and the report they stand as they are."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import movieembed as me
from map_cases import data_of
from movieembed.outputs.map.figure import map_figure, save_figure
from movieembed.outputs.plots import plot_neighbors
from movieembed.outputs.style import drawn

ODD = [
    "half \udce9 a pair",
    r"cash $\notacommand$ and $x^",
    "L" * 10_000,
    "W " * 5_000,
    "two\nlines\x00",
    "$$",
    "\\$5",
    "plain",
]


@pytest.fixture(scope="module")
def model() -> Any:
    rng = np.random.default_rng(0)
    likes = me.Likes.from_matrix((rng.random((40, len(ODD))) < 0.5) * 1, titles=ODD)
    return me.MovieEmbedding(2, solver="lbfgs", tol=1e-3, random_state=0).fit(likes)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (ODD[0], "half ? a pair"),
        (ODD[1], r"cash \$\notacommand\$ and \$x^"),
        (ODD[2], "L" * 79 + "…"),
        (ODD[4], "two lines"),
        ("\\$5", "\\\\$5"),
        ("x" * 80, "x" * 80),
        ("$" * 90, r"\$" * 79 + "…"),
    ],
)
def test_drawn(text: str, shown: str) -> None:
    assert drawn(text) == shown


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_map_is_drawn_whatever_the_titles(suffix: str, model: Any, tmp_path: Path) -> None:
    path = save_figure(model, tmp_path / f"map.{suffix}", genres=ODD, title=ODD[1])
    assert path.stat().st_size > 1000


def test_the_labels_of_a_map_are_short(model: Any) -> None:
    figure = map_figure(model, title=ODD[2], genres=ODD)
    (ax,) = figure.axes
    (legend,) = figure.legends
    texts = [text.get_text() for text in (*ax.texts, figure._suptitle, *legend.get_texts())]
    assert "half ? a pair" in texts
    assert max(map(len, texts)) <= 80


def test_bars_have_names_and_a_title_of_bounded_length(model: Any) -> None:
    ax = plot_neighbors(model.similar("plain", n=7), title=ODD[3])
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert {"half ? a pair", r"cash \$\notacommand\$ and \$x^", "L" * 43 + "…"} <= set(names)
    assert len(ax.get_title(loc="left")) == 80
    ax.figure.canvas.draw()


def test_a_page_keeps_the_titles(model: Any, tmp_path: Path) -> None:
    path = me.map_html(model, tmp_path / "map.html", title=ODD[0])
    header, _ = data_of(path.read_text("utf-8"))
    assert header["titles"] == ODD
    assert "<title>half ? a pair</title>" in path.read_text("utf-8")


def test_a_report_shortens_headings(model: Any, tmp_path: Path) -> None:
    me.write_report(model, tmp_path / "report.html", items=ODD[:3])
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "<h3>half ? a pair</h3>" in text
    assert f"<h3>{html.escape(ODD[1])}</h3>" in text
    assert "L" * 500 not in text
