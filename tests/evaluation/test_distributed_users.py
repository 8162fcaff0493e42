"""Lists for single users of likes on a Dask cluster: by id, without pairs, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from spread_likes import N_ITEMS, some_likes, spread

pytest.importorskip("distributed")
WITHOUT_LIKES = {"recommend_weighting": 0, "keep_likes": False, "refine": 0}


@pytest.mark.parametrize("refined", [False, True])
def test_users_pairs_and_a_file(client: Any, tmp_path: Path, refined: bool) -> None:
    """As here, user after user within each part; also where this process refines."""
    likes = some_likes()
    there = spread(likes, client, 3)
    model = me.MovieEmbedding(4, random_state=0, **({} if refined else WITHOUT_LIKES))
    model.fit(there if refined else likes)
    every = model.recommend_users(there, N_ITEMS)
    asked = likes.users[[50, 3, 20]].tolist()
    never = every[every["user"].isin(asked) & (every["rank"] == 2)][["user", "item"]]
    expected = every.merge(never, how="left", indicator=True).query("_merge == 'left_only'")
    expected = expected[expected["user"].isin(asked)].groupby("user").head(4)
    found = model.recommend_users(there, 4, users=asked, exclude=never, diversify=0.0)
    assert found["user"].drop_duplicates().tolist() == likes.users[[3, 20, 50]].tolist()
    assert (
        found[["user", "item"]].to_numpy().tolist()
        == expected[["user", "item"]].to_numpy().tolist()
    )
    assert found["rank"].tolist() == [1, 2, 3, 4] * 3
    out = tmp_path / "lists.parquet"
    options: dict[str, Any] = {"users": asked, "exclude": never}
    assert model.recommend_users(there, 4, out=out, progress=True, **options) == str(out)
    pd.testing.assert_frame_equal(pd.read_parquet(out), found, check_dtype=False, rtol=1e-6)
    with pytest.raises(me.UserNotFoundError, match=r"no user has the id 'user 99'; .* 57 users"):
        model.recommend_users(there, users=[asked[0], "user 99"])


@pytest.mark.parametrize("options", [{"refine": 0}, {"method": "cosine"}, {"method": "weighted"}])
def test_a_model_of_likes_on_the_cluster_goes_to_its_workers(
    client: Any, options: dict[str, Any]
) -> None:
    """The vectors are enough, and the likes stay where they are."""
    likes = some_likes()
    there = spread(likes, client, 3)
    model = me.MovieEmbedding(4, random_state=0).fit(there)
    found = model.recommend_users(there, 4, **options)
    columns, scores = model.recommend(likes.matrix, 4, **options)
    listed = columns >= 0
    assert found["user"].tolist() == likes.users[np.nonzero(listed)[0]].tolist()
    assert found["item"].tolist() == likes.items[columns[listed]].tolist()
    np.testing.assert_allclose(found["score"], scores[listed], rtol=1e-5)
