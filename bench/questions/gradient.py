"""How long do cost and gradient take at d = M, beside dense PyTorch?

    python -m bench.questions.gradient [--data FOLDER] [--components D]

`cost_and_gradient` of MovieLens small at d = 9,742 in float32, from the start of the published
notebook; cost and gradient one after the other; and the notebook's way in PyTorch, X and V'V dense,
with autograd.

Prediction: the Gram matrix, of which half is computed, and its product with V are 3 M d^2 flops,
2.8 TFLOP: 13 seconds at 215 GFLOP/s. One after the other they take a Gram matrix each, half as much
again. PyTorch's forward and two backward products are 6 M^2 d, twice ours, beside an M x M array or
three.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import movieembed as me
from bench.lib.harness import Contender, Question, available, load_likes, parser, run_questions
from examples.notebook import SEED, torch_randn


def dense_torch(likes: Any, V: np.ndarray) -> tuple[float, np.ndarray]:
    """Cost and gradient with X and VV' whole."""
    import torch

    L = likes.matrix.astype(np.float32)
    X = torch.from_numpy((L.T @ L).toarray())
    variable = torch.from_numpy(V.copy()).requires_grad_()
    apart = 1 - torch.eye(len(V))
    loss = (((variable @ variable.T - X) * apart) ** 2).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    assert variable.grad is not None
    return loss.item(), variable.grad.numpy()


def check(results: dict[str, Any]) -> None:
    """All give the same cost and gradient, as far as float32 does."""
    (first, gradient), *others = results.values()
    size = np.abs(gradient).max()
    for cost, other in others:
        if abs(cost / first - 1) > 1e-5 or np.abs(other - gradient).max() > 1e-4 * size:
            raise RuntimeError("they differ")


def main() -> None:
    p = parser(__doc__)
    p.add_argument("--components", type=int, help="instead of one for each item")
    args = p.parse_args()
    likes = load_likes(args)
    d = args.components or likes.n_items
    V = np.ascontiguousarray(torch_randn(SEED, d, likes.n_items).T)
    out = np.empty_like(V)
    work: dict[str, Any] = {"flops": 3.0 * likes.n_items * d**2, "dtype": "float32"}

    def apart() -> tuple[float, np.ndarray]:
        return me.cost(likes, V), me.gradient(likes, V)

    def note(result: Any) -> str:
        return f"cost {result[0]:,.0f}"

    contenders = [
        Contender(
            "cost_and_gradient",
            lambda: me.cost_and_gradient(likes, V, out=out),
            note=note,
            **work,
        ),
        Contender("cost, then gradient", apart, note=note, **work),
        Contender(
            "dense PyTorch",
            lambda: dense_torch(likes, V),
            note=note,
            missing=available("torch"),
            **work,
        ),
    ]
    run_questions(args, [Question(f"cost and gradient, d = {d}", contenders, check, rounds=2)])


if __name__ == "__main__":
    main()
