"""X over the parts of a cluster."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed.backends.cpu import spread, without_idle
from movieembed.backends.dask import part
from movieembed.backends.host import HostArrays, rows_contiguous

# Rows of VV' that are formed at a time by the exact cost.
EXACT_ROWS = 256


class DaskOperator(HostArrays):
    """X = L'L - diag(c), its users in parts on the workers; see :mod:`movieembed.backends.base`.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Canonical likes or weights.
    dtype : dtype
        float32 or float64.
    client : distributed.Client
    n_parts : int
    n_threads : int, default=0
        Of this process's kernels.

    Notes
    -----
    A product sends V to the workers that lack it and reduces the parts' terms in a tree of pairs,
    always the same: for one number of parts the result is the same whatever the workers.
    A part is a task on the likes that this process holds, so a worker that is lost takes nothing
    along: its parts are cut again.
    """

    def __init__(
        self, matrix: sp.csr_array, dtype: Any, client: Any, n_parts: int, n_threads: int = 0
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.client = client
        self.n_threads = n_threads
        self.matrix, self.active = without_idle(matrix)
        self.n_users, self.n_items = self.matrix.shape
        self.bounds = part_bounds(self.matrix.indptr, n_parts)
        self.parts = [
            client.submit(part.Part, self.matrix[first:last], pure=False)
            for first, last in zip(self.bounds[:-1], self.bounds[1:], strict=True)
        ]
        self._other: DaskOperator | None = None

    def in_precision(self, dtype: Any) -> DaskOperator:
        if np.dtype(dtype) == self.dtype:
            return self
        if self._other is None:
            self._other = copy.copy(self)
            self._other.dtype = np.dtype(dtype)
            self._other.__dict__.pop("diagonal", None)
        return self._other

    def _reduced(
        self,
        task: Callable[..., Any],
        *arguments: Any,
        each: list[Any] | None = None,
        join: Callable[[Any, Any], Any] = part.add,
    ) -> Any:
        """The sum over the parts of what a task makes of each."""
        terms = [
            self.client.submit(
                task, held, *([] if each is None else [each[i]]), *arguments, pure=False
            )
            for i, held in enumerate(self.parts)
        ]
        while len(terms) > 1:
            pairs = zip(terms[::2], terms[1::2], strict=False)
            joined = [self.client.submit(join, a, b, pure=False) for a, b in pairs]
            terms = joined + terms[len(joined) * 2 :]
        return terms[0].result()

    def _sent(self, V: NDArray[Any]) -> Any:
        """V where the workers find it, once each; rebuilt from here if one is lost."""
        return self.client.submit(np.asarray, np.ascontiguousarray(V), pure=False)

    @cached_property
    def _squares(self) -> NDArray[np.float64]:
        return own(self._reduced(part.squares))

    @cached_property
    def diagonal(self) -> NDArray[Any]:
        return self._squares.astype(self.dtype)

    @cached_property
    def frobenius_squared(self) -> float:
        # |X|^2 = |LL'|^2 - |c|^2. With S(p) the squares of LL' off its diagonal over p's users, the
        # cross terms of two parts are S(p and q) - S(p) - S(q).
        alone = [self.client.submit(part.user_gram_squares, p, pure=False) for p in self.parts]
        pairs = [
            self.client.submit(part.user_gram_squares, p, q, pure=False)
            for p, q in combinations(self.parts, 2)
        ]
        own = self.client.gather(alone)
        together = self.client.gather(pairs)
        off = sum(together) - (len(own) - 2) * sum(own)
        return float(off + self._reduced(part.diagonal_squares) - self._squares @ self._squares)

    def apply(self, V: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        XV, _ = self._reduced(part.apply, self._sent(V), join=part.add_pairs)
        if out is None:
            return own(XV)
        out[...] = XV
        return out

    def evaluate(self, V: NDArray[Any]) -> tuple[NDArray[Any], float]:
        XV, squares = self._reduced(part.apply, self._sent(V), join=part.add_pairs)
        return own(XV), squares - self._diagonal_form(V)

    def quadratic_form(self, V: NDArray[Any]) -> float:
        squares = self._reduced(part.squared_norm, self._sent(V))
        return float(squares) - self._diagonal_form(V)

    def _diagonal_form(self, V: NDArray[Any]) -> float:
        V = rows_contiguous(V)
        return float(self._squares @ self.row_dots(V, V))

    def from_user_vectors(self, U: NDArray[Any]) -> NDArray[Any]:
        rows = [
            self.asarray(U[first:last])
            for first, last in zip(self.bounds[:-1], self.bounds[1:], strict=True)
        ]
        return own(self._reduced(part.to_items, each=rows))

    def exact_cost(self, V: NDArray[Any]) -> float:
        V = V.astype(np.float64, copy=False)
        total = 0.0
        for start in range(0, self.n_items, EXACT_ROWS):
            rows = slice(start, min(start + EXACT_ROWS, self.n_items))
            gram = self._reduced(part.gram_rows, rows)
            residual = V[rows] @ V.T - gram.toarray()
            residual[np.arange(len(residual)), np.arange(rows.start, rows.stop)] = 0
            total += float(np.vdot(residual, residual))
        return total

    def some_users(self, count: int) -> NDArray[Any]:
        rows: NDArray[Any] = self.matrix[spread(np.diff(self.matrix.indptr), count)].toarray()
        return rows.T

    def user_gram(self) -> None:
        return None


def own(array: NDArray[Any]) -> NDArray[Any]:
    """What came over the network as an array to work with: aligned, and not read-only."""
    return np.require(array, requirements=["C", "A", "W"])


def part_bounds(indptr: NDArray[Any], n_parts: int) -> NDArray[np.int64]:
    """Cuts between users that give parts about equal numbers of likes."""
    n_users = len(indptr) - 1
    targets = np.linspace(0, float(indptr[-1]), min(n_parts, max(n_users, 1)) + 1)
    cuts = np.searchsorted(indptr, targets)
    cuts[0], cuts[-1] = 0, n_users
    return np.unique(cuts).astype(np.int64)
