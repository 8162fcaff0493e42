"""Measures of ranked lists and of neighbours, for all users at once."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


def ranking_metrics(
    columns: NDArray[np.int64], held: sp.csr_array, *, ks: tuple[int, ...] = (20,)
) -> dict[str, NDArray[np.float64]]:
    """Each user's recall, NDCG, average precision and reciprocal rank.

    Parameters
    ----------
    columns : ndarray of int64, shape (n_users, n)
        Recommended item columns, best first; -1 for none. Nothing twice in a row.
    held : csr_array, shape (n_users, n_items)
        What is to be found, at least one item a user; binary relevance.
    ks : tuple of int
        Cut-offs, at most n.

    Returns
    -------
    dict of ndarrays of shape (n_users,)
        For each k: "recall@k" (hits over the number of held items), "capped_recall@k" (over that
        or k, whichever is less, as in Liang et al. 2018), "ndcg@k", "map@k" (precision at each hit,
        summed, over the number of held items or k, whichever is less) and "mrr@k".

    Raises
    ------
    ValueError
        When the shapes do not fit, a k exceeds n, or a user has nothing held out.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from movieembed.evaluation import ranking_metrics
    >>> held = sp.csr_array(np.array([[0, 1, 1, 0]]))
    >>> found = ranking_metrics(np.array([[2, 0, 1]]), held, ks=(3,))
    >>> float(found["recall@3"][0]), round(float(found["ndcg@3"][0]), 4)
    (1.0, 0.9197)
    """
    columns = np.asarray(columns)
    if columns.ndim != 2 or columns.shape[0] != held.shape[0]:
        raise ValueError(f"columns has shape {columns.shape} for {held.shape[0]} users")
    n_users, n = columns.shape
    relevant = np.diff(held.indptr)
    if n_users and not relevant.all():
        raise ValueError("a user has nothing held out: leave them out")
    if any(not 1 <= k <= n for k in ks):
        raise ValueError(f"ks must be within [1, {n}], the length of the lists, not {ks}")
    hits = are_stored(columns, held)
    discount = 1 / np.log2(np.arange(2, n + 2))
    ideal = np.cumsum(discount)
    upto = np.cumsum(hits, axis=1)
    precision = upto / np.arange(1, n + 1)
    found: dict[str, NDArray[np.float64]] = {}
    for k in ks:
        capped = np.minimum(relevant, k)
        found[f"recall@{k}"] = upto[:, k - 1] / relevant
        found[f"capped_recall@{k}"] = upto[:, k - 1] / capped
        found[f"ndcg@{k}"] = (hits[:, :k] * discount[:k]).sum(axis=1) / ideal[capped - 1]
        found[f"map@{k}"] = (hits[:, :k] * precision[:, :k]).sum(axis=1) / capped
        first = hits[:, :k].argmax(axis=1)
        found[f"mrr@{k}"] = np.where(hits[:, :k].any(axis=1), 1 / (first + 1), 0.0)
    return found


def are_stored(columns: NDArray[np.int64], matrix: sp.csr_array) -> NDArray[np.bool_]:
    """Which of the columns listed for each row are stored in it."""
    n_rows, n_items = matrix.shape
    rows = np.repeat(np.arange(n_rows, dtype=np.int64), np.diff(matrix.indptr))
    keys = np.sort(rows * n_items + matrix.indices)
    if not len(keys):
        return np.zeros(columns.shape, dtype=bool)
    asked = np.arange(n_rows, dtype=np.int64)[:, None] * n_items + columns
    at = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.asarray((keys[at] == asked) & (columns >= 0))


def list_metrics(
    columns: NDArray[np.int64], counts: NDArray[np.int64], held: sp.csr_array
) -> dict[str, float]:
    """Coverage, the share of liked items that are recommended to anybody; and popularity.

    Popularity is the mean number of likes of what is recommended, over that of what is held out:
    above 1, the popular are recommended more than they are liked.
    """
    shown = columns[columns >= 0]
    liked = int((counts > 0).sum())
    wanted = float(counts[held.indices].mean()) if held.nnz else np.nan
    return {
        "coverage": len(np.unique(shown)) / max(liked, 1),
        "popularity": float(counts[shown].mean()) / wanted if len(shown) and wanted else np.nan,
    }


def hubness(columns: NDArray[np.int64], n_items: int | None = None) -> dict[str, float]:
    """How unevenly items appear in each other's lists of neighbours.

    Parameters
    ----------
    columns : ndarray of int64, shape (n_items, n)
        Neighbours of every item, as :meth:`movieembed.MovieEmbedding.neighbors` gives them.
    n_items : int, optional
        By default the number of lists that are not empty.

    Returns
    -------
    dict
        "largest": the number of lists in which the commonest item stands; "skewness" of that number
        over items (Radovanovic et al., JMLR 2010; about 0 without hubs); "absent": the share of
        items in no list.

    Examples
    --------
    >>> import numpy as np
    >>> from movieembed.evaluation import hubness
    >>> hubness(np.array([[1], [0], [0], [0]]))["largest"]
    3.0
    """
    there = columns[:, 0] >= 0 if columns.size else np.zeros(len(columns), dtype=bool)
    counts = np.bincount(columns[columns >= 0], minlength=len(columns))[there].astype(np.float64)
    if n_items is not None:
        counts = counts[:n_items]
    if not len(counts) or counts.std() == 0:
        return {"largest": float(counts.max(initial=0)), "skewness": 0.0, "absent": 0.0}
    deviations = counts - counts.mean()
    return {
        "largest": float(counts.max()),
        "skewness": float((deviations**3).mean() / counts.std() ** 3),
        "absent": float((counts == 0).mean()),
    }


_YEAR = re.compile(r"\s*\(\d{4}\)\s*$")
_NUMBER = re.compile(
    r"^(?P<stem>.+?),?\s+(?:(?:part|episode|vol\.?|volume|chapter)\s+)?"
    r"(?P<number>\d{1,2}|[ivx]{1,4}|two|three|four|five)$"
)


def franchises(titles: Any, counts: Any = None, min_likes: int = 5) -> list[NDArray[np.int64]]:
    """Groups of films that their titles show to be sequels of each other.

    Parameters
    ----------
    titles : sequence of str, length n_items
    counts : sequence of int, optional
        Likes of each; with it, films with fewer than `min_likes` are left out.
    min_likes : int, default=5

    Returns
    -------
    list of ndarrays of int64
        Positions, at least two a group. A title belongs to the stem before its colon or its number:
        "Toy Story 2" and "Toy Story", "Star Wars: Episode IV" and "Star Wars: Episode V". Remakes,
        which differ in the year alone, are no sequels.

    Examples
    --------
    >>> from movieembed.evaluation import franchises
    >>> [g.tolist() for g in franchises(["Toy Story (1995)", "Heat (1995)", "Toy Story 2 (1999)"])]
    [[0, 2]]
    """
    groups: dict[str, dict[str, int]] = {}
    for place, title in enumerate(titles):
        if counts is not None and counts[place] < min_likes:
            continue
        bare = re.sub(r"\s*\([^)]*\)", "", _YEAR.sub("", str(title))).casefold().strip()
        stem = bare.split(":")[0].strip()
        if match := _NUMBER.match(stem):
            stem = match["stem"].strip(" ,")
        if len(stem) >= 3:
            groups.setdefault(stem, {}).setdefault(bare, place)
    found = []
    for stem, members in groups.items():
        numbered = [b for b in members if b == stem or _NUMBER.match(b.split(":")[0]) or ":" in b]
        if len(members) >= 2 and len(numbered) == len(members):
            found.append(np.array(sorted(members.values())))
    return sorted(found, key=lambda group: int(group[0]))


def sequels_among_neighbors(columns: NDArray[np.int64], groups: list[NDArray[np.int64]]) -> float:
    """The mean over films of groups of the share of their sequels among their neighbours.

    Parameters
    ----------
    columns : ndarray of int64, shape (n_items, n)
        Neighbours of every item.
    groups : list of ndarrays
        As `franchises` gives them.

    Returns
    -------
    float
        Sequels found over sequels that there are (at most n), averaged over films.

    Examples
    --------
    >>> import numpy as np
    >>> from movieembed.evaluation import sequels_among_neighbors
    >>> sequels_among_neighbors(np.array([[1], [2], [0]]), [np.array([0, 1])])
    0.5
    """
    shares = []
    for group in groups:
        for place in group:
            others = np.setdiff1d(group, [place])
            found = np.isin(columns[place], others).sum()
            shares.append(found / min(len(others), columns.shape[1]))
    return float(np.mean(shares)) if shares else float("nan")
