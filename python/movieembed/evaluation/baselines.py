"""Recommenders to compare with: each takes likes and returns a function from users to lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import lapack

import movieembed._core as _core
from movieembed._base.threads import resolve_n_jobs, serial_blas
from movieembed.data.likes import Likes, as_likes, likes_matrix
from movieembed.data.users_by_items import read_matrix
from movieembed.model.embedding import Embedding
from movieembed.model.neighbors import positions_among
from movieembed.model.taste import Taste

Recommend = Callable[[sp.csr_array, int], NDArray[np.int64]]
"""From what users like, (n_users, n_items), and n to their lists, (n_users, n): columns or -1."""

BLOCK_BYTES = 128 << 20
MOST_EASE_ITEMS = 20_000


def popularity(likes: Likes) -> Recommend:
    """The most liked items, the same for everybody.

    Parameters
    ----------
    likes : Likes

    Returns
    -------
    callable
        (given, n) -> columns.

    Examples
    --------
    >>> import movieembed as me
    >>> from movieembed import evaluation
    >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 0, 1], [1, 1, 0]])
    >>> evaluation.popularity(likes)(likes.matrix, 1).tolist()
    [[2], [1], [2]]
    """
    counts = as_likes(likes).item_counts.astype(np.float32)
    return _best_by(lambda some: np.tile(counts[:, None], some.shape[0]))


def item_cosine(likes: Likes) -> Recommend:
    """The largest sum of cosines between an item's column of likes and those of the given items.

    Parameters
    ----------
    likes : Likes

    Returns
    -------
    callable
        (given, n) -> columns. 2 nnz flops a user; nothing is stored but the likes.

    Examples
    --------
    >>> import movieembed as me
    >>> from movieembed import evaluation
    >>> likes = me.Likes.from_matrix([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]])
    >>> new = me.Likes.from_matrix([[1, 0, 0, 0]])
    >>> evaluation.item_cosine(likes)(new.matrix, 2).tolist()
    [[1, 2]]
    """
    L = likes_matrix(likes).astype(np.float32)
    lengths = np.sqrt(np.bincount(L.indices, weights=L.data**2, minlength=L.shape[1]))
    scale = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    unit = L @ sp.diags_array(scale.astype(np.float32))
    transposed = sp.csr_array(unit.T)

    def scores(some: sp.csr_array) -> NDArray[Any]:
        # Their own cosines, 1, come along for the given items alone, which are left out.
        wanted = some.astype(np.float32).toarray().T
        return np.asarray(transposed @ (unit @ wanted), dtype=np.float32)

    return _best_by(scores)


def ease(likes: Likes, regularization: float = 100.0) -> Recommend:
    """The dense linear recommender EASE (Steck, WWW 2019), by an n_items x n_items inverse.

    Parameters
    ----------
    likes : Likes
    regularization : float, default=100
        lambda, what is added to the diagonal of the items' Gram matrix before it is inverted.

    Returns
    -------
    callable
        (given, n) -> columns.

    Raises
    ------
    ValueError
        With more than 20,000 liked items, whose inverse would take over 3 GB.

    Examples
    --------
    >>> import movieembed as me
    >>> from movieembed import evaluation
    >>> likes = me.Likes.from_matrix([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]])
    >>> new = me.Likes.from_matrix([[1, 0, 0, 0]])
    >>> evaluation.ease(likes, 1.0)(new.matrix, 1).tolist()
    [[1]]
    """
    likes = as_likes(likes)
    used = np.flatnonzero(likes.item_counts)
    if len(used) > MOST_EASE_ITEMS:
        raise ValueError(
            f"dense EASE inverts a matrix of {len(used):,} x {len(used):,}; it is offered up to "
            f"{MOST_EASE_ITEMS:,} items. MovieEmbedding with refine does the same without one"
        )
    L = likes.matrix[:, used].astype(np.float64)
    gram = (L.T @ L).toarray()
    gram[np.diag_indices_from(gram)] += regularization
    B, _ = lapack.dpotri(lapack.dpotrf(gram, lower=True)[0], lower=True)  # the lower triangle
    B += np.tril(B, -1).T
    B /= -np.diag(B).copy()
    np.fill_diagonal(B, 0)
    B = B.astype(np.float32)

    def scores(some: sp.csr_array) -> NDArray[Any]:
        out = np.full((some.shape[1], some.shape[0]), -np.inf, dtype=np.float32)
        out[used] = (some[:, used].astype(np.float32) @ B).T
        return out

    return _best_by(scores)


def als(
    likes: Likes,
    factors: int = 64,
    regularization: float = 0.01,
    alpha: float = 1.0,
    iterations: int = 15,
    random_state: int = 0,
) -> Recommend:
    """Weighted matrix factorisation by the package implicit (Hu, Koren and Volinsky, ICDM 2008).

    Parameters
    ----------
    likes : Likes
    factors, regularization, alpha, iterations, random_state
        As implicit's AlternatingLeastSquares takes them.

    Returns
    -------
    callable
        (given, n) -> columns; users are folded in from what is given.

    Raises
    ------
    ImportError
        Without implicit, with the command that installs it.

    Examples
    --------
    >>> import movieembed as me
    >>> from movieembed import evaluation
    >>> likes = me.Likes.from_matrix([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]])
    >>> new = me.Likes.from_matrix([[1, 0, 0, 0]])
    >>> evaluation.als(likes, factors=2)(new.matrix, 1).tolist()  # doctest: +SKIP
    [[1]]
    """
    solver = implicit_als()
    with serial_blas():
        model = solver(
            factors=factors,
            regularization=regularization,
            alpha=alpha,
            iterations=iterations,
            random_state=random_state,
        )
        model.fit(sp.csr_matrix(likes_matrix(likes).astype(np.float32)), show_progress=False)

    def recommend(given: sp.csr_array, n: int) -> NDArray[np.int64]:
        rows = sp.csr_matrix(given.astype(np.float32))
        with serial_blas():
            columns, scores = model.recommend(
                np.arange(given.shape[0]), rows, N=n, recalculate_user=True
            )
        return np.where(scores > np.finfo(np.float32).min, columns, -1).astype(np.int64)

    return recommend


def implicit_als() -> Any:
    """The class of implicit, or an ImportError that says how to install it."""
    try:
        from implicit.cpu.als import AlternatingLeastSquares
    except ImportError as error:
        raise ImportError(
            "the ALS baseline needs implicit: pip install 'movieembed[evaluation]'"
        ) from error
    return AlternatingLeastSquares


def movieembed(likes: Likes, **parameters: Any) -> Recommend:
    """The recommendations of a :class:`movieembed.MovieEmbedding`, to be compared with others.

    Parameters
    ----------
    likes : Likes
    **parameters
        Of the estimator; `random_state` is 0 and `keep_likes` true unless given.

    Returns
    -------
    callable
        (given, n) -> columns.

    Examples
    --------
    >>> import movieembed as me
    >>> from movieembed import evaluation
    >>> likes = me.Likes.from_matrix([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]])
    >>> new = me.Likes.from_matrix([[1, 0, 0, 0]])
    >>> evaluation.movieembed(likes, n_components=2)(new.matrix, 1).tolist()
    [[1]]
    """
    given = {"random_state": 0, "keep_likes": True, **parameters}
    model = Embedding(**given).fit(as_likes(likes))

    def recommend(given: sp.csr_array, n: int) -> NDArray[np.int64]:
        columns = model.recommend(Taste(given, single=False), n)[0]
        return np.pad(columns, ((0, 0), (0, n - columns.shape[1])), constant_values=-1)

    return recommend


def _best_by(scores: Callable[[sp.csr_array], NDArray[Any]]) -> Recommend:
    """Recommend the best, what is given left out, by scores (n_items, users) of blocks of users."""

    def recommend(given: sp.csr_array, n: int) -> NDArray[np.int64]:
        given = read_matrix(given).canonical(rows_are_users=True)
        n_users, n_items = given.shape
        found = np.full((n_users, n), -1, dtype=np.int64)
        inner = min(n, n_items)
        size = max(16, BLOCK_BYTES // max(1, 4 * n_items))
        for start in range(0, n_users, size):
            some = given[start : start + size]
            columns, values = _core.top_k_columns(
                np.ascontiguousarray(scores(some)),
                inner,
                *positions_among(np.arange(n_items), some),
                n_threads=resolve_n_jobs(None),
            )
            found[start : start + size, :inner] = np.where(np.isfinite(values), columns, -1)
        return found

    return recommend
