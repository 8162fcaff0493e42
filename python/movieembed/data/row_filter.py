"""Some rows of a table, by comparisons such as ``event == "buy"``; nothing is evaluated."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from movieembed._base.message import Message, Parameter
from movieembed.exceptions import ParameterError

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_QUOTED = r"""`[^`]*`|"[^"]*"|'[^']*'"""
_COMPARISON = re.compile(
    rf"\s*(?P<column>{_QUOTED}|[^=!<>`\"']+?)\s*(?P<operator>[=!<>]=|[<>=])\s*"
    rf"(?P<value>{_QUOTED}|[^=!<>`\"'\s][^=!<>`\"']*?)\s*"
)
_SHOWN = 5


class Comparison(NamedTuple):
    """A column, an operator and a value, as they were written."""

    column: str
    operator: str
    value: str
    text: str

    def label_in(self, labels: Sequence[Hashable]) -> Hashable:
        """Return the column's label, of a numbered one its number."""
        for label in labels:
            if str(label) == self.column:
                return label
        listed = ", ".join(map(repr, labels)) or "none"
        what = "{where}: there is no column {column!r}; there are: {listed}"
        where = Parameter("where", self.text)
        raise ParameterError(Message(what, where=where, column=self.column, listed=listed), "where")


def comparisons(where: str | Iterable[str]) -> list[Comparison]:
    """Read comparisons; ParameterError says how one is written."""
    found = []
    for text in [where] if isinstance(where, str) else where:
        match = _COMPARISON.fullmatch(text)
        if match is None:
            what = "{where} must be a column, ==, !=, <, <=, > or >=, and a value, as in "
            what += 'event == "buy", not {text!r}'
            message = Message(what, where=Parameter("where"), text=text)
            raise ParameterError(message, "where")
        column, sign, value = match["column"], match["operator"], match["value"]
        found.append(Comparison(_bare(column), sign, value, text))
    return found


def rows_where(table: pd.DataFrame, wanted: Sequence[Comparison]) -> pd.DataFrame:
    """Return the rows for which all comparisons hold.

    Raises
    ------
    ParameterError
        If a column is absent, its values cannot be compared so, or no row is left.
    """
    for comparison in wanted:
        label = comparison.label_in(list(table.columns))
        column = table[label]
        left = table[_holds(column, comparison)]
        if not len(left) and len(table):
            common = ", ".join(map(repr, column.value_counts().index[:_SHOWN].tolist()))
            what = "no row has {where}; column {label!r} holds {common}"
            where = Parameter("where", comparison.text, comparison.text)
            message = Message(what, where=where, label=label, common=common)
            raise ParameterError(message, "where")
        table = left
    return table.reset_index(drop=True) if wanted else table


def _holds(column: pd.Series[Any], comparison: Comparison) -> Any:
    text, compare = _bare(comparison.value), _OPERATORS[comparison.operator]
    try:
        value: Any = text
        if pd.api.types.is_bool_dtype(column.dtype):
            value = {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        elif pd.api.types.is_numeric_dtype(column.dtype):
            value = _number(text)
        elif pd.api.types.is_datetime64_any_dtype(column.dtype):
            value = pd.Timestamp(text, tz=getattr(column.dtype, "tz", None))
        elif compare not in (operator.eq, operator.ne) and _is_number(comparison.value):
            raise ValueError
        return compare(column, value).fillna(False).astype(bool) & column.notna()
    except (ValueError, TypeError, KeyError):
        what = "{where}: column {column!r} holds {kind}, such as {one!r}, which cannot be compared "
        what += "with {value}"
        kind = "numbers" if pd.api.types.is_numeric_dtype(column.dtype) else "text"
        one = next(iter(column.dropna().tolist()), None)
        where = Parameter("where", comparison.text)
        facts = {"column": comparison.column, "kind": kind, "one": one, "value": comparison.value}
        raise ParameterError(Message(what, where=where, **facts), "where") from None


def _bare(text: str) -> str:
    return text[1:-1] if text[:1] in "`\"'" and text[:1] == text[-1:] and len(text) > 1 else text


def _number(text: str) -> int | float:
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else float(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
