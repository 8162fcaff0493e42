"""Random tables, matrices, ids and damaged files: the right value or a clear error, never a crash.

A few hundred cases in all; MOVIEEMBED_FUZZ=10000 asks for as many of each kind. The number in a
failure's name draws its case again.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp

import movieembed as me
from fuzz_tables import STARS, as_frame, in_a_container, some_matrix, some_table
from helpers import dense_cooccurrence

CASES = int(os.environ.get("MOVIEEMBED_FUZZ", "0"))


def cases(usual: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", range(CASES or usual))


@cases(150)
def test_ratings_in_any_frame(case: int) -> None:
    rng = np.random.default_rng([1, case])
    table = some_table(rng)
    frame = as_frame(rng, table.columns())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no likes")
        likes = me.Likes.from_ratings(
            frame,
            user="userId",
            item="movieId",
            threshold=table.threshold,
            duplicates=table.duplicates,
        )
    liked, users, items = table.likes()
    rows, columns = likes.matrix.nonzero()
    named = zip(likes.users[rows].tolist(), likes.items[columns].tolist(), strict=True)
    assert set(named) == liked
    assert len(likes.matrix.data) == len(liked)
    assert (likes.matrix.data == 1).all()
    for found, wanted in ((likes.users, users), (likes.items, items)):
        assert found.tolist() == sorted(wanted)
        assert {type(id_) for id_ in found.tolist()} == {type(id_) for id_ in wanted}


@cases(100)
def test_the_objective_of_a_matrix_in_any_container(case: int) -> None:
    rng = np.random.default_rng([2, case])
    dense = some_matrix(rng)
    X = dense_cooccurrence(dense)
    V = rng.standard_normal((dense.shape[1], 3)) * np.sqrt(np.abs(X).max() or 1.0)
    R = V @ V.T - X
    np.fill_diagonal(R, 0)
    size = np.abs(V @ V.T).max() + np.abs(X).max()
    given = in_a_container(rng, dense)
    np.testing.assert_allclose(
        me.cooccurrence(given).toarray(), X, rtol=1e-12, atol=1e-13 * np.abs(X).max()
    )
    np.testing.assert_allclose(me.cost(given, V), (R**2).sum(), rtol=1e-9, atol=1e-11 * size**2)
    np.testing.assert_allclose(
        me.gradient(given, V), 4 * R @ V, rtol=1e-9, atol=1e-11 * size * np.abs(V).max()
    )
    weights = me.Likes.from_matrix(given).matrix.toarray()
    np.testing.assert_array_equal(weights, dense)


@cases(60)
def test_a_fit_of_a_matrix_in_any_container(case: int) -> None:
    rng = np.random.default_rng([3, case])
    dense = some_matrix(rng)
    model = me.MovieEmbedding(int(rng.integers(1, 4)), random_state=0, regularization=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(in_a_container(rng, dense))
    V, X = model.embedding_, dense_cooccurrence(dense)
    R = V @ V.T - X
    np.fill_diagonal(R, 0)
    assert np.isfinite(V).all()
    np.testing.assert_allclose(model.cost_, (R**2).sum(), rtol=1e-8, atol=1e-12 * (X**2).sum())
    # Never worse than nothing, and a point without a slope where it says so.
    assert model.cost_ <= (X**2).sum() * (1 + 1e-12)
    if model.stop_reason_ == "converged":
        assert np.abs(R @ V).max() <= 1e-3 * (np.abs(X).max() * np.abs(V).max() + 1e-300)


@cases(60)
def test_one_person_in_any_form(case: int, model: me.MovieEmbedding) -> None:
    rng = np.random.default_rng([5, case])
    ids = model.items_
    embedded = np.flatnonzero(model.embedding_.any(axis=1))
    places = rng.choice(embedded, int(rng.integers(1, 20)), replace=False)
    ratings = rng.choice(STARS, len(places))
    ratings[0] = 5.0
    person = dict(zip(ids[places].tolist(), ratings.tolist(), strict=True))
    liked = [item for item, rating in person.items() if rating >= 4]
    row = np.zeros(len(ids))
    row[np.sort(places[ratings >= 4])] = 1
    wanted = model.recommend(liked, n=len(ids))
    forms = [
        set(liked),
        tuple(liked),
        pa.array(liked),
        pd.Index(liked),
        pl.Series(liked),
        (item for item in liked),
        [str(item) for item in liked],
        row,
        sp.csr_array(row[None])[0],
        sp.coo_array(row),
    ]
    same = forms[int(rng.integers(len(forms)))]
    pd.testing.assert_frame_equal(model.recommend(same, n=len(ids)), wanted, rtol=1e-9)
    given = person if rng.random() < 0.5 else pd.Series(person, name="rating")
    found = model.recommend(given, n=len(ids))
    unseen = wanted[~wanted["item"].isin(list(person))].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, unseen, rtol=1e-9)


@pytest.fixture(scope="module")
def model() -> me.MovieEmbedding:
    likes = me.Likes.from_movielens("demo")
    return me.MovieEmbedding(8, random_state=0, tol=1e-3, regularization=50.0).fit(likes)


DAMAGE = ("flip", "cut", "insert", "swap")


@cases(100)
def test_a_damaged_model_file(case: int, saved: bytes, tmp_path: Path) -> None:
    rng = np.random.default_rng([4, case])
    damaged = bytearray(saved)
    for _ in range(int(rng.integers(1, 4))):
        place, kind = int(rng.integers(len(damaged))), str(rng.choice(DAMAGE))
        if kind == "flip":
            damaged[place] ^= 1 << int(rng.integers(8))
        elif kind == "cut":
            del damaged[place : place + int(rng.integers(1, 200))]
        elif kind == "insert":
            damaged[place:place] = rng.bytes(int(rng.integers(1, 200)))
        else:
            other = int(rng.integers(len(damaged)))
            damaged[place], damaged[other] = damaged[other], damaged[place]
    path = tmp_path / "damaged.npz"
    path.write_bytes(damaged)
    try:
        model = me.load(path)
    except ValueError as error:
        message = str(error)
    else:
        message = ""
    if message:
        assert "damaged.npz" in message
        assert len(message) < 2000
        return
    # Bytes between the members may change without harm.
    whole = tmp_path / "whole.npz"
    whole.write_bytes(saved)
    wanted = me.load(whole)
    np.testing.assert_array_equal(model.embedding_, wanted.embedding_)
    assert model.titles_.tolist() == wanted.titles_.tolist()
    assert model.get_params() == wanted.get_params()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "model.npz"
    likes = me.Likes.from_matrix(np.tri(9, 7), titles=[f"Film {i} (19{i}0)" for i in range(7)])
    me.MovieEmbedding(2, random_state=0, keep_likes=True, tol=1e-3).fit(likes).save(path)
    return path.read_bytes()
