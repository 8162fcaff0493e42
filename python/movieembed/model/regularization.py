"""How much to regularise a linear recommender: the least leave-one-out error, from a few users."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from movieembed.model.precision import PrecisionForm, Preconditioner, refine
from movieembed.operators.protocol import Operator, Tall

# On MovieLens small 32 users place the minimum where all 597 do, within a factor of two, over which
# recall is flat.
SAMPLE = 16
# Tried, in units of the mean number of likes of a user.
MULTIPLES = (1.0, 4.0, 16.0)
# Of conjugate gradients. The embedding's own P gives a user's leverage too high at small d.
STEPS = 2


def choose_regularization(op: Operator, V: NDArray[Any], squares: NDArray[np.float64]) -> float:
    """The lambda with the least error where each of some users is predicted without themselves.

    The regressions of each item on all others that EASE solves have, for a user's row x, the
    residual (P x)_j / P_jj, and it becomes the residual of a fit without that user on division by
    1 - h, with the leverage h = x' P x (Allen's PRESS, 1974). The sum of its squares is minimised
    over lambda: at three values, and between them by the parabola in log lambda.

    Parameters
    ----------
    op : Operator
    V : ndarray, shape (op.n_items, n_components)
    squares : ndarray, shape (op.n_items,)
        The diagonal of L'L.

    Returns
    -------
    float
        Within what was tried: one to 16 times the mean
        squared length of a user's row.

    Notes
    -----
    Three passes over the likes with 48 columns.
    """
    unit = float(op.diagonal.sum(dtype=np.float64)) / op.n_users
    tried = unit * np.array(MULTIPLES)
    X = op.asarray(op.some_users(SAMPLE))
    count = X.shape[1]
    forms = [PrecisionForm(V, squares, float(value)) for value in tried]
    # Side by side the values share the passes over the likes.
    Y = refine(
        op,
        Stacked([Preconditioner(op, form, np.arange(op.n_items)) for form in forms], count),
        squares,
        np.repeat(tried, count),
        op.hstack([X] * len(forms)),
        STEPS,
    )
    errors = []
    for i, form in enumerate(forms):
        own = Y[:, i * count : (i + 1) * count]
        leverage = np.clip(op.column_dots(X, own), 0, 1 - 1e-6)
        residuals = op.scale_rows(1 / form.diagonal, own)
        squared = op.column_dots(residuals, residuals)
        errors.append(float((squared / (1 - leverage) ** 2).sum()))
    return float(np.exp(_lowest(np.log(tried), np.log(errors))))


class Stacked:
    """A preconditioner for each group of `count` columns."""

    def __init__(self, parts: list[Preconditioner], count: int) -> None:
        self.parts = parts
        self.count = count

    def __matmul__(self, R: Tall) -> Tall:
        groups = range(0, R.shape[1], self.count)
        products = [
            part @ R[:, first : first + self.count]
            for part, first in zip(self.parts, groups, strict=True)
        ]
        return self.parts[0].op.hstack(products)


def _lowest(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """The minimum of the parabola through the lowest point and its neighbours."""
    i = int(np.argmin(y))
    if i in (0, len(x) - 1):
        return float(x[i])
    a, b, _ = np.polyfit(x[i - 1 : i + 2] - x[i], y[i - 1 : i + 2], 2)
    return float(x[i] - b / (2 * a))
