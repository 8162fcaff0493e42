"""Plain references that the tests compare with: dense, obvious, nothing shared with the package."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core

REPOSITORY = Path(__file__).resolve().parents[1]


@contextlib.contextmanager
def parallel_from(work: float) -> Iterator[None]:
    """Let kernels use threads from `work` multiply-adds on; the matrices of tests are small."""
    before = _core.parallel_threshold()
    _core.set_parallel_threshold(work)
    try:
        yield
    finally:
        _core.set_parallel_threshold(before)


def unpickled(x: Any, by: Any = pickle) -> Any:
    """X pickled and back, of bytes that are made here and now; the package never unpickles."""
    return by.loads(by.dumps(x))


def returned(x: Any) -> Any:
    """What a worker sends back of what it was sent."""
    return x


def random_likes(
    n_users: int, n_items: int, density: float, seed: int, weights: bool = False
) -> sp.csr_array:
    """A canonical users x items matrix: ones in float32, or signed float64 weights."""
    rng = np.random.default_rng(seed)
    there = rng.random((n_users, n_items)) < density
    if weights:
        dense = np.where(there, rng.standard_normal((n_users, n_items)), 0.0)
    else:
        dense = there.astype(np.float32)
    return sp.csr_array(dense)


def operator_cases() -> dict[str, sp.csr_array]:
    """Shapes and contents that an operator may meet, canonical."""
    return {
        "tall": random_likes(60, 20, 0.3, seed=1),
        "wide": random_likes(12, 50, 0.3, seed=2),
        "tall weights": random_likes(60, 20, 0.3, seed=3, weights=True),
        "wide weights": random_likes(12, 50, 0.3, seed=4, weights=True),
        "sparse": random_likes(60, 80, 0.02, seed=5),
        "sparse weights": random_likes(60, 80, 0.02, seed=6, weights=True),
        "all liked": random_likes(5, 7, 1.0, seed=7),
        "nothing liked": random_likes(5, 7, 0.0, seed=8),
        "one each": sp.csr_array(np.eye(6)),
        "no users": random_likes(0, 7, 0.5, seed=9),
        "no items": random_likes(7, 0, 0.5, seed=10),
        "one item": random_likes(7, 1, 1.0, seed=11),
    }


def normal(shape: tuple[int, ...], seed: int, dtype: Any = np.float64) -> NDArray[Any]:
    """Numbers of the standard normal distribution."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def misaligned(array: NDArray[Any]) -> NDArray[Any]:
    """A copy that lies an odd byte off."""
    raw = np.zeros(array.nbytes + 1, dtype=np.uint8)
    out = raw[1:].view(array.dtype).reshape(array.shape)
    out[...] = array
    assert not out.flags.aligned
    return out


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """The same array, which nobody may write to any more."""
    array.flags.writeable = False
    return array


def to_dense(L: Any) -> NDArray[np.float64]:
    """Likes, a sparse matrix or an array as a float64 array."""
    L = getattr(L, "matrix", L)
    return (L.toarray() if sp.issparse(L) else np.asarray(L)).astype(np.float64)


def dense_cooccurrence(L: Any) -> NDArray[np.float64]:
    """X = L'L with a zero diagonal, (n_items, n_items)."""
    L = to_dense(L)
    X = L.T @ L
    np.fill_diagonal(X, 0)
    return X


def top_k_of_rows(X: NDArray[Any], met: NDArray[Any], k: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Brute force: columns where `met`, by falling value, ties by rising column; then -1 and 0."""
    columns, values = np.full((len(X), k), -1), np.zeros((len(X), k))
    for i, (row, there) in enumerate(zip(X, met, strict=True)):
        best = sorted(np.flatnonzero(there), key=lambda j: (-row[j], j))[:k]
        columns[i, : len(best)], values[i, : len(best)] = best, row[best]
    return columns, values


def top_k_reference(L: Any, k: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The largest entries of each row of X, only pairs that somebody has."""
    return top_k_of_rows(dense_cooccurrence(L), dense_cooccurrence(to_dense(L) != 0) > 0, k)


def dense_cost(X: NDArray[np.float64], V: NDArray[Any]) -> float:
    """The sum over i != j of (v_i . v_j - X_ij)^2, V (n_items, d)."""
    V = np.asarray(V, dtype=np.float64)
    residual = V @ V.T - X
    np.fill_diagonal(residual, 0)
    return float((residual**2).sum())


def dense_gradient(X: NDArray[np.float64], V: NDArray[Any]) -> NDArray[np.float64]:
    """4 ((V V' - X) * mask) V, (n_items, d)."""
    V = np.asarray(V, dtype=np.float64)
    mask = 1.0 - np.eye(len(V))
    gradient: NDArray[np.float64] = 4 * ((V @ V.T - X) * mask) @ V
    return gradient


@contextlib.contextmanager
def dask_client(n_workers: int, *, processes: bool = False, threads: int = 1) -> Iterator[Any]:
    """A Dask client with workers here, its `cluster`; skips the test where Dask is missing."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=threads,
            processes=processes,
            dashboard_address=":0",
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client
