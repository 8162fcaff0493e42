"""One person: a row, a list, or ratings, of which those from the threshold on are likes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import movieembed as me
from helpers import random_likes

MATRIX = random_likes(30, 8, 0.4, seed=2)
IDS = [10, 20, 30, 40, 50, 60, 70, 80]
TITLES = [f"Film {letter}" for letter in "ABCDEFGH"]


def rated(threshold: float) -> me.MovieEmbedding:
    """A model of likes that were ratings."""
    users, items = MATRIX.nonzero()
    table = pd.DataFrame({"user": users, "item": np.array(IDS)[items], "rating": 5.0})
    catalogue = pd.DataFrame({"id": IDS, "title": TITLES})
    likes = me.Likes.from_ratings(table, threshold=threshold, items=catalogue)
    return me.MovieEmbedding(2, random_state=0, keep_likes=True).fit(likes)


MODEL = rated(3.5)
UNRATED = me.MovieEmbedding(2, random_state=0).fit(me.Likes.from_matrix(MATRIX, items=IDS))


def same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, wanted)


@pytest.mark.parametrize("refine", [0, 1])
@settings(max_examples=25, deadline=None)
@given(
    ratings=st.dictionaries(
        st.sampled_from(IDS), st.sampled_from([0.5, 3.0, 3.5, 4.0, 5.0]), max_size=7
    )
)
def test_ratings_are_likes_and_what_is_known(refine: int, ratings: dict[int, float]) -> None:
    liked = [item for item, rating in ratings.items() if rating >= 3.5]
    others = [item for item in ratings if item not in liked]
    forms: list[Any] = [
        ratings,
        pd.Series(ratings, dtype=float),
        pd.Series(ratings, dtype=float, name="rating").rename_axis("movieId"),
        {TITLES[IDS.index(item)]: rating for item, rating in ratings.items()},
    ]
    for form in forms:
        if not liked:
            with pytest.raises(ValueError, match=r"items is empty|the highest of the ratings is"):
                MODEL.recommend(form, refine=refine)
            continue
        found = MODEL.recommend(form, n=8, refine=refine)
        same(found, MODEL.recommend(liked, n=8, refine=refine, filter_items=others))
        assert not set(found["item"]) & set(ratings)
        np.testing.assert_array_equal(MODEL.query_vectors(form), MODEL.query_vectors(liked))


def test_what_ratings_may_not_be() -> None:
    ratings: Any
    for ratings, error, match in (
        ({10: 5, "Film A": 4}, ValueError, "name an item twice"),
        ({10: "five"}, TypeError, "must hold numbers"),
        ({10: np.inf}, ValueError, "hold infinity"),
        ({10: 3.0, 20: 1.0}, ValueError, "highest of the ratings is 3, below 3.5"),
        ({10: None}, ValueError, "items is empty"),
        ({}, ValueError, "items is empty"),
        ({99: 5.0}, me.ItemNotFoundError, "99"),
        (pd.Series([4.0, 5.0], index=[10, 10]), ValueError, "more than once"),
    ):
        with pytest.raises(error, match=match):
            MODEL.recommend(ratings)
    with pytest.raises(ValueError, match="a dict or Series holds ratings"):
        MODEL.recommend({10: 5.0}, weights=[1])
    same(MODEL.recommend({10: 5, 20: None, 30: np.nan}), MODEL.recommend([10]))
    same(MODEL.recommend({10: 5}, dislikes=[20]), MODEL.recommend([10], dislikes=[20]))


def test_without_a_threshold_ratings_are_ones_and_zeros() -> None:
    assert UNRATED.threshold_ is None
    with pytest.raises(ValueError, match="likes came without a threshold"):
        UNRATED.recommend({10: 5, 20: 1})
    for given_ in ({10: 1, 20: 0}, {10: True, 20: False}):
        same(UNRATED.recommend(given_), UNRATED.recommend([10], filter_items=[20]))


def test_a_series_of_items_is_a_list() -> None:
    wanted = MODEL.recommend([20, 40, 50])
    table = pd.DataFrame({"movieId": IDS, "mine": [0, 1, 0, 1, 1, 0, 0, 0]})
    for items in (
        pd.Series([20, 40, 50]),
        table.loc[table["mine"] == 1, "movieId"],
        pd.Series(["Film B", "Film D", "Film E"], index=[7, 9, 11]),
    ):
        same(MODEL.recommend(items), wanted)
    unclear = table.rename(columns={"movieId": "thing"}).loc[table["mine"] == 1, "thing"]
    with pytest.raises(ValueError, match=r"the Series may hold ratings .*series.tolist"):
        MODEL.recommend(unclear)
    same(MODEL.recommend(unclear.tolist()), wanted)
    with pytest.raises(ValueError, match="the Series may hold ratings"):
        MODEL.recommend(pd.Series(IDS)[1:3])


def test_a_row_of_a_frame_is_a_person() -> None:
    dense = MATRIX.toarray()
    for index in (range(100, 130), [f"u{i}" for i in range(30)]):
        frame = pd.DataFrame(dense, columns=IDS, index=list(index))
        same(UNRATED.recommend(frame.iloc[3]), UNRATED.recommend(np.array(IDS)[dense[3] == 1]))
    stars = pd.DataFrame(np.where(dense == 1, 4.0, np.nan), columns=IDS)
    stars.loc[3, 10] = 2.0
    liked = [item for item, one in zip(IDS, dense[3], strict=True) if one and item != 10]
    same(MODEL.recommend(stars.loc[3]), MODEL.recommend(liked, filter_items=[10]))


@pytest.mark.parametrize("model", [MODEL, UNRATED], ids=["kept likes", "embedding alone"])
@pytest.mark.parametrize("user", [0, 3, 7])
def test_a_row_alone_is_one_user(model: me.MovieEmbedding, user: int) -> None:
    dense = MATRIX.toarray()[user]
    items = np.array(IDS)[dense == 1]
    wanted = model.recommend(items)
    flat = sp.coo_array((np.ones(len(items)), (np.flatnonzero(dense),)), shape=(8,))
    rows: dict[str, Any] = {
        "csr": MATRIX[user],
        "coo": flat,
        "floats": dense,
        "integers": dense.astype(int),
        "booleans": dense.astype(bool),
        "big-endian": dense.astype(">f4"),
        "masked": np.ma.masked_array(np.ones(8), mask=dense == 0),
        "list": dense.astype(int).tolist(),
        "Series": pd.Series(dense),
    }
    for name, row in rows.items():
        same(model.recommend(row), wanted)
        vectors = model.query_vectors(row)
        np.testing.assert_array_equal(vectors, model.query_vectors(items), name)
        same(
            model.explain(row, int(wanted["item"].iloc[0])),
            model.explain(items, int(wanted["item"].iloc[0])),
        )
    same(model.recommend(2.5 * dense), model.recommend(items, weights=np.full(len(items), 2.5)))


def test_a_row_alone_may_not_be_empty_or_of_another_length() -> None:
    for row in (sp.csr_array((1, 8)).reshape(8), np.zeros(8)):
        with pytest.raises(ValueError, match="the row has no likes"):
            MODEL.recommend(row)
    with pytest.raises(ValueError, match="has 7 columns for 8 items"):
        MODEL.recommend(sp.coo_array(np.ones(7)))


def test_short_lists_stay_lists() -> None:
    ids = me.MovieEmbedding(2, random_state=0).fit(MATRIX)
    same(ids.recommend([1, 0, 1]), ids.recommend([0, 1]))
    same(ids.recommend(np.array([1, 0, 1])), ids.recommend([0, 1]))
    two = me.MovieEmbedding(1, random_state=0).fit([[1, 1], [1, 1]])
    assert len(two.recommend(np.array([1, 0]))) == 0
    # With weights they are items, as many as there may be.
    same(
        ids.recommend([1, 0, 1, 0, 1, 0, 1, 0], weights=[1] * 8),
        ids.recommend([0, 1], weights=[4, 4]),
    )


def test_the_threshold_goes_with_likes_model_and_file(tmp_path: Any) -> None:
    model = rated(3.5)
    assert model.threshold_ == 3.5
    model.save(tmp_path / "m.npz")
    again = me.load(tmp_path / "m.npz")
    assert again.threshold_ == 3.5
    same(again.recommend({10: 3.5, 20: 3.0}), model.recommend({10: 3.5, 20: 3.0}))
    bigger = model.extend(np.ones((30, 1)), MATRIX, items=[90])
    assert bigger.threshold_ == 3.5
    UNRATED.save(tmp_path / "u.npz")
    assert me.load(tmp_path / "u.npz").threshold_ is None


def test_refit_and_splits_keep_the_threshold() -> None:
    from movieembed import evaluation

    table = pd.DataFrame(
        [(user, item, 4.5) for user, item in itertools.product(range(6), range(5))],
        columns=["user", "item", "rating"],
    )
    likes = me.Likes.from_ratings(table, threshold=2.5)
    assert likes.threshold == 2.5
    assert evaluation.split_random(likes, random_state=0).train.threshold == 2.5
    assert evaluation.split_users(likes, 2, random_state=0).train.threshold == 2.5
    model = me.MovieEmbedding(1, random_state=0).fit(likes)
    assert model.refit(likes).threshold_ == 2.5
    assert model.refit(likes.matrix).threshold_ is None


# What was rated and not liked.


def rated_by_many(seed: int = 0) -> me.Likes:
    """Likes of 40 users who dislike about as much; the first likes nothing."""
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((40, 12)) < 0.6)
    rating = np.where(users == 0, 1.0, rng.choice([1.0, 2.0, 4.0, 5.0], len(users)))
    table = pd.DataFrame({"user": users, "item": 10 * items, "rating": rating})
    return me.Likes.from_ratings(table, threshold=3.5, items=range(0, 120, 10))


@pytest.mark.parametrize("refine", [0, 1])
def test_nobody_is_recommended_what_they_have_seen(refine: int) -> None:
    likes = rated_by_many()
    assert likes.seen is not None
    model = me.MovieEmbedding(3, random_state=0, keep_likes=True).fit(likes)
    columns, scores = model.recommend(likes, n=12, refine=refine)
    everything, all_scores = model.recommend(likes, n=12, refine=refine, exclude_seen=False)
    liked, seen = likes.matrix.toarray() > 0, likes.seen.toarray()
    assert (columns[0] == -1).all()
    assert (columns[1:, 0] >= 0).any()
    for user in range(1, 40):
        wanted = [c for c in everything[user].tolist() if c >= 0 and not seen[user, c]]
        assert columns[user, : len(wanted)].tolist() == wanted
        assert (columns[user, len(wanted) :] == -1).all()
        unliked = np.flatnonzero(~liked[user]) if liked[user].any() else []
        assert set(everything[user].tolist()) - {-1} == set(unliked)
        np.testing.assert_array_equal(
            scores[user, : len(wanted)], all_scores[user][np.isin(everything[user], wanted)]
        )
    matrix, _ = model.recommend(likes.matrix, n=12, refine=refine)
    np.testing.assert_array_equal(matrix, everything)
    table = model.recommend_users(likes, 12, refine=refine)
    there = columns >= 0
    assert table["item"].tolist() == likes.items[columns[there]].tolist()
    table = model.recommend_users(likes, 12, refine=refine, exclude_seen=False)
    assert table["item"].tolist() == likes.items[everything[everything >= 0]].tolist()


def test_what_was_seen_moves_with_the_items() -> None:
    likes = rated_by_many()
    assert likes.seen is not None
    model = me.MovieEmbedding(3, random_state=0, keep_likes=True).fit(likes)
    turned = np.random.default_rng(1).permutation(12)[:9]
    matrix, seen = likes.matrix[:, turned], likes.seen[:, turned]
    fewer = me.Likes(matrix, likes.users, likes.items[turned], seen=seen)
    columns, _ = model.recommend(fewer, n=5)
    same_likes = sp.lil_array(likes.shape)
    same_likes[:, turned] = matrix.toarray()
    same_seen = sp.lil_array(likes.shape)
    same_seen[:, turned] = seen.toarray()
    there: Any = same_likes.tocsr()
    moved = me.Likes(there, likes.users, likes.items, seen=same_seen.tocsr())
    np.testing.assert_array_equal(columns, model.recommend(moved, n=5)[0])
    assert (columns >= 0).any()
    assert not same_seen.toarray()[np.nonzero(columns >= 0)[0], columns[columns >= 0]].any()


@pytest.mark.parametrize("refine", [0, 1])
def test_one_person_may_be_recommended_what_they_have_seen(refine: int) -> None:
    ratings = {10: 5, 20: 1, 30: 2, 40: 4}
    found = MODEL.recommend(ratings, n=8, refine=refine)
    assert not set(found["item"]) & set(ratings)
    found = MODEL.recommend(ratings, n=8, refine=refine, exclude_seen=False)
    same(found, MODEL.recommend([10, 40], n=8, refine=refine))
    assert {20, 30} <= set(found["item"])
    found = MODEL.recommend(ratings, n=8, refine=refine, dislikes=[20], exclude_seen=True)
    assert not set(found["item"]) & set(ratings)
    with pytest.raises(TypeError, match="exclude_seen"):
        MODEL.recommend(ratings, exclude_seen="no")


def test_refit_and_splits_keep_what_was_seen() -> None:
    from movieembed import evaluation
    from movieembed.model.fitting import likes_with_items_first

    likes = rated_by_many()
    assert likes.seen is not None
    dense = likes.seen.toarray()
    train = evaluation.split_random(likes, random_state=0).train
    assert train.seen is not None
    np.testing.assert_array_equal(train.seen.toarray(), dense)
    part = evaluation.split_users(likes, 5, random_state=0).train
    assert part.seen is not None
    np.testing.assert_array_equal(part.seen.toarray(), dense[np.isin(likes.users, part.users)])
    model = me.MovieEmbedding(1, random_state=0).fit(me.Likes.from_matrix([[1, 1]], items=[30, 7]))
    joined = likes_with_items_first(likes, model._fitted_items())
    assert joined.items.tolist()[:3] == [30, 7, 0]
    assert isinstance(joined, me.Likes)
    assert joined.seen is not None
    places = [joined.items.tolist().index(item) for item in likes.items.tolist()]
    np.testing.assert_array_equal(joined.seen.toarray()[:, places], dense)
    assert joined.seen.nnz == likes.seen.nnz
