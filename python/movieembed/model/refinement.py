"""Rows of likes times the inverse of their Gram matrix, refined, and the best items of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed._base.finite import check_finite
from movieembed._base.progress import progress_bar
from movieembed._base.threads import serial_blas
from movieembed.model.neighbors import Found, in_order, none_found, positions_among, rows_among
from movieembed.model.precision import Lengths, PrecisionForm, System
from movieembed.operators.host_arrays import HostArrays
from movieembed.operators.protocol import Operator, Tall

# Of the arrays of one block of users while their scores are refined, and how many count: with one
# step the result alone. It takes a pass through all likes, whose rows lie anywhere in memory: with
# a million items one for 64 people takes twice the time of one for 16.
REFINE_BYTES = 256 << 20
REFINE_ARRAYS, ONE_STEP_ARRAYS = 6, 1
# People whose likes set the lengths of the steps, evenly spaced by activity.
SAMPLE = 64
# How much of its length the last of few steps goes: the whole length fits the likes at hand best,
# and new ones worse.
RELAXED = 0.7
# From this many steps on the diagonal of the inverse is refined as well: the scores' scale, one
# number an item, which few steps can leave as the vectors have it. And single numbers are summed in
# float64, for then the dense recommender is meant.
MANY_STEPS = 8


class Refinement:
    """Products of rows of likes with P, refined.

    Parameters
    ----------
    op : Operator
        Of the likes, weighted and scaled.
    form : PrecisionForm
        Of all items.
    weights : ndarray, shape (n_items,)
        The diagonal of L'L + R.
    n_jobs : int
        Threads.
    sample : int
        People whose likes set the lengths of the steps.
    """

    def __init__(
        self,
        op: Operator,
        form: PrecisionForm,
        weights: NDArray[np.float64],
        n_jobs: int,
        sample: int = SAMPLE,
    ) -> None:
        self.op, self.form, self.weights, self.n_jobs = op, form, weights, n_jobs
        self.sample = sample
        self._systems: dict[Any, System] = {}
        self._lengths: dict[int, Lengths] = {}
        self._diagonals: dict[int, NDArray[np.float64]] = {}
        self._own: dict[Any, NDArray[np.float64]] = {}

    @property
    def is_on_host(self) -> bool:
        """Whether the operator's arrays are NumPy's."""
        return isinstance(self.op, HostArrays)

    def system(self, dtype: Any) -> System:
        """The system in a precision."""
        dtype = np.dtype(dtype)
        if dtype not in self._systems:
            op = self.op.in_precision(dtype)
            self._systems[dtype] = System(op, self.form, self.weights)
        return self._systems[dtype]

    def lengths(self, steps: int) -> Lengths:
        """Of so many steps, the same for all people."""
        if steps not in self._lengths:
            system = self.system(np.float64 if steps >= MANY_STEPS else self.op.dtype)
            self._lengths[steps] = lengths_of(system, steps, self.sample)
        return self._lengths[steps]

    def diagonal(self, steps: int) -> NDArray[np.float64]:
        """That of P, or from MANY_STEPS on that of what the steps lead to."""
        if steps < MANY_STEPS:
            return self.form.diagonal
        if steps not in self._diagonals:
            diagonal, active = self.form.diagonal.copy(), self.op.active
            diagonal[active] = self.own(active, steps, np.float64)
            self._diagonals[steps] = diagonal
        return self._diagonals[steps]

    def best(
        self,
        rows: sp.csr_array,
        n: int,
        candidates: NDArray[np.bool_],
        gain: NDArray[np.float64],
        steps: int,
        dtype: Any,
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
        dtype : dtype
            Of the work.
        excluded : csr_array, shape (n_users, n_items), optional
            Canonical.
        """
        excluded = rows if excluded is None else excluded
        active = self.op.active
        found, scores = none_found(rows.shape[0], n, np.dtype(dtype))
        inner = min(n, len(active))
        if not inner:
            return found, scores
        gain = np.where(candidates, gain, np.nan)[active].astype(dtype)  # NaN is in no list
        for start, stop, Y in self.products(rows, steps, dtype):
            own = positions_among(active, excluded[start:stop])
            at, value = _core.top_k_columns(Y, inner, *own, weights=gain, n_threads=self.n_jobs)
            found[start:stop, :inner] = np.where(at >= 0, active[at], -1)
            scores[start:stop, :inner] = value
        return found, scores

    def best_of_one(
        self,
        row: sp.csr_array,
        n: int,
        candidates: NDArray[np.bool_],
        gain: NDArray[np.float64],
        excluded: sp.csr_array,
    ) -> Found:
        """As `best` for one row and one step: found in float32, and scored in float64.

        The sparse product serves both. The operator must be on the host.
        """
        (length, _), active = self.lengths(1)[0], self.op.active
        chosen = np.flatnonzero(candidates[active])
        columns = active[chosen]
        (_, _, likes), *_ = blocks(row, self.op)
        exact, fast = self.system(np.float64), self.system(np.float32)
        with serial_blas():
            Y = exact.sparse_part(likes, length)
            rough = fast.one_step(likes, length, start=Y.astype(np.float32))[chosen]
            at, _ = _core.top_k_columns(
                check_finite(rough, "the scores"),
                max(1, min(n, len(columns))),
                *positions_among(columns, excluded),
                weights=gain[columns].astype(np.float32),
                n_threads=self.n_jobs,
            )
            at = np.sort(at[at >= 0])
            scores = exact.one_step(likes, length, chosen[at], Y)[:, 0] * gain[columns[at]]
        return in_order(columns[at], scores, n)

    def products(
        self, rows: sp.csr_array, steps: int, dtype: Any, at: NDArray[np.int64] | None = None
    ) -> Iterator[tuple[int, int, NDArray[Any]]]:
        """Blocks of columns of P times rows: (start, stop, (n_active, stop - start)).

        Of the operator's items `at` some places alone, where these are given. A block is valid
        until the next is asked for.
        """
        system, lengths = self.system(dtype), self.lengths(steps)
        arrays = ONE_STEP_ARRAYS if len(lengths) <= 1 else REFINE_ARRAYS
        inside, to_host = at if self.is_on_host else None, system.op.downloader()
        for start, stop, block in blocks(rows, system.op, arrays):
            with serial_blas():
                Y = to_host(solution(system, block, lengths, inside))
            yield start, stop, Y if at is inside else Y[at]

    def own(self, items: NDArray[Any], steps: int, dtype: Any) -> NDArray[np.float64]:
        """What the steps lead to from P x at each item of the operator, x that item alone."""
        n_items = len(self.form.diagonal)
        known = self._own.setdefault((steps, np.dtype(dtype)), np.full(n_items, np.nan))
        new = np.unique(items[np.isnan(known[items])])
        if len(new):
            parts = np.ones(len(new)), new, np.arange(len(new) + 1)
            unit = sp.csr_array(parts, shape=(len(new), n_items))
            place = np.searchsorted(self.op.active, new)
            with progress_bar(len(new), "diagonal", "item", None) as bar:
                for start, stop, Y in self.products(unit, steps, dtype):
                    known[new[start:stop]] = Y[place[start:stop], np.arange(stop - start)]
                    bar.update(stop - start)
        found: NDArray[np.float64] = known[items]
        return found


