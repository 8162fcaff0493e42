"""Do NumPy's BLAS threads and our OpenMP threads get in each other's way?

    python bench/bench_pools.py --data FOLDER

NumPy's OpenBLAS, SciPy's own OpenBLAS and OpenMP keep a pool each, whose idle threads spin for a
while before they sleep. A solver that alternates dense and sparse products wakes one pool while
another spins on the same cores. Each setting runs in a process of its own, in rounds of alternating
order. "alternate" is 50 times a matmul of (n_items x d)(d x d) and two gather products (10 times at
d = 300); "fit" is the eigen solver to 1e-6 of the optimum, at d = 300 one iteration of it. The
kernels' threshold for staying on one thread is off for "alternate" and left as it is for "fit".

Prediction: with two threads each, alternating takes longer than with one thread each, at d = 10 by
several times; one pool of one thread is enough to cure it, and so is a passive wait policy.
"""

from __future__ import annotations

import json
import statistics
import time

import numpy as np
from threadpoolctl import threadpool_limits

from floor import cores, describe, load
from harness import child, load_likes, orders, parser
from movieembed import _core
from movieembed._matrix import core_pair
from movieembed.backends.cpu import CpuOperator
from movieembed.solvers import solve

# Lowest known costs of MovieLens small; another data set runs 1 iteration only.
OPTIMA = {10: 4669909.7171, 50: 1687122.2267}
MOVIELENS_SMALL = (9742, 48580)
SIZES = (10, 50, 300)


def settings() -> dict[str, tuple[int, int, dict[str, str]]]:
    """Name: threads of BLAS, of OpenMP, environment."""
    n = cores()
    return {
        f"BLAS {n}, OpenMP {n}": (n, n, {}),
        f"BLAS {n}, OpenMP 1": (n, 1, {}),
        f"BLAS 1, OpenMP {n}": (1, n, {}),
        "BLAS 1, OpenMP 1": (1, 1, {}),
        f"BLAS {n}, OpenMP {n}, OMP_WAIT_POLICY=passive": (n, n, {"OMP_WAIT_POLICY": "passive"}),
        f"BLAS {n}, OpenMP {n}, passive, OPENBLAS_THREAD_TIMEOUT=4": (
            n,
            n,
            {"OMP_WAIT_POLICY": "passive", "OPENBLAS_THREAD_TIMEOUT": "4"},
        ),
    }


def alternate(op: CpuOperator, d: int, repeats: int, threads: int) -> None:
    rng = np.random.default_rng(0)
    V = rng.standard_normal((op.n_items, d))
    C = rng.standard_normal((d, d)) / d
    users, items = core_pair(op.matrix)
    sums = np.empty((op.n_users, d))
    out = np.empty((op.n_items, d))
    for _ in range(repeats):
        V @ C
        _core.gather_product(users, V, sums, n_threads=threads)
        _core.gather_product(items, sums, out, n_threads=threads)


def fit(op: CpuOperator, d: int, goal: float | None) -> int:
    solution = solve(
        op,
        "eigen",
        d,
        rng=np.random.default_rng(0),
        max_iter=100 if goal else 1,
        callback=lambda entry: bool(goal) and entry.cost <= goal,
    )
    return solution.n_iter


def run_setting(args, which: str) -> None:
    """In a child: wall and processor seconds of each task, the best of two runs."""
    blas, openmp, quick = json.loads(which)
    matrix = load_likes(args).matrix
    small = (matrix.shape[1], matrix.nnz) == MOVIELENS_SMALL
    out = {}
    with threadpool_limits(blas, user_api="blas"):
        op = CpuOperator(matrix, n_threads=openmp)
        op.frobenius_squared  # noqa: B018  (kept: not part of the fit's comparison)
        for d in SIZES:
            goal = OPTIMA[d] * (1 + 1e-6) if small and d in OPTIMA else None
            tasks = {
                f"alternate, d = {d}": lambda d=d: alternate(op, d, 10 if d == 300 else 50, openmp),
                f"fit, d = {d}": lambda d=d, goal=goal: fit(op, d, goal),
            }
            for name, task in tasks.items():
                threshold = getattr(_core, "parallel_threshold", lambda: None)()
                if name.startswith("alternate") and threshold is not None:
                    _core.set_parallel_threshold(0.0)
                times = []
                for _ in range(1 if quick or name == "fit, d = 300" else 2):
                    start = time.perf_counter(), time.process_time()
                    task()
                    times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
                if threshold is not None:
                    _core.set_parallel_threshold(threshold)
                out[name] = min(times)
    print(json.dumps(out))


def main() -> None:
    args = parser(__doc__).parse_args()
    if args.peak_of:
        run_setting(args, args.peak_of)
        return
    print(describe()[1] + "\n")
    chosen = {k: v for k, v in settings().items() if not args.only or args.only in k}
    names = list(chosen)
    seen: dict[str, list[dict[str, list[float]]]] = {name: [] for name in names}
    for order in orders(len(names), args.rounds or 2):
        for i in order:
            blas, openmp, env = chosen[names[i]]
            arguments = ["--peak-of", json.dumps([blas, openmp, args.quick])]
            if args.data:
                arguments += ["--data", args.data]
            seen[names[i]].append(child("bench_pools.py", arguments, env))
    tasks = list(seen[names[0]][0])
    print("Median of rounds, wall seconds (processor seconds):\n")
    print("| setting | " + " | ".join(tasks) + " |\n|---|" + "---:|" * len(tasks))
    for name in names:
        cells = []
        for task in tasks:
            wall, cpu = (statistics.median(r[task][j] for r in seen[name]) for j in (0, 1))
            cells.append(f"{wall:.3f} ({cpu:.3f})")
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(f"\nLoad average at the end: {load()}.")


if __name__ == "__main__":
    main()
