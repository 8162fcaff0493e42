"""What happens at the size of MovieLens 32M, with 16 million likes?

    python -m bench.questions.scale [--data FOLDER]

On the folder of ml-32m, or without --data on the seeded twin with its sizes and skew, which is
drawn once (half a minute, kept in a temporary folder).

- XV at d = 64 in float32, against SciPy's two products, PyTorch's sparse CSR and MKL's;
- row sums of squares and the 100 largest entries of each row of X, against sparse_dot_topn;
- fit at d = 64 to 1e-4 of the optimum, against the 15 iterations of implicit's ALS at 64 factors;
- the ten nearest of every item, against implicit's similar_items in one batch and against sgemm;
- ten recommendations to each of 10,000 users, with the steps that are chosen, without and with
  one, against implicit's recommend in one batch;
- ratings.csv to a saved model, against pandas.read_csv and implicit's ALS;
- the growth of the fit's time from 1 to 16 million likes, by leaving out users.

Predictions: the product 10 times faster than SciPy, for its hot rows of V and a block's user sums
stay in the second-level cache; the fit about ten passes over the likes where ALS makes 30 with a
d x d system a user and an item; time linear in likes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg  # noqa: F401  (its BLAS must be there when threads are limited)
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

import movieembed as me
from bench.lib.floor import cores
from bench.lib.harness import Contender, Question, available, loadable, parser, run_questions
from bench.lib.twin import LIKED, large_likes, ratings_folder
from movieembed.model.neighbors import top_k_neighbors
from movieembed.operators.cpu import CpuOperator

D = 64
TOP = 100
NEAREST = 10
ASKING = 10_000
BARE = "movieembed, lambda given"
COMES, VECTORS, STEP = "movieembed", "movieembed, vectors alone", "movieembed, one step"
TARGET = 1e-4


def torch_product(L: sp.csr_array, Lt: sp.csr_array, V: np.ndarray) -> Any:
    """PyTorch's two products, as a function of nothing."""
    import torch

    torch.set_num_threads(cores())
    parts = []
    for A in (L, Lt):
        parts.append(
            torch.sparse_csr_tensor(
                torch.from_numpy(A.indptr.astype(np.int64)),
                torch.from_numpy(A.indices.astype(np.int64)),
                torch.from_numpy(A.data),
                size=A.shape,
            )
        )
    dense = torch.from_numpy(V)
    return lambda: (parts[1] @ (parts[0] @ dense)).numpy()


def product(L: sp.csr_array) -> Question:
    op = CpuOperator(L, np.float32)
    V = np.random.default_rng(0).standard_normal((L.shape[1], D)).astype(np.float32)
    kept, out = V[op.active].copy(), np.empty((op.n_items, D), np.float32)
    c = np.bincount(L.indices, weights=L.data.astype(np.float64) ** 2, minlength=L.shape[1])
    L32 = L.astype(np.float32)
    Lt = L32.T.tocsr()

    def mkl_way() -> Any:
        from sparse_dot_mkl import dot_product_mkl

        return lambda: dot_product_mkl(Lt, dot_product_mkl(L32, V))

    def check(results: dict[str, Any]) -> None:
        L64 = L.astype(np.float64)
        exact = L64.T @ (L64 @ V.astype(np.float64)) - c[:, None] * V
        bound = 1e-5 * (L64.T @ (L64 @ np.abs(V).astype(np.float64)) + 1)
        for name, result in results.items():
            if name.startswith("movieembed"):
                full = np.zeros_like(exact)
                full[op.active] = result
                alone = np.setdiff1d(np.arange(len(full)), op.active)
                full[alone] = exact[alone]
            else:
                full = result - c[:, None] * V
            if not (np.abs(full - exact) <= bound).all():
                raise RuntimeError(f"{name}: an entry of XV is off by more than rounding")

    work: dict[str, Any] = {
        "flops": 4 * L.nnz * D,
        "moved": 2 * L.nnz * (D * 4 + 3),
        "dtype": "float32",
        "runs": 3,
    }
    contenders = [
        Contender("movieembed", lambda: op.apply(kept, out), **work),
        Contender("SciPy L.T @ (L @ V)", lambda: Lt @ (L32 @ V), **work),
    ]
    for name, package, make in (
        (f"PyTorch sparse CSR, {cores()} threads", "torch", lambda: torch_product(L32, Lt, V)),
        ("MKL (sparse_dot_mkl)", "sparse_dot_mkl", mkl_way),
    ):
        missing = loadable(package)
        ready: list[Any] = []

        def run(ready: list[Any] = ready, make: Any = make) -> Any:
            if not ready:
                ready.append(make())
            return ready[0]()

        contenders.append(Contender(name, run, missing=missing, **work))
    return Question("XV, d = 64, float32", contenders, check, rounds=4)


