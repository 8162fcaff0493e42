"""Times of ratings: numbers, dates and times of any kind, or text, as numbers that are compared."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from numbers import Integral, Number
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed._base.message import Message, Parameter
from movieembed.exceptions import ParameterError

if TYPE_CHECKING:
    import narwhals.stable.v1 as nw

# Seconds since 1970 are less than that until the year 5138; then it is thousandths, and so on.
_STEP, _SECONDS_BELOW = 1000, 1e11
_MICROSECONDS = 1_000_000
# Half-lives after which a like weighs no less: zeros would be no likes any more.
MOST_HALF_LIVES = 40
# What pandas takes for numbers though it is none, or none of a known unit.
_NO_TIMES = (bool, np.bool_, timedelta, np.timedelta64, pd.Period)


@dataclass(frozen=True)
class Times:
    """Times as numbers.

    Attributes
    ----------
    values : ndarray of int64 or float64
    per_second : int
        How many of their unit make a second, should they count from 1970.
    numbers : bool
        Whether they came as numbers.
    """

    values: NDArray[Any]
    per_second: int
    numbers: bool

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers."""
        return int(self.values.nbytes)

    @property
    def newest(self) -> Times:
        """The newest alone, or none."""
        return replace(self, values=np.sort(self.values)[-1:])

    def at(self, given: Any, parameter: str) -> float:
        """Return a time that was given, in the unit of these; ParameterError if it is none.

        Text is a number where these are numbers. Else it is a date if it can be: "2020" is a year.
        """
        given = _alone(given)
        number = _as_number(given)
        if isinstance(given, str) and not self.numbers:
            with contextlib.suppress(ValueError, TypeError, OverflowError):
                return float(_as_utc(pd.Series([given]), strictly=True)[0])
        try:
            if number is None:
                return int(_as_utc(pd.Series([given]))[0]) * self.per_second / _MICROSECONDS
        except (ValueError, TypeError, OverflowError):
            number = float("nan")
        if number != number:
            what = "{given} is neither a number nor a date or time"
            raise ParameterError(_about(what, parameter, given), parameter)
        return number if self.numbers else number * self.per_second

    def named(self, when: Any, beside: Any) -> str:
        """Say one of these times, as a date where it stands beside one or was one."""
        if not self.numbers or (beside is not None and _as_number(beside) is None):
            with contextlib.suppress(ValueError, OverflowError):
                micros = int(when) * _MICROSECONDS // self.per_second
                return str(np.datetime64(micros, "us").astype("M8[s]")).replace("T", " ")
        return str(int(when) if float(when).is_integer() else when)

    def span(self, given: Any, parameter: str) -> float:
        """Return a length of time that was given, in the unit of these, above 0."""
        given = _alone(given)
        number = _as_number(given)
        if number is None:
            if isinstance(given, str):
                given = re.sub(r"^\s*([0-9.]+)\s*[dD]\s*$", r"\1 days", given)
            try:
                number = pd.Timedelta(given).total_seconds()
            except (ValueError, TypeError, OverflowError):
                number = float("nan")
            number *= self.per_second
        elif not self.numbers:
            number *= self.per_second
        if not 0 < number < np.inf:
            what = "{given} is no length of time above 0, such as 180 days or a number of the "
            what += "ratings' times"
            raise ParameterError(_about(what, parameter, given), parameter)
        return number


