"""Weights of any size: the power of two that brings them to order one, and the way back.

The cost of kL is k^4 times that of L. What overflows or vanishes on the way for a large or a small
k need not: the weights are divided by a power of two, which is exact, and results are multiplied
by it again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import blocks

# The square of what is less than this does not overflow, and that of what is more than its inverse
# does not vanish.
SQUARES = 2.0**400


def units_of(sizes: Any) -> NDArray[np.float64]:
    """The power of two in (size / 2, size] for each of some sizes, and 1 for 0."""
    mantissas, exponents = np.frexp(np.asarray(sizes, dtype=np.float64))
    units: NDArray[np.float64] = np.where(mantissas > 0, np.ldexp(1.0, exponents - 1), 1.0)
    return units


def unit_of(values: Any, free: float = 1.0) -> float:
    """The unit of the largest of some values; 1 where it is at most `free` times more or less."""
    unit = float(units_of(np.abs(values).max(initial=0)))
    return 1.0 if 1 / free <= unit <= free else unit


def unit_of_rows(matrix: sp.csr_array) -> NDArray[np.float64]:
    """The unit of each row's largest value."""
    largest = np.zeros(matrix.shape[0])
    rows, starts = _filled(matrix)
    if len(rows):
        largest[rows] = np.maximum.reduceat(np.abs(matrix.data), starts)
    return units_of(largest)


def unit_of_columns(
    values: NDArray[np.float64], matrix: sp.csr_array
) -> NDArray[np.float64] | None:
    """The unit of each column's largest value; None where no value's square leaves float64."""
    sizes = np.abs(values)
    if not len(sizes) or (sizes.min() > 1 / SQUARES and sizes.max() < SQUARES):
        return None
    largest = np.zeros(matrix.shape[1])
    np.maximum.at(largest, matrix.indices, sizes)
    return units_of(largest)


def row_sums(matrix: sp.csr_array, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of each row of some values, one for each that the matrix stores."""
    sums = np.zeros(matrix.shape[0])
    rows, starts = _filled(matrix)
    if len(rows):
        sums[rows] = np.add.reduceat(values, starts)
    return sums


def unit_of_shared(matrix: sp.csr_array, weighted: bool = False) -> float:
    """The unit of the rows with two likes or more; the others say nothing of X.

    What a weighting has made of them stays as it is unless it is far from order one.
    """
    lengths = np.diff(matrix.indptr)
    shared = np.repeat(lengths >= 2, lengths)
    pieces = (matrix.data[at][shared[at]] for at in blocks(len(shared)))
    largest = [np.abs(piece).max(initial=0) for piece in pieces]
    return unit_of(largest, free=2.0**16 if weighted else 1.0)


def divided(matrix: sp.csr_array, unit: float) -> sp.csr_array:
    """A matrix over a power of two; itself over 1."""
    if unit == 1:
        return matrix
    with np.errstate(over="ignore"):  # rows with one like may be far larger; nobody uses them
        data = matrix.data / matrix.dtype.type(unit)
    out = sp.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
    out.has_canonical_format = True
    return out


def times(value: Any, unit: float, power: int) -> Any:
    """Value * unit^power, without overflow on the way."""
    factor = unit if power > 0 else 1 / unit
    for _ in range(abs(power)):
        value = value * factor
    return value


def _filled(matrix: sp.csr_array) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Rows that are not empty, and where they begin."""
    rows = np.flatnonzero(np.diff(matrix.indptr))
    return rows, matrix.indptr[rows]
