"""Likes: who liked what, as a sparse users x items matrix with ids and titles."""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import holds_ones, sums_at
from movieembed._base.derived import derived
from movieembed._base.validation import check_threshold
from movieembed.data.canonical_csr import check_length, seen_beside
from movieembed.data.download import MOVIELENS_URL
from movieembed.data.from_ratings import read_movielens, read_ratings
from movieembed.data.ids import as_ids, as_titles
from movieembed.data.items import ItemIndex
from movieembed.data.notebook import likes_html
from movieembed.data.ratings import Decay, Duplicates, RaiseOrDrop
from movieembed.data.users_by_items import read_labelled, read_matrix


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
    threshold : float or None
        Lowest rating that is a like; None where there were no ratings.
    seen : scipy.sparse.csr_array of bool of shape (n_users, n_items), or None
        True where the user rated the item and did not like it; None where that is not known, as
        without ratings. Canonical.

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
    >>> likes.seen.nonzero()
    (array([1], dtype=int32), array([1], dtype=int32))
    """

    matrix: sp.csr_array
    users: NDArray[Any]
    items: NDArray[Any]
    titles: NDArray[np.object_] | None = None
    item_table: pd.DataFrame | None = None
    threshold: float | None = None
    seen: sp.csr_array | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", check_threshold(self.threshold))
        self._check(read_matrix(self.matrix).canonical(rows_are_users=True))

    def _check(self, matrix: sp.csr_array) -> Self:
        """Keep a canonical matrix that nobody else holds, and check all else."""
        items, users = as_ids(self.items, "items"), as_ids(self.users, "users")
        titles = None if self.titles is None else as_titles(self.titles)
        check_length(items, 1, matrix.shape, "items")
        check_length(users, 0, matrix.shape, "users")
        if titles is not None:
            check_length(titles, 1, matrix.shape, "titles")
        if self.item_table is not None:
            check_length(self.item_table, 1, matrix.shape, "item_table")
        seen = seen_beside(self.seen, matrix)
        return self._set(matrix=matrix, users=users, items=items, titles=titles, seen=seen)

    def _set(self, **attributes: Any) -> Self:
        for name, value in attributes.items():
            object.__setattr__(self, name, value)
        return self

    @classmethod
    def from_ratings(  # noqa: PLR0913 - the columns of two tables, and which of their rows count
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
        dislike_below: float | None = None,
        half_life: float | str | timedelta | np.timedelta64 | None = None,
        timestamp: Hashable | None = None,
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
        dislike_below : float or None
            Ratings from there up to the threshold count as absent, and their items may be
            recommended again. None keeps all that are no likes as `seen`, such as the 0 or -1 of
            what was read or watched and not rated.
        half_life : number, str, timedelta or None
            After which a like weighs half: its weight is ``2 ** (-age / half_life)``, its age that
            before the newest row of the table, and no less than 2**-40. A number is in the unit of
            the times, seconds where those are dates; text is as in "180 days". None weighs all
            alike.
        timestamp : hashable or None
            Label of the column of times for `half_life`, numbers, dates or text; None looks for
            usual names.

        Returns
        -------
        Likes
            Users, and items unless `items` orders them, are sorted; where ids have no common
            order they keep that of their first appearance. Every user of the table has a row,
            liking anything or not. What was rated and not liked is kept as `seen`.

        Raises
        ------
        ValueError
            If a column cannot be told, or holds fewer ids than the rows could be of; a value is
            missing, infinite, unknown or repeated where that is not allowed; an option is not
            one of those listed; or a time cannot be read.
        TypeError
            If ratings is of no accepted kind, ids are not hashable or ratings are not numbers.

        Warns
        -----
        UserWarning
            If no rating reaches the threshold, ratings beyond 5 meet the default one, users and
            items look swapped, or there is no rating column but others that may have been meant.

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
        attributes = read_ratings(
            ratings,
            threshold,
            (user, item, rating),
            items,
            (item_id, title),
            duplicates,
            missing,
            unknown,
            decay=Decay(half_life, timestamp),
            dislike_below=dislike_below,
        )
        return object.__new__(cls)._set(**attributes)

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

        The result is that of `load_movielens` and `from_ratings` with ``items=movies``.

        Parameters
        ----------
        source : path or str
            A folder, a .zip or a name, as for `movieembed.load_movielens`.
        threshold : float or None
            Lowest rating that is a like. None is 4.0, or 1 where every rating is 0 or 1.
        duplicates, unknown, cache_dir, base_url, progress
            As for `from_ratings` and `movieembed.load_movielens`.

        Returns
        -------
        Likes
            A column for each film of the data set, rated or not, in its order, with titles.

        Raises
        ------
        FileNotFoundError, ValueError, TypeError, DownloadError
            As `movieembed.load_movielens` and `from_ratings`.

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
        where = {"cache_dir": cache_dir, "base_url": base_url, "progress": progress}
        options = {"duplicates": duplicates, "unknown": unknown}
        return movielens_likes(source, threshold, **options, **where)[0]

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
        matrix : sparse or dense matrix, or data frame, of shape (n_users, n_items)
            Real and finite, of any sparse format, here or on a GPU (CuPy). Duplicates are summed,
            stored zeros dropped. It is copied, never modified. A sparse array of one dimension is
            one user. What NumPy masks is absent. The columns of a data frame are items, its index
            or a column such as userId the users.
        users, items : sequence of ids, or None
            Ids of rows and columns; None numbers them. `items` may be a table. The named columns of
            a data frame, if not mere numbers, are put in its order, with zeros for those it lacks.
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
            If a value is NaN or infinite, the sparse structure is malformed, lengths and shape
            disagree, or a frame has a row a rating. If without `users` the matrix is symmetric, as
            the co-occurrence matrix X is, which is made of likes.
        TypeError
            If matrix is of no accepted kind or not of real numbers.

        Examples
        --------
        >>> import movieembed as me
        >>> titles = ["Heat (1995)", "Up (2009)"]
        >>> me.Likes.from_matrix([[1, 0], [1, 1]], items=[10, 20], titles=titles)
        Likes(2 users x 2 items, 3 likes)
        """
        attributes = read_labelled(matrix, users, items, titles, (item_id, title))
        likes = object.__new__(cls)._set(**attributes)
        return likes._check(likes.matrix)

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

    @derived
    def item_counts(self) -> NDArray[np.int64]:
        """Stored likes of each item, int64 of shape (n_items,)."""
        return sums_at(self.matrix.indices, self.n_items).astype(np.int64)

    @derived
    def is_binary(self) -> bool:
        """Whether every stored value is 1."""
        return holds_ones(self.matrix.data)

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

    @derived
    def _item_index(self) -> ItemIndex:
        return ItemIndex(self.items, self.titles)

    def __repr__(self) -> str:
        return f"Likes({self.n_users:,} users x {self.n_items:,} items, {self.n_likes:,} likes)"

    def _repr_html_(self) -> str:
        return likes_html(self.matrix, self.items, self.titles, self.item_counts)


def movielens_likes(
    source: str | os.PathLike[str], threshold: float | None, **options: Any
) -> tuple[Likes, int]:
    """Return what `Likes.from_movielens` does, and how many ratings the data set has."""
    attributes, n_ratings = read_movielens(source, threshold, **options)
    return object.__new__(Likes)._set(**attributes), n_ratings


def as_likes(likes: Likes | Any) -> Likes:
    """Return likes as they are, or those of a users x items matrix."""
    return likes if isinstance(likes, Likes) else Likes.from_matrix(likes)


def likes_matrix(likes: Likes | Any) -> sp.csr_array:
    """Return the users x items CSR of likes, or of a matrix that is checked like one."""
    return as_likes(likes).matrix