def statistics(L: sp.csr_array) -> Question:
    def ours() -> Any:
        _, values, squares, _ = me.cooccurrence_top_k(L, TOP, return_sums=True)
        return values, squares

    def topn() -> Any:
        from sparse_dot_topn import sp_matmul_topn

        A = L.astype(np.float32)
        # One more, for the diagonal, which is the largest of its row.
        At = sp.csr_matrix(A.T.tocsr())
        C = sp_matmul_topn(At, sp.csr_matrix(A), top_n=TOP + 1, n_threads=cores())
        return C, None

    def check(results: dict[str, Any]) -> None:
        values, squares = results["movieembed, both"]
        rows = np.random.default_rng(0).choice(L.shape[1], 200, replace=False)
        X = (L[:, rows].T.astype(np.float64) @ L.astype(np.float64)).toarray()
        X[np.arange(len(rows)), rows] = 0
        if not np.array_equal((X**2).sum(axis=1), squares[rows]):
            raise RuntimeError("row sums of squares are wrong")
        best = -np.sort(-X, axis=1)[:, :TOP]
        if not np.array_equal(best, values[rows]):
            raise RuntimeError("the largest entries of X are wrong")
        for name, (C, _) in results.items():
            if name.startswith("movieembed"):
                continue
            C.setdiag(0)
            theirs = -np.sort(-C[rows].toarray(), axis=1)[:, :TOP]
            if not np.array_equal(best, theirs):
                raise RuntimeError(f"{name}: the largest entries of X differ")

    lengths = np.diff(L.indptr).astype(np.float64)
    contenders = [
        Contender("movieembed, both", ours, flops=float(lengths @ lengths), dtype="float32"),
        Contender(
            "sparse_dot_topn, top 101 alone",
            topn,
            missing=available("sparse_dot_topn"),
            dtype="float32",
        ),
    ]
    return Question("row sums of squares and top 100 of X", contenders, check, rounds=2)


def fit_question(L: sp.csr_array, optima: dict[str, float]) -> Question:
    if "fit" not in optima:
        model = me.MovieEmbedding(D, random_state=1, dtype="float32", tol=1e-6).fit(L)
        optima["fit"] = model.cost_
    best = optima["fit"]
    likes = me.Likes.from_matrix(L)

    def check(results: dict[str, Any]) -> None:
        for name in ("movieembed", BARE):
            gap = results[name].cost_ / best - 1
            if gap > 1.1 * TARGET:
                raise RuntimeError(f"{name} stopped {gap:.1e} above the optimum")

    def note(model: me.MovieEmbedding) -> str:
        return f"{model.cost_ / best - 1:.1e} above the optimum, {model.n_iter_} iterations"

    def ours(**options: Any) -> me.MovieEmbedding:
        goal = best * (1 + TARGET)
        return me.MovieEmbedding(
            D, random_state=0, dtype="float32", callback=lambda entry: entry.cost <= goal, **options
        ).fit(likes)

    contenders = [
        Contender("movieembed", ours, note=note),
        # The embedding alone: `recommend` would take this lambda, which is otherwise chosen.
        Contender(BARE, lambda: ours(regularization=500.0), note=note),
        Contender(
            "implicit ALS, 15 iterations",
            lambda: als(L),
            blas=1,  # as implicit recommends
            missing=available("implicit"),
        ),
    ]
    return Question("fit, d = 64", contenders, check, rounds=2)


