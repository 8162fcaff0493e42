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

from movieembed.backends.base import Operator, Tall
from movieembed.solvers.iterate import Iterate
from movieembed.solvers.step import Step


def als(op: Operator, V0: Tall) -> Iterator[Step]:
    """Yield embeddings of falling cost from V0, shape (n_items, d).

    Notes
    -----
    An iteration costs 4 nnz d flops in sparse products and about 12 n_items d^2 in dense ones.
    """
    point = Iterate.at(op, V0)
    yield point.as_step()
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

    With Z = V G^-1 and W = XV G^-1, Sherman and Morrison give
    (G - v_i v_i')^-1 (XV)_i = w_i + z_i (v_i . w_i) / (1 - v_i . z_i).
    """
    inverse = np.linalg.pinv(point.G, rcond=1e-14, hermitian=True).astype(np.float64)
    Z = op.matmul(point.V, inverse)
    W = op.matmul(point.XV, inverse)
    # 1 - v_i . z_i is 0 where item i alone spans a direction; its row then has no unique solution.
    rest = 1 - op.row_dots(point.V, Z)
    rest[rest < 1e-9] = np.inf
    return W + op.scale_rows(op.row_dots(point.V, W) / rest, Z) - point.V
