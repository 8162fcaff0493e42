"""A ratings table as a users x items matrix of likes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.gpu_arrays import on_host
from movieembed._base.validation import check_option, check_threshold
from movieembed.data import frames as tables
from movieembed.data.canonical_csr import blocks, canonical_csr
from movieembed.data.items import ItemIndex
from movieembed.data.movielens import MOVIELENS_URL, load_compact
from movieembed.data.ratings import (
    Duplicates,
    RaiseOrDrop,
    Rows,
    encode,
    match_items,
    one_each,
    rows_of_matrix,
    rows_of_table,
)

__all__ = ["Likes"]


@dataclass(frozen=True, eq=False, repr=False)
class Likes:
    """Who liked what: a sparse matrix with the ids of its rows and columns.

    Build it with `from_ratings`, `from_movielens` or `from_matrix`; calling the class itself
    checks its arguments as `from_matrix` does.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array of shape (n_users, n_items)
        1 (float32) where the user liked the item, or finite weights (float32 or float64).
        Canonical: sorted indices, no duplicates, no stored zeros.
    users : ndarray of shape (n_users,)
        Id of each row.
    items : ndarray of shape (n_items,)
        Id of each column.
    titles : ndarray of str objects of shape (n_items,), or None
        Title of each column, "" where unknown.
    item_table : pandas.DataFrame of n_items rows, or None
        The item table, aligned with `items`.

    Notes
    -----
    Integer ids are int64, other ids are as given; string ids are kept in object arrays. Two
    `Likes` are equal only if they are the same object.

    Examples
    --------
    >>> import pandas as pd
    >>> from movieembed.data.likes import Likes
    >>> ratings = pd.DataFrame(
    ...     {"userId": [7, 7, 3], "movieId": [10, 20, 10], "rating": [5.0, 2.0, 4.0]}
    ... )
    >>> likes = Likes.from_ratings(ratings)
    >>> likes
    Likes(2 users x 2 items, 2 likes)
    >>> likes.users, likes.items
    (array([3, 7]), array([10, 20]))
    >>> likes.matrix.toarray()
    array([[1., 0.],
           [1., 0.]], dtype=float32)
    """

    matrix: sp.csr_array
    users: NDArray[Any]
    items: NDArray[Any]
    titles: NDArray[np.object_] | None = None
    item_table: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        self._check(canonical_csr(self.matrix))

    def _check(self, matrix: sp.csr_array) -> Self:
        """Keep a canonical matrix that nobody else holds, and check all else."""
        items = tables.as_ids(self.items, "items")
        users = tables.as_ids(self.users, "users")
        titles = None if self.titles is None else tables.as_titles(self.titles)
        _check_length(len(items), 1, matrix.shape, "items")
        _check_length(len(users), 0, matrix.shape, "users")
        if titles is not None:
            _check_length(len(titles), 1, matrix.shape, "titles")
        if self.item_table is not None:
            _check_length(len(self.item_table), 1, matrix.shape, "item_table")
        return self._set(matrix=matrix, users=users, items=items, titles=titles)

    def _set(self, **attributes: Any) -> Self:
        for name, value in attributes.items():
            object.__setattr__(self, name, value)
        return self

    @classmethod
    def from_ratings(
        cls,
        ratings: object,
        *,
        threshold: float | None = None,
        user: Hashable | None = None,
        item: Hashable | None = None,
        rating: Hashable | None = None,
        items: object = None,
        item_id: Hashable | None = None,
        title: Hashable | None = None,
        duplicates: Duplicates = "last",
        missing: RaiseOrDrop = "raise",
        unknown: RaiseOrDrop = "raise",
    ) -> Likes:
        """Turn a ratings table into likes: ``rating >= threshold``.

        Parameters
        ----------
        ratings : data frame or SciPy sparse matrix
            A row a rating, in a pandas, polars, PyArrow or other narwhals-supported frame (lazy
            ones are collected) or any object with the Arrow C stream interface; or a users x
            items sparse matrix whose stored values are the ratings.
        threshold : float or None
            Lowest rating that is a like. None is 4.0, or 1 where every rating is 0 or 1.
        user, item, rating : hashable or None
            Column labels; None looks for usual names, such as userId, movieId and rating, in
            any case. Without a rating column every row is a like.
        items : data frame, sequence of ids, or None
            Fixes the columns and their order, and keeps items that nobody rated. From a table,
            titles are read too. None takes the items that the ratings name.
        item_id, title : hashable or None
            Column labels in an item table; None looks for usual names.
        duplicates : {"last", "first", "max", "error"}
            Which rating counts where a user rated an item more than once; decided before the
            threshold is applied.
        missing : {"raise", "drop"}
            What to do with rows without a user, item or rating. Dropped rows count as absent.
        unknown : {"raise", "drop"}
            What to do with ratings of items that `items` lacks. Their users are kept.

        Returns
        -------
        Likes
            Users, and items unless `items` orders them, are sorted; where ids have no common
            order they keep that of their first appearance. Every user of the table has a row,
            liking anything or not.

        Raises
        ------
        ValueError
            If a column cannot be told, a value is missing, infinite, unknown or repeated where
            that is not allowed, or an option is not one of those listed.
        TypeError
            If ratings is of no accepted kind, ids are not hashable or ratings are not numbers.

        Warns
        -----
        UserWarning
            If no rating reaches the threshold, or if there is no rating column but there are
            others that may have been meant.

        Notes
        -----
        O(n) expected time for rows that come sorted by user and item, else O(n log k) for k ratings
        a user. Beside the table, some 20 bytes a row of memory, or 40 if they are not sorted.

        Examples
        --------
        >>> import pandas as pd
        >>> import movieembed as me
        >>> rows = [("ann", "Emma", 5), ("ann", "Ulysses", 2), ("bob", "Emma", 4)]
        >>> table = pd.DataFrame(rows, columns=["reader", "book", "stars"])
        >>> likes = me.Likes.from_ratings(
        ...     table, user="reader", item="book", rating="stars", threshold=4
        ... )
        >>> likes, likes.items.tolist(), likes.item_counts.tolist()
        (Likes(2 users x 2 items, 2 likes), ['Emma', 'Ulysses'], [2, 0])
        """
        check_option("duplicates", duplicates, ("last", "first", "max", "error"))
        check_option("missing", missing, ("raise", "drop"))
        check_option("unknown", unknown, ("raise", "drop"))
        if threshold is not None:
            threshold = check_threshold(threshold)
        labels = None if items is None else tables.item_labels(items, item_id, title, item)

        if sp.issparse(ratings):
            if not (user is None and item is None and rating is None):
                raise ValueError("user, item and rating name columns of a table, not of a matrix")
            rows = rows_of_matrix(ratings, missing)
            if labels is not None:
                shape = len(rows.user_ids), len(rows.item_ids)
                _check_length(len(labels[0]), 1, shape, "items")
                rows.item_ids = labels[0]
        else:
            rows = rows_of_table(ratings, user, item, rating, missing)
            if labels is not None:
                match_items(rows, labels[0], unknown)
        if threshold is not None and rows.ratings is None:
            raise ValueError(
                f"threshold={threshold} needs ratings, but no column looks like the rating; "
                "say which one it is with rating=..."
            )
        titles, table = (None, None) if labels is None else labels[1:]
        return cls._of_rows(rows, threshold, duplicates, titles, table)

    @classmethod
    def from_movielens(
        cls,
        source: str | os.PathLike[str] = "ml-latest-small",
        threshold: float | None = 4.0,
        *,
        duplicates: Duplicates = "last",
        unknown: RaiseOrDrop = "raise",
        cache_dir: str | os.PathLike[str] | None = None,
        base_url: str = MOVIELENS_URL,
        progress: bool | None = None,
    ) -> Likes:
        r"""Read the likes of a MovieLens data set without a table of its ratings.

        Gives what `load_movielens` and then `from_ratings`, with ``items=movies``, give.

        Parameters
        ----------
        source : path or str
            A folder, a .zip or a name to download, as for `movieembed.load_movielens`.
        threshold : float or None
            Lowest rating that is a like. None is 4.0, or 1 where every rating is 0 or 1.
        duplicates, unknown
            As for `from_ratings`.
        cache_dir, base_url, progress
            As for `movieembed.load_movielens`.

        Returns
        -------
        Likes
            A column for each film of the data set, rated or not, in its order, with titles.

        Raises
        ------
        FileNotFoundError, ValueError, TypeError, DownloadError
            As `movieembed.load_movielens` and `from_ratings`.

        Warns
        -----
        UserWarning
            If no rating reaches the threshold.

        Notes
        -----
        Some 20 bytes of memory a rating, and 25 MB a core for the block of the file that it reads.
        Timestamps are checked and not kept.

        Examples
        --------
        >>> import os, tempfile
        >>> import movieembed as me
        >>> files = {
        ...     "ratings.dat": "1::10::5::978300760\n1::20::3::978302109\n",
        ...     "movies.dat": "10::Heat (1995)::Crime\n20::Up (2009)::Drama\n",
        ... }
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name, text in files.items():
        ...         with open(os.path.join(folder, name), "w") as file:
        ...             _ = file.write(text)
        ...     me.Likes.from_movielens(folder)
        Likes(1 users x 2 items, 1 likes)
        """
        return movielens_likes(
            source,
            threshold,
            duplicates=duplicates,
            unknown=unknown,
            cache_dir=cache_dir,
            base_url=base_url,
            progress=progress,
        )[0]

    @classmethod
    def _of_rows(
        cls,
        rows: Rows,
        threshold: float | None,
        duplicates: Duplicates,
        titles: NDArray[np.object_] | None,
        table: pd.DataFrame | None,
        stacklevel: int = 4,
    ) -> Likes:
        """Likes of checked rows, which are used up: an array as large as they is let go early."""
        matrix = matrix_of_rows(
            rows, duplicates, lambda values: _reaching(values, threshold, stacklevel + 2)
        )
        return object.__new__(cls)._set(
            matrix=matrix,
            users=rows.user_ids,
            items=rows.item_ids,
            titles=titles,
            item_table=table,
        )

    @classmethod
    def from_matrix(
        cls,
        matrix: object,
        *,
        users: object = None,
        items: object = None,
        titles: object = None,
        item_id: Hashable | None = None,
        title: Hashable | None = None,
    ) -> Likes:
        """Take a users x items matrix whose nonzeros are likes or weights as they are.

        Parameters
        ----------
        matrix : SciPy sparse matrix or array, or ndarray, of shape (n_users, n_items)
            Real and finite, of any sparse format. Duplicates are summed, stored zeros dropped.
            It is copied, never modified. One on a GPU (CuPy) is copied to the host.
        users, items : sequence of ids, or None
            Ids of the rows and columns; None numbers them from 0. `items` may be a table.
        titles : sequence of str, or None
            Titles of the columns.
        item_id, title : hashable or None
            Column labels if `items` is a table; None looks for usual names.

        Returns
        -------
        Likes
            Integer weights become float32 where that is exact, else float64.

        Raises
        ------
        ValueError
            If a value is NaN or infinite, the sparse structure is malformed, or lengths and
            shape disagree.
        TypeError
            If matrix is of no accepted kind or not of real numbers.

        Notes
        -----
        O(nnz + n_users + n_items) time; unsorted rows are sorted, each in O(k log k).

        Examples
        --------
        >>> import movieembed as me
        >>> titles = ["Heat (1995)", "Up (2009)"]
        >>> me.Likes.from_matrix([[1, 0], [1, 1]], items=[10, 20], titles=titles)
        Likes(2 users x 2 items, 3 likes)
        """
        matrix, users, items, titles = map(on_host, (matrix, users, items, titles))
        checked = canonical_csr(matrix)
        table = None
        item_ids = np.arange(checked.shape[1])
        if items is not None:
            item_ids, found, table = tables.item_labels(items, item_id, title, None)
            if titles is None:
                titles = found
        user_ids = np.arange(checked.shape[0]) if users is None else users
        likes = object.__new__(cls)
        likes._set(users=user_ids, items=item_ids, titles=titles, item_table=table)
        return likes._check(checked)

    @property
    def shape(self) -> tuple[int, int]:
        """(n_users, n_items)."""
        return self.n_users, self.n_items

    @property
    def n_users(self) -> int:
        """Number of rows."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of columns."""
        return len(self.items)

    @property
    def n_likes(self) -> int:
        """Number of stored likes or weights."""
        return int(self.matrix.nnz)

    @cached_property
    def item_counts(self) -> NDArray[np.int64]:
        """Stored likes of each item, int64 of shape (n_items,)."""
        return np.bincount(self.matrix.indices, minlength=self.n_items).astype(np.int64)

    @cached_property
    def is_binary(self) -> bool:
        """Whether every stored value is 1."""
        return bool((self.matrix.data == 1).all())

    def item_index(self) -> ItemIndex:
        """Return the index that finds columns by id or title, built once.

        Examples
        --------
        >>> import movieembed as me
        >>> likes = me.Likes.from_matrix([[1, 1]], titles=["Heat (1995)", "Up (2009)"])
        >>> likes.item_index().resolve("up")
        1
        """
        return self._item_index

    @cached_property
    def _item_index(self) -> ItemIndex:
        return ItemIndex(self.items, self.titles)

    def __repr__(self) -> str:
        return f"Likes({self.n_users:,} users x {self.n_items:,} items, {self.n_likes:,} likes)"

    def _repr_html_(self) -> str:
        from movieembed.data.notebook import likes_html

        return likes_html(self)


