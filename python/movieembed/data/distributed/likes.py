"""Likes whose users are in parts on the workers of a Dask cluster."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from datetime import timedelta
from operator import getitem
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.validation import check_count, check_threshold
from movieembed.data.distributed import blocks, reading
from movieembed.data.distributed.cluster import Cluster, new_key
from movieembed.data.frames import labels_of_items
from movieembed.data.items import ItemIndex
from movieembed.data.likes import Likes
from movieembed.data.ratings import (
    Duplicates,
    RaiseOrDrop,
    check_pairs,
    check_rated,
    check_reading,
)


class DistributedLikes:
    """Likes on the workers of a Dask cluster, each user whole in one part.

    Build it with `from_ratings`, from a Dask dataframe or Parquet files, or with `from_likes`. A
    :class:`movieembed.MovieEmbedding` is fitted on it as on :class:`movieembed.Likes`.

    Attributes
    ----------
    n_users, n_items, n_likes : int
    items : ndarray of shape (n_items,)
        Id of each column.
    titles : ndarray of str objects of shape (n_items,), or None
    item_table : pandas.DataFrame of n_items rows, or None
    threshold : float or None
        Lowest rating that is a like; None where there were no ratings.
    item_counts : ndarray of int64 of shape (n_items,)
        Stored likes of each item.
    is_binary : bool
        Whether every stored value is 1.
    parts : list of distributed.Future
        The parts: :class:`movieembed.data.distributed.blocks.UserRows`.

    Notes
    -----
    A part is a Dask task, made again from its source when the worker that holds it is lost: from
    its files, or from arrays that the scheduler keeps. A worker holds 8 bytes a like and some 15
    more while it fits, and 5 bytes for each pair that was rated and not liked, which
    `recommend_users` leaves out.

    For one cut into parts, results have the same bits whichever workers do the work.

    Examples
    --------
    >>> import distributed
    >>> import movieembed as me
    >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1], [0, 1, 1]])
    >>> with distributed.Client(processes=False, dashboard_address=":0") as client:
    ...     spread = me.DistributedLikes.from_likes(likes, n_parts=2, client=client)
    ...     model = me.MovieEmbedding(1, random_state=0).fit(spread)
    >>> spread
    DistributedLikes(3 users x 3 items, 7 likes, 2 parts)
    >>> model.embedding_.shape
    (3, 1)
    """

    def __init__(
        self,
        cluster: Cluster,
        parts: list[Any],
        items: NDArray[Any],
        titles: NDArray[np.object_] | None = None,
        item_table: pd.DataFrame | None = None,
        threshold: float | None = None,
    ) -> None:
        self.cluster = cluster
        self.parts = parts
        self.items, self.titles, self.item_table = items, titles, item_table
        self.threshold = threshold
        counts = cluster.each("count", blocks.counted, parts)
        sizes = cluster.result(cluster.each("count", getitem, counts, 0))
        self.users_of_part = [int(n) for n, _ in sizes]
        self.is_binary = all(binary for _, binary in sizes)
        total = cluster.total("count", getitem, counts, 1)
        self.item_counts: NDArray[np.int64] = np.array(cluster.result(total), dtype=np.int64)
        self._index: ItemIndex | None = None

    @classmethod
    def from_ratings(
        cls,
        ratings: Any,
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
        n_parts: int | None = None,
        client: Any = None,
        progress: bool | None = None,
    ) -> Self:
        """Read ratings on the workers, and turn them into likes there.

        Parameters
        ----------
        ratings : Dask dataframe, path, or list of paths
            A row a rating. A path is one Parquet file, or a folder of them and of folders with
            more, in the order of their names with numbers in them by value; every worker must see
            it. Names that begin with "." or "_" are left out.
        threshold, user, item, rating, items, item_id, title, duplicates, missing, unknown, \
        dislike_below, half_life, timestamp
            As :meth:`movieembed.Likes.from_ratings`. Rows are in the order of the files or
            partitions.
        n_parts : int, optional
            By default one a worker, or fewer where the files are.
        client : distributed.Client, address, cluster, or None
            None takes the client that was made last in this process.
        progress : bool, optional
            Show bars; by default where standard error is a terminal.

        Returns
        -------
        DistributedLikes
            With the items, and the likes, that `Likes.from_ratings` finds.

        Raises
        ------
        ValueError, TypeError
            As `Likes.from_ratings`, with the file or partition that is at fault.
        OSError
            When a file cannot be read.
        ImportError, ClusterError
            When Dask is not installed or not there.

        Notes
        -----
        Each block is read once. The ids of the items are joined in a tree on the workers, and only
        they come to this process. Where the users of the blocks lie in ranges apart, as in ratings
        sorted by user, neighbouring blocks make a part; else the rows travel once, each to the part
        to which its user's id hashes. A worker holds some 10 bytes a rating of its share meanwhile.

        Examples
        --------
        >>> import distributed, os, tempfile
        >>> import pandas as pd
        >>> import movieembed as me
        >>> ratings = pd.DataFrame(
        ...     {"userId": [1, 2, 1, 2], "movieId": [5, 5, 7, 7], "rating": [5.0, 4.0, 4.5, 1.0]}
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for i in range(2):
        ...         part = ratings[2 * i : 2 * i + 2]
        ...         part.to_parquet(os.path.join(folder, f"{i}.parquet"))
        ...     with distributed.Client(processes=False, dashboard_address=":0"):
        ...         likes = me.DistributedLikes.from_ratings(folder, threshold=4)
        >>> likes, likes.items.tolist(), likes.item_counts.tolist()
        (DistributedLikes(2 users x 2 items, 3 likes, 1 parts), [5, 7], [2, 1])
        """
        threshold = check_reading(threshold, duplicates, missing, unknown)
        dislike_below = check_threshold(dislike_below, "dislike_below")
        if n_parts is not None:
            check_count(n_parts, "n_parts")
        labelled = labels_of_items(items, item_id, title, item)
        given, titles, table = (None, None, None) if labelled is None else labelled
        cluster = Cluster(client)
        sources = reading.find_sources(ratings, cluster)
        labels, time = reading.find_labels(
            sources, user, item, rating, timestamp, half_life is not None
        )
        check_rated(threshold, len(labels) == 3)
        check_rated(dislike_below, len(labels) == 3, "dislike_below")
        options = blocks.Options(
            threshold, duplicates, missing, unknown, dislike_below, half_life, time
        )
        parts, ids, least, n_rows = reading.read_parts(
            cluster, sources, labels, given, options, n_parts, progress
        )
        likes = cls(cluster, parts, ids, titles, table, least)
        if user is None or item is None:
            check_pairs(n_rows, likes.n_users, likes.n_items, *labels[:2])
        return likes

    @classmethod
    def from_likes(cls, likes: Likes, n_parts: int | None = None, client: Any = None) -> Self:
        """Send likes of this process to the workers, in parts of about as many likes each.

        Parameters
        ----------
        likes : Likes
        n_parts : int, optional
            By default one a worker.
        client : distributed.Client, address, cluster, or None
            As `from_ratings`.

        Returns
        -------
        DistributedLikes
            The scheduler keeps what it was sent, some 4 bytes a like and a pair seen, so that a
            lost part is made again: for more than that allows, use files and `from_ratings`.

        Raises
        ------
        TypeError
            When `likes` is something else.
        ImportError, ValueError, ClusterError
            When Dask is not installed or not there.

        Examples
        --------
        >>> import distributed
        >>> import movieembed as me
        >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]])
        >>> with distributed.Client(processes=False, dashboard_address=":0"):
        ...     me.DistributedLikes.from_likes(likes, n_parts=2)
        DistributedLikes(2 users x 3 items, 5 likes, 2 parts)
        """
        if not isinstance(likes, Likes):
            raise TypeError(f"likes must be Likes, not {type(likes).__name__}")
        if n_parts is not None:
            check_count(n_parts, "n_parts")
        cluster = Cluster(client)
        matrix = likes.matrix
        bounds = part_bounds(matrix.indptr, n_parts or cluster.n_workers())
        key = new_key("users")
        tasks = {}
        for p, (first, last) in enumerate(itertools.pairwise(bounds)):
            indptr, own = rows_between(matrix, first, last)
            seen: tuple[Any, ...] = ()
            if likes.seen is not None:
                seen_indptr, seen_own = rows_between(likes.seen, first, last)
                seen = likes.seen.indices[seen_own], seen_indptr
            tasks[key, p] = (
                blocks.from_arrays,
                None if likes.is_binary else matrix.data[own],
                matrix.indices[own],
                indptr,
                likes.n_items,
                likes.users[first:last],
                *seen,
            )
        parts = cluster.submit(tasks, list(tasks))
        return cls(cluster, parts, likes.items, likes.titles, likes.item_table, likes.threshold)

    @property
    def shape(self) -> tuple[int, int]:
        """(n_users, n_items)."""
        return self.n_users, self.n_items

    @property
    def n_users(self) -> int:
        """Number of rows."""
        return sum(self.users_of_part)

    @property
    def n_items(self) -> int:
        """Number of columns."""
        return len(self.items)

    @property
    def n_likes(self) -> int:
        """Number of stored likes or weights."""
        return int(self.item_counts.sum())

    def item_index(self) -> ItemIndex:
        """Return the index that finds columns by id or title, built once.

        Examples
        --------
        >>> import distributed
        >>> import movieembed as me
        >>> likes = me.Likes.from_matrix([[1, 1]], titles=["Heat (1995)", "Up (2009)"])
        >>> with distributed.Client(processes=False, dashboard_address=":0"):
        ...     me.DistributedLikes.from_likes(likes).item_index().resolve("up")
        1
        """
        if self._index is None:
            self._index = ItemIndex(self.items, self.titles)
        return self._index

    def __repr__(self) -> str:
        return (
            f"DistributedLikes({self.n_users:,} users x {self.n_items:,} items, "
            f"{self.n_likes:,} likes, {len(self.parts)} parts)"
        )


def part_bounds(indptr: NDArray[Any], n_parts: int) -> NDArray[np.int64]:
    """Return cuts between users that give parts about equal numbers of likes, at least one part."""
    n_users = len(indptr) - 1
    targets = np.linspace(0, float(indptr[-1]), max(1, min(n_parts, n_users)) + 1)
    cuts = np.searchsorted(indptr, targets)
    # The nearer end of the user whom a target falls into.
    cuts -= (cuts > 0) & (targets - indptr[cuts - 1] < indptr[cuts] - targets)
    cuts[0], cuts[-1] = 0, n_users
    inner = np.unique(cuts[1:-1]).astype(np.int64)
    return np.array([0, *inner[(inner > 0) & (inner < n_users)], n_users], dtype=np.int64)


def rows_between(matrix: sp.csr_array, first: int, last: int) -> tuple[NDArray[Any], slice]:
    """Return the pointers of some rows by themselves, and where their entries are."""
    indptr = matrix.indptr[first : last + 1]
    return indptr - indptr[0], slice(int(indptr[0]), int(indptr[-1]))


def with_items_first(likes: DistributedLikes, items: Sequence[Any]) -> None:
    """Raise ValueError unless the columns begin with these items."""
    if likes.items[: len(items)].tolist() != list(items):
        raise ValueError(
            "the likes must have the model's items first, in its order: read them with "
            "DistributedLikes.from_ratings(..., items=[*model.items_, *new])"
        )
