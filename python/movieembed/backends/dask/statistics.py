"""What of X does not sum over parts: its squares, from pairs of them, and its largest entries.

X is the sum of the parts' X_p, so |X|^2 has a cross term for each pair. With |X_p + X_q|^2, which
the kernel gives for the users of both together,

    |X|^2 = sum over p < q of |X_p + X_q|^2 - (P - 2) sum over p of |X_p|^2.

Pairs meet in rounds: in round r part p meets part p + r. Then each part takes part in two pairs,
every worker has work, and holds one guest for each part of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed.backends.cpu import sum_of_squares
from movieembed.backends.dask import part
from movieembed.cooccurrence import cooccurrence_sums
from movieembed.distributed.blocks import usable
from movieembed.distributed.cluster import Cluster, add, new_key

# Rows of X that are summed at a time.
BLOCK_ROWS = 256


def over_pairs(
    cluster: Cluster, name: str, task: Callable[..., Any], parts: Sequence[Any]
) -> Iterator[tuple[int, Any]]:
    """(factor, sum) of a quadratic statistic of users, round after round of pairs.

    `task` takes the matrices of one or two parts.
    """
    n = len(parts)
    if n == 1:
        yield 1, cluster.result(cluster.total(name, task, cluster.each("rows", matrix_of, parts)))
        return
    for shift in range(n // 2 + 1):
        if shift == 0 and n == 2:
            continue
        # A copy with a key of its own is dropped after the round wherever it went.
        guest, met = new_key("guest"), new_key(name)
        count = n // 2 if shift and 2 * shift == n else n
        tasks: dict[Any, Any] = {}
        for p in range(count):
            if shift:
                q = (p + shift) % n
                tasks[guest, q] = (matrix_of, parts[q])
                tasks[met, p] = (with_guest, task, parts[p], (guest, q))
            else:
                tasks[met, p] = (alone, task, parts[p])
        level = [(met, p) for p in range(count)]
        joined = new_key(f"{name}-sum")
        while len(level) > 1:
            above = [(joined, len(tasks) + i) for i in range(len(level) // 2)]
            for key, a, b in zip(above, level[::2], level[1::2], strict=False):
                tasks[key] = (add, a, b)
            level = above + level[2 * len(above) :]
        factor = 1 if shift else 2 - n
        yield factor, cluster.result(cluster.submit(tasks, level[0]))


def matrix_of(held: Any) -> sp.csr_array:
    """Of a part or of user rows."""
    return held.matrix


def alone(task: Callable[..., Any], held: Any) -> Any:
    """A statistic of one part."""
    return task(held.matrix)


def with_guest(task: Callable[..., Any], held: Any, guest: sp.csr_array) -> Any:
    """A statistic of the users of two."""
    arrays = tuple(usable(x) for x in (guest.data, guest.indices, guest.indptr))
    return task(
        sp.csr_array(
            sp.vstack([held.matrix, sp.csr_array(arrays, shape=guest.shape)], format="csr")
        )
    )


def frobenius_squared(cluster: Cluster, parts: Sequence[Any]) -> float:
    """|X|_F^2."""
    return float(
        sum(factor * value for factor, value in over_pairs(cluster, "squares", squares, parts))
    )


def squares(matrix: sp.csr_array) -> float:
    """|X|_F^2 of some users."""
    return sum_of_squares(matrix, part.threads())


def row_sums(
    cluster: Cluster, parts: Sequence[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Row sums of squares and row sums of X."""
    sums: Any = 0
    for factor, value in over_pairs(cluster, "row-squares", row_squares, parts):
        sums = sums + factor * value
    totals = cluster.result(cluster.total("row-sums", row_totals, parts))
    return sums, np.array(totals)


def row_squares(matrix: sp.csr_array) -> NDArray[np.float64]:
    """Row sums of squares of some users' X."""
    return cooccurrence_sums(matrix, n_jobs=part.threads(), progress=False)[0]


def row_totals(rows: Any) -> NDArray[np.float64]:
    """Row sums of a part's X: a user adds their other likes to each."""
    L = rows.matrix
    data = L.data.astype(np.float64)
    upto = np.concatenate([[0.0], np.cumsum(data)])
    of_user = np.repeat(upto[L.indptr[1:]] - upto[L.indptr[:-1]], np.diff(L.indptr))
    found: NDArray[Any] = np.bincount(
        L.indices, weights=data * (of_user - data), minlength=L.shape[1]
    )
    return found


def top_k(
    cluster: Cluster, parts: Sequence[Any], rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k largest entries of some rows of X."""
    columns = np.full((len(rows), k), -1, dtype=np.int64)
    values = np.zeros((len(rows), k))
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS]
        gram = cluster.total("rows-of-x", part.gram_rows, parts, block)
        key = new_key("largest")
        found = cluster.result(cluster.submit({key: (largest, gram, block, k)}, key))
        columns[start : start + len(block)], values[start : start + len(block)] = found
    return columns, values


def largest(
    gram: sp.csr_array, rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The largest entries of rows of L'L off its diagonal."""
    columns = np.full((len(rows), k), -1, dtype=np.int64)
    values = np.zeros((len(rows), k))
    for r, own in enumerate(rows):
        span = slice(gram.indptr[r], gram.indptr[r + 1])
        js, xs = gram.indices[span], gram.data[span]
        other = (js != own) & (xs != 0)
        js, xs = js[other], xs[other]
        order = np.lexsort((js, -xs))[:k]
        columns[r, : len(order)], values[r, : len(order)] = js[order], xs[order]
    return columns, values
