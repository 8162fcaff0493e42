"""Items scored for people by what they like: recommendations and the reasons for them.

A score is an inner product of a vector a person, made of the items given, and a vector an item.
With the method "precision" it is read off the precision form (see `precision`): for a row x of
likes, x B with B_ij = -P_ij / P_jj off the diagonal, which is EASE (Steck, WWW 2019) where P is the
inverse of L'L + lambda I itself. docs/recommendations.md derives it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from movieembed._base.finite import check_finite, silent_overflow
from movieembed._base.validation import check_count
from movieembed._base.warn import warn_caller
from movieembed.exceptions import ItemWithoutLikesError, ParameterError
from movieembed.model.fitted_items import FittedItems, Method
from movieembed.model.ranking import Ranking, beyond
from movieembed.model.rules import Rules
from movieembed.model.taste import as_table, as_taste, table_of_lists, why_unembedded


@silent_overflow
def recommend(
    fitted: FittedItems,
    /,
    items: Any,
    n: int = 10,
    *,
    method: Method | None = None,
    weights: Iterable[float] | None = None,
    dislikes: Any = None,
    regularization: float | None = None,
    refine: int | None = None,
    popularity_discount: float | None = None,
    as_frame: bool = False,
    **rules: Any,
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
    method : {"precision", "weighted", "cosine", "dot"}, optional
        "precision" is the best linear recommender, read off a factor model of the likes as
        `recommend_weighting` weighs them, and the default, but for `entry_weighting` and models of
        a Cooccurrence, which have no Gram matrix. "cosine", their default, is the exercise's way:
        the highest mean cosine with the items given; "dot" the highest mean inner product;
        "weighted" the highest mean cosine of the vectors that `similar` goes by.
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
    as_frame : bool, default=False
        A table for many people too.
    filter_items : list of ids or titles, optional
        Never recommend these.
    allowed_items : list of ids or titles, optional
        Recommend nothing but these.
    where : str or list of str, optional
        Nothing but items that meet these conditions in the table of items that the likes came
        with, such as "genres has Comedy" or "year >= 1990 and year < 2000": see
        :func:`movieembed.data.where.rows_where`. Without a column of that name `year` is that at
        the end of a title.
    unknown : {"raise", "drop"}, default="raise"
        Whether an item of these lists that the model lacks is an error or is passed over.
    exclude_given : bool, default=True
        Leave out the items given. With False they are ranked with all others, dislikes left out:
        with "precision" each by what the person's other items say for it, with other methods also
        by what it says itself.
    exclude_seen : bool, default=True
        Leave out what a person has rated below the threshold, where that is known: in a dict or
        Series, and in the `seen` of Likes.
    diversify : float, default=0
        From 0, the best items, to 1: how much an item loses by being like those before it in the
        list (maximal marginal relevance, by the cosines of the vectors). The scores stay.

    Returns
    -------
    DataFrame, for one person
        item (id), title (where titles are known), score; best first, the given items left out;
        fewer rows than n where fewer are left.
    columns, scores : ndarrays of shape (n_users, min(n, n_items)), for a matrix
        Positions in `items_`, -1 where there are no more, and scores, -inf there. Nothing is
        recommended to a person without items. With `as_frame` a DataFrame: user (id, or row of
        a matrix without), item, title, rank from 1, score.

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
    ranking = Ranking(
        fitted,
        Rules.among(rules, "recommend")[0],
        method=method,
        regularization=regularization,
        refine=refine,
        popularity_discount=popularity_discount,
        single=taste.single,
        exact=beyond(taste.rows),
    )
    if taste.single:
        _warn_of_unembedded(ranking, taste.rows)
    found, scores = ranking.lists(taste, n)
    if taste.single:
        there = found[0] >= 0
        return as_table(fitted.index, found[0][there], scores[0][there])
    if not as_frame:
        return found, scores
    users = np.arange(len(found)) if taste.users is None else taste.users
    return table_of_lists(fitted.index, users, found, scores)


@silent_overflow
def rank(
    fitted: FittedItems,
    person: Any,
    items: Any,
    *,
    method: Method | None = None,
    weights: Iterable[float] | None = None,
    dislikes: Any = None,
    regularization: float | None = None,
    refine: int | None = None,
    popularity_discount: float | None = None,
) -> pd.DataFrame:
    """Put chosen items in the order in which a person may like them.

    Parameters
    ----------
    person : list of ids or titles, dict or Series, row of a matrix, or matrix of one row
        One person, as `recommend` takes them.
    items : list of ids or titles
        What is to be ranked. An item of the person's own is scored with "precision" by what their
        other items say for it, with other methods also by what it says itself.
    method, weights, dislikes, regularization, refine, popularity_discount
        As `recommend`.

    Returns
    -------
    DataFrame
        item (id), title (where titles are known), score; best first. Items without a vector come
        last, with the score NaN.

    Raises
    ------
    ItemNotFoundError, AmbiguousTitleError, ItemWithoutLikesError, NotFittedError, ValueError
        As `recommend`; also for more than one person.

    Examples
    --------
    >>> import movieembed as me
    >>> rows = [[1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]]
    >>> likes = me.Likes.from_matrix(rows, titles=["A", "B", "C"])
    >>> model = me.MovieEmbedding(1, random_state=0).fit(likes)
    >>> model.rank(["A"], ["C", "B"])["title"].tolist()
    ['B', 'C']
    """
    taste = as_taste(fitted, person, weights, dislikes)
    if taste.rows.shape[0] != 1:
        raise ParameterError("person must be one person, not a matrix of them", "person")
    columns = fitted.index.resolve_many(items)
    _, first = np.unique(columns, return_index=True)
    columns = columns[np.sort(first)]
    ranking = Ranking(
        fitted,
        Rules(),
        method=method,
        regularization=regularization,
        refine=refine,
        popularity_discount=popularity_discount,
        single=True,
    )
    _warn_of_unembedded(ranking, taste.rows)
    embedded = np.sort(columns[ranking.embedded[columns]])
    scores = np.full(len(fitted), np.nan)
    wanted = (np.ones(len(embedded)), embedded, np.array([0, len(embedded)]))
    scores[embedded] = ranking.values(taste.rows, sp.csr_array(wanted, shape=taste.rows.shape))
    check_finite(scores[embedded], "the scores")
    order = np.argsort(-scores[columns], kind="stable")  # NaN comes last
    return as_table(fitted.index, columns[order], scores[columns[order]])


def _warn_of_unembedded(ranking: Ranking, rows: sp.csr_array) -> None:
    """Warn of each unembedded item, which says nothing; raise if there are no others."""
    fitted, unembedded = ranking.fitted, rows.indices[~ranking.embedded[rows.indices]].tolist()
    reasons = [why_unembedded(fitted.index, fitted.item_counts, row) for row in unembedded]
    if len(reasons) == len(rows.indices):
        raise ItemWithoutLikesError(reasons[0])
    for reason in reasons:
        warn_caller(reason)
