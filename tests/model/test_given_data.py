"""The same likes, in whatever holds them, mean the same to every function that takes data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import movieembed as me
from containers import ID_LISTS, MATRICES, NAMED, names
from helpers import dense_cooccurrence, dense_cost, dense_gradient, random_likes
from movieembed import evaluation

DENSE = random_likes(14, 9, 0.45, seed=3).toarray().astype(np.float64)
# Neither users nor items in the order of their names, so that a mistaken order shows.
NEW = random_likes(4, 9, 0.4, seed=8).toarray().astype(np.float64)
IDS = names(9)
V = np.random.default_rng(5).standard_normal((9, 2))
LIKES = me.Likes.from_matrix(sp.csr_array(DENSE), items=IDS)
KEPT = me.MovieEmbedding(2, random_state=0, keep_likes=True).fit(LIKES)


def by_name(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Columns of a frame as lists."""
    return {name: frame[name].tolist() for name in frame}


NAMED_FRAMES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "polars": lambda frame: pl.DataFrame(by_name(frame)),
    "arrow": lambda frame: pa.table(by_name(frame)),
}


def same(found: Any, wanted: Any) -> None:
    """Compare answers: frames, tuples of arrays, sparse matrices, arrays or numbers."""
    if isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(found, wanted)
    elif isinstance(wanted, tuple):
        for one, other in zip(found, wanted, strict=True):
            same(one, other)
    else:
        dense = [x.toarray() if sp.issparse(x) else x for x in (found, wanted)]
        np.testing.assert_array_equal(*dense)


# What a function must give for the likes DENSE or, of people alone, NEW.
OF_LIKES: dict[str, Callable[[Any], Any]] = {
    "from_matrix": lambda data: me.Likes.from_matrix(data).matrix,
    "fit": lambda data: me.MovieEmbedding(2, random_state=0).fit(data).embedding_,
    "refit": lambda data: KEPT.refit(data).embedding_,
    "cooccurrence": me.cooccurrence,
    "cooccurrence_sums": me.cooccurrence_sums,
    "cooccurrence_top_k": lambda data: me.cooccurrence_top_k(data, 3),
    "cost": lambda data: me.cost(data, V),
    "gradient": lambda data: me.gradient(data, V),
    "split_random": lambda data: evaluation.split_random(data, random_state=0).held,
    "popularity": lambda data: evaluation.popularity(data)(sp.csr_array(NEW), 4),
    "item_cosine": lambda data: evaluation.item_cosine(data)(data, 4),
    "ease": lambda data: evaluation.ease(data)(sp.csr_array(NEW), 4),
}
OF_PEOPLE: dict[str, Callable[[Any], Any]] = {
    "recommend": lambda data: KEPT.recommend(data, 4),
    "recommend, not refined": lambda data: KEPT.recommend(data, 4, refine=0),
    "query_vectors": lambda data: KEPT.query_vectors(data),
}


@pytest.mark.parametrize("container", [*MATRICES, *NAMED])
@pytest.mark.parametrize("function", OF_LIKES)
def test_likes_in_any_container(function: str, container: str) -> None:
    if container == "arrow reader" and function == "item_cosine":
        pytest.skip("a reader can be read once, and this asks twice")
    build = {**MATRICES, **NAMED}[container]
    same(OF_LIKES[function](build(DENSE)), OF_LIKES[function](sp.csr_array(DENSE)))


@pytest.mark.parametrize("container", [*MATRICES, *NAMED])
@pytest.mark.parametrize("function", OF_PEOPLE)
def test_people_in_any_container(function: str, container: str) -> None:
    build = {**MATRICES, **NAMED}[container]
    same(OF_PEOPLE[function](build(NEW)), OF_PEOPLE[function](sp.csr_array(NEW)))


