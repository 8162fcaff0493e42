"""Items scored for people by what they like: recommendations and the reasons for them.

A score is an inner product of a vector a person, made of the items given, and a vector an item.
With the method "precision" it is read off the precision form (see `precision`): for a row x of
likes, x B with B_ij = -P_ij / P_jj off the diagonal, which is EASE (Steck, WWW 2019) where P is the
inverse of L'L + lambda I itself. docs/recommendations.md derives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.finite import check_finite, silent_overflow
from movieembed._base.validation import check_count, check_parameter, check_real
from movieembed._base.warn import warn_caller
from movieembed.exceptions import ItemWithoutLikesError
from movieembed.model.fitted_items import FittedItems, Method
from movieembed.model.holdout import ORDINARY, USUAL_DISCOUNT, discounted
from movieembed.model.neighbors import embedded, top_k_neighbors, unit_rows
from movieembed.model.recommender import Recommender
from movieembed.model.refinement import MANY_STEPS
from movieembed.model.taste import as_table, as_taste, why_unembedded
from movieembed.operators.units import unit_of


@silent_overflow
def recommend(
    fitted: FittedItems,
    items: Any,
    n: int = 10,
    *,
    method: Method | None = None,
    weights: Iterable[float] | None = None,
    dislikes: Any = None,
    regularization: float | None = None,
    refine: int | None = None,
    popularity_discount: float | None = None,
    filter_items: Any = None,
    allowed_items: Any = None,
    exclude_seen: bool = True,
) -> Any:
    """Items for somebody who likes the given ones, or for many such people.

    Parameters
    ----------
    items : list of ids or titles, dict or Series, Likes, or matrix or data frame
        A list, in whatever holds one, is one person; repeats count once, and items without likes
        say nothing and are left aside with a warning. A dict {item: rating}, or a pandas Series
        indexed by item, is one person's ratings: those from `threshold_` on are likes, and the
        others are seen. A Series with rows numbered from 0 is a list.

        A matrix of shape (n_users, n_items) holds one person a row: weights, 1 for a like. The
        columns of a data frame are found by id or title; items without a column are not liked. A
        row alone, as ``likes.matrix[0]``, is one person. So is an array with a number for each of
        three items or more, some of them repeated, and a list of as many zeros and ones. In a dict
        or Series that names every item, 0 is no rating.
    n : int, default=10
    method : {"precision", "cosine", "dot"}, optional
        "precision" is the best linear recommender, read off a factor model of the likes as
        `recommend_weighting` weighs them, and the default, but for `entry_weighting` and models of
        a Cooccurrence, which have no Gram matrix. "cosine", their default, is the exercise's way:
        the highest mean cosine with the items given; "dot" the highest mean inner product.
    weights : list of float, optional
        One an item of a list, 1 by default; negative for a dislike. Repeats add up.
    dislikes : list of ids or titles, optional
        Items with the weight -1.
    regularization : float, optional
        lambda, positive; by default the model's `regularization_`.
    refine : int, optional
        Steps of conjugate gradients towards the dense recommender, which has no embedding in
        between. By default as many as the model chose. More than 0 needs `keep_likes=True`.
    popularity_discount : float, optional
        Scores are divided by the number of likes to this power; by default 0.08 with "precision"
        and fewer than 8 steps, which made better lists on all data tried, and 0 else.
    filter_items : list of ids or titles, optional
        Never recommend these.
    allowed_items : list of ids or titles, optional
        Recommend nothing but these.
    exclude_seen : bool, default=True
        Leave out what a person has rated below the threshold, where that is known: in a dict or
        Series, and in the `seen` of Likes. The items that they like are left out in any case.

    Returns
    -------
    DataFrame, for one person
        item (id), title (where titles are known), score; best first, the given items left out;
        fewer rows than n where fewer are left.
    columns, scores : ndarrays of shape (n_users, min(n, n_items)), for a matrix
        Positions in `items_`, -1 where there are no more, and scores, -inf there. Nothing is
        recommended to a person without items.

    Raises
    ------
    ItemNotFoundError, AmbiguousTitleError, NotFittedError
        As `similar`; also for columns of a frame that are no items of the model.
    ItemWithoutLikesError
        When none of the items of a list has a vector.
    ValueError
        When a list is empty, none of the ratings is a like, a matrix has the wrong number of
        columns or is X, a frame has a row a rating, an argument is none of those listed, or the
        model lacks what it needs.

    Notes
    -----
    A person costs 2 (n_likes + n_items) n_components flops, and 4 nnz a step of `refine`;
    nothing about them is learned or kept. The first call chooses lambda and the steps, which
    takes about as long as a fit. With few components `refine=1` brings most of what they
    leave out. The steps are as long for everybody, so that scores add up over the given items, and
    the last one goes 0.7 of its length, which foresees new likes better. From ``refine=8`` on it
    goes the whole length, and the diagonal of the inverse is refined as well, once, by as many
    steps for every item, so that many steps give exactly the dense recommender's scores.

    The dense recommender is EASE (Steck, WWW 2019).

    Examples
    --------
    >>> import movieembed as me
    >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
    >>> model = me.MovieEmbedding(1, random_state=0).fit(likes)
    >>> model.recommend(["A", "B"])["title"].tolist()
    ['C']
    >>> import numpy as np
    >>> columns, scores = model.recommend(np.array([[1, 0, 1], [0, 0, 0]]), n=1)
    >>> columns.tolist()
    [[1], [-1]]

    Ratings of a model that knows from which on an item is liked:

    >>> import pandas as pd
    >>> rows = [(u, i, 5) for u in range(5) for i in range(4) if u != i and (u, i) != (4, 3)]
    >>> table = pd.DataFrame(rows, columns=["user", "item", "rating"])
    >>> model = me.MovieEmbedding(1, random_state=0).fit(me.Likes.from_ratings(table))
    >>> model.threshold_, model.recommend({0: 4.5, 1: 2})["item"].tolist()
    (4.0, [2, 3])
    """
    n = min(check_count(n, "n"), len(fitted))
    taste = as_taste(fitted, items, weights, dislikes)
    if taste.single:
        _warn_of_unembedded(fitted, taste.rows)
    method = fitted.check_method(method)
    candidates = _candidates(fitted, filter_items, allowed_items)
    check_parameter(exclude_seen, "exclude_seen", bool)
    excluded = taste.excluded(exclude_seen)
    steps = fitted.check_steps(refine, method)
    factor = popularity_factor(fitted.item_counts, method, steps, popularity_discount)
    # One person's scores are those that `explain` adds up; and float32 does not hold every weight.
    beyond = unit_of(taste.rows.data, free=ORDINARY) != 1
    exact = np.dtype(np.float64) if taste.single or beyond or steps >= MANY_STEPS else None
    if steps == 0:
        vectors, users = _scorer(fitted, method, regularization, exact)
        vectors = vectors * (factor * candidates)[:, None].astype(vectors.dtype)
        found, scores = top_k_neighbors(
            users(taste.rows), vectors, n, metric="dot", exclude=excluded, n_jobs=fitted.n_jobs
        )
    else:
        ours = fitted.recommending
        refinement = fitted.refinement(fitted.check_lambda(regularization))
        gain = gain_of(ours, refinement.diagonal(steps)) * factor
        rows = scaled_columns(taste.rows, ours.scale)
        dtype = ours.vectors.dtype if exact is None else exact
        found, scores = refinement.best(rows, n, candidates, gain, steps, dtype, excluded)
    check_finite(scores, "the scores", missing=found < 0)
    says_nothing = np.diff(taste.rows.indptr) == 0
    found[says_nothing], scores[says_nothing] = -1, -np.inf
    if not taste.single:
        return found, scores
    there = found[0] >= 0
    return as_table(fitted.index, found[0][there], scores[0][there])


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
    vectors, _ = _scorer(fitted, method)
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
    _, users = _scorer(fitted, fitted.check_method(method))
    return users(taste.rows)


def gain_of(ours: Recommender, diagonal: NDArray[np.float64]) -> NDArray[np.float64]:
    """What P x is multiplied with to give scores."""
    return -1 / diagonal if ours.scale is None else -1 / (diagonal * ours.scale)


def _scorer(
    fitted: FittedItems,
    method: Method,
    regularization: float | None = None,
    dtype: np.dtype[Any] | None = None,
) -> tuple[NDArray[Any], Callable[[sp.csr_array], NDArray[Any]]]:
    """A vector an item, and what makes a vector of each row of likes: their products are scores.

    Those are mean cosines or inner products with the items given, by weight; or x B.
    """
    V = fitted.embedding
    if method == "precision":
        ours = fitted.recommending
        scale, V = ours.scale, ours.vectors
        form = fitted.precision(fitted.check_lambda(regularization))
        vectors = form.item_vectors() if scale is None else form.item_vectors() / scale[:, None]
    else:
        vectors = unit_rows(V) if method == "cosine" else V
    dtype = V.dtype if dtype is None else dtype
    vectors = np.ascontiguousarray(vectors, dtype=dtype)
    check_finite(vectors, "the vectors of the items")

    def users(rows: sp.csr_array) -> NDArray[Any]:
        if method == "precision":
            found = form.queries(scaled_columns(rows, scale))
        else:
            found = _means(rows, vectors)
        found = np.ascontiguousarray(found, dtype=dtype)
        return check_finite(found, "the vectors of the people")

    return vectors, users


def scaled_columns(rows: sp.csr_array, scale: NDArray[np.float64] | None) -> sp.csr_array:
    """Rows times diag(scale)."""
    if scale is None:
        return rows
    data = rows.data * scale[rows.indices]
    return sp.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)


def _means(rows: sp.csr_array, V: NDArray[Any]) -> NDArray[Any]:
    """The mean of the vectors of each row's items, by weight, unembedded ones left aside."""
    there = embedded(V)
    counted = rows.copy()
    if not there.all():
        counted.data = np.where(there[rows.indices], rows.data, 0)
    sums = counted @ V.astype(np.float64)
    weight = np.asarray(abs(counted).sum(axis=1), dtype=np.float64)[:, None]
    means: NDArray[Any] = np.divide(sums, weight, out=np.zeros_like(sums), where=weight > 0)
    return means