def matrix_of_rows(
    rows: Rows, duplicates: Duplicates, reaching: Callable[[NDArray[Any]], NDArray[np.bool_]]
) -> sp.csr_array:
    """The matrix of ones where a rating is reaching, canonical; rows without ratings are likes."""
    users, columns, values = one_each(rows, duplicates)
    n_users, n_items = len(rows.user_ids), len(rows.item_ids)
    starts = np.searchsorted(users, np.arange(n_users + 1, dtype=users.dtype))
    if values is not None:
        liked = np.flatnonzero(reaching(values))
        starts, columns = np.searchsorted(liked, starts), columns[liked]
    largest = max(len(columns), n_users, n_items)
    index = np.int32 if largest <= np.iinfo(np.int32).max else np.int64
    matrix = sp.csr_array(
        (
            np.ones(len(columns), dtype=np.float32),
            columns.astype(index, copy=False),
            starts.astype(index),
        ),
        shape=(n_users, n_items),
    )
    matrix.has_canonical_format = True
    return matrix


def movielens_likes(
    source: str | os.PathLike[str],
    threshold: float | None,
    *,
    duplicates: Duplicates = "last",
    unknown: RaiseOrDrop = "raise",
    **where: Any,
) -> tuple[Likes, int]:
    """The likes of a MovieLens data set, and how many ratings it has."""
    check_option("duplicates", duplicates, ("last", "first", "max", "error"))
    check_option("unknown", unknown, ("raise", "drop"))
    if threshold is not None:
        threshold = check_threshold(threshold)
    columns, movies = load_compact(source, **where)
    n_ratings = len(columns["rating"])
    users, user_ids = encode(columns.pop("userId"), "userId", overwrite=True)
    items, item_ids = encode(columns.pop("movieId"), "movieId", overwrite=True)
    rows = Rows(users, items, columns.pop("rating"), user_ids, item_ids)
    del users, items
    match_items(rows, tables.as_ids(movies["movieId"].to_numpy(), "items"), unknown)
    titles = tables.as_titles(movies["title"].to_numpy())
    if threshold is not None and rows.ratings is not None and rows.ratings.dtype == np.float32:
        threshold = _rounded_up(threshold)
    return Likes._of_rows(rows, threshold, duplicates, titles, movies, 5), n_ratings


