"""How much to regularise a recommender, and how many steps to take: by lists for people held out.

Some people are left out, another embedding is found of what the others like, and each fifth of a
left out person's likes is ranked from the rest. Closed forms of the leave-one-out error are
misleading here, since P is not the inverse of the Gram matrix but near it: they ask for four to
sixteen times as much.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed.model.precision import PrecisionForm, ridges
from movieembed.model.refinement import Refinement
from movieembed.operators.build import Prepared, without_users
from movieembed.operators.protocol import Operator
from movieembed.operators.units import times
from movieembed.solvers.chebyshev import filtered, filters
from movieembed.solvers.eigen import eigen

# People who are held out: at most a fifth of those with so many likes.
MOST_PEOPLE, FEWEST_PEOPLE, FEWEST_LIKES = 500, 20, 5
# Likes times held-out people, at most, where that leaves FEWEST_SAMPLED: a list of theirs takes a
# pass over all likes, and with 16 million 500 people took three times as long as the fit. Where so
# few cannot tell which steps to take, others are asked, MOST_HELD_OUT in all: on likes like those
# of MovieLens 32M 200 people took a step that loses 3 % and is most of a list's time.
MOST_WORK, FEWEST_SAMPLED, MOST_HELD_OUT = 5e8, 200, 800
# People whose likes set the lengths of trial steps.
TRIAL_SAMPLE = 16
# Tried first, in units of the mean squared length of a person's row: the usual one with all steps,
# the others with those that are not clearly worse. Where the best is at an end, and better than the
# second by more than so many standard errors, the next one follows.
MULTIPLES = (0.5, 2.0, 8.0)
CLEARLY = 1
WIDEST = 4.0**5
# The power of its likes by which an item's score is divided.
USUAL_DISCOUNT = 0.08
STEPS = (0, 1)
# Standard errors by which a choice other than the usual one has to be better.
STDERRS = 2
# Length of the lists.
K = 20
FOLDS = 5
# Units of weights whose products float32 holds.
ORDINARY = 2.0**16
# Iterations for vectors of other likes than those they start from: more make no better lists. And
# for those of the others' likes, from vectors of all: these know what the held-out people like, by
# which lists without a step of refinement look up to a sixth better than they are. Of what is left
# after each iteration the next one takes about half.
ITERATIONS, FORGETTING = 2, 3


# NDCG of each person's lists, by multiple and steps.
Scores = dict[tuple[float, int], NDArray[np.float64]]


@dataclass(frozen=True)
class Choice:
    """What was chosen, and of what.

    Attributes
    ----------
    multiple : float
        lambda in units of the mean squared length of a person's row.
    refine : int
        Steps.
    path : DataFrame or None
        multiple, refine, ndcg and stderr (its standard error) of all that was tried; None where
        nothing was.
    """

    multiple: float
    refine: int
    path: pd.DataFrame | None


# Where there are too few people to hold some out.
USUAL = Choice(2.0, 1, None)


def discounted(counts: NDArray[np.int64], power: float) -> NDArray[np.float64]:
    """What scores are multiplied with to discount popular items."""
    return np.asarray(np.maximum(counts, 1.0) ** -power)


def row_length(op: Operator, n_missing: int = 0) -> float:
    """Mean squared length of a person's row in the units of the operator, zero rows not counted."""
    total = float(op.diagonal.sum(dtype=np.float64)) if op.n_items else 0.0
    return total / (op.n_users - n_missing) if total else 1.0


def coarse(prepared: Prepared) -> Prepared:
    """In float32, which is enough for lists, unless its range is not."""
    usual = 1 / ORDINARY <= prepared.op.unit <= ORDINARY
    return prepared._replace(op=prepared.op.in_precision(np.float32)) if usual else prepared


def without_costs(op: Operator) -> Operator:
    """The operator where nothing looks at costs: what they need beside XV is taken as zero."""
    other = copy.copy(op)
    vars(other).update(quadratic_form=lambda V: 0.0, frobenius_squared=0.0)
    return other


def vectors_of(op: Operator, embedding: NDArray[Any], iterations: int = ITERATIONS) -> NDArray[Any]:
    """Vectors of an operator's items near the optimum, found from those of other likes."""
    d = embedding.shape[1]
    start = embedding[op.active].astype(np.float64)
    size = np.abs(start).max(initial=0)
    if not size:
        return np.zeros((op.n_items, d), dtype=op.dtype)
    start *= np.sqrt(float(op.diagonal.max()) / d) / size
    op, V0, rng = without_costs(op), op.asarray(start), np.random.default_rng(0)
    # Columns beside the d help a run to its end, not its first iterations.
    width = min(d, op.n_items)
    steps = filtered(op, d, rng, V0) if filters(op, d) else eigen(op, d, rng, V0, width)
    *_, last = islice(steps, 1 + iterations)
    V = op.to_host(last.V)
    return np.pad(V, ((0, 0), (0, d - V.shape[1])))


