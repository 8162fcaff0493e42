from __future__ import annotations

import numpy as np
import pytest

import movieembed as me
from helpers import random_likes
from movieembed.data import digest
from movieembed.data.digest import likes_digest

L = random_likes(50, 30, 0.3, seed=0)


def of(matrix: object) -> str:
    return likes_digest(me.Likes.from_matrix(matrix))


def test_likes_of_the_same_counts_are_told_apart() -> None:
    dense = np.zeros((4, 4))
    dense[0, 0] = dense[1, 1] = dense[2, 0] = dense[3, 1] = 1
    other = dense.copy()
    other[2], other[1] = [0, 1, 0, 0], [1, 0, 0, 0]
    assert (dense.sum(0) == other.sum(0)).all()
    assert (dense.sum(1) == other.sum(1)).all()
    assert of(dense) == of(other)  # the same users in another order
    together, apart = np.zeros((2, 3)), np.zeros((2, 3))
    together[0] = together[1, :1] = 1
    apart[:, 0] = apart[0, 1] = apart[1, 2] = 1
    assert (together.sum(0) == apart.sum(0)).all()
    assert of(together) != of(apart)


def test_each_change_of_a_like_or_a_weight_shows() -> None:
    dense = L.toarray()
    seen = {of(dense), of(dense * 2), of(dense[:-1]), of(np.vstack((dense, 0 * dense[:1])))}
    rng = np.random.default_rng(1)
    for _ in range(30):
        changed = dense.copy()
        user, item = rng.integers(50), rng.integers(30)
        changed[user, item] = 1 - changed[user, item]
        seen.add(of(changed))
        weighted = dense.copy()
        weighted[weighted > 0] = rng.random(int(dense.sum()))
        seen.add(of(weighted))
    assert len(seen) > 60


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_blocks_and_the_order_of_users_make_no_difference(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = of(L)
    monkeypatch.setattr(digest, "BLOCK_LIKES", block)
    assert of(L) == want
    assert of(L[np.random.default_rng(2).permutation(50)]) == want


def test_a_cluster_gives_the_same() -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.Client(processes=False, n_workers=2, dashboard_address=None):
        for matrix in (L, L * 0.5):
            likes = me.Likes.from_matrix(matrix)
            there = me.DistributedLikes.from_likes(likes, n_parts=3)
            assert likes_digest(there) == likes_digest(likes)
