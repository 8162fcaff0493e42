"""The loop around every solver: history, stopping, progress, interrupts.

A solver is a generator of :class:`Step`; :func:`run` drives it. The solver's file then reads as its
algorithm, and all of them stop, report and fail in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from movieembed._base.message import Message, Parameter
from movieembed._base.progress import tqdm
from movieembed.exceptions import DivergenceError
from movieembed.operators.protocol import Operator, Tall
from movieembed.solvers.certificate import missed_decrease
from movieembed.solvers.step import Step


class HistoryEntry(NamedTuple):
    """What is known after an iteration; `seconds` counts from the start of the fit."""

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


def estimate_gap(costs: list[float], window: int, noise: float) -> float:
    """How far the last of `costs` is from the limit of the sequence, at least roughly.

    The decrease over the last `window` iterations, over the one before it, is the rate of a
    geometric sequence; what remains of that is the estimate. Decreases below `noise` are rounding:
    the limit is then reached as far as the arithmetic can tell.

    Parameters
    ----------
    costs : list of float
    window : int
    noise : float
        Absolute rounding error of a cost.

    Returns
    -------
    float
        Absolute distance; infinity while there are too few costs or they do not settle.
    """
    if len(costs) < 2 * window + 1:
        return np.inf
    last = costs[-1 - window] - costs[-1]
    if abs(last) <= noise:
        return noise
    # The slower of the last two rates, so that one good step does not flatter.
    rate = 0.0
    for back in (0, 1) if len(costs) > 2 * window + 1 else (0,):
        end, middle, start = (costs[-1 - back - m * window] for m in range(3))
        if middle <= end or start - middle <= middle - end:
            return np.inf
        rate = max(rate, (middle - end) / (start - middle))
    return last * rate / (1 - rate)


def gap_by_gradient(costs: list[float], norms: list[float], window: int) -> float:
    """A check on :func:`estimate_gap` where the last decreases happen to be small.

    Near an optimum the distance goes with the square of the gradient. A tenth of what the last
    2 `window` iterations say of their ratio is taken, so that it decides only where the two
    estimates have nothing to do with each other.
    """
    now = costs[-1]
    past = zip(costs[-1 - 2 * window : -1], norms[-1 - 2 * window : -1], strict=True)
    ratios = [(cost - now) / norm**2 for cost, norm in past if cost > now and norm > 0]
    return 0.1 * max(ratios, default=0.0) * norms[-1] ** 2


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
    hint: tuple[str | Parameter, ...] = (),
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
        Iterations over which decreases are compared; see :func:`estimate_gap`.
    callback : callable, optional
        Called with each :class:`HistoryEntry`; a true result ends the run.
    progress : bool, optional
        True shows a bar, False does not, None shows one where standard error is a terminal.
    name, hint : str
        For the bar, and what to do if the run diverges.
    checkpoint : Keeper, optional
        Told of every iteration. Iterations and seconds go on where its past ends.

    Raises
    ------
    DivergenceError
        When the cost is no longer finite, or has grown beyond all bounds.
    KeyboardInterrupt
        When interrupted before the first step; later the best embedding so far is returned.
    """
    scale = op.frobenius_squared
    # In float32 the terms of the cost are still summed in float64, and roundings average out.
    eps = float(np.finfo(op.dtype).eps)
    noise = (4 if op.dtype == np.float64 else 0.05) * eps * scale
    past = checkpoint.past if checkpoint is not None else []
    done = past[-1].iteration if past else 0
    start = time.perf_counter() - (past[-1].seconds if past else 0.0)
    history: list[HistoryEntry] = []
    costs: list[float] = []
    best: Step | None = None
    gap = np.inf
    gradient_noise = 50 * 4 * eps * scale**0.75
    # Where every step counts, the last rate too: a run that slows down is not flattered.
    windows = (1, 2) if window == 2 else (window,)
    checked = -window
    missed = 0.0
    quiet = 0
    reason = "max_iter"
    bar = tqdm(
        total=max_iter,
        initial=done,
        desc=name,
        unit="it",
        leave=False,
        disable=None if progress is None else not progress,
    )
    try:
        with bar, np.errstate(over="ignore", invalid="ignore"):
            for iteration, step in enumerate(steps, start=done):
                entry = HistoryEntry(
                    iteration, step.cost, step.gradient_norm, time.perf_counter() - start
                )
                history.append(entry)
                costs.append(step.cost)
                bar.update(int(iteration > done))
                bar.set_postfix_str(f"cost {step.cost:.8g}", refresh=False)
                ceiling = 1e12 * max(costs[0], scale)
                if not np.isfinite(step.cost) or step.cost > ceiling:
                    raise DivergenceError(
                        Message(
                            f"{name} diverged: the cost is {step.cost:.3g} after {iteration} "
                            f"iterations, from {costs[0]:.3g} at the start.",
                            *hint,
                        ),
                        history,
                    )
                if best is None or step.cost < best.cost:
                    best = step
                if checkpoint is not None:
                    checkpoint.keep(op, best, entry)
                gap = max(estimate_gap(costs, w, noise) for w in windows)
                if noise < gap < np.inf and step.gradient_norm > gradient_noise:
                    norms = [past.gradient_norm for past in history[-1 - 2 * window :]]
                    gap = max(gap, gap_by_gradient(costs[-len(norms) :], norms, window))
                # A cost that no longer moves may also be crossing a plateau: then its gradient is
                # well above rounding. Where rounding hides that too, patience has to do.
                quiet = quiet + 1 if gap <= noise else 0
                settled = gap <= max(tol * abs(step.cost), noise) and (
                    gap > noise or step.gradient_norm <= gradient_noise or quiet > 10 * window
                )
                if step.final:
                    best, gap, reason = step, 0.0, "exact"
                    break
                if settled and iteration >= checked + window:
                    # A descent also comes to rest on saddles.
                    checked = iteration
                    missed = missed_decrease(op, step.V) if step.missed is None else step.missed
                    if missed <= max(10 * tol * abs(step.cost), 10 * noise):
                        reason = "converged"
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
    # Where the cost goes to 0, the distance is relative to what rounding leaves of it.
    relative = max(gap, missed) / max(abs(best.cost), noise / max(tol, 1e-12), 1e-300)
    return Solution(
        best.V, best.cost, float(relative), reason in ("converged", "exact"), reason, history
    )
