"""How long does XV = L'(LV) - diag(c) V take at d = 64?

    python -m bench.questions.product --data FOLDER

The likes of MovieLens small, and a seeded synthetic matrix of a million likes with lognormal
activity and popularity, against SciPy's two products `L.T @ (L @ V)`, which get L' as their own CSR
and may leave out the diagonal.

The floor counts the bytes that the gathers read and write once each: a row of d numbers and an
index a like, in each of the two products, and the results. The rows of MovieLens small fit the
cache, so that its figure can fall below 1.

Prediction: SciPy's product of CSR and a dense block runs one thread and one axpy a like; rows held
in vector registers and two threads make it 3 times faster, more in float32 than in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from bench.lib.floor import cores
from bench.lib.harness import Contender, Question, load_likes, parser, run_questions
from movieembed.operators.cpu import CpuOperator

D = 64
SYNTHETIC_LIKES = 1_000_000


def skewed_likes(
    n_likes: int = SYNTHETIC_LIKES, n_users: int = 20_000, n_items: int = 10_000, seed: int = 0
) -> sp.csr_array:
    """About n_likes ones, users and items drawn by lognormal weights, repeats merged."""
    rng = np.random.default_rng(seed)
    users = rng.lognormal(sigma=1.2, size=n_users)
    items = rng.lognormal(sigma=1.8, size=n_items)
    got = np.zeros(0, dtype=np.int64)
    while len(got) < n_likes:
        n = 2 * (n_likes - len(got))
        row = rng.choice(n_users, size=n, p=users / users.sum())
        column = rng.choice(n_items, size=n, p=items / items.sum())
        got = np.union1d(got, row * n_items + column)
    got = rng.permutation(got)[:n_likes]
    L = sp.csr_array((np.ones(len(got)), (got // n_items, got % n_items)), shape=(n_users, n_items))
    L.sort_indices()
    return L


def product_question(name: str, likes: sp.csr_array, dtype: str) -> Question:
    operators = {n: CpuOperator(likes, dtype, n) for n in sorted({1, cores()}, reverse=True)}
    op = operators[1]
    L = op.matrix.astype(dtype)
    Lt = L.T.tocsr()
    V = np.random.default_rng(0).standard_normal((op.n_items, D)).astype(dtype)
    c = op.diagonal

    def check(results: dict[str, Any]) -> None:
        """Every entry against the float64 product, within rounding of the sums."""
        wide = op.matrix.astype(np.float64)
        exact = wide.T @ (wide @ V.astype(np.float64)) - c[:, None].astype(np.float64) * V
        scale = wide.T @ (wide @ np.abs(V).astype(np.float64))
        bound = 64 * np.finfo(dtype).eps * scale
        for contender, result in results.items():
            if contender.startswith("SciPy"):
                result = result - c[:, None] * V
            if not (np.abs(result - exact) <= bound).all():
                raise RuntimeError(f"{contender}: an entry of XV is off by more than rounding")

    width = np.dtype(dtype).itemsize
    nnz = L.nnz
    moved = 2 * nnz * (D * width + 4) + D * width * (2 * op.n_users + 2 * op.n_items)
    flops = 4 * nnz * D
    runs = 5
    contenders = [
        Contender(
            f"movieembed, {n} thread{'s' * (n > 1)}",
            lambda o=o: o.apply(V),
            flops=flops,
            moved=moved,
            dtype=dtype,
            runs=runs,
        )
        for n, o in operators.items()
    ]
    contenders.append(
        Contender(
            "SciPy L.T @ (L @ V)",
            lambda: Lt @ (L @ V),
            flops=flops,
            moved=moved,
            dtype=dtype,
            runs=runs,
        )
    )
    return Question(f"XV, {name}, {dtype}", contenders, check, rounds=8)


def main() -> None:
    args = parser(__doc__).parse_args()
    matrices = {
        "MovieLens": load_likes(args).matrix,
        f"synthetic {SYNTHETIC_LIKES // 10**6}M likes": skewed_likes(),
    }
    questions = [
        product_question(name, matrix, dtype)
        for name, matrix in matrices.items()
        for dtype in ("float64", "float32")
    ]
    run_questions(args, questions)


if __name__ == "__main__":
    main()
