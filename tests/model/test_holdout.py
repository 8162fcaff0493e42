"""lambda and the steps, chosen by lists for people who are held out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import movieembed as me
from helpers import random_likes
from movieembed import evaluation
from movieembed.data.likes import Likes
from movieembed.model import holdout
from movieembed.operators.build import prepare
from movieembed.operators.weighting import Weighting

HALF = Weighting(0.0, 0.5, None)


def choice_of(matrix: sp.csr_array, vectors: Any, power: float, refine: Any) -> holdout.Choice:
    prepared = prepare("cpu", Likes.from_matrix(matrix), HALF, vectors.dtype, 2)
    return holdout.choose(matrix, prepared, vectors, power, refine, 2)


def chosen(likes: Likes, power: float = 0.25, refine: Any = "auto") -> holdout.Choice:
    model = me.MovieEmbedding(8, random_state=0).fit(likes)
    return choice_of(likes.matrix, model.embedding_, power, refine)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), folds=st.integers(1, 5))
def test_fifths_of_each_row(seed: int, folds: int) -> None:
    L = random_likes(20, 30, 0.4, seed=seed)
    L = sp.csr_array(L[np.diff(L.indptr) >= 5])
    given_likes, held = holdout.parted(L, folds, np.random.default_rng(seed))
    n = L.shape[0]
    assert given_likes.shape == held.shape == (folds * n, 30)
    parts = [held[f * n : (f + 1) * n].toarray() for f in range(folds)]
    for fold, part in enumerate(parts):
        rest = given_likes[fold * n : (fold + 1) * n].toarray()
        np.testing.assert_array_equal(rest + part, L.toarray())
        np.testing.assert_array_equal((part > 0).sum(axis=1), np.diff(L.indptr) // 5)
    assert sum(part > 0 for part in parts).max() == 1


def test_ndcg_is_that_of_the_evaluation() -> None:
    rng = np.random.default_rng(0)
    columns = np.array([rng.permutation(40)[:20] for _ in range(30)])
    columns[3, 5:] = -1
    held = random_likes(30, 40, 0.3, seed=1)
    found = holdout.ndcg(columns, held)
    there = np.diff(held.indptr) > 0
    wanted = evaluation.ranking_metrics(columns[there], held[there], ks=(20,))["ndcg@20"]
    np.testing.assert_allclose(found[there], wanted, rtol=1e-12)
    assert (found[~there] == 0).all()


def test_the_path_is_what_a_fit_without_those_people_reaches(demo_likes: Likes) -> None:
    choice = chosen(demo_likes)
    assert choice.path is not None
    L = demo_likes.matrix
    rng = np.random.default_rng(0)
    eligible = np.flatnonzero(np.diff(L.indptr) >= 5)
    count = len(eligible) // 5
    people = np.sort(rng.choice(eligible, count, replace=False))
    others = np.setdiff1d(np.arange(L.shape[0]), people)
    given_likes, held = holdout.parted(L[people], min(5, 500 // count), rng)
    model = me.MovieEmbedding(8, random_state=0, regularization=1.0).fit(L[others])
    ours = model._fitted_items().recommending
    length = ours.squares.sum() / (np.diff(L[others].indptr) >= 2).sum()
    some = choice.path[choice.path["multiple"].isin([0.5, 2.0, 8.0])]
    assert len(some) >= 4
    for _, row in some.iterrows():
        lists, _ = model.recommend(
            given_likes, 20, regularization=row["multiple"] * length, refine=int(row["refine"])
        )
        assert holdout.ndcg(lists, held).mean() == pytest.approx(row["ndcg"], rel=0.02)


@pytest.mark.parametrize("multiples", [(64.0, 256.0), (1 / 256, 1 / 64)])
def test_a_best_value_at_the_end_widens_the_search(
    demo_likes: Likes, multiples: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdout, "MULTIPLES", multiples)
    path = chosen(demo_likes).path
    assert path is not None
    tried = np.unique(path["multiple"])
    np.testing.assert_allclose(tried[1:] / tried[:-1], 4)
    best = path["multiple"][path["ndcg"].idxmax()]
    assert tried[0] < best < tried[-1]


def test_of_many_likes_few_people_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    likes = Likes.from_matrix(random_likes(3_000, 60, 0.2, seed=3))
    usual = chosen(likes).path
    monkeypatch.setattr(holdout, "FEWEST_SAMPLED", 30)
    monkeypatch.setattr(holdout, "MOST_WORK", 50.0 * likes.n_likes)
    counted: list[int] = []
    parted = holdout.parted

    def counting(rows: sp.csr_array, *rest: Any) -> Any:
        counted.append(rows.shape[0])
        return parted(rows, *rest)

    missing: list[int] = []
    row_length = holdout.row_length

    def recorded(op: Any, n_missing: int = 0) -> float:
        missing.append(n_missing)
        return row_length(op, n_missing)

    monkeypatch.setattr(holdout, "parted", counting)
    monkeypatch.setattr(holdout, "row_length", recorded)
    few = chosen(likes).path
    assert set(missing) == {597}
    assert counted == [50, 547]  # a fifth in all, since 50 cannot tell which steps to take
    model = me.MovieEmbedding(8, random_state=0).fit(likes)
    other_unit = choice_of(likes.matrix, 4 * model.embedding_, 0.25, "auto").path
    assert usual is not None
    assert few is not None
    assert other_unit is not None
    np.testing.assert_allclose(other_unit["ndcg"], few["ndcg"], rtol=1e-6)
    both = usual.merge(few, on=["multiple", "refine"])
    assert both["multiple"].nunique() == 3
    assert (abs(both["ndcg_x"] - both["ndcg_y"]) < 4 * both["stderr_y"]).all()


def test_what_nobody_else_likes_is_neither_found_nor_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = random_likes(300, 15, 0.5, seed=2).toarray()
    shared[shared.sum(axis=1) < 5, :5] = 1  # all may be held out
    people = np.random.default_rng(0).choice(300, 60, replace=False)
    L = np.hstack([np.eye(300)[:, people], shared])  # each of them has an item of their own
    matrix = Likes.from_matrix(L).matrix
    L[people] = 0
    lists, ridges = list[Any](), list[float]()
    ndcg, usual_ridges = holdout.ndcg, holdout.ridges

    def listed(columns: Any, held: sp.csr_array) -> Any:
        lists.append((columns, held))
        return ndcg(columns, held)

    def counted(squares: Any, regularization: float, power: float) -> Any:
        ridges.append(regularization)
        return usual_ridges(squares, regularization, power)

    monkeypatch.setattr(holdout, "ndcg", listed)
    monkeypatch.setattr(holdout, "ridges", counted)
    model = me.MovieEmbedding(4, random_state=0).fit(matrix)
    assert choice_of(matrix, model.embedding_, 0.0, 1).path is not None
    assert len(lists) >= 3
    liked = L.any(axis=0)  # all items are the operator's: everybody likes two or more
    for columns, held in lists:
        assert liked[columns[columns >= 0]].all()
        assert liked[held.indices].all()
    weights = L**2 / np.maximum(L.sum(axis=1), 1)[:, None] ** 0.5
    length = weights.sum() / (300 - len(people))
    np.testing.assert_allclose(sorted(ridges)[:3], np.array([0.5, 2, 8]) * length, rtol=1e-5)


def test_vectors_forget_the_people_who_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of items that few people share, vectors of all likes say what the held-out people like."""
    rng = np.random.default_rng(0)
    L = (rng.random((2_000, 1_040)) < np.r_[np.full(40, 0.1), np.zeros(1_000)]).astype(float)
    for i in range(250):  # each four of the rare items by three people
        L[np.ix_(rng.choice(2_000, 3, replace=False), np.arange(40 + 4 * i, 44 + 4 * i))] = 1
    matrix = Likes.from_matrix(L).matrix
    monkeypatch.setattr(holdout, "MOST_WORK", 0.0)
    monkeypatch.setattr(holdout, "FEWEST_SAMPLED", 60)
    eligible = np.flatnonzero(np.diff(matrix.indptr) >= 5)
    people = np.random.default_rng(0).choice(eligible, 60, replace=False)
    without = L.copy()
    without[people] = 0
    paths = []
    for likes in (L, without):
        model = me.MovieEmbedding(128, random_state=0).fit(likes)
        path = choice_of(matrix, model.embedding_, 0.25, 0).path
        assert path is not None
        paths.append(path)
    both = paths[0].merge(paths[1], on=["multiple", "refine"])
    assert len(both) >= 3
    np.testing.assert_allclose(both["ndcg_x"], both["ndcg_y"], atol=0.01)


