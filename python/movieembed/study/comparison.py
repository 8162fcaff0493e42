"""The runs at one number of components d: every setting from one start, beside the optimum.

Two embeddings V with the same products VV' have the same cost and the same neighbours, so runs are
compared by their lists of neighbours, and their V only after the best rotation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from movieembed.data.given_cooccurrence import Cooccurrence
from movieembed.data.likes import Likes
from movieembed.exceptions import DivergenceError
from movieembed.operators.build import operator_of
from movieembed.operators.cpu import CpuOperator
from movieembed.solvers import DESCENT, SOLVERS, HistoryEntry, Solution, solve
from movieembed.solvers.als import als
from movieembed.solvers.driver import run
from movieembed.solvers.eigen import eigen
from movieembed.solvers.point import Step

# Films in a list of neighbours.
LIST = 10
# The exercise's start, N(0, START^2) in every entry, and its momentum.
START = 0.5
DECAY = 0.9
Columns = NDArray[np.int64]
"""Items by their columns in the likes."""


class Setting(NamedTuple):
    """An optimiser with its learning rate: a number, "exact", or "none" where there is none."""

    optimizer: str
    learning_rate: float | Literal["exact", "none"]

    @property
    def rate(self) -> str:
        """The learning rate as text."""
        rate = self.learning_rate
        return rate if isinstance(rate, str) else f"{rate:g}"


@dataclass
class Run:
    """What is kept of a run: its history and its lists, which a run that diverged has not."""

    setting: Setting
    history: list[HistoryEntry]
    outcome: str
    found: Columns | None = None
    cosines: NDArray[np.float64] | None = None
    cosine_difference: float = np.nan
    vector_difference: float = np.nan
    aligned_difference: float = np.nan

    @property
    def cost(self) -> float:
        """The lowest cost, that of the embedding whose lists are kept; the last if it diverged."""
        costs = [entry.cost for entry in self.history]
        return costs[-1] if self.outcome == "diverged" else max(0.0, min(costs))


class Comparison:
    """The runs at one d, from one start, beside the optimum.

    Only lists and histories are kept of a run: at d = M its V is as large as X would be.

    Parameters
    ----------
    likes : Likes
    op : CpuOperator
        Of the likes in float64, without the unembedded items, which share no user.
    films : int array
        Columns of the likes whose neighbours are listed.
    d : int
        Number of components.
    wide : bool
        Whether this is the published setting: d = M, every item, in float32.
    rng : Generator
        For the start.
    """

    def __init__(
        self,
        likes: Likes | Cooccurrence,
        op: CpuOperator,
        films: Columns,
        d: int,
        wide: bool,
        rng: np.random.Generator,
    ) -> None:
        self.d, self.wide, self.films, self.op = d, wide, films, op
        self.runs: list[Run] = []
        began = time.perf_counter()
        # From a start of its own, which tells whether what the others find depends on theirs.
        self.optimum = solve(
            op, "eigen", d, rng=np.random.default_rng(0), tol=1e-12, max_iter=500, progress=False
        )
        stop_if_interrupted(self.optimum)
        self.seconds = time.perf_counter() - began
        self.found, self.cosines = nearest(self.optimum.V, op.active, films, op.active, LIST + 1)
        if wide:
            self.run_op = operator_of(likes, np.float32, op.n_threads, keep_all=True)
            self.V0 = rng.standard_normal((likes.n_items, d), dtype=np.float32)
            self.V0 *= np.float32(START)
        else:
            self.run_op = op
            self.V0 = op.asarray(START * rng.standard_normal((likes.n_items, d))[op.active])

    @property
    def cost(self) -> float:
        """The lowest cost of all; 0 where that is known to be attained."""
        if self.optimum.reason == "exact":
            return 0.0
        finite = [run.cost for run in self.runs if run.outcome != "diverged"]
        return max(0.0, min([self.optimum.cost, *finite]))

    @property
    def margin(self) -> float:
        """Mean difference of the cosines at the last place of the lists and the next one."""
        if self.cosines.shape[1] <= LIST:
            return np.nan
        gaps = self.cosines[:, LIST - 1] - self.cosines[:, LIST]
        return float(np.nanmean(gaps)) if np.isfinite(gaps).any() else np.nan

    def run(
        self, setting: Setting, iterations: int, callback: Callable[[HistoryEntry], Any]
    ) -> None:
        """Run one setting and keep its history and its lists."""
        if self.wide and setting.optimizer == "eigen":
            # d is no less than the rank, so the reference is exact, whatever the start.
            solution, columns = self.optimum, self.op.active
        else:
            try:
                solution = run(
                    self._steps(setting),
                    self.run_op,
                    tol=1e-10,
                    max_iter=iterations,
                    window=SOLVERS[setting.optimizer].window,
                    callback=callback,
                    progress=False,
                    name=setting.optimizer,
                )
            except DivergenceError as error:
                self.runs.append(Run(setting, error.history, "diverged"))
                return
            stop_if_interrupted(solution)
            columns = self.run_op.active
        V = solution.V
        outcome = {"max_iter": "stopped", "callback": "stopped"}.get(
            solution.reason, solution.reason
        )
        done = Run(setting, solution.history, outcome)
        done.found, done.cosines = nearest(V, columns, self.films, self.op.active, LIST)
        done.cosine_difference = self._cosine_difference(V, columns)
        if not self.wide and V.shape == self.optimum.V.shape:
            done.vector_difference, done.aligned_difference = rotation_gap(V, self.optimum.V)
        self.runs.append(done)

    def _steps(self, setting: Setting) -> Iterator[Step]:
        """The solver's steps from V0 as it is: `solve` may scale a start, and all runs share it."""
        op, name, rate = self.run_op, setting.optimizer, setting.learning_rate
        if name == "eigen":
            return eigen(op, self.d, np.random.default_rng(0), self.V0)
        if name == "als":
            return als(op, self.V0)
        options = {"decay": DECAY} if name == "momentum" else {}
        descent: Any = DESCENT[name]
        steps: Iterator[Step] = descent(
            op, self.V0, "exact" if isinstance(rate, str) else rate, **options
        )
        return steps

    def forget(self) -> None:
        """Free the start and the operator, which no further run needs."""
        del self.V0, self.run_op

    def _cosine_difference(self, V: NDArray[Any], columns: Columns) -> float:
        """Mean difference of the cosines between the films and the optimum's lists."""
        ours, _ = cosines_with(V, columns, self.films)
        differences = []
        for q, listed in enumerate(self.found[:, :LIST]):
            there = listed >= 0
            at = np.searchsorted(columns, listed[there])
            differences.append(ours[q, at] - self.cosines[q, :LIST][there])
        joined = np.abs(np.concatenate(differences))
        return float(joined.mean()) if len(joined) else np.nan


