"""Columns out of data frames of any kind.

Only here it matters which library made a frame. Narwhals is imported where a frame of the caller's
is read: a fit from the command line reads none.
"""

from __future__ import annotations

import operator
from collections.abc import Hashable, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed._base.message import Message, Parameter
from movieembed.data.column_names import (
    RATING_COLUMNS,
    TITLE_ALIASES,
    find_column,
    squeezed,
)
from movieembed.data.ids import as_ids, as_titles, is_table, of_arrow
from movieembed.exceptions import ParameterError

if TYPE_CHECKING:
    import narwhals.stable.v1 as nw


class Table:
    """One way to read the columns of a frame of any kind.

    Parameters
    ----------
    frame : DataFrame
        A pandas frame, or a narwhals one around any other kind.

    Attributes
    ----------
    columns : list of hashable
        Labels in order, including the names of a pandas index where it has them.
    """

    def __init__(self, frame: pd.DataFrame | nw.DataFrame[Any]) -> None:
        self._given = frame
        if isinstance(frame, pd.DataFrame):
            labels = set(frame.columns)
            if any(name is not None and name not in labels for name in frame.index.names):
                frame = frame.reset_index()
        self._frame = frame
        self.columns: list[Any] = list(frame.columns)

    def __len__(self) -> int:
        return len(self._frame)

    def column(self, label: Hashable, argument: str) -> nw.Series[Any]:
        """Return one column; ValueError if several have the label."""
        import narwhals.stable.v1 as nw

        if isinstance(self._frame, pd.DataFrame):
            column = self._frame[label]
            if isinstance(column, pd.DataFrame):
                raise ValueError(f"{argument} has {column.shape[1]} columns called {label!r}")
            return nw.from_native(column, series_only=True)
        return self._frame.get_column(cast(str, label))

    def names_of_axes(self) -> tuple[list[Any], list[Any]]:
        """Return what the index of the rows and that of the columns are called, in pandas."""
        if not isinstance(self._given, pd.DataFrame):
            return [], []
        return list(self._given.index.names), list(self._given.columns.names)

    def row_labels(self) -> list[Any] | None:
        """Return the index of a pandas frame; None where rows are merely numbered."""
        if not isinstance(self._given, pd.DataFrame):
            return None
        index = self._given.index
        if index.names == [None] and (isinstance(index, pd.RangeIndex) or not index.is_unique):
            return None
        return index.tolist()

    def own_columns(self) -> list[Any]:
        """Return the labels without the names of the index."""
        return list(self._given.columns)

    def numbered_columns(self) -> bool:
        """Whether the columns of a pandas frame are merely numbered, as those of an array."""
        if not isinstance(self._given, pd.DataFrame):
            return False
        columns = self._given.columns
        numbers = isinstance(columns, pd.RangeIndex) and columns.name is None
        return numbers and columns.equals(pd.RangeIndex(len(columns)))

    def in_sparse_columns(self) -> bool:
        """Whether all columns are pandas's sparse ones, of zeros where nothing is stored."""
        dtypes = list(self._given.dtypes) if isinstance(self._given, pd.DataFrame) else []
        sparse = (isinstance(dtype, pd.SparseDtype) and dtype.fill_value == 0 for dtype in dtypes)
        return bool(dtypes) and all(sparse)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas copy with rows numbered from 0."""
        if isinstance(self._frame, pd.DataFrame):
            return self._frame.reset_index(drop=True)
        frame = self._frame
        return pd.DataFrame({name: frame.get_column(name).to_numpy() for name in frame.columns})


def as_table(data: object, argument: str) -> Table | None:
    """Wrap a data frame of any kind; None if data is not one.

    Lazy frames are collected.
    """
    if isinstance(data, pd.DataFrame):
        return Table(data)
    import narwhals.stable.v1 as nw

    try:
        wrapped = nw.from_native(cast(Any, data), pass_through=True)
    except nw.exceptions.DuplicateError as error:
        raise ValueError(f"{argument} has several columns of one name: {error}") from error
    if isinstance(wrapped, nw.LazyFrame):
        return Table(wrapped.collect())
    # Frames that narwhals sees from outside alone, such as DuckDB's relations, go through Arrow.
    eager = nw.from_native(cast(Any, data), pass_through=True, eager_only=True, allow_series=True)
    if isinstance(eager, nw.DataFrame):
        return Table(eager)
    column = None if isinstance(eager, nw.Series) else of_arrow(data)
    if column is None or not is_table(column):
        return None
    import pyarrow as pa

    names = [field.name for field in column.type]
    if len(set(names)) < len(names):
        raise ValueError(f"{argument} has several columns of one name: {names}")
    return Table(nw.from_native(pa.Table.from_arrays(column.flatten(), names), eager_only=True))


def missing_values(column: nw.Series[Any]) -> nw.Series[Any]:
    """Return where a column is null or NaN, as a column of booleans."""
    mask = column.is_null()
    if column.dtype.is_float():
        mask = mask | column.is_nan().fill_null(False)
    return mask


def complete_columns(
    table: Table, labels: Mapping[str, Hashable], argument: str, *, drop: bool
) -> dict[str, nw.Series[Any]]:
    """Return the columns of `labels` without the rows where any of them has no value.

    Raises ValueError, with the counts and the first such row, if there are any and not `drop`.
    """
    columns = {role: table.column(label, argument) for role, label in labels.items()}
    masks = {role: missing_values(column) for role, column in columns.items()}
    counts = {role: int(mask.sum()) for role, mask in masks.items()}
    if not any(counts.values()):
        return columns
    incomplete = reduce(operator.or_, masks.values())
    if not drop:
        first = int(np.argmax(incomplete.to_numpy()))
        listed = ", ".join(
            f"{count} in column {labels[role]!r}" for role, count in counts.items() if count
        )
        what = f"{argument} has missing values in {int(incomplete.sum())} of {len(table)} rows "
        what += f"({listed}), first in row {first}, counting from 0"
        raise ValueError(
            Message("{what}|; pass {missing=} to leave them out", what=what, missing="drop")
        )
    complete = ~incomplete
    return {role: column.filter(complete) for role, column in columns.items()}


def numbers(column: nw.Series[Any], argument: str) -> NDArray[Any]:
    """Return a column without missing values as real numbers; TypeError if it is not of numbers.

    Float widths are kept, so that float32 ratings of 4.1 reach a threshold of 4.1.
    """
    import narwhals.stable.v1 as nw

    if column.dtype == nw.Decimal:
        column = column.cast(nw.Float64)
    values = column.to_numpy()
    if values.dtype == object:
        kind = pd.api.types.infer_dtype(values, skipna=False)
        if kind not in {
            "integer",
            "floating",
            "mixed-integer-float",
            "decimal",
            "boolean",
            "empty",
        }:
            raise TypeError(f"{argument} must hold numbers, got {kind}, such as {values[0]!r}")
        values = values.astype(np.float64)
    if values.dtype.kind == "b":
        return values.astype(np.int8)
    if values.dtype.kind not in "iuf":
        # A column of no rows has whatever type its reader guessed.
        if not len(values):
            return np.empty(0)
        raise TypeError(f"{argument} must hold numbers, got {column.dtype}")
    return values


def labels_of_items(
    items: object, item_id: Hashable | None, title: Hashable | None, fallback_id: Hashable | None
) -> tuple[NDArray[Any], NDArray[np.object_] | None, pd.DataFrame | None] | None:
    """Read an ``items`` argument as `item_labels` does; None if none is given, nor its columns."""
    if items is None and item_id is None and title is None:
        return None
    return item_labels(items, item_id, title, fallback_id)


def item_labels(
    items: object, item_id: Hashable | None, title: Hashable | None, fallback_id: Hashable | None
) -> tuple[NDArray[Any], NDArray[np.object_] | None, pd.DataFrame | None]:
    """Read an ``items`` argument: a table with ids and perhaps titles, or a sequence of ids.

    Parameters
    ----------
    items : frame or sequence
        What the caller passed.
    item_id, title : hashable or None
        Labels of the id and title columns, None to find them.
    fallback_id : hashable or None
        The ratings' item label, used for the id where the table has a column of that name.

    Returns
    -------
    ids : ndarray of shape (n_items,)
    titles : ndarray of str objects of shape (n_items,), or None
    table : DataFrame of n_items rows, or None
    """
    table = as_table(items, "items")
    if table is None:
        for name, label in (("item_id", item_id), ("title", title)):
            if label is not None:
                what = "{label} names a column of a table, but {items} is not a table"
                raise ParameterError(Message(what, label=Parameter(name, label)), name)
        return as_ids(items, "items"), None, None
    if item_id is None and fallback_id is not None and fallback_id in table.columns:
        item_id = fallback_id
    *sure, bare = RATING_COLUMNS["item"]
    groups = (*sure, {"id"}, bare)
    id_label = find_column(table.columns, item_id, groups, argument="items", role="item_id")
    ids = as_ids(table.column(id_label, "items"), "items")
    if title is None:
        names = {squeezed(label): label for label in reversed(table.columns)}
        found = [names[name] for name in TITLE_ALIASES if name in names]
        title = found[0] if found else None
    else:
        title = find_column(table.columns, title, (), argument="items", role="title")
    titles = None if title is None else as_titles(table.column(title, "items"))
    return ids, titles, table.to_pandas()