def choose(
    matrix: sp.csr_array,
    prepared: Prepared,
    vectors: NDArray[Any],
    power: float,
    refine: int | str,
    n_jobs: int,
) -> Choice:
    """Choose lambda, and where `refine` is "auto" the steps.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Likes.
    prepared : Prepared
        These likes as the recommender weighs them, on this machine's cores or its GPU.
    vectors : ndarray, shape (n_items, n_components)
        Of all likes; where the search for those of the remaining likes starts.
    power : float
        Of the recommender.
    refine : int or "auto"
    n_jobs : int
        Threads.

    Returns
    -------
    Choice
        Of what comes within two standard errors of the highest NDCG at 20, person by person, the
        closest to `USUAL`: of few people the highest is luck.
    """
    eligible = np.flatnonzero(np.diff(matrix.indptr) >= FEWEST_LIKES)
    count = min(MOST_PEOPLE, len(eligible) // 5)
    if count < FEWEST_PEOPLE:
        return USUAL
    folds = min(FOLDS, MOST_PEOPLE // count)
    steps: tuple[int, ...] = STEPS if refine == "auto" else (int(refine),)
    held_out = count
    if (most := max(FEWEST_SAMPLED, int(MOST_WORK / matrix.nnz))) < count:
        count = most
        held_out = count if len(steps) == 1 else min(MOST_HELD_OUT, len(eligible) // 5)
    rng = np.random.default_rng(0)
    people = rng.choice(eligible, held_out, replace=False)
    prepared, counts = without_users(coarse(prepared), matrix, np.sort(people))
    found = np.zeros(vectors.shape, dtype=prepared.op.dtype)
    found[prepared.op.active] = vectors_of(prepared.op, vectors, FORGETTING)

    def lists_of(people: NDArray[np.int64]) -> tuple[sp.csr_array, sp.csr_array, int]:
        given, held = parted(matrix[np.sort(people)], folds, rng)
        held.data[counts[held.indices] == 0] = 0  # what nobody else likes is never found
        held.eliminate_zeros()
        if prepared.item_scale is not None:
            given.data = given.data * prepared.item_scale[given.indices]
        return given, held, len(people)

    trial = Trial(prepared, found, power, counts, held_out, n_jobs, *lists_of(people[:count]))

    def others() -> Trial:
        given, held, n_people = lists_of(people[count:])
        return replace(trial, given=given, held=held, n_people=n_people)

    return best_of(trial, steps, others if held_out > count else None)


def best_of(trial: Trial, steps: tuple[int, ...], others: Callable[[], Trial] | None) -> Choice:
    """Choose by some people's lists, and the steps by others' too where those cannot tell.

    Parameters
    ----------
    trial : Trial
    steps : tuple of int
        To choose from.
    others : callable, optional
        Makes a trial of other people.
    """
    usual, *multiples = sorted(MULTIPLES, key=from_usual)
    scores = trial.ndcg(usual, steps)
    steps = steps_worth_trying(scores, steps)
    if len(steps) > 1 and others is not None:
        theirs = others().ndcg(usual, steps)
        of_all = {which: np.append(scores[which], x) for which, x in theirs.items()}
        steps = steps_worth_trying(of_all, steps)
    for multiple in multiples:
        scores |= trial.ndcg(multiple, steps)
        steps = steps_worth_trying(scores, steps)
    while (further := beyond_the_best(of_steps(scores, steps))) is not None:
        scores |= trial.ndcg(further, steps)
    left = of_steps(scores, steps)
    best = max(left.values(), key=np.mean)
    near = [which for which, x in left.items() if not is_better(best, x, STDERRS)]

    def distance(which: tuple[float, int]) -> tuple[float, int]:
        return from_usual(which[0]), abs(which[1] - USUAL.refine)

    chosen = min(near, key=distance)
    rows = [(*which, x.mean(), x.std() / np.sqrt(len(x))) for which, x in sorted(scores.items())]
    path = pd.DataFrame(rows, columns=["multiple", "refine", "ndcg", "stderr"])
    return Choice(float(chosen[0]), int(chosen[1]), path)


def of_steps(scores: Scores, steps: tuple[int, ...]) -> Scores:
    """The scores of some numbers of steps."""
    return {which: x for which, x in scores.items() if which[1] in steps}


def from_usual(multiple: float) -> float:
    """How far a multiple is from the usual one."""
    return float(abs(np.log(multiple / USUAL.multiple)))


def is_better(these: NDArray[np.float64], those: NDArray[np.float64], stderrs: float) -> bool:
    """Whether people's scores are higher on average, by more than so many standard errors."""
    gained = these - those
    return bool(gained.mean() > stderrs * gained.std() / np.sqrt(len(gained)))


def steps_worth_trying(scores: Scores, steps: tuple[int, ...]) -> tuple[int, ...]:
    """Of some numbers of steps those whose best lists are not clearly worse than the best."""
    scores = of_steps(scores, steps)
    best = max(scores.values(), key=np.mean)
    good = {step for (_, step), x in scores.items() if not is_better(best, x, STDERRS)}
    return tuple(sorted(good))


def beyond_the_best(scores: Scores) -> float | None:
    """The next multiple to try, where the best of two or more is at an end, and clearly the best.

    A flat curve is no reason to go on.
    """
    tried: dict[float, NDArray[np.float64]] = {}
    for (multiple, _), x in scores.items():
        tried[multiple] = max(tried.get(multiple, x), x, key=np.mean)
    best, *others = sorted(tried, key=lambda multiple: tried[multiple].mean(), reverse=True)
    ends = {min(tried): best / 4, max(tried): best * 4}
    if best not in ends or not is_better(tried[best], tried[others[0]], CLEARLY):
        return None
    return ends[best] if 1 / WIDEST <= ends[best] / USUAL.multiple <= WIDEST else None


@dataclass(frozen=True)
class Trial:
    """Lists for some people from what others like.

    Attributes
    ----------
    prepared : Prepared
        Of the others' likes.
    vectors : ndarray, shape (n_items, n_components)
    power : float
        Of the ridges.
    counts : ndarray, shape (n_items,)
        The others' likes of each item.
    n_missing : int
        All who are held out, and have no likes in what is prepared.
    n_jobs : int
    given, held : csr_array, shape (n_folds * n_people, n_items)
        What is given and what is asked for; the people of the next fold below those of the last.
    n_people : int
    last : dict
        By the multiple that was tried last its refinement, and what that is multiplied with to give
        scores: large, and what others are asked with next.
    """

    prepared: Prepared
    vectors: NDArray[Any]
    power: float
    counts: NDArray[np.int64]
    n_missing: int
    n_jobs: int
    given: sp.csr_array
    held: sp.csr_array
    n_people: int
    last: dict[float, tuple[Refinement, NDArray[np.float64]]] = field(default_factory=dict)

    def ndcg(self, multiple: float, steps: tuple[int, ...]) -> Scores:
        """Of each person's lists, for some numbers of steps."""
        refinement, gain = self._refinement(multiple)
        everything = np.ones(len(gain), dtype=bool)

        def found(step: int) -> NDArray[np.float64]:
            lists, _ = refinement.best(self.given, K, everything, gain, step, refinement.op.dtype)
            means: NDArray[np.float64]
            means = ndcg(lists, self.held).reshape(-1, self.n_people).mean(axis=0)
            return means

        return {(multiple, step): found(step) for step in steps}

    def _refinement(self, multiple: float) -> tuple[Refinement, NDArray[np.float64]]:
        if multiple not in self.last:
            self.last.clear()
            op, scale = self.prepared.op, self.prepared.item_scale
            assert self.prepared.item_squares is not None
            squares = times(self.prepared.item_squares, op.unit, -2)
            ridge = ridges(squares, multiple * row_length(op, self.n_missing), self.power)
            form = PrecisionForm(self.vectors, squares, ridge)
            gain = -discounted(self.counts, USUAL_DISCOUNT) / form.diagonal
            gain = gain if scale is None else gain / scale
            gain[self.counts == 0] = np.nan  # which is in no list
            refinement = Refinement(op, form, squares + ridge, self.n_jobs, TRIAL_SAMPLE)
            self.last[multiple] = refinement, gain
        return self.last[multiple]


def parted(
    rows: sp.csr_array, folds: int, rng: np.random.Generator
) -> tuple[sp.csr_array, sp.csr_array]:
    """All rows without a fifth of their entries, drawn at random, and that fifth; for some fifths.

    The rows of the next fifth are below those of the one before.
    """
    lengths = np.diff(rows.indptr)
    people = np.repeat(np.arange(rows.shape[0]), lengths)
    place = np.empty(rows.nnz, dtype=np.int64)
    place[np.lexsort((rng.random(rows.nnz), people))] = np.arange(rows.nnz)
    place -= rows.indptr[people]
    fifth = np.maximum(1, lengths // FOLDS)[people]

    def those(chosen: NDArray[np.bool_]) -> sp.csr_array:
        pointers = np.concatenate([[0], np.cumsum(chosen)])[rows.indptr]
        return sp.csr_array((rows.data[chosen], rows.indices[chosen], pointers), shape=rows.shape)

    away = [place // fifth == fold for fold in range(folds)]
    given, held = [those(~part) for part in away], [those(part) for part in away]
    return sp.csr_array(sp.vstack(given)), sp.csr_array(sp.vstack(held))


def ndcg(columns: NDArray[np.int64], held: sp.csr_array) -> NDArray[np.float64]:
    """Normalised discounted cumulative gain of lists, -1 where they end."""
    (n, k), width = columns.shape, max(held.shape[1], 1)
    people = np.repeat(np.arange(n), np.diff(held.indptr))
    pairs = people * width + held.indices
    hits = np.isin(np.arange(n)[:, None] * width + columns, pairs) & (columns >= 0)
    discounts = 1 / np.log2(np.arange(2, k + 2))
    best = np.concatenate([[np.inf], np.cumsum(discounts)])
    found: NDArray[np.float64] = hits @ discounts / best[np.minimum(np.diff(held.indptr), k)]
    return found
