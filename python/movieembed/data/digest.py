"""A number that tells likes from other likes, whoever holds them and in whatever order."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import holds_ones
from movieembed.data.distributed.likes import DistributedLikes
from movieembed.data.given_cooccurrence import Cooccurrence
from movieembed.data.likes import Likes

# Likes at a time.
BLOCK_LIKES = 1 << 20


def likes_digest(likes: Likes | Cooccurrence | DistributedLikes) -> str:
    """A digest of who likes what how much, in one pass; the order of users makes no difference.

    A Cooccurrence has no users; its rows stand for them.
    """
    if not isinstance(likes, DistributedLikes):
        total = matrix_digest(likes)
    else:
        total = likes.cluster.result(likes.cluster.total("digest", matrix_digest, likes.parts))
    return f"{int(total[0]):016x}"


def matrix_digest(likes: Any) -> NDArray[np.uint64]:
    """The sum of the users' digests modulo 2^64, each of the sum of those of its likes."""
    matrix: sp.csr_array = likes.matrix
    of_item = _mixed(np.arange(matrix.shape[1], dtype=np.uint64))
    ones = holds_ones(matrix.data)
    total = np.zeros(1, dtype=np.uint64)
    start, n_users = 0, matrix.shape[0]
    while start < n_users:
        enough = int(matrix.indptr[start]) + BLOCK_LIKES
        stop = max(start + 1, int(np.searchsorted(matrix.indptr, enough, side="right")) - 1)
        rows = matrix.indptr[start : stop + 1].astype(np.int64)
        of_like = of_item[matrix.indices[rows[0] : rows[-1]]]
        if not ones:
            values = matrix.data[rows[0] : rows[-1]].astype(np.float64)
            of_like = _mixed(of_like + values.view(np.uint64))
        sums = np.concatenate((np.zeros(1, dtype=np.uint64), np.cumsum(of_like, dtype=np.uint64)))
        of_user = np.diff(sums[rows - rows[0]])
        total += _mixed(of_user).sum(dtype=np.uint64)
        start = stop
    return total


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each number as another that looks random: the finalizer of SplitMix64."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = x ^ (x >> np.uint64(31))
    return mixed