def nearest(
    V: NDArray[Any], columns: Columns, films: Columns, candidates: Columns, n: int
) -> tuple[Columns, NDArray[np.float64]]:
    """The n columns among `candidates` with the largest cosine to each film.

    V's rows belong to `columns`, ascending. No copy of V is made: at d = M it is the largest thing
    in memory. Places that nothing fills are -1.
    """
    cosines, lengths = cosines_with(V, columns, films)
    allowed = np.isin(columns, candidates) & (lengths > 0)
    found = np.full((len(films), n), -1, dtype=np.int64)
    scores = np.full((len(films), n), np.nan)
    for q, film in enumerate(films):
        rows = np.flatnonzero(allowed & (columns != film))
        order = rows[np.argsort(-cosines[q, rows], kind="stable")[:n]]
        found[q, : len(order)] = columns[order]
        scores[q, : len(order)] = cosines[q, order]
    return found, scores


def cosines_with(
    V: NDArray[Any], columns: Columns, films: Columns
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cosines of the films with every row of V, (n_films, n_rows), and the rows' lengths."""
    at = np.searchsorted(columns, films)
    lengths = np.sqrt(np.einsum("ij,ij->i", V, V)).astype(np.float64)
    dots = (V @ V[at].T).T.astype(np.float64)
    product = lengths[at][:, None] * lengths
    return np.divide(dots, product, out=np.zeros_like(dots), where=product > 0), lengths


def rotation_gap(V: NDArray[Any], W: NDArray[Any]) -> tuple[float, float]:
    """Relative distance of V from W, and what the best rotation of V leaves of it (Procrustes)."""
    size = float(np.linalg.norm(W))
    if size == 0:
        return np.nan, np.nan
    left, _, right = np.linalg.svd(V.T @ W)
    turned = V @ (left @ right)
    return float(np.linalg.norm(V - W)) / size, float(np.linalg.norm(turned - W)) / size


def stable_rates(op: CpuOperator) -> list[float]:
    """Rates of momentum: one too large, one good, and a tenth and a hundredth of that.

    At the optimum the cost curves most along X's largest eigenvector, by 8 times its eigenvalue;
    with decay b the iteration is stable there up to a rate of 2 (1 + b) over that. A random start
    is longer than the optimum in places and bears less: a good rate stays below a third of it.
    """
    v = np.ones((op.n_items, 1))
    largest = 1.0
    for _ in range(30):
        w = op.apply(v)
        largest = max(float(np.linalg.norm(w)), 1e-300)
        v = w / largest
    limit = 2 * (1 + DECAY) / (8 * largest)
    grid = sorted(float(f"{digit}e{power}") for power in range(-18, 3) for digit in (1, 3))
    too_large = next((rate for rate in grid if rate > 1.2 * limit), grid[-1])
    good = max((rate for rate in grid if rate < limit / 3), default=grid[0])
    return [too_large, good, float(f"{good / 10:.0e}"), float(f"{good / 100:.0e}")]


def stop_if_interrupted(solution: Solution) -> None:
    """End the study at Ctrl-C, at which a fit ends with the embedding that it has."""
    if solution.reason == "interrupted":
        raise KeyboardInterrupt
