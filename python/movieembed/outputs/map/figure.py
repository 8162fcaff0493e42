"""The map as a picture to print, with the titles of the best known items."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
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
LONGEST_LABEL, LONGEST_GENRE = 60, 40
A4 = (11.69, 8.27)
# How much of dots, for its size, a title may cover.
CROWDED = 0.04
# Offsets in points and alignments, of titles beside a dot and of names about a place.
Spot = tuple[float, float, str, str]
BESIDE: tuple[Spot, ...] = (
    *((0, 4, "center", "bottom"), (5, 0, "left", "center")),
    *((-5, 0, "right", "center"), (0, -4, "center", "top")),
)
AROUND: tuple[Spot, ...] = tuple(
    (0, dy, ha, "center") for dy in (0, 16, -16, 32, -32) for ha in ("center", "left", "right")
)


def map_figure(
    model: Embedding,
    *,
    method: Method = "auto",
    positions: Any = None,
    genres: Iterable[Any] | None = None,
    tags: Iterable[Any] | None = None,
    min_likes: int = 0,
    title: str | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
) -> Figure:
    """Draw the map that `map_html` writes, named, for paper of A4 or a slide.

    Parameters
    ----------
    model, method, positions, genres, tags, min_likes, title, random_state, n_jobs
        As `map_html`. Without genres colours stand for clusters.

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
    from movieembed.outputs.drawing import (
        ConstrainedLayoutEngine,
        Figure,
        blended_transform_factory,
    )

    content = content_of(
        model,
        method=method,
        positions=positions,
        genres=genres,
        tags=tags,
        n_neighbors=0,
        min_likes=min_likes,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    # The best known are drawn last, over the others.
    order = np.argsort(content.likes, kind="stable")
    figure = Figure(figsize=A4, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.06))
    ax = figure.add_subplot()
    _draw_points(ax, content, order)
    # Stretched to fill the paper: directions in the plane mean nothing.
    ax.margins(0.02)
    ax.axis("off")
    heading = "Map of items" if title is None else title
    # Over the line below it, wherever the names leave room for that.
    over = blended_transform_factory(ax.transAxes, figure.transSubfigure)
    figure.suptitle(drawn(heading), x=0, ha="left", transform=over, fontsize=17, fontweight="bold")
    ax.set_title(_words(content), loc="left", fontsize=9.5, color="#555555")
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
    kind = path.suffix[1:].lower()
    with replacing(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=150)
        if kind == "png":
            _fewer_colours(temporary)
    return path


