"""Adam on the full gradient (Kingma & Ba, ICLR 2015)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from movieembed.operators.protocol import Operator, Tall
from movieembed.solvers.point import Iterate
from movieembed.solvers.step import Step


def adam(
    op: Operator,
    V0: Tall,
    learning_rate: float | Literal["exact"],
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> Iterator[Step]:
    """Yield V <- V - learning_rate * m / (sqrt(s) + eps), with bias-corrected moments m and s.

    With the exact line search the step goes to the minimum along that direction.
    """
    number = op.dtype.type
    point = Iterate.at(op, V0)
    yield point.as_step()
    first = number(0) * point.gradient
    second = first
    t = 0
    while True:
        t += 1
        g = point.gradient
        first = number(beta1) * first + number(1 - beta1) * g
        second = number(beta2) * second + number(1 - beta2) * g * g
        m = first / number(1 - beta1**t)
        s = second / number(1 - beta2**t)
        point = point.step(op, -m / (s ** number(0.5) + number(eps)), learning_rate)
        yield point.as_step()