def als(L: sp.csr_array) -> Any:
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=D, iterations=15, num_threads=0, random_state=0)
    model.fit(sp.csr_matrix(L.astype(np.float32)), show_progress=False)
    return model


def neighbours(L: sp.csr_array) -> Question:
    rng = np.random.default_rng(0)
    V = rng.standard_normal((L.shape[1], D)).astype(np.float32)
    V *= np.exp(rng.standard_normal((len(V), 1)).astype(np.float32))

    def implicit_way() -> Any:
        from implicit.als import AlternatingLeastSquares

        model = AlternatingLeastSquares(factors=D, num_threads=0)
        model.item_factors = V
        return model.similar_items(np.arange(len(V)), N=NEAREST + 1)

    def check(results: dict[str, Any]) -> None:
        unit = V / np.linalg.norm(V, axis=1, keepdims=True)
        some = rng.choice(len(V), 300, replace=False)
        cosines = unit[some] @ unit.T
        best = -np.partition(-cosines, NEAREST, axis=1)[:, : NEAREST + 1]
        best = -np.sort(-best, axis=1)
        for name, (_, found) in results.items():
            if name.startswith("sgemm"):
                continue
            if not np.allclose(-np.sort(-found[some], axis=1), best, atol=1e-5):
                raise RuntimeError(f"{name}: the nearest of an item are wrong")

    def floor_way() -> Any:
        # The same flops in blocks, nothing kept: what sgemm alone takes.
        unit = V.T.copy()
        block = np.empty((2048, 2048), np.float32)
        for i in range(0, len(V) - 2048, 2048):
            for j in range(0, len(V) - 2048, 2048):
                np.matmul(V[i : i + 2048], unit[:, j : j + 2048], out=block)
        return None, None

    work: dict[str, Any] = {"flops": 2 * len(V) ** 2 * D, "dtype": "float32"}
    contenders = [
        Contender("movieembed", lambda: top_k_neighbors(V, V, NEAREST + 1), **work),
        Contender(
            "implicit similar_items, one batch",
            implicit_way,
            blas=1,
            missing=available("implicit"),
            **work,
        ),
        Contender("sgemm in blocks, nothing kept", floor_way, **work),
    ]
    return Question("ten nearest of every item, d = 64", contenders, check, rounds=2)


def recommendations(L: sp.csr_array) -> Question:
    model = me.MovieEmbedding(D, random_state=0, dtype="float32", tol=1e-3).fit(L)
    users = np.arange(ASKING)
    rows = L[users]

    def implicit_way() -> Any:
        from implicit.cpu.als import AlternatingLeastSquares

        # The same vectors of items and users, those of the users already made.
        als = AlternatingLeastSquares(factors=D, num_threads=0)
        als.item_factors = model.item_vectors("precision")
        als.user_factors = queries
        return als.recommend(users, plain, N=NEAREST)

    queries = model.query_vectors(rows, "precision")
    plain = sp.csr_matrix(rows)

    def check(results: dict[str, Any]) -> None:
        (_, first), *others = (
            found for name, found in results.items() if name not in (STEP, COMES)
        )
        for _, scores in others:
            if not np.allclose(first, scores, rtol=1e-3, atol=1e-6):
                raise RuntimeError("the scores of the best differ")

    contenders = [
        Contender(COMES, lambda: model.recommend(rows, NEAREST)),
        Contender(VECTORS, lambda: model.recommend(rows, NEAREST, refine=0)),
        Contender(STEP, lambda: model.recommend(rows, NEAREST, refine=1)),
        Contender(
            "implicit recommend, one batch", implicit_way, blas=1, missing=available("implicit")
        ),
    ]
    return Question("ten for each of 10,000 users, d = 64", contenders, check)


