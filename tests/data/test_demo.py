"""The data set that the library draws itself: its shape, its seed, and the tastes to be found."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from movieembed import evaluation as ev
from movieembed.data import demo
from movieembed.data.movielens import load_movies

SEQUEL = re.compile(r" (Returns|II|III)$")


@pytest.fixture(scope="module")
def ratings() -> pd.DataFrame:
    return me.load_movielens("demo")[0]


@pytest.fixture(scope="module")
def movies() -> pd.DataFrame:
    return me.load_movielens("demo")[1]


def stories(movies: pd.DataFrame) -> pd.Series:
    """The title of a film's first film, without its year."""
    return (
        movies["title"]
        .str.replace(r" \(\d+\)$", "", regex=True)
        .str.replace(SEQUEL, "", regex=True)
    )


def test_the_frames_are_movielens_s(ratings: pd.DataFrame, movies: pd.DataFrame) -> None:
    types = {"userId": "int64", "movieId": "int64", "rating": "float64", "timestamp": "int64"}
    assert ratings.dtypes.astype(str).to_dict() == types
    assert movies.columns.tolist() == ["movieId", "title", "genres"]
    assert movies["movieId"].tolist() == list(range(1, 2_001))
    assert ratings["userId"].nunique() == 600
    assert not ratings.duplicated(["userId", "movieId"]).any()
    assert ratings["movieId"].isin(movies["movieId"]).all()
    assert ratings.sort_values(["userId", "movieId"]).index.equals(ratings.index)


def test_ratings_are_half_stars_and_half_of_them_likes(ratings: pd.DataFrame) -> None:
    stars = ratings["rating"]
    assert stars.between(0.5, 5).all()
    assert (2 * stars % 1 == 0).all()
    assert 3.5 <= stars.median() <= 4
    assert 0.4 < (stars >= 4).mean() < 0.6


def test_activity_and_popularity_are_skewed(ratings: pd.DataFrame) -> None:
    of_users, of_films = ratings["userId"].value_counts(), ratings["movieId"].value_counts()
    assert of_users.min() == 20
    assert of_users.max() == 400
    assert of_users.mean() > 1.2 * of_users.median()
    assert of_films.iloc[0] > 10 * of_films.median()


def test_ratings_come_after_their_films_and_over_years(
    ratings: pd.DataFrame, movies: pd.DataFrame
) -> None:
    when = pd.to_datetime(ratings["timestamp"], unit="s").dt.year
    assert (
        movies["title"].str.extract(r"\((\d{4})\)$", expand=False).astype(int).max() <= when.min()
    )
    assert when.nunique() > 5
    assert (ratings.groupby("userId")["timestamp"].nunique() > 15).all()


def test_the_same_bits_everywhere(ratings: pd.DataFrame, movies: pd.DataFrame) -> None:
    digest = hashlib.sha256()
    for name in ratings:
        digest.update((2 * ratings[name]).to_numpy("<i8").tobytes())
    digest.update("\n".join(movies["title"] + movies["genres"]).encode())
    assert digest.hexdigest() == "1757c9f2b5b957158c6938f354f53e35b27ca69e9fe625290adcd6660387d66f"


def test_seeds() -> None:
    again, other = demo.draw_demo(0), demo.draw_demo(1)
    for a, b in zip(again, demo.draw_demo(), strict=True):
        pd.testing.assert_frame_equal(a, b)
    assert not again[1]["title"].equals(other[1]["title"])
    assert other[1]["title"].is_unique


def test_titles_tell_genres_and_years(movies: pd.DataFrame) -> None:
    assert movies["title"].is_unique
    assert movies["title"].str.fullmatch(r"[A-Z][A-Za-z' -]+ \(\d{4}\)").all()
    known: dict[str, str] = {}
    for genre, (_, adjectives, people, things, _) in demo.GENRES.items():
        assert len(people.split()) == demo.N_PEOPLE
        for word in f"{adjectives} {people} {things}".split():
            assert known.setdefault(word, genre) == genre
    for title, genres in zip(movies["title"], movies["genres"], strict=True):
        told = {known[word] for word in title.split() if word in known}
        assert told
        assert told <= set(genres.split("|"))
        assert genres.split("|") == sorted(set(genres.split("|")))


