"""Matrices that the tests of the kernels share, and their views for the compiled code."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from helpers import random_likes

FLOATS = (np.float32, np.float64)


INDICES = (np.int32, np.int64)


THREADS = (1, 2, 3, 7)


def core(matrix: Any, index: Any = np.int32, dtype: Any = None) -> _core.Csr:
    """The kernels' view of a canonical matrix; without dtype all of its entries count as 1."""
    m = sp.csr_array(matrix)
    return _core.Csr(
        *m.shape,
        m.indptr.astype(index),
        m.indices.astype(index),
        None if dtype is None else m.data.astype(dtype),
    )


def pair(matrix: Any, index: Any = np.int32, dtype: Any = None) -> tuple[_core.Csr, _core.Csr]:
    m = sp.csr_array(matrix)
    return core(m, index, dtype), core(m.T.tocsr(), index, dtype)


def matrices() -> Iterator[tuple[str, sp.csr_array]]:
    """Around the chunks of 16 rows of X, sparse and dense rows, and nothing at all."""
    for n_items in (1, 15, 16, 17, 33):
        yield f"{n_items} items", random_likes(12, n_items, 0.4, seed=n_items)
    yield "sparse rows", random_likes(30, 200, 0.01, seed=1)
    yield "two items a user", sp.csr_array(sp.eye_array(40, 600) + sp.eye_array(40, 600, k=40))
    yield "few users of many items", random_likes(3, 1200, 0.02, seed=4)
    yield "popular and rare", popular_and_rare(200, 150, seed=5)
    yield "dense rows", random_likes(40, 50, 0.9, seed=2)
    yield "all ones", random_likes(5, 20, 1.0, seed=0)
    yield "all zeros", random_likes(5, 20, 0.0, seed=0)
    yield "no users", random_likes(0, 20, 0.5, seed=0)
    yield "no items", random_likes(5, 0, 0.5, seed=0)
    yield "one user", random_likes(1, 20, 0.5, seed=0)


def popular_and_rare(n_users: int, n_items: int, seed: int) -> sp.csr_array:
    """Columns from nearly full to nearly empty, shuffled, and a user who likes everything."""
    rng = np.random.default_rng(seed)
    share = rng.permutation(np.geomspace(0.9, 0.5 / n_users, n_items))
    there = rng.random((n_users, n_items)) < share
    there[n_users // 2] = True
    return sp.csr_array(there.astype(np.float32))


def ranges(n: int) -> list[tuple[int, int]]:
    return sorted({(0, n), (0, n // 2), (n // 3, n), (n // 2, n // 2), (n, n), (n // 3, n // 2)})


def signed_integers(L: sp.csr_array, seed: int) -> sp.csr_array:
    """Weights from -3 to 3, never 0: their sums are exact and often cancel."""
    L = L.astype(np.float64)
    rng = np.random.default_rng(seed)
    L.data = rng.integers(1, 4, L.nnz) * rng.choice([-1.0, 1.0], L.nnz)
    return L


def built(by_user: Any, by_item: Any, *cuts: int, n_threads: int = 0) -> tuple[Any, ...]:
    """All of X, its rows added in ranges between the cuts."""
    building = _core.Cooccurrence(by_user, by_item)
    for first, last in itertools.pairwise((0, *cuts, by_user.cols)):
        building.add(first, last, n_threads)
    return building.finish(n_threads)


def residual(
    by_user: _core.Csr, by_item: _core.Csr, first: int, p: NDArray[Any], n: int
) -> NDArray[Any]:
    return np.column_stack([p, _core.residual_rows(by_user, by_item, first, p, n)])


L34, LT34 = pair(np.array([[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0]]))
