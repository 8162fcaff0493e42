"""Likes.from_movielens gives what load_movielens and from_ratings give."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from movieembed import Likes, load_movielens
from movieembed.data import number_file as numberfiles
from movieembed.data import ratings as rows
from movieembed.data.canonical_csr import canonical_csr

HALF_STARS = tuple(half / 2 for half in range(1, 11))


def by_table(
    source: Path, threshold: float | None = 4.0, duplicates: Any = "last", unknown: Any = "raise"
) -> Likes:
    ratings, movies = load_movielens(source)
    return Likes.from_ratings(
        ratings, threshold=threshold, items=movies, duplicates=duplicates, unknown=unknown
    )


def assert_same(found: Likes, expected: Likes) -> None:
    for name in ("indptr", "indices", "data"):
        mine, theirs = getattr(found.matrix, name), getattr(expected.matrix, name)
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)
    for name in ("users", "items", "titles"):
        mine, theirs = getattr(found, name), getattr(expected, name)
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)
    pd.testing.assert_frame_equal(found.item_table, expected.item_table)
    canonical = canonical_csr(found.matrix)
    np.testing.assert_array_equal(found.matrix.indices, canonical.indices)
    assert found.matrix.indices.dtype == canonical.indices.dtype
    assert found.matrix.has_canonical_format


def plain(ratings: pd.DataFrame, items: list[int], threshold: float, duplicates: str) -> set[Any]:
    """Pairs of ids that are likes, by way of dictionaries."""
    chosen: dict[Any, float] = {}
    for user, item, rating in ratings[["userId", "movieId", "rating"]].itertuples(index=False):
        pair = (user, item)
        if pair not in chosen or duplicates == "last":
            chosen[pair] = rating
        elif duplicates == "max":
            chosen[pair] = max(rating, chosen[pair])
    return {pair for pair, rating in chosen.items() if rating >= threshold and pair[1] in items}


def table(
    seed: int,
    *,
    users: int = 60,
    items: int = 40,
    spread: int = 1,
    offset: int = 1,
    stars: Any = HALF_STARS,
    n: int = 900,
) -> pd.DataFrame:
    """Ratings in random order, with pairs that repeat."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "userId": rng.integers(0, users, n) * spread + offset,
            "movieId": rng.integers(0, items, n) * spread + offset,
            "rating": rng.choice(stars, n),
            "timestamp": rng.integers(0, 2**33, n),
        }
    )


def unique(ratings: pd.DataFrame) -> pd.DataFrame:
    return ratings.drop_duplicates(["userId", "movieId"])


CASES: dict[str, Callable[[], pd.DataFrame]] = {
    "shuffled": lambda: unique(table(0)),
    "sorted": lambda: unique(table(1)).sort_values(["userId", "movieId"]),
    "sorted by user only": lambda: unique(table(2)).sort_values("userId", kind="stable"),
    "sorted by item": lambda: unique(table(3)).sort_values(["movieId", "userId"]),
    "repeated": lambda: table(4),
    "repeated and sorted": lambda: table(5).sort_values(["userId", "movieId"], kind="stable"),
    "ids far apart": lambda: table(6, spread=10**7 + 3),
    "ids beyond 32 bits": lambda: table(7, spread=2**50 + 1),
    "ids near the end of 64 bits": lambda: table(8, offset=2**63 - 100),
    "negative ids": lambda: table(9, offset=-30),
    "ids near the start of 64 bits": lambda: table(10, offset=-(2**63)),
    "ratings that 32 bits do not hold": lambda: table(11, stars=(3.9, 4.0, 4.1, 4.000000001)),
    "one row": lambda: table(12, n=1),
    "no rows": lambda: table(13, n=0),
}


def write(folder: Path, ratings: pd.DataFrame, movies: list[int]) -> Path:
    folder.mkdir(exist_ok=True)
    ratings.to_csv(folder / "ratings.csv", index=False)
    lines = [f'{id_},"Film {id_}, The (1999)",Drama\n' for id_ in movies]
    (folder / "movies.csv").write_text("movieId,title,genres\n" + "".join(lines))
    return folder


@pytest.mark.parametrize("duplicates", ["last", "first", "max"])
@pytest.mark.parametrize("case", CASES)
def test_same_as_by_way_of_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, duplicates: Any
) -> None:
    monkeypatch.setattr(numberfiles, "BLOCK_BYTES", 500)
    ratings = CASES[case]()
    ids = [int(id_) for id_ in ratings["movieId"].unique()]
    # Only films in the order of their ids leave sorted rows in order.
    for movies in (sorted({*ids, 12345}), [*ids[::-1], 12345]):
        source = write(tmp_path, ratings, movies)
        found = Likes.from_movielens(source, duplicates=duplicates)
        assert_same(found, by_table(source, duplicates=duplicates))
        users, items = found.matrix.nonzero()
        pairs = list(zip(found.users[users].tolist(), found.items[items].tolist(), strict=True))
        assert len(pairs) == len(set(pairs))
        assert set(pairs) == plain(ratings, movies, 4.0, duplicates)
        assert found.users.tolist() == sorted(set(ratings["userId"].tolist()))
        assert found.items.tolist() == movies