def test_sequels(movies: pd.DataFrame) -> None:
    together = movies.assign(
        story=stories(movies), year=movies["title"].str.extract(r"\((\d+)\)$", expand=False)
    ).groupby("story")
    sizes = together.size()
    assert (sizes == 2).sum() == 40
    assert (sizes == 3).sum() == 80
    assert (together["genres"].nunique() == 1).all()
    assert (together["year"].nunique() == sizes).all()
    first = together["title"].first().str.replace(r" \(\d+\)$", "", regex=True)
    assert (first == first.index).all()


def test_no_title_is_a_real_one(ratings_movies: Any, movies: pd.DataFrame) -> None:
    def bare(titles: pd.Series) -> pd.Series:
        plain = titles.str.replace(r" \(.*", "", regex=True).str.lower()
        return plain.str.replace(r"^(the|an?) |, (the|an?)$", "", regex=True)

    assert not bare(movies["title"]).isin(bare(ratings_movies[1]["title"])).any()


def test_neighbours_are_sequels_and_of_the_genre(demo_likes: me.Likes) -> None:
    model = me.MovieEmbedding(50, random_state=0).fit(demo_likes)
    columns, _ = model.neighbors(10)
    story = stories(demo_likes.item_table).to_numpy()
    genres = demo_likes.item_table["genres"].str.get_dummies().to_numpy()
    known = np.flatnonzero(demo_likes.item_counts >= 10)
    alike = genres @ genres.T > 0
    near = alike[known[:, None], columns[known]].mean()
    assert near > 0.8
    assert alike[np.ix_(known, known)].mean() < 0.25
    there = model.embedding_.any(axis=1)
    shares = []
    for i in np.flatnonzero(there):
        others = np.flatnonzero((story == story[i]) & there & (np.arange(len(story)) != i))
        if len(others):
            shares.append(np.isin(others, columns[i, :3]).mean())
    assert np.mean(shares) > 0.85


def test_recommendations_beat_popularity(demo_likes: me.Likes, ratings: pd.DataFrame) -> None:
    ours = lambda train: ev.movieembed(train, n_components=64)  # noqa: E731
    for split in (ev.split_random(demo_likes, random_state=0), ev.split_last(demo_likes, ratings)):
        table = ev.evaluate({"ours": ours, "popular": ev.popularity}, split)
        assert table.loc["ours", "recall@20"] > 2 * table.loc["popular", "recall@20"]


def test_every_reader_takes_the_name(ratings: pd.DataFrame, movies: pd.DataFrame) -> None:
    likes = me.Likes.from_movielens("Demo")
    expected = me.Likes.from_ratings(ratings, items=movies)
    assert (likes.matrix != expected.matrix).nnz == 0
    assert likes.titles.tolist() == expected.titles.tolist()
    assert me.Likes.from_movielens("demo", 5).n_likes == (ratings["rating"] == 5).sum()
    pd.testing.assert_frame_equal(load_movies("demo"), movies)
    pd.testing.assert_frame_equal(likes.item_table, movies)


def test_a_folder_of_that_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("demo").mkdir()
    with pytest.raises(FileNotFoundError, match="demo has no ratings file"):
        me.load_movielens("demo")
    Path("demo/ratings.csv").write_text("userId,movieId,rating,timestamp\n1,10,5.0,978300760\n")
    Path("demo/movies.csv").write_text("movieId,title,genres\n10,Heat (1995),Crime\n")
    assert len(me.load_movielens("demo")[0]) == 1
    assert me.Likes.from_movielens("demo").shape == (1, 1)
    assert len(load_movies("demo")) == 1


def test_it_is_named_where_a_name_or_a_download_fails(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="those are demo, ml-latest-small"):
        me.load_movielens("ml-2m")
    with pytest.raises(me.DownloadError, match="or use 'demo', a small data set that needs no"):
        me.load_movielens("ml-1m", cache_dir=tmp_path, base_url="http://127.0.0.1:9/")
