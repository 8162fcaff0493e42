"""Small problems: whether another start ends lower than the eigenvalue solver did.

With few items the cost has local minima, from which the eigenvalue solver cannot come away, and
flat valleys, along which it takes hundreds of iterations. But X is then small enough to be held,
and so is the second derivative of the cost: damped Newton steps (Levenberg 1944, Marquardt 1963)
from V and from random starts take some milliseconds each. What they find may be a local minimum
too; it is the lowest one of several.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from movieembed.operators.protocol import Operator
from movieembed.operators.units import times
from movieembed.solvers.driver import HistoryEntry, Solution

Dense = NDArray[np.float64]

MOST_ITEMS = 32
MOST_NUMBERS = 150
# V's own among them.
STARTS = 16
# Steps that are taken together to see how fast their decreases fall.
WINDOW = 10
# What a step lowers the cost by, relative to it, at the end of a look from a start, and of all; and
# the most steps of each. In some valleys a hundred steps halve what is left.
ROUGH, FINE = 1e-4, 1e-13
STEPS = {ROUGH: 150, FINE: 1000}


class Point(NamedTuple):
    """Where a descent has ended.

    `gap` is the decrease that a Newton step promises. Where the curvature is not positive, as in a
    valley, it is what the last decreases of the descent add up to if they go on falling as they
    did; infinity if they did not fall.
    """

    V: Dense
    cost: float
    gradient_norm: float
    gap: float


def is_small(op: Operator, n_components: int) -> bool:
    """Whether several starts cost next to nothing."""
    return op.n_items <= MOST_ITEMS and op.n_items * n_components <= MOST_NUMBERS


def from_other_starts(
    op: Operator, solution: Solution, rng: np.random.Generator, tol: float
) -> Solution:
    """A solution, or what was found below it from other starts, as one more iteration.

    It has converged where no more than `tol` of the cost is left, by a Newton step at a minimum or
    by the last decreases in a valley that falls towards infinity; else the reason is "max_iter".
    """
    began = time.perf_counter()
    with np.errstate(over="ignore", invalid="ignore"):
        point = lowest(op, solution.V, rng)
    noise = 4 * float(np.finfo(op.dtype).eps) * op.frobenius_squared
    least = max(point.cost, noise / max(tol, 1e-12), 1e-300)
    converged = point.gap <= tol * least
    lower = point.cost < solution.cost - max(tol * solution.cost, noise)
    if not lower and (solution.converged or not converged):
        return solution
    last = solution.history[-1]
    entry = HistoryEntry(
        last.iteration + 1,
        times(point.cost, op.unit, 4),
        times(point.gradient_norm, op.unit, 3),
        last.seconds + time.perf_counter() - began,
    )
    return Solution(
        op.asarray(point.V),
        point.cost,
        point.gap / least,
        converged,
        "converged" if converged else "max_iter",
        [*solution.history, entry],
    )


def lowest(op: Operator, V: Any, rng: np.random.Generator) -> Point:
    """The lowest point of the descents from V and from random starts."""
    wide = op.in_precision(np.float64)
    X = np.asarray(op.to_host(wide.apply(wide.asarray(np.eye(op.n_items)))), dtype=np.float64)
    np.fill_diagonal(X, 0)
    size = float(np.linalg.norm(X))
    best, _ = descend(X, np.asarray(op.to_host(V), dtype=np.float64), ROUGH)
    for _ in range(STARTS - 1):
        start = rng.standard_normal(best.shape)
        length = float(np.linalg.norm(start @ start.T)) or 1.0
        found, _ = descend(X, start * (size / length) ** 0.5, ROUGH)
        if cost_of(X, found)[0] < cost_of(X, best)[0]:
            best = found
    return end(X, *descend(X, best, FINE))


def descend(X: Dense, V: Dense, tol: float) -> tuple[Dense, float]:
    """Damped Newton steps from V until one lowers the cost by less than `tol` of it.

    Returns where they end, and the sum of the decreases to come.
    """
    size = float(np.linalg.norm(X)) or 1.0
    noise = 4 * np.finfo(np.float64).eps * size**2
    cost, residual = cost_of(X, V)
    damping = 1e-3 * size
    costs = [cost]
    for _ in range(STEPS[tol]):
        gradient = 4 * residual @ V
        H = second_derivative(residual, V) + turns(V, size)
        while True:
            step = damped_step(H, gradient, damping)
            if step is not None:
                moved = V + step
                lower, there = cost_of(X, moved)
                if lower < cost:
                    break
            damping = 4 * max(damping, 1e-14 * size)
            if damping > 1e9 * size:
                return V, to_come(costs)
        decrease, V, cost, residual = cost - lower, moved, lower, there
        costs.append(cost)
        damping /= 10
        if decrease <= tol * cost + 1e-4 * noise and damping < max(1e-6, tol) * size:
            break
    return V, to_come(costs)


def to_come(costs: list[float]) -> float:
    """The sum of the decreases to come, if they fall as over the last steps; else infinity.

    Single steps fall by fits and starts, so several are taken together.
    """
    window = min(WINDOW, (len(costs) - 1) // 2)
    if not window:
        return np.inf
    before = costs[-1 - 2 * window] - costs[-1 - window]
    last = costs[-1 - window] - costs[-1]
    return last**2 / (before - last) if last < before else np.inf


def end(X: Dense, V: Dense, decrease: float) -> Point:
    """The point that V is; `decrease` is the one to come where curvature does not say."""
    size = float(np.linalg.norm(X)) or 1.0
    cost, residual = cost_of(X, V)
    gradient = 4 * residual @ V
    values, axes = np.linalg.eigh(second_derivative(residual, V))
    along = axes.T @ gradient.ravel()
    # Turns of V leave the cost: no curvature, and no slope but rounding's.
    flat = np.abs(values) <= 1e-9 * size
    gap = decrease
    if values[0] >= -1e-9 * size and (np.abs(along[flat]) <= 1e-9 * size**1.5).all():
        gap = 0.5 * float((along[~flat] ** 2 / values[~flat]).sum())
    return Point(V, cost, float(np.linalg.norm(gradient)), gap)


def turns(V: Dense, size: float) -> Dense:
    """Curvature for the turns of V, along which the cost has none and rounding decides its sign."""
    n, d = V.shape
    a, b = np.triu_indices(d, 1)
    generators = np.zeros((len(a), n, d))
    each = np.arange(len(a))
    generators[each, :, a] = V[:, b].T
    generators[each, :, b] = -V[:, a].T
    Q = np.linalg.qr(generators.reshape(len(a), n * d).T)[0]
    return np.asarray(size * Q @ Q.T, dtype=np.float64)


def cost_of(X: Dense, V: Dense) -> tuple[float, Dense]:
    """The cost, and the residual VV' - X with its diagonal left out."""
    residual = V @ V.T - X
    np.fill_diagonal(residual, 0)
    return float(np.vdot(residual, residual)), residual


def second_derivative(residual: Dense, V: Dense) -> Dense:
    """That of the cost by the entries of V, in their order, (n d, n d).

    Along D it is 4 (R D + ((D V' + V D') with its diagonal left out) V), R the residual.
    """
    n, d = V.shape
    H = np.einsum("ij,ab->iajb", residual, np.eye(d))
    H += np.einsum("ja,ib->iajb", V, V)
    each = np.arange(n)
    own = V[:, :, None] * V[:, None, :]
    H[each, :, each, :] += V.T @ V - 2 * own
    return np.asarray(4 * H.reshape(n * d, n * d), dtype=np.float64)


def damped_step(H: Dense, gradient: Dense, damping: float) -> Dense | None:
    """-(H + damping I)^-1 gradient; None where that matrix is not positive."""
    from scipy.linalg import lapack

    shifted = H + damping * np.eye(len(H))
    factor, info = lapack.dpotrf(shifted, lower=True, overwrite_a=True)
    if info:
        return None
    step, _ = lapack.dpotrs(factor, -gradient.ravel(), lower=True)
    return np.asarray(step, dtype=np.float64).reshape(gradient.shape)
