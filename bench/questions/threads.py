"""Do OpenMP's threads, which spin before they sleep, and NumPy's BLAS get in each other's way?

    python -m bench.questions.threads --data FOLDER

The kernels' threads and BLAS's want the same cores. GNU's OpenMP spins for some milliseconds after
a region (OMP_WAIT_POLICY and GOMP_SPINCOUNT say how long), OpenBLAS for some tens. Each setting
runs in processes of its own, settings interleaved, on the likes of MovieLens small:

- XV at d = 64 by itself, and in turn with a product of NumPy that BLAS's threads work on;
- fits at d = 10, 50 and 300, BLAS held to one thread as always.

Prediction: fits are level within 5 %, since BLAS is on one thread meanwhile; in turn with a
threaded BLAS `passive` wins, and `active` loses several times.
"""

from __future__ import annotations

import argparse
import json
import statistics
import warnings
from time import perf_counter
from typing import Any

import numpy as np

from bench.lib.floor import cores
from bench.lib.harness import best_of, child, load_likes, orders, parser, ratio_of_medians

SETTINGS = {
    "default": {},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "GOMP_SPINCOUNT=10000": {"GOMP_SPINCOUNT": "10000"},
    "active": {"OMP_WAIT_POLICY": "active"},
}
REPEATS = 10


def work(args: argparse.Namespace) -> dict[str, Any]:
    """Each question's name and what it runs."""
    import movieembed as me
    import movieembed._core as _core
    from movieembed.operators.cpu import CpuOperator

    _core.set_parallel_threshold(0)
    likes = load_likes(args)
    product = CpuOperator(likes.matrix, "float64", cores())
    V = np.random.default_rng(0).standard_normal((product.n_items, 64))

    def alone() -> None:
        for _ in range(REPEATS):
            product.apply(V)

    def in_turn() -> None:
        for _ in range(REPEATS):
            product.apply(V)
            V.T @ V

    def fit(d: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            me.MovieEmbedding(d, random_state=0).fit(likes)

    fit(10)  # imports what a first fit does
    return {
        "XV": alone,
        "XV, BLAS in turn": in_turn,
        "fit, d = 10": lambda: fit(10),
        "fit, d = 50": lambda: fit(50),
        "fit, d = 300": lambda: fit(300),
    }


def main() -> None:
    p = parser(__doc__)
    p.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.measure:
        chosen = {n: run for n, run in work(args).items() if not args.only or args.only in n}
        print(json.dumps({name: best_of(run, 1, perf_counter) for name, run in chosen.items()}))
        return

    arguments = ["--measure"]
    for option in ("data", "only"):
        if getattr(args, option):
            arguments += [f"--{option}", getattr(args, option)]
    rounds = args.rounds or (2 if args.quick else 6)
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in SETTINGS}
    names = list(SETTINGS)
    for order in orders(len(names), rounds):
        for name in (names[i] for i in order):
            seen[name].append(child(arguments, SETTINGS[name]))

    print("| question | setting | median | ratio [rounds] |\n|---|---|---:|---:|")
    for question in seen["default"][0]:
        times = {name: [one[question] for one in results] for name, results in seen.items()}
        for name, own in times.items():
            ratio = ratio_of_medians(times["default"], own)
            band = f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
            print(f"| {question} | {name} | {statistics.median(own):.4g} s | {band} |")


if __name__ == "__main__":
    main()
