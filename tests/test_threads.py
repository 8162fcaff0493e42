from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import movieembed as me
from helpers import parallel_from, random_likes
from movieembed import _core
from movieembed._threads import available_cores, blas_threads, resolve_n_jobs
from movieembed.neighbors import top_k_neighbors


def test_resolve_n_jobs() -> None:
    cores = available_cores()
    assert 1 <= cores <= (os.cpu_count() or 1)
    assert resolve_n_jobs(None) == 0
    assert resolve_n_jobs(1) == 1
    assert resolve_n_jobs(7) == 7
    assert resolve_n_jobs(-1) == cores
    assert resolve_n_jobs(-2) == max(1, cores - 1)
    assert resolve_n_jobs(-cores) == 1
    assert resolve_n_jobs(-(10**30)) == 1
    for n_jobs in (np.int8(3), np.uint64(3), np.int64(3)):
        assert resolve_n_jobs(n_jobs) == 3  # type: ignore[arg-type]
        assert type(resolve_n_jobs(n_jobs)) is int  # type: ignore[arg-type]


@pytest.mark.parametrize("cores", [1, 2, 64])
def test_negative_n_jobs_count_from_the_cores(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("movieembed._threads.available_cores", lambda: cores)
    assert [resolve_n_jobs(-n) for n in (1, 2, 64, 65)] == [
        max(1, cores + 1 - n) for n in (1, 2, 64, 65)
    ]


@pytest.mark.parametrize(
    ("n_jobs", "error"),
    [
        (0, ValueError),
        (np.int64(0), ValueError),
        (True, TypeError),
        (False, TypeError),
        (np.bool_(True), TypeError),
        (1.0, TypeError),
        (float("nan"), TypeError),
        ("2", TypeError),
        ([2], TypeError),
        (2j, TypeError),
    ],
)
def test_malformed_n_jobs(n_jobs: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="n_jobs must"):
        resolve_n_jobs(n_jobs)


@pytest.mark.parametrize("n_jobs", [2**31, 2**40, 10**30])
def test_n_jobs_that_no_machine_has(n_jobs: int) -> None:
    """Either it is held to something that can run, or refused by name."""
    try:
        me.cooccurrence(np.ones((2, 3)), n_jobs=n_jobs)
    except (TypeError, ValueError) as error:
        assert "n_jobs" in str(error)  # noqa: PT017


TOO_MANY = """
import resource
import numpy as np
import movieembed as me
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
try:
    print(me.cost(np.ones((20_000, 3)), np.ones((3, 600)), n_jobs=5000))
except (MemoryError, ValueError, OSError) as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on a process's memory")
def test_more_threads_than_the_machine_can_start() -> None:
    """OpenMP ends the whole process where it cannot start a thread; we must not let it."""
    done = run_python(TOO_MANY)
    assert "Thread creation failed" not in done.stderr
    assert done.returncode == 0, done.stderr


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
    )


def test_the_environment_sets_the_default() -> None:
    code = "from movieembed import _core; print(_core.has_openmp(), _core.max_threads())"
    for n in (1, 3):
        expected = f"True {n}" if _core.has_openmp() else "False 1"
        assert run_python(code, OMP_NUM_THREADS=str(n)).stdout.strip() == expected


def blas_pools() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_blas_threads() -> None:
    before = blas_pools()
    assert before  # NumPy's, at least
    with blas_threads(0):
        assert blas_pools() == before
    with blas_threads(1):
        assert set(blas_pools()) == {1}
    assert blas_pools() == before

    def failing() -> None:
        with blas_threads(1):
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        failing()
    assert blas_pools() == before


@pytest.fixture(scope="module")
def kernel_calls() -> dict[str, Callable[[], Any]]:
    """Each kernel on one thread, for long enough to notice."""
    rng = np.random.default_rng(0)
    L = random_likes(1500, 1200, 0.3, seed=1)
    users = _core.Csr(1500, 1200, L.indptr, L.indices)
    columns = L.T.tocsr()
    items = _core.Csr(1200, 1500, columns.indptr, columns.indices)
    V = rng.standard_normal((1200, 1024))
    out = np.empty((1500, 1024))
    p = np.zeros((1200, 1200))
    tall = rng.standard_normal((20_000, 700))
    gradient, n = tall.copy(), np.ones(20_000)
    scores = np.sort(rng.standard_normal((64, 100_000)), axis=1)
    ptr, none = np.zeros(65, dtype=np.int64), np.zeros(0, dtype=np.int64)
    search = _core.TopK64(64, 2000)
    return {
        "gather_product": lambda: _core.gather_product(users, V, out, n_threads=1),
        "Cooccurrence.add": lambda: _core.Cooccurrence(users, items).add(0, 1200, 1),
        "cooccurrence_row_sums": lambda: _core.cooccurrence_row_sums(
            users, items, 0, 1200, False, 1
        ),
        "cooccurrence_top_k": lambda: _core.cooccurrence_top_k(users, items, 0, 1200, 9, 1),
        "residual_rows": lambda: _core.residual_rows(users, items, 0, p, 1),
        "row_dots": lambda: _core.row_dots(tall, tall, 1),
        "masked_gradient": lambda: _core.masked_gradient(gradient, tall, tall, n, 1),
        "TopK64.offer": lambda: search.offer(scores, 0, ptr, none, 1),
    }


@pytest.mark.parametrize(
    "name",
    [
        "gather_product",
        "Cooccurrence.add",
        "cooccurrence_row_sums",
        "cooccurrence_top_k",
        "residual_rows",
        "row_dots",
        "masked_gradient",
        "TopK64.offer",
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
        out = np.empty((60, 17))
        _core.gather_product(users, V, out, n_threads=n_jobs)
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


FORKED = """
import multiprocessing
import numpy as np
import movieembed as me
L = (np.random.default_rng(0).random((200, 100)) < 0.3).astype(np.float32)
def work(n_jobs):
    return me.cooccurrence(L, n_jobs=n_jobs).sum()
before = work(BEFORE)
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(work, [AFTER] * 4) == [before] * 4
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize(("before", "after"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_forked_children_can_work(before: int, after: int) -> None:
    """Left to itself, GNU's OpenMP waits for ever with threads on both sides of a fork."""
    code = FORKED.replace("BEFORE", str(before)).replace("AFTER", str(after))
    assert run_python(code).stdout == "done\n"
