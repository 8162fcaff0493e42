from __future__ import annotations

import os
import sys
import threading
import time
import warnings
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
from thread_cases import COUNTED, run_python


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
    def failing() -> None:
        with serial_blas():
            raise RuntimeError("inside")

    with threadpool_limits(2, user_api="blas"):
        before, threads = blas_pools(), _core.max_threads()
        assert set(before) == {2}  # NumPy's, at least
        with serial_blas():
            assert set(blas_pools()) == {1}
            assert _core.max_threads() == threads
            with serial_blas():
                assert set(blas_pools()) == {1}
            assert set(blas_pools()) == {1}
        assert blas_pools() == before
        assert _core.max_threads() == threads
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


def test_fits_in_joblib_workers() -> None:
    def fit(n_jobs: int) -> bytes:
        L = random_likes(200, 100, 0.3, seed=0)
        return me.MovieEmbedding(5, random_state=0, n_jobs=n_jobs).fit(L).embedding_.tobytes()

    results = Parallel(n_jobs=2, backend="loky")(delayed(fit)(n) for n in (1, 2, 2))
    assert set(results) == {fit(1)}
