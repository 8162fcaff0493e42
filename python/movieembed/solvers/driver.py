"""The loop around every solver: its history, its end, progress and interrupts.

A solver is a generator of :class:`Step`; :func:`run` drives it. The solver's file then reads as its
algorithm, and all of them stop, report and fail in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from movieembed._base.message import Message
from movieembed._base.progress import progress_bar
from movieembed.exceptions import DivergenceError
from movieembed.operators.protocol import Operator, Tall
from movieembed.operators.units import times
from movieembed.solvers.point import Step
from movieembed.solvers.stopping import Stopping


class HistoryEntry(NamedTuple):
    """An iteration's cost and gradient norm; `seconds` counts from the start of the fit."""

    iteration: int
    cost: float
    gradient_norm: float
    seconds: float


Callback = Callable[[HistoryEntry], Any]


class Keeper(Protocol):
    """Keeps the best embedding of a run beyond it; see `movieembed.model.checkpoint`."""

    past: list[HistoryEntry]

    def keep(self, op: Operator, best: Step, entry: HistoryEntry) -> None:
        """Take note of an iteration."""
        ...


@dataclass
class Solution:
    """The best embedding of a run and how it was reached.

    Attributes
    ----------
    V : Tall, shape (n_items, n_components)
        The embedding of the lowest cost seen.
    cost : float
        Its cost, by the identity.
    gap : float
        Estimated distance of `cost` to the optimum, relative to `cost` (or to the rounding error
        over the tolerance where the cost is less); infinity where no estimate could be made.
    converged : bool
        Whether `gap` fell to the tolerance.
    reason : str
        Why the run ended: "converged", "exact", "max_iter", "callback" or "interrupted".
    history : list of HistoryEntry
    """

    V: Tall
    cost: float
    gap: float
    converged: bool
    reason: str
    history: list[HistoryEntry] = field(repr=False)

    @property
    def n_iter(self) -> int:
        """Iterations done; the starting point counts as none."""
        return self.history[-1].iteration


def run(
    steps: Iterator[Step],
    op: Operator,
    *,
    tol: float,
    max_iter: int,
    window: int,
    callback: Callback | None = None,
    progress: bool | None = None,
    name: str = "fit",
    hint: str = "",
    checkpoint: Keeper | None = None,
) -> Solution:
    """Drive a solver to its tolerance, its last iteration, the callback's word or Ctrl-C.

    Parameters
    ----------
    steps : iterator of Step
        The solver; its first step is the starting point, iteration 0.
    op : Operator
    tol : float
        Stop when the estimated distance to the optimum is at most `tol` times the cost.
    max_iter : int
        Iterations after the starting point.
    window : int
        Iterations over which decreases are compared; see `movieembed.solvers.stopping`.
    callback : callable, optional
        Called with each :class:`HistoryEntry`; a true result ends the run.
    progress : bool, optional
        True shows a bar, False does not, None shows one where standard error is a terminal.
    name, hint : str
        For the bar, and what to do if the run diverges.
    checkpoint : Keeper, optional
        Told of every iteration. Iterations and seconds go on where its past ends.

    Notes
    -----
    The history, and what a callback and a checkpoint see, are of the likes themselves; the
    solution's V and cost are of those over the operator's `unit`.

    Raises
    ------
    DivergenceError
        When the cost is no longer finite, or has grown beyond all bounds.
    KeyboardInterrupt
        When interrupted before the first step; later the best embedding so far is returned.
    """
    stopping = Stopping(op, tol, window)
    past = checkpoint.past if checkpoint is not None else []
    done = past[-1].iteration if past else 0
    start = time.perf_counter() - (past[-1].seconds if past else 0.0)
    history: list[HistoryEntry] = []
    best: Step | None = None
    reason = "max_iter"
    bar = progress_bar(max_iter, name, "it", progress, initial=done)
    try:
        with bar, np.errstate(over="ignore", invalid="ignore"):
            for iteration, step in enumerate(steps, start=done):
                seconds = time.perf_counter() - start
                cost, norm = times(step.cost, op.unit, 4), times(step.gradient_norm, op.unit, 3)
                entry = HistoryEntry(iteration, cost, norm, seconds)
                history.append(entry)
                bar.update(int(iteration > done))
                bar.set_postfix_str(f"cost {cost:.8g}", refresh=False)
                check_divergence(history, times(op.frobenius_squared, op.unit, 4), name, hint)
                if best is None or step.cost < best.cost:
                    best = step
                if checkpoint is not None:
                    checkpoint.keep(op, in_likes_units(op, best), entry)
                if ended := stopping.reason(step, iteration):
                    best, reason = (step if step.final else best), ended
                    break
                if callback is not None and callback(entry):
                    reason = "callback"
                    break
                if iteration >= max_iter:
                    break
    except KeyboardInterrupt:
        if best is None:
            raise
        reason = "interrupted"
    assert best is not None
    gap, converged = stopping.relative_gap(best.cost), reason in ("converged", "exact")
    return Solution(best.V, best.cost, gap, converged, reason, history)


def in_likes_units(op: Operator, step: Step) -> Step:
    """A step whose V is that of the likes themselves; its cost stays the operator's."""
    return step if op.unit == 1 else step._replace(V=step.V * op.dtype.type(op.unit))


def check_divergence(history: list[HistoryEntry], scale: float, name: str, hint: str) -> None:
    """Raise DivergenceError when the last cost is no number, or beyond all bounds."""
    first, last = history[0].cost, history[-1].cost
    if not np.isfinite(last) or last > 1e12 * max(first, scale):
        what = f"{name} diverged: the cost is {last:.3g} after {history[-1].iteration} iterations, "
        what += f"from {first:.3g} at the start."
        raise DivergenceError(Message(what + "{hint}", hint=hint), history)
