"""What may be in a list, in which order, and the scores of chosen items."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import movieembed as me
from precision_cases import UNWEIGHTED

N_USERS, N_ITEMS, LAMBDA = 60, 15, 5.0
EVERY = list(range(N_ITEMS))
MANY = {"refine": 60, "popularity_discount": 0.0}


@pytest.fixture(scope="module")
def likes() -> np.ndarray:
    return (np.random.default_rng(0).random((N_USERS, N_ITEMS)) < 0.4).astype(float)


@pytest.fixture(scope="module")
def model(likes: np.ndarray) -> me.MovieEmbedding:
    return me.MovieEmbedding(6, random_state=0, regularization=LAMBDA, **UNWEIGHTED).fit(likes)


def ease(L: np.ndarray) -> np.ndarray:
    """The dense linear recommender, no item speaking for itself."""
    P = np.linalg.inv(L.T @ L + LAMBDA * np.eye(L.shape[1]))
    B = -P / np.diag(P)
    np.fill_diagonal(B, 0)
    return B


def test_the_items_given_are_ranked_by_the_others(
    likes: np.ndarray, model: me.MovieEmbedding
) -> None:
    S = likes @ ease(likes)
    columns, scores = model.recommend(likes, N_ITEMS, exclude_given=False, **MANY)
    np.testing.assert_array_equal(columns, np.argsort(-S, axis=1))
    np.testing.assert_allclose(scores, -np.sort(-S, axis=1), atol=1e-12)
    few, _ = model.recommend(likes, 4, exclude_given=False, **MANY)
    np.testing.assert_array_equal(few, columns[:, :4])
    table = model.rank(np.flatnonzero(likes[3]).tolist(), EVERY, **MANY)
    assert table["item"].tolist() == columns[3].tolist()
    np.testing.assert_allclose(table["score"], scores[3], atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [{"refine": 0}, {"refine": 1}, {"refine": 2}, {"method": "cosine"}, {"method": "dot"}],
)
def test_the_others_score_as_before(
    likes: np.ndarray, model: me.MovieEmbedding, options: dict[str, Any]
) -> None:
    person = np.flatnonzero(likes[5]).tolist()
    given = model.recommend(person, N_ITEMS, exclude_given=False, **options)
    others = model.recommend(person, N_ITEMS, **options)
    assert len(given) == N_ITEMS
    kept = given[~given["item"].isin(person)].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, others)
    ranked = model.rank(person, EVERY, **options)
    pd.testing.assert_frame_equal(ranked, given, rtol=1e-12)
    if "method" in options:
        V = model.embedding_
        V = V / np.linalg.norm(V, axis=1, keepdims=True) if options["method"] == "cosine" else V
        scores = V @ V[person].mean(axis=0)
        np.testing.assert_allclose(ranked["score"], scores[ranked["item"]], rtol=1e-10)


@pytest.mark.parametrize("refine", [0, 1, 2, 5, 8])
@pytest.mark.parametrize("weighting", [UNWEIGHTED, {}])
def test_no_item_speaks_for_itself(
    likes: np.ndarray, weighting: dict[str, Any], refine: int
) -> None:
    """Scores add up over a person's items, and leave out an item's own share of its score."""
    model = me.MovieEmbedding(6, random_state=0, regularization=LAMBDA, **weighting).fit(likes)
    B = np.zeros((N_ITEMS, N_ITEMS))
    for item in EVERY:
        table = model.rank([item], EVERY, refine=refine)
        B[item, table["item"]] = table["score"]
    np.testing.assert_allclose(np.diag(B), 0, atol=1e-12)
    if refine == 0 and weighting:
        V, c = model.embedding_, likes.sum(axis=0)
        P = np.linalg.inv(V @ V.T + np.diag(np.maximum(c - (V**2).sum(axis=1), 0) + LAMBDA))
        expected = -P / np.diag(P) / c**0.08
        np.fill_diagonal(expected, 0)
        np.testing.assert_allclose(B, expected, atol=1e-12)
    person, weights = [0, 4, 7, 9], [1.0, -0.5, 2.0, 1.0]
    table = model.rank(person, EVERY, weights=weights, refine=refine)
    expected = np.array(weights) @ B[person]
    np.testing.assert_allclose(table["score"], expected[table["item"]], atol=1e-12)
    columns, scores = model.recommend(likes, N_ITEMS, exclude_given=False, refine=refine)
    expected = np.take_along_axis(likes @ B, columns, 1)  # here in float32, above in float64
    np.testing.assert_allclose(scores, expected, atol=2e-6)


def test_a_shelf_that_holds_known_items(likes: np.ndarray, model: me.MovieEmbedding) -> None:
    person = np.flatnonzero(likes[5]).tolist()
    shelf = [*person[:2], *np.flatnonzero(likes[5] == 0)[:3].tolist()]
    found = model.recommend(person, 5, allowed_items=shelf, exclude_given=False)
    assert set(found["item"]) == set(shelf)
    pd.testing.assert_frame_equal(found, model.rank(person, shelf), rtol=1e-12)
    found = model.recommend(
        person, 5, allowed_items=shelf, exclude_given=False, filter_items=shelf[:1]
    )
    assert set(found["item"]) == set(shelf[1:])
    disliked = model.recommend(person, N_ITEMS, dislikes=[shelf[-1]], exclude_given=False)
    assert set(disliked["item"]) == set(EVERY) - {shelf[-1]}


def test_for_many_and_never_for_one(likes: np.ndarray, model: me.MovieEmbedding) -> None:
    never = pd.DataFrame({"user": [0, 0, 7], "item": [np.flatnonzero(likes[0])[0], 14, 3]})
    table = model.recommend_users(n=N_ITEMS, exclude_given=False, exclude=never)
    sizes = table.groupby("user").size()
    assert sizes[0] == N_ITEMS - 2
    assert sizes[7] == N_ITEMS - 1
    assert (sizes.drop([0, 7]) == N_ITEMS).all()
    assert not len(table.merge(never))
    expected = model.recommend(likes[7:8], N_ITEMS, exclude_given=False)[0][0]
    assert table[table["user"] == 7]["item"].tolist() == expected[expected != 3].tolist()


def by_relevance(V: np.ndarray, scores: np.ndarray, n: int, weight: float) -> list[int]:
    """Maximal marginal relevance, word for word."""
    V = V / np.linalg.norm(V, axis=1, keepdims=True)
    r = (scores - scores.min()) / (scores.max() - scores.min())
    chosen: list[int] = []
    while len(chosen) < n:
        left = [j for j in range(len(scores)) if j not in chosen]
        value = [
            (1 - weight) * r[j] - weight * max((V[j] @ V[k] for k in chosen), default=0)
            for j in left
        ]
        chosen.append(left[int(np.argmax(value))])
    return chosen


@pytest.mark.parametrize("weight", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("refine", [0, 1])
def test_diversify(
    likes: np.ndarray,
    model: me.MovieEmbedding,
    weight: float,
    refine: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("movieembed.model.rules.DIVERSIFY_BYTES", 8 * N_ITEMS * 6 * 7)
    columns, scores = model.recommend(likes, 6, diversify=weight, refine=refine)
    every, all_scores = model.recommend(likes, N_ITEMS, refine=refine)
    plain, _ = model.recommend(likes, 6, diversify=0, refine=refine)
    np.testing.assert_array_equal(plain, every[:, :6])
    assert (columns != plain).any()
    for user in range(N_USERS):
        there = every[user] >= 0
        pool, worth = every[user][there], all_scores[user][there]
        chosen = by_relevance(model.embedding_[pool], worth, min(6, len(pool)), weight)
        assert columns[user][columns[user] >= 0].tolist() == pool[chosen].tolist()
        np.testing.assert_array_equal(scores[user][: len(chosen)], worth[chosen])
        assert (columns[user][len(chosen) :] == -1).all()


def test_diversify_for_nobody(model: me.MovieEmbedding) -> None:
    columns, scores = model.recommend(np.zeros((2, N_ITEMS)), 3, diversify=0.5)
    assert (columns == -1).all()
    assert np.isneginf(scores).all()
    assert model.recommend(sp.csr_array((0, N_ITEMS)), 3, diversify=0.5)[0].shape == (0, 3)


def films() -> tuple[me.Likes, pd.DataFrame]:
    table = pd.DataFrame(
        {
            "movieId": np.arange(N_ITEMS) + 50,
            "title": [f"Film {i} ({1980 + i})" for i in EVERY],
            "genres": ["Comedy|Drama", "Drama", "Action|comedy"] * 5,
            "minutes": [*range(80, 94), np.nan],
        }
    )
    matrix = np.random.default_rng(0).random((N_USERS, N_ITEMS)) < 0.4
    user, item = np.nonzero(matrix)
    ratings = pd.DataFrame({"userId": user, "movieId": item + 50})
    return me.Likes.from_ratings(ratings, items=table), table


def test_items_by_the_table_of_items(tmp_path: Any) -> None:
    likes, table = films()
    model = me.MovieEmbedding(4, random_state=0).fit(likes)
    model.save(tmp_path / "m.npz")
    comedy = table["genres"].str.lower().str.contains("comedy")
    year = table["title"].str[-5:-1].astype(int)
    cases: dict[Any, Any] = {
        "genres has Comedy": comedy,
        "year >= 1990": year >= 1990,
        "minutes < 85": table["minutes"] < 85,
        ("genres has comedy", "year<1985"): comedy & (year < 1985),
        "title == 'Film 7 (1987)'": table.index == 7,
    }
    for where, mask in cases.items():
        allowed = table.loc[mask, "movieId"]
        expected = model.recommend(likes, 20, allowed_items=allowed)
        for fitted in (model, me.load(tmp_path / "m.npz")):
            found = fitted.recommend(likes, 20, where=where if isinstance(where, str) else [*where])
            np.testing.assert_array_equal(found[0], expected[0])
        assert set(likes.items[expected[0][expected[0] >= 0]]) == set(allowed)
    with pytest.raises(ValueError, match="where: 'genre' is not a column of the table of items"):
        model.recommend(likes, where="genre has Comedy")
    with pytest.raises(ValueError, match="no item meets where='genres has Comdy'"):
        fitted.recommend(likes, where="genres has Comdy")
    bare = me.MovieEmbedding(2, random_state=0).fit(likes.matrix)
    with pytest.raises(ValueError, match="is not a column of the table of items; it has: none"):
        bare.recommend([1], where="year > 1990")


def test_the_table_of_a_larger_model() -> None:
    likes, _ = films()
    model = me.MovieEmbedding(4, random_state=0).fit(likes)
    new = sp.csr_array(np.random.default_rng(3).random((N_USERS, 2)) < 0.3)
    bigger = model.extend(new, items=[90, 91], titles=["New (2020)", "Newer (2021)"])
    assert bigger.recommend([50], 20, where="year > 2000")["item"].isin([90, 91]).all()
    found = bigger.recommend([50], 20, where="minutes >= 0")["item"]
    assert set(found) == set(range(51, 64))
    assert bigger.recommend_users(users=3, n=20)["item"].isin(bigger.items_).all()
    with pytest.raises(ValueError, match="where: 'length' is not a column"):
        bigger.recommend([50], where="length > 1")


def test_the_table_of_a_model_fitted_again() -> None:
    likes, _ = films()
    model = me.MovieEmbedding(4, random_state=0).fit(likes)
    short = {"where": "minutes < 85", "n": 20, "exclude_given": False}
    expected = {50, 51, 52, 53, 54}
    assert set(model.recommend([60], **short)["item"]) == expected
    turned = np.random.default_rng(1).permutation(N_ITEMS)
    table = likes.item_table.iloc[turned]
    moved = me.Likes(
        likes.matrix[:, turned], likes.users, likes.items[turned], likes.titles[turned], table
    )
    bare = me.Likes(likes.matrix[:, turned], likes.users, likes.items[turned])
    for more in (moved, bare):
        assert set(model.refit(more).recommend([60], **short)["item"]) == expected


def test_items_that_the_model_lacks(model: me.MovieEmbedding) -> None:
    for name in ("filter_items", "allowed_items"):
        with pytest.raises(me.ItemNotFoundError, match="no item has the id 77"):
            model.recommend([1], **{name: [3, 77]})
        found = model.recommend([1], N_ITEMS, unknown="drop", **{name: [3, 77, "nothing"]})
        pd.testing.assert_frame_equal(found, model.recommend([1], N_ITEMS, **{name: [3]}))
    assert not len(model.recommend([1], unknown="drop", allowed_items=77))
    with pytest.raises(ValueError, match="unknown must be one of 'raise', 'drop'"):
        model.recommend([1], unknown="ignore")


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"diversify": 1.5}, ValueError, "diversify must be"),
        ({"diversify": "much"}, TypeError, "diversify must be"),
        ({"exclude_given": 1}, TypeError, "exclude_given must be true or false"),
        ({"exclude_gven": True}, TypeError, "exclude_gven"),
        ({"where": 3}, ValueError, "where: a condition must be a string, not 3"),
    ],
)
def test_what_the_rules_refuse(
    model: me.MovieEmbedding, options: dict[str, Any], kind: type, words: str
) -> None:
    with pytest.raises(kind, match=words):
        model.recommend([1], **options)


def test_rank_puts_items_without_a_vector_last() -> None:
    L = np.zeros((20, 5))
    L[:, :4] = np.random.default_rng(1).random((20, 4)) < 0.6
    model = me.MovieEmbedding(2, random_state=0).fit(L)
    table = model.rank([0], [4, 2, 1, 2])
    assert table["item"].tolist()[-1] == 4
    assert set(table["item"]) == {1, 2, 4}
    assert np.isnan(table["score"].iloc[-1])
    assert np.isfinite(table["score"].iloc[:-1]).all()
    with pytest.raises(ValueError, match="person must be one person, not a matrix"):
        model.rank(L, [1])


def test_a_matrix_of_one_row_is_one_person(model: me.MovieEmbedding, likes: np.ndarray) -> None:
    """As rows of SciPy's matrices are, other than those of its arrays."""
    row, person = sp.csr_matrix(likes)[3], np.flatnonzero(likes[3]).tolist()
    other = np.flatnonzero(likes[3] == 0).tolist()
    pd.testing.assert_frame_equal(model.rank(row, other), model.rank(person, other))
    pd.testing.assert_frame_equal(model.explain(row, other[0]), model.explain(person, other[0]))


def test_many_as_a_table(model: me.MovieEmbedding, likes: np.ndarray) -> None:
    columns, scores = model.recommend(likes[:5], 3)
    table = model.recommend(likes[:5], 3, as_frame=True)
    assert table.columns.tolist() == ["user", "item", "rank", "score"]
    assert table["user"].tolist() == np.repeat(np.arange(5), 3).tolist()
    assert table["item"].tolist() == columns.ravel().tolist()
    assert table["score"].tolist() == scores.ravel().tolist()
    named = pd.DataFrame(likes[:2], index=["ann", "bob"])
    assert model.recommend(named, 2, as_frame=True)["user"].tolist() == ["ann", "ann", "bob", "bob"]
    found, scores = model.neighbors(3)
    table = model.neighbors(3, as_frame=True)
    assert table.columns.tolist() == ["query", "item", "rank", "score"]
    assert table["query"].tolist() == np.repeat(np.arange(N_ITEMS), 3).tolist()
    assert table["item"].tolist() == found.ravel().tolist()
    assert table["score"].tolist() == scores.ravel().tolist()