def lengths_of(system: System, steps: int, sample: int) -> Lengths:
    """Of so many steps, the same for all people: those for some of them, the last one relaxed."""
    if not steps:
        return []
    with serial_blas():
        people = system.op.asarray(system.op.some_users(sample))
        found = system.lengths(people, steps)
    if found and steps < MANY_STEPS:
        length, kept = found[-1]
        found[-1] = (RELAXED * length, kept)
    return found


def solution(
    system: System, rows: sp.csr_array, lengths: Lengths, at: NDArray[np.int64] | None = None
) -> Tall:
    """Rows of likes of the operator's items times P, refined, in columns; at some items or all."""
    if len(lengths) == 1:
        return system.one_step(rows, lengths[0][0], at)
    Y = system.solution(system.op.columns_of(rows), lengths) if lengths else system.start(rows)
    return Y if at is None else Y[at]


def blocks(
    rows: sp.csr_array, op: Operator, arrays: int = REFINE_ARRAYS
) -> Iterator[tuple[int, int, sp.csr_array]]:
    """Blocks of rows whose columns are the operator's items, so many that REFINE_BYTES hold them.

    Dense, as the columns of so many tall arrays.
    """
    column = arrays * max(op.n_items, op.n_users) * op.dtype.itemsize
    size = int(np.clip(REFINE_BYTES // max(1, column) // 16 * 16, 16, 256))
    for start in range(0, rows.shape[0], size):
        block = rows[start : start + size]
        yield start, start + block.shape[0], rows_among(op.active, block)
