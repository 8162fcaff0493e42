"""Whatever was given as a users x items matrix, read once, with ids where it has them.

All functions that take such a matrix go by `read_matrix`, so that a frame, a mask or a row alone
means the same to each.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import holds_ones
from movieembed._base.gpu_arrays import on_host
from movieembed.data import frames
from movieembed.data.canonical_csr import canonical_csr
from movieembed.data.column_names import ITEM_ALIASES, RATING_ALIASES, USER_ALIASES, looks_like
from movieembed.data.ids import as_ids
from movieembed.data.items import ById, ItemIndex
from movieembed.exceptions import ItemNotFoundError, ParameterError

N_NAMED = 5
ROLES = {"user": USER_ALIASES, "item": ITEM_ALIASES, "rating": RATING_ALIASES}


@dataclass
class GivenMatrix:
    """A users x items matrix as it was given.

    Attributes
    ----------
    values : ndarray or sparse matrix, or what else was given, which is none
    items, users : list of ids, or None
        Labels of the columns and rows where it has them, as a data frame does.
    one : bool
        Whether it was a row alone.
    numbered : bool
        Whether the columns are merely numbered, as those of an array.
    """

    values: Any
    items: list[Any] | None = None
    users: list[Any] | None = None
    one: bool = False
    numbered: bool = False

    def canonical(self, *, rows_are_users: bool = False) -> sp.csr_array:
        """Return a checked, canonical copy.

        Raises
        ------
        ValueError
            If it looks like X, unless it is known that the rows are users.
        """
        matrix = canonical_csr(self.values)
        if not rows_are_users:
            refuse_cooccurrence(matrix)
        return matrix

    def in_order_of(self, items: NDArray[Any], matrix: sp.csr_array) -> sp.csr_array:
        """Return the canonical matrix with the columns that `items` names, in that order.

        Columns without names, and merely numbered ones, are taken as they come.
        """
        if self.items is None or self.numbered:
            return matrix
        places = places_of_names(self.items, items, "the matrix has {} columns")
        return matrix if places is None else with_columns(matrix, places, len(items))


def read_matrix(data: Any, argument: str = "the matrix") -> GivenMatrix:
    """Read what was given as users x items.

    Parameters
    ----------
    data : sparse matrix, ndarray, nested list, or data frame
        On a GPU or here. A sparse array of one dimension is one user. What NumPy masks is absent.
    argument : str
        For messages.

    Raises
    ------
    ValueError
        If a frame has a row a rating, missing values, or several columns of one name.
    TypeError
        If a column of a frame does not hold numbers.
    """
    if isinstance(data, GivenMatrix):
        return data
    data = on_host(data)
    if sp.issparse(data):
        one = data.ndim == 1
        return GivenMatrix(data.reshape(1, -1) if one else data, one=one)
    if isinstance(data, np.ma.MaskedArray):
        return GivenMatrix(data.filled(0))
    if isinstance(data, np.ndarray | list | tuple | str | dict):
        return GivenMatrix(data)
    table = data if isinstance(data, frames.Table) else frames.as_table(data, argument)
    if table is not None:
        return _read_frame(table, argument)
    return GivenMatrix(np.asarray(data) if hasattr(data, "__array__") else data)


def read_labelled(
    data: Any,
    users: Any,
    items: Any,
    titles: Any,
    item_columns: tuple[Hashable | None, Hashable | None],
) -> dict[str, Any]:
    """Return the attributes of `Likes.from_matrix`, the labels as they were given.

    `item_columns` are the labels of item_id and title.
    """
    given = read_matrix(data)
    matrix, table = given.canonical(rows_are_users=users is not None), None
    users, items, titles = map(on_host, (users, items, titles))
    labels = frames.labels_of_items(items, *item_columns, None)
    if labels is not None:
        items, found, table = labels
        matrix = given.in_order_of(items, matrix)
        titles = found if titles is None else titles
    elif given.items is not None:
        items = given.items
    if users is None:
        users = given.users
    return {
        "matrix": matrix,
        "users": np.arange(matrix.shape[0]) if users is None else users,
        "items": np.arange(matrix.shape[1]) if items is None else items,
        "titles": titles,
        "item_table": table,
    }


def _read_frame(table: frames.Table, argument: str) -> GivenMatrix:
    """Read a frame with a column an item; rows have ids if it has an index or a user column."""
    _refuse_ratings(table, argument)
    users, labels = table.row_labels(), table.own_columns()
    named = [label for label in labels if looks_like(label, USER_ALIASES)]
    if len(named) == 1:
        labels.remove(named[0])
        users = as_ids(table.column(named[0], argument), "users").tolist()
    values = columns_together(table, labels, argument)
    return GivenMatrix(values, labels, users, numbered=table.numbered_columns())


def _refuse_ratings(table: frames.Table, argument: str) -> None:
    """Raise ValueError if a frame has a row a rating, or a row an item."""
    found = {
        role: label
        for role, aliases in ROLES.items()
        for label in table.columns
        if looks_like(label, aliases)
    }
    if "item" in found and len(found) > 1:
        listed = ", ".join(repr(label) for label in found.values())
        raise ValueError(
            f"{argument} looks like a table with a row a rating (columns {listed}), where a row "
            "is a user and a column an item: pass Likes.from_ratings(table); one person's ratings "
            "go as a dict {item: rating}"
        )
    rows, columns = table.names_of_axes()
    if any(looks_like(name, ITEM_ALIASES) for name in rows) or any(
        looks_like(name, USER_ALIASES) for name in columns
    ):
        raise ValueError(
            f"{argument} has a row an item ({rows[0]!r}) and a column a user ({columns[0]!r}), "
            "where a row is a user and a column an item: pass its transpose, frame.T"
        )


def columns_together(table: frames.Table, labels: Sequence[Any], argument: str) -> sp.csc_array:
    """Return the columns of a frame as a sparse matrix, in time and memory of one at a time."""
    if table.in_sparse_columns():
        return sp.csc_array(table.to_pandas()[labels].sparse.to_coo())
    rows: list[NDArray[Any]] = []
    values: list[NDArray[Any]] = []
    for label in labels:
        column = table.column(label, argument)
        absent = int(frames.missing_values(column).sum())
        if absent:
            raise ValueError(
                f"{argument} has {absent} missing values (NaN or null) in column {label!r}: "
                "fill them first, with 0 where the user did not like the item"
            )
        dense = frames.numbers(column, f"column {label!r} of {argument}")
        rows.append(np.flatnonzero(dense))
        values.append(dense[rows[-1]])
    ends = np.cumsum([0, *map(len, rows)])
    if not labels:
        return sp.csc_array((len(table), 0))
    parts = (np.concatenate(values), np.concatenate(rows), ends)
    return sp.csc_array(parts, shape=(len(table), len(labels)))


def refuse_cooccurrence(matrix: Any) -> None:
    """Raise ValueError if a sparse matrix is surely X, items x items, not users x items.

    Two users and items may be alike by chance; a symmetric matrix of more, in which nobody likes
    the item of their own number, or no pair is more common than either of its items, is no chance.
    """
    size = matrix.shape[0]
    if size < 3 or size != matrix.shape[1]:
        return
    matrix = sp.csr_array(matrix)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    diagonal = matrix.diagonal()
    if matrix.nnz == np.count_nonzero(diagonal) or matrix.data.min() < 0:
        return
    highest = matrix.max(axis=1).toarray().ravel()
    if diagonal.any() and (holds_ones(matrix.data) or (diagonal < highest).any()):
        return
    other = sp.csr_array(matrix.T)
    if not all(
        np.array_equal(getattr(matrix, part), getattr(other, part))
        for part in ("indptr", "indices", "data")
    ):
        return
    raise ValueError(
        f"the matrix, {size} x {size}, is symmetric, as X (items x items) is, but X is made from "
        "likes, users x items: pass those, or Cooccurrence(X) without them. If its rows are "
        "users, say so with "
        "Likes.from_matrix(matrix, users=...)"
    )


def check_columns(given: GivenMatrix, n_items: int) -> None:
    """Raise ValueError unless a matrix without names has as many columns as there are items."""
    shape = np.shape(given.values)
    if len(shape) == 2 and shape[1] != n_items:
        hint = "; it looks transposed: pass matrix.T" if shape[0] == n_items else ""
        raise ValueError(
            f"the matrix, users x items, has {shape[1]} columns for {n_items} items{hint}"
        )


def plain_labels(labels: Sequence[Any], ids: NDArray[Any]) -> list[Any]:
    """Return labels of columns as numbers where ids are: many frames can only name them in text."""
    if ids.dtype.kind in "iu" and all(isinstance(label, str) for label in labels):
        texts = [str(label) for label in labels]
        if all(text.removeprefix("-").isdecimal() and str(int(text)) == text for text in texts):
            return [int(text) for text in texts]
    return list(labels)


def places_of_names(names: list[Any], ids: NDArray[Any], there: str) -> NDArray[np.int64] | None:
    """Find names among ids; None where they are numbers from 0 of which none is an id.

    Raises
    ------
    ParameterError
        If some are no ids: `there` says where they are, with their number in the braces.
    """
    labels = plain_labels(names, ids)
    known = {id_: place for place, id_ in enumerate(ids.tolist())}
    unknown = [label for label in labels if label not in known]
    if len(unknown) == len(names) and names == list(range(len(names))):
        return None
    if unknown:
        what = f"{there.format(len(unknown))} that items lacks, such as "
        what += ", ".join(map(repr, unknown[:N_NAMED]))
        raise ParameterError(what + "; without items, the names there are the ids", "items")
    return np.array([known[label] for label in labels], dtype=np.int64)


def places_of_columns(
    index: ItemIndex, labels: Sequence[Any], *, by_id: bool = False, drop: bool = False
) -> NDArray[np.int64]:
    """Find the columns of a frame among a model's items, by id or title, or those of likes by id.

    With `drop` the place of one that is no item is -1.

    Raises
    ------
    ItemNotFoundError
        If some are no items of the model.
    AmbiguousTitleError
        As `ItemIndex.resolve`.
    ValueError
        If two are the same item.
    """
    known = {id_: place for place, id_ in enumerate(index.ids.tolist())}
    labels = plain_labels(labels, index.ids)

    def place(label: Any) -> int:
        try:
            if label in known:
                return known[label]
            return index.resolve(ById(label) if by_id else label)
        except (ItemNotFoundError, TypeError):
            return -1

    places = np.array([place(label) for label in labels], dtype=np.int64)
    unknown = [labels[at] for at in np.flatnonzero(places < 0)[:N_NAMED]]
    if unknown and not drop:
        listed = ", ".join(map(repr, unknown)) + (", ..." if len(unknown) == N_NAMED else "")
        raise ItemNotFoundError(
            f"the likes have columns that are no items of the model: {listed}; leave them out, or "
            "pass a matrix without names whose columns are the model's, in its order"
        )
    first: dict[int, Any] = {}
    for label, column in zip(labels, places.tolist(), strict=True):
        if column >= 0 and first.setdefault(column, label) is not label:
            raise ValueError(f"columns {first[column]!r} and {label!r} are the same item")
    return places


def with_columns(matrix: sp.csr_array, places: NDArray[np.int64], n_items: int) -> sp.csr_array:
    """Return a matrix with its columns moved to other places, and the other places empty."""
    moved = places[matrix.indices]
    parts = (matrix.data, moved, matrix.indptr)
    found = sp.csr_array(parts, shape=(matrix.shape[0], n_items))
    found.sort_indices()
    return found
