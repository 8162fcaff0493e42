"""The operator whose likes lie in parts, by user, on the workers of a cluster."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.derived import derived
from movieembed.data.distributed.cluster import Cluster, new_key
from movieembed.data.distributed.likes import DistributedLikes
from movieembed.operators.cpu import spread
from movieembed.operators.dask import part, statistics
from movieembed.operators.host_arrays import HostArrays, rows_contiguous
from movieembed.operators.weighting import Weighting

# Rows of VV' that are formed at a time by the exact cost.
EXACT_ROWS = 256


class DaskOperator(HostArrays):
    """X = L'L - diag(c), its users in parts on the workers; see `operators.protocol`.

    Parameters
    ----------
    likes : DistributedLikes
    weighting : Weighting
        Without weights of single entries.
    dtype : dtype
        float32 or float64.
    n_threads : int, default=0
        Of this process's kernels.

    Attributes
    ----------
    item_scale : ndarray of float64, shape (n_all_items,), or None
        The diagonal of S, as a model keeps it.
    item_squares : ndarray of float64, shape (n_all_items,)
        The diagonal of the scaled L'L.
    unit : float
        A power of two, over which the operator has the likes.

    Notes
    -----
    A product sends V to each worker once and sums the parts' terms in a tree of pairs, always the
    same: for one cut into parts the result is the same whatever the workers.
    """

    def __init__(
        self, likes: DistributedLikes, weighting: Weighting, dtype: Any, n_threads: int = 0
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.n_threads = n_threads
        self.cluster: Cluster = likes.cluster
        self.item_scale: NDArray[np.float64] | None = None
        if weighting.item_scaling:
            c = self.cluster.total("item-squares", part.weighted_squares, likes.parts, weighting)
            squares = self.cluster.result(c)
            if not np.isfinite(squares).all() or ((squares == 0) & (likes.item_counts > 0)).any():
                raise ValueError(
                    "the squares of these weights leave the range of float64: multiply all by one "
                    "number so that the largest is about 1"
                )
            self.item_scale = weighting.scale_of(squares)
        scale = None
        if self.item_scale is not None:
            scale = self.cluster.here("item-scale", self.item_scale)
        sums = self.cluster.total("reduction", part.reduction, likes.parts, weighting, scale)
        squares, counts = self.cluster.result(sums)
        self.item_squares: NDArray[np.float64] = own(squares)
        self.active: NDArray[np.int64] = np.flatnonzero(counts)
        active = self.cluster.here("active", self.active)
        if not likes.is_binary or weighting != Weighting():
            units = self.cluster.each("unit", part.unit_of_part, likes.parts, weighting, scale)
            self.unit = max(self.cluster.result(units)) or 1.0
        self.parts = self.cluster.each(
            "likes", part.reduced, likes.parts, weighting, scale, active, self.unit
        )
        sizes = self.cluster.result(self.cluster.each("users", part.n_users, self.parts))
        self.bounds: NDArray[np.int64] = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self.n_items, self.n_users = len(self.active), int(self.bounds[-1])
        self._other: DaskOperator | None = None

    def in_precision(self, dtype: Any) -> DaskOperator:
        if np.dtype(dtype) == self.dtype:
            return self
        if self._other is None:
            self._other = copy.copy(self)
            self._other.dtype = np.dtype(dtype)
            self._other.__dict__.pop("diagonal", None)
        return self._other

    @derived
    def _squares(self) -> NDArray[np.float64]:
        total = self.cluster.total("item-squares", part.squares, self.parts)
        return own(self.cluster.result(total))

    @derived
    def diagonal(self) -> NDArray[Any]:
        return self._squares.astype(self.dtype)

    @derived
    def frobenius_squared(self) -> float:
        return statistics.frobenius_squared(self.cluster, self.parts)

    def apply(self, V: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        XV, _ = self._product(V)
        if out is None:
            return own(XV)
        out[...] = XV
        return out

    def apply_rows(self, rows: sp.csr_array, weights: NDArray[np.float64]) -> NDArray[Any]:
        return self.scale_rows(weights, self.apply(self.columns_of(rows)))

    def evaluate(
        self, V: NDArray[Any], spare: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], float]:
        XV, norm_squared = self._product(V)
        return own(XV), norm_squared - self._diagonal_form(V)

    def _product(self, V: NDArray[Any]) -> tuple[NDArray[Any], float]:
        found: tuple[NDArray[Any], float] = self.cluster.sum_with(
            "product", part.apply, self.parts, np.ascontiguousarray(V)
        )
        return found

    def quadratic_form(self, V: NDArray[Any]) -> float:
        norm_squared = self.cluster.sum_with(
            "squared-norm", part.squared_norm, self.parts, np.ascontiguousarray(V)
        )
        return float(norm_squared) - self._diagonal_form(V)

    def _diagonal_form(self, V: NDArray[Any]) -> float:
        V = rows_contiguous(V)
        return float(self._squares @ self.row_dots(V, V))

    def from_user_vectors(self, U: NDArray[Any]) -> NDArray[Any]:
        rows = [self.asarray(U[a:b]) for a, b in self._ranges()]
        total = self.cluster.total("to-items", part.to_items, self.parts, each=rows)
        return own(self.cluster.result(total))

    def _ranges(self) -> list[tuple[int, int]]:
        return list(zip(self.bounds[:-1].tolist(), self.bounds[1:].tolist(), strict=True))

    def exact_cost(self, V: NDArray[Any]) -> float:
        V = V.astype(np.float64, copy=False)
        total = 0.0
        for start in range(0, self.n_items, EXACT_ROWS):
            rows = np.arange(start, min(start + EXACT_ROWS, self.n_items))
            gram = self.cluster.result(
                self.cluster.total("rows-of-x", part.gram_rows, self.parts, rows)
            )
            residual = V[rows] @ V.T - gram.toarray()
            residual[np.arange(len(rows)), rows] = 0
            total += float(np.vdot(residual, residual))
        return total

    def some_users(self, count: int) -> NDArray[Any]:
        lengths = self.cluster.result(self.cluster.each("lengths", part.lengths, self.parts))
        chosen = spread(np.concatenate(lengths), count)
        key = new_key("some-users")
        tasks = {}
        for p, (first, last) in enumerate(self._ranges()):
            mine = chosen[(chosen >= first) & (chosen < last)] - first
            if len(mine):
                tasks[key, p] = (part.dense_rows, self.parts[p], mine)
        found = self.cluster.result(self.cluster.submit(tasks, list(tasks)))
        return np.concatenate(found).T

    def user_gram(self) -> None:
        return None


def own(array: NDArray[Any]) -> NDArray[Any]:
    """Copy what came over the network, unless it is aligned and may be written to already."""
    return np.require(array, requirements=["C", "A", "W"])
