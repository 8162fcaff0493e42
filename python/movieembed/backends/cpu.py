"""The operator on this machine's cores: our kernels for sparse work, NumPy's BLAS for dense."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed import _core
from movieembed._matrix import core_pair

# Rows of a float32 Gram matrix that are summed in float32 before they go into the float64 total.
GRAM_ROWS = 4096


class CpuOperator:
    """X = L'L - diag(c) on the CPU; see :class:`movieembed.backends.base.Operator`.

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
        self.dtype = np.dtype(dtype)
        self.n_threads = n_threads
        reduced, self.active = without_idle(matrix, keep_all)
        self.n_users, self.n_items = reduced.shape
        self.matrix = reduced
        self._users, self._items = core_pair(reduced, self.dtype)

    @cached_property
    def diagonal(self) -> NDArray[Any]:
        squares = self.matrix.data.astype(np.float64) ** 2
        c = np.bincount(self.matrix.indices, weights=squares, minlength=self.n_items)
        return c.astype(self.dtype)

    @cached_property
    def frobenius_squared(self) -> float:
        # |L'L|_F = |LL'|_F: the side with the shorter sum of squared row lengths does the work.
        # LL' holds the diagonal too, which comes off again exactly for counts but not for weights.
        per_user = np.diff(self.matrix.indptr).astype(np.float64)
        per_item = np.bincount(self.matrix.indices, minlength=self.n_items).astype(np.float64)
        counts = bool((self.matrix.data == 1).all())
        if counts and per_item @ per_item < per_user @ per_user:
            squares, _ = _core.cooccurrence_row_sums(
                self._items, self._users, 0, self.n_users, True, self.n_threads
            )
            return float(squares.sum() - per_item @ per_item)
        squares, _ = _core.cooccurrence_row_sums(
            self._users, self._items, 0, self.n_items, False, self.n_threads
        )
        return float(squares.sum())

    def asarray(self, host: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(host, dtype=self.dtype)

    def to_host(self, array: NDArray[Any]) -> NDArray[Any]:
        return array

    def apply(self, V: NDArray[Any]) -> NDArray[Any]:
        V = np.ascontiguousarray(V)
        sums = np.empty((self.n_users, V.shape[1]), dtype=self.dtype)
        out = np.empty_like(V)
        _core.gather_product(self._users, V, sums, n_threads=self.n_threads)
        _core.gather_product(self._items, sums, out, self.diagonal, V, n_threads=self.n_threads)
        return out

    def gram(self, A: NDArray[Any], B: NDArray[Any] | None = None) -> NDArray[np.float64]:
        if B is None:
            B = A  # the same object on both sides: NumPy calls syrk
        if self.dtype == np.float64:
            product: NDArray[np.float64] = A.T @ B
            return product
        total = np.zeros((A.shape[1], B.shape[1]))
        for start in range(0, len(A), GRAM_ROWS):
            total += A[start : start + GRAM_ROWS].T @ B[start : start + GRAM_ROWS]
        return total

    def weighted_gram(self, A: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        # A product of a matrix with its own transpose is half the work: NumPy calls syrk.
        return self.gram(self.scale_rows(np.sqrt(weights), A))

    def scale_rows(self, weights: NDArray[np.float64], A: NDArray[Any]) -> NDArray[Any]:
        scaled: NDArray[Any] = weights.astype(self.dtype, copy=False)[:, None] * A
        return scaled

    def scale_columns(self, A: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[Any]:
        scaled: NDArray[Any] = A * weights.astype(self.dtype, copy=False)
        return scaled

    def hstack(self, blocks: list[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(blocks, axis=1)

    def matmul(self, A: NDArray[Any], C: NDArray[np.float64]) -> NDArray[Any]:
        product: NDArray[Any] = A @ C.astype(self.dtype, copy=False)
        return product

    def row_dots(self, A: NDArray[Any], B: NDArray[Any]) -> NDArray[np.float64]:
        return _core.row_dots(
            np.ascontiguousarray(A), np.ascontiguousarray(B), n_threads=self.n_threads
        )

    def masked_gradient(
        self, V: NDArray[Any], XV: NDArray[Any], G: NDArray[np.float64], n: NDArray[np.float64]
    ) -> tuple[NDArray[Any], float]:
        gradient = self.matmul(V, G)
        squares = _core.masked_gradient(gradient, XV, V, n, n_threads=self.n_threads)
        return gradient, float(np.sqrt(squares.sum()))

    def from_user_vectors(self, U: NDArray[np.float64]) -> NDArray[Any]:
        U = self.asarray(U)
        out = np.empty((self.n_items, U.shape[1]), dtype=self.dtype)
        _core.gather_product(self._items, U, out, n_threads=self.n_threads)
        return out


def without_idle(
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
