"""Maps of a model: its items in the plane, as a page that needs no network or as a picture.

How the page is made, and why with these libraries, is told in docs/map.md.
"""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed._base.atomic_file import replacing
from movieembed._base.progress import tqdm
from movieembed._base.threads import resolve_n_jobs, serial_blas
from movieembed._base.validation import check_count, check_integer
from movieembed.model.fitted_items import with_vector
from movieembed.model.neighbors import top_k_neighbors, unit_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from movieembed.model.embedding import Embedding

__all__ = ["layout", "map_figure", "map_html"]

Method = Literal["auto", "tsne", "pca"]
METHODS = ("auto", "tsne", "pca")
PICTURES = (".png", ".svg", ".pdf")
# Neighbours that t-SNE pulls together: with 15 some groups fly off, beyond 30 they blur.
PULL = 30
# Below this t-SNE has nothing to arrange.
FEWEST_FOR_TSNE = 10
# Items up to which trees beat the Fourier transform's fixed cost; openTSNE says 10,000.
TREES = 2000
YEAR = re.compile(r"\s*\((\d{4})(?:[-\u2013]\d{0,4})?\)\s*$")
NO_GENRE = ("", "(no genres listed)")
# Genres with a colour of their own; more could not be told apart.
COLOURS = (
    *("#4e79a7", "#f28e2b", "#e15759", "#45b3b0", "#59a14f", "#e0b92f"),
    *("#b07aa1", "#ff8fa3", "#9c755f", "#2fa8e0", "#7d6bf0", "#9fb83a"),
)
OTHER = "#8b919b"
LABELS = 60


