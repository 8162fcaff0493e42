"""The items nearest to items: by cosine, by inner product, or by partial correlation."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.finite import check_finite, silent_overflow
from movieembed._base.progress import followed, progress_bar
from movieembed._base.table_file import check_table_path, write_tables
from movieembed._base.threads import resolve_n_jobs
from movieembed._base.validation import check_count, check_integer
from movieembed.exceptions import ItemWithoutLikesError
from movieembed.model.fitted_items import FittedItems, Method
from movieembed.model.neighbors import Candidates, Found
from movieembed.model.taste import as_table, is_single, table_of_lists, why_unembedded

# Items whose neighbours are found and written at a time: a whole number of the search's blocks.
BLOCK_ITEMS = 6144


def similar(
    fitted: FittedItems,
    items: Hashable | Iterable[Hashable],
    n: int = 10,
    *,
    method: Method | None = None,
    min_likes: int = 0,
    refine: int | None = None,
    regularization: float | None = None,
) -> pd.DataFrame:
    """The nearest items of one item, or of each of several.

    Parameters
    ----------
    items : id or title, or a list of them
        A title may leave out the year; see :class:`movieembed.data.items.ItemIndex`.
    n : int, default=10
        Rows an item; fewer where fewer items have likes.
    method : {"weighted", "cosine", "dot", "precision"}, optional
        By default "weighted": the cosine of vectors of the likes as `recommend` weighs them, where
        somebody who likes everything counts less. "cosine" is that of `embedding_`, and the default
        of models without a Gram matrix. "dot" approximates the number of users in common and
        favours popular items. "precision" is the partial correlation: what two items have in
        common beyond what all others explain; it finds few, close relatives, such as sequels. It
        goes by the same likes as "weighted".
    min_likes : int, default=0
        Leave out items with fewer likes.
    refine : int, optional
        With "precision": steps of conjugate gradients towards the inverse of L'L + lambda I
        itself; by default as many as the model chose. They need `keep_likes=True`.
    regularization : float, optional
        With "precision": lambda instead of `regularization_`.

    Returns
    -------
    DataFrame
        item (id), title (where titles are known), score; best first. For a list, a column
        `query` with the asked item's id comes first. The item itself and items without likes
        are left out.

    Raises
    ------
    ItemNotFoundError
        With suggestions.
    AmbiguousTitleError
        When a title stands for several items; pass the id.
    ItemWithoutLikesError
        When an item has no vector.
    NotFittedError
        Before `fit`.
    ValueError
        When an argument is none of those listed, or the model lacks what it needs.

    Examples
    --------
    >>> import movieembed as me
    >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
    >>> model = me.MovieEmbedding(1, random_state=0).fit(likes)
    >>> model.similar("A", n=1)["title"].tolist()
    ['B']
    """
    rows = fitted.index.resolve_many(items)
    method = fitted.check_method(method, "weighted")
    for row in rows[~fitted.embedded_by(method, fitted.check_steps(refine, method))[rows]]:
        raise ItemWithoutLikesError(why_unembedded(fitted.index, fitted.item_counts, row))
    found, scores = _nearest(fitted, rows, n, method, min_likes, refine, regularization)
    there = found >= 0
    table = as_table(fitted.index, found[there], scores[there])
    if not is_single(fitted.index, items):
        table.insert(0, "query", fitted.items[np.repeat(rows, there.sum(axis=1))])
    return table


def neighbors(
    fitted: FittedItems,
    n: int = 10,
    *,
    method: Method | None = None,
    min_likes: int = 0,
    refine: int | None = None,
    regularization: float | None = None,
    as_frame: bool = False,
    out: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> tuple[NDArray[np.int64], NDArray[Any]] | pd.DataFrame | str:
    """The nearest items of every item, as arrays, or as a table of ids here or in a file.

    Parameters
    ----------
    n, method, min_likes, refine, regularization
        As `similar`.
    as_frame : bool, default=False
        A table instead: query (an item's id), item, title (where titles are known), rank from 1,
        score.
    out : path, optional
        A file to write that table to: Parquet, CSV or Arrow, as its suffix says (.parquet, .csv,
        .arrow). It is written block after block of items, so that memory does not grow with them,
        and is there whole or not at all.
    progress : bool, optional
        Show a bar; by default where standard error is a terminal.

    Returns
    -------
    columns : ndarray of int64, shape (n_items, n)
        Positions in `items_`, best first; -1 where there are no more, and throughout for
        unembedded items.
    scores : ndarray, shape (n_items, n)
        -inf where there are no more. With `out` the path of the file instead of both.

    Raises
    ------
    NotFittedError, ValueError
        As `similar`; also when the suffix of `out` is none of those listed.

    Notes
    -----
    2 n_items^2 n_components flops.

    Examples
    --------
    >>> import movieembed as me
    >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
    >>> model.neighbors(n=1)[0].tolist()
    [[1], [0], [0]]
    """
    if out is not None:
        check_table_path(out, "out")
    starts = range(0, max(1, len(fitted)), BLOCK_ITEMS)
    ids = fitted.items

    def lists(start: int) -> Found:
        rows = np.arange(start, min(start + BLOCK_ITEMS, len(fitted)))
        return _nearest(fitted, rows, n, method, min_likes, refine, regularization)

    def table(start: int) -> pd.DataFrame:
        owners = ids[start : start + BLOCK_ITEMS]
        return table_of_lists(fitted.index, owners, *lists(start), "query")

    with progress_bar(len(starts), "neighbours", "block", progress) as bar:
        if out is not None:
            return write_tables(followed(map(table, starts), bar), out)
        if as_frame:
            return pd.concat(list(followed(map(table, starts), bar)), ignore_index=True)
        found, scores = zip(*followed(map(lists, starts), bar), strict=True)
    return np.concatenate(found), np.concatenate(scores)


@silent_overflow
def _nearest(
    fitted: FittedItems,
    rows: NDArray[np.int64],
    n: int,
    method: Any,
    min_likes: int,
    refine: Any,
    regularization: float | None,
) -> Found:
    """The nearest items of the items in some rows, themselves left out."""
    n = min(check_count(n, "n"), len(fitted))
    min_likes = check_integer(min_likes, "min_likes")
    method = fitted.check_method(method, "weighted")
    steps = fitted.check_steps(refine, method)
    embedded = fitted.embedded_by(method, steps)
    candidates = embedded & (fitted.item_counts >= min_likes)
    own = sp.csr_array(
        (np.ones(len(rows)), rows, np.arange(len(rows) + 1)), shape=(len(rows), len(fitted))
    )
    if method == "precision":
        # Partial correlations, -P_ij / sqrt(P_ii P_jj).
        value = fitted.check_lambda(regularization)
        if steps:
            refinement = fitted.refinement(value)
            lengths = np.sqrt(refinement.diagonal(steps))
            found, scores = refinement.best(own, n, candidates, -1 / lengths, steps, np.float64)
            scores = scores / lengths[rows][:, None].astype(scores.dtype)
            return _of_embedded(embedded[rows], found, scores)
        form = fitted.precision(value)
        lengths = np.sqrt(form.diagonal)[:, None]
        queries = (form.W[rows] @ form.K) / lengths[rows]
    else:
        queries = fitted.directions(method)[rows]

    def made() -> Candidates:
        items = form.W / lengths if method == "precision" else fitted.directions(method)
        return Candidates(check_finite(items, "the vectors of the items"), candidates)

    near = fitted.last("candidates by", (method, regularization, min_likes), made)
    found, scores = near.best(queries, n, own, resolve_n_jobs(fitted.n_jobs))
    return _of_embedded(embedded[rows], found, scores)


def _of_embedded(embedded: NDArray[np.bool_], found: NDArray[np.int64], scores: Any) -> Found:
    """Lists with finite scores, those of unembedded items empty."""
    check_finite(scores, "the scores", missing=found < 0)
    found[~embedded], scores[~embedded] = -1, -np.inf
    return found, scores
