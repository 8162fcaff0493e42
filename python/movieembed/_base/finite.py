"""No NaN and no infinity leaves as a result."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])


def silent_overflow(function: Function) -> Function:
    """Keep NumPy from warning of overflow on the way to a result that is checked."""

    @wraps(function)
    def silent(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return function(*args, **kwargs)

    return cast(Function, silent)


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
    wrong = ~np.isfinite(cast(Any, result))
    if missing is not None:
        wrong &= ~missing
    if wrong.any():
        kind = np.asarray(result).dtype
        raise ValueError(f"{what} would lie beyond {kind}{advice or SCALE}")
    return result


SCALE = ": scale the weights and the vectors so that the largest are about 1"
