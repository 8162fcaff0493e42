from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info, threadpool_limits

import movieembed as me
import movieembed._core as _core
from helpers import parallel_from, random_likes
from movieembed._base.threads import available_cores, resolve_n_jobs, serial_blas
from movieembed.model.neighbors import top_k_neighbors


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
    monkeypatch.setattr("movieembed._base.threads.available_cores", lambda: cores)
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
    """n_jobs is held to four a core, and those can be started."""
    done = run_python(TOO_MANY, OMP_STACKSIZE="1M")
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
    code = "from movieembed import _core; print(_core.max_threads())"
    for n in (1, 3):
        assert run_python(code, OMP_NUM_THREADS=str(n)).stdout.strip() == str(n)
        own = {"OMP_NUM_THREADS": "2", "MOVIEEMBED_NUM_THREADS": str(n)}
        assert run_python(code, **own).stdout.strip() == str(n)
    for nonsense in ("", "many", "-3", "0"):
        count = run_python(code, OMP_NUM_THREADS=nonsense, MOVIEEMBED_NUM_THREADS=nonsense).stdout
        assert int(count) == available_cores()


def test_threadpoolctl_limits_the_kernels() -> None:
    """They use the standard runtime, so the limits on OpenMP are theirs."""

    def openmp() -> set[int]:
        pools = threadpool_info()
        return {pool["num_threads"] for pool in pools if pool["user_api"] == "openmp"}

    before = _core.max_threads()
    assert before in openmp()
    with threadpool_limits(1):
        assert openmp() == {1}
        assert _core.max_threads() == 1
    with threadpool_limits({"openmp": 3}):
        assert _core.max_threads() == 3
    assert _core.max_threads() == before


LIMITED = """
from threadpoolctl import threadpool_limits
from movieembed import _core
print(_core.max_threads())
with threadpool_limits(3, user_api="openmp"):
    print(_core.max_threads())
print(_core.max_threads())
"""


def test_a_limit_goes_before_the_environment() -> None:
    for own in ({}, {"MOVIEEMBED_NUM_THREADS": "4"}):
        done = run_python(LIMITED, OMP_NUM_THREADS="2", **own)
        usual = own.get("MOVIEEMBED_NUM_THREADS", "2")
        assert done.stdout.split() == [usual, "3", usual]


