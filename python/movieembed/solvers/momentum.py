"""Gradient descent with momentum: the update of PyTorch's SGD(momentum=...)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from movieembed.operators.protocol import Operator, Tall
from movieembed.solvers.point import Iterate
from movieembed.solvers.step import Step


def momentum(
    op: Operator, V0: Tall, learning_rate: float | Literal["exact"], decay: float = 0.9
) -> Iterator[Step]:
    """Yield V <- V - learning_rate * b with b <- decay * b + gradient (Polyak 1964).

    With the exact line search the step goes to the minimum along -b.
    """
    point = Iterate.at(op, V0)
    yield point.as_step()
    velocity = point.gradient
    while True:
        point = point.step(op, -velocity, learning_rate)
        yield point.as_step()
        velocity = op.dtype.type(decay) * velocity + point.gradient