def file_to_model(args: argparse.Namespace) -> Question:
    folder = ratings_folder(args)

    def ours() -> Any:
        with tempfile.TemporaryDirectory() as out:
            likes = me.Likes.from_movielens(folder, threshold=LIKED, progress=False)
            model = me.MovieEmbedding(D, random_state=0, dtype="float32", tol=TARGET).fit(likes)
            model.save(Path(out) / "model.npz")
        return likes.n_likes

    def theirs() -> Any:
        import pandas as pd

        with tempfile.TemporaryDirectory() as out:
            ratings = pd.read_csv(folder / "ratings.csv")
            liked = ratings[ratings["rating"] >= LIKED]
            users, rows = np.unique(liked["userId"], return_inverse=True)
            items, columns = np.unique(liked["movieId"], return_inverse=True)
            L = sp.csr_array((np.ones(len(liked), np.float32), (rows, columns)))
            model = als(L)
            np.savez(Path(out) / "model.npz", V=model.item_factors, items=items, users=users)
        return L.nnz

    def check(results: dict[str, Any]) -> None:
        if len(set(results.values())) != 1:
            raise RuntimeError(f"numbers of likes differ: {results}")

    contenders = [
        Contender("movieembed", ours),
        Contender(
            "pandas.read_csv and implicit ALS", theirs, blas=1, missing=available("implicit")
        ),
    ]
    return Question("ratings.csv to saved model, d = 64", contenders, check, rounds=2)


def growth(L: sp.csr_array) -> None:
    """Print the fit's time at four sizes and the exponent of time over likes."""
    rng = np.random.default_rng(0)
    order = rng.permutation(L.shape[0])
    sizes, times = [], []
    for share in (16, 8, 4, 2, 1):
        likes = me.Likes.from_matrix(L[np.sort(order[: L.shape[0] // share])])
        took = []
        for _ in range(3):
            start = time.perf_counter()
            me.MovieEmbedding(D, random_state=0, dtype="float32", tol=TARGET).fit(likes)
            took.append(time.perf_counter() - start)
        sizes.append(likes.n_likes)
        times.append(float(np.median(took)))
    exponent = np.polyfit(np.log(sizes), np.log(times), 1)[0]
    listed = ", ".join(f"{n / 1e6:.1f}M: {t:.2f} s" for n, t in zip(sizes, times, strict=True))
    print(f"\nGrowth of the fit, d = 64: {listed}; exponent {exponent:.2f}.")


def main() -> None:
    args = parser(__doc__).parse_args()
    L = large_likes(args)
    lengths = np.diff(L.indptr)
    wanted = {
        "XV, d = 64, float32": lambda: product(L),
        "row sums of squares and top 100 of X": lambda: statistics(L),
        "fit, d = 64": lambda: fit_question(L, args.carried),
        "ten nearest of every item, d = 64": lambda: neighbours(L),
        "ten for each of 10,000 users, d = 64": lambda: recommendations(L),
        "ratings.csv to saved model, d = 64": lambda: file_to_model(args),
    }
    # Preparing a question takes memory and time: only what is asked for.
    only = args.only or ""
    if args.peak_of:
        only = str(json.loads(args.peak_of)[0])
    questions = [make() for name, make in wanted.items() if only in name]
    if not args.peak_of:
        print(
            f"{L.nnz:,} likes of {L.shape[0]:,} users for {L.shape[1]:,} items; the longest user "
            f"has {lengths.max():,}, the most liked item {np.bincount(L.indices).max():,}."
        )
    with threadpool_limits(cores(), user_api="blas"):
        run_questions(args, questions)
        if not args.peak_of and only in "growth":
            growth(L)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", str(cores()))
    main()