def layout(
    model: Embedding,
    method: Method = "auto",
    *,
    min_likes: int = 0,
    random_state: int = 0,
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Positions of a model's items in the plane: near each other what the same people liked.

    Parameters
    ----------
    model : MovieEmbedding
        Fitted.
    method : {"auto", "tsne", "pca"}, default="auto"
        "tsne" keeps each item's nearest ones near it and needs openTSNE, the extra ``map``; "pca"
        is the two widest directions of the unit vectors, and takes no time. "auto" is "tsne" where
        openTSNE is installed, else "pca".
    min_likes : int, default=0
        Leave out items with fewer likes.
    random_state : int, default=0
        Of "tsne".
    n_jobs : int, optional
        Threads; None and -1 use all cores.

    Returns
    -------
    ndarray, shape (n_items, 2)
        NaN for items without a vector and those left out.

    Raises
    ------
    ImportError
        When openTSNE is asked for and is not installed, with the command that installs it.
    ValueError, TypeError
        When an argument is not what is documented.
    NotFittedError
        Before `fit`.

    Notes
    -----
    t-SNE of the exact 30 nearest neighbours by cosine, started from the PCA, so that what is far
    apart in the plane was far apart before; see Kobak and Berens, Nature Communications 2019.

    Examples
    --------
    >>> import movieembed as me
    >>> model = me.MovieEmbedding(2, random_state=0).fit([[1, 1, 0, 1], [1, 1, 1, 0], [0, 1, 1, 0]])
    >>> me.layout(model, "pca").shape
    (4, 2)
    """
    shown = _shown(model, min_likes)
    positions = np.full((len(model.items_), 2), np.nan)
    U = unit_rows(model.embedding_[shown].astype(np.float64))
    positions[shown] = _arranged(U, method, random_state, n_jobs)
    return positions


def map_html(
    model: Embedding,
    path: str | os.PathLike[str],
    *,
    method: Method = "auto",
    positions: Any = None,
    genres: Iterable[Any] | None = None,
    n_neighbors: int = 10,
    min_likes: int = 0,
    title: str | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
) -> Path:
    """Write a map of the items as one page, which opens from disk and asks the network nothing.

    The page pans and zooms, finds items by title, lights the nearest ones of the chosen one and
    colours by genre, decade or likes.

    Parameters
    ----------
    model : MovieEmbedding
        Fitted.
    path : path
        Usually ending in ".html". Written beside it first and renamed.
    method, min_likes, random_state, n_jobs
        As `layout`.
    positions : array of shape (n_items, 2), optional
        A layout of one's own, NaN for what is to be left out; then `method` is not used.
    genres : sequence of str or of lists of str, optional
        Of each item, aligned with ``model.items_``: "Comedy|Crime" or ["Comedy", "Crime"].
    n_neighbors : int, default=10
        How many nearest items, by cosine, an item shows.
    title : str, optional
        Of the page.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ImportError, ValueError, TypeError, NotFittedError
        As `layout`, and when `positions` or `genres` do not fit the model or no item has a vector.
    OSError
        When the file cannot be written.

    Notes
    -----
    Years are read from titles such as "Heat (1995)". Some 60 bytes an item besides 250 kB for the
    page.

    Examples
    --------
    >>> import tempfile
    >>> import movieembed as me
    >>> likes = me.Likes.from_matrix(
    ...     [[1, 1, 0], [1, 1, 1], [0, 1, 1]], titles=["Heat (1995)", "Up (2009)", "Big (1988)"]
    ... )
    >>> model = me.MovieEmbedding(2, random_state=0).fit(likes)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = me.map_html(
    ...         model, f"{folder}/map.html", method="pca", genres=["Crime", "", "Comedy"]
    ...     )
    ...     path.name, path.stat().st_size > 100_000
    ('map.html', True)
    """
    n_neighbors = check_count(n_neighbors, "n_neighbors")
    content = _content(
        model, method, positions, genres, n_neighbors, min_likes, random_state, n_jobs
    )
    heading = "Map of items" if title is None else str(title)
    page = _page(heading, packed(content, heading))
    path = Path(path)
    _write(path, page.encode())
    return path


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
    ImportError, ValueError, TypeError, NotFittedError
        As `map_html`.

    Examples
    --------
    >>> import movieembed as me
    >>> model = me.MovieEmbedding(2, random_state=0).fit([[1, 1, 0], [1, 1, 1], [0, 1, 1]])
    >>> len(me.map_figure(model, method="pca").axes[0].collections)
    1
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import withStroke

    content = _content(model, method, positions, genres, 0, min_likes, random_state, n_jobs)
    likes = content.likes
    order = np.argsort(likes, kind="stable")
    x, y = content.xy[order].T
    figure = Figure(figsize=(12, 9), layout="constrained")
    ax = figure.add_subplot()
    weight = _weights(likes)[order]
    dots: dict[str, Any] = {"s": 4 + 120 * weight**2, "alpha": 0.75, "linewidths": 0}
    if content.genres is None:
        ax.scatter(x, y, c=weight, cmap="viridis", **dots)
    else:
        names = content.genres
        colour = [*COLOURS[: len(names)], *[OTHER] * len(names)]
        ax.scatter(
            x, y, c=[colour[g[0]] if (g := content.genres_of[i]) else OTHER for i in order], **dots
        )
        marks = [
            Line2D([], [], linestyle="none", marker="o", color=colour[k], label=name)
            for k, name in enumerate(names[: len(COLOURS)])
        ]
        ax.legend(handles=marks, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    ax.set_aspect("equal", "datalim")
    ax.axis("off")
    if title:
        ax.set_title(title, loc="left", fontsize=14)
    figure.draw_without_rendering()
    canvas: Any = FigureCanvasAgg(figure)
    renderer = canvas.get_renderer()
    taken: list[Any] = []
    for i in order[::-1][: 8 * LABELS]:
        text = ax.annotate(
            # A dollar would begin a formula.
            content.titles[i].replace("$", r"\$"),
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
    return figure


def save_figure(model: Embedding, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write `map_figure` to a file of the kind that its name says, whole or not at all.

    Parameters
    ----------
    model : MovieEmbedding
    path : path
        Ending in .png, .svg or .pdf.
    **options
        Of `map_figure`.

    Returns
    -------
    Path
    """
    path = Path(path)
    buffer = io.BytesIO()
    figure = map_figure(model, **options)
    figure.savefig(buffer, format=path.suffix[1:].lower(), dpi=150)
    _write(path, buffer.getvalue())
    return path


class Content(NamedTuple):
    """What a map shows, a row an item that is on it."""

    columns: NDArray[np.intp]  # in the model
    xy: NDArray[np.float64]  # within -1 and 1
    titles: list[str]
    years: NDArray[np.int64]  # 0 where unknown
    likes: NDArray[np.int64]
    neighbours: NDArray[np.int64]  # rows of the map, -1 where there are no more
    genres: list[str] | None  # those of most items first
    genres_of: list[tuple[int, ...]]  # each item's, the rarest that has a colour first


def _content(
    model: Embedding,
    method: Method,
    positions: Any,
    genres: Iterable[Any] | None,
    n_neighbors: int,
    min_likes: int,
    random_state: int,
    n_jobs: int | None,
) -> Content:
    shown = _shown(model, min_likes)
    n_items = len(model.items_)
    if positions is not None:
        positions = np.asarray(positions, dtype=np.float64)
        if positions.shape != (n_items, 2):
            raise ValueError(
                f"positions must have shape ({n_items}, 2), not {tuple(positions.shape)}"
            )
        if np.isinf(positions).any():
            raise ValueError("positions hold infinity")
        shown = shown[~np.isnan(positions[shown]).any(axis=1)]
    listed = None if genres is None else split_genres(genres, n_items)
    if not len(shown):
        raise ValueError(
            "there is nothing to draw: no item has a vector"
            + (f" and {min_likes:,} likes" if min_likes else "")
        )
    U = unit_rows(model.embedding_[shown].astype(np.float64))
    xy = _arranged(U, method, random_state, n_jobs) if positions is None else positions[shown]
    low, high = xy.min(axis=0), xy.max(axis=0)
    xy = (xy - (low + high) / 2) / max(float((high - low).max()) / 2, np.finfo(np.float64).tiny)
    ids = model.items_.tolist()
    titles, years = [], np.zeros(len(shown), dtype=np.int64)
    for row, column in enumerate(shown):
        name = "" if model.titles_ is None else str(model.titles_[column])
        if found := YEAR.search(name):
            name, years[row] = name[: found.start()], int(found[1])
        titles.append(name or str(ids[column]))
    names: list[str] | None = None
    of: list[tuple[int, ...]] = [()] * len(shown)
    if listed is not None:
        names, of = _numbered([listed[column] for column in shown])
    if n_neighbors:
        neighbours = _nearest(U, n_neighbors, n_jobs)[0]
    else:
        neighbours = np.empty((len(shown), 0), dtype=np.int64)
    return Content(shown, xy, titles, years, model.item_counts_[shown], neighbours, names, of)


def _shown(model: Embedding, min_likes: int) -> NDArray[np.intp]:
    model._check_fitted()
    enough = model.item_counts_ >= check_integer(min_likes, "min_likes")
    return np.flatnonzero(with_vector(model.embedding_) & enough)


def _arranged(
    U: NDArray[np.float64], method: Any, random_state: int, n_jobs: int | None
) -> NDArray[np.float64]:
    """Unit vectors laid out."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, not {method!r}")
    installed = find_spec("openTSNE") is not None
    if method == "tsne" and not installed:
        raise ImportError(
            "method='tsne' needs openTSNE: pip install 'movieembed[map]'; or take method='pca'"
        )
    start = _principal(U)
    if method == "pca" or not installed or len(U) < FEWEST_FOR_TSNE:
        return start
    return _tsne(U, start, check_integer(random_state, "random_state"), n_jobs)


def _principal(U: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates along the two widest directions; the sign makes the largest entry positive."""
    out = np.zeros((len(U), 2))
    if not len(U):
        return out
    with serial_blas():
        centred = U - U.mean(axis=0)
        axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :2]
        along = centred @ axes
    largest = np.take_along_axis(along, np.abs(along).argmax(axis=0)[None], axis=0)
    out[:, : along.shape[1]] = along * np.where(largest < 0, -1.0, 1.0)
    return out


