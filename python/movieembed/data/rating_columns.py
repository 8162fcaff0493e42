"""Which columns of a table are the user, the item, the rating and the time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from movieembed._base.message import Message
from movieembed._base.warn import warn_caller
from movieembed.data.column_names import (
    EVENT_ALIASES,
    ITEM_ALIASES,
    RATING_COLUMNS,
    TIME_ALIASES,
    TIME_COLUMNS,
    USER_ALIASES,
    find_column,
    looks_like,
    squeezed,
)
from movieembed.data.frames import Table

# Rows that are looked at, and what is a rating among numbers without a name.
_SAMPLE, _LOWEST, _HIGHEST = 2000, -1, 10
# No id of a user or an item, and seconds since 1970 from 1980 on.
_EARLY = 315_532_800
_DATE = r"\d{4}-\d\d-\d\d"
# Amazon's products and books, which stand in front of the reviewer in some of its files.
_PRODUCT = r"B0[0-9A-Z]{8}|[0-9]{9}[0-9X]"


def find_rating_columns(
    table: Table,
    user: Hashable | None,
    item: Hashable | None,
    rating: Hashable | None,
    argument: str = "ratings",
) -> dict[str, Any]:
    """Return the labels of "user", "item" and, if there is one, "rating", as given or found.

    They are found by their usual names, and where columns are merely numbered by what they hold.
    """
    return _found(table, {"user": user, "item": item, "rating": rating}, argument)


def find_pair_columns(
    table: Table, user: Hashable | None, item: Hashable | None, argument: str = "ratings"
) -> dict[str, Any]:
    """Return the labels of "user" and "item" as `find_rating_columns` does."""
    return _found(table, {"user": user, "item": item}, argument)


def _found(table: Table, labels: dict[str, Any], argument: str) -> dict[str, Any]:
    if is_numbered(table.columns) and len(table):
        given = {
            role: find_column(table.columns, label, (), argument=argument, role=role)
            for role, label in labels.items()
            if label is not None
        }
        labels = {role: guessed(given, table).get(role) for role in labels}
    for role in labels:
        labels[role] = find_column(
            table.columns,
            labels[role],
            RATING_COLUMNS[role],
            argument=argument,
            role=role,
            taken=[label for label in labels.values() if label is not None],
            required=role != "rating",
        )
    return {role: label for role, label in labels.items() if label is not None}


def find_time_column(
    table: Table,
    given: Hashable | None,
    taken: Iterable[Hashable],
    *,
    required: bool = True,
    argument: str = "ratings",
) -> Any:
    """Return the label of the column of times, as given or found; None if none is required."""
    taken = list(taken)
    if given is None and is_numbered(table.columns):
        given = next((place for place in _times(_sample(table)) if place not in taken), None)
    where: dict[str, Any] = {
        "argument": argument,
        "role": "timestamp",
        "taken": taken,
        "required": required,
    }
    return find_column(table.columns, given, TIME_COLUMNS, **where)


def warn_of_choice(
    table: Table, labels: Mapping[str, Hashable], given: Sequence[Hashable | None]
) -> None:
    """Warn of columns that were chosen by what they hold, and of what may be meant otherwise."""
    if is_numbered(table.columns) and None in given[:2]:
        what = "the columns have no names, so they are taken as {user=}, {item=}"
        warn_caller(Message(what + (", {rating=}" if "rating" in labels else ""), **labels))
    if "rating" in labels:
        return
    for label in table.columns:
        if looks_like(label, EVENT_ALIASES):
            kinds = table.column(label, "ratings").head(_SAMPLE).unique().to_list()
            if len(kinds) > 1:
                what = "every row counts as a like, whether column {label!r} holds {either}|; "
                what += "to read only some rows say {where=}"
                either = " or ".join(map(repr, kinds[:5]))
                where = f'{label} == "{kinds[-1]}"'
                warn_caller(Message(what, label=label, either=either, where=where))
            return
    others = [
        label
        for label in table.columns
        if label not in labels.values()
        and not looks_like(label, TIME_ALIASES | USER_ALIASES | ITEM_ALIASES)
        and not squeezed(label).endswith("id")
        and table.column(label, "ratings").dtype.is_numeric()
        and table.column(label, "ratings").null_count() < max(1, len(table))
    ]
    if is_numbered(table.columns):
        times = _times(_sample(table))
        others = [label for label in others if label not in times]
    if others:
        either = " or ".join(repr(label) for label in others)
        what = "no column looks like the rating, so every row counts as a like"
        what += "|; if the rating is {either}, pass {rating=}"
        warn_caller(Message(what, either=either, rating=others[0]))


def is_numbered(columns: Sequence[Any]) -> bool:
    """Whether columns have no names, only their numbers from 0."""
    return all(isinstance(label, int) for label in columns) and columns == list(range(len(columns)))


def guessed(given: Mapping[str, Hashable], table: Table) -> dict[str, Hashable]:
    """Return user, item and perhaps rating of a table without names, as given or by what they hold.

    If neither is given the first of the columns that may be ids is the user and the second the
    item. The first of small numbers behind them is the rating.
    """
    sample = _sample(table)
    times = _times(sample)
    free = [place for place in sample if place not in (*given.values(), *times)]
    ids = [place for place in free if _may_be_ids(sample[place])]
    whole = [place for place in ids if sample[place].notna().all()]
    found: dict[str, Any] = dict(given)
    if "user" not in found and "item" not in found and len(whole) > 1:
        first, second = whole[:2]
        swapped = _all_match(sample[first], _PRODUCT) and not _all_match(sample[second], _PRODUCT)
        found |= {"user": second, "item": first} if swapped else {"user": first, "item": second}
    if "rating" not in found and {"user", "item"} <= found.keys():
        first = min(found["user"], found["item"])
        behind = (p for p in free if p > first and p not in found.values())
        found["rating"] = next((p for p in behind if _may_be_ratings(sample[p])), None)
    return found


def _sample(table: Table) -> dict[int, pd.Series[Any]]:
    return {
        place: pd.Series(table.column(place, "ratings").head(_SAMPLE).to_numpy())
        for place in table.columns
    }


def _times(sample: Mapping[int, pd.Series[Any]]) -> list[int]:
    """Return the columns of dates, and of seconds since 1970 behind the first two."""
    return [
        place
        for place, column in sample.items()
        if column.dtype.kind == "M"
        or _all_match(column, _DATE)
        or (place > 1 and column.dtype.kind in "iu" and bool((column > _EARLY).all()))
    ]


def _may_be_ids(column: pd.Series[Any]) -> bool:
    """Whether a column does not hold fractions."""
    numbers = column.dropna()
    return column.dtype.kind != "f" or bool((numbers == numbers.round()).all())


def _may_be_ratings(column: pd.Series[Any]) -> bool:
    if column.dtype.kind not in "iufb" or not len(column):
        return False
    return bool(column.between(_LOWEST, _HIGHEST).all()) and bool((column != 0).any())


def _all_match(column: pd.Series[Any], pattern: str) -> bool:
    if pd.api.types.is_numeric_dtype(column.dtype) or column.dtype.kind == "M":
        return False
    texts = column.dropna().astype(str)
    return len(texts) > 0 and bool(texts.str.match(pattern).all())