@pytest.mark.parametrize(("stderrs", "further"), [(0.8, None), (1.2, 0.125), (1.9, 0.125)])
def test_beyond_an_end_that_is_clearly_the_best(stderrs: float, further: float | None) -> None:
    second = np.random.default_rng(0).random(400)
    noise = np.tile([-1.0, 1.0], 200)  # its mean has a standard error of 0.05
    best = second + noise + 0.05 * stderrs
    scores = {(0.5, 1): best, (2.0, 1): second, (8.0, 1): second - 1, (0.5, 0): second - 2}
    assert holdout.beyond_the_best(scores) == further
    assert holdout.beyond_the_best({(4 / m, step): x for (m, step), x in scores.items()}) == (
        further and 32.0
    )
    scores[0.25, 0] = second - 1  # then it is not at an end
    assert holdout.beyond_the_best(scores) is None


def test_what_is_as_good_as_the_best_and_usual(
    demo_likes: Likes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def curve(*heights: float, noise: float, lost: float = 0.02) -> holdout.Choice:
        """One step is better than none, by 0.02; single people differ by the noise."""

        def ndcg(trial: Any, multiple: float, steps: tuple[int, ...]) -> holdout.Scores:
            rng = np.random.default_rng(int(multiple * 1000))
            at = {0.5: 0, 2.0: 1, 8.0: 2}.get(multiple)
            height = min(heights) if at is None else heights[at]
            each = height + noise * rng.standard_normal(400)
            return {(multiple, step): each - lost * (step == 0) for step in steps}

        monkeypatch.setattr(holdout.Trial, "ndcg", ndcg)
        return chosen(demo_likes)

    clear = curve(0.30, 0.25, 0.2, noise=0.01)
    assert clear.path is not None
    # All but the usual multiple are tried with the better steps alone.
    tried = clear.path.groupby("multiple")["refine"].apply(list).to_dict()
    assert tried == {0.125: [1], 0.5: [1], 2.0: [0, 1], 8.0: [1]}
    both = curve(0.30, 0.25, 0.2, noise=0.01, lost=0.0).path
    assert both is not None
    assert both[both["multiple"] < 0.5]["refine"].tolist() == [0, 1]
    assert (clear.multiple, clear.refine) == (0.5, 1)
    unclear = curve(0.325, 0.30, 0.2, noise=0.2)
    assert unclear.path is not None
    # The best is at an end, and not clearly the best: nothing beyond is tried.
    assert unclear.path["multiple"][unclear.path["ndcg"].idxmax()] == 0.5
    assert np.unique(unclear.path["multiple"]).tolist() == [0.5, 2.0, 8.0]
    assert (unclear.multiple, unclear.refine) == (2.0, 1)
    assert curve(0.1, 0.2, 0.25, noise=0.01).multiple == 8.0


@pytest.mark.parametrize("lost", [-0.02, 0.02])
def test_others_tell_which_steps_to_take_where_the_first_cannot(lost: float) -> None:
    """With no step lists are better by `lost`; of 40 people that is half a standard error."""

    class Asked(holdout.Trial):
        def __init__(self, n_people: int, sign: float) -> None:
            vars(self).update(n_people=n_people, sign=sign, tried=[])

        def ndcg(self, multiple: float, steps: tuple[int, ...]) -> holdout.Scores:
            vars(self)["tried"].append((multiple, steps))
            noise = 0.25 * np.resize([1.0, -1.0], self.n_people)
            base = 0.3 + 0.1 * np.random.default_rng(0).random(self.n_people)
            # The first people say the opposite of what is right.
            gain = np.where(steps, 0.0, vars(self)["sign"] * lost)
            return {
                (multiple, s): base + (s == 0) * noise + g for s, g in zip(steps, gain, strict=True)
            }

    first, others = Asked(40, -1.0), Asked(4_000, 1.0)
    choice = holdout.best_of(first, (0, 1), lambda: others)
    right = 0 if lost > 0 else 1
    assert vars(others)["tried"] == [(2.0, (0, 1))]
    assert vars(first)["tried"] == [(2.0, (0, 1)), (0.5, (right,)), (8.0, (right,))]
    assert (choice.multiple, choice.refine) == (2.0, right)
    assert choice.path is not None
    assert choice.path["refine"].tolist() == [right, 0, 1, right]
    # Without others the usual number of steps is taken, and both are tried.
    alone = Asked(40, -1.0)
    assert holdout.best_of(alone, (0, 1), None).refine == 1
    assert {steps for _, steps in vars(alone)["tried"]} == {(0, 1)}


def test_steps_that_are_given_are_the_only_ones(demo_likes: Likes) -> None:
    choice = chosen(demo_likes, refine=3)
    assert choice.path is not None
    assert set(choice.path["refine"]) == {3} == {choice.refine}


def test_nobody_is_held_out_of_few() -> None:
    few = Likes.from_matrix(random_likes(60, 30, 0.4, seed=0))
    assert chosen(few) is holdout.USUAL
    nothing = sp.csr_array(np.eye(200, dtype=np.float32))
    assert choice_of(nothing, np.zeros((200, 2)), 0.0, "auto") is holdout.USUAL
