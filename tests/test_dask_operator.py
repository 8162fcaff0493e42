"""The operator over a Dask cluster, against the CPU's."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import movieembed as me
from helpers import random_likes
from movieembed._threads import serial_blas
from movieembed.backends.cpu import CpuOperator
from movieembed.backends.dask.operator import DaskOperator, part_bounds
from movieembed.likes import Likes
from movieembed.solvers import solve

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def _blas() -> Iterator[None]:
    with serial_blas():
        yield


@pytest.mark.parametrize("n_parts", [1, 2, 3, 7])
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_operator(dtype: Any, weights: bool, n_parts: int, client: Any) -> None:
    L = random_likes(60, 25, 0.3, seed=1, weights=weights)
    there, here = DaskOperator(L, dtype, client, n_parts), CpuOperator(L, dtype)
    assert len(there.parts) == n_parts
    np.testing.assert_array_equal(there.active, here.active)
    np.testing.assert_allclose(there.diagonal, here.diagonal, rtol=1e-6)
    assert there.frobenius_squared == pytest.approx(here.frobenius_squared, rel=1e-12)
    tol = 100 * float(np.finfo(dtype).eps)
    for k in (1, 9):
        V = np.random.default_rng(k).standard_normal((here.n_items, k)).astype(dtype)
        U = np.random.default_rng(k).standard_normal((here.n_users, k))
        size = float(here.diagonal.max())
        np.testing.assert_allclose(there.apply(V), here.apply(V), rtol=tol, atol=tol * size * 5)
        XV, form = there.evaluate(V)
        assert XV.tobytes() == there.apply(V).tobytes()
        exact = here.quadratic_form(V)
        assert there.quadratic_form(V) == pytest.approx(exact, rel=1e-12, abs=1e-12 * size)
        assert form == pytest.approx(exact, abs=tol * size * float((V**2).sum()))
        expected = here.from_user_vectors(U)
        np.testing.assert_allclose(there.from_user_vectors(U), expected, atol=tol * size)
    small = np.random.default_rng(1).standard_normal((here.n_items, 3))
    assert there.exact_cost(small) == pytest.approx(here.exact_cost(small), rel=1e-6)
    np.testing.assert_array_equal(there.some_users(5), here.some_users(5))


@pytest.mark.parametrize("n_parts", [2, 4])
def test_the_optimum(n_parts: int, small_likes: Likes, client: Any) -> None:
    here = CpuOperator(small_likes.matrix)
    there = DaskOperator(small_likes.matrix, np.float64, client, n_parts)
    costs = [
        solve(op, "eigen", 10, rng=np.random.default_rng(0), tol=1e-8, progress=False).cost
        for op in (here, there)
    ]
    assert costs[1] == pytest.approx(costs[0], rel=1e-7)


def test_parts_have_alike_many_likes() -> None:
    lengths = np.random.default_rng(0).integers(2, 50, 1000)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    bounds = part_bounds(indptr, 4)
    sizes = np.diff(indptr[bounds])
    assert len(sizes) == 4
    assert sizes.sum() == indptr[-1]
    assert sizes.max() - sizes.min() < 100
    assert part_bounds(np.array([0, 3]), 4).tolist() == [0, 1]
    assert part_bounds(np.array([0]), 4).tolist() == [0]
    one_large = sp.csr_array(np.ones((3, 4))).indptr
    assert part_bounds(one_large, 10).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("solver", ["eigen", "als"])
def test_fits(solver: str, client: Any) -> None:
    L = random_likes(60, 25, 0.3, seed=1)
    there, here = (
        me.MovieEmbedding(4, random_state=0, solver=solver, backend=backend).fit(L)
        for backend in ("dask", "cpu")
    )
    assert there.cost_ == pytest.approx(here.cost_, rel=1e-7)
    assert there.regularization_ == pytest.approx(here.regularization_, rel=1e-3)


def test_a_fit_outlives_a_worker(small_likes: Likes) -> None:
    """One of two is killed after two iterations, and not started again."""
    here = me.MovieEmbedding(10, random_state=0).fit(small_likes)
    killed = []

    def kill(entry: Any) -> None:
        if entry.iteration == 2 and not killed:
            process = next(iter(cluster.workers.values())).pid
            os.kill(process, signal.SIGKILL)
            killed.append(process)

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster),
    ):
        there = me.MovieEmbedding(10, random_state=0, backend="dask", callback=kill)
        there.fit(small_likes)
    assert killed
    assert there.cost_ == pytest.approx(here.cost_, rel=1e-7)


def test_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise ValueError("No clients found")

    monkeypatch.setattr(distributed, "get_client", none)
    with pytest.raises(ValueError, match="needs a Dask client"):
        me.MovieEmbedding(2, backend="dask").fit([[1, 1], [1, 1]])
