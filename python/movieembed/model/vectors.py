"""Vectors of items and of people whose inner products are a model's scores."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from movieembed._base.finite import silent_overflow
from movieembed.model.fitted_items import FittedItems, Method
from movieembed.model.ranking import popularity_factor, scorer
from movieembed.model.taste import as_taste


@silent_overflow
def item_vectors(fitted: FittedItems, method: Method = "cosine") -> NDArray[Any]:
    """Vectors whose plain inner product ranks as this model does, for an index elsewhere.

    Parameters
    ----------
    method : {"cosine", "dot", "precision"}, default="cosine"
        As `recommend`; for `similar`, "cosine" and "dot".

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
    method = fitted.check_method(method)
    vectors, _ = scorer(fitted, method)
    factor = popularity_factor(fitted.item_counts, method, 0, None)
    discounted_vectors: NDArray[Any] = vectors * factor[:, None].astype(vectors.dtype)
    return discounted_vectors


@silent_overflow
def query_vectors(fitted: FittedItems, items: Any, method: Method = "cosine") -> NDArray[Any]:
    """A vector for each person, to be multiplied with `item_vectors`.

    Parameters
    ----------
    items : list of ids or titles, dict or Series, Likes, or matrix or data frame
        As `recommend`.
    method : {"cosine", "dot", "precision"}, default="cosine"

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
    _, users = scorer(fitted, fitted.check_method(method))
    return users(taste.rows)
