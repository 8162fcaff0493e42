"""The operator on this machine's cores: our kernels for sparse work, NumPy's BLAS for dense."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed._base.arrays import holds_ones
from movieembed._base.derived import derived
from movieembed.operators.core_csr import core_csr, core_pair
from movieembed.operators.host_arrays import HostArrays, rows_contiguous

# Up to this many users their Gram matrix is small: 8 MB.
FEW_USERS = 1000
# Likes an item and column up to which passes over them are cheap beside a block's dense algebra: a
# flop of a pass takes some 12 times as long as one of gemm. Yelp2018 has 0.43 at d = 64, and is
# fitted in three quarters of the time that the block solver takes.
CHEAP = 0.6
# Likes an item up to which X is summed row by row, not in panels of rows. With 14 it takes a sixth
# of the time, with 32 two thirds, with 120 three times as long. And how many its kernel takes.
FEW_LIKES, MOST_LIKES = 40, 2**31 - 1
# Rows of VV' that are formed at a time.
EXACT_ROWS = 256


class CpuOperator(HostArrays):
    """X = L'L - diag(c) on the CPU; see :class:`movieembed.operators.protocol.Operator`.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Canonical likes or weights.
    dtype : dtype, default=float64
        float32 or float64.
    n_threads : int, default=0
        Threads of the kernels; 0 is their default.
    keep_all : bool, default=False
        Keep the items that nobody shares, whose optimum is zero. The exercise, which starts them at
        random too, needs it.

    Attributes
    ----------
    active : ndarray of int64, shape (n_items,)
        Columns of the given matrix that were kept.
    matrix : csr_array, shape (n_users, n_items)
        The reduced matrix.
    """

    def __init__(
        self,
        matrix: sp.csr_array,
        dtype: Any = np.float64,
        n_threads: int = 0,
        keep_all: bool = False,
    ) -> None:
        if matrix.indptr.dtype != matrix.indices.dtype:  # else the kernels would get copies
            matrix = sp.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
        self._hold(*without_unembedded(matrix, keep_all), dtype, n_threads)

    def _hold(
        self, matrix: sp.csr_array, active: NDArray[np.int64], dtype: Any, n_threads: int
    ) -> None:
        """Take a reduced matrix and the columns that it kept."""
        self.matrix, self.active = matrix, active
        self.dtype, self.n_threads = np.dtype(dtype), n_threads
        self.n_users, self.n_items = matrix.shape
        self._product = _core.Product(core_csr(matrix, self.dtype), self.dtype, n_threads)
        self._other: CpuOperator | None = None

    def in_precision(self, dtype: Any) -> CpuOperator:
        if np.dtype(dtype) == self.dtype:
            return self
        if self._other is not None:
            return self._other
        other = copy.copy(self)
        other.dtype = np.dtype(dtype)
        other._product = _core.Product(
            core_csr(self.matrix, other.dtype), other.dtype, self.n_threads, self._product
        )
        for of_rounded_values in ("diagonal", "_squares"):
            other.__dict__.pop(of_rounded_values, None)
        self._other = other  # whole, for other threads may take it at once
        return other

    def without_users(self, users: NDArray[np.int64]) -> CpuOperator:
        """The operator as if some rows of its matrix were zero, which shares all else with it."""
        other = copy.copy(self)
        other.matrix, other._other = with_zero_rows(self.matrix, users), None
        for derived_of_all in ("diagonal", "_squares", "frobenius_squared"):
            other.__dict__.pop(derived_of_all, None)
        other._product = _core.Product(
            core_csr(other.matrix, self.dtype), self.dtype, self.n_threads, self._product
        )
        return other

    @derived
    def diagonal(self) -> NDArray[Any]:
        return self._squares.astype(self.dtype)

    @derived
    def _squares(self) -> NDArray[np.float64]:
        return self._product.squares()

    @derived
    def frobenius_squared(self) -> float:
        return sum_of_squares(self.matrix, self.n_threads)

    def apply(self, V: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        out = self.empty(V.shape[1]) if out is None else out
        self._product.apply(rows_contiguous(V), out, n_threads=self.n_threads)
        return out

    def shifted(
        self,
        V: NDArray[Any],
        shift: NDArray[np.float64],
        scale: float,
        out: NDArray[Any],
        minus_out: bool = False,
    ) -> NDArray[Any]:
        w = np.ascontiguousarray(shift, dtype=np.float64)
        self._product.step(rows_contiguous(V), w, scale, out, minus_out, n_threads=self.n_threads)
        return out

    def cheap_products(self, k: int) -> bool:
        return are_few(self.matrix.nnz, self.n_items, k)

    def apply_rows(self, rows: sp.csr_array, weights: NDArray[np.float64]) -> NDArray[Any]:
        out = self.empty(rows.shape[0])
        factors = np.ascontiguousarray(weights, dtype=np.float64)
        self._product.apply_rows(core_csr(rows, self.dtype), factors, out, n_threads=self.n_threads)
        return out

    def evaluate(
        self, V: NDArray[Any], spare: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], float]:
        V = rows_contiguous(V)
        XV = self.empty(V.shape[1]) if spare is None else spare
        norm_squared = self._product.apply(V, XV, n_threads=self.n_threads)
        return XV, norm_squared - float(self._squares @ self.row_dots(V, V))

    def quadratic_form(self, V: NDArray[Any]) -> float:
        # Sums in float32 would lose 1e-7 of |LV|^2, more than the cost of a close fit of many likes
        # can bear.
        in_float64 = self.in_precision(np.float64)
        if in_float64 is not self:
            return in_float64.quadratic_form(in_float64.astype(V))
        V = rows_contiguous(V)
        norm_squared = self._product.squared_norm(V, n_threads=self.n_threads)
        return norm_squared - float(self._squares @ self.row_dots(V, V))

    def from_user_vectors(self, U: NDArray[Any]) -> NDArray[Any]:
        out = self.empty(U.shape[1])
        self._product.to_items(self.asarray(U), out, n_threads=self.n_threads)
        return out

    def exact_cost(self, V: NDArray[Any]) -> float:
        V = V.astype(np.float64, copy=False)
        L, Lt = core_pair(self.matrix)
        total = 0.0
        for start in range(0, self.n_items, EXACT_ROWS):
            block = np.ascontiguousarray(V[start : start + EXACT_ROWS] @ V.T)
            squares = _core.residual_rows(L, Lt, start, block, n_threads=self.n_threads)
            total += float(squares.sum())
        return total

    def some_users(self, count: int) -> NDArray[Any]:
        rows: NDArray[Any] = self.matrix[spread(np.diff(self.matrix.indptr), count)].toarray()
        return rows.T

    def user_gram(self) -> NDArray[np.float64] | None:
        if self.n_users > FEW_USERS:
            return None
        users, items = core_pair(self.matrix)
        gram = np.zeros((self.n_users, self.n_users))
        _core.residual_rows(items, users, 0, gram, n_threads=self.n_threads)
        np.negative(gram, out=gram)
        squares = self.matrix.data.astype(np.float64) ** 2
        np.fill_diagonal(gram, np.add.reduceat(squares, self.matrix.indptr[:-1]))
        return gram


def are_few(n_likes: int, n_items: int, k: int) -> bool:
    """Whether passes over so many likes with k columns are cheap, see `CHEAP`."""
    return bool(n_likes <= CHEAP * n_items * k)


def sum_of_squares(matrix: sp.csr_array, n_threads: int, half: int | None = None) -> float:
    """The sum of squares of X; with `half` 0 or 1 one of two terms, of dense X of equal work."""
    if not holds_ones(matrix.data):
        return float(row_squares(matrix, n_threads, half).sum())
    # |L'L|_F = |LL'|_F: the side with the smaller sum of squared row lengths does the work.
    # What it leaves out is its own diagonal.
    per_user = np.diff(matrix.indptr).astype(np.float64)
    per_item = np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float64)
    of_users, of_items = float(per_user @ per_user), float(per_item @ per_item)
    rest = 0.0
    if of_items < of_users:
        matrix, rest = matrix.T.tocsr(), of_users - of_items
    if matrix.nnz > min(FEW_LIKES * matrix.shape[1], MOST_LIKES):
        squares = float(row_squares(matrix, n_threads, half).sum())
    elif half != 1:
        squares = _core.cooccurrence_sum_of_squares(core_csr(matrix), n_threads)
    else:
        squares = 0.0
    return squares + (rest if half != 1 else 0.0)


def row_squares(
    matrix: sp.csr_array, n_threads: int, half: int | None = None
) -> NDArray[np.float64]:
    """Row sums of squares of X; with `half` one of two terms, as in :func:`sum_of_squares`."""
    if holds_ones(matrix.data):
        panels = _core.CooccurrencePanels(core_csr(matrix), 0, n_threads=n_threads)
        panels.add(*_half_of(panels.work, half), n_threads=n_threads)
        return panels.sums(partial=half is not None)[0]
    users, items = core_pair(matrix)
    squares = np.zeros(matrix.shape[1])
    first, last = _half_of(np.bincount(matrix.indices, minlength=matrix.shape[1]), half)
    squares[first:last], _ = _core.cooccurrence_row_sums(
        users, items, first, last, n_threads=n_threads
    )
    return squares


def _half_of(work: NDArray[Any], half: int | None) -> tuple[int, int]:
    """The range of tasks that make up all the work, or its first (0) or second (1) half."""
    upto = np.cumsum(work)
    middle = int(np.searchsorted(upto, upto[-1] / 2)) if len(work) else 0
    return {None: (0, len(work)), 0: (0, middle), 1: (middle, len(work))}[half]


def with_zero_rows(matrix: sp.csr_array, rows: NDArray[np.int64]) -> sp.csr_array:
    """The matrix with stored zeros in some rows; it shares all index arrays."""
    lengths = np.diff(matrix.indptr)[rows]
    first = np.repeat(matrix.indptr[rows] - np.cumsum(lengths) + lengths, lengths)
    data = matrix.data.copy()
    data[first + np.arange(len(first))] = 0
    return sp.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def spread(lengths: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Up to `count` users, evenly spaced in the order of the lengths of their rows."""
    order = np.argsort(lengths, kind="stable")
    places = np.linspace(0, len(order) - 1, min(count, len(order)) + 2)[1:-1]
    chosen: NDArray[np.int64] = np.unique(order[places.astype(np.int64)])
    return chosen


def without_unembedded(
    matrix: sp.csr_array, keep_all: bool = False
) -> tuple[sp.csr_array, NDArray[np.int64]]:
    """Drop users with fewer than two likes and the items that are then unliked.

    Neither changes X off its diagonal. Returns the reduced matrix and the columns kept.
    """
    n_users, n_items = matrix.shape
    users = np.flatnonzero(np.diff(matrix.indptr) >= 2)
    reduced = matrix if len(users) == n_users else matrix[users]
    if keep_all:
        return reduced, np.arange(n_items)
    kept = np.zeros(n_items, dtype=bool)
    kept[reduced.indices] = True
    active = np.flatnonzero(kept)
    if len(active) < n_items:
        position = np.cumsum(kept, dtype=reduced.indices.dtype) - 1
        reduced = sp.csr_array(
            (reduced.data, position[reduced.indices], reduced.indptr),
            shape=(reduced.shape[0], len(active)),
        )
    return reduced, active
