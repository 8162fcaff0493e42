"""Likes on a cluster, and what is expected of the lists of their users."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

import movieembed as me
from helpers import random_likes
from movieembed.data.likes import Likes

N_USERS, N_ITEMS = 57, 30


def some_likes() -> Likes:
    """Users with few likes and with none among them, and an item that nobody likes."""
    L = random_likes(N_USERS, N_ITEMS, 0.3, seed=1).toarray()
    L[5], L[9, 3:], L[40], L[:, 7] = 0, 0, 0, 0
    users = np.array([f"user {u:02d}" for u in np.random.default_rng(0).permutation(N_USERS)])
    return Likes.from_matrix(L, users=users, items=np.arange(N_ITEMS)[::-1] * 10)


def spread(likes: Likes, client: Any, n_parts: int | None = 3) -> me.DistributedLikes:
    return me.DistributedLikes.from_likes(likes, n_parts, client)


def matrix_of(parts: list[Any], client: Any) -> sp.csr_array:
    """The parts, or matrices, below each other."""
    found = [getattr(part, "matrix", part) for part in client.gather(parts)]
    return sp.csr_array(sp.vstack(found, format="csr"))


def expected_table(likes: Likes, model: Any, n: int, **options: Any) -> pd.DataFrame:
    columns, scores = model.recommend(likes.matrix, n, **options)
    rows = [
        (user, model.items_[column], rank + 1, score)
        for user, found, values in zip(likes.users, columns, scores, strict=True)
        for rank, (column, score) in enumerate(zip(found, values, strict=True))
        if column >= 0
    ]
    return pd.DataFrame(rows, columns=["user", "item", "rank", "score"])
