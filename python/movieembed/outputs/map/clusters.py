"""Clusters of a map: the hills of its density, each named by what sets its items apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter

# As many as have a colour of their own.
MOST = 12
GRID = 96
# A hill with a smaller share of the weight is not worth a name; those with one hold this part.
SMALLEST, COVERED = 0.02, 0.85
# A term that names a cluster is this many times as common in it as on the map.
LIFT = 1.4
# What a further term adds, as a part of the first's, to stand in the name too.
FURTHER = 0.5


class Kind(NamedTuple):
    """Terms of one kind, such as genres."""

    terms: Sequence[Sequence[str]]  # those of each item
    least: float  # the share of a cluster that must have a term for it to stand in the name
    most: int  # how many of them a name has


class Clusters(NamedTuple):
    """The clusters of a map, the heaviest first."""

    of: NDArray[np.int64]  # each item's; -1 for those between clusters
    names: list[str]
    centres: NDArray[np.float64]  # shape (clusters, 2): where each is densest


def clusters_of(
    xy: NDArray[np.float64],
    likes: NDArray[np.int64],
    titles: Sequence[str],
    kinds: Sequence[Kind],
) -> Clusters:
    """Clusters of items in the plane, and their names from terms such as genres or tags.

    Parameters
    ----------
    xy : ndarray, shape (n, 2)
        Positions within -1 and 1.
    likes : ndarray, shape (n,)
        The better known an item, the more it weighs, by the logarithm.
    titles : sequence of str
    kinds : sequence of Kind
        What names are made of, such as genres and decades.

    Returns
    -------
    Clusters

    Examples
    --------
    >>> import numpy as np
    >>> from movieembed.outputs.map.clusters import Kind, clusters_of
    >>> xy = np.repeat([[-0.8, 0.0], [0.8, 0.0]], 20, axis=0)
    >>> terms = [["War"]] * 20 + [["Comedy"]] * 20
    >>> clusters_of(xy, np.arange(40), ["A"] * 40, [Kind(terms, 0.1, 2)]).names
    ['Comedy', 'War']
    """
    of, centres = hills(xy, item_weights(likes))
    return Clusters(of, named(of, len(centres), likes, titles, kinds), centres)


def hills(
    xy: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The hill of the density that each item lies on, and where their tops are.

    The density is smoothed until at most `MOST` hills hold most of it; every cell goes uphill to
    its top.
    """
    cell = np.clip(((xy + 1) * (GRID / 2)).astype(np.int64), 0, GRID - 1)
    flat = cell[:, 0] * GRID + cell[:, 1]
    mass = np.bincount(flat, weight, GRID * GRID).reshape(GRID, GRID)
    sigma = 1.0
    while True:
        # Borders of zeros, so that no hill stands on the edge for lack of a far side.
        density = gaussian_filter(mass, sigma, mode="constant")
        top = _tops(density)
        heavy = np.bincount(top[flat], weight, GRID * GRID)
        kept = np.flatnonzero(heavy >= SMALLEST * weight.sum())
        if len(kept) <= MOST and heavy[kept].sum() >= COVERED * weight.sum():
            break
        sigma *= 1.15
    kept = kept[np.argsort(-heavy[kept], kind="stable")]
    number = np.full(GRID * GRID, -1)
    number[kept] = np.arange(len(kept))
    tops = np.stack([kept // GRID, kept % GRID], axis=1)
    centres = np.asarray((tops + 0.5) * (2 / GRID) - 1, dtype=np.float64)
    of: NDArray[np.int64] = number[top[flat]]
    return of, centres


def _tops(density: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each cell the cell where one arrives that always steps to the highest neighbour."""
    side = len(density)
    cells = np.arange(side * side).reshape(side, side)
    padded = np.pad(density, 1, constant_values=-1.0)
    shifts = [(a, b) for a in range(3) for b in range(3)]
    around = np.stack([padded[a : a + side, b : b + side] for a, b in shifts])
    names = np.pad(cells, 1)
    uphill = np.stack([names[a : a + side, b : b + side] for a, b in shifts])
    # A cell that none surpasses is a top, also on level ground.
    best = np.where(density >= maximum_filter(density, 3), 4, around.argmax(axis=0))
    to: NDArray[np.int64] = np.take_along_axis(uphill, best[None], axis=0)[0].ravel()
    while (to != to[to]).any():
        to = to[to]
    return to


def named(
    of: NDArray[np.int64],
    n_clusters: int,
    likes: NDArray[np.int64],
    titles: Sequence[str],
    kinds: Sequence[Kind],
) -> list[str]:
    """A name for each cluster, no two alike; one that no term sets apart is named after an item."""
    known = np.argsort(-likes, kind="stable")
    best = [titles[known[(of[known] == c).argmax()]] for c in range(n_clusters)]
    parts = [_telling(of, n_clusters, item_weights(likes), kind) for kind in kinds]
    joined = [", ".join(name for part in parts for name in part[c]) for c in range(n_clusters)]
    names = [name or f"around {title}" for name, title in zip(joined, best, strict=True)]
    twice = {name for name, times in Counter(names).items() if times > 1}
    return [f"{a} ({b})" if a in twice else a for a, b in zip(names, best, strict=True)]


def _telling(
    of: NDArray[np.int64], n_clusters: int, weight: NDArray[np.float64], kind: Kind
) -> list[list[str]]:
    """The terms of a kind that set each cluster apart, the most telling first.

    Their score is a class-based TF-IDF: a term's share within the cluster, times the logarithm of
    how many times that is its share on the map.
    """
    terms, least, most = kind
    words = sorted({term for row in terms for term in row})
    place = {term: k for k, term in enumerate(words)}
    rows = np.repeat(np.arange(len(terms)), [len(row) for row in terms])
    columns = [place[term] for row in terms for term in row]
    says = sp.csr_array((weight[rows], (rows, columns)), shape=(len(terms), len(words)))
    (within,) = np.nonzero(of >= 0)
    shape = (n_clusters, len(terms))
    member = sp.csr_array((np.ones(len(within)), (of[within], within)), shape=shape)
    share = (member @ says).toarray() / (member @ weight)[:, None]
    lift = share / np.asarray(says.sum(axis=0)) * weight.sum()
    score = np.where((lift >= LIFT) & (share >= least), share * np.log(np.maximum(lift, 1.0)), 0.0)
    return [
        [words[k] for k in np.argsort(-row, kind="stable")[:most] if row[k] > FURTHER * row.max()]
        for row in score
    ]


def item_weights(likes: NDArray[np.int64]) -> NDArray[np.float64]:
    """What each item weighs: the better known the more, by the logarithm."""
    weights: NDArray[np.float64] = np.log1p(np.maximum(likes, 0).astype(np.float64)) + 1e-3
    return weights


def title_words(titles: Sequence[str]) -> list[list[str]]:
    """The words of each title in small letters, those of three letters and more."""
    return [re.findall(r"[^\W\d_]{3,}", title.lower()) for title in titles]
