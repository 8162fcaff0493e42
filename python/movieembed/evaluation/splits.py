"""Split likes into those to learn from, those that are given and those that are to be found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import scipy.sparse as sp

from movieembed.data.distributed.likes import DistributedLikes
from movieembed.data.likes import Likes, as_likes
from movieembed.evaluation.distributed import DistributedSplit, split_parts
from movieembed.evaluation.holdout import drawn, held_at_random, selected


@dataclass(frozen=True)
class Split:
    """Likes to learn from, likes given of the users asked for, and likes to be found.

    Attributes
    ----------
    train : Likes
        To fit on; its columns are those of all likes.
    given : csr_array, shape (n_test_users, n_items)
        What is known of the users that are asked for.
    held : csr_array, shape (n_test_users, n_items)
        What they like besides, at least one item each.
    seen : csr_array of bool, shape (n_test_users, n_items), or None
        What they rated and did not like, as `Likes.seen`; None where that is not known.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> from movieembed.evaluation import Split
    >>> matrix = me.Likes.from_matrix(np.ones((2, 4))).matrix
    >>> split = Split(me.Likes.from_matrix(matrix[:1]), given=matrix[1:, :], held=matrix[1:, :])
    >>> split.train.n_users
    1
    """

    train: Likes
    given: sp.csr_array
    held: sp.csr_array
    seen: sp.csr_array | None = None

    def __repr__(self) -> str:
        asked = f"{self.given.shape[0]:,} users asked for"
        return f"Split(train={self.train!r}, {asked}, {self.held.nnz:,} likes held out)"


@overload
def split_random(likes: Likes, share: float = 0.2, *, random_state: Any = None) -> Split: ...


@overload
def split_random(
    likes: DistributedLikes, share: float = 0.2, *, random_state: int | None = None
) -> DistributedSplit: ...


def split_random(
    likes: Likes | DistributedLikes, share: float = 0.2, *, random_state: Any = None
) -> Split | DistributedSplit:
    """Hold out a share of each user's likes, at random.

    Parameters
    ----------
    likes : Likes or DistributedLikes
        Distributed likes are split where they are.
    share : float, default=0.2
        Of each user's likes, rounded; between 0 and 1.
    random_state : int, numpy Generator or None
        An integer or None for distributed likes.

    Returns
    -------
    Split, or DistributedSplit of distributed likes
        `given` is what `train` has of the users with something held out.

    Raises
    ------
    ValueError
        When the share is not between 0 and 1, or nothing is held out.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> from movieembed.evaluation import split_random
    >>> likes = me.Likes.from_matrix(np.ones((3, 10)))
    >>> split = split_random(likes, random_state=0)
    >>> split.train.n_likes, split.held.nnz
    (24, 6)
    """
    check_share(share)
    if isinstance(likes, DistributedLikes):
        return split_parts(likes, share, random_state)
    likes = as_likes(likes)
    train, held = held_at_random(likes.matrix, share, np.random.default_rng(random_state))
    return within_users(likes, train, held)


def split_users(
    likes: Likes,
    n_users: int | float = 0.1,
    *,
    share: float = 0.2,
    min_likes: int = 5,
    random_state: Any = None,
) -> Split:
    """Hold out whole users: strong generalisation, as in Liang et al. (WWW 2018).

    Parameters
    ----------
    likes : Likes
    n_users : int or float, default=0.1
        How many are held out, or which share.
    share : float, default=0.2
        Of their likes that are to be found; the rest is given.
    min_likes : int, default=5
        Users with fewer are left out altogether, as there.
    random_state : int, numpy Generator or None

    Returns
    -------
    Split
        `train` has none of the users of `given`. Items that only those like are in no part.

    Raises
    ------
    ValueError
        When there are too few users.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> from movieembed.evaluation import split_users
    >>> split = split_users(me.Likes.from_matrix(np.ones((20, 10))), random_state=0)
    >>> split.train.n_users, split.given.shape, split.held.nnz
    (18, (2, 10), 4)
    """
    check_share(share)
    likes = as_likes(likes)
    rng = np.random.default_rng(random_state)
    active = np.flatnonzero(np.diff(likes.matrix.indptr) >= max(2, min_likes))
    count = round(n_users * len(active)) if isinstance(n_users, float) else int(n_users)
    if not 0 < count < len(active):
        raise ValueError(
            f"n_users={n_users} of {len(active):,} users with at least {min_likes} likes leaves "
            "nobody to learn from or nobody to ask for"
        )
    chosen = np.sort(rng.choice(active, count, replace=False))
    rest = np.setdiff1d(active, chosen)
    seen = likes.seen
    train = Likes(
        likes.matrix[rest],
        likes.users[rest],
        likes.items,
        likes.titles,
        threshold=likes.threshold,
        seen=None if seen is None else seen[rest],
    )
    matrix = likes.matrix[chosen]
    known = np.bincount(train.matrix.indices, minlength=likes.n_items) > 0
    matrix = selected(matrix, known[matrix.indices])
    lengths = np.diff(matrix.indptr)
    counts = np.clip(
        np.floor(share * lengths + 0.5).astype(np.int64), 1, np.maximum(lengths - 1, 0)
    )
    held = drawn(matrix, np.where(lengths >= 2, counts, 0), rng)
    kept = selected(matrix, ~held)
    return _split(train, kept, selected(matrix, held), None if seen is None else seen[chosen])


def check_share(share: float) -> None:
    """Raise ValueError unless a share is one between 0 and 1."""
    if not 0 < share < 1:
        raise ValueError(f"share must be between 0 and 1, not {share}")


def within_users(likes: Likes, matrix: sp.csr_array, held: sp.csr_array) -> Split:
    """Learn from one part of each user's likes, and ask for the other."""
    train = Likes(
        matrix, likes.users, likes.items, likes.titles, threshold=likes.threshold, seen=likes.seen
    )
    return _split(train, matrix, held, likes.seen)


def _split(
    train: Likes, given: sp.csr_array, held: sp.csr_array, seen: sp.csr_array | None
) -> Split:
    """Ask for the users with something held out."""
    asked = np.flatnonzero(np.diff(held.indptr))
    if not len(asked):
        raise ValueError("nothing is held out: users have too few likes for this split")
    return Split(train, given[asked], held[asked], None if seen is None else seen[asked])
