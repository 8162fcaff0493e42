"""Parts of the likes: nothing twice, nothing lost, nobody favoured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from movieembed import evaluation as ev
from movieembed.data.likes import Likes


def check_parts(likes: Likes, split: ev.Split) -> None:
    """Given and held are disjoint parts of users' likes."""
    both = split.given.toarray() * split.held.toarray()
    assert not both.any()
    assert (np.diff(split.held.indptr) > 0).all()
    np.testing.assert_array_equal(split.train.items, likes.items)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_random_split(likes: Likes, share: float) -> None:
    split = ev.split_random(likes, share, random_state=1)
    check_parts(likes, split)
    lengths = np.diff(likes.matrix.indptr)
    held = lengths - np.diff(split.train.matrix.indptr)
    np.testing.assert_array_equal(held, np.floor(share * lengths + 0.5))
    asked = held > 0
    whole = split.given.toarray() + split.held.toarray()
    np.testing.assert_array_equal(whole, likes.matrix.toarray()[asked])
    again = ev.split_random(likes, share, random_state=1)
    np.testing.assert_array_equal(again.held.toarray(), split.held.toarray())
    other = ev.split_random(likes, share, random_state=2)
    assert (other.held.toarray() != split.held.toarray()).any()


def test_random_split_favours_nobody() -> None:
    likes = Likes.from_matrix(np.ones((2000, 5)))
    split = ev.split_random(likes, 0.2, random_state=0)
    counts = split.held.toarray().sum(axis=0)
    assert np.abs(counts - 400).max() < 80


def test_last_split() -> None:
    ratings = pd.DataFrame(
        {
            "userId": [1, 1, 1, 2, 2, 3, 1],
            "movieId": [10, 20, 30, 10, 20, 30, 40],
            "rating": [5.0, 4.0, 5.0, 4.0, 5.0, 4.0, 1.0],
            "timestamp": [3, 9, 5, 8, 7, 1, 99],
        }
    )
    likes = Likes.from_ratings(ratings)
    split = ev.split_last(likes, ratings)
    assert split.held.toarray()[:, :3].tolist() == [[0, 1, 0], [1, 0, 0]]
    assert split.train.matrix.toarray()[:, :3].tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 1]]
    two = ev.split_last(likes, ratings.sample(frac=1, random_state=0), 2)
    assert two.held.toarray()[:, :3].tolist() == [[0, 1, 1]]
    with pytest.raises(ValueError, match="no column 'when'"):
        ev.split_last(likes, ratings, timestamp="when")
    with pytest.raises(ValueError, match="1 likes have no time"):
        ev.split_last(likes, ratings.iloc[1:])


def test_users_split(likes: Likes) -> None:
    split = ev.split_users(likes, 10, random_state=4)
    check_parts(likes, split)
    assert split.given.shape[0] <= 10
    assert len(np.intersect1d(split.train.users, [])) == 0
    assert split.train.n_users == (np.diff(likes.matrix.indptr) >= 5).sum() - 10
    lengths = np.diff(split.given.indptr) + np.diff(split.held.indptr)
    np.testing.assert_array_equal(
        np.diff(split.held.indptr), np.maximum(1, np.floor(0.2 * lengths + 0.5))
    )
    with pytest.raises(ValueError, match="nobody to learn from"):
        ev.split_users(likes, 80)
    with pytest.raises(ValueError, match="nobody to ask for"):
        ev.split_users(likes, 0)
    with pytest.raises(ValueError, match="share must be between"):
        ev.split_random(likes, 1.0)
    with pytest.raises(ValueError, match="nothing is held out"):
        ev.split_random(Likes.from_matrix(np.eye(4)), 0.1)


@pytest.mark.parametrize(("n_users", "asked"), [(0.1, 4), (0.3, 12), (0.5, 20), (7, 7)])
@pytest.mark.parametrize("share", [0.2, 0.4, 0.7])
def test_strong_split_has_the_shares_that_were_asked_for(
    n_users: float, asked: int, share: float
) -> None:
    likes = Likes.from_matrix(np.ones((40, 10)))
    split = ev.split_users(likes, n_users, share=share, random_state=0)
    assert split.given.shape == split.held.shape == (asked, 10)
    assert split.train.n_users == 40 - asked
    assert set(np.diff(split.held.indptr)) == {round(10 * share)}
    assert set(np.diff(split.given.indptr)) == {10 - round(10 * share)}


def test_a_single_like_cannot_be_parted() -> None:
    """Of who has one nothing would be left to recommend from, whatever is asked for."""
    L = np.zeros((30, 6))
    L[np.arange(30), np.arange(30) % 6] = 1
    L[:12, 4:] = 1
    split = ev.split_users(Likes.from_matrix(L), 11, min_likes=1, random_state=0)
    assert (np.diff(split.given.indptr) + np.diff(split.held.indptr) >= 2).all()
    with pytest.raises(ValueError, match="n_users=13 of 12 users"):
        ev.split_users(Likes.from_matrix(L), 13, min_likes=1)