COUNTED = """
import os
import numpy as np
import movieembed as me
from movieembed import _core
L = (np.random.default_rng(0).random((300, 200)) < 0.3).astype(np.float32)
def work(n_jobs):
    return me.cooccurrence(L, n_jobs=n_jobs).data.tobytes()
def threads():
    return len(os.listdir("/proc/self/task"))
def in_child(check):
    child = os.fork()
    if child == 0:
        os._exit(0 if check() else 1)
    return os.waitpid(child, 0)[1] == 0
work(1)
alone = threads()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
@pytest.mark.parametrize(
    "code",
    [
        "work(3)\nassert threads() == alone + 2",
        "work(None)\nassert threads() == alone + 3",
        "from threadpoolctl import threadpool_limits\n"
        "with threadpool_limits({'openmp': 2}): work(None)\n"
        "assert threads() == alone + 1",
    ],
    ids=["n_jobs", "environment", "threadpoolctl"],
)
def test_the_kernels_run_on_as_many_threads_as_they_are_told(code: str) -> None:
    done = run_python(COUNTED + code, OMP_NUM_THREADS="4")
    assert done.returncode == 0, done.stderr


def blas_pools() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_serial_blas() -> None:
    before, threads = blas_pools(), _core.max_threads()
    assert before  # NumPy's, at least
    with serial_blas():
        assert set(blas_pools()) == {1}
        assert _core.max_threads() == threads
        with serial_blas():
            assert set(blas_pools()) == {1}
        assert set(blas_pools()) == {1}
    assert blas_pools() == before
    assert _core.max_threads() == threads

    def failing() -> None:
        with serial_blas():
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        failing()
    assert blas_pools() == before


def test_serial_blas_in_several_threads() -> None:
    """They leave in another order than they came in; the last gives BLAS its threads back."""
    with threadpool_limits(2, user_api="blas"):
        before = blas_pools()
        inside, leave = threading.Barrier(3), [threading.Event() for _ in range(2)]

        def stay(event: threading.Event) -> None:
            with serial_blas():
                inside.wait()
                event.wait()

        threads = [threading.Thread(target=stay, args=(event,)) for event in leave]
        for thread in threads:
            thread.start()
        inside.wait()
        for thread, event in zip(threads, leave, strict=True):
            assert set(blas_pools()) == {1}
            event.set()
            thread.join()
        assert blas_pools() == before


def test_not_in_the_trap_of_nested_threads() -> None:
    """Threads that call a threaded BLAS: every one of theirs waits for every one of its.

    First the trap itself, small: threads of Python inside a limit of 4 each see a BLAS of 4. In a
    fit, whose kernels call BLAS from OpenMP's threads, it has 1, whatever it had before; and no
    fit leaves threads behind.
    """
    L = random_likes(300, 200, 0.2, seed=0)
    seen: list[int] = []

    def look(entry: Any) -> None:
        seen.extend(blas_pools())

    with threadpool_limits(4, user_api="blas"):
        with ThreadPoolExecutor(3) as pool:
            nested = [n for pools in pool.map(lambda _: blas_pools(), range(3)) for n in pools]
        assert set(nested) == {4}
        for _ in range(3):
            me.MovieEmbedding(8, random_state=0, n_jobs=4, callback=look).fit(L)
        with ThreadPoolExecutor(3) as pool:
            fits = [
                pool.submit(me.MovieEmbedding(8, random_state=0, n_jobs=2, callback=look).fit, L)
                for _ in range(6)
            ]
            assert all(fit.result().converged_ for fit in fits)
        assert set(blas_pools()) == {4}
    assert len(seen) > 20
    assert set(seen) == {1}


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_fits_leave_no_threads_behind() -> None:
    L = random_likes(300, 200, 0.2, seed=0)

    def count() -> int:
        return len(os.listdir("/proc/self/task"))

    with parallel_from(0):
        me.MovieEmbedding(8, random_state=0, n_jobs=3).fit(L)
        after_one = count()
        for _ in range(5):
            me.MovieEmbedding(8, random_state=0, n_jobs=3).fit(L)
            me.cooccurrence(L, n_jobs=3)
        assert count() == after_one

        def fit() -> None:
            me.MovieEmbedding(8, random_state=0, n_jobs=3).fit(L)

        callers = [threading.Thread(target=fit) for _ in range(3)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        deadline = time.monotonic() + 60
        while count() > after_one and time.monotonic() < deadline:  # the caller's team ends with it
            time.sleep(0.01)
        assert count() == after_one


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["eigen", "als", "lbfgs", "adam"])
def test_fits_have_the_same_bits_at_any_number_of_threads(solver: str, dtype: str) -> None:
    L = random_likes(900, 700, 0.05, seed=3)
    with parallel_from(0):
        fits = [
            me.MovieEmbedding(
                12, solver=solver, dtype=dtype, random_state=0, n_jobs=n, max_iter=12, tol=1e-3
            )
            for n in (1, 2, 3, 4)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            alone = [fit.fit(L).embedding_.tobytes() for fit in fits]
            assert len(set(alone)) == 1
            with ThreadPoolExecutor(4) as pool:
                at_once = [f.embedding_.tobytes() for f in pool.map(lambda m: m.fit(L), fits)]
    assert at_once == alone


def fit_in_a_worker(n_jobs: int) -> bytes:
    L = random_likes(200, 100, 0.3, seed=0)
    return me.MovieEmbedding(5, random_state=0, n_jobs=n_jobs).fit(L).embedding_.tobytes()


def test_fits_in_joblib_workers() -> None:
    results = Parallel(n_jobs=2, backend="loky")(delayed(fit_in_a_worker)(n) for n in (1, 2, 2))
    assert set(results) == {fit_in_a_worker(1)}


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
    """A child has none of its parent's threads, and must not wait for them."""
    code = FORKED.replace("BEFORE", str(before)).replace("AFTER", str(after))
    assert run_python(code).stdout == "done\n"


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_a_forked_child_uses_threads_unless_its_parent_has() -> None:
    """GNU's runtime would wait there for the threads that the fork left behind."""
    code = """
one = work(1)
assert in_child(lambda: work(3) == one and threads() == 3)
assert in_child(lambda: in_child(lambda: work(3) == one and threads() == 3))
assert work(3) == one
assert _core.max_threads() == 4
def serial():
    return work(3) == work(None) == one and threads() == 1 and _core.max_threads() == 1
assert in_child(serial)
assert in_child(lambda: in_child(serial))
assert work(3) == one
assert threads() == alone + 2
"""
    done = run_python(COUNTED + code, OMP_NUM_THREADS="4")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_while_another_thread_is_in_a_kernel() -> None:
    code = """
import threading
one, stop = work(1), threading.Event()
def keep_working():
    while not stop.is_set():
        work(2)
busy = threading.Thread(target=keep_working)
busy.start()
try:
    work(2)
    assert all(in_child(lambda: work(3) == one) for _ in range(5))
finally:
    stop.set()
    busy.join()
"""
    done = run_python(COUNTED + code)
    assert done.returncode == 0, done.stderr


def test_the_process_may_end_while_a_daemon_thread_is_in_a_kernel() -> None:
    code = """
import threading
started = threading.Event()
def keep_working():
    while True:
        work(2)
        started.set()
threading.Thread(target=keep_working, daemon=True).start()
assert started.wait(60)
print("done")
"""
    for _ in range(3):
        done = run_python(COUNTED + code)
        assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
