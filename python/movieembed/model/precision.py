"""The vectors as a factor model of the Gram matrix: its inverse, and what follows from that.

With L the weighted likes and R a diagonal of ridges, L'L + R is modelled by VV' + D, D diagonal.
The inverse P of that has V's own size (Woodbury), and the best linear recommender, EASE (Steck, WWW
2019), is read off it: the score of item j for a user's row x is -(P x)_j / P_jj. Each step of
conjugate gradients from there brings P x nearer to what the inverse of L'L + R itself gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed._base.derived import derived
from movieembed._base.finite import check_finite, silent_overflow
from movieembed._base.threads import serial_blas
from movieembed.operators.protocol import Operator, Tall

ADVICE = ": give another regularization, of the order of the squared length of a user's likes"

Lengths = list[tuple[float, float]]
"""For each step of conjugate gradients how far it goes, and how much of its direction is kept."""


def ridges(
    squares: NDArray[np.float64], regularization: float, power: float
) -> NDArray[np.float64]:
    """What is added to the diagonal of L'L: lambda c_i^power over the mean of that over all likes.

    Parameters
    ----------
    squares : ndarray, shape (n_items,)
        c, the diagonal of L'L.
    regularization : float
        lambda.
    power : float
        0 gives every item lambda. Scaling the columns of L by c_i^(-power / 2) does the same as a
        power, to the dense recommender; here it needs no other vectors.

    Returns
    -------
    ndarray, shape (n_items,)
    """
    liked = squares > 0
    if not power or not liked.any():
        return np.full(len(squares), regularization)
    relative = (np.where(liked, squares, 1.0) / squares.max()) ** power
    mean = float(squares @ relative) / float(squares.sum())
    return np.where(liked, regularization * relative / mean, regularization)


class PrecisionForm:
    """P, the inverse of VV' + D with D = diag(c - n) + R, n_i = |v_i|^2.

    P = D^-1 - W K W', W = D^-1 V, K = (I + V' D^-1 V)^-1. Where v_i is longer than the item's own
    likes allow (n_i > c_i, a Heywood case of factor analysis) D_i is the ridge.

    Parameters
    ----------
    V : ndarray, shape (n_items, n_components)
    squares : ndarray, shape (n_items,)
        c, the diagonal of L'L.
    ridge : float, or ndarray of shape (n_items,)
        R, positive.

    Attributes
    ----------
    D, diagonal : ndarray of float64, shape (n_items,)
        D, and the diagonal of P.
    W : ndarray of float64, shape (n_items, n_components)
    K : ndarray of float64, shape (n_components, n_components)

    Notes
    -----
    O(n_items n_components^2) to set up; a product with P costs 4 n_items n_components flops.
    """

    @serial_blas()
    @silent_overflow
    def __init__(
        self,
        V: NDArray[Any],
        squares: NDArray[np.float64],
        ridge: float | NDArray[np.float64],
    ) -> None:
        V = np.ascontiguousarray(V, dtype=np.float64)
        self.D = np.maximum(squares - _core.row_dots(V, V), 0) + ridge
        self.W = V / self.D[:, None]
        inner = _core.tall_gram(V, w=1 / self.D)
        inner[np.diag_indices_from(inner)] += 1
        # By eigenvectors: an inverse would mix rounding of the directions without likes, where K is
        # 1, into those with many, where it is small.
        values, axes = np.linalg.eigh((inner + inner.T) / 2)
        root = axes / np.sqrt(values)
        self.K = root @ root.T
        # 1 / D - w' K w, whose terms cancel where v explains nearly all: that loses eps D P_jj.
        turned = np.empty_like(self.W)
        _core.tall_times_small(self.W, root, turned, False)
        self.diagonal: NDArray[np.float64] = 1 / self.D - _core.row_dots(turned, turned)
        np.maximum(self.diagonal, np.finfo(np.float64).eps / self.D, out=self.diagonal)
        for part in (self.W, self.K, self.diagonal):
            check_finite(part, "the inverse of VV' + D", ADVICE)

    def item_vectors(self, items: Any = slice(None)) -> NDArray[np.float64]:
        """F with x W K F' the scores of a user's row x: F_j = W_j / P_jj; of some items."""
        vectors: NDArray[np.float64] = self.W[items] / self.diagonal[items][:, None]
        return vectors

    def queries(self, rows: Any) -> NDArray[np.float64]:
        """X W K for rows X of likes, sparse or dense: what the item vectors are multiplied with."""
        queries: NDArray[np.float64] = (rows @ self.W) @ self.K
        return queries


def sums_of_rows(rows: sp.csr_array, A: NDArray[Any]) -> NDArray[np.float64]:
    """Sparse rows times A in float64; of few rows no copy of all of A is made for it."""
    if rows.nnz >= len(A):
        return np.asarray(rows @ A.astype(np.float64, copy=False), dtype=np.float64)
    named = A[rows.indices].astype(np.float64, copy=False)
    places = np.arange(len(named), dtype=rows.indices.dtype)
    shape = (rows.shape[0], len(named))
    sums: NDArray[np.float64] = sp.csr_array((rows.data, places, rows.indptr), shape=shape) @ named
    return sums


class System:
    """L'L + R where an operator lives, with P as the start and the preconditioner of its solution.

    Columns of tall arrays are people, or whatever rows x there are.

    Parameters
    ----------
    op : Operator
        L'L off its diagonal.
    form : PrecisionForm
    weights : ndarray, shape (n_items,)
        The diagonal of L'L + R.
    """

    def __init__(self, op: Operator, form: PrecisionForm, weights: NDArray[np.float64]) -> None:
        self.op = op
        self.weights = weights[op.active]
        self.D = form.D[op.active]
        self.W = op.asarray(form.W[op.active])
        self._host_W = op.to_host(self.W)
        self.K = form.K

    def product(self, A: Tall) -> Tall:
        """(L'L + R) A."""
        out = self.op.apply(A)
        out += self.op.scale_rows(self.weights, A)
        return out

    def precondition(self, A: Tall) -> Tall:
        """P A."""
        inner = -self.K @ self.op.gram(self.W, A)
        return self.op.matmul(self.W, inner, out=self.op.scale_rows(1 / self.D, A), add=True)

    @derived
    def _step(self) -> tuple[Tall, NDArray[Any], NDArray[np.float64]]:
        """W and D^-1 (L'L + R) W side by side, the latter on the host, and W' (L'L + R) W."""
        AW = self.product(self.W)
        scaled = self.op.scale_rows(1 / self.D, AW)
        beside = self.op.hstack([self.W, scaled])
        return beside, self.op.to_host(scaled), self.op.gram(self.W, AW)

    def start(self, rows: sp.csr_array) -> Tall:
        """P x for rows x of likes of the operator's items, in columns."""
        Y = self.op.matmul(self.W, -(sums_of_rows(rows, self._host_W) @ self.K).T)
        return self._with_rows(Y, rows, 1 / self.D[rows.indices])

    def sparse_part(self, rows: sp.csr_array, length: float) -> Tall:
        """What `one_step` has of L'L with sparse rows, and of the rows themselves."""
        D = self.D
        over = sp.csr_array((rows.data / D[rows.indices], rows.indices, rows.indptr), rows.shape)
        Y = self.op.apply_rows(over, -length / D)
        d, weights = D[rows.indices], self.weights[rows.indices]
        return self._with_rows(Y, rows, (1 + length * (1 - weights / d)) / d)

    def one_step(
        self, rows: sp.csr_array, length: float, at: Any = None, start: Tall | None = None
    ) -> Tall:
        """The iterate after one step, for rows of likes of the operator's items.

        Where `at` is given, of an operator on this machine, at those items alone.

        With q = K W'x the start is y = x / D - W q, and its residual
        r = x - (L'L + R) x / D + (L'L + R) W q. So y + length P r takes one product with
        [W, D^-1 (L'L + R) W] and one of L'L with sparse rows, which `start` may hold; all others
        are with few numbers.
        """
        beside, scaled, inner = self._step
        of_rows = sums_of_rows(rows, self._host_W)
        q = of_rows @ self.K
        s = of_rows - sums_of_rows(rows, scaled) + q @ inner
        Y = self.sparse_part(rows, length) if start is None else start
        if at is not None:
            Y, beside = Y[at], beside[at]
        factors = np.hstack([-q - length * (s @ self.K), length * q]).T
        return self.op.matmul(beside, factors, out=Y, add=True)

    def _with_rows(self, Y: Tall, rows: sp.csr_array, weights: NDArray[np.float64]) -> Tall:
        """Y with rows added to its columns, each of their entries times its weight."""
        added = (rows.data * weights).astype(self.op.dtype)
        if isinstance(Y, np.ndarray):
            people = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
            Y[rows.indices, people] += added
            return Y
        weighted = sp.csr_array((added, rows.indices, rows.indptr), rows.shape)
        return Y + self.op.columns_of(weighted)

    def iterates(self, X: Tall, lengths: Lengths) -> Iterator[Tall]:
        """Solutions Y of (L'L + R) Y = X: P X, and one a step, in the same array.

        The lengths are the same for all columns, so that Y is linear in X. A step costs
        4 nnz + 4 n_items n_components flops a column; five arrays of X's shape are held.
        """
        Y = self.precondition(X)
        yield Y
        if not lengths:
            return
        R = X - self.product(Y)
        direction = self.precondition(R)
        for step, (length, kept) in enumerate(lengths):
            Y += length * direction
            yield Y
            if step + 1 == len(lengths):
                return
            R -= length * self.product(direction)
            direction = self.precondition(R) + kept * direction

    def solution(self, X: Tall, lengths: Lengths) -> Tall:
        """The last of the iterates."""
        *_, last = self.iterates(X, lengths)
        return last

    def lengths(self, X: Tall, steps: int) -> Lengths:
        """Lengths of the steps of conjugate gradients for the columns of X, taken together.

        Those are the ones for the block matrix with L'L + R for each column, whose error is the sum
        of theirs. Fewer than `steps` where that is solved.
        """
        found: Lengths = []
        if not steps or not X.shape[1]:
            return found
        op = self.op
        R = X - self.product(self.precondition(X))
        Z = direction = self.precondition(R)
        rz = float(op.column_dots(R, Z).sum())
        solved = np.finfo(op.dtype).eps ** 2 * float(op.column_dots(X, self.precondition(X)).sum())
        while len(found) < steps and rz > solved:
            Q = self.product(direction)
            curvature = float(op.column_dots(direction, Q).sum())
            length = rz / curvature
            R -= length * Q
            Z = self.precondition(R)
            before, rz = rz, float(op.column_dots(R, Z).sum())
            found.append((length, rz / before))
            direction = Z + rz / before * direction
        return found
