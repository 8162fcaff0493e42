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
from movieembed.solvers.point import Iterate, Step

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


def least_squares(op: Operator, point: Iterate) -> Iterator[Step]:
    """Yield the embeddings that follow a point; the point itself is not among them."""
    point = point.with_gradient(op)
    towards = least_squares_step(op, point)
    direction = towards
    while True:
        moved = point.exact_step(op, direction)
        yield moved.as_step()
        next_towards = least_squares_step(op, moved)
        # Polak-Ribiere: beta = <g, z - z_old> / <g_old, z_old>, and a restart when it is negative.
        change = float(op.row_dots(moved.gradient, next_towards - towards).sum())
        before = float(op.row_dots(point.gradient, towards).sum())
        beta = max(0.0, change / before) if before else 0.0
        direction = next_towards + op.dtype.type(beta) * direction
        point, towards = moved, next_towards


def least_squares_step(op: Operator, point: Iterate) -> Tall:
    """The move of every row to its least-squares solution, the others held.

    That is -(G - v_i v_i')^-1 g_i / 4, g_i the gradient's row. With Z = V G^-1 and Y = g G^-1,
    Sherman and Morrison give -(y_i + z_i (v_i . y_i) / (1 - v_i . z_i)) / 4. A little ridge on G
    stands for the pseudo-inverse where an item alone spans a direction; it turns the step but
    leaves its zeros where they are.
    """
    d = len(point.G)
    eps = float(np.finfo(op.dtype).eps)
    ridge = RIDGE * eps**0.5 * float(np.trace(point.G)) / d
    inverse = np.linalg.inv(point.G + max(ridge, 1e-300) * np.eye(d))
    Z = op.matmul(point.V, inverse)
    Y = op.matmul(point.gradient, inverse)
    rest = 1 - op.row_dots(point.V, Z)
    rest[rest < 4 * eps] = 4 * eps
    return (Y + op.scale_rows(op.row_dots(point.V, Y) / rest, Z)) * op.dtype.type(-0.25)
