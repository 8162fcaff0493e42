"""What a worker holds of the likes, and what it does with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed import _core
from movieembed._matrix import core_csr, core_pair


class Part:
    """Some users' rows of the reduced L, with the products that were needed so far.

    It travels as its matrix alone.
    """

    def __init__(self, matrix: sp.csr_array) -> None:
        # What came over the network lies anywhere.
        arrays = (usable(x) for x in (matrix.data, matrix.indices, matrix.indptr))
        self.matrix = sp.csr_array(tuple(arrays), shape=matrix.shape)
        self._products: dict[Any, _core.Product] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Part, (self.matrix,)

    def product(self, dtype: Any) -> _core.Product:
        """The kernel of a dtype; two of them share the places of the likes."""
        dtype = np.dtype(dtype)
        if dtype not in self._products:
            like = next(iter(self._products.values()), None)
            self._products[dtype] = _core.Product(core_csr(self.matrix, dtype), dtype, 0, like)
        return self._products[dtype]


def usable(x: NDArray[Any]) -> NDArray[Any]:
    """An array as the kernels take it: contiguous, and aligned as what arrives need not be."""
    return np.require(x, requirements=["C", "A"])


def apply(part: Part, V: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """The part's term of XV, and of |LV|_F^2."""
    out = np.empty(V.shape, dtype=V.dtype)
    squares = part.product(V.dtype).apply(usable(V), out)
    return out, squares


def squared_norm(part: Part, V: NDArray[Any]) -> float:
    """The part's term of |LV|_F^2, in float64."""
    return part.product(np.float64).squared_norm(usable(V.astype(np.float64)))


def to_items(part: Part, U: NDArray[Any]) -> NDArray[Any]:
    """L'U of this part's users."""
    out = np.empty((part.matrix.shape[1], U.shape[1]), dtype=U.dtype)
    part.product(U.dtype).to_items(usable(U), out)
    return out


def squares(part: Part) -> NDArray[np.float64]:
    """The diagonal of L'L."""
    return part.product(np.float64).squares()


def user_gram_squares(*parts: Part) -> float:
    """The sum of squares of LL' off its diagonal, for the users of some parts together."""
    matrix = sp.csr_array(sp.vstack([part.matrix for part in parts], format="csr"))
    turned = matrix.T.tocsr()
    if (matrix.data == 1).all():
        panels = _core.CooccurrencePanels(core_csr(turned), 0)
        panels.add(0, len(panels.work))
        sums, _ = panels.sums()
    else:
        L, Lt = core_pair(sp.csr_array(turned))
        sums, _ = _core.cooccurrence_row_sums(L, Lt, 0, turned.shape[1])
    return float(sums.sum())


def diagonal_squares(part: Part) -> float:
    """The sum of squares of the diagonal of LL'."""
    weights = part.matrix.data.astype(np.float64) ** 2
    rows = np.repeat(np.arange(part.matrix.shape[0]), np.diff(part.matrix.indptr))
    lengths = np.bincount(rows, weights=weights, minlength=part.matrix.shape[0])
    return float(lengths @ lengths)


def gram_rows(part: Part, rows: slice) -> sp.csr_array:
    """The part's term of some rows of L'L."""
    L = part.matrix.astype(np.float64)
    return sp.csr_array(L[:, rows].T @ L)


def add_pairs(
    a: tuple[NDArray[Any], float], b: tuple[NDArray[Any], float]
) -> tuple[NDArray[Any], float]:
    """The sums of two results of `apply`."""
    return a[0] + b[0], a[1] + b[1]


def add(a: Any, b: Any) -> Any:
    """The sum of two results."""
    return a + b
