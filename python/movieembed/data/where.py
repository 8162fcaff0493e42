"""Rows of a table by conditions that were typed, such as ``year >= 1990``; nothing is evaluated."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed._base.message import Message, Parameter
from movieembed.exceptions import ParameterError

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
HAS = "has"
# Values of a column that no row is left of.
SHOWN = 5
TRUTH = {"true": True, "false": False, "1": True, "0": False}
_QUOTED = r"\"[^\"]*\"|'[^']*'|`[^`]*`"
_CONDITION = re.compile(
    rf"\s*(?P<column>{_QUOTED}|[^=!<>\"'`]+?)\s*(?P<sign>[=!<>]=|[<>]|=|\bhas\b)\s*"
    rf"(?P<value>{_QUOTED}|[^=!<>\"'`]+?)\s*(?P<more>\band\b|$)"
)
_SEPARATORS = re.compile(r"\s*[|,;]\s*")


def rows_where(table: pd.DataFrame, text: str, what: str = "the table") -> NDArray[np.bool_]:
    """Return which rows of a table meet a condition, or several with ``and`` between them.

    Parameters
    ----------
    table : DataFrame
    text : str
        A column, one of == (or =), !=, >=, <=, >, < and has, and a value. ``has`` finds a word of a
        list in text, as ``genres has Comedy`` does in "Action|Comedy", in any case. Names and
        values with signs, quotes or the word "and" stand in quotes.
    what : str
        What the table is called in an error.

    Returns
    -------
    ndarray of bool
        A row without a value meets no condition.

    Raises
    ------
    ParameterError
        When the text is no such condition, there is no such column, or a column of numbers, dates
        or booleans is compared with something else. Its `parameter` is "where".

    Examples
    --------
    >>> import pandas as pd
    >>> from movieembed.data.where import rows_where
    >>> films = pd.DataFrame({"genres": ["Action|Comedy", "Drama"], "year": [1995, 1960]})
    >>> rows_where(films, "genres has comedy and year >= 1990").tolist()
    [True, False]
    """
    kept = np.ones(len(table), dtype=bool)
    for column, sign, value in conditions(text):
        label = _label(table, column, what)
        values = table[label]
        if isinstance(values, pd.DataFrame):
            raise _wrong(f"{what} has several columns called {label!r}")
        kept &= _met(values, sign, value)
    return kept


def rows_left(table: pd.DataFrame, texts: Sequence[str]) -> pd.DataFrame:
    """Return the rows that meet all of some conditions, numbered anew.

    Raises
    ------
    ParameterError
        As `rows_where`, and when no row is left.
    """
    for text in texts:
        left = table[rows_where(table, text)]
        if len(table) and not len(left):
            label = _label(table, conditions(text)[-1][0], "the table")
            common = ", ".join(map(repr, table[label].value_counts().index[:SHOWN].tolist()))
            where = Parameter("where", text, text)
            what = "no row has {where}; column {label!r} holds {common}"
            message = Message(what, where=where, label=label, common=common)
            raise ParameterError(message, "where")
        table = left
    return table.reset_index(drop=True) if texts else table


def conditions(text: str) -> list[tuple[str, str, str]]:
    """Return the column, sign and value of each condition of a text."""
    if not isinstance(text, str):
        raise _wrong(f"a condition must be a string, not {text!r}")
    found, start, more = [], 0, "and"
    while more:
        match = _CONDITION.match(text, start)
        if match is None:
            raise _wrong(
                f"{text!r} is no condition: write a column, one of "
                f"{', '.join([*COMPARISONS, HAS])} and a value, as in 'year >= 1990'"
            )
        sign = "==" if match["sign"] == "=" else match["sign"]
        found.append((_unquoted(match["column"]), sign, match["value"]))
        start, more = match.end(), match["more"]
    return found


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`"
    return text[1:-1] if quoted else text


def _label(table: pd.DataFrame, column: str, what: str) -> Hashable:
    """The label of a column as it was typed, in any case if no other looks like it."""
    labels = list(dict.fromkeys(table.columns))
    exact = [label for label in labels if str(label) == column]
    found = exact or [x for x in labels if str(x).casefold() == column.casefold()]
    if len(found) != 1:
        listed = ", ".join(repr(label) for label in table.columns) or "none"
        raise _wrong(f"{column!r} is not a column of {what}; it has: {listed}")
    label: Hashable = found[0]
    return label


def _met(values: pd.Series[Any], sign: str, given: str) -> NDArray[np.bool_]:
    """Which values of a column stand so to what was given."""
    wanted: Any = _unquoted(given)
    known = values.notna().to_numpy(dtype=bool)
    met = np.zeros(len(values), dtype=bool)
    values = values[known]
    if sign == HAS:
        texts = values.astype(str).str.casefold()
        word = wanted.casefold()
        met[known] = [word in _SEPARATORS.split(text.strip()) for text in texts]
        return met
    # What pandas holds as objects, for some are missing, is of numbers or booleans all the same.
    values = values.infer_objects()
    if pd.api.types.is_bool_dtype(values.dtype):
        wanted = _read(wanted, lambda text: TRUTH[text.casefold()], values, "true or false")
    elif pd.api.types.is_numeric_dtype(values.dtype):
        wanted = _read(wanted, _number, values, "a number")
    elif pd.api.types.is_datetime64_any_dtype(values.dtype):
        wanted = _read(wanted, pd.Timestamp, values, "a date")
        if values.dt.tz is not None and wanted.tzinfo is None:
            wanted = wanted.tz_localize(values.dt.tz)
    elif sign in ("==", "!="):
        values = values.astype(str)
    else:
        values, wanted = _ordered(values, wanted, quoted=wanted != given)
    met[known] = np.asarray(COMPARISONS[sign](values, wanted), dtype=bool)
    return met


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _ordered(values: pd.Series[Any], wanted: str, *, quoted: bool) -> tuple[pd.Series[Any], Any]:
    """Text to be compared by order: by what it says where that is numbers, else as text."""
    try:
        number = None if quoted else _number(wanted)
    except ValueError:
        number = None
    if number is None:
        return values.astype(str), wanted
    return pd.to_numeric(values, errors="coerce"), number


def _read(text: str, read: Callable[[str], Any], values: pd.Series[Any], kind: str) -> Any:
    try:
        return read(text)
    except (ValueError, KeyError):
        raise _wrong(f"column {values.name!r} wants {kind}, not {text!r}") from None


def _wrong(what: str) -> ParameterError:
    return ParameterError(Message("{where}: {what}", where=Parameter("where"), what=what), "where")
