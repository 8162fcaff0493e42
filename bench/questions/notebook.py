"""Does the published notebook's descent come out to its printed digits, and where does it end?

    python -m bench.questions.notebook --data FOLDER --epochs 100

Adam at 0.5 on all films at d = M, from the V of torch.manual_seed(576), as examples/notebook.py
runs it: the cost of every fifth epoch, beside the two that the notebook prints and the optimum.

Prediction: an epoch is 2.8 TFLOP, a third of it in float64, 17 seconds at 215 and 111 GFLOP/s. The
costs agree with the printed ones as far as float32 does, to some 1e-6. The optimum's cost is 0, and
a hundred epochs do not come near it.
"""

from __future__ import annotations

import time

import movieembed as me
from bench.lib.harness import load_likes, parser
from examples.notebook import PRINTED, RATE, adam, start

EVERY = 5


def main() -> None:
    p = parser(__doc__)
    p.add_argument("--epochs", type=int, default=EVERY, help="of Adam; the notebook's are 100")
    args = p.parse_args()
    likes = load_likes(args)
    print("| epoch | cost | printed | difference | seconds |\n|---|---:|---:|---:|---:|")
    V = start(likes.n_items)
    began = time.perf_counter()
    for epoch, cost in zip(range(args.epochs + 1), adam(likes, V, RATE), strict=False):
        if epoch % EVERY == 0:
            seconds = time.perf_counter() - began
            printed = PRINTED.get(epoch)
            beside = " | " if printed is None else f"{printed:,} | {cost / printed - 1:.1e}"
            print(f"| {epoch} | {cost:,.0f} | {beside} | {seconds:.0f} |", flush=True)
    began = time.perf_counter()
    best = me.MovieEmbedding(likes.n_users, random_state=0).fit(likes)
    seconds = time.perf_counter() - began
    print(f"| optimum, d = {best.n_components} | {best.cost_:,.0f} |  |  | {seconds:.1f} |")


if __name__ == "__main__":
    main()
