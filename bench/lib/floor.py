"""What can this machine do at most? Rates of BLAS and of copying, to divide the benches by.

    python -m bench.lib.floor

A product of two square matrices in each precision with all usable cores, and the copy of an array
much larger than the caches, by one thread and by all. A kernel's floor is the longer of its flops
at the first and its bytes at the second; data that stay in cache can beat the second.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

GEMM_ORDER = 1536
COPY_BYTES = 256 * 2**20
# Share of the machine that others may use before the figures are marked.
BUSY = 0.1


@dataclass(frozen=True)
class Rates:
    """Flops a second by precision; bytes a second, read and written counted both."""

    float32: float
    float64: float
    copy_one: float
    copy_all: float


def cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _best(run: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def gemm_rate(dtype: str, n: int = GEMM_ORDER, repeats: int = 6) -> float:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((n, n)).astype(dtype)
    B = rng.standard_normal((n, n)).astype(dtype)
    out = np.empty_like(A)
    return 2.0 * n**3 / _best(lambda: np.matmul(A, B, out=out), repeats)


def copy_rate(threads: int, size: int = COPY_BYTES, repeats: int = 5) -> float:
    source = np.ones(size // 8)
    target = np.zeros_like(source)
    pieces = list(
        zip(np.array_split(source, threads), np.array_split(target, threads), strict=True)
    )
    with ThreadPoolExecutor(threads) as pool:

        def copy() -> None:
            for _ in pool.map(lambda p: np.copyto(p[1], p[0]), pieces):
                pass

        return 2.0 * source.nbytes / _best(copy, repeats)


def measure() -> Rates:
    """Takes about a second."""
    return Rates(gemm_rate("float32"), gemm_rate("float64"), copy_rate(1), copy_rate(cores()))


def seconds(rates: Rates, flops: float, moved: float, dtype: str) -> float:
    """The least time for so many flops and bytes: the longer of the two."""
    return max(flops / getattr(rates, dtype), moved / max(rates.copy_one, rates.copy_all))


def cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def busy(span: float = 1.0) -> float | None:
    """Share of the machine's processor time that others took in the next second (Linux)."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None

    def read() -> tuple[int, int]:
        times = [int(t) for t in stat.read_text().split("\n", 1)[0].split()[1:]]
        return sum(times), times[3] + times[4]  # idle, and waiting for the disk

    total, idle = read()
    time.sleep(span)
    later, later_idle = read()
    return 1 - (later_idle - idle) / max(1, later - total)


def software() -> list[str]:
    """Versions, BLAS libraries with their threads, and how the extension was built."""
    import scipy

    import movieembed._core as _core

    lines = [
        f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}"
    ]
    for pool in threadpool_info():
        if pool["user_api"] == "blas":
            lines.append(
                f"{pool['internal_api']} {pool['version']} for {pool.get('architecture', '?')}, "
                f"{pool['num_threads']} threads ({Path(pool['filepath']).parent.name})"
            )
    build = [f"kernels {_core.gather_isa()}"]
    build.append(f"{_core.max_threads()} threads")
    compiler = getattr(_core, "compiler", None)
    if compiler is not None:
        build.append(str(compiler() if callable(compiler) else compiler))
    lines.append("movieembed: " + ", ".join(build))
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS"):
        if name in os.environ:
            lines.append(f"{name}={os.environ[name]}")
    return lines


def describe() -> tuple[Rates, str]:
    """The floors; and machine, software and floors as a paragraph of Markdown."""
    share = busy()
    rates = measure()
    n = cores()
    others = "" if share is None else f"; others used {share:.0%} of it at the start"
    if share is not None and share > BUSY:
        others += (
            ". **On a busy machine threads that wait for each other lose most: do not quote these "
            "figures**"
        )
    text = [
        f"Machine: {cpu_model()}, {n} usable cores, {platform.system()} {platform.release()}"
        f"{others}.",
        "Software: " + "; ".join(software()) + ".",
        f"Floor, {n} threads: float32 {rates.float32 / 1e9:.0f} and float64 "
        f"{rates.float64 / 1e9:.0f} GFLOP/s by gemm of order {GEMM_ORDER}; copying "
        f"{rates.copy_one / 1e9:.1f} GB/s with one thread, {rates.copy_all / 1e9:.1f} with {n} "
        "(bytes read plus bytes written).",
    ]
    return rates, "\n".join(text)


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(__doc__)
    print(describe()[1])
