"""What may be in a list of recommendations, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.message import Message, Parameter
from movieembed._base.validation import OneOf, check_parameter, check_real
from movieembed.data.ids import each_id
from movieembed.data.items import ItemIndex
from movieembed.data.where import rows_where
from movieembed.exceptions import ParameterError
from movieembed.model.fitted_items import FittedItems
from movieembed.model.neighbors import Found, none_found, unit_rows

# Of the items that are looked at for a list that is made diverse, so many for each place.
POOL, LEAST_POOL = 5, 100
DIVERSIFY_BYTES = 64 << 20


@dataclass(frozen=True)
class Rules:
    """Which items may be recommended, and whether a list avoids items that are alike.

    Attributes
    ----------
    filter_items, allowed_items, where, unknown, exclude_given, exclude_seen, diversify
        As :func:`movieembed.model.scoring.recommend` has them.
    """

    filter_items: Any = None
    allowed_items: Any = None
    where: Any = None
    unknown: Literal["raise", "drop"] = "raise"
    exclude_given: bool = True
    exclude_seen: bool = True
    diversify: float = 0.0

    def __post_init__(self) -> None:
        check_parameter(self.unknown, "unknown", OneOf("raise", "drop"))
        for name in ("exclude_given", "exclude_seen"):
            check_parameter(getattr(self, name), name, bool)
        check_real(self.diversify, "diversify", low=0.0, high=1.0)

    @classmethod
    def among(
        cls, options: Mapping[str, Any], function: str, others: Collection[str] = ()
    ) -> tuple[Self, dict[str, Any]]:
        """The rules that are among the options of a function, and the others that it has."""
        names = {f.name for f in fields(cls)}
        for name in options:
            if name not in names and name not in others:
                raise TypeError(f"{function}() has no parameter {name!r}")
        rules = cls(**{name: value for name, value in options.items() if name in names})
        return rules, {name: value for name, value in options.items() if name not in names}

    def candidates(self, fitted: FittedItems, of: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of some items may be recommended."""
        candidates = of.copy()
        drop = self.unknown == "drop"
        if self.allowed_items is not None:
            allowed = np.zeros(len(candidates), dtype=bool)
            allowed[columns_of(fitted.index, self.allowed_items, drop)] = True
            candidates &= allowed
        if self.where is not None:
            listed = isinstance(self.where, list | tuple)
            for condition in self.where if listed else [self.where]:
                met = rows_where(fitted.catalogue, condition, "the table of items")
                if not met.any():
                    where = Parameter("where", condition)
                    raise ParameterError(Message("no item meets {where}", where=where), "where")
                candidates &= met
        if self.filter_items is not None:
            candidates[columns_of(fitted.index, self.filter_items, drop)] = False
        return candidates

    def pool(self, n: int, n_items: int) -> int:
        """How many of the best items are looked at for a list of n."""
        return min(max(POOL * n, LEAST_POOL), n_items) if self.diversify else n


def columns_of(index: ItemIndex, items: Any, drop: bool) -> NDArray[np.int64]:
    """The columns of items by id or title; those that are not there are left out, or an error."""
    if not drop:
        return index.resolve_many(items)
    items = each_id(items)
    single = isinstance(items, str | bytes) or not np.iterable(items)
    if single or (isinstance(items, tuple) and index.is_id(items)):
        items = [items]
    found = [index.find(item) for item in items]
    return np.array([column for column in found if column is not None], dtype=np.int64)


def merged(found: NDArray[Any], scores: NDArray[Any], more: sp.csr_array) -> Found:
    """Lists with more items and their scores, the stored entries of a matrix, in their places."""
    n_users, n = found.shape
    there = found >= 0
    user = np.concatenate(
        [np.nonzero(there)[0], np.repeat(np.arange(n_users), np.diff(more.indptr))]
    )
    column = np.concatenate([found[there], more.indices])
    score = np.concatenate([scores[there], more.data.astype(scores.dtype)])
    order = np.lexsort((column, -score, user))
    user, column, score = user[order], column[order], score[order]
    place = np.arange(len(user)) - np.searchsorted(user, np.arange(n_users))[user]
    kept = place < n
    found, scores = none_found(n_users, n, scores.dtype)
    found[user[kept], place[kept]] = column[kept]
    scores[user[kept], place[kept]] = score[kept]
    return found, scores


def diversified(V: NDArray[Any], lists: Found, n: int, weight: float) -> Found:
    """The n of each list that are chosen by maximal marginal relevance, one after the other.

    The next item is the one with the largest (1 - weight) r - weight c: r its score, from 0 for the
    last of the list to 1 for the first, and c its largest cosine with an item chosen before
    (Carbonell and Goldstein, SIGIR 1998).
    """
    pool, scores = lists
    chosen = none_found(len(pool), min(n, pool.shape[1]), scores.dtype)
    size = max(1, DIVERSIFY_BYTES // max(1, 8 * pool.shape[1] * V.shape[1]))
    for start in range(0, len(pool), size):
        block = slice(start, start + size)
        at = _places(V, pool[block], scores[block], chosen[0].shape[1], weight)
        for into, of in zip(chosen, lists, strict=True):
            into[block] = np.take_along_axis(of[block], at, axis=1)
    return chosen


def _places(
    V: NDArray[Any], pool: NDArray[np.int64], scores: NDArray[Any], n: int, weight: float
) -> NDArray[np.int64]:
    """The places in some lists of what is chosen; those without an item come last."""
    users, there = np.arange(len(pool)), pool >= 0
    vectors = unit_rows(V[pool.ravel()].astype(np.float64)).reshape(*pool.shape, -1)
    lowest, highest = (
        edge(np.where(there, scores, no), axis=1, initial=no, keepdims=True)
        for edge, no in ((np.min, np.inf), (np.max, -np.inf))
    )
    spread = np.where(highest > lowest, highest - lowest, 1)
    relevance = np.where(there, (scores - lowest) / spread, -1e6 - np.arange(pool.shape[1]))
    nearest, taken = np.zeros(pool.shape), np.zeros(pool.shape, dtype=bool)
    at = np.zeros((len(pool), n), dtype=np.int64)
    for k in range(n):
        value = np.where(there, (1 - weight) * relevance - weight * nearest, relevance)
        at[:, k] = np.where(taken, -np.inf, value).argmax(axis=1)
        taken[users, at[:, k]] = True
        cosines = np.einsum("upd,ud->up", vectors, vectors[users, at[:, k]])
        nearest = cosines if k == 0 else np.maximum(nearest, cosines)
    return at
