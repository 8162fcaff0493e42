"""The exact line search: along V + t D the cost is a quartic in t."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from movieembed.operators.protocol import Small

# Part of its terms below which the t^4 coefficient has no digits left.
CANCELLED = 1e-11


def quartic(
    *, A: Small, B: Small, C: Small, n: Any, m: Any, q: Any, slope: float, dxd: float, cost: float
) -> NDArray[np.float64]:
    """Coefficients of c(V + tD), from t^0 to t^4.

    With E(t) = (V + tD)(V + tD)' the cost is |E|_F^2 - 2 <E, X> + |X|_F^2 - sum_i E_ii^2, and each
    term is a polynomial whose coefficients are traces of d x d products and sums over the rows.

    Parameters
    ----------
    A, B, C : ndarray, shape (d, d)
        V'V, V'D and D'D.
    n, m, q : ndarray, shape (n_items,)
        Row-wise v.v, v.d and d.d.
    slope : float
        <gradient, D>. It is passed, not formed from the traces, because near the optimum it is a
        small difference of large ones.
    dxd : float
        <D, XD>.
    cost : float
        c(V).

    Returns
    -------
    ndarray of float64, shape (5,)
    """
    c2 = (
        2 * (np.vdot(A, C) + np.vdot(B, B.T) + np.vdot(B, B))
        - 2 * dxd
        - float(4 * (m @ m) + 2 * (n @ q))
    )
    c3 = 4 * float(np.vdot(B, C) - m @ q)
    c4 = float(np.vdot(C, C) - q @ q)
    # c4 is a sum of squares over i != j. Where one row makes up nearly all of D it cancels, c3 with
    # it, and what is left of them would send the minimum anywhere.
    if c4 <= CANCELLED * np.vdot(C, C):
        c3 = c4 = 0.0
    return np.array([cost, slope, c2, c3, c4], dtype=np.float64)


def minimise_quartic(coefficients: NDArray[np.float64]) -> float:
    """The t of the global minimum of a cost along a line, 0 where none is below c(0).

    Parameters
    ----------
    coefficients : ndarray, shape (5,)
        From t^0 to t^4. The polynomial is a cost: where it falls below 0 by more than c(0) it is
        rounding, and so it is where it has no minimum.

    Returns
    -------
    float
    """
    if not np.isfinite(coefficients).all():
        return 0.0
    slope = np.polynomial.Polynomial(coefficients).deriv()
    roots = slope.roots()
    real = roots[np.abs(roots.imag) <= 1e-6 * np.abs(roots)].real
    # Changes alone are compared: beside c(0) they may have no digits left.
    changes = np.polynomial.Polynomial([0.0, *coefficients[1:]])(real)
    possible = (changes < 0) & (changes >= -2 * np.abs(coefficients[0]))
    if not possible.any():
        return 0.0
    return float(real[possible][np.argmin(changes[possible])])
