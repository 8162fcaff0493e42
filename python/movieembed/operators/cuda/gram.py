"""Rows of a Gram matrix, L'L or LL', a block at a time: a dense row each, filled from the likes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from movieembed.operators.cuda import geometry
from movieembed.operators.cuda.kernels import Kernels
from movieembed.operators.cuda.likes import Side


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
    xp: Any, kernels: Kernels, sides: list[tuple[Side, Side]], width: int, more_bytes: int = 0
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

    Yields
    ------
    GramRows
        Rows come by falling length, so that those of a block take alike long.
    """
    lengths = np.zeros(width, dtype=np.int64)
    for side, _ in sides:
        lengths += np.diff(xp.asnumpy(side.ptr))
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
        longest = int(lengths[numbers].max())
        for side, other in sides:
            kernels.gram_rows(side, other, rows, longest, block)
        yield GramRows(numbers, rows, longest, block)