def _tsne(
    U: NDArray[np.float64], start: NDArray[np.float64], random_state: int, n_jobs: int | None
) -> NDArray[np.float64]:
    from openTSNE import TSNE
    from openTSNE.affinity import Uniform
    from openTSNE.initialization import rescale
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    k = min(PULL, len(U) - 1)
    rows, cosines = _nearest(U, k, n_jobs)
    distances = np.sqrt(np.maximum(2 - 2 * cosines, 0))
    threads = resolve_n_jobs(n_jobs) or _core.max_threads()
    pairs = Uniform(None, k_neighbors=k, knn_index=PrecomputedNeighbors(rows, distances))
    bar = tqdm(total=750, desc="t-SNE", leave=False, disable=None)
    solver = TSNE(
        early_exaggeration_iter=250,
        n_iter=500,
        callbacks=lambda *_: bar.update(10) and None,
        callbacks_every_iters=10,
        initialization=rescale(start),
        negative_gradient_method="fft" if len(U) > TREES else "bh",
        n_jobs=threads,
        random_state=random_state,
    )
    with bar:
        return np.array(solver.fit(affinities=pairs), dtype=np.float64)


def _nearest(
    U: NDArray[np.float64], k: int, n_jobs: int | None
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    n = len(U)
    own = sp.csr_array((np.ones(n), np.arange(n), np.arange(n + 1)), shape=(n, n))
    U = U.astype(np.float32)
    return top_k_neighbors(U, U, k, metric="dot", exclude=own, n_jobs=n_jobs)


def split_genres(genres: Iterable[Any], n_items: int) -> list[list[str]]:
    """Genres as lists of names, each name once.

    Parameters
    ----------
    genres : sequence of str or of lists of str
        Missing values stand for none.
    n_items : int

    Returns
    -------
    list of lists of str

    Raises
    ------
    TypeError, ValueError
        When they are of another kind or number.

    Examples
    --------
    >>> from movieembed.outputs.map.maps import split_genres
    >>> split_genres(["Comedy|Crime", ["War"], None, "(no genres listed)"], 4)
    [['Comedy', 'Crime'], ['War'], [], []]
    """
    if isinstance(genres, (str, bytes)) or not isinstance(genres, Iterable):
        raise TypeError(f"genres must be a sequence, one entry an item, not {genres!r}")
    out = []
    for entry in genres:
        if entry is None or (isinstance(entry, float) and math.isnan(entry)):
            names: list[Any] = []
        elif isinstance(entry, str):
            names = entry.split("|")
        elif isinstance(entry, (Sequence, np.ndarray)) and not isinstance(entry, bytes):
            names = list(entry)
        else:
            raise TypeError(f"genres must be 'A|B' or lists of names, not {entry!r}")
        clean = (str(name).strip() for name in names)
        out.append(list(dict.fromkeys(name for name in clean if name not in NO_GENRE)))
    if len(out) != n_items:
        raise ValueError(f"there are {len(out)} genres for {n_items} items")
    return out


def _numbered(listed: list[list[str]]) -> tuple[list[str] | None, list[tuple[int, ...]]]:
    """Names by falling number of items, and each item's as numbers.

    First comes the one that tells most: of "Comedy, Animation", which is a comedy like thousands,
    that it is animated.
    """
    counts = Counter(name for names in listed for name in names)
    if not counts:
        return None, [()] * len(listed)
    order = sorted(counts, key=lambda name: (-counts[name], name))
    place = {name: k for k, name in enumerate(order)}
    of = []
    for names in listed:
        numbers = sorted((place[name] for name in names), reverse=True)
        coloured = [k for k in numbers if k < len(COLOURS)]
        of.append((*coloured, *(k for k in numbers if k >= len(COLOURS))))
    return order, of


def _weights(likes: NDArray[Any]) -> NDArray[np.float64]:
    """Likes from 0 to 1, on a log scale."""
    logs = np.log1p(np.maximum(likes, 0).astype(np.float64))
    weights: NDArray[np.float64] = logs / max(float(logs.max(initial=0)), 1e-9)
    return weights


def packed(content: Content, heading: str) -> str:
    """The data of a page: a JSON header and typed arrays, in gzip, in base64.

    Base64 has neither quotes nor angle brackets, so that no title can end the script around it.
    """
    n = len(content.titles)
    combinations: dict[tuple[int, ...], int] = {}
    combined = np.array(
        [combinations.setdefault(of, len(combinations)) for of in content.genres_of], dtype="<u4"
    )
    index = "<u2" if n < 0xFFFF else "<u4"
    missing = np.iinfo(index).max
    arrays = {
        # 16 bits place 65,536 points along a side: zoomed to where a step shows, items are alone.
        "xy": np.rint((content.xy + 1) * 32767.5).astype("<u2").T,
        "years": content.years.astype("<u2"),
        "likes": content.likes.astype("<u4"),
        "combined": combined,
        "neighbours": np.where(content.neighbours < 0, missing, content.neighbours).astype(index),
    }
    header = {
        "heading": heading,
        "titles": content.titles,
        "genres": content.genres or [],
        "combinations": list(combinations),
        "colours": COLOURS,
        "other": OTHER,
        "k": content.neighbours.shape[1],
        "arrays": {name: [array.dtype.str[1:], array.size] for name, array in arrays.items()},
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    # Typed arrays start at multiples of 4.
    text += b" " * (-len(text) % 4)
    parts = [np.array([len(text)], dtype="<u4").tobytes(), text]
    for array in arrays.values():
        raw = array.tobytes()
        parts.append(raw + b"\0" * (-len(raw) % 4))
    return base64.b64encode(gzip.compress(b"".join(parts), 6, mtime=0)).decode()


def _page(heading: str, data: str) -> str:
    folder = files("movieembed") / "map_page"
    parts = {
        name: (folder / name).read_text(encoding="utf-8")
        for name in ("page.html", "page.css", "page.js", "regl-scatterplot.min.js", "LICENSES.txt")
    }
    fill = {
        "HEADING": html.escape(heading),
        "STYLE": parts["page.css"],
        "LICENSES": html.escape(parts["LICENSES.txt"]),
        "LIBRARY": parts["regl-scatterplot.min.js"],
        "SCRIPT": parts["page.js"],
        "DATA": data,
    }
    # In one pass: what is filled in is not looked at again.
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda found: fill[found[1]], parts["page.html"])


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(data)
