"""X itself, as a sparse matrix, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed._base.arrays import index_dtype
from movieembed._base.progress import progress_bar
from movieembed.operators.core_csr import core_pair

# Multiply-adds, or vectors of them, between two looks at Ctrl-C and the progress bar: some tenths
# of a second.
BLOCK_WORK = 200_000_000
ENTRY_BYTES = 12


def cooccurrence_within(
    matrix: sp.csr_array,
    threads: int,
    progress: bool | None = None,
    most_bytes: int | None = None,
    why: str = "",
) -> sp.csr_array:
    """X, or a MemoryError before it is made where it takes more bytes than that."""
    L, Lt = core_pair(matrix)
    building = _core.Cooccurrence(L, Lt)
    for first, last in row_blocks(matrix, progress, "entries"):
        building.add(first, last, n_threads=threads)
    if most_bytes is not None and building.nnz * ENTRY_BYTES > most_bytes:
        raise MemoryError(
            f"{why} needs X itself, whose {building.nnz:,} entries take "
            f"{building.nnz * ENTRY_BYTES / 2**30:,.1f} GiB; there is room for "
            f"{most_bytes / 2**30:,.1f} GiB. Leave out rare items, or use item_scaling, which does "
            "without X"
        )
    for first, last in row_blocks(matrix, progress, "co-occurrence"):
        building.fill(first, last, n_threads=threads)
    indptr, indices, data = building.finish(n_threads=threads)
    index = index_dtype(int(indptr[-1]))
    indptr, indices = indptr.astype(index, copy=False), indices.astype(index, copy=False)
    X = sp.csr_array((data, indices, indptr), shape=(matrix.shape[1], matrix.shape[1]))
    X.has_canonical_format = True
    return X


def row_blocks(matrix: sp.csr_array, progress: bool | None, name: str) -> Iterator[tuple[int, int]]:
    """Ranges of rows of X with about BLOCK_WORK multiply-adds each."""
    lengths = np.diff(matrix.indptr).astype(np.float64)
    work = np.bincount(
        matrix.indices,
        weights=np.repeat(lengths, np.diff(matrix.indptr)),
        minlength=matrix.shape[1],
    )
    yield from blocks_of_work(work, matrix.shape[1], progress, name)


def blocks_of_work(
    work: NDArray[Any], n_items: int, progress: bool | None, name: str
) -> Iterator[tuple[int, int]]:
    """Ranges of about BLOCK_WORK of the work each, and a bar of items that follows them."""
    upto = np.cumsum(work, dtype=np.float64)
    count = len(work)
    with progress_bar(n_items, name, "item", progress) as bar:
        first = 0
        while first < count:
            done = upto[first - 1] if first else 0.0
            last = int(np.searchsorted(upto, done + BLOCK_WORK, side="right"))
            last = min(max(last, first + 1), count)
            yield first, last
            bar.update(n_items * last // count - n_items * first // count)
            first = last
