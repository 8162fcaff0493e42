"""Columns out of data frames of any kind, and ids in one form.

The only module that knows what a data frame is; `likes` sees NumPy arrays. Narwhals is
imported where a frame of the caller's is read: a fit from the command line reads none.
"""

from __future__ import annotations

import operator
import warnings
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed.exceptions import ParameterError

if TYPE_CHECKING:
    import narwhals.stable.v1 as nw

__all__ = ["Table", "as_ids", "as_table", "find_column", "item_labels"]

ACCEPTED = (
    "a pandas, polars, PyArrow or other narwhals-supported data frame, or an object with the "
    "Arrow C stream interface"
)

USER_ALIASES = frozenset({"userid", "user", "uid", "customerid", "memberid"})
ITEM_ALIASES = frozenset({"movieid", "itemid", "movie", "item", "iid", "filmid", "film"})
RATING_ALIASES = frozenset({"rating", "ratings", "score", "stars", "liked", "like", "value"})
TITLE_ALIASES = ("title", "name", "movietitle", "itemtitle", "itemname", "moviename")
TIME_ALIASES = frozenset({"timestamp", "time", "date", "datetime", "ts"})


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
        wrapped = wrapped.collect()
    if isinstance(wrapped, nw.DataFrame):
        return Table(wrapped)
    if isinstance(nw.from_native(cast(Any, data), pass_through=True, allow_series=True), nw.Series):
        return None
    if not hasattr(data, "__arrow_c_stream__"):
        return None
    import pyarrow as pa

    try:
        return Table(nw.from_native(pa.table(data), eager_only=True))
    except (TypeError, ValueError, pa.ArrowInvalid) as error:
        raise TypeError(f"{argument}: its Arrow stream is not a table ({error})") from error


def find_column(
    columns: Sequence[Any],
    given: Hashable | None,
    aliases: Iterable[str],
    *,
    argument: str,
    role: str,
    taken: Sequence[Hashable] = (),
    required: bool = True,
) -> Any:
    """Return the label of a column, as given or found by its usual names.

    Parameters
    ----------
    columns : sequence of hashable
        Labels to choose from.
    given : hashable or None
        The label the caller named; None to look among `aliases`.
    aliases : iterable of str
        Usual names, in lower case without separators.
    argument, role : str
        The table's argument and the label's parameter, for messages.
    taken : sequence of hashable
        Labels already used for something else.
    required : bool
        Whether not finding a column is an error; otherwise None is returned.

    Raises
    ------
    ValueError
        If the named column is absent, or no column or several look like the one wanted.
    """
    listed = ", ".join(repr(label) for label in columns) or "none"
    if given is not None:
        if given in columns:
            return given
        message = f"{role}={given!r} is not a column of {argument}; it has: {listed}"
        raise ParameterError(message, role)
    wanted = set(aliases)
    found = [label for label in columns if label not in taken and _squeeze(label) in wanted]
    if len(found) == 1:
        return found[0]
    if found:
        either = " and ".join(repr(label) for label in found)
        raise ParameterError(
            f"{argument} has several columns that could be the {role}: {either}; "
            f"say which with {role}={found[0]!r}",
            role,
        )
    if required:
        raise ParameterError(
            f"{argument} has no column that looks like the {role}; it has: {listed}. "
            f"Say which one it is with {role}=...",
            role,
        )
    return None


def _squeeze(label: object) -> str:
    if not isinstance(label, str):
        return ""
    return label.lower().replace("_", "").replace(" ", "").replace("-", "").replace(".", "")


def missing(column: nw.Series[Any]) -> nw.Series[Any]:
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
    masks = {role: missing(column) for role, column in columns.items()}
    counts = {role: int(mask.sum()) for role, mask in masks.items()}
    if not any(counts.values()):
        return columns
    incomplete = reduce(operator.or_, masks.values())
    if not drop:
        first = int(np.argmax(incomplete.to_numpy()))
        listed = ", ".join(
            f"{count} in column {labels[role]!r}" for role, count in counts.items() if count
        )
        raise ValueError(
            f"{argument} has missing values in {int(incomplete.sum())} of {len(table)} rows "
            f"({listed}), first in row {first}, counting from 0; pass missing='drop' to leave "
            "them out"
        )
    complete = ~incomplete
    return {role: column.filter(complete) for role, column in columns.items()}


def warn_of_other_numbers(table: Table, used: Iterable[Hashable]) -> None:
    """Warn if a table without a rating column has columns that may have been meant as one."""
    used = list(used)
    others = [
        label
        for label in table.columns
        if label not in used
        and _squeeze(label) not in TIME_ALIASES
        and table.column(label, "ratings").dtype.is_numeric()
    ]
    if others:
        warnings.warn(
            "no column looks like the rating, so every row counts as a like; if the rating is "
            f"{' or '.join(repr(label) for label in others)}, pass rating={others[0]!r}",
            UserWarning,
            stacklevel=4,
        )


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


