"""The map as a picture to print, with the titles of the best known items."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from movieembed._base.atomic_file import replacing
from movieembed.model.embedding import Embedding
from movieembed.outputs.map.content import COLOURS, OTHER, Content, content_of
from movieembed.outputs.map.layout import Method
from movieembed.outputs.style import drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURES = (".png", ".svg", ".pdf")
LABELS = 60
LONGEST_LABEL, LONGEST_GENRE = 60, 30


def map_figure(
    model: Embedding,
    *,
    method: Method = "auto",
    positions: Any = None,
    genres: Iterable[Any] | None = None,
    min_likes: int = 0,
    title: str | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
) -> Figure:
    """Draw the map that `map_html` writes, with the titles of the best known items.

    Parameters
    ----------
    model, method, positions, genres, min_likes, title, random_state, n_jobs
        As `map_html`. Without genres colours stand for likes.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown, and not known to pyplot; save it with its ``savefig``.

    Raises
    ------
    ImportError
        Without matplotlib, which the extra ``plot`` brings; else as `map_html`.
    ValueError, TypeError, NotFittedError
        As `map_html`.

    Examples
    --------
    >>> import movieembed as me
    >>> model = me.MovieEmbedding(2, random_state=0).fit([[1, 1, 0], [1, 1, 1], [0, 1, 1]])
    >>> len(me.map_figure(model, method="pca").axes[0].collections)
    1
    """
    from movieembed.outputs.drawing import Figure

    content = content_of(
        model,
        method=method,
        positions=positions,
        genres=genres,
        n_neighbors=0,
        min_likes=min_likes,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    # The best known are drawn last, over the others.
    order = np.argsort(content.likes, kind="stable")
    figure = Figure(figsize=(12, 9), layout="constrained")
    ax = figure.add_subplot()
    _draw_points(ax, content, order)
    ax.set_aspect("equal", "datalim")
    ax.axis("off")
    if title:
        ax.set_title(drawn(title), loc="left", fontsize=14)
    figure.draw_without_rendering()
    _name_points(figure, content, order[::-1])
    return figure


def save_figure(model: Embedding, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write `map_figure` to a file of the kind that its name says, whole or not at all.

    Parameters
    ----------
    model : MovieEmbedding
        Fitted.
    path : path
        Ending in .png, .svg or .pdf.
    **options
        Of `map_figure`.

    Returns
    -------
    Path
    """
    path = Path(path)
    figure = map_figure(model, **options)
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=150)
    return path


def _draw_points(ax: Axes, content: Content, order: NDArray[np.intp]) -> None:
    """Items as points, the larger the better known, coloured by genre or else by likes."""
    from movieembed.outputs.drawing import Line2D

    x, y = content.xy[order].T
    weight = _weights(content.likes)[order]
    dots: dict[str, Any] = {"s": 4 + 120 * weight**2, "alpha": 0.75, "linewidths": 0}
    if not content.genres:
        ax.scatter(x, y, c=weight, cmap="viridis", **dots)
        return
    # The first genre of an item is one that has a colour, if any of its genres has.
    first = [of[0] if (of := content.genres_of[i]) else len(COLOURS) for i in order]
    ax.scatter(x, y, c=[COLOURS[g] if g < len(COLOURS) else OTHER for g in first], **dots)
    marks = [
        Line2D([], [], linestyle="none", marker="o", color=colour, label=drawn(name, LONGEST_GENRE))
        for colour, name in zip(COLOURS, content.genres, strict=False)
    ]
    ax.legend(handles=marks, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _name_points(figure: Figure, content: Content, order: NDArray[np.intp]) -> None:
    """Titles above points, the best known first, where they cover no other title."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.patheffects import withStroke

    canvas: Any = FigureCanvasAgg(figure)
    renderer = canvas.get_renderer()
    (ax,) = figure.axes
    taken: list[Any] = []
    for i in order[: 8 * LABELS]:
        text = ax.annotate(
            drawn(content.titles[i], LONGEST_LABEL),
            content.xy[i],
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=7.5,
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )
        box = text.get_window_extent(renderer).padded(2)
        if len(taken) >= LABELS or any(box.overlaps(other) for other in taken):
            text.remove()
        else:
            taken.append(box)


def _weights(likes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Likes from 0 to 1, on a log scale."""
    logs = np.log1p(np.maximum(likes, 0).astype(np.float64))
    weights: NDArray[np.float64] = logs / max(float(logs.max(initial=0)), 1e-9)
    return weights
