"""L-BFGS with the exact line search (Nocedal, Math. Comp. 1980).

Libraries' L-BFGS search the line by trial evaluations; here one pass over the likes gives the whole
line, which is why the two-loop recursion is written out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Literal

from movieembed.operators.protocol import Operator, Tall
from movieembed.solvers.point import Iterate
from movieembed.solvers.step import Step


def lbfgs(
    op: Operator, V0: Tall, learning_rate: float | Literal["exact"], memory: int = 10
) -> Iterator[Step]:
    """Yield steps along -H g, H the inverse Hessian that the last `memory` steps suggest."""
    number = op.dtype.type

    def dot(A: Tall, B: Tall) -> float:
        return float(op.row_dots(A, B).sum())

    point = Iterate.at(op, V0)
    yield point.as_step()
    pairs: deque[tuple[Tall, Tall, float]] = deque(maxlen=memory)
    while True:
        direction = -point.gradient
        weights = []
        for s, y, sy in reversed(pairs):
            a = dot(s, direction) / sy
            weights.append(a)
            direction = direction - number(a) * y
        if pairs:
            _, y, sy = pairs[-1]
            direction = direction * number(sy / dot(y, y))
        for (s, y, sy), a in zip(pairs, reversed(weights), strict=True):
            direction = direction + number(a - dot(y, direction) / sy) * s
        moved = point.step(op, direction, learning_rate)
        yield moved.as_step()
        s, y = moved.V - point.V, moved.gradient - point.gradient
        sy = dot(s, y)
        if sy > 0:  # otherwise the curvature along the step says nothing of a minimum
            pairs.append((s, y, sy))
        point = moved
