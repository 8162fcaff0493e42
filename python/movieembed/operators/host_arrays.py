"""Tall arrays in this process's memory: the dense part of an operator, whoever applies X."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core

# Rows of a column's dot product that are summed in the array's own precision.
DOT_ROWS = 2048


class HostArrays(ABC):
    """What an operator does with NumPy arrays alone; see :mod:`movieembed.operators.protocol`.

    Attributes
    ----------
    n_items : int
    dtype : dtype
    n_threads : int
        Of the kernels; 0 is their default.
    unit : float
        See :class:`movieembed.operators.protocol.Operator`.
    """

    n_items: int
    dtype: np.dtype[Any]
    n_threads: int
    unit: float = 1.0

    def asarray(self, host: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(host, dtype=self.dtype)

    def to_host(self, array: NDArray[Any]) -> NDArray[Any]:
        return array

    def downloader(self) -> Callable[[NDArray[Any]], NDArray[Any]]:
        return self.to_host

    def astype(self, A: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(A, dtype=self.dtype)

    def empty(self, k: int) -> NDArray[Any]:
        return np.empty((self.n_items, k), dtype=self.dtype)

    def columns_of(self, rows: sp.csr_array) -> NDArray[Any]:
        return self.asarray(rows.toarray().T)

    @abstractmethod
    def apply(self, V: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]: ...

    def shifted(
        self,
        V: NDArray[Any],
        shift: NDArray[np.float64],
        scale: float,
        out: NDArray[Any],
        minus_out: bool = False,
    ) -> NDArray[Any]:
        result = self.residual(V, self.apply(V), shift, np.zeros(V.shape[1]), scale)
        out[:] = result - out if minus_out else result
        return out

    def cheap_products(self, k: int) -> bool:
        return False

    def gram(self, A: NDArray[Any], B: NDArray[Any] | None = None) -> NDArray[np.float64]:
        B = None if B is None else rows_contiguous(B)
        return _core.tall_gram(rows_contiguous(A), B, n_threads=self.n_threads)

    def weighted_gram(self, A: NDArray[Any], weights: NDArray[Any]) -> NDArray[np.float64]:
        w = np.ascontiguousarray(weights, dtype=np.float64)
        return _core.tall_gram(rows_contiguous(A), w=w, n_threads=self.n_threads)

    def eigh(self, H: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.linalg.eigh(H)

    def moments(self, V: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return _core.moments(rows_contiguous(V), n_threads=self.n_threads)

    def scale_rows(self, weights: NDArray[np.float64], A: NDArray[Any]) -> NDArray[Any]:
        scaled: NDArray[Any] = weights.astype(self.dtype, copy=False)[:, None] * A
        return scaled

    def scale_columns(
        self, A: NDArray[Any], weights: NDArray[np.float64], out: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        scaled: NDArray[Any] = np.multiply(A, weights.astype(self.dtype, copy=False), out=out)
        return scaled

    def hstack(self, blocks: list[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(blocks, axis=1)

    def matmul(
        self,
        A: NDArray[Any],
        C: NDArray[np.float64],
        out: NDArray[Any] | None = None,
        add: bool = False,
    ) -> NDArray[Any]:
        out = self.empty(C.shape[1]) if out is None else out
        _core.tall_times_small(
            rows_contiguous(A),
            np.ascontiguousarray(C, dtype=self.dtype),
            out,
            add,
            n_threads=self.n_threads,
        )
        return out

    def residual(
        self,
        Q: NDArray[Any],
        XQ: NDArray[Any],
        delta: NDArray[Any],
        theta: NDArray[np.float64],
        scale: float = 1.0,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        out = self.empty(Q.shape[1]) if out is None else out
        _core.eigen_residual(
            rows_contiguous(Q),
            rows_contiguous(XQ),
            np.ascontiguousarray(delta, dtype=np.float64),
            np.ascontiguousarray(theta),
            scale,
            out,
            n_threads=self.n_threads,
        )
        return out

    def row_dots(self, A: NDArray[Any], B: NDArray[Any]) -> NDArray[np.float64]:
        return _core.row_dots(rows_contiguous(A), rows_contiguous(B), n_threads=self.n_threads)

    def column_dots(self, A: NDArray[Any], B: NDArray[Any]) -> NDArray[np.float64]:
        total = np.zeros(A.shape[1])
        for start in range(0, len(A), DOT_ROWS):
            rows = slice(start, start + DOT_ROWS)
            total += np.einsum("ij,ij->j", A[rows], B[rows])
        return total

    def masked_gradient(
        self,
        V: NDArray[Any],
        XV: NDArray[Any],
        G: NDArray[np.float64],
        n: NDArray[np.float64],
        spare: NDArray[Any] | None = None,
        *,
        norm_only: bool = False,
    ) -> tuple[Any, float]:
        out = None if norm_only else self.empty(V.shape[1]) if spare is None else spare
        squares = _core.masked_gradient(
            rows_contiguous(V),
            rows_contiguous(XV),
            np.ascontiguousarray(G, dtype=self.dtype),
            n,
            out,
            n_threads=self.n_threads,
        )
        return out, float(np.sqrt(squares.sum()))


def rows_contiguous(A: NDArray[Any]) -> NDArray[Any]:
    """A itself if its rows are contiguous, perhaps apart from each other, else a copy."""
    if A.strides[1] == A.itemsize and A.strides[0] >= A.shape[1] * A.itemsize:
        return A
    return np.ascontiguousarray(A)
