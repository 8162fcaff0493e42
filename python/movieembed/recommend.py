"""Neighbours and recommendations as tables: ids or titles in, ids and titles out."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed.cooccurrence import check_count
from movieembed.exceptions import ItemWithoutLikesError
from movieembed.items import ItemIndex
from movieembed.neighbors import top_k_neighbors, unit_rows

__all__ = ["recommend_by_cosine", "similar_items"]


def similar_items(
    embedding: NDArray[Any],
    index: ItemIndex,
    counts: NDArray[np.int64],
    items: Hashable | Iterable[Hashable],
    n: int,
    metric: Literal["cosine", "dot"],
    n_jobs: int | None,
) -> pd.DataFrame:
    """The nearest items of each of `items`; see :meth:`movieembed.MovieEmbedding.similar`."""
    n = check_count(n, "n")
    rows = index.resolve_many(items)
    for row in rows:
        if not embedding[row].any():
            raise ItemWithoutLikesError(why_no_vector(index, counts, row))
    found, scores = top_k_neighbors(
        embedding[rows],
        embedding,
        n,
        metric=metric,
        exclude=[np.array([row]) for row in rows],
        n_jobs=n_jobs,
    )
    there = found >= 0
    table = as_table(index, found[there], scores[there])
    if not is_single(index, items):
        table.insert(0, "query", index.ids[np.repeat(rows, there.sum(axis=1))])
    return table


def recommend_by_cosine(
    embedding: NDArray[Any],
    index: ItemIndex,
    counts: NDArray[np.int64],
    items: Hashable | Iterable[Hashable],
    n: int,
    n_jobs: int | None,
) -> pd.DataFrame:
    """Items with the highest mean cosine; see :meth:`movieembed.MovieEmbedding.recommend`."""
    n = check_count(n, "n")
    listed = np.unique(index.resolve_many(items))
    if len(listed) == 0:
        raise ValueError("items is empty: name at least one item to recommend from")
    silent = [row for row in listed if not embedding[row].any()]
    if len(silent) == len(listed):
        raise ItemWithoutLikesError(why_no_vector(index, counts, silent[0]))
    for row in silent:
        warnings.warn(why_no_vector(index, counts, row), UserWarning, stacklevel=3)
    units = unit_rows(embedding)
    speaking = np.setdiff1d(listed, silent)
    taste = units[speaking].mean(axis=0, keepdims=True, dtype=np.float64).astype(units.dtype)
    found, scores = top_k_neighbors(taste, units, n, metric="dot", exclude=[listed], n_jobs=n_jobs)
    there = found >= 0
    return as_table(index, found[there], scores[there])


def as_table(index: ItemIndex, rows: NDArray[np.int64], scores: NDArray[Any]) -> pd.DataFrame:
    """Columns item, title (where known) and score."""
    columns: dict[str, Any] = {"item": index.ids[rows]}
    if index.titles is not None:
        columns["title"] = index.titles[rows]
    columns["score"] = scores
    return pd.DataFrame(columns)


def is_single(index: ItemIndex, items: Hashable | Iterable[Hashable]) -> bool:
    """Whether one item was asked for, not a list."""
    return (
        isinstance(items, (str, bytes))
        or not isinstance(items, Iterable)
        or (isinstance(items, tuple) and index.is_id(items))
    )


def why_no_vector(index: ItemIndex, counts: NDArray[np.int64], row: int) -> str:
    """A sentence for an item whose embedding is zero."""
    name = repr(index.ids.tolist()[row]) if index.titles is None else repr(index.titles[row])
    if counts[row] == 0:
        return f"{name} has no embedding: nobody liked it"
    return f"{name} has no embedding: none of the users who liked it liked anything else"
