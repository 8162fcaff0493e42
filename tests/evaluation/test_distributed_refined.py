"""Refined lists of a model of distributed likes, whose products are taken on all workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from helpers import dask_client, unpickled
from movieembed import evaluation
from movieembed.data.likes import Likes
from spread_likes import expected_table, matrix_of, some_likes, spread

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def likes() -> Likes:
    return some_likes()


@pytest.mark.parametrize(("weighting", "steps"), [(0, 1), (0, 2), (0.5, 1)])
def test_a_model_of_distributed_likes_refines(
    likes: Likes, weighting: float, steps: int, tmp_path: Path, client: Any
) -> None:
    """As a model of the same likes here does."""
    given = {"recommend_weighting": weighting, "regularization": 3.0, "refine": steps, "tol": 1e-12}
    there = spread(likes, client)
    model = me.MovieEmbedding(4, random_state=0, **given).fit(there)
    here = me.MovieEmbedding(4, random_state=0, **given).fit(likes)
    # The recommender of another weighting works in float32.
    close = {"rtol": 1e-6 if weighting == 0 else 2e-3}
    expected = expected_table(likes, here, 5)
    table = model.recommend_users(there, 5, progress=True)
    np.testing.assert_allclose(table["score"], expected["score"], **close)
    assert (table["item"] == expected["item"]).mean() > 0.95
    assert not np.allclose(
        table["score"], expected_table(likes, here, 5, refine=0)["score"], **close
    )
    files = model.recommend_users(there, 5, folder=tmp_path)
    read = pd.concat([pd.read_parquet(path) for path in files], ignore_index=True)
    pd.testing.assert_frame_equal(read, table, check_dtype=False)
    liked = likes.items[[2, 9]].tolist()
    alone = model.recommend(liked, 5)
    np.testing.assert_allclose(alone["score"], here.recommend(liked, 5)["score"], **close)
    shares = model.explain(liked, alone["item"].tolist())
    total = shares.groupby("recommended", sort=False)["share"].sum()
    np.testing.assert_allclose(total, alone["score"], rtol=1e-10)


def test_evaluate_refined(likes: Likes, client: Any) -> None:
    split = evaluation.split_random(spread(likes, client), 0.3, random_state=1)
    given = {"recommend_weighting": 0, "regularization": 3.0, "refine": 1}
    model = me.MovieEmbedding(3, random_state=0, **given).fit(split.train)
    found = split.evaluate(model, ks=(5,))
    train, held = matrix_of(split.train.parts, client), matrix_of(split.held, client)
    here = me.MovieEmbedding(3, random_state=0, **given).fit(train)
    asked = np.flatnonzero(np.diff(held.indptr))
    columns, _ = here.recommend(train[asked], 5)
    expected = evaluation.ranking_metrics(columns, held[asked], ks=(5,))
    assert found["recall@5"] == pytest.approx(expected["recall@5"].mean(), rel=1e-6)
    assert found["ndcg@5"] == pytest.approx(expected["ndcg@5"].mean(), rel=1e-6)


def test_likes_that_are_gone_with_their_cluster(likes: Likes) -> None:
    with dask_client(1) as client:
        model = me.MovieEmbedding(3, random_state=0).fit(spread(likes, client))
        refined = model.recommend([0, 10])
        copy = unpickled(model)
    for left in (model, copy):
        lost = "the cluster that had this" if left is model else "this model did not keep its likes"
        with pytest.warns(UserWarning, match=lost):
            assert len(left.recommend([0, 10])) == len(refined)
        assert left.recommend([0, 10]).equals(left.recommend([0, 10], refine=0))
        with pytest.raises(ValueError, match="refine=1 needs the likes"):
            left.recommend([0], refine=1)
