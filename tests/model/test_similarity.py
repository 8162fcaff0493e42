"""The default of `similar`: the cosine of vectors of the likes as `recommend` weighs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import movieembed as me
from fit_cases import fit
from helpers import random_likes
from movieembed._base.progress import HiddenBar
from movieembed.data.likes import Likes
from movieembed.model import similarity


def test_the_default_is_the_cosine_of_the_weighted_vectors() -> None:
    model = fit(random_likes(60, 25, 0.3, 0))
    found = model.neighbors(6)
    V = model._fitted_items().weighted_vectors.astype(float)
    U = V / np.linalg.norm(V, axis=1)[:, None]
    cosines = U @ U.T
    np.fill_diagonal(cosines, -np.inf)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :6]
    np.testing.assert_array_equal(found[0], order)
    np.testing.assert_allclose(found[1], np.take_along_axis(cosines, order, 1), rtol=1e-5)
    np.testing.assert_array_equal(model.neighbors(6, method="weighted")[0], found[0])


@pytest.mark.parametrize("options", [{}, {"method": "precision", "refine": 2}, {"min_likes": 9}])
def test_blocks_of_items_in_a_file(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Block after block, the first of all of them and the last of one."""
    model = fit(random_likes(60, 25, 0.3, 0))
    columns, scores = model.neighbors(4, **options)
    monkeypatch.setattr(similarity, "BLOCK_ITEMS", 8)
    found = model.neighbors(4, **options)
    np.testing.assert_array_equal(found[0], columns)
    np.testing.assert_allclose(found[1], scores, rtol=1e-5)
    table = model.neighbors(4, as_frame=True, **options)
    there = columns >= 0
    assert table["query"].tolist() == np.repeat(model.items_, there.sum(axis=1)).tolist()
    assert table["item"].tolist() == model.items_[columns[there]].tolist()
    path = tmp_path / "near.parquet"
    assert model.neighbors(4, out=path, progress=False, **options) == str(path)
    pd.testing.assert_frame_equal(pd.read_parquet(path), table)
    assert pq.ParquetFile(path).num_row_groups == 4


def test_a_bar_counts_the_blocks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(similarity, "BLOCK_ITEMS", 8)
    model, counted = fit(random_likes(60, 25, 0.3, 0)), []
    model.similar(0)  # what has bars of its own is made before
    monkeypatch.setattr(HiddenBar, "update", lambda bar, n=1: counted.append(n))
    model.neighbors(4, progress=False)
    assert counted == [1] * 4
    assert capsys.readouterr().err == ""
    model.neighbors(4, progress=True)
    assert "neighbours:   0%|          | 0/4" in capsys.readouterr().err
    with pytest.raises(ValueError, match="out must end in one of"):
        model.neighbors(4, out="near.json")


def test_it_finds_what_an_embedding_of_half_weighted_users_finds(demo_likes: Likes) -> None:
    common = {"n_components": 20, "random_state": 0, "tol": 1e-6}
    found, _ = me.MovieEmbedding(**common).fit(demo_likes).neighbors(10, min_likes=5)
    weighted = me.MovieEmbedding(**common, user_weighting=0.5).fit(demo_likes)
    wanted, _ = weighted.neighbors(10, min_likes=5, method="cosine")
    plain, _ = weighted.neighbors(10, min_likes=5, method="dot")
    rows = np.flatnonzero((wanted >= 0).all(axis=1))

    def shared(other: np.ndarray) -> float:
        return float(np.mean([len(np.intersect1d(other[i], wanted[i])) for i in rows])) / 10

    assert shared(found) > 0.9
    assert shared(plain) < 0.6


def test_nothing_is_chosen_for_it_and_nothing_changes_when_it_is() -> None:
    model = fit(random_likes(200, 30, 0.3, 1))
    before = model.similar([3, 4])
    assert model._fitted_items().recommender_if_made is None
    assert model.regularization_path_ is not None
    pd.testing.assert_frame_equal(model.similar([3, 4]), before)


@pytest.mark.parametrize("keep_likes", [True, False])
def test_a_loaded_model_finds_the_same(keep_likes: bool, tmp_path) -> None:
    model = fit(random_likes(60, 25, 0.3, 2), keep_likes=keep_likes)
    before = model.similar([3, 4])
    model.save(tmp_path / "m.npz")
    pd.testing.assert_frame_equal(me.load(tmp_path / "m.npz").similar([3, 4]), before)


def test_the_embedding_itself_where_that_is_weighted_alike_or_there_is_no_gram_matrix() -> None:
    likes = random_likes(60, 25, 0.3, 3)
    for parameters in ({"recommend_weighting": 0.0}, {"entry_weighting": "log1p"}):
        model = fit(likes, **parameters)
        np.testing.assert_array_equal(model.neighbors(6)[0], model.neighbors(6, method="cosine")[0])
    with pytest.raises(ValueError, match="needs a Gram matrix"):
        model.similar(3, method="weighted")
