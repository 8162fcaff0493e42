"""The map as one HTML page, which opens from disk and asks the network nothing.

How the page is built, and why with regl-scatterplot, is told in docs/map.md.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import os
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from movieembed._base.atomic_file import replacing
from movieembed._base.validation import check_count
from movieembed.model.embedding import Embedding
from movieembed.outputs.map.content import COLOURS, OTHER, Content, content_of
from movieembed.outputs.map.layout import Method

# Parts of the page's script, in their order; page.html puts one function around them.
SCRIPTS = (
    *("data", "shape", "drawing", "labels", "moving", "choosing", "search", "colours", "start"),
)


def map_html(
    model: Embedding,
    path: str | os.PathLike[str],
    *,
    method: Method = "auto",
    positions: Any = None,
    genres: Iterable[Any] | None = None,
    tags: Iterable[Any] | None = None,
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
    tags : sequence of str or of lists of str, optional
        The same for words that name the clusters; without them they are named by genres, or else by
        words of titles, and by decades.
    n_neighbors : int, default=10
        How many nearest items, as `similar` finds them, an item shows.
    title : str, optional
        Heading of the page.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ImportError, ValueError, TypeError, NotFittedError
        As `layout`, and when `positions` or `genres` do not fit the model or no item is embedded.
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
    content = content_of(
        model,
        method=method,
        positions=positions,
        genres=genres,
        tags=tags,
        n_neighbors=check_count(n_neighbors, "n_neighbors"),
        min_likes=min_likes,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    heading = "Map of items" if title is None else str(title)
    with replacing(path) as temporary:
        temporary.write_bytes(
            filled_page(heading, packed(content, heading)).encode(errors="replace")
        )
    return Path(path)


def packed(content: Content, heading: str) -> str:
    """The data of a page: a JSON header and typed arrays, in gzip, in base64.

    Base64 has neither quotes nor angle brackets, so that no title can end the script around it.
    """
    clusters = content.clusters
    combinations: dict[tuple[int, ...], int] = {}
    combined = [combinations.setdefault(of, len(combinations)) for of in content.genres_of]
    index = "<u2" if len(content.titles) < 0xFFFF else "<u4"
    missing = np.iinfo(index).max
    arrays = {
        # 16 bits place 65,536 points along a side: zoomed to where a step shows, items are alone.
        "xy": np.rint((content.xy + 1) * 32767.5).astype("<u2").T,
        "years": content.years.astype("<u2"),
        "likes": content.likes.astype("<u4"),
        "combined": np.array(combined, dtype="<u4"),
        "cluster": np.where(clusters.of < 0, len(clusters.names), clusters.of).astype("<u2"),
        "neighbours": np.where(content.neighbours < 0, missing, content.neighbours).astype(index),
    }
    header = {
        "heading": heading,
        "titles": content.titles,
        "ids": content.ids,
        "clusters": clusters.names,
        "centres": clusters.centres.round(4).tolist(),
        "genres": content.genres,
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


def filled_page(heading: str, data: str) -> str:
    """The page's template with its style, scripts, licences and data."""

    def asset(name: str) -> str:
        return (files("movieembed.outputs.map") / "assets" / name).read_text(encoding="utf-8")

    fill = {
        "HEADING": html.escape(heading),
        "STYLE": asset("page.css"),
        "LICENSES": html.escape(asset("LICENSES.txt")),
        "LIBRARY": asset("regl-scatterplot.min.js"),
        "SCRIPT": "\n".join(asset(f"script/{name}.js") for name in SCRIPTS),
        "DATA": data,
    }
    # In one pass: what is filled in is not looked at again.
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda found: fill[found[1]], asset("page.html"))
