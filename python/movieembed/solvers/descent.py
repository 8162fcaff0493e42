"""Descents along the full gradient: plain, with momentum, Adam and L-BFGS.

Each takes a learning rate, or goes to the exact minimum along its direction. Libraries' L-BFGS
search the line by trial evaluations; here one pass over the likes gives the whole line, which is
why its two-loop recursion is written out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Literal

from movieembed.operators.protocol import Operator, Tall
from movieembed.solvers.point import Iterate, Step, dot


def gradient_descent(
    op: Operator, V0: Tall, learning_rate: float | Literal["exact"]
) -> Iterator[Step]:
    """Yield V <- V - learning_rate * gradient, or the minimum along the gradient.

    That is plain gradient descent, as the exercise does it.
    """
    point = Iterate.at(op, V0)
    yield point.as_step()
    while True:
        point = point.step(op, -point.gradient, learning_rate)
        yield point.as_step()


def momentum(
    op: Operator, V0: Tall, learning_rate: float | Literal["exact"], decay: float = 0.9
) -> Iterator[Step]:
    """Yield V <- V - learning_rate * b with b <- decay * b + gradient (Polyak 1964).

    That is the update of PyTorch's SGD(momentum=...).
    With the exact line search the step goes to the minimum along -b.
    """
    point = Iterate.at(op, V0)
    yield point.as_step()
    velocity = point.gradient
    while True:
        point = point.step(op, -velocity, learning_rate)
        yield point.as_step()
        velocity = op.dtype.type(decay) * velocity + point.gradient


def adam(
    op: Operator,
    V0: Tall,
    learning_rate: float | Literal["exact"],
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> Iterator[Step]:
    """Yield V <- V - learning_rate * m / (sqrt(s) + eps), with bias-corrected moments m and s.

    That is Adam on the full gradient (Kingma & Ba, ICLR 2015).
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


def lbfgs(
    op: Operator,
    V0: Tall,
    learning_rate: float | Literal["exact"],
    memory: int = 10,
    first: float = 1.0,
) -> Iterator[Step]:
    """Yield steps along -H g, H the inverse Hessian that the last `memory` steps suggest.

    Before there are any H is `first` times the identity.
    That is L-BFGS (Nocedal, Math. Comp. 1980).
    """
    number = op.dtype.type

    point = Iterate.at(op, V0)
    yield point.as_step()
    pairs: deque[tuple[Tall, Tall, float]] = deque(maxlen=memory)
    while True:
        direction = -point.gradient
        weights = []
        for s, y, sy in reversed(pairs):
            a = dot(op, s, direction) / sy
            weights.append(a)
            direction = direction - number(a) * y
        if pairs:
            _, y, sy = pairs[-1]
            direction = direction * number(sy / dot(op, y, y))
        elif first != 1:
            direction = direction * number(first)
        for (s, y, sy), a in zip(pairs, reversed(weights), strict=True):
            direction = direction + number(a - dot(op, y, direction) / sy) * s
        moved = point.step(op, direction, learning_rate)
        yield moved.as_step()
        s, y = moved.V - point.V, moved.gradient - point.gradient
        sy = dot(op, s, y)
        if sy > 0:  # otherwise the curvature along the step says nothing of a minimum
            pairs.append((s, y, sy))
        point = moved
