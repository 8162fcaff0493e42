"""What the kernels of the CUDA backend compute, in NumPy and SciPy, over `DeviceArray`s."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from device_arrays import DeviceArray
from movieembed.operators.cuda.sides import Side


def matrix_of(side: Side, n_columns: int) -> sp.csr_array:
    """The matrix that a side holds, float64."""
    ptr, indices = side.ptr._host, side.indices._host
    values = np.ones(len(indices)) if side.values is None else side.values._host.astype(np.float64)
    return sp.csr_array((values, indices, ptr), shape=(len(ptr) - 1, n_columns))


def off_diagonal(A: DeviceArray, diagonal: DeviceArray | None) -> Any:
    """A in float64, with 0 in the given column of each row."""
    off = A._host.astype(np.float64)
    if diagonal is not None:
        off[np.arange(len(off)), diagonal._host] = 0
    return off


class ReferenceKernels:
    """See :class:`movieembed.operators.cuda.kernels.Kernels`."""

    def gather(self, side: Side, source: DeviceArray, out: DeviceArray, add: bool) -> None:
        A = matrix_of(side, len(source))
        if add:
            out._host[...] += A.astype(out.dtype) @ source._host
        else:
            out._host[...] = A.astype(out.dtype) @ source._host

    def row_dots(self, A: DeviceArray, B: DeviceArray) -> DeviceArray:
        return DeviceArray((A._host.astype(np.float64) * B._host).sum(axis=1))

    def column_dots(self, A: DeviceArray, B: DeviceArray) -> DeviceArray:
        return DeviceArray((A._host.astype(np.float64) * B._host).sum(axis=0))

    def masked_gradient(self, V: Any, XV: Any, n: Any, VG: Any) -> None:
        VG._host[...] = 4 * (VG._host - XV._host - n._host[:, None] * V._host)

    def residual(self, Q: Any, XQ: Any, delta: Any, theta: Any, scale: float, out: Any) -> None:
        shift = delta._host[:, None] - theta._host
        out._host[...] = scale * (XQ._host + shift * Q._host)

    def row_sums(self, A: Any, diagonal: Any = None) -> tuple[DeviceArray, DeviceArray]:
        off = off_diagonal(A, diagonal)
        return DeviceArray((off**2).sum(axis=1)), DeviceArray(off.sum(axis=1))

    def top_k(self, A: Any, diagonal: Any, k: int, largest: int) -> tuple[DeviceArray, DeviceArray]:
        off = off_diagonal(A, diagonal)
        assert A.dtype.kind == "f" or off.max(initial=0) <= largest
        columns = np.full((len(A), k), -1)
        values = np.zeros((len(A), k), dtype=A.dtype)
        for row, x in enumerate(off):
            there = np.flatnonzero((x != 0) | ~np.signbit(x) & (A.dtype.kind == "f"))
            there = there[there != diagonal._host[row]]
            best = there[np.argsort(-x[there], kind="stable")][:k]
            columns[row, : len(best)] = best
            values[row, : len(best)] = x[best]
        return DeviceArray(columns), DeviceArray(values)

    def gram_rows(
        self, side: Side, other: Side, rows: Any, longest: int, out: Any, upper: bool = False
    ) -> None:
        A = matrix_of(other, out.shape[1])
        chosen = matrix_of(side, A.shape[0])[rows._host]
        assert longest >= np.diff(chosen.indptr).max(initial=0)
        there = (chosen.astype(bool) @ A.astype(bool)).toarray()
        if upper and side.values is None:
            there &= np.arange(A.shape[1]) >= rows._host[:, None]
        product = (chosen @ A).toarray().astype(out.dtype)
        out._host[there] += product[there]