@pytest.mark.parametrize("container", NAMED)
def test_what_the_reference_itself_gives(container: str) -> None:
    likes = NAMED[container](DENSE)
    if container == "arrow reader":
        likes = likes.read_all()
    np.testing.assert_array_equal(me.cooccurrence(likes).toarray(), dense_cooccurrence(DENSE))
    X = dense_cooccurrence(DENSE)
    assert me.cost(likes, V) == pytest.approx(dense_cost(X, V))
    np.testing.assert_allclose(me.gradient(likes, V), dense_gradient(X, V))
    assert me.Likes.from_matrix(likes).items.tolist() == IDS


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_columns_are_found_by_name(library: str, data: Any) -> None:
    # In any order, and some of them missing: as a plain matrix with zeros in their place.
    dense = data.draw(hnp.arrays(np.float64, (3, 9), elements=st.sampled_from([0.0, 1.0])))
    places = data.draw(st.permutations(range(9)))[: data.draw(st.integers(1, 9))]
    part = dense[:, places]
    assume(part.shape != part.T.shape or (part != part.T).any())  # which is refused as X
    frame = NAMED_FRAMES[library](pd.DataFrame(dense[:, places], columns=[IDS[p] for p in places]))
    wanted = np.zeros((3, 9))
    wanted[:, places] = dense[:, places]
    same(KEPT.recommend(frame, 4), KEPT.recommend(sp.csr_array(wanted), 4))
    same(KEPT.query_vectors(frame), KEPT.query_vectors(sp.csr_array(wanted)))
    found = me.Likes.from_matrix(frame, items=IDS)
    np.testing.assert_array_equal(found.matrix.toarray(), wanted)
    assert found.items.tolist() == IDS


@pytest.mark.parametrize("container", ID_LISTS)
@pytest.mark.parametrize("ids", [IDS, list(range(40, 31, -1))], ids=["text", "numbers"])
def test_ids_in_any_container(ids: list[Any], container: str) -> None:
    build = ID_LISTS[container]
    likes = me.Likes.from_matrix(sp.csr_array(DENSE), items=build(ids))
    assert likes.items.tolist() == ids
    model = me.MovieEmbedding(2, random_state=0).fit(likes)
    some = [ids[5], ids[0], ids[7]]
    for ask in (
        lambda given: model.recommend(given, 4),
        lambda given: model.similar(given, 2),
        lambda given: model.recommend([ids[1]], dislikes=given),
        lambda given: model.recommend([ids[1]], filter_items=given),
        lambda given: model.recommend([ids[1]], allowed_items=given),
        lambda given: model.explain([ids[1]], given),
        lambda given: me.cooccurrence_top_k(likes, 2, items=given),
        lambda given: me.cooccurrence_frame(likes, given),
    ):
        same(ask(build(some)), ask(some))


def test_users_in_any_container() -> None:
    users = list(range(114, 100, -1))
    for name, build in ID_LISTS.items():
        found = me.Likes.from_matrix(DENSE, users=build(users)).users.tolist()
        assert found == users, name
    ids = me.Likes.from_matrix(DENSE, users=range(5, 19)).users.tolist()
    assert ids == list(range(5, 19))


def test_a_set_is_a_list_where_order_says_nothing() -> None:
    some = {IDS[5], IDS[0], IDS[7]}
    same(KEPT.recommend(some, 4), KEPT.recommend(sorted(some), 4))
    assert KEPT.similar(some, 1)["query"].tolist() == sorted(some)
    for labels in ({"items": set(IDS)}, {"users": frozenset(range(14))}):
        with pytest.raises(TypeError, match="a set has no order"):
            me.Likes.from_matrix(DENSE, **labels)


def test_a_table_of_several_columns_holds_no_ids() -> None:
    two = pd.DataFrame({"a": range(14), "b": range(14)})
    for build in NAMED_FRAMES.values():
        frame = build(two)
        with pytest.raises(ValueError, match="users is a table of 2 columns: pass the column"):
            me.Likes.from_matrix(DENSE, users=frame)


def test_masked_ids_are_missing() -> None:
    with pytest.raises(ValueError, match="users has a missing id at a masked place"):
        me.Likes.from_matrix(DENSE, users=np.ma.masked_array(range(14), mask=[True] + [False] * 13))
    with pytest.raises(ValueError, match="V has masked entries"):
        me.cost(DENSE, np.ma.masked_array(V, mask=V > 0))
