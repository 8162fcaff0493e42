"""The embedding as a factor model of the Gram matrix: its inverse, and what follows from that.

With L the (scaled) likes, L'L + lambda I is modelled by VV' + D, D diagonal. The inverse P of that
has V's own size (Woodbury), and the best linear recommender, EASE (Steck, WWW 2019), is read off
it: the score of item j for a user's row x is -(P x)_j / P_jj. Each step of conjugate gradients from
there brings P x nearer to what the inverse of L'L + lambda I itself gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed._base.finite import check_finite, silent_overflow
from movieembed._base.progress import progress_bar
from movieembed._base.threads import serial_blas
from movieembed.model.neighbors import Found, none_found, positions_among
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.protocol import Operator, Tall

# Of the arrays of one block of users while their scores are refined.
REFINE_BYTES = 256 << 20
REFINE_ARRAYS = 6
ADVICE = ": give another regularization, of the order of the squared length of a user's likes"
# From this many steps on the diagonal of the inverse is refined as well: the scores' scale, one
# number an item, which few steps can leave as the embedding has it.
REFINED_DIAGONAL = 8


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

    @serial_blas()
    @silent_overflow
    def __init__(
        self, V: NDArray[Any], squares: NDArray[np.float64], regularization: float
    ) -> None:
        V = np.ascontiguousarray(V, dtype=np.float64)
        self.D = np.maximum(squares - _core.row_dots(V, V), 0) + regularization
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

    def item_vectors(self) -> NDArray[np.float64]:
        """F with x W K F' the scores of a user's row x: F_j = W_j / P_jj."""
        return self.W / self.diagonal[:, None]

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


class Refinement:
    """Products of rows of likes with P, refined.

    Parameters
    ----------
    op : CpuOperator
        Of the likes, weighted and scaled.
    form : PrecisionForm
    squares : ndarray, shape (n_items,)
        The diagonal of L'L.
    regularization : float
        lambda.
    """

    def __init__(
        self,
        op: CpuOperator,
        form: PrecisionForm,
        squares: NDArray[np.float64],
        regularization: float,
    ) -> None:
        self.op = op
        self.form = form
        self.squares = squares[op.active]
        self.regularization = regularization
        self._diagonals: dict[int, NDArray[np.float64]] = {}

    def diagonal(self, steps: int) -> NDArray[np.float64]:
        """That of P, or from REFINED_DIAGONAL steps on that of what the steps lead to."""
        if steps < REFINED_DIAGONAL:
            return self.form.diagonal
        if steps not in self._diagonals:
            self._diagonals[steps] = self._refined_diagonal(steps)
        return self._diagonals[steps]

    def best(
        self,
        rows: sp.csr_array,
        n: int,
        candidates: NDArray[np.bool_],
        gain: NDArray[np.float64],
        steps: int,
        excluded: sp.csr_array | None = None,
    ) -> Found:
        """The n best candidates a user, those excluded or else of their row left out.

        Parameters
        ----------
        rows : csr_array, shape (n_users, n_items)
            Likes, scaled as those of the operator.
        n : int
        candidates : ndarray of bool, shape (n_items,)
        gain : ndarray, shape (n_items,)
            What P x is multiplied with to give scores.
        steps : int
        excluded : csr_array, shape (n_users, n_items), optional
            Canonical; the items stored in it are left out.
        """
        op, excluded = self.op, rows if excluded is None else excluded
        chosen = np.flatnonzero(candidates[op.active])
        columns = op.active[chosen]
        found, scores = none_found(rows.shape[0], n, op.dtype)
        inner = min(n, len(columns))
        if not inner:
            return found, scores
        with serial_blas():
            for start, stop, Y in self._products(rows, steps):
                Y = op.scale_rows(gain[op.active], Y)
                if len(chosen) < op.n_items:
                    Y = np.ascontiguousarray(Y[chosen])
                own = positions_among(columns, excluded[start:stop])
                at, value = _core.top_k_columns(Y, inner, *own, n_threads=op.n_threads)
                found[start:stop, :inner] = np.where(at >= 0, columns[at], -1)
                scores[start:stop, :inner] = value
        return found, scores

    def _products(
        self, rows: sp.csr_array, steps: int
    ) -> Iterator[tuple[int, int, NDArray[np.float64]]]:
        """Blocks of columns of P times rows: (start, stop, (n_active, stop - start))."""
        op = self.op
        P = Preconditioner(op, self.form, op.active)
        for start, stop in blocks_of_users(rows.shape[0], op):
            X = op.asarray(rows[start:stop][:, op.active].toarray().T)
            yield start, stop, refine(op, P, self.squares, self.regularization, X, steps)

    def _refined_diagonal(self, steps: int) -> NDArray[np.float64]:
        op = self.op
        diagonal = self.form.diagonal.copy()
        ones = np.ones(op.n_items)
        unit = sp.csr_array(
            (ones, op.active, np.arange(op.n_items + 1)), shape=(op.n_items, len(diagonal))
        )
        with (
            serial_blas(),
            progress_bar(op.n_items, "diagonal", "item", None) as bar,
        ):
            for start, stop, Y in self._products(unit, steps):
                own = np.arange(start, stop)
                diagonal[op.active[own]] = Y[own, own - start]
                bar.update(stop - start)
        return diagonal


def blocks_of_users(n_users: int, op: CpuOperator) -> Iterator[tuple[int, int]]:
    """Ranges of users whose arrays fit REFINE_BYTES."""
    column = REFINE_ARRAYS * op.n_items * op.dtype.itemsize
    size = int(np.clip(REFINE_BYTES // max(1, column) // 16 * 16, 16, 256))
    for start in range(0, n_users, size):
        yield start, min(start + size, n_users)
