"""A step of a solver: an embedding and its cost."""

from __future__ import annotations

from typing import NamedTuple

from movieembed.operators.protocol import Tall


class Step(NamedTuple):
    """An embedding that its solver will not write to again, and its cost.

    `final` ends the run: the optimum is known to be reached. `missed` is a decrease of the cost
    that the solver knows to be possible outside V's column space, None where it has not looked.
    """

    V: Tall
    cost: float
    gradient_norm: float
    final: bool = False
    missed: float | None = None
