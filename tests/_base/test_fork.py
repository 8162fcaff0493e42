"""Processes that fork, or that end while a kernel runs, and the threads they leave behind."""

from __future__ import annotations

import os
import sys

import pytest

from thread_cases import COUNTED, run_python

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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_children_fit_that_are_forked_while_a_thread_fits() -> None:
    """Each may find any lock of the parent held by a thread that it has not got."""
    code = """
import os, signal, threading, time, warnings
import numpy as np
import movieembed as me
warnings.simplefilter("ignore")
L = (np.random.default_rng(0).random((300, 200)) < 0.1).astype(np.float32)
def fit():
    model = me.MovieEmbedding(4, random_state=0, max_iter=10, tol=1e-4).fit(L)
    return model.cost_, model.recommend([0, 1], n=3)["score"].tolist()
def keep_fitting():
    while not stop.is_set():
        fit()
one, stop = fit(), threading.Event()
busy = threading.Thread(target=keep_fitting)
busy.start()
ends = []
for i in range(15):
    time.sleep(0.003 * (i % 7))
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if fit() == one else 1)
    ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set()
busy.join()
print(ends)
"""
    assert run_python(code).stdout == f"{[0] * 15}\n"


def test_blas_of_a_forked_child_has_its_threads_again_after_a_fit() -> None:
    code = """
import threading
from threadpoolctl import threadpool_info
from movieembed._base.threads import serial_blas
def blas():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
def in_turn():
    with serial_blas():
        limited = blas()
    return (limited, blas()) == ([1] * len(before), before)
before = blas()
assert before and set(before) == {2}, before
assert in_turn()
inside, done = threading.Event(), threading.Event()
def hold():
    with serial_blas():
        inside.set()
        done.wait(60)
holding = threading.Thread(target=hold)
holding.start()
inside.wait(60)
assert in_child(in_turn)
with serial_blas():
    assert in_child(in_turn) is False  # this thread, which the child is, is inside already
done.set()
holding.join()
assert blas() == before
"""
    done = run_python(COUNTED + "import scipy.linalg\n" + code, OPENBLAS_NUM_THREADS="2")
    assert done.returncode == 0, done.stderr
