"""Plain gradient descent, as the exercise does it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from movieembed.operators.protocol import Operator, Tall
from movieembed.solvers.point import Iterate
from movieembed.solvers.step import Step


def gradient_descent(
    op: Operator, V0: Tall, learning_rate: float | Literal["exact"]
) -> Iterator[Step]:
    """Yield V <- V - learning_rate * gradient, or the minimum along the gradient."""
    point = Iterate.at(op, V0)
    yield point.as_step()
    while True:
        point = point.step(op, -point.gradient, learning_rate)
        yield point.as_step()
