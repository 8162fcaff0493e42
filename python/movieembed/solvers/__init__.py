"""Solvers of the masked objective, all against the same operator.

=========  =========================================  =======================================
name       what it is                                 file
=========  =========================================  =======================================
eigen      block eigensolver, free diagonal updated   ``eigen.py`` (default), ``chebyshev.py``
als        least squares a row, conjugate directions  ``als.py``
gd         gradient descent                           ``descent.py``
momentum   gradient descent with momentum             ``descent.py``
adam       Adam on the full gradient                  ``descent.py``
lbfgs      limited-memory BFGS                        ``descent.py``
=========  =========================================  =======================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from movieembed._base.message import Message, Parameter
from movieembed.operators.protocol import Operator, Tall
from movieembed.solvers.als import als
from movieembed.solvers.chebyshev import FILTERED, eigen_or_filtered
from movieembed.solvers.descent import adam, gradient_descent, lbfgs, momentum
from movieembed.solvers.driver import Callback, HistoryEntry, Keeper, Solution, run
from movieembed.solvers.point import Step, in_reach, random_start
from movieembed.solvers.small import from_other_starts, is_small

__all__ = ["SOLVERS", "HistoryEntry", "Solution", "SolverInfo", "solve"]

DESCENT = {"gd": gradient_descent, "momentum": momentum, "adam": adam, "lbfgs": lbfgs}


@dataclass(frozen=True)
class SolverInfo:
    """Defaults of a solver.

    Attributes
    ----------
    max_iter : int
        Iterations when none is given.
    window : int
        Iterations over which its decreases are compared to estimate the distance to the optimum:
        one where they are regular, more where they are not.
    uses_learning_rate : bool
        Whether the step length is a choice.
    """

    max_iter: int
    window: int
    uses_learning_rate: bool


SOLVERS = {
    "eigen": SolverInfo(max_iter=1000, window=2, uses_learning_rate=False),
    "als": SolverInfo(max_iter=1000, window=5, uses_learning_rate=False),
    "gd": SolverInfo(max_iter=2000, window=50, uses_learning_rate=True),
    "momentum": SolverInfo(max_iter=2000, window=50, uses_learning_rate=True),
    "adam": SolverInfo(max_iter=2000, window=50, uses_learning_rate=True),
    "lbfgs": SolverInfo(max_iter=1000, window=10, uses_learning_rate=True),
}


def solve(
    op: Operator,
    solver: str,
    n_components: int,
    *,
    rng: np.random.Generator,
    V0: Tall | None = None,
    learning_rate: float | Literal["exact"] = "exact",
    decay: float = 0.9,
    max_iter: int | None = None,
    tol: float = 1e-8,
    callback: Callback | None = None,
    progress: bool | None = None,
    checkpoint: Keeper | None = None,
) -> Solution:
    """Minimise the cost with a solver by name.

    Parameters
    ----------
    op : Operator
        With at least one item.
    solver : str
        A key of `SOLVERS`.
    n_components : int
        d.
    rng : Generator
        For the random start.
    V0 : Tall, shape (n_items, n_components), optional
        Where to start, in the operator's unit as the solution is, by default a random block. One a
        hundred times too large is scaled down first, except under a fixed learning rate.
    learning_rate : float or "exact"
        Step length of the descent solvers, in the units of the likes.
    decay : float
        Of the velocity of "momentum".
    max_iter, tol, callback, progress, checkpoint
        See :func:`movieembed.solvers.driver.run`.

    Returns
    -------
    Solution
    """
    info = SOLVERS[solver]
    if V0 is None:
        n_components = min(n_components, op.n_items)  # the rank of X + diag(delta) is no more
    hint, name, regular = "", solver, False
    steps: Iterator[Step]
    several = solver == "eigen" and V0 is None and is_small(op, n_components)
    if V0 is not None and (learning_rate == "exact" or not info.uses_learning_rate):
        V0 = in_reach(op, V0)
    if solver == "eigen":
        name, steps = eigen_or_filtered(op, n_components, rng, V0)
        regular = name == FILTERED or V0 is not None  # its decreases, from the first on
    else:
        V0 = random_start(op, n_components, rng) if V0 is None else V0
        if solver == "als":
            steps = als(op, V0)
        else:
            if learning_rate != "exact":
                hint = Message(
                    " The learning rate {rate} is too large for this start; try a tenth of it, or "
                    "{exact}, which cannot diverge.",
                    rate=learning_rate,
                    exact=Parameter("learning_rate", "exact", 'learning_rate="exact"'),
                )
            options = {"decay": decay} if solver == "momentum" else {}
            if learning_rate != "exact":
                learning_rate, in_units = rate_in_units(solver, learning_rate, np.float64(op.unit))
                options |= in_units
            steps = DESCENT[solver](op, V0, learning_rate, **options)
    solution = run(
        steps,
        op,
        tol=tol,
        max_iter=info.max_iter if max_iter is None else max_iter,
        window=1 if regular else info.window,
        callback=callback,
        progress=progress,
        name=name,
        hint=hint,
        checkpoint=checkpoint,
    )
    if several and (
        solution.reason == "converged" or (solution.reason == "max_iter" and max_iter is None)
    ):
        return from_other_starts(op, solution, rng, tol)
    return solution


def rate_in_units(solver: str, rate: float, unit: np.float64) -> tuple[float, dict[str, float]]:
    """A learning rate for likes as they are, for those over `unit`: V and its gradient then differ.

    The gradient is the likes' over unit^3, and V theirs over unit.
    """
    if solver == "adam":  # its directions have no unit
        return float(rate / unit), {"eps": float(1e-8 / unit**3)}
    if solver == "lbfgs":  # after the first step its directions have V's
        return rate, {"first": float(unit**2)}
    return float(rate * unit**2), {}
