"""Lists without what was rated and not liked, the same for all recommenders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from movieembed import evaluation as ev
from movieembed.data.likes import Likes
from movieembed.evaluation.seen import lists
from movieembed.exceptions import ParameterError


def rated(seed: int, n_users: int = 30, n_items: int = 20) -> Likes:
    """Likes of users who have seen from none to nearly all of the items."""
    rng = np.random.default_rng(seed)
    share = rng.random((n_users, 1))
    users, items = np.nonzero(rng.random((n_users, n_items)) < share)
    rating = rng.choice([1.0, 3.0, 4.0, 5.0], len(users))
    table = pd.DataFrame({"user": users, "item": items, "rating": rating})
    return Likes.from_ratings(table, threshold=4.0, items=range(n_items))


def popular(train: Likes) -> Callable[[sp.csr_array, int], Any]:
    """By hand: all that is not given, by falling likes, then by column."""
    order = np.argsort(-train.matrix.toarray().sum(axis=0), kind="stable")

    def recommend(given: sp.csr_array, n: int) -> Any:
        found = np.full((given.shape[0], n), -1)
        for user, row in enumerate(given.toarray()):
            best = [item for item in order.tolist() if not row[item]][:n]
            found[user, : len(best)] = best
        return found

    return recommend


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 25))
def test_lists_are_the_whole_rankings_without_what_was_seen(seed: int, n: int) -> None:
    likes = rated(seed)
    assert likes.seen is not None
    recommend = popular(likes)
    found = lists(recommend, likes.matrix, n, likes.seen)
    whole, seen = recommend(likes.matrix, 25), likes.seen.toarray()
    wanted = np.full((likes.n_users, n), -1)
    for user, row in enumerate(whole.tolist()):
        best = [item for item in row if item >= 0 and not seen[user, item]][:n]
        wanted[user, : len(best)] = best
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(lists(recommend, likes.matrix, n, None), whole[:, :n])


def test_a_recommender_of_short_lists() -> None:
    seen = sp.csr_array(np.array([[0, 0, 1, 0], [0, 1, 0, 0]]))
    found = lists(lambda given, n: np.full((given.shape[0], 1), 2), seen, 3, seen)
    assert found.tolist() == [[-1, -1, -1], [2, -1, -1]]


@pytest.mark.parametrize("kind", ["random", "users", "last"])
def test_splits_know_what_the_users_asked_for_have_seen(kind: str) -> None:
    likes = rated(5)
    users, items = np.nonzero(likes.matrix.toarray())
    times = np.random.default_rng(0).permutation(len(users))
    ratings = pd.DataFrame(
        {"userId": likes.users[users], "movieId": likes.items[items], "timestamp": times}
    )
    split = {
        "random": lambda: ev.split_random(likes, random_state=0),
        "users": lambda: ev.split_users(likes, 6, min_likes=3, random_state=0),
        "last": lambda: ev.split_last(likes, ratings, 2),
    }[kind]()
    assert split.seen is not None
    assert likes.seen is not None
    lengths = np.diff(likes.matrix.indptr)
    if kind == "users":
        asked = np.flatnonzero((lengths >= 3) & ~np.isin(likes.users, split.train.users))
        known = likes.matrix.toarray()[asked][:, split.train.item_counts > 0]
        asked = asked[known.sum(axis=1) >= 2]
    else:
        asked = np.flatnonzero(lengths > np.diff(split.train.matrix.indptr))
    assert len(asked) == split.held.shape[0] > 2
    np.testing.assert_array_equal(split.seen.toarray(), likes.seen.toarray()[asked])
    assert split.seen.nnz > 0
    assert not (split.seen.toarray() & (split.held.toarray() > 0)).any()


def test_evaluate_leaves_out_what_was_seen() -> None:
    """Against metrics that are counted by hand, and no list of any recommender has it."""
    likes = rated(1, n_users=60)
    split = ev.split_random(likes, random_state=0)
    assert split.seen is not None
    hits = []
    order = np.argsort(-split.train.matrix.toarray().sum(axis=0), kind="stable")
    given_, held, seen = (m.toarray() > 0 for m in (split.given, split.held, split.seen))
    for user in range(len(held)):
        left = [item for item in order if not given_[user, item] and not seen[user, item]]
        hits.append(held[user, left[:5]].sum() / held[user].sum())
    recommenders: Any = {"mine": popular, "theirs": ev.popularity, "ease": ev.ease}
    table = ev.evaluate(recommenders, split, ks=(5,), exclude_seen=True)
    assert table.loc["mine", "recall@5"] == pytest.approx(np.mean(hits))
    assert table.loc["theirs", "recall@5"] == pytest.approx(np.mean(hits))
    columns = lists(ev.ease(split.train), split.given, 5, split.seen)
    found = ev.ranking_metrics(columns, split.held, ks=(5,))
    assert table.loc["ease", "ndcg@5"] == pytest.approx(found["ndcg@5"].mean())
    users, places = np.nonzero(columns >= 0)
    assert not seen[users, columns[users, places]].any()
    before = ev.evaluate(recommenders, split, ks=(5,))
    assert before.loc["mine", "recall@5"] < table.loc["mine", "recall@5"]
    assert before.loc["mine", "recall@5"] == pytest.approx(
        ev.ranking_metrics(popular(split.train)(split.given, 5), split.held, ks=(5,))[
            "recall@5"
        ].mean()
    )


def test_what_is_not_known_cannot_be_left_out(likes: Likes) -> None:
    split = ev.split_random(likes, random_state=0)
    assert split.seen is None
    with pytest.raises(ParameterError, match="exclude_seen=True needs ratings") as error:
        ev.evaluate({"popular": ev.popularity}, split, exclude_seen=True)
    assert error.value.parameter == "exclude_seen"
    with pytest.raises(TypeError, match="exclude_seen"):
        ev.evaluate({"popular": ev.popularity}, split, exclude_seen=1)  # type: ignore[arg-type]
