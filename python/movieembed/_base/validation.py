"""Checks of what a caller gave, and errors that carry the parameter's name.

What a parameter may be is stated as data, one alternative after the other:

    CONSTRAINTS = {
        "n_components": [Interval(Integral, 1)],
        "learning_rate": [Interval(Real, 0, closed="neither"), OneOf("exact")],
        "checkpoint": [InstanceOf(str, os.PathLike, name="a path"), None],
        "keep_likes": [bool],
        "callback": [callable, None],
    }
    check_parameters(CONSTRAINTS, vars(model))

A value of a wrong kind raises ParameterTypeError, one of the right kind that is not allowed raises
ParameterError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from movieembed.exceptions import ParameterError, ParameterTypeError


@dataclass(frozen=True)
class Interval:
    """Finite numbers between two bounds; True and False are no numbers.

    Parameters
    ----------
    kind : {Integral, Real}
        Of the module ``numbers``.
    low, high : float
        The bounds.
    closed : {"both", "left", "right", "neither"}, default="both"
        Which bounds are allowed themselves.
    """

    kind: type
    low: float = -np.inf
    high: float = np.inf
    closed: Literal["both", "left", "right", "neither"] = "both"

    @property
    def name(self) -> str:
        """What a value must be."""
        return "an integer" if self.kind is Integral else "a number"

    def is_kind(self, value: Any) -> bool:
        """Whether a value is a number, allowed or not."""
        return isinstance(value, self.kind) and not isinstance(value, bool | np.bool_)

    def allows(self, value: Any) -> bool:
        """Whether a value is a number within the bounds."""
        return self.is_kind(value) and bool(
            -np.inf < value < np.inf
            and (self.low <= value if self.closed in ("both", "left") else self.low < value)
            and (value <= self.high if self.closed in ("both", "right") else value < self.high)
        )

    @property
    def limits(self) -> str:
        """Where a number must be."""
        if np.isinf(self.high) and np.isinf(self.low):
            return "finite"
        if np.isinf(self.high) and self.kind is Integral:
            return f"at least {self.low:g}"
        left = "[" if self.closed in ("both", "left") else "("
        right = "]" if self.closed in ("both", "right") and self.high < np.inf else ")"
        return f"in {left}{self.low:g}, {self.high:g}{right}"


class OneOf:
    """Certain strings or types, such as NumPy's.

    Parameters
    ----------
    *options : str or type
        What is allowed.
    name : str, optional
        For messages, in the place of a list of the options.
    """

    def __init__(self, *options: str | type, name: str = "") -> None:
        self.options = options
        listed = ", ".join(map(repr, options))
        self.name = name or (listed if len(options) == 1 else f"one of {listed}")

    def allows(self, value: Any) -> bool:
        """Whether a value is one of the options."""
        # An array would be compared entry by entry.
        return isinstance(value, str | type | np.dtype) and value in self.options


class InstanceOf:
    """Objects of certain types.

    Parameters
    ----------
    *types : type
        What is allowed.
    name : str
        For messages.
    """

    def __init__(self, *types: type, name: str) -> None:
        self.types = types
        self.name = name

    def allows(self, value: Any) -> bool:
        """Whether a value is of one of the types."""
        return isinstance(value, self.types)


# `bool` stands for true or false, `callable` for what can be called.
Constraint = Interval | OneOf | InstanceOf | type[bool] | Callable[[object], bool] | None


def check_parameters(
    constraints: Mapping[str, Sequence[Constraint]], values: Mapping[str, Any]
) -> None:
    """Check the values of all parameters that have constraints, in their order.

    Parameters
    ----------
    constraints : mapping of str to sequence
        For each name what a value may be: `check_parameter`'s `allowed`.
    values : mapping of str to object
        A value for each name in `constraints`; others are not looked at.

    Raises
    ------
    ParameterTypeError, ParameterError
        For the first value that is not allowed.
    """
    for name, allowed in constraints.items():
        check_parameter(values[name], name, *allowed)


def check_parameter(value: Any, name: str, *allowed: Constraint) -> None:
    """Check the value of one parameter.

    Parameters
    ----------
    value : object
        What the caller gave.
    name : str
        The parameter's name.
    *allowed : Interval, OneOf, InstanceOf, ``bool``, ``callable`` or None
        What the value may be: one of these.

    Raises
    ------
    ParameterTypeError
        If the value is of no kind that is allowed.
    ParameterError
        If it is of such a kind, a string where strings are allowed, or anything where nothing but
        certain options is.
    """
    if any(_allows(one, value) for one in allowed):
        return
    for one in allowed:
        if isinstance(one, Interval) and one.is_kind(value):
            raise ParameterError(f"{name} must be {one.limits}, not {value}", name)
    named = [_name(one) for one in allowed]
    wanted = " or ".join([", ".join(named[:-1]), named[-1]] if named[1:] else named)
    options = [isinstance(one, OneOf) for one in allowed if one is not None]
    if all(options):
        raise ParameterError(f"{name} must be {wanted}, got {value!r}", name)
    error = ParameterError if any(options) and isinstance(value, str) else ParameterTypeError
    raise error(f"{name} must be {wanted}, not {value!r}", name)


def _allows(constraint: Constraint, value: Any) -> bool:
    if constraint is None:
        return value is None
    if constraint is bool:
        return isinstance(value, bool | np.bool_)
    if isinstance(constraint, Interval | OneOf | InstanceOf):
        return constraint.allows(value)
    return bool(constraint(value))


def _name(constraint: Constraint) -> str:
    if isinstance(constraint, Interval | OneOf | InstanceOf):
        return constraint.name
    return "true or false" if constraint is bool else "None" if constraint is None else "callable"


def check_count(value: Any, name: str, *, low: int = 1) -> int:
    """Return an integer from `low` on."""
    check_parameter(value, name, Interval(Integral, low))
    return int(value)


def check_integer(value: Any, name: str) -> int:
    """Return an integer from 0 on."""
    return check_count(value, name, low=0)


def check_real(
    value: Any, name: str, *, low: float, high: float = np.inf, open_low: bool = False
) -> float:
    """Return a finite number in [low, high], or above low, as a float."""
    check_parameter(value, name, Interval(Real, low, high, "right" if open_low else "both"))
    return float(value)


def check_threshold(threshold: Any, name: str = "threshold") -> float | None:
    """Return a threshold of ratings, a finite number or None, as a float or None."""
    check_parameter(threshold, name, Interval(Real), None)
    return None if threshold is None else float(threshold)


def check_embedding(V: Any, n_items: int, name: str = "V") -> NDArray[Any]:
    """Return a finite C-contiguous float32 or float64 array with one row an item."""

    def refuse(what: str) -> NoReturn:
        raise ParameterError(f"{name} {what}", name)

    if np.ma.is_masked(V):
        refuse("has masked entries")
    array: NDArray[Any] = np.asarray(V)
    if array.dtype.kind not in "fiu" or array.dtype.itemsize > 8:
        raise ParameterTypeError(
            f"{name} must be an array of real numbers, not {array.dtype}", name
        )
    if array.ndim != 2:
        refuse(f"must have two dimensions (items x components), not {array.ndim}")
    if len(array) != n_items:
        hint = f"; it looks transposed: one row an item is expected, pass {name}.T"
        refuse(
            f"has {len(array)} rows for {n_items} items{hint if array.shape[1] == n_items else ''}"
        )
    dtype = np.float32 if array.dtype == np.float32 else np.float64
    array = np.require(array, dtype=dtype, requirements=["C", "A"])
    if not np.isfinite(array).all():
        refuse("holds NaN or infinity")
    return array


def as_generator(random_state: Any) -> np.random.Generator:
    """Return a Generator of random numbers from an int, None, a Generator or a RandomState."""
    check_parameter(
        random_state,
        "random_state",
        Interval(Integral, 0),
        InstanceOf(np.random.Generator, name="a Generator"),
        InstanceOf(np.random.RandomState, name="a RandomState"),
        None,
    )
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**31, size=4))
    return np.random.default_rng(random_state)
