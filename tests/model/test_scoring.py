"""Neighbours and recommendations against brute force on the embedding."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from helpers import random_likes
from movieembed import (
    AmbiguousTitleError,
    ItemNotFoundError,
    ItemWithoutLikesError,
    Likes,
    MovieEmbedding,
)

NOBODY, ALONE, TWIN = 3, 7, 9
IDS = np.array([100, 205, 31, 47, 58, 600, 72, 89, 93, 104, 115, 126, 137, 148, 159])
TITLES = [f"Film {letter} (19{80 + i})" for i, letter in enumerate("ABCDEFGHIJKLMNO")]
TITLES[TWIN] = TITLES[8]


def fit(likes, d=4, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MovieEmbedding(d, random_state=0, **parameters).fit(likes)


def some_likes():
    L = random_likes(60, 15, 0.4, 0).toarray()
    L[:, [NOBODY, ALONE]] = 0
    L = np.vstack([L, np.zeros((2, 15))])
    L[-2:, ALONE] = 1  # twice, each time as the user's only like
    return Likes.from_matrix(L, items=IDS, titles=TITLES)


@pytest.fixture(scope="module")
def model():
    return fit(some_likes())


@pytest.fixture(scope="module")
def untitled():
    return fit(Likes.from_matrix(some_likes().matrix))


def brute_force(model, scores, left_out):
    """Columns by falling score, ties by column; no zero rows, none of `left_out`."""
    allowed = [
        j for j, v in enumerate(model.embedding_) if np.abs(v).max() > 0 and j not in left_out
    ]
    return sorted(allowed, key=lambda j: (-scores[j], j))


def unit(V):
    lengths = np.linalg.norm(V, axis=1, keepdims=True)
    return np.divide(V, lengths, out=np.zeros_like(V), where=lengths > 0)


def with_vectors(model):
    return [j for j, v in enumerate(model.embedding_) if v.any()]


def test_the_fixture_has_what_it_should(model):
    assert set(range(15)) - set(with_vectors(model)) == {NOBODY, ALONE}
    assert model.item_counts_[NOBODY] == 0
    assert model.item_counts_[ALONE] == 2


# -- similar


@pytest.mark.parametrize("method", ["cosine", "dot"])
@pytest.mark.parametrize("n", [1, 5, 12, 13, 100])
def test_similar_is_brute_force(model, method, n):
    V = unit(model.embedding_) if method == "cosine" else model.embedding_
    S = V @ V.T
    for i in with_vectors(model):
        found = model.similar(int(IDS[i]), n, method=method)
        wanted = brute_force(model, S[i], {i})[:n]
        assert found.columns.tolist() == ["item", "title", "score"]
        assert found["item"].tolist() == IDS[wanted].tolist()
        assert found["title"].tolist() == [TITLES[j] for j in wanted]
        np.testing.assert_allclose(found["score"], S[i][wanted], atol=1e-12)
        assert found.index.tolist() == list(range(len(wanted)))
        assert len(found) == min(n, 12)


def test_similar_by_id_and_by_title_agree(model):
    by_id = model.similar(int(IDS[0]))
    for query in (TITLES[0], "Film A", "film a", "FILM A (1980)", np.int64(IDS[0]), IDS[0]):
        pd.testing.assert_frame_equal(model.similar(query), by_id)


def test_similar_of_several(model):
    asked = [TITLES[4], int(IDS[0]), TITLES[4]]
    table = model.similar(asked, 3)
    assert table.columns.tolist() == ["query", "item", "title", "score"]
    assert table["query"].tolist() == np.repeat(IDS[[4, 0, 4]], 3).tolist()
    assert table.index.tolist() == list(range(9))
    for at, item in enumerate(asked):
        part = table.iloc[3 * at : 3 * at + 3].drop(columns="query").reset_index(drop=True)
        # A product of one row and one of several round differently.
        pd.testing.assert_frame_equal(part, model.similar(item, 3), rtol=1e-6)


def test_similar_of_several_with_fewer_neighbours_than_asked(model):
    table = model.similar(IDS[[4, 0]], 100)
    assert table["query"].tolist() == [IDS[4]] * 12 + [IDS[0]] * 12
    assert not (table["query"] == table["item"]).any()


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, iter])
def test_similar_takes_any_kind_of_list(model, kind):
    table = model.similar(kind([int(IDS[0]), int(IDS[1])]), 2)
    assert table["query"].tolist() == IDS[[0, 0, 1, 1]].tolist()


def test_a_list_of_one_is_still_a_list(model):
    table = model.similar([TITLES[0]], 2)
    assert table["query"].tolist() == [IDS[0]] * 2
    pd.testing.assert_frame_equal(table.drop(columns="query"), model.similar(TITLES[0], 2))


def test_similar_of_many_more_than_a_block(model):
    asked = IDS[with_vectors(model)].tolist() * 20
    table = model.similar(asked, 4)
    assert len(table) == 4 * len(asked)
    first = model.similar(asked[:13], 4)
    pd.testing.assert_frame_equal(table.iloc[:52], first, rtol=1e-12)
    assert table["item"].tolist() == first["item"].tolist() * 20


def test_similar_of_an_empty_list(model):
    table = model.similar([])
    assert table.columns.tolist() == ["query", "item", "title", "score"]
    assert len(table) == 0


def test_without_titles(untitled):
    table = untitled.similar(0, 4)
    assert table.columns.tolist() == ["item", "score"]
    assert untitled.similar([0], 4).columns.tolist() == ["query", "item", "score"]
    assert untitled.recommend([0, 1], 4, method="cosine").columns.tolist() == ["item", "score"]


def test_integer_columns_are_integers(model):
    assert model.similar(TITLES[0])["item"].dtype == np.int64
    assert model.similar([TITLES[0]])["query"].dtype == np.int64
    assert model.recommend([TITLES[0]], method="cosine")["item"].dtype == np.int64


@pytest.mark.parametrize("call", ["similar", "recommend"])
def test_the_first_n_do_not_depend_on_n(model, call):
    ask = getattr(model, call)
    for i in with_vectors(model):
        longest = ask(int(IDS[i]), 12)
        for n in (1, 2, 5, 10):
            pd.testing.assert_frame_equal(ask(int(IDS[i]), n), longest.iloc[:n])


def test_ties_go_by_column():
    L = np.zeros((6, 8))
    L[:, :] = [1, 1, 0, 1, 0, 1, 1, 0]
    L[3:, 7] = 1
    model = fit(L, 1)
    # With one component every cosine is exactly 1.
    assert model.similar(3, 5)["item"].tolist() == [0, 1, 5, 6, 7]
    assert model.recommend([3, 5], 5, method="cosine")["item"].tolist() == [0, 1, 6, 7]


def test_float32():
    model = fit(some_likes(), dtype="float32")
    V = unit(model.embedding_.astype(float))
    found = model.similar(int(IDS[0]), 5, method="cosine")
    assert found["item"].tolist() == IDS[brute_force(model, V @ V[0], {0})[:5]].tolist()
    found = model.recommend(IDS[[0, 1]], 5, method="cosine")
    wanted = brute_force(model, V @ V[[0, 1]].mean(axis=0), {0, 1})[:5]
    assert found["item"].tolist() == IDS[wanted].tolist()


def test_scores_do_not_depend_on_threads():
    one, two = (fit(some_likes(), n_jobs=n_jobs) for n_jobs in (1, 2))
    two.embedding_ = one.embedding_
    pd.testing.assert_frame_equal(one.similar(IDS[[0, 1]]), two.similar(IDS[[0, 1]]))


def test_a_vector_of_rounding_errors_is_no_vector():
    # With one component the larger of two groups that share no user takes it all: the other's
    # optimum is 0, and what is left there are digits without a meaning. Their cosines are noise.
    L = np.zeros((6, 6))
    L[:4, :3] = L[4:, 3:] = 1
    for solver in ("eigen", "als", "lbfgs"):
        model = fit(L, 1, solver=solver)
        assert model.cost_ == pytest.approx(24, rel=1e-6)
        found = model.similar(0, 5)
        assert found["item"].tolist() == [1, 2]


# -- recommend


@pytest.mark.parametrize("n", [1, 5, 100])
@pytest.mark.parametrize("liked", [[0], [1, 4], [0, 1, 2, 5, 14], [6, 8, 10]])
def test_recommend_is_brute_force(model, liked, n):
    U = unit(model.embedding_)
    scores = (U @ U[liked].T).mean(axis=1)
    found = model.recommend(IDS[liked], n, method="cosine")
    wanted = brute_force(model, scores, set(liked))[:n]
    assert found["item"].tolist() == IDS[wanted].tolist()
    assert found["title"].tolist() == [TITLES[j] for j in wanted]
    np.testing.assert_allclose(found["score"], scores[wanted], atol=1e-12)
    assert len(found) == min(n, 13 - len(liked))


@pytest.mark.parametrize("method", ["weighted", "cosine", "dot"])
def test_recommend_from_one_is_similar(model, method):
    for query in (int(IDS[0]), TITLES[0], [TITLES[0]]):
        pd.testing.assert_frame_equal(
            model.recommend(query, method=method),
            model.similar(TITLES[0], method=method),
            check_dtype=False,
            rtol=1e-6 if method == "weighted" else 1e-12,
        )


def test_recommend_counts_repeats_once_in_any_order(model):
    plain = model.recommend([TITLES[0], TITLES[4]], method="cosine")
    again = model.recommend(
        [TITLES[4], int(IDS[0]), TITLES[0], "film e", TITLES[4]], method="cosine"
    )
    pd.testing.assert_frame_equal(plain, again)


def test_recommend_everything_liked(model):
    found = model.recommend(IDS[with_vectors(model)], method="cosine")
    assert len(found) == 0
    assert found.columns.tolist() == ["item", "title", "score"]


def test_recommend_from_nothing(model):
    with pytest.raises(ValueError, match="items is empty"):
        model.recommend([], method="cosine")


def test_recommend_leaves_items_without_likes_aside(model):
    with pytest.warns(UserWarning, match="nobody liked it") as caught:
        found = model.recommend([int(IDS[NOBODY]), TITLES[0]], method="cosine")
    assert TITLES[NOBODY] in str(caught[0].message)
    assert caught[0].filename == __file__
    pd.testing.assert_frame_equal(found, model.recommend(TITLES[0], method="cosine"))
    with pytest.warns(UserWarning, match="liked anything else"):
        model.recommend([int(IDS[ALONE]), TITLES[0]], method="cosine")


def test_recommend_from_items_without_likes_alone(model):
    with pytest.raises(ItemWithoutLikesError, match="nobody liked it"):
        model.recommend(int(IDS[NOBODY]), method="cosine")
    with pytest.raises(ItemWithoutLikesError):
        model.recommend([int(IDS[NOBODY]), TITLES[ALONE]], method="cosine")


# -- What cannot be answered


def test_similar_says_why_an_item_has_no_vector(model, untitled):
    with pytest.raises(ItemWithoutLikesError, match="nobody liked it") as caught:
        model.similar(int(IDS[NOBODY]))
    assert TITLES[NOBODY] in str(caught.value)
    with pytest.raises(ItemWithoutLikesError, match="none of the users who liked it liked any"):
        model.similar(TITLES[ALONE])
    with pytest.raises(ItemWithoutLikesError, match="nobody liked it"):
        model.similar([TITLES[0], TITLES[NOBODY]])
    with pytest.raises(ItemWithoutLikesError, match=rf"^{NOBODY} "):
        untitled.similar(NOBODY)
    assert issubclass(ItemWithoutLikesError, ValueError)


@pytest.mark.parametrize("call", ["similar", "recommend"])
def test_ambiguous_title(model, call):
    with pytest.raises(AmbiguousTitleError) as caught:
        getattr(model, call)(TITLES[TWIN])
    assert caught.value.matches == ((93, TITLES[8]), (104, TITLES[8]))
    assert len(getattr(model, call)(104)) == 10  # the id decides


@pytest.mark.parametrize("call", ["similar", "recommend"])
def test_unknown_item(model, call):
    ask = getattr(model, call)
    with pytest.raises(ItemNotFoundError, match="did you mean") as caught:
        ask("Flim A (1980)")
    assert caught.value.suggestions[0] == TITLES[0]
    for query in (0, -1, 10**30, 100.5, None, True, b"Film A", [TITLES[0], "Nothing like it"]):
        with pytest.raises(ItemNotFoundError):
            ask(query)


@pytest.mark.parametrize("call", ["similar", "recommend"])
@pytest.mark.parametrize(
    ("n", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (True, TypeError),
        (1.5, TypeError),
        ("3", TypeError),
        (None, TypeError),
        (np.bool_(True), TypeError),
        (2.0, TypeError),
    ],
)
def test_wrong_n(model, call, n, error):
    with pytest.raises(error, match=r"^n must be"):
        getattr(model, call)(TITLES[0], n)


def test_numpy_n(model):
    assert len(model.similar(TITLES[0], np.int32(3))) == 3


def test_wrong_method(model):
    with pytest.raises(ValueError, match="method must be one of"):
        model.similar(TITLES[0], method="euclidean")


@pytest.mark.parametrize("call", ["similar", "recommend", "save"])
def test_not_fitted(call):
    with pytest.raises(NotFittedError):
        getattr(MovieEmbedding(), call)("anything")


@pytest.mark.filterwarnings("ignore:no two items")
def test_an_embedding_of_zeros():
    model = MovieEmbedding(2).fit(np.eye(4))
    with pytest.raises(ItemWithoutLikesError, match="liked anything else"):
        model.similar(1)
    with pytest.raises(ItemWithoutLikesError):
        model.recommend([1, 2], method="cosine")


# -- Ids of other kinds


def test_tuple_ids():
    ids = [("a", i) for i in range(15)]
    model = fit(Likes.from_matrix(some_likes().matrix, items=ids))
    one = model.similar(("a", 0), 3)
    assert one.columns.tolist() == ["item", "score"]
    assert all(item in ids for item in one["item"])
    several = model.similar([("a", 0), ("a", 1)], 3)
    assert several["query"].tolist() == [("a", 0)] * 3 + [("a", 1)] * 3
    as_tuple = model.similar((("a", 0), ("a", 1)), 3)
    pd.testing.assert_frame_equal(as_tuple, several)
    same = model.recommend(("a", 0), 3, method="weighted")
    pd.testing.assert_frame_equal(same, one, check_dtype=False, rtol=1e-6)
    with pytest.raises(ItemWithoutLikesError, match=r"\('a', 3\)"):
        model.similar(("a", NOBODY))


def test_string_ids_are_not_split_into_letters():
    ids = [f"tt{i:02}" for i in range(15)]
    model = fit(Likes.from_matrix(some_likes().matrix, items=ids))
    assert set(model.similar("tt00", 4)["item"]) < set(ids)
    assert "query" not in model.similar("tt00", 4)


def test_mixed_ids_keep_their_kinds():
    ids = [1, "1", 2.5, "b", *range(10, 21)]
    model = fit(Likes.from_matrix(some_likes().matrix, items=ids))
    assert model.similar(1, 3)["item"].tolist() != model.similar("1", 3)["item"].tolist()
    assert model.similar([1, "1"], 1)["query"].tolist() == [1, "1"]
    assert [type(q) for q in model.similar([1, "1"], 1)["query"]] == [int, str]


def test_answers_do_not_touch_the_model(model):
    before = model.embedding_.copy()
    table = model.similar(TITLES[0])
    table["score"] = -1.0
    table["item"] = -1
    model.recommend([TITLES[0], TITLES[1]], method="cosine")
    np.testing.assert_array_equal(model.embedding_, before)
    assert model.items_.tolist() == IDS.tolist()


def test_rows_of_explanations_are_numbered_on(model):
    given, asked = model.items_[:2].tolist(), model.items_[2:5].tolist()
    table = model.explain(given, asked)
    assert table.index.tolist() == list(range(6))
    assert table["recommended"].tolist() == [item for item in asked for _ in given]
    assert model.explain(given, asked[0]).index.tolist() == [0, 1]
