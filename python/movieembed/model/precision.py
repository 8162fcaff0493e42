"""The embedding as a factor model of the Gram matrix: its inverse, and what follows from that.

With L the (scaled) likes, L'L + lambda I is modelled by VV' + D, D diagonal. The inverse P of that
has V's own size (Woodbury), and the best linear recommender, EASE (Steck, WWW 2019), is read off
it. Conjugate gradients from there lead to the inverse of L'L + lambda I itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed._base.threads import serial_blas
from movieembed.operators.protocol import Operator, Tall


class PrecisionForm:
    """P, the inverse of VV' + D with D = diag(c - n) + lambda I, n_i = |v_i|^2.

    P = D^-1 - W K W', W = D^-1 V, K = (I + V' D^-1 V)^-1. Where v_i is longer than the item's own
    likes allow (n_i > c_i, a Heywood case of factor analysis) D_i is lambda.

    Parameters
    ----------
    V : ndarray, shape (n_items, n_components)
    squares : ndarray, shape (n_items,)
        c, the diagonal of L'L.
    regularization : float
        lambda, positive.

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

    def __init__(
        self, V: NDArray[Any], squares: NDArray[np.float64], regularization: float
    ) -> None:
        V = np.ascontiguousarray(V, dtype=np.float64)
        self.D = np.maximum(squares - _core.row_dots(V, V), 0) + regularization
        self.W = V / self.D[:, None]
        with serial_blas():
            inner = _core.tall_gram(V, w=1 / self.D)
        inner[np.diag_indices_from(inner)] += 1
        # By eigenvectors: an inverse would mix rounding of the directions without likes, where K is
        # 1, into those with many, where it is small.
        values, axes = np.linalg.eigh((inner + inner.T) / 2)
        root = axes / np.sqrt(values)
        self.K = root @ root.T
        self.diagonal: NDArray[np.float64]
        # 1 / D - w' K w, whose terms cancel where v explains nearly all: that loses eps D P_jj.
        turned = np.empty_like(self.W)
        with serial_blas():
            _core.tall_times_small(self.W, root, turned, False)
        self.diagonal = 1 / self.D - _core.row_dots(turned, turned)
        np.maximum(self.diagonal, np.finfo(np.float64).eps / self.D, out=self.diagonal)

    def item_vectors(self) -> NDArray[np.float64]:
        """F with x W K F' the scores of a user's row x: F_j = W_j / P_jj."""
        vectors: NDArray[np.float64] = self.W / self.diagonal[:, None]
        return vectors

    def queries(self, rows: Any) -> NDArray[np.float64]:
        """X W K for rows X of likes, sparse or dense: what the item vectors are multiplied with."""
        queries: NDArray[np.float64] = (rows @ self.W) @ self.K
        return queries


class Preconditioner:
    """Products of P with tall arrays, one column a user, where the operator lives."""

    def __init__(self, op: Operator, form: PrecisionForm, active: NDArray[np.int64]) -> None:
        self.op = op
        self.inverse_D = 1 / form.D[active]
        self.W = op.asarray(form.W[active])
        self.K = form.K

    def __matmul__(self, R: Tall) -> Tall:
        inner = -self.K @ self.op.gram(self.W, R)
        return self.op.matmul(self.W, inner, out=self.op.scale_rows(self.inverse_D, R), add=True)


def refine(
    op: Operator,
    preconditioner: Any,
    squares: NDArray[np.float64],
    regularization: float | NDArray[np.float64],
    X: Tall,
    steps: int,
) -> Tall:
    """Solutions of (L'L + lambda I) Y = X, by conjugate gradients from Y = P X.

    Parameters
    ----------
    op : Operator
        L'L off its diagonal.
    preconditioner : Preconditioner
        P, or what else can be multiplied with X; it is where Y starts too.
    squares : ndarray, shape (op.n_items,)
        The diagonal of L'L.
    regularization : float or ndarray, shape (k,)
        lambda, one for all columns or one a column.
    X : Tall, shape (op.n_items, k)
        A column a right-hand side.
    steps : int
        0 gives P X. Columns are independent of each other.

    Returns
    -------
    Tall, shape (op.n_items, k)

    Notes
    -----
    A step costs 4 nnz + 4 n_items n_components flops a column; six arrays of X's shape are held.
    """
    each = np.broadcast_to(np.asarray(regularization, dtype=np.float64), X.shape[1:])

    def product(A: Tall) -> Tall:
        out = op.apply(A)
        out += op.scale_rows(squares, A)
        out += op.scale_columns(A, each)
        return out

    Y = preconditioner @ X
    if steps == 0:
        return Y
    R = X - product(Y)
    Z = preconditioner @ R
    direction = Z
    rz = op.column_dots(R, Z)
    for step in range(steps):
        Q = product(direction)
        curvature = op.column_dots(direction, Q)
        # A column that has converged stays where it is.
        length = np.divide(rz, curvature, out=np.zeros_like(rz), where=curvature > 0)
        Y += op.scale_columns(direction, length)
        if step + 1 == steps:
            break
        R -= op.scale_columns(Q, length)
        Z = preconditioner @ R
        before, rz = rz, op.column_dots(R, Z)
        ratio = np.divide(rz, before, out=np.zeros_like(rz), where=before > 0)
        direction = op.scale_columns(direction, ratio)
        direction += Z
    return Y
