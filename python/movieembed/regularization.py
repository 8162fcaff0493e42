"""How much to regularise a linear recommender: the least leave-one-out error, from a few users."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from movieembed.backends.base import Operator, Tall
from movieembed.precision import PrecisionForm, Preconditioner, refine

__all__ = ["choose_regularization"]

# On MovieLens small 32 users place the minimum where all 597 do, within a factor of two, over which
# recall is flat.
SAMPLE = 32
# Tried, in units of the mean number of likes of a user.
MULTIPLES = (1.0, 4.0, 16.0)
# Of conjugate gradients. The embedding's own P gives a user's leverage too high at small d.
STEPS = 2


def choose_regularization(op: Operator, V: Tall, squares: NDArray[np.float64]) -> float:
    """The lambda with the least error where each of some users is predicted without themselves.

    The regressions of each item on all others that EASE solves have, for a user's row x, the
    residual (P x)_j / P_jj, and it becomes the residual of a fit without that user on division by
    1 - h, with the leverage h = x' P x (Allen's PRESS, 1974). The sum of its squares is minimised
    over lambda: at four values, and between them by the parabola in log lambda.

    Parameters
    ----------
    op : Operator
    V : Tall, shape (op.n_items, n_components)
    squares : ndarray, shape (op.n_items,)
        The diagonal of L'L.

    Returns
    -------
    float
        At least the smallest and at most the largest that were tried: half to 32 times the mean
        squared length of a user's row.

    Notes
    -----
    Eight passes over the likes with 32 columns.
    """
    unit = float(op.diagonal.sum(dtype=np.float64)) / op.n_users
    X = op.asarray(op.some_users(SAMPLE))
    tried = unit * np.array(MULTIPLES)
    errors = np.array([_error(op, V, squares, float(value), X) for value in tried])
    return float(np.exp(_lowest(np.log(tried), np.log(errors))))


def _error(op: Operator, V: Tall, squares: NDArray[np.float64], value: float, X: Tall) -> float:
    form = PrecisionForm(op.to_host(V), squares, value)
    P = Preconditioner(op, form, np.arange(op.n_items))
    Y = refine(op, P, squares, value, X, STEPS)
    leverage = np.clip(op.column_dots(X, Y), 0, 1 - 1e-6)
    residuals = op.scale_rows(1 / form.diagonal, Y)
    return float((op.column_dots(residuals, residuals) / (1 - leverage) ** 2).sum())


def _lowest(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """The minimum of the parabola through the lowest point and its neighbours."""
    i = int(np.argmin(y))
    if i in (0, len(x) - 1):
        return float(x[i])
    a, b, _ = np.polyfit(x[i - 1 : i + 2] - x[i], y[i - 1 : i + 2], 2)
    return float(x[i] - b / (2 * a))
