"""The co-occurrence matrix X: how many users liked both of two items."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed._base.arrays import holds_ones
from movieembed._base.gpu_arrays import is_on_gpu, on_gpu_of
from movieembed._base.threads import resolve_n_jobs
from movieembed._base.validation import check_count
from movieembed.data.distributed.likes import DistributedLikes
from movieembed.data.given_cooccurrence import Cooccurrence
from movieembed.data.likes import Likes, as_likes, likes_matrix
from movieembed.operators.cooccurrence_matrix import blocks_of_work, cooccurrence_within, row_blocks
from movieembed.operators.core_csr import core_csr, core_pair
from movieembed.operators.dask import statistics

if TYPE_CHECKING:
    from movieembed.operators.cuda.statistics import RowStatistics


def cooccurrence(
    likes: Likes | Any, *, n_jobs: int | None = None, progress: bool | None = None
) -> sp.csr_array:
    """The exact sparse co-occurrence matrix X = L'L with a zero diagonal.

    Parameters
    ----------
    likes : Likes, Cooccurrence, or users x items matrix or data frame
        L, 0/1 or real weights.
    n_jobs : int, optional
        Threads; None and -1 use all cores.
    progress : bool, optional
        Show a bar; by default where standard error is a terminal.

    Returns
    -------
    csr_array of int64 (float64 for weights), shape (n_items, n_items)
        Symmetric, indices sorted, nothing stored on the diagonal.

    Raises
    ------
    TypeError, ValueError
        When `likes` is malformed, or is X itself.

    Notes
    -----
    Takes the sum over users of (number of likes)^2 multiply-adds: each row is computed where it is
    stored. Memory is that of X (12 bytes an entry), at most 2 MiB of bitsets while it is built,
    and one row a thread. X is not sparse for long: at the 20,720 items of MovieLens 20M it is 21 %
    dense.
    :func:`cooccurrence_sums` and :func:`cooccurrence_top_k` do without it.

    Examples
    --------
    >>> import movieembed as me
    >>> X = me.cooccurrence([[1, 1, 0], [1, 1, 1]])
    >>> X.toarray()
    array([[0, 2, 1],
           [2, 0, 1],
           [1, 1, 0]])
    """
    if isinstance(likes, Cooccurrence):
        return likes.matrix.copy()
    return cooccurrence_within(likes_matrix(likes), resolve_n_jobs(n_jobs), progress)


def cooccurrence_sums(
    likes: Likes | Any, *, n_jobs: int | None = None, progress: bool | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Row sums of squares and row sums of X, without X.

    Parameters
    ----------
    likes, n_jobs, progress
        As :func:`cooccurrence`.

    Returns
    -------
    sum_squares : ndarray of float64, shape (n_items,)
        Sum over j != i of X_ij^2; they add up to the cost of the zero embedding.
    totals : ndarray of float64, shape (n_items,)
        Sum over j != i of X_ij.

    Raises
    ------
    TypeError, ValueError
        When `likes` is malformed, or is X itself.

    Notes
    -----
    Exact for 0/1 likes, and then of half the sum over users of (number of likes)^2 multiply-adds,
    many of them a vector operation; memory is some 20 bytes a like and 64 bytes an item and thread.
    Weights take twice as many multiply-adds, one by one, and one row of n_items numbers a thread.
    A matrix on a GPU (CuPy) is worked on there, where it fits twice into half of the free memory;
    `n_jobs` is then not used. The results are NumPy's, and for 0/1 likes the same.

    Examples
    --------
    >>> import movieembed as me
    >>> me.cooccurrence_sums([[1, 1, 0], [1, 1, 1]])
    (array([5., 5., 2.]), array([3., 3., 2.]))
    """
    if isinstance(likes, DistributedLikes):
        return statistics.row_sums(likes.cluster, likes.parts)
    if isinstance(likes, Cooccurrence):
        return _sums_of_rows(likes.matrix)
    matrix = likes_matrix(likes)
    threads = resolve_n_jobs(n_jobs)
    if (there := _on_device(likes, matrix, 0, progress)) is not None:
        return there.sum_squares, there.totals
    if holds_ones(matrix.data):
        return _panels(matrix, 0, threads, progress, "row sums").sums()
    L, Lt = core_pair(matrix)
    squares, totals = np.zeros(matrix.shape[1]), np.zeros(matrix.shape[1])
    for first, last in row_blocks(matrix, progress, "row sums"):
        sums = _core.cooccurrence_row_sums(L, Lt, first, last, n_threads=threads)
        squares[first:last], totals[first:last] = sums
    return squares, totals


