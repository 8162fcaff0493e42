"""What happens with a million items?

    python -m bench.questions.million

A million users x a million items with 14 million likes: 2,000 communities, popularity inside them
as 1 / rank^0.9, 30 % of the likes on items that all share. Seeded; drawn once, in half a minute.

- the fit at d = 64 in float32, to 1e-3 of the optimum;
- lists of 10 for 1,024 people at once, by vectors alone and with a step of refinement.

Dense EASE is not asked: it would hold a matrix of 4 TB.

Prediction: an iteration is a dozen products of tall arrays, a second or two of gemm; the fit 30 s
and 6 GB. A list without refinement costs 2 M d flops, 1 ms a person; with a step 4 nnz more, and
one pass over the likes for each block of people.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import scipy.sparse as sp

import movieembed as me
from bench.lib.harness import Contender, Question, parser, run_questions
from bench.lib.shapes import SHAPES
from bench.lib.twin import cache, replace

D, TOL, LIST, ASKING = 64, 1e-3, 10, 1024


def drawn() -> sp.csr_array:
    """The likes, kept between runs."""
    path = cache() / "million-likes.npz"
    if not path.exists():
        replace(path, lambda name: sp.save_npz(name, SHAPES["million"](), compressed=False))
    return sp.csr_array(sp.load_npz(path))


class Models:
    """A model for all questions, fitted when the first asks."""

    def __init__(self, likes: me.Likes) -> None:
        self.likes = likes
        self.known: me.MovieEmbedding | None = None

    def fit(self) -> me.MovieEmbedding:
        settings: dict[str, Any] = {"dtype": "float32", "tol": TOL, "random_state": 0}
        # lambda: two mean squared lengths of a person's weighted row, which is about 3.
        model = me.MovieEmbedding(D, regularization=6.0, refine=1, **settings)
        return model.fit(self.likes)

    def __call__(self) -> me.MovieEmbedding:
        if self.known is None:
            self.known = self.fit()
        return self.known


def fit_question(models: Models) -> Question:
    def check(results: dict[str, Any]) -> None:
        (models.known,) = results.values()
        if not models().converged_:
            raise RuntimeError(f"the fit ended as {models().stop_reason_}")

    def note(model: me.MovieEmbedding) -> str:
        return f"{model.n_iter_} iterations, cost {model.cost_:.6g}, gap {model.gap_:.0e}"

    n_items, nnz = models.likes.n_items, models.likes.n_likes
    # A pass over the likes; of the tall arrays one product with a small matrix, one Gram matrix.
    flops, moved = 4 * nnz * D + 4 * n_items * D**2, 6 * n_items * D * 4
    name = "movieembed; floor: an iteration"
    ours = Contender(name, models.fit, flops, moved, dtype="float32", note=note)
    return Question(f"fit, d = {D}, to {TOL:g}", [ours], check, rounds=2)


def lists_question(models: Models, steps: int) -> Question:
    rng = np.random.default_rng(1)
    people = np.sort(rng.choice(models.likes.n_users, ASKING, replace=False))
    rows, n_items = models.likes.matrix[people], models.likes.n_items

    def lists() -> Any:
        return models().recommend(rows, LIST, refine=steps)

    def check(results: dict[str, Any]) -> None:
        """No list holds what the person likes already."""
        ((found, _),) = results.values()
        for person in range(0, ASKING, 64):
            if np.isin(found[person], rows[[person]].indices).any():
                raise RuntimeError(f"person {person} is given what they like already")

    flops = ASKING * (2 * n_items * D + steps * 4 * models.likes.n_likes)
    ours = Contender("movieembed", lists, flops=flops, dtype="float32")
    name = f"lists of {LIST}, {'a step' if steps else 'no step'}"
    return Question(name, [ours], check, rounds=2, unit="s/person", per=ASKING)


def main() -> None:
    args: argparse.Namespace = parser(__doc__).parse_args()
    models = Models(me.Likes.from_matrix(drawn()))
    run_questions(args, [fit_question(models), *(lists_question(models, k) for k in (0, 1))])


if __name__ == "__main__":
    main()