def as_ids(values: object, argument: str) -> NDArray[Any]:
    """Return ids as a 1-D array of one form, whatever held them.

    Integers become int64 (uint64 if they need it), and so do floats that are all whole, since
    a missing value elsewhere turns integers into floats; strings become objects.

    Raises
    ------
    ValueError
        If values are not one-dimensional, or an id is missing or repeats.
    TypeError
        If an id is not hashable, or values cannot be read one by one.
    """
    ids = unify(_one_dimensional(values, argument))
    absent = np.flatnonzero(np.asarray(pd.isna(ids), dtype=bool))
    if len(absent):
        raise ValueError(f"{argument} has a missing id at position {absent[0]}")
    listed = ids.tolist()
    try:
        distinct = len(set(listed))
    except TypeError as error:
        raise TypeError(f"the ids in {argument} must be hashable: {error}") from error
    if distinct != len(listed):
        repeated = [id_ for id_, count in Counter(listed).items() if count > 1]
        raise ValueError(
            f"{argument} has {len(repeated)} ids that occur more than once, such as "
            + ", ".join(repr(id_) for id_ in repeated[:5])
        )
    return ids


def _one_dimensional(values: object, argument: str) -> NDArray[Any]:
    if isinstance(values, pd.Index):
        return values.to_numpy()
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise ValueError(f"{argument} must be one-dimensional, got shape {values.shape}")
        return values
    import narwhals.stable.v1 as nw

    wrapped = nw.from_native(cast(Any, values), pass_through=True, allow_series=True)
    if isinstance(wrapped, nw.Series):
        return wrapped.to_numpy()
    if isinstance(values, str | bytes | dict | set | frozenset) or not isinstance(values, Iterable):
        raise TypeError(
            f"{argument} must be a sequence of ids or {ACCEPTED}, got {type(values).__name__}"
        )
    listed = list(values)
    array = np.empty(len(listed), dtype=object)
    array[:] = listed
    return array


def unify(ids: NDArray[Any]) -> NDArray[Any]:
    """Return ids as int64, uint64, float64 or objects: equal ids from any frame look equal."""
    if ids.dtype.kind == "O":
        kind = pd.api.types.infer_dtype(ids, skipna=False)
        if kind not in {"integer", "floating"}:
            return ids.copy()
        try:
            ids = ids.astype(np.int64 if kind == "integer" else np.float64)
        except OverflowError:
            return ids.copy()
    if ids.dtype.kind == "f":
        whole = np.isfinite(ids) & (np.abs(ids) < 2**53) & (ids == np.trunc(ids))
        return ids.astype(np.int64 if whole.all() and len(ids) else np.float64)
    if ids.dtype.kind in "iu":
        fits = ids.dtype != np.uint64 or not len(ids) or ids.max() <= np.iinfo(np.int64).max
        return ids.astype(np.int64 if fits else np.uint64)
    if ids.dtype.kind in "US":
        return ids.astype(object)
    return ids.copy()


def in_order(ids: NDArray[Any]) -> NDArray[np.intp]:
    """Return the permutation that sorts distinct ids, or that leaves them if they have no order."""
    if ids.dtype.kind != "O":
        return np.argsort(ids, kind="stable")
    listed = ids.tolist()
    # Sets compare by inclusion: sorting them raises nothing and means nothing.
    if not any(isinstance(id_, set | frozenset) for id_ in listed):
        try:
            return np.array(sorted(range(len(listed)), key=listed.__getitem__), dtype=np.intp)
        except TypeError:
            pass
    return np.arange(len(listed), dtype=np.intp)


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
        if item_id is not None or title is not None:
            raise ValueError("item_id and title name columns of a table, but items is not a table")
        return as_ids(items, "items"), None, None
    if item_id is None and fallback_id is not None and fallback_id in table.columns:
        item_id = fallback_id
    aliases = ITEM_ALIASES
    if not any(_squeeze(label) in aliases for label in table.columns):
        aliases = frozenset({"id"})
    id_label = find_column(table.columns, item_id, aliases, argument="items", role="item_id")
    ids = as_ids(table.column(id_label, "items"), "items")
    if title is None:
        squeezed = {_squeeze(label): label for label in reversed(table.columns)}
        found = [squeezed[name] for name in TITLE_ALIASES if name in squeezed]
        title = found[0] if found else None
    else:
        title = find_column(table.columns, title, (), argument="items", role="title")
    titles = None if title is None else as_titles(table.column(title, "items"))
    return ids, titles, table.to_pandas()


def as_titles(values: object) -> NDArray[np.object_]:
    """Return titles as an object array of str, "" for a missing one."""
    given = _one_dimensional(values, "titles")
    titles = np.empty(len(given), dtype=object)
    titles[:] = [
        "" if absent else str(text) for text, absent in zip(given, pd.isna(given), strict=True)
    ]
    return titles