@overload
def cooccurrence_top_k(
    likes: Likes | Any,
    k: int,
    *,
    items: Iterable[Hashable] | None = None,
    return_sums: Literal[False] = False,
    n_jobs: int | None = None,
    progress: bool | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]: ...


@overload
def cooccurrence_top_k(
    likes: Likes | Any,
    k: int,
    *,
    items: Iterable[Hashable] | None = None,
    return_sums: Literal[True],
    n_jobs: int | None = None,
    progress: bool | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]: ...


def cooccurrence_top_k(
    likes: Likes | Any,
    k: int,
    *,
    items: Iterable[Hashable] | None = None,
    return_sums: bool = False,
    n_jobs: int | None = None,
    progress: bool | None = None,
) -> tuple[NDArray[Any], ...]:
    """The k largest entries of each row of X, without X.

    Parameters
    ----------
    likes : Likes, DistributedLikes, Cooccurrence or users x items matrix or data frame
    k : int
        At least 1. Where a row has fewer entries, or k exceeds the number of items, the rest is
        padding.
    items : list of ids or titles, optional
        Whose rows, in this order; by default those of all items.
    return_sums : bool
        Also return what :func:`cooccurrence_sums` does: for 0/1 likes both come from one pass.
    n_jobs, progress
        As :func:`cooccurrence`.

    Returns
    -------
    columns : ndarray of int64, shape (n_rows, k)
        Item columns by falling X_ij, ties by rising column; -1 where there are no more.
    values : ndarray of float64, shape (n_rows, k)
        X_ij, 0 where there are no more.
    sum_squares, totals : ndarrays of float64, shape (n_items,)
        Only with `return_sums`.

    Raises
    ------
    TypeError, ValueError
        When k is not a positive integer or `likes` is malformed.

    Notes
    -----
    Time, memory and place are those of :func:`cooccurrence_sums`; for 0/1 likes, 16 k bytes an item
    more while the best are sought, beside the result's own 16 k.

    Examples
    --------
    >>> import movieembed as me
    >>> me.cooccurrence_top_k([[1, 1, 0], [1, 1, 1]], k=1)
    (array([[1],
           [0],
           [0]]), array([[2.],
           [2.],
           [1.]]))
    """
    k = check_count(k, "k")
    if isinstance(likes, DistributedLikes):
        index = likes.item_index()
        rows = np.arange(len(index)) if items is None else index.resolve_many(items)
        found = statistics.top_k(likes.cluster, likes.parts, rows, k, likes.is_binary)
        return (*found, *cooccurrence_sums(likes)) if return_sums else found
    if items is not None:
        rows = likes_or_x(likes).item_index().resolve_many(items)
        every = cooccurrence_top_k(likes, k, return_sums=True, n_jobs=n_jobs, progress=progress)
        chosen = (every[0][rows], every[1][rows])
        return (*chosen, *every[2:]) if return_sums else chosen
    if isinstance(likes, Cooccurrence):
        best = _top_of_rows(likes.matrix, k)
        return (*best, *_sums_of_rows(likes.matrix)) if return_sums else best
    matrix = likes_matrix(likes)
    n_items = matrix.shape[1]
    inner = min(k, n_items)
    threads = resolve_n_jobs(n_jobs)
    if (there := _on_device(likes, matrix, k, progress)) is not None:
        return tuple(there) if return_sums else (there.columns, there.values)
    if holds_ones(matrix.data) and n_items:
        panels = _panels(matrix, inner, threads, progress, "top k")
        columns, values = panels.top_k(n_threads=threads)
        if inner < k:
            padding = ((0, 0), (0, k - inner))
            columns = np.pad(columns, padding, constant_values=-1)
            values = np.pad(values, padding)
        return (columns, values, *panels.sums()) if return_sums else (columns, values)
    L, Lt = core_pair(matrix)
    columns = np.full((n_items, k), -1, dtype=np.int64)
    values = np.zeros((n_items, k))
    for first, last in row_blocks(matrix, progress, "top k"):
        found = _core.cooccurrence_top_k(L, Lt, first, last, inner, n_threads=threads)
        columns[first:last, :inner], values[first:last, :inner] = found
    if not return_sums:
        return columns, values
    return (columns, values, *cooccurrence_sums(matrix, n_jobs=n_jobs, progress=progress))


