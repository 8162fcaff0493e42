"""Scores of items for many people, and the best of them by rules.

See `scoring` on what a score is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import blocks
from movieembed._base.finite import check_finite
from movieembed._base.threads import resolve_n_jobs
from movieembed._base.validation import check_real
from movieembed.model.fitted_items import FittedItems, Method
from movieembed.model.holdout import ORDINARY, USUAL_DISCOUNT, discounted
from movieembed.model.neighbors import Candidates, Found, embedded, in_order
from movieembed.model.precision import sums_of_rows
from movieembed.model.recommender import Recommender
from movieembed.model.refinement import MANY_STEPS
from movieembed.model.rules import Rules, diversified, merged
from movieembed.model.taste import Taste
from movieembed.operators.units import unit_of


class Ranking:
    """The scores of a model and the rules of its lists: prepared once, for any number of people.

    Parameters
    ----------
    fitted : FittedItems
    rules : Rules
    method, regularization, refine, popularity_discount
        As `recommend`.
    single : bool
        Whether there is one person, whose scores are given in float64, whatever finds the items.
    exact : bool
        Whether to find them in float64 too.
    """

    def __init__(
        self,
        fitted: FittedItems,
        rules: Rules,
        *,
        method: Method | None = None,
        regularization: float | None = None,
        refine: int | None = None,
        popularity_discount: float | None = None,
        single: bool = False,
        exact: bool = False,
    ) -> None:
        self.fitted, self.rules = fitted, rules
        self.method = fitted.check_method(method, "precision")
        self.steps = steps = fitted.check_steps(refine, self.method)
        self.embedded = fitted.embedded_by(self.method, steps)
        self.candidates = rules.candidates(fitted, self.embedded)
        power = discount_of(self.method, steps, popularity_discount)
        self.factor = fitted.last("factor by", power, lambda: discounted(fitted.item_counts, power))
        in_float64 = exact or steps >= MANY_STEPS or (single and steps > 1)
        dtype = np.dtype(np.float64) if in_float64 else None
        if steps == 0:
            if regularization is not None or self.method == "precision":
                regularization = fitted.check_lambda(regularization)
            self.regularization = regularization
            key = (self.method, regularization, dtype, power)
            self.vectors, self.users, self.among = fitted.last(
                "scores by", key, lambda: scores_of(fitted, self.factor, *key[:3])
            )
            if not self.candidates[self.among.rows].all():
                self.among = Candidates(self.vectors, self.candidates)
            self.dtype = self.vectors.dtype
            self.stated = np.dtype(np.float64) if single else self.dtype
            return
        ours = fitted.recommending
        self.refinement = fitted.refinement(fitted.check_lambda(regularization))
        diagonal = self.refinement.diagonal(steps)
        self.gain = fitted.last(
            "gain by",
            (steps, self.refinement, power),
            lambda: gain_of(ours, diagonal) * self.factor,
        )
        self.scale, self.dtype = ours.scale, ours.vectors.dtype if dtype is None else dtype
        self.stated = np.dtype(np.float64) if single else self.dtype

    def lists(self, taste: Taste, n: int) -> Found:
        """The lists of n of some people; nothing for a person without items."""
        rules = self.rules
        found, scores = self._best(
            taste.rows, taste.excluded(rules.exclude_seen), rules.pool(n, len(self.fitted))
        )
        if self.stated != scores.dtype:
            found, scores = self._stated(taste.rows, found)
        if not rules.exclude_given:
            given = taste.ranked(self.candidates)
            given.data = self.values(taste.rows, given)
            found, scores = merged(found, scores, given)
        check_finite(scores, "the scores", missing=found < 0)
        says_nothing = np.diff(taste.rows.indptr) == 0
        found[says_nothing], scores[says_nothing] = -1, -np.inf
        if rules.diversify:
            usual = self.fitted.check_method(None, "weighted")
            return diversified(self.fitted.directions(usual), (found, scores), n, rules.diversify)
        return found, scores

    def _best(self, rows: sp.csr_array, excluded: sp.csr_array, n: int) -> Found:
        """The n candidates with the highest scores for each row, without what is excluded."""
        if self.steps:
            scaled = scaled_columns(rows, self.scale)
            one = self.steps == 1 and len(self.refinement.lengths(1)) == 1
            if one and self.stated != self.dtype and self.refinement.is_on_host:
                return self.refinement.best_of_one(scaled, n, self.candidates, self.gain, excluded)
            kinds = self.gain, self.steps, self.dtype
            return self.refinement.best(scaled, n, self.candidates, *kinds, excluded)
        return self.among.best(self.users(rows), n, excluded, resolve_n_jobs(self.fitted.n_jobs))

    def _stated(self, rows: sp.csr_array, found: NDArray[np.int64]) -> Found:
        """What was found for one person, by its scores in the precision that they are given in."""
        items = np.sort(found[found >= 0])
        wanted = (np.ones(len(items)), items, np.array([0, len(items)]))
        values = self.values(rows, sp.csr_array(wanted, shape=rows.shape))
        return in_order(items, values, found.shape[1])

    def values(self, rows: sp.csr_array, wanted: sp.csr_array) -> NDArray[Any]:
        """The score of each stored entry of a matrix of people and candidates.

        With "precision" an item of the person's own has the score that their others give it: what
        it says for itself is taken away.
        """
        user = np.repeat(np.arange(wanted.shape[0]), np.diff(wanted.indptr))
        scores = np.zeros(wanted.nnz)
        items, item = np.unique(wanted.indices, return_inverse=True)
        if self.steps:
            scaled = scaled_columns(rows, self.scale)
            places = np.searchsorted(self.refinement.op.active, items)
            products = self.refinement.products(scaled, self.steps, self.stated, places)
            for start, stop, Y in products:
                at = slice(wanted.indptr[start], wanted.indptr[stop])
                scores[at] = Y[item[at], user[at] - start]
            scores *= self.gain[wanted.indices]
        else:
            users, vectors = self._pair(rows, items)
            for at in blocks(wanted.nnz):
                scores[at] = np.einsum("pd,pd->p", users[user[at]], vectors[item[at]])
        if self.method == "precision":
            own = rows[user, wanted.indices]
            weights = np.ravel(own.toarray() if sp.issparse(own) else own)  # as SciPy's versions
            mine = np.flatnonzero(weights)
            scores[mine] -= weights[mine] * self._alone(wanted.indices[mine])
        return scores

    def _pair(self, rows: sp.csr_array, items: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Vectors of people and of some items, in the precision that scores are given in."""
        if self.stated == self.dtype:
            return self.users(rows), self.vectors[items]
        people, vectors = scorer(self.fitted, self.method, self.regularization, self.stated, items)
        return people(rows), vectors * self.factor[items][:, None]

    def _alone(self, items: NDArray[Any]) -> NDArray[np.float64]:
        """The score that each of some items, liked alone, has itself."""
        score: NDArray[np.float64]
        if self.steps:
            own = self.refinement.own(items, self.steps, self.stated)
            score = -own / self.refinement.diagonal(self.steps)[items]
        else:
            form = self.fitted.precision(self.fitted.check_lambda(self.regularization))
            score = 1 / (form.D[items] * form.diagonal[items]) - 1
        score *= self.factor[items]
        return score


