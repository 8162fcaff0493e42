"""How fast are fits and lists where likes are few and items many?

    python -m bench.questions.sparse [--pair TRAIN.npz]

On seeded likes with the sizes and degrees of Gowalla's check-ins (29,858 people, 40,981 places,
some 800 thousand likes), or on users x items of a SciPy file.

- a fit in float32 to 1e-4 of the optimum at d = 64 and 256, against 15 iterations of implicit's
  ALS and scikit-learn's TruncatedSVD with n_iter=5;
- lists of 20 at d = 64 for 2,048 people, with the step that `recommend` takes and by the vectors
  alone, against implicit's.

Peers run with the BLAS threads that they ask for: ALS wants one, for it has threads of its own.

Predictions, on two cores with AVX-512: TruncatedSVD is 6 products of L and of L' with d + 10
columns and QR's between them; the filtered solver takes some 20 products more, but no QR's, so it
is level at d = 256 and a third slower at d = 64. A list takes 4 nnz + 6 M d flops with a step, 0.1
ms of gemm's rate, three times that since likes are gathered.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

import movieembed as me
from bench.lib.harness import Contender, Question, available, parser, run_questions
from bench.lib.shapes import SHAPES

WIDTHS, TOL, LIST, ASKING = (64, 256), 1e-4, 20, 2048
# Two mean squared lengths of a person's weighted row, about, which is the usual choice.
LAMBDA = 11.6


def ours(likes: me.Likes, d: int) -> me.MovieEmbedding:
    settings: dict[str, Any] = {"dtype": "float32", "tol": TOL, "random_state": 0}
    return me.MovieEmbedding(d, regularization=LAMBDA, refine=1, **settings).fit(likes)


def als(L: sp.csr_array, d: int) -> Any:
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=d, iterations=15, random_state=0)
    model.fit(sp.csr_matrix(L.astype(np.float32)), show_progress=False)
    return model


def svd(L: sp.csr_array, d: int) -> Any:
    from sklearn.decomposition import TruncatedSVD

    return TruncatedSVD(d, n_iter=5, random_state=0).fit(sp.csr_matrix(L.astype(np.float32)))


def fit(likes: me.Likes, d: int) -> Question:
    L = likes.matrix
    best = me.MovieEmbedding(d, random_state=1, dtype="float32", tol=1e-6).fit(likes).cost_

    def check(results: dict[str, Any]) -> None:
        gap = results["movieembed"].cost_ / best - 1
        if gap > 1.1 * TOL:
            raise RuntimeError(f"the fit stopped {gap:.1e} above the optimum")

    def note(model: me.MovieEmbedding) -> str:
        return f"{model.n_iter_} iterations, {model.cost_ / best - 1:.0e} above the optimum"

    # A pass over the likes, a Gram matrix and a product with a small one.
    flops, moved = 4.0 * L.nnz * d + 4.0 * L.shape[1] * d**2, 6.0 * L.shape[1] * d * 4
    contenders = [
        Contender("movieembed", lambda: ours(likes, d), flops, moved, "float32", note=note),
        Contender(
            "implicit ALS, 15 iterations",
            lambda: als(L, d),
            blas=1,
            missing=available("implicit"),
        ),
        Contender("sklearn TruncatedSVD, n_iter=5", lambda: svd(L, d)),
    ]
    return Question(f"fit, d = {d}, to {TOL:g}", contenders, check, rounds=4 if d <= 64 else 2)


def lists(likes: me.Likes, d: int) -> Question:
    L = likes.matrix
    people = np.sort(np.random.default_rng(1).permutation(L.shape[0])[:ASKING])
    rows, theirs = L[people], sp.csr_matrix(L[people].astype(np.float32))
    model, missing = ours(likes, d), available("implicit")
    other = None if missing else als(L, d)

    def check(results: dict[str, Any]) -> None:
        """No list holds what the person likes already."""
        for found, _ in results.values():
            for person in range(0, len(people), 16):
                if np.isin(found[person], rows[[person]].indices).any():
                    raise RuntimeError(f"person {person} is given what they like already")

    flops = len(people) * (4.0 * L.nnz + 6.0 * L.shape[1] * d)
    contenders = [
        Contender("movieembed", lambda: model.recommend(rows, LIST), flops=flops, dtype="float32"),
        Contender("movieembed, vectors alone", lambda: model.recommend(rows, LIST, refine=0)),
        Contender(
            "implicit ALS",
            lambda: other.recommend(people, theirs, N=LIST),
            blas=1,
            missing=missing,
        ),
    ]
    name = f"lists of {LIST}, d = {d}"
    return Question(name, contenders, check, unit="s/person", per=len(people))


def main() -> None:
    p = parser(__doc__)
    p.add_argument("--pair", metavar="FILE", help="users x items, a SciPy .npz")
    args = p.parse_args()
    L = sp.csr_array(sp.load_npz(args.pair)) if args.pair else SHAPES["checkins"]()
    likes = me.Likes.from_matrix(L)
    print(f"{likes!r}")
    run_questions(args, [*(fit(likes, d) for d in WIDTHS), lists(likes, WIDTHS[0])])


if __name__ == "__main__":
    main()
