"""Kernels that are called from several threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import movieembed as me
import movieembed._core as _core
from helpers import parallel_from, random_likes
from movieembed.model.neighbors import top_k_neighbors


@pytest.fixture(scope="module")
def kernel_calls() -> dict[str, Callable[[], Any]]:
    """Each kernel on one thread, for long enough to notice."""
    rng = np.random.default_rng(0)
    L = random_likes(1500, 1200, 0.3, seed=1)
    users = _core.Csr(1500, 1200, L.indptr, L.indices)
    product = _core.Product(users, np.float64)
    columns = L.T.tocsr()
    items = _core.Csr(1200, 1500, columns.indptr, columns.indices)
    V = rng.standard_normal((1200, 1024))
    out = np.empty((1200, 1024))
    small = rng.standard_normal((700, 700))
    p = np.zeros((1200, 1200))
    tall = rng.standard_normal((20_000, 700))
    other, n = tall.copy(), np.ones(20_000)
    ptr, none = np.zeros(2001, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return {
        "Product": lambda: _core.Product(users, np.float64, 1),
        "Product.apply": lambda: product.apply(V, out, 1),
        "tall_times_small": lambda: _core.tall_times_small(tall, small, other, n_threads=1),
        "tall_gram": lambda: _core.tall_gram(tall, n_threads=1),
        "moments": lambda: _core.moments(tall, n_threads=1),
        "Cooccurrence.add": lambda: _core.Cooccurrence(users, items).add(0, 1200, 1),
        "cooccurrence_row_sums": lambda: _core.cooccurrence_row_sums(users, items, 0, 1200, 1),
        "cooccurrence_sum_of_squares": lambda: _core.cooccurrence_sum_of_squares(users, 1),
        "cooccurrence_top_k": lambda: _core.cooccurrence_top_k(users, items, 0, 1200, 9, 1),
        "residual_rows": lambda: _core.residual_rows(users, items, 0, p, 1),
        "row_dots": lambda: _core.row_dots(tall, tall, 1),
        "masked_gradient": lambda: _core.masked_gradient(tall, tall, small, n, other, 1),
        "top_k_products": lambda: _core.top_k_products(
            tall[:2000], tall[:, :], 9, ptr, none, n_threads=1
        ),
    }


@pytest.mark.parametrize(
    "name",
    [
        "Product",
        "Product.apply",
        "tall_times_small",
        "tall_gram",
        "moments",
        "Cooccurrence.add",
        "cooccurrence_row_sums",
        "cooccurrence_sum_of_squares",
        "cooccurrence_top_k",
        "residual_rows",
        "row_dots",
        "masked_gradient",
        "top_k_products",
    ],
)
def test_other_threads_run_during_a_kernel(
    name: str, kernel_calls: dict[str, Callable[[], Any]]
) -> None:
    """A ticking thread must not be held up for as long as the kernel runs."""
    call = kernel_calls[name]
    call()
    shares = []
    for _ in range(20):  # a busy machine may stop the ticking thread for its own reasons
        ticks: list[float] = []
        done = threading.Event()

        def tick(ticks: list[float] = ticks, done: threading.Event = done) -> None:
            while not done.is_set():
                ticks.append(time.perf_counter())
                time.sleep(0.0005)

        ticking = threading.Thread(target=tick)
        ticking.start()
        time.sleep(0.005)
        start = time.perf_counter()
        call()
        end = time.perf_counter()
        done.set()
        ticking.join()
        inside = [start, *(t for t in ticks if start < t < end), end]
        shares.append(float(np.diff(inside).max()) / (end - start))
        if shares[-1] < 0.8:
            return
    pytest.fail(f"{name} ran alone for {min(shares):.0%} of its time, in the best of 20 runs")


def test_kernels_called_from_several_threads_at_once() -> None:
    """Each caller has its own data; all must get what they get alone."""

    def work(seed: int) -> tuple[bytes, ...]:
        L = random_likes(60, 80, 0.3, seed=seed, weights=seed % 2 == 1)
        V = np.random.default_rng(seed).standard_normal((80, 17))
        n_jobs = 1 + seed % 3
        X = me.cooccurrence(L, n_jobs=n_jobs)
        columns, values = me.cooccurrence_top_k(L, 7, n_jobs=n_jobs)
        sums = me.cooccurrence_sums(L, n_jobs=n_jobs)
        users = _core.Csr(60, 80, L.indptr, L.indices, L.data.astype(np.float64))
        out = np.empty((80, 17))
        _core.Product(users, np.float64, n_jobs).apply(V, out, n_threads=n_jobs)
        rows, _ = top_k_neighbors(np.round(V), np.round(V), 5, metric="dot")
        arrays = (X.data, X.indices, X.indptr, columns, values, *sums, out, rows)
        return tuple(a.tobytes() for a in arrays)

    alone = [work(seed) for seed in range(6)]
    with parallel_from(0), ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            assert list(pool.map(work, range(6))) == alone


def test_one_matrix_shared_by_several_threads() -> None:
    L = random_likes(60, 80, 0.3, seed=7)
    columns = L.T.tocsr()
    users = _core.Csr(60, 80, L.indptr, L.indices)
    items = _core.Csr(80, 60, columns.indptr, columns.indices)

    def work(n_threads: int) -> tuple[bytes, ...]:
        building = _core.Cooccurrence(users, items)
        building.add(0, 80, n_threads)
        return tuple(a.tobytes() for a in building.finish(n_threads))

    alone = work(1)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, [1, 2, 3] * 20)) == {alone}
