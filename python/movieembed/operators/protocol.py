"""The operator that every solver is written against.

A solver sees the co-occurrence matrix X only through an :class:`Operator`: products with blocks of
vectors, Gram matrices (all dot products of the columns of a block), row sums. Tall arrays (one row
an item) belong to the operator's device; small ones (one row a component) are NumPy float64 arrays
on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Tall = Any
"""An (n_items, k) array of the operator's array module."""

Small = NDArray[np.float64]


class Operator(Protocol):
    """X = L'L - diag(c) for a users x items matrix L, applied without being formed.

    Users with fewer than two likes add nothing to X off its diagonal, and items that then have no
    like are unembedded, v_i = 0 at the optimum; an operator leaves both out. Its ``n_items`` counts
    the items kept.

    Attributes
    ----------
    n_items, n_users : int
        Size of the reduced L.
    active : ndarray of int64, shape (n_items,)
        The items kept, as columns of the matrix that was given.
    dtype : numpy.dtype
        float32 or float64, of the tall arrays.
    diagonal : Tall, shape (n_items,)
        c, the sum of squares of each column of the reduced L.
    frobenius_squared : float
        The sum of squares of X.
    unit : float
        A power of two: L is the likes' own over it, so that its largest weights are of order one,
        and the V of the likes is `unit` times the operator's.
    """

    n_items: int
    n_users: int
    active: NDArray[np.int64]
    dtype: np.dtype[Any]
    unit: float

    @property
    def diagonal(self) -> Tall:
        """The vector c, of length n_items."""
        ...

    @property
    def frobenius_squared(self) -> float:
        """The sum of squares of X."""
        ...

    def asarray(self, host: NDArray[Any]) -> Tall:
        """Move a host array to the device, in the operator's dtype."""
        ...

    def to_host(self, array: Tall) -> NDArray[Any]:
        """Move a device array to a NumPy array."""
        ...

    def downloader(self) -> Callable[[Tall], NDArray[Any]]:
        """`to_host` for arrays that are used one at a time: the next may take the memory of one."""
        ...

    def in_precision(self, dtype: Any) -> Operator:
        """An operator of this X whose tall arrays have another dtype."""
        ...

    def astype(self, A: Tall) -> Tall:
        """Convert a tall array to this operator's dtype."""
        ...

    def empty(self, k: int) -> Tall:
        """An (n_items, k) array of no particular values. Its columns may be outputs below."""
        ...

    def apply(self, V: Tall, out: Tall | None = None) -> Tall:
        """XV, by 4 nnz k flops."""
        ...

    def shifted(
        self, V: Tall, shift: Any, scale: float, out: Tall, minus_out: bool = False
    ) -> Tall:
        """Scale (X + diag(shift)) V, less what `out` holds where it says so, in `out`.

        A step of a three-term recurrence.
        """
        ...

    def cheap_products(self, k: int) -> bool:
        """Whether passes with k columns cost little beside the dense algebra of such a block."""
        ...

    def apply_rows(self, rows: sp.csr_array, weights: NDArray[np.float64]) -> Tall:
        """diag(weights) X rows' for canonical sparse rows of the operator's items."""
        ...

    def columns_of(self, rows: sp.csr_array) -> Tall:
        """Canonical sparse rows of the operator's items as the columns of a tall array."""
        ...

    def gram(self, A: Tall, B: Tall | None = None) -> Small:
        """A'B (A'A without B), accumulated in float64."""
        ...

    def weighted_gram(self, A: Tall, weights: Any) -> Small:
        """A' diag(weights) A for weights that are not negative."""
        ...

    def evaluate(self, V: Tall, spare: Tall | None = None) -> tuple[Tall, float]:
        """XV, perhaps in `spare`, and <V, XV>.

        The latter as |LV|_F^2 - sum c_i |v_i|^2, summed in float64.
        """
        ...

    def quadratic_form(self, V: Tall) -> float:
        """<V, XV> alone, as `evaluate` gives it: half the flops."""
        ...

    def eigh(self, H: Small) -> tuple[Small, Small]:
        """Eigenvalues of a symmetric matrix, rising, and its eigenvectors, by columns."""
        ...

    def moments(self, V: Tall) -> tuple[Small, Any]:
        """V'V and n_i = v_i . v_i, in float64 throughout."""
        ...

    def scale_rows(self, weights: Any, A: Tall) -> Tall:
        """diag(weights) A."""
        ...

    def scale_columns(self, A: Tall, weights: Small, out: Tall | None = None) -> Tall:
        """A diag(weights), in `out` where that is given; it may be A."""
        ...

    def hstack(self, blocks: list[Tall]) -> Tall:
        """Blocks side by side."""
        ...

    def matmul(self, A: Tall, C: Small, out: Tall | None = None, add: bool = False) -> Tall:
        """A C, tall times small; with `add` on top of what `out` holds."""
        ...

    def residual(
        self,
        Q: Tall,
        XQ: Tall,
        delta: Any,
        theta: Small,
        scale: float = 1.0,
        out: Tall | None = None,
    ) -> Tall:
        """XQ + diag(delta) Q - Q diag(theta), times `scale`, in `out`; it may be Q or XQ."""
        ...

    def row_dots(self, A: Tall, B: Tall) -> Any:
        """Row-wise dot products a_i . b_i, in float64, on the device."""
        ...

    def column_dots(self, A: Tall, B: Tall) -> Small:
        """Column-wise dot products, summed in float64, on the host."""
        ...

    def masked_gradient(
        self,
        V: Tall,
        XV: Tall,
        G: Small,
        n: Any,
        spare: Tall | None = None,
        *,
        norm_only: bool = False,
    ) -> tuple[Tall, float]:
        """4 (V G - XV - diag(n) V), perhaps in `spare`, and its Frobenius norm.

        The former is None where the norm is enough.
        """
        ...

    def from_user_vectors(self, U: NDArray[Any]) -> Tall:
        """L'U for an (n_users, k) host array."""
        ...

    def exact_cost(self, V: NDArray[Any]) -> float:
        """The cost of a host array V from the residuals themselves, in float64."""
        ...

    def some_users(self, count: int) -> NDArray[Any]:
        """Up to `count` rows of L as the columns of a host array (n_items, count).

        They are evenly spaced in the order of activity: all kinds of users, without a seed.
        """
        ...

    def user_gram(self) -> Small | None:
        """LL', users x users, where users are few enough for that to be small."""
        ...


@runtime_checkable
class LeavesOutUsers(Protocol):
    """What operators on one machine can do besides."""

    def without_users(self, users: NDArray[np.int64]) -> Operator:
        """The operator as if some rows of the reduced L were zero; its items stay the same."""
        ...
