"""Scores of many users refined by conjugate gradients, from the precision form to dense EASE.

The precision form is a model of P, the inverse of L'L + lambda I, of V's own size (see
`precision`). Each step of conjugate gradients brings P x, for a user's row x, nearer to what the
dense inverse gives; the score of item j is then -(P x)_j / P_jj.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed._base.progress import tqdm
from movieembed._base.threads import serial_blas
from movieembed.model.neighbors import Found, none_found, positions_among
from movieembed.model.precision import PrecisionForm, Preconditioner, refine
from movieembed.operators.cpu import CpuOperator

# Of the arrays of one block of users while their scores are refined.
REFINE_BYTES = 256 << 20
REFINE_ARRAYS = 6
# From this many steps on the diagonal of the inverse is refined as well: the scores' scale, one
# number an item, which few steps can leave as the embedding has it.
REFINED_DIAGONAL = 8


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
    ) -> Found:
        """The n best candidates a user, those of their row left out.

        Parameters
        ----------
        rows : csr_array, shape (n_users, n_items)
            Likes, scaled as those of the operator.
        n : int
        candidates : ndarray of bool, shape (n_items,)
        gain : ndarray, shape (n_items,)
            What P x is multiplied with to give scores.
        steps : int
        """
        op = self.op
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
                own = positions_among(columns, rows[start:stop])
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
            tqdm(total=op.n_items, desc="diagonal", unit="item", leave=False, disable=None) as bar,
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