def _fewer_colours(path: Path) -> None:
    """Keep 256 colours of a picture, which takes a third of the bytes and looks the same."""
    from PIL import Image

    with Image.open(path) as picture:
        # The median cut, Pillow's usual way, gives rare colours, as those of the key, to others.
        small = picture.convert("RGB").quantize(
            256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
        small.save(path, format="png", optimize=True, dpi=picture.info["dpi"])


def _words(content: Content) -> str:
    """What the picture shows, in two sentences."""
    colour = "its rarest genre" if content.genres else "its cluster"
    return (
        f"{len(content.titles):,} items: what the same people like lies together. "
        f"The colour of an item is that of {colour}; the larger the dot, the more likes."
    )


def _draw_points(ax: Axes, content: Content, order: NDArray[np.intp]) -> None:
    """Items as points, the larger the better known, coloured by genre or else by cluster."""
    from movieembed.outputs.drawing import Line2D

    x, y = content.xy[order].T
    # The more points, the smaller, or they would run into each other.
    crowd = min(1.0, (1500 / len(x)) ** 0.5)
    sizes = crowd * (5 + 110 * _weights(content.likes)[order] ** 2)
    if content.genres:
        # The first genre of an item is one that has a colour, if any of its genres has.
        of = [content.genres_of[i][0] if content.genres_of[i] else len(COLOURS) for i in order]
        names = content.genres
    else:
        of, names = content.clusters.of[order].tolist(), content.clusters.names
    colours = [COLOURS[k] if 0 <= k < len(COLOURS) else OTHER for k in of]
    ax.scatter(x, y, s=sizes, c=colours, alpha=0.8, linewidths=0.3 * crowd, edgecolors="white")
    there = set(of)
    shown = [(c, n) for k, (c, n) in enumerate(zip(COLOURS, names, strict=False)) if k in there]
    if content.genres and not there <= set(range(len(COLOURS))):
        shown.append((OTHER, "other genres"))
    marks = [
        Line2D([], [], linestyle="none", marker="o", color=colour, label=drawn(name, LONGEST_GENRE))
        for colour, name in shown
    ]
    if marks:
        ax.figure.legend(
            handles=marks,
            loc="outside lower left",
            ncols=min(7, len(marks)) if content.genres else 3,
            frameon=False,
            fontsize=9,
            handletextpad=0.1,
            columnspacing=1.2,
        )


def _name_points(figure: Figure, content: Content, order: NDArray[np.intp]) -> None:
    """Names of clusters where they are densest, and titles of well-known items where there is room.

    A title covers no other and few dots; the best known is placed first.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.patheffects import withStroke

    canvas: Any = FigureCanvasAgg(figure)
    renderer = canvas.get_renderer()
    (ax,) = figure.axes
    frame = ax.get_window_extent(renderer)
    halo = [withStroke(linewidth=2.5, foreground="white")]
    covered = _Dots(ax.transData.transform(content.xy), _weights(content.likes))
    taken: list[Any] = []

    def place(text: str, xy: Any, spots: Sequence[Spot], most: float, **style: Any) -> bool:
        """Put a text on the first spot that is free, if there is one."""
        for dx, dy, ha, va in spots:
            label = ax.annotate(
                text, xy, xytext=(dx, dy), textcoords="offset points", ha=ha, va=va, **style
            )
            box = label.get_window_extent(renderer).padded(2)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0
            free = inside and box.y1 <= frame.y1 and not any(box.overlaps(b) for b in taken)
            if free and covered.share(box) <= most:
                taken.append(box)
                return True
            label.remove()
        return False

    for name, xy in zip(content.clusters.names, content.clusters.centres, strict=True):
        style = {"fontsize": 12, "fontweight": "bold", "color": "#1d2126", "path_effects": halo}
        place(drawn(name, LONGEST_GENRE), xy, AROUND, np.inf, zorder=5, **style)
    names = len(taken)
    for i in order[: 8 * LABELS]:
        style = {"fontsize": 7.5, "color": "#333", "path_effects": halo}
        place(drawn(content.titles[i], LONGEST_LABEL), content.xy[i], BESIDE, CROWDED, **style)
        if len(taken) - names >= LABELS:
            break


class _Dots:
    """Sums of the dots' sizes over rectangles of the picture."""

    STEP = 6.0  # pixels

    def __init__(self, places: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        cell = np.maximum(places // self.STEP, 0).astype(np.int64)
        sums = np.zeros(cell.max(axis=0) + 2)
        np.add.at(sums, (cell[:, 0] + 1, cell[:, 1] + 1), weights**2)
        self.sums = sums.cumsum(axis=0).cumsum(axis=1)

    def share(self, box: Any) -> float:
        """How much of dots lies in a box, for its size."""
        last = np.array(self.sums.shape) - 1
        low = np.clip(np.array([box.x0, box.y0]) / self.STEP, 0, last).astype(np.int64)
        high = np.clip(np.array([box.x1, box.y1]) / self.STEP + 1, 0, last).astype(np.int64)
        (a, b), (c, d) = low, high
        total = self.sums[c, d] - self.sums[a, d] - self.sums[c, b] + self.sums[a, b]
        return float(total / max(1, (c - a) * (d - b)))


def _weights(likes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Likes from 0 to 1, on a log scale."""
    logs = np.log1p(np.maximum(likes, 0).astype(np.float64))
    weights: NDArray[np.float64] = logs / max(float(logs.max(initial=0)), 1e-9)
    return weights
