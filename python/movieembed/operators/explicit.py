"""The operator of X itself: as it was given, or formed to weight its entries one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.derived import derived
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.host_arrays import HostArrays, rows_contiguous

BLOCK_ROWS = 512


class ExplicitOperator(CpuOperator):
    """A symmetric sparse X with an empty diagonal, as it is given or its weighting gives it.

    Parameters
    ----------
    X : csr_array, shape (n_items, n_items)
    dtype, n_threads, keep_all
        As :class:`CpuOperator`.
    """

    def __init__(
        self,
        X: sp.csr_array,
        dtype: Any = np.float64,
        n_threads: int = 0,
        keep_all: bool = False,
    ) -> None:
        active = np.arange(X.shape[0]) if keep_all else np.flatnonzero(np.diff(X.indptr))
        kept = X if len(active) == X.shape[0] else X[active][:, active].tocsr()
        kept.sort_indices()
        self._hold(kept, active, dtype, n_threads)

    @derived
    def _squares(self) -> NDArray[np.float64]:
        return np.zeros(self.n_items)

    @derived
    def frobenius_squared(self) -> float:
        data = self.matrix.data.astype(np.float64)
        return float(data @ data)

    def apply(self, V: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        out = self.empty(V.shape[1]) if out is None else out
        self._product.to_items(rows_contiguous(V), out, n_threads=self.n_threads)
        return out

    shifted = HostArrays.shifted

    def cheap_products(self, k: int) -> bool:
        return False

    def evaluate(
        self, V: NDArray[Any], spare: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], float]:
        XV = self.apply(V, out=spare)
        return XV, float(self.row_dots(V, XV).sum())

    def quadratic_form(self, V: NDArray[Any]) -> float:
        in_float64 = self.in_precision(np.float64)
        if in_float64 is not self:
            return in_float64.quadratic_form(in_float64.astype(V))
        return self.evaluate(V)[1]

    def user_gram(self) -> None:
        return None

    def exact_cost(self, V: NDArray[Any]) -> float:
        """The cost from the residuals themselves, a block of rows at a time."""
        V = V.astype(np.float64, copy=False)
        total = 0.0
        for start in range(0, self.n_items, BLOCK_ROWS):
            rows = slice(start, min(start + BLOCK_ROWS, self.n_items))
            residual = V[rows] @ V.T - self.matrix[rows].toarray()
            residual[np.arange(len(residual)), np.arange(rows.start, rows.stop)] = 0
            total += float(np.vdot(residual, residual))
        return total