def beyond(rows: sp.csr_array) -> bool:
    """Whether float32 does not hold every weight."""
    return bool(unit_of(rows.data, free=ORDINARY) != 1)


def gain_of(ours: Recommender, diagonal: NDArray[np.float64]) -> NDArray[np.float64]:
    """What P x is multiplied with to give scores."""
    return -1 / diagonal if ours.scale is None else -1 / (diagonal * ours.scale)


def scores_of(
    fitted: FittedItems,
    factor: NDArray[np.float64],
    method: Method,
    regularization: float | None,
    dtype: np.dtype[Any] | None,
) -> tuple[NDArray[Any], Callable[[sp.csr_array], NDArray[Any]], Candidates]:
    """As `scorer`, the vectors times a factor each, and these side by side."""
    users, vectors = scorer(fitted, method, regularization, dtype)
    vectors = vectors * factor[:, None].astype(vectors.dtype)
    return vectors, users, Candidates(vectors)


def scorer(
    fitted: FittedItems,
    method: Method,
    regularization: float | None = None,
    dtype: np.dtype[Any] | None = None,
    items: Any = slice(None),
) -> tuple[Callable[[sp.csr_array], NDArray[Any]], NDArray[Any]]:
    """What makes a vector of each row of likes, and vectors of items: their products are scores.

    Those are mean cosines or inner products with the items given, by weight; or x B.
    """
    V = fitted.embedding
    if method == "precision":
        ours = fitted.recommending
        scale, V = ours.scale, ours.vectors
        form = fitted.precision(fitted.check_lambda(regularization))
        vectors = form.item_vectors(items)
        vectors = vectors if scale is None else vectors / scale[items][:, None]
    else:
        directions = fitted.directions(method)
        vectors = directions[items]
    dtype = V.dtype if dtype is None else dtype
    vectors = np.ascontiguousarray(vectors, dtype=dtype)
    check_finite(vectors, "the vectors of the items")

    def users(rows: sp.csr_array) -> NDArray[Any]:
        if method == "precision":
            found = form.queries(scaled_columns(rows, scale))
        else:
            found = _means(rows, directions)
        found = np.ascontiguousarray(found, dtype=dtype)
        return check_finite(found, "the vectors of the people")

    return users, vectors


def scaled_columns(rows: sp.csr_array, scale: NDArray[np.float64] | None) -> sp.csr_array:
    """Rows times diag(scale)."""
    if scale is None:
        return rows
    data = rows.data * scale[rows.indices]
    return sp.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)


def _means(rows: sp.csr_array, V: NDArray[Any]) -> NDArray[Any]:
    """The mean of the vectors of each row's items, by weight, unembedded ones left aside."""
    counted = rows.copy()
    named = rows.indices
    there = embedded(V[named]) if rows.nnz < len(V) else embedded(V)[named]
    counted.data = np.where(there, rows.data, 0)
    sums = sums_of_rows(counted, V)
    weight = np.asarray(abs(counted).sum(axis=1), dtype=np.float64)[:, None]
    means: NDArray[Any] = np.divide(sums, weight, out=np.zeros_like(sums), where=weight > 0)
    return means


def discount_of(method: Method, steps: int, discount: float | None) -> float:
    """The power of its likes by which an item's score is divided."""
    if discount is None:
        return USUAL_DISCOUNT if method == "precision" and steps < MANY_STEPS else 0.0
    return check_real(discount, "popularity_discount", low=0.0, high=2.0)