def times_of(column: nw.Series[Any], label: Hashable) -> Times:
    """Read a column of times without missing ones.

    Text is read as ISO 8601 has it, or else in one form throughout, month before day; without a
    zone it is in UTC.

    Raises
    ------
    ParameterError
        If a value is missing, infinite or none of those, or numbers stand among dates.
    """
    found = column.to_pandas()
    mixed = found.dtype.kind == "O" and pd.api.types.infer_dtype(found) != "string"
    kinds = set(map(type, found)) if mixed else set()
    if found.dtype.kind in "bm" or any(issubclass(kind, _NO_TIMES) for kind in kinds):
        raise _no_times(found, label)
    if not pd.api.types.is_numeric_dtype(found.dtype):
        with contextlib.suppress(ValueError, TypeError):
            found = pd.to_numeric(found) if found.dtype.kind != "M" else found
    if found.isna().any():
        what = "{timestamp}: column {label!r} has no time in {n} of {rows} rows"
        facts = {"label": label, "n": int(found.isna().sum()), "rows": len(found)}
        raise ParameterError(Message(what, **facts), "timestamp")
    if pd.api.types.is_numeric_dtype(found.dtype):
        values = found.to_numpy()
        whole = values.dtype.kind in "iu" and (not len(values) or values.max() < 2**63)
        values = values.astype(np.int64 if whole else np.float64)
        if not np.isfinite(values).all():
            what = "{timestamp}: column {label!r} has an infinite time in row {row}"
            row = int(np.argmin(np.isfinite(values)))
            raise ParameterError(Message(what, label=label, row=row), "timestamp")
        highest, per_second = float(np.abs(values.astype(np.float64)).max(initial=0)), 1
        while highest >= _SECONDS_BELOW * per_second and per_second < _STEP**3:
            per_second *= _STEP
        return Times(values, per_second, True)
    if any(issubclass(kind, Number) for kind in kinds):  # pandas takes them for nanoseconds
        raise _mixed(f"column {label!r}", "rows")
    try:
        return Times(_as_utc(found), _MICROSECONDS, False)
    except (ValueError, TypeError, OverflowError):
        raise _no_times(found, label) from None


def newest_of_all(parts: Sequence[Times]) -> Times:
    """Return the newest of times of one column that were read in parts.

    Raises
    ------
    ParameterError
        If some are numbers and others dates.
    """
    there = [part for part in parts if len(part.values)] or list(parts[:1])
    if len({part.numbers for part in there}) > 1:
        raise _mixed("the column", "parts")
    unit = max(part.per_second for part in there)
    return Times(np.concatenate([part.values for part in there]), unit, there[0].numbers).newest


def weights_of(times: Times, half_life: float, newest: Times | None = None) -> NDArray[np.float32]:
    """Return ``2^(-age / half_life)``, the age that before the newest, by default of these."""
    if not len(times.values):
        return np.empty(0, dtype=np.float32)
    ages = (times if newest is None else newest).values.max() - times.values
    if ages.dtype.kind == "i":
        ages = ages.view(np.uint64)  # so that those over 2^63 are right too
    weights: NDArray[np.float32] = np.exp2(-np.minimum(ages / half_life, MOST_HALF_LIVES)).astype(
        np.float32
    )
    return weights


def _as_utc(found: pd.Series[Any], *, strictly: bool = False) -> NDArray[Any]:
    """Return microseconds since 1970; ValueError or TypeError if one is no time."""
    try:
        when = pd.to_datetime(found, utc=True, format="ISO8601")
    except (ValueError, TypeError):
        if strictly:
            raise
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that each value is read by itself
            when = pd.to_datetime(found, utc=True)
    if when.isna().any():
        raise ValueError("a time is missing")
    micros: NDArray[Any] = when.astype("datetime64[us, UTC]").astype("int64").to_numpy()
    return micros


def _no_times(found: pd.Series[Any], label: Hashable) -> ParameterError:
    what = "{timestamp}: column {label!r} holds no dates, times or numbers, such as {one!r}"
    values = found.tolist()
    one = next(
        (value for value in values if isinstance(value, _NO_TIMES)), next(iter(values), None)
    )
    return ParameterError(Message(what, label=label, one=one), "timestamp")


def _mixed(column: str, parts: str) -> ParameterError:
    what = "{timestamp}: {column} holds numbers in some {parts} and dates in others"
    return ParameterError(Message(what, column=column, parts=parts), "timestamp")


def _alone(given: Any) -> Any:
    """Return what an array without dimensions holds, its unit kept; all else as it is."""
    return given[()] if isinstance(given, np.ndarray) and given.ndim == 0 else given


def _as_number(given: Any) -> float | None:
    """Return what was given as a number; None of what is none, such as a date of NumPy's."""
    # To float() the last three are numbers of their own units.
    if isinstance(given, bool | np.bool_ | timedelta | np.timedelta64 | np.datetime64):
        return None
    try:
        return int(given) if isinstance(given, Integral) else float(given)
    except (ValueError, TypeError, OverflowError):
        return None


def _about(what: str, parameter: str, given: Any) -> Message:
    return Message(what, given=Parameter(parameter, given))
