"""What a worker holds of the likes while they are fitted, and what it does with it."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed.data.distributed.blocks import UserRows, usable
from movieembed.operators.core_csr import core_csr
from movieembed.operators.weighting import Weighting


class Part:
    """Some users' rows of the reduced L, with the products that were needed so far.

    It travels as its matrix alone.
    """

    def __init__(self, matrix: sp.csr_array) -> None:
        # What came over the network lies anywhere.
        arrays = (usable(x) for x in (matrix.data, matrix.indices, matrix.indptr))
        self.matrix = sp.csr_array(tuple(arrays), shape=matrix.shape)
        self._products: dict[Any, _core.Product] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Part, (self.matrix,)

    def __sizeof__(self) -> int:
        m = self.matrix
        return int(m.data.nbytes + m.indices.nbytes + m.indptr.nbytes)

    def product(self, dtype: Any) -> _core.Product:
        """The kernel of a dtype; two of them share the places of the likes."""
        dtype = np.dtype(dtype)
        with self._lock:
            if dtype not in self._products:
                like = next(iter(self._products.values()), None)
                self._products[dtype] = _core.Product(
                    core_csr(self.matrix, dtype), dtype, threads(), like
                )
            return self._products[dtype]


def threads() -> int:
    """Threads of a kernel: the worker's, shared among the tasks that it runs now."""
    from distributed import get_worker

    state = get_worker().state
    return max(1, int(state.nthreads) // max(1, len(state.executing)))


def reduction(
    rows: UserRows, weighting: Weighting, scale: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The part's term of the diagonal of the scaled L'L, and its likes of each item that count.

    Those are of users with at least two.
    """
    roots = weighting.user_roots(rows.matrix)
    squares = weighting.item_squares(rows.matrix, roots)
    if scale is not None:
        squares *= scale**2
    lengths = np.diff(rows.matrix.indptr)
    counts = np.bincount(
        rows.matrix.indices[np.repeat(lengths >= 2, lengths)], minlength=rows.matrix.shape[1]
    )
    return squares, counts


def weighted_squares(rows: UserRows, weighting: Weighting) -> NDArray[np.float64]:
    """The part's term of the diagonal of L'WL."""
    return weighting.item_squares(rows.matrix, weighting.user_roots(rows.matrix))


def reduced(
    rows: UserRows,
    weighting: Weighting,
    scale: NDArray[np.float64] | None,
    active: NDArray[np.int64],
) -> Part:
    """The weighted rows of users with at least two likes, over the active items."""
    matrix = weighting.scaled(rows.matrix, weighting.user_roots(rows.matrix), scale)
    users = np.flatnonzero(np.diff(matrix.indptr) >= 2)
    if len(users) < matrix.shape[0]:
        matrix = matrix[users]
    if len(active) < matrix.shape[1]:
        place = np.empty(matrix.shape[1], dtype=matrix.indices.dtype)
        place[active] = np.arange(len(active))
        matrix = sp.csr_array(
            (matrix.data, place[matrix.indices], matrix.indptr),
            shape=(matrix.shape[0], len(active)),
        )
    return Part(matrix)


def n_users(part: Part) -> int:
    """How many it has."""
    return int(part.matrix.shape[0])


def lengths(part: Part) -> NDArray[Any]:
    """Of its rows."""
    return np.diff(part.matrix.indptr)


def dense_rows(part: Part, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Some of its rows."""
    found: NDArray[Any] = part.matrix[rows].toarray()
    return found


def apply(part: Part, V: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """The part's term of XV, and of |LV|_F^2."""
    out = np.empty(V.shape, dtype=V.dtype)
    squares = part.product(V.dtype).apply(usable(V), out, n_threads=threads())
    return out, squares


def squared_norm(part: Part, V: NDArray[Any]) -> float:
    """The part's term of |LV|_F^2, in float64."""
    wide = usable(V.astype(np.float64, copy=False))
    return part.product(np.float64).squared_norm(wide, n_threads=threads())


def to_items(part: Part, U: NDArray[Any]) -> NDArray[Any]:
    """L'U of this part's users."""
    out = np.empty((part.matrix.shape[1], U.shape[1]), dtype=U.dtype)
    part.product(U.dtype).to_items(usable(U), out, n_threads=threads())
    return out


def squares(part: Part) -> NDArray[np.float64]:
    """The part's term of the diagonal of L'L."""
    values = part.matrix.data.astype(np.float64) ** 2
    found: NDArray[Any] = np.bincount(
        part.matrix.indices, weights=values, minlength=part.matrix.shape[1]
    )
    return found


def gram_rows(part: Part | UserRows, rows: Any) -> sp.csr_array:
    """The part's term of some rows of L'L."""
    L = part.matrix.astype(np.float64)
    return sp.csr_array(L[:, rows].T @ L)
