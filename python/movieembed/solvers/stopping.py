"""When a run has reached its optimum: an estimate of the gap, and whether it can be believed.

The gap is how far the cost still is above the optimum. It is estimated from the decreases of the
cost, checked against the gradient, and believed only where no direction outside V's column space
lowers the cost: a descent also comes to rest on saddles.
"""

from __future__ import annotations

import numpy as np

from movieembed.operators.protocol import Operator
from movieembed.solvers.certificate import missed_decrease
from movieembed.solvers.point import Step

# With a window of one iteration the rate is taken to be at least this: the last steps before the
# optimum are slower than the first.
LEAST_RATE = 0.5
# Windows of solvers that take few iterations; a run of many is also judged by this part of it.
SHORT, LONG_WINDOW = 5, 8
# That of the check by the gradient where decreases are uneven.
UNEVEN = 2
# Decreases of at most this part of the one before are even enough to be believed with that margin.
FAST, MARGIN = 0.15, 1.5
# Distances of so many roundings are seen in the costs.
SEEN = 10


def estimate_gap(costs: list[float], window: int, noise: float, least_rate: float = 0.0) -> float:
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
    least_rate : float
        What the rate is taken to be at least.

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
    rate = least_rate
    for back in (0, 1) if len(costs) > 2 * window + 1 else (0,):
        end, middle, start = (costs[-1 - back - m * window] for m in range(3))
        if middle <= end or start - middle <= middle - end:
            return np.inf
        rate = max(rate, (middle - end) / (start - middle))
    return last * rate / (1 - rate)


def gap_by_gradient(costs: list[float], norms: list[float]) -> float:
    """What the gradient says of the gap, by what it said in the iterations before.

    Near an optimum the distance goes with the square of the gradient.
    """
    now = costs[-1]
    past = zip(costs[:-1], norms[:-1], strict=True)
    ratios = [(cost - now) / norm**2 for cost, norm in past if cost > now and norm > 0]
    return max(ratios, default=0.0) * norms[-1] ** 2


def gap_of_fast_decrease(costs: list[float], norms: list[float]) -> float:
    """A closer estimate where decreases shrink fast: half more than rate and gradient say.

    Infinity where the last decrease was more than FAST of the one before, or one of them a rise.
    """
    before, last = costs[-3] - costs[-2], costs[-2] - costs[-1]
    if not 0 < last <= FAST * before:
        return np.inf
    rate = last / before
    return MARGIN * max(last * rate / (1 - rate), gap_by_gradient(costs, norms))


class Stopping:
    """Looks at each iteration of a run and says when it is at its optimum.

    Parameters
    ----------
    op : Operator
    tol : float
        The gap that is small enough, relative to the cost.
    window : int
        Iterations over which decreases are compared; see :func:`estimate_gap`.
    """

    def __init__(self, op: Operator, tol: float, window: int) -> None:
        self.op, self.tol, self.window = op, tol, window
        scale = op.frobenius_squared
        eps = float(np.finfo(op.dtype).eps)
        # In float32 the terms of the cost are still summed in float64, and roundings average out.
        self._noise = (4 if op.dtype == np.float64 else 0.05) * eps * scale
        self._gradient_noise = 50 * 4 * eps * scale**0.75
        # Where every step counts, the last rate too: a run that slows down is not flattered.
        self._windows = (1, 2) if window == 2 else (window,)
        self._least_rate = LEAST_RATE if window == 1 else 0.0
        self._costs: list[float] = []
        self._norms: list[float] = []
        self._gap = np.inf
        self._missed = 0.0
        self._checked = -window
        self._quiet = 0

    def reason(self, step: Step, iteration: int) -> str | None:
        """Why the run ends here, "exact" or "converged"; None where it goes on."""
        self._costs.append(step.cost)
        self._norms.append(step.gradient_norm)
        self._gap = self._estimate(step.uneven)
        settled = self._is_settled(step)
        if step.final:
            self._gap = 0.0
            return "exact"
        if settled and iteration >= self._checked + self.window:
            self._checked = iteration
            known = step.missed
            self._missed = missed_decrease(self.op, step.V) if known is None else known
            if self._missed <= max(10 * self.tol * abs(step.cost), 10 * self._noise):
                return "converged"
        return None

    def relative_gap(self, cost: float) -> float:
        """The estimated gap over the cost; where that goes to 0, over what rounding leaves."""
        least = max(abs(cost), self._noise / max(self.tol, 1e-12), 1e-300)
        return float(max(self._gap, self._missed) / least)

    def _estimate(self, uneven: bool) -> float:
        # In a valley decreases shrink by the number of iterations, not by a rate, and steps of
        # unlike length make a short window see what rate it likes.
        long = len(self._costs) // LONG_WINDOW if self.window <= SHORT else 0
        windows = (long,) if long > self.window else self._windows
        gap = max(estimate_gap(self._costs, w, self._noise, self._least_rate) for w in windows)
        if self._noise < gap < np.inf and self._norms[-1] > self._gradient_noise:
            # Where decreases are even, a tenth: a check, if the last happen to be small.
            share, window = (1.0, UNEVEN) if uneven else (0.1, self.window)
            last = slice(-1 - 2 * window, None)
            gap = max(gap, share * gap_by_gradient(self._costs[last], self._norms[last]))
            if self.window == 1 and not uneven:
                gap = min(gap, max(gap_of_fast_decrease(self._costs, self._norms), self._noise))
        return gap

    def _gap_below_noise(self) -> float:
        """Ten times the gap that the gradient tells, by what it told of larger ones.

        Near an optimum the distance goes with the square of the gradient.
        """
        costs, norms = np.array(self._costs), np.array(self._norms)
        above = costs - costs[-1]
        seen = (above > SEEN * self._noise) & (norms > 0)
        if not seen.any():
            return np.inf
        return float(10 * (above[seen] / norms[seen] ** 2).max() * norms[-1] ** 2)

    def _is_settled(self, step: Step) -> bool:
        """Whether the gap is small, and the cost not just crossing a plateau.

        On a plateau the gradient is well above rounding. It goes on to fall where costs show
        nothing but rounding, and says how far they still would. Where rounding hides that too,
        patience has to do.
        """
        self._quiet = self._quiet + 1 if self._gap <= self._noise else 0
        return self._gap <= max(self.tol * abs(step.cost), self._noise) and (
            self._gap > self._noise
            or step.gradient_norm <= self._gradient_noise
            or self._gap_below_noise() <= self.tol * abs(step.cost)
            or self._quiet > 10 * self.window
        )
