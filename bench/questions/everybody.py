"""How long do lists for all users take, written to a file, and how much memory?

    python -m bench.questions.everybody [--data FOLDER | --demo] [--rounds N]

The ten best items of every user of the twin of MovieLens 32M (201 thousand), or of a MovieLens
folder, or of `demo`, in Parquet: `recommend_users(out=)` at d = 64 in float32, and implicit's ALS,
64 factors and 15 iterations, whose `recommend` is asked block after block, its answers written by
PyArrow. Each contender runs in a process of its own, in turn; the lists are checked to be whole,
and to hold nothing that their users like already.

Prediction: a person costs a product with 88 thousand vectors of length 64, 11 MFLOP, as implicit's
does: half a minute on two cores. Where the choice takes a step of refinement, with 16 million likes
for a block of people at a time, it is some 8 TFLOP in all, most of them products of sparse
matrices: minutes. Neither takes more than 4 GB: blocks are written as they come.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

import movieembed as me
from bench.lib import floor
from bench.lib.harness import available, child, memory, reset_peak
from bench.lib.twin import large_likes

D, N, BLOCK = 64, 10, 6144


def ours(likes: me.Likes) -> Callable[[Path], Any]:
    """Fit, and give what writes the lists."""
    model = me.MovieEmbedding(D, dtype="float32", tol=1e-4, random_state=0).fit(likes)
    model.recommend(likes.matrix[0])  # chooses lambda
    return lambda out: model.recommend_users(n=N, out=out, progress=False)


def implicits(likes: me.Likes) -> Callable[[Path], Any]:
    """The same of implicit's ALS."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    matrix = sp.csr_matrix(likes.matrix.astype(np.float32))
    with threadpool_limits(1, user_api="blas"):  # as it recommends
        model = AlternatingLeastSquares(factors=D, iterations=15, random_state=0)
        model.fit(matrix, show_progress=False)

    def blocks() -> Iterator[pa.Table]:
        for start in range(0, matrix.shape[0], BLOCK):
            rows = np.arange(start, min(start + BLOCK, matrix.shape[0]))
            found, scores = model.recommend(rows, matrix[rows], N=N)
            columns = {
                "user": np.repeat(likes.users[rows], N),
                "item": likes.items[found].ravel(),
                "rank": np.tile(np.arange(1, N + 1), len(rows)),
                "score": scores.ravel(),
            }
            yield pa.table(columns)

    def write(out: Path) -> None:
        tables = blocks()
        first = next(tables)
        with pq.ParquetWriter(str(out), first.schema) as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table)

    return write


CONTENDERS = {"movieembed": ours, "implicit's ALS": implicits}


def check(path: Path, likes: me.Likes) -> int:
    """Return the users in a file; RuntimeError unless each has whole lists of new items."""
    table = pq.read_table(path, columns=["user", "item"])
    rows = np.searchsorted(likes.users, table["user"].to_numpy())
    columns = np.searchsorted(likes.items, table["item"].to_numpy())
    lists = sp.csr_array((np.ones(len(rows), bool), (rows, columns)), shape=likes.matrix.shape)
    counts = np.bincount(rows, minlength=likes.n_users)
    asked = np.diff(likes.matrix.indptr) > 0
    if (counts[asked] != N).any() or lists.multiply(likes.matrix).nnz:
        raise RuntimeError(f"{path} lacks lists, or holds what their users like")
    return int(asked.sum())


def run(name: str, likes: me.Likes) -> dict[str, float]:
    """Seconds to fit and to write, and the peak memory of the latter."""
    start = time.perf_counter()
    write = CONTENDERS[name](likes)
    fitted = time.perf_counter() - start
    reset_peak()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "lists.parquet"
        start, used = time.perf_counter(), time.process_time()
        write(out)
        found = {"write": time.perf_counter() - start, "cpu": time.process_time() - used}
        found |= {"fit": fitted, "MB": memory(peak=True) / 1e6}
        return found | {"file": out.stat().st_size / 1e6, "users": check(out, likes)}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--data", help="a MovieLens folder instead of the twin")
    p.add_argument("--demo", action="store_true", help="demo instead: a smoke test")
    p.add_argument("--rounds", type=int, default=2, help="an even number")
    p.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.contender:
        if args.demo:
            likes = me.Likes.from_movielens("demo")
        else:
            likes = me.Likes.from_matrix(large_likes(args))
        print(json.dumps(run(args.contender, likes)))
        return
    print(floor.describe()[1] + "\n")
    given = ["--demo"] * args.demo + (["--data", args.data] if args.data else [])
    names = [name for name in CONTENDERS if name == "movieembed" or not available("implicit")]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for i in range(args.rounds):
        for name in names[:: -1 if i % 2 else 1]:
            found[name].append(child([*given, "--contender", name]))
    print("| contender | users | fit | lists to Parquet | of processors | peak memory | file |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, rounds in found.items():
        m = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
        print(
            f"| {name} | {m['users']:,.0f} | {m['fit']:.1f} s | {m['write']:.1f} s | "
            f"{m['cpu']:.1f} s | {m['MB']:,.0f} MB | {m['file']:.1f} MB |"
        )
    if available("implicit"):
        print("| implicit's ALS | skipped: no implicit | | | | | |")


if __name__ == "__main__":
    main()