def _rounded_up(threshold: float) -> float:
    """The least float32 from threshold on: numbers of 32 bits reach both or neither."""
    with np.errstate(over="ignore"):
        nearest = np.float32(threshold)
    # As Python floats: NumPy would round the threshold to 32 bits to compare the two.
    reached = float(nearest) >= threshold
    return float(nearest if reached else np.nextafter(nearest, np.float32(np.inf)))


def _reaching(values: NDArray[Any], threshold: float | None, stacklevel: int) -> NDArray[np.bool_]:
    """Which ratings are likes; warns if none is."""
    if threshold is None:
        binary = len(values) and all(
            bool(((values[block] == 0) | (values[block] == 1)).all())
            for block in blocks(len(values))
        )
        threshold = 1.0 if binary else 4.0
    liked: NDArray[np.bool_] = values >= threshold
    if len(values) and not liked.any():
        warnings.warn(
            f"no likes: the highest rating is {values.max():g} and the threshold {threshold:g}",
            UserWarning,
            stacklevel=stacklevel,
        )
    return liked


def _check_length(length: int, axis: int, shape: tuple[int, int], argument: str) -> None:
    if length == shape[axis]:
        return
    message = (
        f"{argument} has {length} entries but the matrix, users x items, has shape {shape}: "
        f"{shape[axis]} {('users', 'items')[axis]}"
    )
    if length == shape[1 - axis]:
        message += "; it looks transposed (items x users): pass matrix.T"
    raise ValueError(message)


def as_likes(likes: Likes | Any) -> Likes:
    """Likes themselves, or those of a users x items matrix."""
    return likes if isinstance(likes, Likes) else Likes.from_matrix(likes)


def likes_matrix(likes: Likes | Any) -> sp.csr_array:
    """The users x items CSR of likes, or of a matrix that is checked like one."""
    return as_likes(likes).matrix
