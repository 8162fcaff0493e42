"""Does the model of docs/scaling.md hold on 1, 2 and 4 workers of this machine?

    python -m bench.lib.dask_model [--data FOLDER OF ml-32m]
    python -m bench.lib.dask_model --plan       # the table of docs/scaling.md: arithmetic alone

A product of 16 million likes with 80 columns is timed whole; with a task that returns V instead of
multiplying, which leaves what is moved; and the kernel alone, on all workers at once.

Prediction: product = kernel + moving. What is moved goes through four hops between this process,
the scheduler and a worker, and 2 (workers - 1) between workers, half of them V and half the sums;
on one machine they are one after the other, since each takes two cores. One and two workers give
the two rates; four check them.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import movieembed as me
from bench.lib import floor
from bench.lib.harness import parser
from bench.lib.twin import LIKED, ratings_files
from movieembed.operators.dask.operator import DaskOperator
from movieembed.operators.weighting import Weighting

COLUMNS = 80
RUNS = 7


# Of the plan: machines with so many cores; seconds a like on one of them while V fits its cache,
# up to so many bytes, and beyond; bytes a second through Dask, and through the network.
CORES = 32
CACHE = 32e6
NEAR, FAR = 20e-9, 150e-9
DASK = 1e9
NETWORKS = (1.25e9, 12.5e9)
# Bytes a like on a worker; arrays of V's size that the process that fits holds at most (measured).
LIKE = 23
ARRAYS = 12


def main() -> None:
    p = parser(__doc__)
    p.add_argument("--plan", action="store_true", help="print the plan, and measure nothing")
    args = p.parse_args()
    if args.plan:
        print_plan()
    else:
        check(args)


def print_plan() -> None:
    """Bytes and seconds of a product, with V whole on each worker and with its rows shared out."""
    print(
        "| likes | items | machines | V | likes a machine | here | kernel | moved, whole | shared |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for likes, items, machines in (
        (16e6, 68e3, 2),
        (1e9, 1e7, 16),
        (1e11, 1e7, 256),
        (1e11, 1e9, 256),
    ):
        V = items * COLUMNS * 4
        kernel = (NEAR if V <= CACHE else FAR) * likes / machines / CORES
        hops = 4 + 2 * math.ceil(math.log2(machines))
        whole = [hops * V / min(rate, DASK) for rate in NETWORKS]
        shared = [2 * V * (machines - 1) / machines / rate for rate in NETWORKS]
        cells = [
            f"{likes:,.0f}",
            f"{items:,.0f}",
            str(machines),
            f"{brief(V / 1e9)} GB",
            f"{brief(LIKE * likes / machines / 1e9)} GB",
            f"{brief(ARRAYS * V / 1e9)} GB",
            f"{brief(kernel)} s",
            " or ".join(brief(seconds) for seconds in dict.fromkeys(whole)) + " s",
            " or ".join(map(brief, shared)) + " s",
        ]
        print("| " + " | ".join(cells) + " |")


def brief(x: float) -> str:
    """Two digits, without an exponent."""
    return f"{float(f'{x:.1e}'):,.0f}" if x >= 10 else f"{x:.2g}"


def check(args: argparse.Namespace) -> None:
    """Measure on workers here."""
    print(floor.describe()[1] + "\n")
    print(
        "| workers | kernel | moving, expected | measured | product, expected | measured | ratio |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|")
    through = between = 0.0
    for n_workers in (1, 2, 4):
        product, moving, kernel, size = measured(args, n_workers, 3 if args.quick else RUNS)
        if n_workers == 1:
            through = moving / 4
        elif n_workers == 2:
            between = (moving - 4 * through) / 2
        moved = 4 * through + 2 * (n_workers - 1) * between
        print(
            f"| {n_workers} | {kernel:.3f} s | {moved:.3f} s | {moving:.3f} s "
            f"| {kernel + moved:.3f} s | {product:.3f} s | {product / (kernel + moved):.2f} |",
            flush=True,
        )
    print(
        f"\nV: {size / 1e6:.1f} MB, at {size / through / 1e9:.2f} GB/s through the scheduler and "
        f"{size / between / 1e9:.2f} GB/s between workers."
    )


def measured(
    args: argparse.Namespace, n_workers: int, runs: int
) -> tuple[float, float, float, int]:
    """Seconds of the product, of moving, and of the slowest part's kernel; bytes of V."""
    import distributed

    with (
        distributed.LocalCluster(
            n_workers=n_workers, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        likes = me.DistributedLikes.from_ratings(
            ratings_files(args), threshold=LIKED, n_parts=n_workers, client=client
        )
        op = DaskOperator(likes, Weighting(), np.float32)
        V = np.random.default_rng(0).standard_normal((op.n_items, COLUMNS), dtype=np.float32)
        times = op.cluster.each("time", timed, op.parts, op.cluster.here("v", V), runs)
        kernel = max(op.cluster.result(times))

        def moved() -> Any:
            return op.cluster.sum_with("echo", echo, op.parts, V)

        return (
            median(lambda: op.apply(V), runs),
            median(moved, runs),
            kernel,
            V.nbytes,
        )


def timed(part: Any, V: Any, runs: int) -> float:
    """Seconds of a part's kernel, on a worker."""
    from movieembed.operators.dask.part import apply

    return median(lambda: apply(part, V), runs)


def echo(part: Any, V: Any) -> Any:
    """As much as the kernel returns."""
    return V


def median(run: Callable[[], Any], runs: int) -> float:
    """Seconds, after a first run that is not counted."""
    run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()
