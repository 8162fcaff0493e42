"""Seeded likes of kinds of data that MovieLens is not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.sparse as sp


def communities(
    n_users: int, n_items: int, n_likes: int, n_communities: int, everybody: float, seed: int
) -> sp.csr_array:
    """People of one to three communities, each with items of its own, and items that all like.

    Likes of a user are spread as exp(normal), of an item inside its community as 1 / rank^0.9.
    `everybody` is the share of likes that go to the items of all. Linear in the likes.
    """
    rng = np.random.default_rng(seed)
    lengths = np.exp(rng.normal(0, 0.9, n_users))
    lengths = np.maximum(1, np.round(lengths / lengths.sum() * n_likes)).astype(np.int64)
    users = np.repeat(np.arange(n_users), lengths)
    own = rng.integers(0, n_communities, (n_users, 3))
    which = own[users, rng.choice(3, len(users), p=[0.6, 0.3, 0.1])]
    ranks = _zipf(rng, len(users), max(2, n_items // n_communities))
    items = which + n_communities * ranks
    shared = rng.random(len(users)) < everybody
    items[shared] = rng.permutation(n_items)[_zipf(rng, int(shared.sum()), n_items)]
    there = items < n_items
    likes = sp.csr_array((np.ones(there.sum()), (users[there], items[there])), (n_users, n_items))
    likes.sum_duplicates()
    likes.data[:] = 1
    return likes


def checkins(
    n_users: int, n_items: int, n_visits: int, n_places: int, everybody: float, seed: int
) -> sp.csr_array:
    """People of one to three places, of very unequal sizes, and visits that go anywhere.

    The largest place has a few hundred times the visits of the smallest, so that eigenvalues fall
    steadily, as those of Gowalla's check-ins do. A visit again is no further like. Linear in the
    visits.
    """
    rng = np.random.default_rng(seed)
    lengths = np.exp(rng.normal(0, 0.9, n_users))
    lengths = np.maximum(1, np.round(lengths / lengths.sum() * n_visits)).astype(np.int64)
    users = np.repeat(np.arange(n_users), lengths)
    size = np.exp(rng.normal(0, 1.2, n_places))
    own = rng.choice(n_places, (n_users, 3), p=size / size.sum())
    which = own[users, rng.choice(3, len(users), p=[0.6, 0.3, 0.1])]
    ends = (np.cumsum(size**0.7) / (size**0.7).sum() * n_items).astype(np.int64)
    starts = np.concatenate([[0], ends[:-1]])
    items = starts[which] + ((ends - starts)[which] * rng.random(len(users)) ** 2.5).astype(int)
    anywhere = rng.random(len(users)) < everybody
    ranks = (n_items * rng.random(int(anywhere.sum())) ** (1 / 0.3)).astype(np.int64)
    items[anywhere] = rng.permutation(n_items)[ranks]
    likes = sp.csr_array((np.ones(len(users)), (users, items)), (n_users, n_items))
    likes.sum_duplicates()
    likes.data[:] = 1
    return likes


def _zipf(rng: np.random.Generator, size: int, n: int) -> np.ndarray:
    shares = np.arange(1, n + 1) ** -0.9
    found: np.ndarray = np.searchsorted(np.cumsum(shares) / shares.sum(), rng.random(size))
    return np.minimum(found, n - 1)


# A shop: many items, few likes each. A club: few items that many know. Check-ins: Gowalla's size. A
# million of either.
SHAPES: dict[str, Callable[[], sp.csr_array]] = {
    "shop": partial(communities, 30_000, 40_000, 1_000_000, 400, 0.3, 0),
    "checkins": partial(checkins, 29_858, 40_981, 1_000_000, 500, 0.12, 2),
    "club": partial(communities, 8_000, 3_000, 500_000, 40, 0.5, 1),
    "million": partial(communities, 1_000_000, 1_000_000, 15_000_000, 2_000, 0.3, 2),
}
