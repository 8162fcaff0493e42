"""Fits on MovieLens ml-latest-small against what is known of it."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

import movieembed as me
from movieembed import ItemNotFoundError, MovieEmbedding

# The lowest costs known, reached from many starts by more than one method.
COST_10 = 4_669_909.7171
COST_50 = 1_687_122.2267
X_SQUARED = 63_482_944


def fit(likes, d, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MovieEmbedding(d, **{"random_state": 0, **parameters}).fit(likes)


@pytest.fixture(scope="module")
def at_50(small_likes):
    return MovieEmbedding(50, random_state=0).fit(small_likes)


# -- The optimum


@pytest.mark.parametrize("seed", [0, 1])
def test_eigen_at_10(small_likes, seed):
    model = MovieEmbedding(10, random_state=seed).fit(small_likes)
    assert model.converged_
    assert model.cost_ == pytest.approx(COST_10, rel=1e-8)
    assert model.n_iter_ < 30
    true = model.cost_ / COST_10 - 1
    assert true <= 10 * model.gap_ + 1e-10


def test_eigen_at_50(small_likes, at_50):
    assert at_50.converged_
    assert at_50.cost_ == pytest.approx(COST_50, rel=1e-6)
    assert me.cost(small_likes, at_50.embedding_) == pytest.approx(at_50.cost_, rel=1e-10)
    tight = MovieEmbedding(50, random_state=1, tol=1e-10).fit(small_likes)
    assert tight.cost_ == pytest.approx(COST_50, rel=1e-8)


def test_eigen_in_float32(small_likes):
    model = MovieEmbedding(10, random_state=0, dtype="float32").fit(small_likes)
    assert model.embedding_.dtype == np.float32
    assert model.cost_ == pytest.approx(COST_10, rel=1e-5)


def test_eigen_beyond_the_rank(small_likes):
    model = MovieEmbedding(700, random_state=0).fit(small_likes)
    assert 0 <= model.cost_ < 1e-3
    assert (model.stop_reason_, model.n_iter_) == ("exact", 0)
    V = model.embedding_[:10]
    found = V @ V.T
    # Row of movieId 1 at movieIds 1 to 10; item i is movieId i + 1 there.
    assert model.items_[:10].tolist() == list(range(1, 11))
    np.testing.assert_allclose(found[0, 1:], [21, 11, 0, 7, 27, 7, 1, 4, 19], atol=1e-6)


def test_items_without_shared_likes_are_zero(small_likes, at_50):
    silent = ~at_50.embedding_.any(axis=1)
    assert (silent[small_likes.item_counts == 0]).all()
    assert (
        silent.sum()
        == len(small_likes.items) - 6_298 + ((small_likes.item_counts > 0) & silent).sum()
    )
    assert len(small_likes.items) == 9_742


def test_als_at_10(small_likes):
    model = fit(small_likes, 10, solver="als", tol=1e-9)
    assert model.converged_
    assert model.cost_ == pytest.approx(COST_10, rel=1e-8)


@pytest.mark.parametrize("solver", ["gd", "momentum", "adam", "lbfgs"])
def test_descent_at_10(small_likes, solver):
    goal = COST_10 * (1 + 1e-3)
    model = MovieEmbedding(
        10, solver=solver, random_state=0, callback=lambda entry: entry.cost <= goal
    ).fit(small_likes)
    assert model.stop_reason_ == "callback"
    assert COST_10 * (1 - 1e-9) <= model.cost_ <= goal
    # The start is scaled to fit, so hardly worse than 0.
    assert model.history_["cost"].iloc[0] <= 1.001 * X_SQUARED


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("solver", "rate"), [("gd", 3e-5), ("momentum", 1e-5), ("adam", 0.1)])
def test_learning_rates_of_the_docstring(small_likes, solver, rate, seed):
    goal = COST_10 * (1 + 1e-3)
    model = MovieEmbedding(
        10,
        solver=solver,
        learning_rate=rate,
        random_state=seed,
        callback=lambda entry: entry.cost <= goal,
    ).fit(small_likes)
    assert model.stop_reason_ == "callback"


def test_a_learning_rate_that_is_too_large(small_likes):
    with pytest.raises(me.DivergenceError, match=r"0\.01"):
        MovieEmbedding(10, solver="gd", learning_rate=0.01, random_state=0).fit(small_likes)


# -- Neighbours


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("Toy Story", ["Toy Story 2 (1999)"]),
        ("Apollo 13", ["Fugitive, The (1993)", "Jurassic Park (1993)", "Forrest Gump (1994)"]),
        (
            "Home Alone",
            ["Jumanji (1995)", "Back to the Future Part II (1989)", "Aladdin (1992)"],
        ),
    ],
)
def test_neighbours_at_50(at_50, title, wanted):
    found = at_50.similar(title, method="cosine")
    assert found["title"].tolist()[: len(wanted)] == wanted
    assert len(found) == 10
    assert found["score"].is_monotonic_decreasing
    assert found["score"].between(0, 1).all()


def test_neighbours_of_three_at_once(at_50):
    table = at_50.similar(["Apollo 13 (1995)", "Toy Story (1995)", "Home Alone (1990)"], n=10)
    assert len(table) == 30
    assert table["query"].unique().tolist() == [150, 1, 586]


def test_recommendations(at_50):
    found = at_50.recommend(["Apollo 13 (1995)", "Home Alone (1990)"])
    assert len(found) == 10
    assert not {"Apollo 13 (1995)", "Home Alone (1990)"} & set(found["title"])


def test_a_typing_error(at_50):
    with pytest.raises(ItemNotFoundError, match=r"Toy Story \(1995\)") as caught:
        at_50.similar("Toy Stroy")
    assert caught.value.suggestions[0] == "Toy Story (1995)"


def test_save_and_load(at_50, tmp_path):
    at_50.save(tmp_path / "small.npz")
    loaded = me.load(tmp_path / "small.npz")
    np.testing.assert_array_equal(loaded.embedding_, at_50.embedding_)
    assert loaded.similar("Toy Story").equals(at_50.similar("Toy Story"))


# -- Memory


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peak_memory(movielens_small):
    # A dense X alone would take 317 MB for the liked films, 759 MB for all. VmHWM, unlike
    # getrusage, does not start from what the parent process held.
    program = """