def test_movielens_small_from_folder_and_zip(
    movielens_small: Path, small_likes: Likes, tmp_path: Path
) -> None:
    assert_same(Likes.from_movielens(movielens_small), small_likes)
    assert_same(Likes.from_movielens(movielens_small, None), small_likes)
    archive = tmp_path / "small.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("ratings.csv", "movies.csv"):
            file.write(movielens_small / name, f"ml-latest-small/{name}")
    assert_same(Likes.from_movielens(archive), small_likes)


@pytest.mark.parametrize(
    "threshold",
    [None, 0, 3.5, 4, 4.0000000001, np.nextafter(4, 5), np.nextafter(4, 3), -1e300, 4.1],
)
def test_thresholds_are_as_exact_as_in_64_bits(tmp_path: Path, threshold: Any) -> None:
    source = write(tmp_path, unique(table(20)), list(range(60)))
    assert_same(Likes.from_movielens(source, threshold), by_table(source, threshold))


def test_binary_ratings_with_and_without_a_threshold(tmp_path: Path) -> None:
    source = write(tmp_path, unique(table(21, stars=(0, 1))), list(range(60)))
    assert Likes.from_movielens(source, None).n_likes > 0
    assert_same(Likes.from_movielens(source, None), by_table(source, None))
    with pytest.warns(UserWarning, match="highest rating is 1 and the threshold 4") as caught:
        Likes.from_movielens(source)
    assert caught[0].filename == __file__


def test_oddities_go_the_careful_way(tmp_path: Path) -> None:
    """Quotes, blank lines, a further column and spaces."""
    source = write(tmp_path, table(22, n=3), list(range(60)))
    (source / "ratings.csv").write_text(
        '"rating","note","movieId","userId","timestamp"\n4,a,"7", 2,0\n\n 4.5,"b,c",7,1,0\n'
    )
    likes = Likes.from_movielens(source)
    assert_same(likes, by_table(source))
    assert (likes.users.tolist(), likes.items[likes.matrix.indices].tolist()) == ([1, 2], [7, 7])


@pytest.mark.parametrize("line", ["1,2,x,0", "1,2,4.0,x", "1,2,4.0", "1,2,4.0,5,6", "1,,4,0"])
def test_what_is_malformed_is_refused_alike(tmp_path: Path, line: str) -> None:
    source = write(tmp_path, table(23), list(range(60)))
    with (source / "ratings.csv").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=r"ratings\.csv, line 902: ") as caught:
        Likes.from_movielens(source)
    with pytest.raises(ValueError, match="902") as expected:
        load_movielens(source)
    assert str(caught.value) == str(expected.value)


def test_films_that_the_movies_lack(tmp_path: Path) -> None:
    source = write(tmp_path, unique(table(24)), list(range(5, 60)))
    with pytest.raises(ValueError, match=r"4 items that items lacks, .* unknown='drop'"):
        Likes.from_movielens(source)
    found = Likes.from_movielens(source, unknown="drop")
    assert_same(found, by_table(source, unknown="drop"))


def test_options_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    for options, message in (
        ({"duplicates": "sum"}, "duplicates must be one of"),
        ({"unknown": "keep"}, "unknown must be one of"),
        ({"threshold": float("nan")}, "threshold must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            Likes.from_movielens(tmp_path / "absent", **options)


def test_repeats_are_an_error_if_wanted(tmp_path: Path) -> None:
    source = write(tmp_path, table(4), list(range(60)))
    with pytest.raises(ValueError, match=r"\d+ ratings repeat .* user \d+ and item \d+"):
        Likes.from_movielens(source, duplicates="error")
    write(tmp_path, unique(table(4)), list(range(60)))
    assert_same(
        Likes.from_movielens(source, duplicates="error"), by_table(source, duplicates="error")
    )


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint32, np.int64, np.uint64])
def test_ids_of_every_width_are_numbered_alike(dtype: Any) -> None:
    info = np.iinfo(dtype)
    rng = np.random.default_rng(0)
    for low in (info.min, 0, info.max - 90):
        ids = dtype(low) + rng.integers(0, 90, 500).astype(dtype)
        distinct, expected = np.unique(ids, return_inverse=True)
        before = ids.copy()
        for block in (7, 1 << 17):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("movieembed._base.arrays._BLOCK", block)
                codes, found = rows.encode(ids, "ids")
        np.testing.assert_array_equal(codes, expected)
        assert found.tolist() == distinct.tolist()
        np.testing.assert_array_equal(ids, before)


def test_ratings_of_the_caller_are_not_written_to() -> None:
    ratings = table(30).astype({"userId": "int32", "movieId": "int32", "rating": "float32"})
    before = ratings.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Likes.from_ratings(ratings, items=list(range(60)))
    pd.testing.assert_frame_equal(ratings, before)
