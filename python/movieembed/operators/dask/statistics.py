"""Statistics of X that do not sum over parts: squares, from pairs of parts, and largest entries.

X is the sum of the parts' X_p, so |X|^2 has a cross term for each pair. With |X_p + X_q|^2, which
the kernel gives for the users of both together,

    |X|^2 = sum over p < q of |X_p + X_q|^2 - (P - 2) sum over p of |X_p|^2.

Pairs meet in rounds: in round r part p meets part p + r. Then each part takes part in two pairs,
every worker has work, and holds one guest for each part of its own. In the last round of an even
number of parts p and p + r meet twice, for half of the work each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed.data.distributed.blocks import usable
from movieembed.data.distributed.cluster import Cluster, new_key
from movieembed.operators import units
from movieembed.operators.cpu import row_squares, sum_of_squares
from movieembed.operators.dask import part

# Rows of X that are summed at a time.
BLOCK_ROWS = 256


def over_pairs(
    cluster: Cluster, name: str, task: Callable[..., Any], parts: Sequence[Any]
) -> Iterator[tuple[int, Any]]:
    """(factor, sum) of a quadratic statistic of users, round after round of pairs.

    `task` takes the matrix of one or two parts, and which half of the work, or None for all.
    """
    n = len(parts)
    for shift in range(n // 2 + 1):
        if shift == 0:
            if n == 2:
                continue
            sums = [cluster.total(name, alone, parts, task)]
        else:
            # Copies with keys of their own are dropped after the round wherever they went.
            guests = cluster.each("guest", matrix_of, parts)
            met = guests[shift:] + guests[:shift]
            cuts: list[tuple[slice, int | None]] = [(slice(n), None)]
            if 2 * shift == n:
                cuts = [(slice(shift), 0), (slice(shift, n), 1)]
            sums = [
                cluster.total(name, with_guest, parts[cut], task, half, each=met[cut])
                for cut, half in cuts
            ]
        for value in cluster.result(sums):
            yield 1 if shift else 2 - n, value


def matrix_of(held: Any) -> sp.csr_array:
    """The matrix of a part or of user rows."""
    return held.matrix


def alone(held: Any, task: Callable[..., Any]) -> Any:
    """A statistic of one part."""
    return task(held.matrix, None)


def with_guest(held: Any, guest: sp.csr_array, task: Callable[..., Any], half: int | None) -> Any:
    """A statistic of the users of two, who come in the same order for both halves."""
    arrays = tuple(usable(x) for x in (guest.data, guest.indices, guest.indptr))
    two = [held.matrix, sp.csr_array(arrays, shape=guest.shape)]
    return task(sp.csr_array(sp.vstack(two[::-1] if half == 1 else two, format="csr")), half)


def frobenius_squared(cluster: Cluster, parts: Sequence[Any]) -> float:
    """The sum of squares of X, over all parts."""
    return float(
        sum(factor * value for factor, value in over_pairs(cluster, "squares", squares, parts))
    )


def squares(matrix: sp.csr_array, half: int | None) -> float:
    """The sum of squares of the X that some users make."""
    return sum_of_squares(matrix, part.threads(), half)


def row_sums(
    cluster: Cluster, parts: Sequence[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Row sums of squares and row sums of X."""
    sums: Any = 0
    for factor, value in over_pairs(cluster, "row-squares", squares_of_rows, parts):
        sums = sums + factor * value
    totals = cluster.result(cluster.total("row-sums", row_totals, parts))
    return sums, np.array(totals)


def squares_of_rows(matrix: sp.csr_array, half: int | None) -> NDArray[np.float64]:
    """Row sums of squares of some users' X."""
    return row_squares(matrix, part.threads(), half)


def row_totals(rows: Any) -> NDArray[np.float64]:
    """Row sums of a part's X: a user adds their other likes to each."""
    L = rows.matrix
    data = L.data.astype(np.float64)
    of_user = np.repeat(units.row_sums(L, data), np.diff(L.indptr))
    found: NDArray[Any] = np.bincount(
        L.indices, weights=data * (of_user - data), minlength=L.shape[1]
    )
    return found


def top_k(
    cluster: Cluster, parts: Sequence[Any], rows: NDArray[np.int64], k: int, binary: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k largest entries of some rows of X; `binary` where all likes are 1."""
    columns = np.full((len(rows), k), -1, dtype=np.int64)
    values = np.zeros((len(rows), k))
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS]
        gram = cluster.total(
            "rows-of-x", part.gram_rows if binary else gram_and_counts, parts, block
        )
        key = new_key("largest")
        found = cluster.result(cluster.submit({key: (largest, gram, block, k)}, key))
        columns[start : start + len(block)], values[start : start + len(block)] = found
    return columns, values


def gram_and_counts(rows: Any, some: NDArray[np.int64]) -> tuple[sp.csr_array, sp.csr_array]:
    """The part's term of some rows of L'L, and how many have both: sums of weights may cancel."""
    ones = rows.matrix.astype(bool).astype(np.int64)
    return part.gram_rows(rows, some), sp.csr_array(ones[:, some].T @ ones)


def largest(
    gram: sp.csr_array | tuple[sp.csr_array, sp.csr_array], rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The largest entries of rows of L'L off its diagonal, of columns that somebody has too.

    Counts of those come with sums of weights; of likes they are the same.
    """
    values_of, counts = gram if isinstance(gram, tuple) else (gram, gram)
    columns = np.full((len(rows), k), -1, dtype=np.int64)
    values = np.zeros((len(rows), k))
    for r, own in enumerate(rows):
        js = counts.indices[counts.indptr[r] : counts.indptr[r + 1]]
        js = js[js != own]
        xs = values_of[[r]].toarray()[0][js]
        order = np.lexsort((js, -xs))[:k]
        columns[r, : len(order)], values[r, : len(order)] = js[order], xs[order]
    return columns, values
