"""Numbers that a caller gave."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray


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


def check_count(value: Any, name: str) -> int:
    """A positive integer."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}")
    return int(value)


def check_option(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def check_threshold(threshold: object) -> float:
    if isinstance(threshold, bool | np.bool_) or not isinstance(threshold, Real):
        raise TypeError(f"threshold must be a number or None, got {threshold!r}")
    if not math.isfinite(threshold):
        raise ValueError(f"threshold must be finite, got {threshold!r}")
    return float(threshold)


def check_embedding(V: NDArray[Any], n_items: int, name: str = "V") -> NDArray[Any]:
    """A finite C-contiguous float32 or float64 array with one row an item."""
    V = np.asarray(V)
    if V.dtype.kind not in "fiu" or V.dtype.itemsize > 8:
        raise TypeError(f"{name} must be an array of real numbers, not {V.dtype}")
    if V.ndim != 2:
        raise ValueError(f"{name} must have two dimensions (items x components), not {V.ndim}")
    if len(V) != n_items:
        hint = ""
        if V.shape[1] == n_items:
            hint = f"; it looks transposed: one row an item is expected, pass {name}.T"
        raise ValueError(f"{name} has {len(V)} rows for {n_items} items{hint}")
    V = np.require(
        V, dtype=V.dtype if V.dtype == np.float32 else np.float64, requirements=["C", "A"]
    )
    if not np.isfinite(V).all():
        raise ValueError(f"{name} holds NaN or infinity")
    return V


def as_generator(random_state: Any) -> np.random.Generator:
    """A Generator from an int, None, a Generator or a RandomState."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**31, size=4))
    if random_state is not None and not isinstance(random_state, np.random.Generator):
        wanted = "an integer from 0, a Generator, a RandomState or None"
        if isinstance(random_state, bool) or not isinstance(random_state, Integral):
            raise TypeError(f"random_state must be {wanted}, not {random_state!r}")
        if random_state < 0:
            raise ValueError(f"random_state must be {wanted}, not {random_state}")
    return np.random.default_rng(random_state)