def cooccurrence_frame(
    likes: Likes | Any, items: Iterable[Hashable], columns: Iterable[Hashable] | None = None
) -> pd.DataFrame:
    """A corner of X as a table with item ids, to look at.

    Parameters
    ----------
    likes : Likes, Cooccurrence, or users x items matrix or data frame
    items : iterable of ids or titles
        Rows.
    columns : iterable of ids or titles, optional
        Columns; by default the rows again.

    Returns
    -------
    DataFrame
        X_ij at the ids asked for; int64 for 0/1 likes.

    Raises
    ------
    ItemNotFoundError, AmbiguousTitleError
        When an item cannot be found by what was given.

    Examples
    --------
    >>> import movieembed as me
    >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], items=["x", "y", "z"])
    >>> me.cooccurrence_frame(likes, ["x", "y"], ["x", "y", "z"])
       x  y  z
    x  0  2  1
    y  2  0  1
    """
    likes = likes_or_x(likes)
    index = likes.item_index()
    rows = index.resolve_many(items)
    cols = rows if columns is None else index.resolve_many(columns)
    if isinstance(likes, Cooccurrence):
        corner = likes.matrix[rows][:, cols].toarray()
        return pd.DataFrame(corner, index=likes.items[rows], columns=likes.items[cols])
    L = likes.matrix.astype(np.float64).tocsc()
    corner = (L[:, rows].T @ L[:, cols]).toarray()
    corner[rows[:, None] == cols[None, :]] = 0
    if likes.is_binary:
        corner = corner.astype(np.int64)
    return pd.DataFrame(corner, index=likes.items[rows], columns=likes.items[cols])


def _sums_of_rows(X: sp.csr_array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Row sums of squares and row sums of X as it was given."""
    X = X.astype(np.float64)
    return (X**2).sum(axis=1), X.sum(axis=1)


def _top_of_rows(X: sp.csr_array, k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k largest entries of each row of X as it was given."""
    columns, values = np.full((X.shape[0], k), -1, dtype=np.int64), np.zeros((X.shape[0], k))
    for row in range(X.shape[0]):
        there = slice(X.indptr[row], X.indptr[row + 1])
        best = np.argsort(-X.data[there], kind="stable")[:k]
        columns[row, : len(best)] = X.indices[there][best]
        values[row, : len(best)] = X.data[there][best]
    return columns, values


def _on_device(
    likes: Any, matrix: sp.csr_array, k: int, progress: bool | None
) -> RowStatistics | None:
    """Sums and the k largest of the rows of X, if the likes are on a GPU and fit there."""
    if not is_on_gpu(likes):
        return None
    from movieembed.operators.cuda.device import cuda_device
    from movieembed.operators.cuda.statistics import row_statistics

    with on_gpu_of(likes):
        return row_statistics(matrix, k, cuda_device(), progress)


def _panels(
    matrix: sp.csr_array, k: int, threads: int, progress: bool | None, name: str
) -> _core.CooccurrencePanels:
    """The row sums and, unless k is 0, the top k of X, all panels added."""
    panels = _core.CooccurrencePanels(core_csr(matrix), k, n_threads=threads)
    for first, last in blocks_of_work(panels.work, matrix.shape[1], progress, name):
        panels.add(first, last, n_threads=threads)
    return panels


def likes_or_x(given: Likes | Cooccurrence | Any) -> Likes | Cooccurrence:
    """Return likes and a Cooccurrence as they are, or the likes of a matrix."""
    return given if isinstance(given, Cooccurrence) else as_likes(given)
