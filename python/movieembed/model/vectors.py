"""Vectors of items and of people: those whose products are scores, and people's in one space."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.finite import check_finite, silent_overflow
from movieembed._base.tables import table_of
from movieembed._base.validation import check_count
from movieembed.data.likes import Likes
from movieembed.data.users import is_single, shown
from movieembed.exceptions import ParameterError
from movieembed.model.fitted_items import FittedItems, Method
from movieembed.model.holdout import discounted
from movieembed.model.neighbors import embedded, top_k_neighbors
from movieembed.model.ranking import discount_of, scorer, scores_of
from movieembed.model.taste import as_taste
from movieembed.model.users import kept_rows


@silent_overflow
def item_vectors(fitted: FittedItems, method: Method | None = None) -> NDArray[Any]:
    """Vectors whose plain inner product ranks as this model does, for an index elsewhere.

    Parameters
    ----------
    method : {"weighted", "cosine", "dot", "precision"}, optional
        As `recommend`; for `similar`, all but "precision". By default that of `similar`.

    Returns
    -------
    ndarray, shape (n_items, n_components)
        Zero for unembedded items: leave them out of an index. Those of "precision" have the usual
        `popularity_discount`.

    See Also
    --------
    query_vectors : What they are multiplied with.
    movieembed.AnnIndex : An approximate index of them.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
    >>> scores = model.query_vectors([0], "precision") @ model.item_vectors("precision").T
    >>> found = model.recommend([0], n=2, refine=0)["score"]
    >>> np.allclose(found, np.sort(scores[0, 1:])[::-1], rtol=1e-5)
    True
    """
    method = fitted.check_method(method, "weighted")
    factor = discounted(fitted.item_counts, discount_of(method, 0, None))
    return scores_of(fitted, factor, method, None, None)[0]


@silent_overflow
def query_vectors(fitted: FittedItems, items: Any, method: Method | None = None) -> NDArray[Any]:
    """A vector for each person, to be multiplied with `item_vectors`.

    Parameters
    ----------
    items : list of ids or titles, dict or Series, Likes, or matrix or data frame
        As `recommend`.
    method : {"weighted", "cosine", "dot", "precision"}, optional
        As `item_vectors`.

    Returns
    -------
    ndarray, shape (n_users, n_components)
        One row for one person.

    Examples
    --------
    >>> import movieembed as me
    >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
    >>> scores = model.query_vectors([0, 1]) @ model.item_vectors().T
    >>> scores.shape
    (1, 3)
    """
    taste = as_taste(fitted, items)
    users, _ = scorer(fitted, fitted.check_method(method, "weighted"))
    return users(taste.rows)


@silent_overflow
def user_vectors(fitted: FittedItems, rows: sp.csr_array) -> NDArray[Any]:
    """Likes, weighted as in the fit, times the unit vectors of the embedding's principal axes.

    Where V V' is the likes' Gram matrix, L = U S W' and V = W S: these are the rows of U S.
    """
    lengths = np.sqrt(np.einsum("md,md->d", fitted.embedding, fitted.embedding, dtype=np.float64))
    axes = np.divide(
        fitted.embedding, lengths, out=np.zeros(fitted.embedding.shape), where=lengths > 0
    )
    weighting = fitted.weighting
    scaled = weighting.scaled(rows, weighting.user_roots(rows), fitted.item_scale)
    vectors = np.asarray(scaled @ axes, dtype=fitted.embedding.dtype)
    return check_finite(vectors, "the vectors of the people")


def similar_users(
    fitted: FittedItems, users: Any, n: int = 10, *, likes: Likes | Any | None = None
) -> pd.DataFrame:
    """The users whose likes are most like those of one user, or of each of several.

    Parameters
    ----------
    users : id or list of ids
    n : int, default=10
        Users for each.
    likes : Likes, or matrix or data frame of shape (n_users, n_items), optional
        Of the model's items, found as in `recommend_users`; by default those that the model keeps.

    Returns
    -------
    DataFrame
        user (id), score: the cosine of the two users' vectors, as `transform` gives them; best
        first, without the user asked for. For a list, a column `query` with their id comes first.

    Raises
    ------
    UserNotFoundError
        When a user is not there.
    ValueError
        When a user likes no item that has a vector, or the model keeps no likes and none are given.
    NotFittedError
        Before `fit`.

    Examples
    --------
    >>> import movieembed as me
    >>> rows = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 1, 1, 1]]
    >>> likes = me.Likes.from_matrix(rows, users=["ann", "bob", "cy", "dee"])
    >>> me.MovieEmbedding(2, random_state=0).fit(likes).similar_users("ann", n=1).round(3)
      user  score
    0  bob    1.0
    """
    n = check_count(n, "n")
    rows, index = kept_rows(fitted, likes)
    asked = index().rows(users)
    vectors = user_vectors(fitted, rows.matrix)
    for row in asked[~embedded(vectors[asked])]:
        who = shown(rows.users[row])
        raise ParameterError(f"users: {who} likes no item that has a vector", "users")
    own = sp.csr_array(
        (np.ones(len(asked)), asked, np.arange(len(asked) + 1)), shape=(len(asked), len(vectors))
    )
    found, scores = top_k_neighbors(
        vectors[asked], vectors, min(n, len(vectors)), exclude=own, n_jobs=fitted.n_jobs
    )
    there = found >= 0
    columns = {"user": rows.users[found[there]], "score": scores[there]}
    if not is_single(users):
        columns = {"query": rows.users[np.repeat(asked, there.sum(axis=1))], **columns}
    return table_of(columns)