import sys
import movieembed as me
ratings, movies = me.load_movielens(sys.argv[1])
likes = me.Likes.from_ratings(ratings, threshold=4.0, items=movies)
me.MovieEmbedding(50, random_state=0).fit(likes).similar("Toy Story")
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    ran = subprocess.run(
        [sys.executable, "-c", program, str(movielens_small)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    peak = int(ran.stdout) * 1024 / 1e6
    assert 100 < peak < 400, f"{peak:.0f} MB"


@pytest.mark.parametrize("seed", range(8))
def test_an_ordinary_init_is_never_replaced(small_likes, seed):
    """Also where <V, XV> happens to be negative, and no multiple of V is better than zero."""
    V0 = 0.5 * np.random.default_rng(seed).standard_normal((small_likes.n_items, 50))
    V0[small_likes.item_counts == 0] = 0
    model = MovieEmbedding(50, solver="gd", init=V0, max_iter=1, callback=lambda entry: True)
    model.fit(small_likes)
    assert model.history_["cost"].iloc[0] == pytest.approx(me.cost(small_likes, V0), rel=1e-6)


# -- What users have seen


@pytest.mark.parametrize("refine", [0, 1])
@pytest.mark.parametrize("data", ["small", "demo"])
def test_nobody_is_recommended_what_they_rated(request, data, refine):
    """All lists against the table of ratings itself; without the option many have such films."""
    if data == "demo":
        ratings, movies = me.load_movielens("demo")
    else:
        ratings, movies = request.getfixturevalue("ratings_movies")
    likes = me.Likes.from_ratings(ratings, threshold=4.0, items=movies)
    model = MovieEmbedding(16, random_state=0, tol=1e-4, keep_likes=True).fit(likes)
    rated = pd.MultiIndex.from_frame(ratings[["userId", "movieId"]])
    lists = [
        model.recommend_users(likes, 20, refine=refine, **options)
        for options in ({}, {"exclude_seen": False})
    ]
    shares = [pd.MultiIndex.from_frame(x[["user", "item"]]).isin(rated).mean() for x in lists]
    assert lists[0]["user"].nunique() == np.count_nonzero(np.diff(likes.matrix.indptr))
    assert (lists[0].groupby("user").size() == 20).all()
    assert shares[0] == 0
    assert shares[1] > 0.1
