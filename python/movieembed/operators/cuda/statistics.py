"""Sums and largest entries of each row of X, counted on the device without storing X."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.progress import progress_bar
from movieembed.operators.cuda import geometry
from movieembed.operators.cuda.gram import gram_rows
from movieembed.operators.cuda.likes import DeviceLikes, plan_of
from movieembed.operators.cuda.operator import Device


class RowStatistics(NamedTuple):
    """Sums and largest entries of the rows of X, on the host.

    Attributes
    ----------
    columns : ndarray of int64, shape (n_items, k)
        By falling X_ij, ties by rising column; -1 where there are no more entries.
    values : ndarray of float64, shape (n_items, k)
    sum_squares, totals : ndarrays of float64, shape (n_items,)
    """

    columns: NDArray[np.int64]
    values: NDArray[np.float64]
    sum_squares: NDArray[np.float64]
    totals: NDArray[np.float64]


def row_statistics(
    matrix: sp.csr_array, k: int, device: Device, progress: bool | None = None
) -> RowStatistics | None:
    """Sums and the k largest entries of the rows of X, or None where L does not fit.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Canonical likes or weights, on the host.
    k : int
        0 for the sums alone.
    device : Device
    progress : bool, optional
        Show a bar; by default where standard error is a terminal.

    Returns
    -------
    RowStatistics or None

    Notes
    -----
    The sum over users of (number of likes)^2 additions. On the device are L by users and by items
    and a block of rows of X with their best: 256 MB, or one row of 4 bytes an item, 16 with
    weights. Where users are counted, a popular item is the work of many blocks of threads; with
    weights a row is the work of one, which adds in one order, and rows of alike length run at once.
    """
    xp, kernels = device.xp, device.kernels
    float64 = np.dtype(np.float64)
    free = device.free_bytes()
    if not plan_of(matrix, free, float64.itemsize).resident:
        return None
    likes = DeviceLikes(matrix, xp, device.stager, free, float64.itemsize)
    sides = [(chunk.items, chunk.users) for chunk in likes.chunks(float64)]
    n_items = matrix.shape[1]
    inner = min(k, n_items)
    result = RowStatistics(
        np.full((n_items, k), -1), np.zeros((n_items, k)), np.zeros(n_items), np.zeros(n_items)
    )
    held = 16 * geometry.padded(inner) if inner else 0
    with progress_bar(n_items, "rows of X", "item", progress) as bar:
        for numbers, rows, longest, block in gram_rows(xp, kernels, sides, n_items, held):
            squares, totals = kernels.row_sums(block, rows)
            if inner:
                columns, values = kernels.top_k(block, rows, inner, longest)
                result.columns[numbers, :inner] = xp.asnumpy(columns)
                result.values[numbers, :inner] = xp.asnumpy(values)
            result.sum_squares[numbers] = xp.asnumpy(squares)
            result.totals[numbers] = xp.asnumpy(totals)
            bar.update(len(numbers))
    return result
