"""Hold out some of the likes of each row: which ones, and the two matrices that come of it."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


def held_at_random(
    matrix: sp.csr_array, share: float, rng: np.random.Generator
) -> tuple[sp.csr_array, sp.csr_array]:
    """A share of each row, rounded, drawn at random: what is left, and what is held out."""
    counts = np.floor(share * np.diff(matrix.indptr) + 0.5).astype(np.int64)
    held = drawn(matrix, counts, rng)
    return selected(matrix, ~held), selected(matrix, held)


def drawn(
    matrix: sp.csr_array, counts: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Which entries are among the first `counts` of their row in a random order."""
    order = np.lexsort((rng.random(matrix.nnz), rows_of(matrix)))
    return first_of_rows(matrix, order, counts)


def selected(matrix: sp.csr_array, kept: NDArray[np.bool_]) -> sp.csr_array:
    """The entries that are marked, in a matrix of the same shape."""
    upto = np.concatenate([[0], np.cumsum(kept)])
    return sp.csr_array(
        (matrix.data[kept], matrix.indices[kept], upto[matrix.indptr].astype(matrix.indptr.dtype)),
        shape=matrix.shape,
    )


def rows_of(matrix: sp.csr_array) -> NDArray[np.int64]:
    """The row of each stored entry."""
    return np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))


def first_of_rows(
    matrix: sp.csr_array, order: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which entries are the first `counts` of their row, in an order that keeps rows whole."""
    lengths = np.diff(matrix.indptr)
    place = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1].astype(np.int64), lengths)
    chosen = np.zeros(matrix.nnz, dtype=bool)
    chosen[order[place < np.repeat(counts, lengths)]] = True
    return chosen
