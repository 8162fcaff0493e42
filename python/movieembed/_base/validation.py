"""Numbers that a caller gave."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np


def check_real(
    value: Any, name: str, *, low: float, high: float = np.inf, open_low: bool = False
) -> float:
    """A finite number in [low, high], or above low."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, not {value!r}")
    number = float(value)
    if not low <= number <= high or number == np.inf or (open_low and number == low):
        interval = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if high == np.inf else ']'}"
        raise ValueError(f"{name} must be in {interval}, not {value}")
    return number


def check_integer(value: Any, name: str, *, low: int = 0) -> int:
    """An integer from `low` on."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < low:
        raise ValueError(f"{name} must be at least {low}, not {value}")
    return int(value)
