"""X ready-made: how often two items occur together, where there are no likes to count it from."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NoReturn, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.derived import derived
from movieembed._base.gpu_arrays import on_host
from movieembed._base.message import Message
from movieembed.data import frames
from movieembed.data.canonical_csr import canonical_csr
from movieembed.data.column_names import find_column
from movieembed.data.ids import ACCEPTED, as_ids, as_titles
from movieembed.data.items import ItemIndex
from movieembed.data.ratings import encode
from movieembed.data.text_columns import of_one_kind
from movieembed.data.users_by_items import columns_together, places_of_names, plain_labels
from movieembed.exceptions import ParameterError

# Relative difference of two numbers that are the same but for float32's rounding of sums.
ROUNDING = 1e-5
# Roundings of the largest number, by which differences such as logarithms near 0 may be apart.
_ROUNDINGS = 8


class Cooccurrence:
    """X ready-made: how often each two items occur together, without the likes behind it.

    It goes where likes go: into `MovieEmbedding.fit`, `cost`, `gradient`, `cost_and_gradient`, the
    study and `export_cooccurrence`. What asks about people cannot be had of it. X does not tell how
    many people liked an item, so that `recommend` goes by the cosines of the embedding.

    Parameters
    ----------
    X : sparse or dense matrix, or data frame, of shape (n_items, n_items)
        Symmetric and not negative. Its diagonal is left out. The columns of a data frame are items;
        its index, where it has one, names them too, in any order. Rows and columns that are merely
        numbered name none.
    items : sequence of ids or data frame, optional
        Ids of the rows and columns, or a table of them with titles. By default a frame's columns,
        else numbers from 0. Where X names its items, they are put in this order, their titles too,
        and those that it lacks occur with none.
    titles : sequence of str, optional
        Titles of the items.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array of shape (n_items, n_items)
        X, canonical, with an empty diagonal; float32 where that is exact, else float64.
    items : ndarray of shape (n_items,)
        Id of each row and column.
    titles : ndarray of str objects of shape (n_items,), or None

    Raises
    ------
    ValueError
        If X is not square, not symmetric, or holds a negative number, NaN or infinity, the ids
        or titles are not as many as its rows, or `items` lacks one that X names.
    TypeError
        If X is of no accepted kind or not of real numbers.

    See Also
    --------
    cooccurrence : X of likes.

    Examples
    --------
    >>> import movieembed as me
    >>> X = me.Cooccurrence([[0, 2, 1], [2, 0, 1], [1, 1, 0]], items=["x", "y", "z"])
    >>> X
    Cooccurrence(3 items, 3 pairs)
    >>> me.MovieEmbedding(1, random_state=0).fit(X).similar("x", n=1)["item"].tolist()
    ['y']
    """

    threshold = None

    def __init__(self, X: Any, items: Any = None, titles: Any = None) -> None:
        matrix, own, own_titles = _read(X)
        ids = own
        if items is not None:
            ids, new_titles, _ = frames.item_labels(on_host(items), None, None, None)
            if own is not None:
                labels = own if isinstance(own, list) else own.tolist()
                matrix, own_titles = _in_order_of(ids, matrix, labels, own_titles)
            own_titles = own_titles if new_titles is None else new_titles
        titles = own_titles if titles is None else titles
        self.matrix: sp.csr_array = _checked(matrix)
        n_items = self.matrix.shape[0]
        self.items: NDArray[Any] = as_ids(np.arange(n_items) if ids is None else ids, "items")
        self.titles = None if titles is None else as_titles(titles)
        for name, labels in (("items", self.items), ("titles", self.titles)):
            if labels is not None and len(labels) != n_items:
                raise ParameterError(f"{name} has {len(labels)} entries for {n_items} rows", name)

    @classmethod
    def from_pairs(
        cls,
        table: Any,
        a: Hashable | None = None,
        b: Hashable | None = None,
        count: Hashable | None = None,
        *,
        items: Any = None,
        item_id: Hashable | None = None,
        title: Hashable | None = None,
    ) -> Self:
        """Read a table with a row a pair of items.

        Parameters
        ----------
        table : data frame
            In pandas, polars, PyArrow or another narwhals-supported frame.
        a, b : hashable, optional
            Columns of the two items; by default the first two of those that are not named. If one
            holds integers and the other text, all ids are text.
        count : hashable, optional
            Column of how often they occur together; by default the third column, and 1 a row where
            there is none.
        items : sequence of ids or data frame, optional
            Fixes the items and their order, and keeps those without a pair. A table brings titles.
        item_id, title : hashable, optional
            Columns of `items` where it is a table; by default found by their usual names.

        Returns
        -------
        Cooccurrence
            Rows of one pair add up. Where a table with counts has pairs in both orders, they are
            X's two halves: they must agree, and count once. An item with itself is left out.

        Raises
        ------
        ValueError
            If a column is not there, a value is missing or negative, a pair has another count in
            the other order, or `items` lacks an item.
        TypeError
            If table is no data frame, or counts are no numbers.

        Examples
        --------
        >>> import pandas as pd
        >>> import movieembed as me
        >>> rows = [("Emma", "Ulysses", 3), ("Emma", "Persuasion", 7)]
        >>> table = pd.DataFrame(rows, columns=["book", "other", "readers"])
        >>> X = me.Cooccurrence.from_pairs(table)
        >>> X, X.items.tolist()
        (Cooccurrence(3 items, 2 pairs), ['Emma', 'Persuasion', 'Ulysses'])
        """
        read = frames.as_table(table, "table")
        if read is None:
            raise TypeError(f"table must be {ACCEPTED}; got {type(table).__name__}")
        labels = _columns_of_pairs(read, a, b, count)
        columns = frames.complete_columns(read, labels, "table", drop=False)
        # Of a file, integers may have been proven in one of the two alone.
        sides = of_one_kind(columns["a"].to_numpy(), columns["b"].to_numpy())
        both = np.concatenate([np.asarray(side, dtype=object) for side in sides])
        if np.result_type(*sides).kind in "iu":  # int64 and uint64 would be float64
            both = np.concatenate(sides)
        codes, ids = encode(both, "table")
        titles = None
        if items is not None or item_id is not None or title is not None:
            wanted, titles, _ = frames.item_labels(on_host(items), item_id, title, None)
            ids, codes = wanted, _places_in(wanted, ids)[codes]
        first, second = np.split(codes, 2)
        values = np.ones(len(first))
        if "count" in columns:
            values = frames.numbers(columns["count"], f"table column {labels['count']!r}")
            _check_counts(values, labels["count"])
        shape = len(ids), len(ids)
        half = sp.coo_array((values.astype(np.float64), (first, second)), shape=shape).tocsr()
        half = canonical_csr(half)
        dtype = values.dtype if "count" in columns else None
        return cls(_both_halves(half, ids, dtype), ids, titles)

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.items)

    @property
    def n_pairs(self) -> int:
        """Number of pairs of items that occur together."""
        return int(self.matrix.nnz) // 2

    @derived
    def item_counts(self) -> NDArray[np.int64]:
        """How many other items each occurs together with, int64 of shape (n_items,)."""
        counts: NDArray[np.int64] = np.diff(self.matrix.indptr).astype(np.int64)
        return counts

    def item_index(self) -> ItemIndex:
        """Return the index that finds items by id or title, built once.

        Examples
        --------
        >>> import movieembed as me
        >>> me.Cooccurrence([[0, 2], [2, 0]], items=[10, 20]).item_index().resolve(20)
        1
        """
        return self._item_index

    @derived
    def _item_index(self) -> ItemIndex:
        return ItemIndex(self.items, self.titles)

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        # What reads a matrix of users x items asks for an array.
        raise TypeError("likes, users x items, are needed; a Cooccurrence has no users")

    def __repr__(self) -> str:
        return f"Cooccurrence({self.n_items:,} items, {self.n_pairs:,} pairs)"


def _read(X: Any) -> tuple[Any, Any, Any]:
    """The numbers of X, and its ids and titles where it has them."""
    if isinstance(X, Cooccurrence):
        return X.matrix, X.items, X.titles
    X = on_host(X)
    if sp.issparse(X) or isinstance(X, np.ndarray | list | tuple):
        return X, None, None
    table = frames.as_table(X, "X")
    if table is None:
        return (np.asarray(X) if hasattr(X, "__array__") else X), None, None
    labels, rows = table.own_columns(), table.row_labels()
    values = columns_together(table, labels, "X")
    if rows is None:
        return values, None if table.numbered_columns() else labels, None
    labels = plain_labels(labels, np.asarray(rows))
    place = {label: row for row, label in enumerate(rows)}
    if len(rows) != len(labels) or set(place) != set(labels):
        strangers = [label for label in labels if label not in place] or rows
        raise ValueError(
            f"the rows and columns of X are not the same items: {strangers[0]!r} is not in both"
        )
    return values.tocsr()[[place[label] for label in labels]], labels, None


def _in_order_of(
    ids: NDArray[Any], matrix: Any, own: list[Any], titles: NDArray[np.object_] | None
) -> tuple[Any, NDArray[np.object_] | None]:
    """X, and its titles, with the items that it names in the order of `ids`; others are empty."""
    if matrix.shape != (len(own), len(own)):
        return matrix, titles
    places = places_of_names(own, ids, "X has {} rows")
    if places is None:
        return matrix, titles
    old = sp.coo_array(matrix)
    moved = old.data, (places[old.row], places[old.col])
    if titles is not None:
        titles, named = np.full(len(ids), "", dtype=object), titles
        titles[places] = named
    return sp.coo_array(moved, shape=(len(ids), len(ids))).tocsr(), titles


def _checked(X: Any) -> sp.csr_array:
    """X as a canonical symmetric matrix with an empty diagonal."""
    matrix = canonical_csr(X)
    n_rows, n_columns = matrix.shape
    if n_rows != n_columns:
        raise ParameterError(f"X must be items x items, not {n_rows} x {n_columns}", "X")
    if matrix.nnz and matrix.data.min() < 0:
        raise ParameterError(f"X has negative numbers, such as {matrix.data.min():g}", "X")
    slack = _slack(X.dtype if hasattr(X, "dtype") else np.asarray(X).dtype, matrix)
    matrix.setdiag(0)
    matrix.eliminate_zeros()
    other = sp.csr_array(matrix.T)
    apart = abs(matrix.astype(np.float64) - other).tocoo()
    if apart.nnz and (worst := _worst(apart, matrix.maximum(other), slack)) is not None:
        i, j = worst
        what = f"X is not symmetric: it is {matrix[i, j]:g} at row {i}, column {j} and "
        what += f"{matrix[j, i]:g} at row {j}, column {i}, the most apart of {apart.nnz // 2} pairs"
        if matrix.multiply(other).nnz == 0:
            what += "; if each pair stands there once, pass X + X.T"
        raise ParameterError(what, "X")
    if apart.nnz:
        matrix = canonical_csr((matrix.astype(np.float64) + other) / 2)
    return matrix


def _slack(dtype: np.dtype[Any], matrix: sp.csr_array) -> float:
    """How far apart rounding may set two entries that are small beside what they were made of."""
    if (matrix.data == np.floor(matrix.data)).all():  # counts
        return 0.0
    kind = dtype if dtype.kind == "f" else np.float64
    return _ROUNDINGS * float(np.finfo(kind).eps) * float(matrix.data.max())


def _worst(apart: sp.coo_array, larger: sp.csr_array, slack: float) -> tuple[int, int] | None:
    """Where two halves of X are the most apart, if an entry differs by more than rounding."""
    beyond = apart.data > slack + ROUNDING * np.asarray(larger[apart.row, apart.col]).ravel()
    if not beyond.any():
        return None
    worst = int(np.argmax(np.where(beyond, apart.data, 0)))
    return int(apart.row[worst]), int(apart.col[worst])


def _check_counts(values: NDArray[Any], label: Hashable) -> None:
    """Raise ValueError unless counts are numbers from 0 on."""
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(wrong):
        what = "{count}: column {label!r} holds {value:g} in row {row}, where a count is from 0 on"
        row = int(wrong[0])
        raise ParameterError(Message(what, label=label, value=values[row], row=row), "count")


def _columns_of_pairs(
    table: frames.Table, a: Hashable | None, b: Hashable | None, count: Hashable | None
) -> dict[str, Any]:
    """The labels of "a", "b" and, if there is one, "count", as given or in their order."""
    given = {"a": a, "b": b, "count": count}
    rest = [label for label in table.columns if label not in given.values()]
    labels = {}
    for role, label in given.items():
        if label is None and not rest:
            if role == "count":
                continue
            what = "table has no column for {role}: it takes two of items"
            raise ParameterError(Message(what, role=role), role)
        wanted = rest.pop(0) if label is None else label
        labels[role] = find_column(table.columns, wanted, (), argument="table", role=role)
    return labels


def _places_in(wanted: NDArray[Any], ids: NDArray[Any]) -> NDArray[np.int64]:
    """The places of ids among those of `items`."""
    places = {id_: place for place, id_ in enumerate(wanted.tolist())}
    strangers = [id_ for id_ in ids.tolist() if id_ not in places]
    if strangers:
        raise ParameterError(
            f"table names {len(strangers)} items that items lacks, such as {strangers[0]!r}",
            "items",
        )
    return np.array([places[id_] for id_ in ids.tolist()], dtype=np.int64)


def _both_halves(
    half: sp.csr_array, ids: NDArray[Any], dtype: np.dtype[Any] | None
) -> sp.csr_array:
    """X of pairs, each in one order or in both, by counts of a type or without any."""
    slack = 0.0 if dtype is None else _slack(dtype, half)
    half.setdiag(0)
    half.eliminate_zeros()
    other = sp.csr_array(half.T)
    twice = (half != 0).multiply(other != 0)
    if dtype is None or not twice.nnz:
        return half + other
    differ = twice.multiply(abs(half - other)).tocoo()
    if differ.nnz and (worst := _worst(differ, half.maximum(other), slack)) is not None:
        i, j = worst
        x, y = ids.tolist()[i], ids.tolist()[j]
        raise ParameterError(
            f"table has {half[i, j]:g} for {x!r} with {y!r} and {half[j, i]:g} for {y!r} with "
            f"{x!r}: each pair counts once, or the same in both orders",
            "table",
        )
    return half.maximum(other)
