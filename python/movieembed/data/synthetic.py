"""Seeded ratings of the size and skew of MovieLens, for benchmarks and tests without the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed._base.validation import check_count

# Of MovieLens 32M.
N_USERS, N_ITEMS, N_RATINGS = 200_948, 87_585, 32_000_204
MIN_RATINGS = 20  # a user; MovieLens leaves others out

# Standard deviations of the logarithms, set so that the median user and the most rated film are
# those of MovieLens 32M: 73 ratings, about 100,000 ratings.
ACTIVITY_SIGMA = 1.6
POPULARITY_SIGMA = 2.4
BEST_KNOWN = 0.00004  # share of the items from which on popularity levels off
TASTE_SIGMA = 1.2
GENRES = (
    "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama",
    "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller",
    "War", "Western",
)  # fmt: skip


def synthetic_movielens(
    n_users: int = N_USERS,
    n_items: int = N_ITEMS,
    n_ratings: int = N_RATINGS,
    *,
    n_tastes: int = 200,
    random_state: int | np.random.Generator | None = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw a ratings table with MovieLens's skew and with tastes to be found in it.

    Parameters
    ----------
    n_users, n_items, n_ratings : int
        By default those of MovieLens 32M. The ratings must leave each user at least 20 and fill at
        most a tenth of the users x items table.
    n_tastes : int, default=200
        Latent tastes, the first of them common, the last rare; every user has three, in unequal
        shares.
    random_state : int, Generator or None, default=0
        The same integer gives the same table.

    Returns
    -------
    ratings : DataFrame of shape (n_ratings, 4)
        userId, movieId (int64), rating (float64, half stars from 0.5 to 5), timestamp (int64,
        seconds since 1970), sorted by user and movie. Half of the ratings are 4 or more.
    movies : DataFrame of shape (n_items, 3)
        movieId (int64, rising, with gaps), title, genres. Some movies have no rating.

    Raises
    ------
    ValueError, TypeError
        If a size is not a positive integer or the sizes do not fit together.

    Notes
    -----
    Activity of users and popularity of items are lognormal. A rating's item is drawn from one of
    the user's tastes, which multiply the popularities by further lognormal factors, so that the
    co-occurrence matrix has a spectrum beyond its first component. What a user drew twice counts
    once. Ratings rise with an item's popularity and with its fit to the user's main taste.
    O(n_ratings log n_ratings) time; some 80 bytes a rating.

    Examples
    --------
    >>> import movieembed as me
    >>> ratings, movies = me.synthetic_movielens(100, 500, 4_000)
    >>> ratings.shape, movies.shape
    ((4000, 4), (500, 3))
    """
    n_users, n_items = check_count(n_users, "n_users"), check_count(n_items, "n_items")
    n_ratings, n_tastes = check_count(n_ratings, "n_ratings"), check_count(n_tastes, "n_tastes")
    if not MIN_RATINGS * n_users <= n_ratings <= n_users * n_items / 10:
        raise ValueError(
            f"{n_ratings:,} ratings for {n_users:,} users and {n_items:,} items: there must be "
            f"{MIN_RATINGS} a user or more, and a tenth of all pairs or less"
        )
    rng = np.random.default_rng(random_state)
    popularity = rng.lognormal(sigma=POPULARITY_SIGMA, size=n_items)
    # The best known are alike: no film is rated by everybody.
    popularity /= 1 + popularity / np.quantile(popularity, 1 - BEST_KNOWN)
    fit = rng.standard_normal((n_tastes, n_items), dtype=np.float32)
    chosen = np.cumsum(popularity * np.exp(TASTE_SIGMA * fit), axis=1)
    chosen /= chosen[:, -1:]
    common = 1 / (5.0 + np.arange(n_tastes))
    tastes = rng.choice(n_tastes, size=(n_users, 3), p=common / common.sum())
    shares = np.cumsum(rng.dirichlet([3.0, 1.5, 1.0], size=n_users), axis=1)

    def draw(users: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return one item for each entry of `users`, as keys user * n_items + item."""
        u = rng.random(len(users), dtype=np.float32)
        which = (u > shares[users, 0]).astype(np.int8) + (u > shares[users, 1])
        taste = tastes[users, which]
        keys = users * n_items
        order = np.argsort(taste, kind="stable")
        ends = np.searchsorted(taste[order], np.arange(n_tastes), side="right")
        for t, at in enumerate(np.split(order, ends[:-1])):
            keys[at] += np.searchsorted(chosen[t, :-1], rng.random(len(at)), side="right")
        return keys

    keys = _distinct_draws(draw, n_users, n_items, n_ratings, rng)
    users, items = np.divmod(keys, n_items)
    del keys

    fits = 0.5 * fit[tastes[users, 0], items]
    stars = _stars(rng, fits, n_users, users, popularity, items)
    del fits

    movie_ids = np.sort(rng.choice(10 * n_items // 3, n_items, replace=False)) + 1
    start = rng.integers(820_000_000, 1_690_000_000, size=n_users)  # 1996 to 2023
    ratings = pd.DataFrame(
        {
            "userId": users + 1,
            "movieId": movie_ids[items],
            "rating": stars.astype(np.float64),
            "timestamp": start[users] + rng.integers(0, 500_000, size=n_ratings),
        }
    )
    years = rng.integers(1920, 2024, size=n_items)
    best = np.argsort(-fit, axis=0)[:2] % len(GENRES)
    movies = pd.DataFrame(
        {
            "movieId": movie_ids,
            "title": [f"Film {id_} ({year})" for id_, year in zip(movie_ids, years, strict=True)],
            "genres": ["|".join(sorted({GENRES[a], GENRES[b]})) for a, b in best.T],
        }
    )
    return ratings, movies


def _stars(
    rng: np.random.Generator,
    fits: NDArray[np.float32],
    n_users: int,
    users: NDArray[np.int64],
    popularity: NDArray[np.float64],
    items: NDArray[np.int64],
) -> NDArray[Any]:
    """Half stars: chance, the fit to the user's taste, their mildness, and the item's rank."""
    score = rng.standard_normal(len(users), dtype=np.float32)
    score += fits
    score += (0.5 * rng.standard_normal(n_users, dtype=np.float32))[users]
    quality = 1.5 * np.log(popularity) / POPULARITY_SIGMA + rng.standard_normal(len(popularity))
    score += (0.3 * quality).astype(np.float32)[items]
    score += np.float32(3.75) - np.median(score)
    stars: NDArray[Any] = np.clip(np.rint(2 * score), 1, 10) / np.float32(2)
    return stars


def _distinct_draws(
    draw: Any, n_users: int, n_items: int, n_ratings: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return exactly n_ratings different keys, ascending, MIN_RATINGS a user or more."""
    activity = rng.lognormal(sigma=ACTIVITY_SIGMA, size=n_users)
    extra = n_ratings - MIN_RATINGS * n_users
    least = np.full(n_users, MIN_RATINGS)
    wanted = least + np.floor(activity / activity.sum() * extra).astype(np.int64)
    wanted = np.minimum(wanted, n_items // 3)
    keys = _distinct(draw(np.repeat(np.arange(n_users), wanted)))
    while len(keys) < n_ratings:
        # The same users draw again, so that their shares stay as they are; about half is new.
        missing = n_ratings - len(keys)
        again = rng.choice(len(keys), size=2 * missing + n_users // 100)
        keys = _distinct(np.concatenate([keys, draw(keys[again] // n_items)]))
    counts = np.bincount(keys // n_items, minlength=n_users)
    while (counts < MIN_RATINGS).any():
        short = np.repeat(np.arange(n_users), np.maximum(MIN_RATINGS - counts, 0))
        any_item = rng.integers(n_items, size=len(short))
        keys = _distinct(np.concatenate([keys, short * n_items + any_item]))
        counts = np.bincount(keys // n_items, minlength=n_users)
    # Too many now: take some away, never one of a user's first MIN_RATINGS in a random order.
    while len(keys) > n_ratings:
        users = keys // n_items
        rank = np.arange(len(keys)) - np.concatenate(([0], np.cumsum(counts)[:-1]))[users]
        shift = rng.integers(1 << 40, size=n_users)[users]
        spare = np.flatnonzero((rank + shift) % counts[users] >= MIN_RATINGS)
        drop = rng.permutation(spare)[: len(keys) - n_ratings]
        keys = np.delete(keys, drop)
        counts = np.bincount(keys // n_items, minlength=n_users)
    return keys


def _distinct(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    keys.sort()
    return keys[np.concatenate(([True], keys[1:] != keys[:-1]))]
