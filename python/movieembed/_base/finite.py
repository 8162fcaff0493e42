"""No NaN and no infinity leaves as a result."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


def check_finite(result: T, what: str, advice: str = "", missing: Any = None) -> T:
    """Return a result, or raise where it has left the range of its numbers.

    Parameters
    ----------
    result : float or ndarray
    what : str
        What it is, to begin a sentence with.
    advice : str
        What to do, to end the sentence with.
    missing : ndarray of bool, optional
        Where the result holds -inf for want of an answer.

    Raises
    ------
    ValueError
        When it holds NaN or infinity.
    """
    wrong = ~np.isfinite(result)
    if missing is not None:
        wrong &= ~missing
    if wrong.any():
        kind = np.asarray(result).dtype
        raise ValueError(f"{what} cannot be given: it leaves the range of {kind}{advice or SCALE}")
    return result


SCALE = ". Scale the weights and the vectors so that the largest are about 1"
