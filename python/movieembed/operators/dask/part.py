"""A worker's part of the likes during a fit, and its share of each product."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed.data.distributed.blocks import UserRows, usable
from movieembed.operators.core_csr import core_csr
from movieembed.operators.units import divided, unit_of_shared
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


def unit_of_part(rows: UserRows, weighting: Weighting, scale: NDArray[np.float64] | None) -> float:
    """The unit of the part's weights, 0 where no user has two likes."""
    matrix = weighting.scaled(rows.matrix, weighting.user_roots(rows.matrix), scale)
    unit = unit_of_shared(matrix, matrix is not rows.matrix)
    return unit if (np.diff(matrix.indptr) >= 2).any() else 0.0


def weighted_squares(rows: UserRows, weighting: Weighting) -> NDArray[np.float64]:
    """The part's term of the diagonal of L'WL."""
    return weighting.item_squares(rows.matrix, weighting.user_roots(rows.matrix))


def reduced(
    rows: UserRows,
    weighting: Weighting,
    scale: NDArray[np.float64] | None,
    active: NDArray[np.int64],
    unit: float,
) -> Part:
    """The weighted rows of users with at least two likes, over the active items and the unit."""
    matrix = weighting.scaled(rows.matrix, weighting.user_roots(rows.matrix), scale)
    matrix = divided(matrix, unit)
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
    """The number of users of a part."""
    return int(part.matrix.shape[0])


def lengths(part: Part) -> NDArray[Any]:
    """The number of likes of each user of a part."""
    return np.diff(part.matrix.indptr)


def dense_rows(part: Part, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Some rows of a part, as a dense array."""
    found: NDArray[Any] = part.matrix[rows].toarray()
    return found


def apply(part: Part, V: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """The part's term of XV, and of |LV|_F^2."""
    out = np.empty(V.shape, dtype=V.dtype)
    norm_squared = part.product(V.dtype).apply(usable(V), out, n_threads=threads())
    return out, norm_squared


def squared_norm(part: Part, V: NDArray[Any]) -> float:
    """The part's term of |LV|_F^2, in float64."""
    in_float64 = usable(V.astype(np.float64, copy=False))
    return part.product(np.float64).squared_norm(in_float64, n_threads=threads())


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
