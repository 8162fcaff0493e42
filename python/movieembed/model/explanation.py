"""Why something is recommended: what each given item adds to its score.

The steps of the refinement are as long for everybody, so a score is linear in the given items.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.finite import check_finite, silent_overflow
from movieembed.model.fitted_items import FittedItems
from movieembed.model.holdout import discounted
from movieembed.model.ranking import discount_of, gain_of, scaled_columns
from movieembed.model.taste import as_table, as_taste, is_single


@silent_overflow
def explain(
    fitted: FittedItems,
    items: Any,
    recommended: Hashable | Iterable[Hashable],
    *,
    weights: Iterable[float] | None = None,
    dislikes: Any = None,
    regularization: float | None = None,
    refine: int | None = None,
    popularity_discount: float | None = None,
) -> pd.DataFrame:
    """Why something is recommended: each given item's share of its score.

    Parameters
    ----------
    items, weights, dislikes, regularization, refine, popularity_discount
        As `recommend`, for one person; a matrix of one row is one, too.
    recommended : id or title, or a list of them
        Items not among the given ones.

    Returns
    -------
    DataFrame
        item (id), title (where titles are known), share; largest first. The shares add up to
        the score that `recommend` gives with the same options. For a list of
        recommended items their id stands in a first column, `recommended`.

    Raises
    ------
    ItemNotFoundError, AmbiguousTitleError, NotFittedError, ValueError
        As `recommend`.

    Examples
    --------
    >>> import movieembed as me
    >>> rows = [[1, 1, 0], [1, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]]
    >>> likes = me.Likes.from_matrix(rows, titles=["A", "B", "C"])
    >>> model = me.MovieEmbedding(1, random_state=0, tol=1e-4).fit(likes)
    >>> model.explain(["A", "B"], "C")["title"].tolist()
    ['A', 'B']
    """
    taste = as_taste(fitted, items, weights, dislikes)
    if taste.rows.shape[0] != 1:
        raise ValueError("explain takes one person's items, not a matrix")
    fitted.check_method("precision", "precision")
    asked = fitted.index.resolve_many(recommended)
    given = taste.rows.indices
    both = np.intersect1d(asked, given)
    if len(both):
        raise ValueError(f"{fitted.items[both[0]]!r} is among the given items")
    steps = fitted.check_steps(refine, "precision")
    power = discount_of("precision", steps, popularity_discount)
    factor = discounted(fitted.item_counts, power)
    parts, gain = _parts_of_scores(fitted, taste.rows, asked, regularization, steps)
    tables = []
    for column, part in zip(asked, parts, strict=True):
        shares = part * gain[column] * factor[column]
        check_finite(shares, "the shares")
        order = np.argsort(-shares, kind="stable")
        table = as_table(fitted.index, given[order], shares[order])
        table = table.rename(columns={"score": "share"})
        table.insert(0, "recommended", fitted.items[np.repeat(column, len(table))])
        tables.append(table)
    if not tables:
        raise ValueError("recommended is empty: name at least one item")
    found = pd.concat(tables, ignore_index=True)
    return found.drop(columns="recommended") if is_single(fitted.index, recommended) else found


def _parts_of_scores(
    fitted: FittedItems,
    row: sp.csr_array,
    asked: NDArray[np.int64],
    regularization: float | None,
    steps: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each given item of a row adds to P x at the asked items, and the gain of every item."""
    ours = fitted.recommending
    value = fitted.check_lambda(regularization)
    given, n = row.indices, len(fitted)
    each = sp.csr_array((row.data, given, np.arange(len(given) + 1)), shape=(len(given), n))
    each = scaled_columns(each, ours.scale)
    if not steps:
        form = fitted.precision(value)
        return -(form.queries(each) @ form.W[asked].T).T, gain_of(ours, form.diagonal)
    refinement = fitted.refinement(value)
    active = refinement.op.active
    parts = np.zeros((n, len(given)))
    for start, stop, Y in refinement.products(each, steps, np.float64):
        parts[active, start:stop] = Y
    return parts[asked], gain_of(ours, refinement.diagonal(steps))
