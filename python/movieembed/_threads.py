"""How many threads, and who may use them."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from numbers import Integral

from movieembed import _core


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
        None: the kernels' own default (all cores, or what ``OMP_NUM_THREADS`` says). A positive
        number: that many, but at most four a core. Negative: ``cores + 1 + n_jobs``, so that -1 is
        all cores.

    Returns
    -------
    int
        At least 1, or 0 for None, which the kernels read as their default.
    """
    if n_jobs is None:
        return 0
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral):
        raise TypeError(f"n_jobs must be an integer or None, not {n_jobs!r}")
    if n_jobs == 0:
        raise ValueError("n_jobs must not be 0; use None or -1 for all cores")
    if n_jobs != 1 and not _core.has_openmp():
        warnings.warn(
            "this build has no OpenMP: the kernels run on one thread whatever n_jobs says",
            UserWarning,
            stacklevel=3,
        )
    if n_jobs < 0:
        return max(1, available_cores() + 1 + int(n_jobs))
    return min(int(n_jobs), 4 * available_cores())


@contextlib.contextmanager
def blas_threads(n_threads: int) -> Iterator[None]:
    """Hold BLAS to `n_threads` inside the block; 0 leaves it as it is."""
    if n_threads == 0:
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=n_threads, user_api="blas"):
        yield
