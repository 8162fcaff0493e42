"""What does a GPU bring, against two cores of the same machine?

    python -m bench.questions.gpu [--data FOLDER]

On the folder of ml-32m, or without --data on the seeded twin with its sizes and skew (twin.py).
Without a GPU and CuPy it says so and ends with status 1.

- XV at d = 10 and 64 in float32, against our own kernels on two cores, and against the bytes of L,
  V, LV and XV, each moved once, at the rate at which the device copies;
- fit at d = 10 and 64 to 1e-4 of the optimum, likes from the host included, against the same on
  two cores and, at d = 64, 15 iterations of implicit's ALS on the GPU;
- row sums of squares and the 100 largest entries of each row of X, against the same on two cores;
- what the first list brings, its vectors and the choice of lambda, of one fit, against the same on
  two cores;
- lists of 10 for 10,000 people, with one step of refinement, of one fit, against the same on two
  cores.

A run on the GPU ends when the device has nothing left to do. The time of XV against its bytes is
taken by events of the device, since starting a kernel takes part of a short one.

Predicted for an H100, and found: XV at d = 64 in 1.5 to 2 ms (1.2), for the gathers read 8 GB of
rows, nearly all of them from the second-level cache; the fit at d = 64 in half a second (0.6, then
0.43); the statistics of X five times faster than two cores (4.7). docs/gpu.md has the table.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

import movieembed as me
from bench.lib.harness import Contender, Question, available, parser, run_questions
from bench.lib.twin import large_likes
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.cuda.device import cuda_device
from movieembed.operators.cuda.operator import CudaOperator
from movieembed.operators.cuda.statistics import row_statistics

CORES = 2
DIMENSIONS = (10, 64)
TOP = 100
PEOPLE = 10_000
TARGET = 1e-4
COPY_BYTES = 1 << 30
RUNS = 11
CHOICE = "vectors of lists, and the choice of lambda"
GPU, CPU = "movieembed, GPU", f"movieembed, {CORES} cores"


def device_seconds(cupy: Any, run: Callable[[], Any], runs: int = RUNS) -> float:
    """Median time of a run between two events of the device, the first left out."""
    times = []
    for _ in range(runs + 1):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(cupy.cuda.get_elapsed_time(start, end) / 1e3)
    return statistics.median(times[1:])


def copy_rate(cupy: Any, size: int) -> float:
    """Bytes a second, read and written counted both."""
    source = cupy.zeros(size // 8, dtype=np.float64)
    target = cupy.empty(size // 8, dtype=np.float64)

    def copy() -> None:
        target[...] = source

    return 2.0 * size / device_seconds(cupy, copy)


def least_bytes(op: CudaOperator, d: int) -> int:
    """Of XV: each index by users and by items, V, LV twice and XV, once each."""
    width = op.dtype.itemsize
    return 2 * 4 * op.matrix.nnz + d * width * (2 * op.n_items + 2 * op.n_users)


def finished(cupy: Any, run: Callable[[], Any]) -> Callable[[], Any]:
    """The same run, until the device has nothing left to do."""

    def whole() -> Any:
        result = run()
        cupy.cuda.get_current_stream().synchronize()
        return result

    return whole


def product(L: sp.csr_array, d: int, device: Any, rate: float) -> Question:
    there, here = CudaOperator(L, np.float32, device), CpuOperator(L, np.float32, CORES)
    V = np.random.default_rng(0).standard_normal((here.n_items, d)).astype(np.float32)
    on_device, out = there.asarray(V), there.empty(d)
    on_host = np.empty_like(V)

    def check(results: dict[str, Any]) -> None:
        L64 = here.matrix.astype(np.float64)
        scale = L64.T @ (L64 @ np.abs(V).astype(np.float64)) + np.abs(V)
        if not (np.abs(there.to_host(results[GPU]) - results[CPU]) <= 1e-5 * scale).all():
            raise RuntimeError("an entry of XV is off by more than rounding")

    def note(_: Any) -> str:
        took = device_seconds(device.xp, lambda: there.apply(on_device, out))
        floor = least_bytes(there, d) / rate
        gathered = 2 * there.matrix.nnz * d * 4 / took
        return (
            f"{took * 1e3:.3g} ms by events, {took / floor:.1f} times what its bytes take; "
            f"gathers at {gathered / 1e9:,.0f} GB/s"
        )

    contenders = [
        Contender(GPU, finished(device.xp, lambda: there.apply(on_device, out)), runs=5, note=note),
        Contender(CPU, lambda: here.apply(V, on_host), runs=3),
    ]
    return Question(f"XV, d = {d}, float32", contenders, check)


def fit(L: sp.csr_array, d: int, device: Any, optima: dict[str, float]) -> Question:
    key = f"fit {d}"
    if key not in optima:
        exact = me.MovieEmbedding(d, random_state=1, dtype="float32", tol=1e-6).fit(L)
        optima[key] = exact.cost_
    best = optima[key]
    likes = me.Likes.from_matrix(L)

    def ours(backend: str) -> me.MovieEmbedding:
        # The embedding alone, with a lambda for `recommend` that is not searched for.
        return me.MovieEmbedding(
            d,
            random_state=0,
            dtype="float32",
            regularization=500.0,
            backend=backend,
            n_jobs=CORES,
            callback=lambda entry: entry.cost <= best * (1 + TARGET),
        ).fit(likes)

    def check(results: dict[str, Any]) -> None:
        for name in (GPU, CPU):
            gap = results[name].cost_ / best - 1
            if gap > 1.1 * TARGET:
                raise RuntimeError(f"{name} stopped {gap:.1e} above the optimum")

    def note(model: me.MovieEmbedding) -> str:
        return f"{model.cost_ / best - 1:.1e} above the optimum, {model.n_iter_} iterations"

    def note_of_gpu(model: me.MovieEmbedding) -> str:
        pool = device.xp.get_default_memory_pool()
        pool.free_all_blocks()
        before = pool.total_bytes()
        ours("cuda")
        return f"{note(model)}, {(pool.total_bytes() - before) / 1e6:,.0f} MB of the device"

    contenders = [
        Contender(GPU, finished(device.xp, lambda: ours("cuda")), note=note_of_gpu),
        Contender(CPU, lambda: ours("cpu"), note=note),
    ]
    if d % 32 == 0:  # implicit rounds others up
        contenders.append(
            Contender(
                "implicit ALS, 15 iterations, GPU",
                finished(device.xp, lambda: als(L, d)),
                missing=implicit_gpu(),
            )
        )
    return Question(f"fit, d = {d}", contenders, check, rounds=4)


def implicit_gpu() -> str:
    """What `Contender.missing` wants: "" where implicit was built for CUDA and finds a device."""
    if available("implicit"):
        return "implicit"
    try:
        from implicit import gpu
        from implicit.gpu.als import AlternatingLeastSquares  # noqa: F401
    except Exception as error:  # whatever a build for another CUDA raises
        return f"implicit with CUDA ({type(error).__name__})"
    # Versions differ in the flags that they have.
    flags = (getattr(gpu, name, True) for name in ("HAS_CUDA", "HAS_RMM"))
    return "" if all(flags) else "implicit with CUDA"


def als(L: sp.csr_array, d: int) -> Any:
    from implicit.gpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=d, iterations=15, random_state=0)
    model.fit(sp.csr_matrix(L.astype(np.float32)), show_progress=False)
    return model


def rows_of_x(L: sp.csr_array, device: Any) -> Question:
    def there() -> Any:
        found = row_statistics(L, TOP, device, progress=False)
        if found is None:
            raise RuntimeError("the likes do not fit on the device")
        return found

    def here() -> Any:
        return me.cooccurrence_top_k(L, TOP, return_sums=True, n_jobs=CORES, progress=False)

    def check(results: dict[str, Any]) -> None:
        for one, other in zip(results[GPU], results[CPU], strict=True):
            if not np.array_equal(one, other):
                raise RuntimeError("sums or largest entries of X differ")

    name = f"row sums of squares and top {TOP} of X"
    return Question(name, [Contender(GPU, there), Contender(CPU, here)], check, rounds=4)


def lists(L: sp.csr_array, device: Any) -> Question:
    options = {"tol": 1e-4, "regularization": 15.0, "refine": 1, "n_jobs": CORES}
    model = me.MovieEmbedding(64, random_state=0, dtype="float32", **options).fit(L)
    people = L[np.linspace(0, L.shape[0] - 1, PEOPLE).astype(int)]
    contenders = []
    for name, backend in ((GPU, "cuda"), (CPU, "cpu")):
        one = copy.copy(model)
        one.backend = backend
        one.recommend(people[:20])  # what is prepared for all lists
        contenders.append(Contender(name, lambda one=one: one.recommend(people, n=10)))

    def check(results: dict[str, Any]) -> None:
        (items, scores), (here, expected) = (results[name] for name in (GPU, CPU))
        if (items != here).mean() > 1e-3 or not np.allclose(scores, expected, rtol=1e-3):
            raise RuntimeError("lists differ by more than rounding")

    return Question(f"lists of 10 for {PEOPLE:,} people", contenders, check, rounds=2)


def choice(L: sp.csr_array) -> Question:
    model = me.MovieEmbedding(64, random_state=0, dtype="float32", tol=1e-4, n_jobs=CORES).fit(L)

    def chosen(backend: str) -> float:
        one = copy.copy(model)
        one.backend, one.embedding_ = backend, model.embedding_  # as it is before any list
        return float(one.regularization_)

    def check(results: dict[str, Any]) -> None:
        if not np.isclose(results[GPU], results[CPU]):
            raise RuntimeError("the chosen lambdas differ")

    contenders = [
        Contender(GPU, lambda: chosen("cuda")),
        Contender(CPU, lambda: chosen("cpu")),
    ]
    return Question(CHOICE, contenders, check, rounds=2)


def main() -> None:
    args = parser(__doc__).parse_args()
    try:
        device = cuda_device()
    except (ImportError, RuntimeError) as error:
        sys.exit(f"No GPU to measure: {error}")
    run(args, large_likes(args), device)


def run(args: argparse.Namespace, L: sp.csr_array, device: Any) -> None:
    """Ask the questions that the arguments choose."""
    rate = copy_rate(device.xp, COPY_BYTES)
    wanted: dict[str, Callable[[], Question]] = {}
    for d in DIMENSIONS:
        wanted[f"XV, d = {d}, float32"] = lambda d=d: product(L, d, device, rate)
    for d in DIMENSIONS:
        wanted[f"fit, d = {d}"] = lambda d=d: fit(L, d, device, args.carried)
    wanted[f"row sums of squares and top {TOP} of X"] = lambda: rows_of_x(L, device)
    wanted[CHOICE] = lambda: choice(L)
    wanted[f"lists of 10 for {PEOPLE:,} people"] = lambda: lists(L, device)
    # Preparing a question takes memory and time: only what is asked for.
    only = str(json.loads(args.peak_of)[0]) if args.peak_of else args.only or ""
    questions = [make() for name, make in wanted.items() if only in name]
    if not args.peak_of:
        runtime = device.xp.cuda.runtime
        name = runtime.getDeviceProperties(runtime.getDevice())["name"].decode()
        print(
            f"GPU: {name}, CUDA {runtime.runtimeGetVersion()}, driver "
            f"{runtime.driverGetVersion()}; copying {rate / 1e9:,.0f} GB/s (bytes read plus "
            f"bytes written). {L.nnz:,} likes of {L.shape[0]:,} users for {L.shape[1]:,} items."
        )
    run_questions(args, questions)


if __name__ == "__main__":
    main()