def _candidates(fitted: FittedItems, filter_items: Any, allowed_items: Any) -> NDArray[np.bool_]:
    """Which items may be recommended."""
    candidates = fitted.embedded.copy()
    if allowed_items is not None:
        allowed = np.zeros(len(candidates), dtype=bool)
        allowed[fitted.index.resolve_many(allowed_items)] = True
        candidates &= allowed
    if filter_items is not None:
        candidates[fitted.index.resolve_many(filter_items)] = False
    return candidates


def popularity_factor(
    counts: NDArray[np.int64], method: Method, steps: int, discount: float | None
) -> NDArray[np.float64]:
    """What scores are multiplied with to discount popular items."""
    if discount is None:
        power = USUAL_DISCOUNT if method == "precision" and steps < MANY_STEPS else 0.0
    else:
        power = check_real(discount, "popularity_discount", low=0.0, high=2.0)
    return discounted(counts, power)


def _warn_of_unembedded(fitted: FittedItems, rows: sp.csr_array) -> None:
    """Warn of each unembedded item, which says nothing; raise if there are no others."""
    unembedded = rows.indices[~fitted.embedded[rows.indices]].tolist()
    reasons = [why_unembedded(fitted.index, fitted.item_counts, row) for row in unembedded]
    if len(reasons) == len(rows.indices):
        raise ItemWithoutLikesError(reasons[0])
    for reason in reasons:
        warn_caller(reason)
