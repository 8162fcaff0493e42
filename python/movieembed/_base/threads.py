"""What `n_jobs` means, and who may use threads; the default number is in csrc/core/parallel.cpp."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Iterator
from numbers import Integral
from typing import Any

from threadpoolctl import OpenBLASController, ThreadpoolController

import movieembed._core as _core
from movieembed._base.validation import Interval, check_parameter
from movieembed.exceptions import ParameterError


def available_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def resolve_n_jobs(n_jobs: int | None) -> int:
    """Number of threads for `n_jobs`.

    Parameters
    ----------
    n_jobs : int or None
        None: OpenMP's own default (all cores, or what ``MOVIEEMBED_NUM_THREADS``,
        ``OMP_NUM_THREADS`` or a limit set with threadpoolctl in this thread says). A positive
        number: that many, but at most four a core. Negative: ``cores + 1 + n_jobs``, so that -1 is
        all cores.

    Returns
    -------
    int
        At least 1, or 0 for None, which the kernels read as their default.
    """
    if n_jobs is None:
        return 0
    check_parameter(n_jobs, "n_jobs", Interval(Integral), None)
    if n_jobs == 0:
        raise ParameterError("n_jobs must not be 0; -1 stands for all cores", "n_jobs")
    if n_jobs < 0:
        return max(1, available_cores() + 1 + int(n_jobs))
    return min(int(n_jobs), 4 * available_cores())


_lock = threading.RLock()
_inside: Counter[int] = Counter()  # by thread, for a forked child has only one of them
_controller: ThreadpoolController | None = None
_limiter: Any = None


@contextlib.contextmanager
def serial_blas() -> Iterator[None]:
    """Hold BLAS to one thread, for kernels that call it from threads of their own.

    BLAS's own threads, which spin after each product, would take the cores from ours and make both
    ten times slower. Several Python threads may be inside at once: the last to leave gives BLAS its
    threads back. In a child that was forked meanwhile, BLAS has one thread until its own last
    leaves.
    """
    global _controller, _limiter
    thread = threading.get_ident()
    with _lock:
        threads = _core.max_threads()
        if _limiter is None:
            if _controller is None:
                _use_scipy_blas()
                _controller = ThreadpoolController().select(user_api="blas")
            _take_control()
            _limiter = _controller.limit(limits=1)
        _inside[thread] += 1
        # An OpenBLAS that was built with OpenMP hands its limit on to OpenMP, so to the kernels.
        limited = _core.max_threads() != threads
        if limited:
            _core.set_max_threads(threads)
    try:
        yield
    finally:
        with _lock:
            _inside[thread] -= 1
            if not _inside[thread]:
                del _inside[thread]
            if not _inside:
                _take_control()
                _limiter.restore_original_limits()
                _limiter = None
                _take_control()
            if limited:
                _core.set_max_threads(0)


def _alone_after_a_fork() -> None:
    """Forget the threads that were inside when this process was forked: it has not got them."""
    own = threading.get_ident()
    for thread in _inside.keys() - {own}:
        del _inside[thread]
    _lock.release()


if hasattr(os, "register_at_fork"):
    # The forking thread holds the lock, so that no other holds it in the child for ever.
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_alone_after_a_fork
    )


def _take_control() -> None:
    """Let this thread change OpenBLAS's threads, whichever did so last.

    From version 3.8 on threadpoolctl lets one thread at a time do that and ignores the others in
    silence. Here they take turns, under the lock.
    """
    clear = getattr(OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


def _use_scipy_blas() -> None:
    """Hand the kernels the BLAS functions that SciPy offers to compiled code."""
    from scipy.linalg import cython_blas

    table = cython_blas.__pyx_capi__
    names = ("sgemm", "dgemm", "ssyrk", "dsyrk", "sgemv", "dgemv")
    _core.set_blas(*(table[name] for name in names))
