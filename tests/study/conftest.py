from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import movieembed as me
from movieembed.study import FILMS, Study, run_study

TITLES = [FILMS[0], "Other (2000)", FILMS[1], FILMS[2], *(f"Film {i}" for i in range(26))]


@pytest.fixture(scope="session")
def tastes() -> Callable[..., me.Likes]:
    """Likes of people with one of three tastes; the last item is liked by nobody."""

    def made(n_users: int = 80, n_items: int = 30, seed: int = 0) -> me.Likes:
        rng = np.random.default_rng(seed)
        user, item = rng.integers(3, size=n_users), rng.integers(3, size=n_items)
        liked = rng.random((n_users, n_items)) < np.where(user[:, None] == item, 0.6, 0.1)
        liked[:, -1] = False
        return me.Likes.from_matrix(
            liked.astype("f4"), items=np.arange(n_items) + 1000, titles=TITLES[:n_items]
        )

    return made


@pytest.fixture(scope="session")
def likes(tastes: Callable[..., me.Likes]) -> me.Likes:
    return tastes()


@pytest.fixture(scope="session")
def study(likes: me.Likes) -> Study:
    return run_study(likes, components=(3, 5, "M"), iterations=150, wide_iterations=4)
