from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from command_line import TITLES


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Made-up data in MovieLens' layout and as tables, and a model of it."""
    root = tmp_path_factory.mktemp("cli")
    rng = np.random.default_rng(3)
    user, item = np.nonzero(rng.random((40, 12)) < 0.5)
    rating = rng.choice([3.0, 4.0, 5.0], len(user))
    ratings = pd.DataFrame(
        {"userId": user + 1, "movieId": item + 100, "rating": rating, "timestamp": 0}
    )
    movies = pd.DataFrame({"movieId": range(100, 112), "title": TITLES, "genres": "Drama"})
    data = root / "data"
    data.mkdir()
    ratings.to_csv(data / "ratings.csv", index=False)
    movies.to_csv(data / "movies.csv", index=False)
    movies.to_csv(root / "items.csv", index=False)
    own = ratings.rename(columns={"userId": "listener", "movieId": "song", "rating": "grade"})
    own[["listener", "song", "grade"]].to_csv(root / "own.csv", index=False)
    ratings.iloc[:, :3].to_csv(root / "bare.tsv", sep="\t", index=False, header=False)
    ratings.to_parquet(root / "ratings.parquet")
    likes = me.Likes.from_ratings(ratings, items=movies)
    me.MovieEmbedding(3, random_state=0).fit(likes).save(root / "model.npz")
    me.MovieEmbedding(3, random_state=0, keep_likes=False).fit(likes).save(root / "bare.npz")
    return root
