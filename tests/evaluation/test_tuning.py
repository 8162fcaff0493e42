"""The parameters that tuning takes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from movieembed import evaluation as ev
from movieembed.data.likes import Likes
from movieembed.evaluation.tuning import Search, splits_of


def test_tune_takes_the_best_of_the_validation_part(likes: Likes) -> None:
    split = ev.split_random(likes, random_state=0)
    chosen = ev.tune(
        likes,
        n_components=(2, 6),
        recommend_weighting=(0.5, 0),
        regularization_power=(0.25, 0),
        factors=(0.5, 2.0),
        refine=(0, 2),
        k=5,
        split=split,
    )
    # A fit each of two weightings and of another width: every lambda and step, then another power
    # at the best lambda and its neighbour.
    table = chosen.table
    assert len(table) == 3 * (4 + 2)
    assert len(table.drop_duplicates()) == len(table)
    total = table["recall"] + table["ndcg"]
    mine = table[[*chosen.parameters()]].eq(pd.Series(chosen.parameters())).all(axis=1)
    assert mine.sum() == 1
    assert total[mine].item() >= total.max() - 0.02
    # lambda in mean squared lengths of a person's row, whose likes count n^-weighting each.
    counts = np.diff(split.train.matrix.indptr)
    for weighting, tried in table.groupby("recommend_weighting"):
        length = np.mean(counts ** (1 - float(weighting)))
        np.testing.assert_allclose(np.unique(tried["regularization"] / length), [0.5, 2.0])
    for _, row in table.iloc[[0, 5, 9, 17]].iterrows():
        given = row[[*chosen.parameters()]].to_dict()
        given = {**given, "refine": int(given["refine"]), "random_state": 0}
        given["n_components"] = int(given["n_components"])
        model = me.MovieEmbedding(**given).fit(split.train)
        found = ev.ranking_metrics(model.recommend(split.given, 5)[0], split.held, ks=(5,))
        assert found["recall@5"].mean() == pytest.approx(row["recall"], abs=1e-12)
        assert found["ndcg@5"].mean() == pytest.approx(row["ndcg"], abs=1e-12)


def test_what_is_tried_unless_told(likes: Likes) -> None:
    one = {"n_components": [2], "recommend_weighting": [0.5], "regularization_power": [0.25]}
    table = ev.tune(likes, k=5, **one).table
    assert set(table["refine"]) == {0, 1, 2}
    tried = np.unique(table["regularization"])
    np.testing.assert_allclose(tried / tried[0], [1, 2, 4, 8, 16])
    few = {"factors": [1.0], "refine": [0], "k": 5}
    table = ev.tune(likes, **few).table
    assert set(table["n_components"]) == {64, 128, 256}
    assert set(table["recommend_weighting"]) == {0.5, 0, 1}
    assert set(table["regularization_power"]) == {0.25, 0, 0.5}


def test_the_usual_within_a_standard_error(likes: Likes) -> None:
    search = Search([ev.split_random(likes, random_state=0)], [0.25], [1.0], [1], 5, {})
    rng = np.random.default_rng(0)
    people = rng.normal(0, 3, 100)  # as much in all settings: what counts are the differences
    odd = rng.permutation(np.repeat([-1.0, 1.0], 50))  # a standard error of 0.1
    usual = {
        "n_components": 16,
        "recommend_weighting": 0.5,
        "regularization_power": 0.25,
        "factor": 2.0,
        "refine": 1,
    }
    tried = (
        ({}, people + odd, 0.0),
        ({"n_components": 32}, people + odd, 0.02),
        ({"n_components": 32, "refine": 0}, people, 0.09),
        ({"n_components": 32, "factor": 8.0}, people, 0.08),
    )
    for change, scores, mean in tried:
        search.rows.append({**usual, **change})
        search.scores.append(scores + mean)
    assert search.best() == usual  # 0.09 below the best, and the standard error is 0.1
    search.scores[0] = search.scores[0] - 0.02
    assert search.best() == {**usual, "n_components": 32}
    search.scores[1] = search.scores[1] - 0.04
    assert search.best() == {**usual, "n_components": 32, "refine": 0}  # of two alike the better


def test_few_people_are_asked_in_several_splits(
    demo_likes: Likes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as make enough lists, each with a fit of its own; a given split alone."""
    one = {"n_components": [4], "recommend_weighting": [0.5], "regularization_power": [0.25]}
    one |= {"factors": [1.0], "refine": [1]}
    split = ev.split_random(demo_likes, random_state=np.random.default_rng(0))
    asked = split.given.shape[0]
    tables = {}
    for most_people, most_splits, expected in ((asked, 4, 1), (asked + 1, 4, 2), (10**6, 3, 3)):
        monkeypatch.setattr("movieembed.evaluation.tuning.MOST_PEOPLE", most_people)
        monkeypatch.setattr("movieembed.evaluation.tuning.MOST_SPLITS", most_splits)
        splits = splits_of(demo_likes, 0)
        assert len(splits) == expected
        assert len({s.train.matrix.indices.tobytes() for s in splits}) == expected
        tables[expected] = ev.tune(demo_likes, **one).table
    assert tables[1].equals(ev.tune(demo_likes, split=split, **one).table)
    alone = [ev.tune(demo_likes, split=s, **one).table["ndcg"].item() for s in splits]
    people = [s.given.shape[0] for s in splits]
    assert tables[3]["ndcg"].item() == pytest.approx(np.average(alone, weights=people))


def test_of_many_people_some_are_asked(demo_likes: Likes, monkeypatch: pytest.MonkeyPatch) -> None:
    split = ev.split_random(demo_likes, random_state=0)
    monkeypatch.setattr("movieembed.evaluation.tuning.MOST_PEOPLE", 50)
    one = {"n_components": [8], "recommend_weighting": [0.5], "regularization_power": [0.25]}
    chosen = ev.tune(demo_likes, factors=[1.0], refine=[1], split=split, **one)
    table = chosen.table
    again = ev.tune(demo_likes, factors=[1.0], refine=[1], split=split, **one).table
    assert table.equals(again)
    monkeypatch.setattr("movieembed.evaluation.tuning.MOST_PEOPLE", 10**6)
    everybody = ev.tune(demo_likes, factors=[1.0], refine=[1], split=split, **one).table
    assert everybody["ndcg"].item() == pytest.approx(table["ndcg"].item(), rel=0.3)
    assert everybody["ndcg"].item() != table["ndcg"].item()


def test_what_was_chosen_and_a_split_are_a_line_each() -> None:
    table = pd.DataFrame(np.zeros((100, 3)))
    text = repr(ev.Tuned(64, 1, 100.0, table, 0.5, 0.25))
    expected = "Tuned(n_components=64, refine=1, regularization=100.0, recommend_weighting=0.5, "
    assert text == f"{expected}regularization_power=0.25)"
    likes = Likes.from_matrix(np.ones((3, 10)))
    split = ev.split_random(likes, random_state=0)
    expected = "Split(train=Likes(3 users x 10 items, 24 likes), 3 users asked for, "
    assert repr(split) == f"{expected}6 likes held out)"
