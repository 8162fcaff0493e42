"""The twin of MovieLens 32M, drawn smaller."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse.linalg import svds

import movieembed as me
from movieembed.data.synthetic import MIN_RATINGS

SIZES = (4_000, 3_000, 400_000)


@pytest.fixture(scope="module")
def twin():
    return me.synthetic_movielens(*SIZES, n_tastes=20, random_state=0)


@pytest.fixture(scope="module")
def likes(twin):
    ratings, movies = twin
    return me.Likes.from_ratings(ratings, threshold=4.0, items=movies)


def test_layout_is_that_of_movielens(twin):
    ratings, movies = twin
    assert list(ratings.columns) == ["userId", "movieId", "rating", "timestamp"]
    assert list(movies.columns) == ["movieId", "title", "genres"]
    assert ratings.dtypes.astype(str).tolist() == ["int64", "int64", "float64", "int64"]
    assert (len(ratings), len(movies)) == (SIZES[2], SIZES[1])
    assert ratings["userId"].nunique() == SIZES[0]
    assert ratings["movieId"].isin(movies["movieId"]).all()
    assert movies["movieId"].is_monotonic_increasing
    assert movies["movieId"].is_unique
    assert movies["title"].is_unique
    assert set(ratings["rating"].unique()) <= {half / 2 for half in range(1, 11)}
    assert not ratings.duplicated(["userId", "movieId"]).any()
    pairs = ratings["userId"] * 10**7 + ratings["movieId"]
    assert pairs.is_monotonic_increasing


def test_skew(twin):
    ratings, _ = twin
    activity = ratings["userId"].value_counts()
    popularity = ratings["movieId"].value_counts()
    assert activity.min() >= MIN_RATINGS
    # MovieLens 32M: mean 159, median 73; its most active 1 % of users gave 13 % of the ratings.
    assert 1.4 < activity.mean() / activity.median() < 3
    assert 0.03 < activity.nlargest(SIZES[0] // 100).sum() / SIZES[2] < 0.25
    # Its most rated 1 % of the films have some 40 % of the ratings.
    assert 0.15 < popularity.nlargest(SIZES[1] // 100).sum() / SIZES[2] < 0.6
    assert popularity.max() < 0.9 * SIZES[0]


def test_half_are_likes_and_popular_films_have_more_of_them(twin):
    ratings, _ = twin
    liked = ratings["rating"] >= 4
    assert liked.mean() == pytest.approx(0.5, abs=0.01)
    by_film = liked.groupby(ratings["movieId"]).agg(["mean", "size"])
    popular = by_film["size"] >= by_film["size"].quantile(0.99)
    assert by_film.loc[popular, "mean"].mean() > liked.mean()


def test_tastes_are_there_to_be_found(likes):
    """Chance alone, with the same margins, leaves the components after the first much smaller."""
    L = likes.matrix.astype(np.float64)
    rng = np.random.default_rng(0)
    shuffled = L.copy()
    shuffled.indices = rng.permutation(shuffled.indices)
    shuffled.sum_duplicates()

    def spectrum(A):
        values = np.sort(svds(A, 9, return_singular_vectors=False, random_state=0) ** 2)[::-1]
        return values[1:9].sum() / values[0]

    assert spectrum(L) > 1.2 * spectrum(shuffled)
    model = me.MovieEmbedding(8, random_state=0).fit(likes)
    assert model.converged_
    assert model.cost_ < 0.5 * float((me.cooccurrence(likes).data ** 2.0).sum())


def test_seeds():
    first, again, other = (
        me.synthetic_movielens(60, 400, 2_000, random_state=seed) for seed in (3, 3, 4)
    )
    for a, b in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(a, b)
    assert not first[0].equals(other[0])
    generator = me.synthetic_movielens(60, 400, 2_000, random_state=np.random.default_rng(3))
    pd.testing.assert_frame_equal(first[0], generator[0])


@pytest.mark.parametrize("sizes", [(50, 1_000, 1_000), (20, 200, 400), (30, 250, 660)])
def test_exact_sizes(sizes):
    ratings, movies = me.synthetic_movielens(*sizes)
    assert len(ratings) == sizes[2]
    assert len(movies) == sizes[1]
    counts = ratings["userId"].value_counts()
    assert len(counts) == sizes[0] or sizes[2] < MIN_RATINGS * sizes[0]
    assert counts.min() >= min(MIN_RATINGS, sizes[2] // sizes[0])


@pytest.mark.parametrize(
    ("sizes", "error"),
    [
        ((100, 500, 100), "ratings for 100 users"),
        ((10, 100, 900), "tenth of all pairs"),
        ((0, 100, 900), "n_users must be at least 1"),
        ((10, 100.5, 900), "n_items must be an integer"),
    ],
)
def test_sizes_that_do_not_fit(sizes, error):
    with pytest.raises((TypeError, ValueError), match=error):
        me.synthetic_movielens(*sizes)
