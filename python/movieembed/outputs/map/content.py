"""What a map says of each item: where it lies, its name, year, likes, neighbours and genres."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from movieembed.model.embedding import Embedding
from movieembed.outputs.map.clusters import Clusters, Kind, clusters_of, title_words
from movieembed.outputs.map.layout import Method, arranged, nearest, shown_items, unit_vectors

YEAR = re.compile(r"\s*\((\d{4})(?:[-\u2013]\d{0,4})?\)\s*$")
NO_GENRE = ("", "(no genres listed)")
# Genres with a colour of their own; more could not be told apart.
COLOURS = (
    *("#4e79a7", "#f28e2b", "#e15759", "#45b3b0", "#59a14f", "#e0b92f"),
    *("#b07aa1", "#ff8fa3", "#9c755f", "#2fa8e0", "#7d6bf0", "#9fb83a"),
)
OTHER = "#8b919b"


class Content(NamedTuple):
    """What a map shows, a row an item that is on it."""

    xy: NDArray[np.float64]  # within -1 and 1
    titles: list[str]  # without the year
    years: NDArray[np.int64]  # 0 where unknown
    likes: NDArray[np.int64]
    neighbours: NDArray[np.int64]  # rows of the map, -1 where there are no more
    genres: list[str]  # those of most items first
    genres_of: list[tuple[int, ...]]  # each item's, the rarest that has a colour first
    ids: list[str]
    clusters: Clusters


def content_of(
    model: Embedding,
    *,
    method: Method,
    positions: Any,
    genres: Iterable[Any] | None,
    tags: Iterable[Any] | None,
    n_neighbors: int,
    min_likes: int,
    random_state: int,
    n_jobs: int | None,
) -> Content:
    """What the map of a model shows; the options are those of `map_html`."""
    shown = shown_items(model, min_likes)
    n_items = len(model.items_)
    if positions is not None:
        positions = _checked_positions(positions, n_items)
        shown = shown[~np.isnan(positions[shown]).any(axis=1)]
    listed = [[]] * n_items if genres is None else split_genres(genres, n_items)
    said = None if tags is None else split_genres(tags, n_items, "tags")
    if not len(shown):
        raise ValueError(
            "there is nothing to draw: no item has a vector"
            + (f" and {min_likes:,} likes" if min_likes else "")
        )
    U = unit_vectors(model, shown)
    xy = arranged(U, method, random_state, n_jobs) if positions is None else positions[shown]
    neighbours = np.empty((len(shown), 0), dtype=np.int64)
    if n_neighbors:
        neighbours = nearest(U, n_neighbors, n_jobs)[0]
    xy = _within_one(xy)
    titles, years = _titles_and_years(model, shown)
    likes = model.item_counts_[shown]
    listed = [listed[column] for column in shown]
    kinds = [
        Kind(title_words(titles), 0.02, 2) if genres is None else Kind(listed, 0.15, 2),
        Kind([[f"{year - year % 10}s"] if year else [] for year in years.tolist()], 0.3, 1),
    ]
    if said is not None:
        kinds[0] = Kind([said[column] for column in shown], 0.02, 2)
    return Content(
        xy,
        titles,
        years,
        likes,
        neighbours,
        *_numbered(listed),
        [str(item) for item in model.items_[shown].tolist()],
        clusters_of(xy, likes, titles, kinds),
    )


def split_genres(genres: Iterable[Any], n_items: int, called: str = "genres") -> list[list[str]]:
    """Genres, or tags, as lists of names, each name once.

    Parameters
    ----------
    genres : sequence of str or of lists of str
        Missing values stand for none.
    n_items : int
        How many entries there must be.
    called : str, default="genres"
        What they are, for errors.

    Returns
    -------
    list of lists of str

    Raises
    ------
    TypeError, ValueError
        When they are of another kind or number.

    Examples
    --------
    >>> from movieembed.outputs.map.content import split_genres
    >>> split_genres(["Comedy|Crime", ["War"], None, "(no genres listed)"], 4)
    [['Comedy', 'Crime'], ['War'], [], []]
    """
    if isinstance(genres, (str, bytes)) or not isinstance(genres, Iterable):
        raise TypeError(f"{called} must be a sequence, one entry an item, not {genres!r}")
    out = []
    for entry in genres:
        if entry is None or (isinstance(entry, float) and math.isnan(entry)):
            names: list[Any] = []
        elif isinstance(entry, str):
            names = entry.split("|")
        elif isinstance(entry, (Sequence, np.ndarray)) and not isinstance(entry, bytes):
            names = list(entry)
        else:
            raise TypeError(f"{called} must be 'A|B' or lists of names, not {entry!r}")
        clean = (str(name).strip() for name in names)
        out.append(list(dict.fromkeys(name for name in clean if name not in NO_GENRE)))
    if len(out) != n_items:
        raise ValueError(f"there are {len(out)} {called} for {n_items} items")
    return out


def _checked_positions(positions: Any, n_items: int) -> NDArray[np.float64]:
    """Positions that a caller gives, one a row for each item of the model."""
    checked: NDArray[np.float64] = np.asarray(positions, dtype=np.float64)
    if checked.shape != (n_items, 2):
        raise ValueError(f"positions must have shape ({n_items}, 2), not {tuple(checked.shape)}")
    if np.isinf(checked).any():
        raise ValueError("positions hold infinity")
    return checked


def _within_one(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions centred and scaled alike in both directions, so that they just fit -1 to 1."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    half: float = max(float((high - low).max()) / 2, np.finfo(np.float64).tiny)
    fitted: NDArray[np.float64] = (xy - (low + high) / 2) / half
    return fitted


def _titles_and_years(
    model: Embedding, shown: NDArray[np.intp]
) -> tuple[list[str], NDArray[np.int64]]:
    """Titles without their years, or else ids; and the years, 0 where unknown."""
    ids = model.items_.tolist()
    titles, years = [], np.zeros(len(shown), dtype=np.int64)
    for row, column in enumerate(shown):
        name = "" if model.titles_ is None else str(model.titles_[column])
        if found := YEAR.search(name):
            name, years[row] = name[: found.start()], int(found[1])
        titles.append(name or str(ids[column]))
    return titles, years


def _numbered(listed: list[list[str]]) -> tuple[list[str], list[tuple[int, ...]]]:
    """Names of genres by falling number of items, and each item's genres as numbers.

    First comes the one that tells most: of "Comedy, Animation", which is a comedy like thousands,
    that it is animated.
    """
    counts = Counter(name for names in listed for name in names)
    order = sorted(counts, key=lambda name: (-counts[name], name))
    place = {name: k for k, name in enumerate(order)}
    of = []
    for names in listed:
        numbers = sorted((place[name] for name in names), reverse=True)
        coloured = [k for k in numbers if k < len(COLOURS)]
        of.append((*coloured, *(k for k in numbers if k >= len(COLOURS))))
    return order, of
