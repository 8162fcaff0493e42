"""A published notebook of the exercise, corrected: Adam on all films at d = M, to its digits.

    python examples/notebook.py ml-latest-small --epochs 5

The notebook keeps V as M vectors of length M, one for each of the 9,742 films of MovieLens small,
draws them with PyTorch, and prints the cost of every fifth epoch of Adam: 924582936576 at epoch 0
and 124892168192 at epoch 5. Those two are right, and come out here. Around them several cells went
wrong. Each cell below says how, and does what was meant.

An epoch takes some 20 seconds on two cores, and all of it 4 GB of memory. VS Code and Spyder run
the file cell by cell.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

import movieembed as me

SEED, RATE = 576, 0.5
PRINTED = {0: 924582936576, 5: 124892168192}

# %% The data
#
# What went wrong: the length of the table of movies was printed as the number of ratings. There are
# 9,742 films and 100,836 ratings, of which 48,580 are likes, that is, 4 stars or more.


def read(source: str) -> me.Likes:
    """The likes, with a column for each film, also for those that nobody liked."""
    ratings, movies = me.load_movielens(source)
    likes = me.Likes.from_ratings(ratings, threshold=4.0, items=movies)
    print(f"{len(movies):,} films, {len(ratings):,} ratings, {likes.n_likes:,} likes")
    return likes


# %% The start
#
# `torch.manual_seed(576)` and `torch.randn(9742, 9742)`. Nothing went wrong; but it needs no
# PyTorch. Its generator is NumPy's MT19937: uniform numbers of 24 bits, made normal by Box and
# Muller's transform in groups of sixteen, eight radii and then eight angles.
#
# The notebook, as the exercise, has a *column* for each film. Here films are rows: its V.T is ours.


def torch_randn(seed: int, rows: int, columns: int) -> np.ndarray:
    """What torch.randn draws on a CPU after torch.manual_seed, but for the last bits.

    For 16 numbers or more; PyTorch draws fewer in another way.
    """
    stream = np.random.RandomState(seed)
    V = np.empty(rows * columns, dtype=np.float32)
    for part in np.split(V, range(1 << 20, len(V), 1 << 20)):
        part[:] = stream.randint(1 << 24, size=len(part), dtype=np.uint32)
        make_normal(part)
    if len(V) % 16:  # the last sixteen once more, of numbers of their own
        V[-16:] = stream.randint(1 << 24, size=16, dtype=np.uint32)
        make_normal(V[-16:])
    return V.reshape(rows, columns)


def start(n_items: int) -> np.ndarray:
    """The notebook's V, a row a film."""
    return np.ascontiguousarray(torch_randn(SEED, n_items, n_items).T)


def make_normal(numbers: np.ndarray) -> None:
    """Make whole groups of sixteen numbers below 2^24 normal ones, in place."""
    groups = numbers[: len(numbers) // 16 * 16].reshape(-1, 2, 8)
    groups /= 1 << 24
    radius = np.sqrt(-2 * np.log(1 - groups[:, 0]))
    angle = np.float32(2 * np.pi) * groups[:, 1]
    groups[:, 0], groups[:, 1] = radius * np.cos(angle), radius * np.sin(angle)


# %% The model
#
# What went wrong: the class of the model used its superclass, `torch.nn.Module`, before it was
# built: parameters can be given to it only after `super().__init__()`. Later a tensor of PyTorch
# was handed to an optimiser of TensorFlow, which cannot follow what PyTorch computes.
#
# No class and no other library is needed. `cost_and_gradient` is all that an optimiser asks of the
# model; it forms neither X nor VV', each films x films.

# %% The descent
#
# What went wrong: the `return` stood inside the loop, so that it ended with the first epoch.


def adam(likes: me.Likes, V: np.ndarray, rate: float = RATE) -> Iterator[float]:
    """Yield the cost of every epoch, the start's first. Adam as PyTorch's, in place of V."""
    gradient, first, second = np.empty_like(V), np.zeros_like(V), np.zeros_like(V)
    t = 0
    while True:
        cost, _ = me.cost_and_gradient(likes, V, out=gradient)
        yield cost
        t += 1
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient**2 - second)
        size = np.sqrt(second / (1 - 0.999**t)) + 1e-8
        V -= (rate / (1 - 0.9**t)) * first / size


# %% The run
#
# `MovieEmbedding(solver="adam", learning_rate=0.5, keep_unliked=True, init=V)` has the same
# `history_`. Without `keep_unliked` its costs are lower: films that nobody liked have the vector 0
# at the optimum, and fits start them there.


def run(likes: me.Likes, epochs: int) -> dict[int, float]:
    """The costs of epochs 0, 5, 10 and so on."""
    costs = {}
    V = start(likes.n_items)
    for epoch, cost in zip(range(epochs + 1), adam(likes, V), strict=False):
        if epoch % 5 == 0:
            costs[epoch] = cost
            beside = f", printed {PRINTED[epoch]:,}" if epoch in PRINTED else ""
            print(f"epoch {epoch}: cost {cost:,.0f}{beside}", flush=True)
    return costs


# %% What is left to do
#
# The lowest cost at d = M is 0: X has rank 609, and vectors of that length give all of it. A
# hundred epochs are nowhere near, and the nearest films of such a V mean nothing. The optimum takes
# a second.


def main() -> None:
    """Read, descend, and compare with the optimum."""
    parser = argparse.ArgumentParser(description="Adam at d = M, as in the notebook.")
    parser.add_argument("source", nargs="?", default="ml-latest-small")
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args()
    likes = read(args.source)
    run(likes, args.epochs)
    best = me.MovieEmbedding(609, random_state=0).fit(likes)
    print(f"optimum: cost {best.cost_:,.0f}, at {best.n_components} components")


if __name__ == "__main__":
    main()
