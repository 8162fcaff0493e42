"""Alternating least squares: given the others, each row of V has a closed form.

Row i of the optimum, the rest held, is v_i = (G - v_i v_i')^-1 (XV)_i. All rows are solved at once
from the same V, so an iteration is one pass over the likes and a few dense products on any backend.
Taken alone that overshoots, for each row answers for the others' moves too; so the step to it is a
direction, whose length is exact. Directions are combined as nonlinear conjugate gradients with the
least-squares step as the preconditioner (De Sterck & Winlaw, Numer. Linear Algebra Appl. 2015).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from movieembed.operators.protocol import Operator, Tall
from movieembed.solvers.point import Iterate, Step, dot, plus

# Of the ridge, in units of the square root of the rounding error and of G's mean eigenvalue.
RIDGE = 1e-2


def als(op: Operator, V0: Tall) -> Iterator[Step]:
    """Yield embeddings of falling cost from V0, shape (n_items, d).

    Notes
    -----
    An iteration costs 4 nnz d flops in sparse products and about 12 n_items d^2 in dense ones.
    """
    point = Iterate.at(op, V0)
    yield point.as_step()
    yield from least_squares(op, point)


def going_on(op: Operator, point: Iterate) -> Iterator[Step]:
    """Least squares from a point of an eigenvalue solver, which looks beyond V's columns."""
    for step in least_squares(op, point):
        yield step._replace(missed=0.0, uneven=True)


def least_squares(op: Operator, point: Iterate) -> Iterator[Step]:
    """Yield the embeddings that follow a point; the point itself is not among them."""
    point = point.with_gradient(op)
    towards = least_squares_step(op, point, op.empty(len(point.G)))
    direction = towards.copy()
    spare = None, None
    while True:
        moved = point.exact_step(op, direction, spare)
        yield moved.as_step()
        before, change = dot(op, point.gradient, towards), -dot(op, moved.gradient, towards)
        towards = least_squares_step(op, moved, point.gradient, towards)
        # Polak-Ribiere: beta = <g, z - z_old> / <g_old, z_old>, and a restart when it is negative.
        change += dot(op, moved.gradient, towards)
        beta = max(0.0, change / before) if before else 0.0
        direction = plus(op, towards, beta, direction, out=direction)
        spare, point = (point.XV, point.gradient), moved


def least_squares_step(op: Operator, point: Iterate, spare: Tall, out: Tall | None = None) -> Tall:
    """The move of every row to its least-squares solution, the others held.

    That is -(G - v_i v_i')^-1 g_i / 4, g_i the gradient's row. With Z = V G^-1 Sherman and Morrison
    give -(g_i + v_i (z_i . g_i) / (1 - v_i . z_i))' G^-1 / 4. A little ridge on G stands for the
    pseudo-inverse where an item alone spans a direction; it turns the step but leaves its zeros
    where they are. `spare` is written to.
    """
    d = len(point.G)
    eps = float(np.finfo(op.dtype).eps)
    ridge = RIDGE * eps**0.5 * float(np.trace(point.G)) / d
    inverse = np.linalg.inv(point.G + max(ridge, 1e-300) * np.eye(d))
    Z = op.matmul(point.V, inverse, out=spare)
    rest = 1 - op.row_dots(point.V, Z)
    rest[rest < 4 * eps] = 4 * eps
    along = op.row_dots(Z, point.gradient) / rest
    right = op.residual(point.V, point.gradient, along, np.zeros(d), out=Z)
    return op.matmul(right, inverse / -4, out=out)
