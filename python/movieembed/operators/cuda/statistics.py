"""Rows of X on the device, a block at a time: their sums and largest entries.

A row of a Gram matrix, L'L or LL', is a dense row there, filled from the likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import holds_ones
from movieembed._base.progress import progress_bar
from movieembed.operators.cuda import geometry
from movieembed.operators.cuda.kernels import Device, Kernels
from movieembed.operators.cuda.likes import DeviceLikes
from movieembed.operators.cuda.sides import Side


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
    ones = holds_ones(matrix.data)
    ptr = matrix.indptr.astype(np.int64)
    plan = geometry.plan_of(ptr, matrix.shape, ones, float64.itemsize, device.free_bytes())
    if not plan.resident:
        return None
    likes = DeviceLikes(matrix, device, plan, ones)
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


class GramRows(NamedTuple):
    """Some rows of A'A, its diagonal included.

    Attributes
    ----------
    numbers : ndarray of int64, shape (b,)
        Which rows, on the host.
    rows : int64 array, shape (b,)
        The same on the device.
    longest : int
        Entries of A's longest column among them; for a matrix of ones no entry is larger.
    block : array, shape (b, width)
        uint32 for a matrix of ones. Else float64, and -0.0 where no row of A has both columns.
    """

    numbers: NDArray[np.int64]
    rows: Any
    longest: int
    block: Any


def gram_rows(
    xp: Any,
    kernels: Kernels,
    sides: list[tuple[Side, Side]],
    width: int,
    more_bytes: int = 0,
    upper: bool = False,
) -> Iterator[GramRows]:
    """All rows of A'A in blocks.

    Parameters
    ----------
    xp : module
    kernels : Kernels
    sides : list of (Side, Side)
        A by its columns and by its rows, in chunks of rows.
    width : int
        Columns of A.
    more_bytes : int
        What the caller holds a row beside it. A block has as many rows as take
        `geometry.BLOCK_BYTES` together.
    upper : bool, default=False
        Of a matrix of ones, only the entries from the diagonal on; others are 0.

    Yields
    ------
    GramRows
        Rows come by falling length, so that those of a block take alike long.
    """
    lengths_of = [np.diff(xp.asnumpy(side.ptr)) for side, _ in sides]
    lengths = np.zeros(width, dtype=np.int64) + sum(lengths_of)
    order = np.argsort(-lengths, kind="stable")
    ones = all(side.values is None for side, _ in sides)
    row_bytes = width * (4 if ones else 2 * 8) + more_bytes
    height = max(1, geometry.BLOCK_BYTES // max(1, row_bytes))
    for first in range(0, len(order), height):
        numbers = order[first : first + height]
        rows = xp.asarray(numbers)
        block = xp.zeros((len(numbers), width), dtype=np.uint32 if ones else np.float64)
        if not ones:
            block = -block  # filling with -0.0 fills with 0.0
        for (side, other), of_side in zip(sides, lengths_of, strict=True):
            kernels.gram_rows(side, other, rows, int(of_side[numbers].max()), block, upper)
        yield GramRows(numbers, rows, int(lengths[numbers].max()), block)
