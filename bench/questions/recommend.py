"""How good are the recommendations and the neighbours, beside the best of others?

    python -m bench.questions.recommend [--data FOLDER | --table FILE] [--seeds N] [--strong]
    python -m bench.questions.recommend --pair TRAIN.npz TEST.npz

On random splits, a fifth of each user's likes held out (with --strong: whole users, after Liang et
al. 2018), every method tuned on a validation part of the rest and then fitted on all of it:

- movieembed: components, the weighting of people, regularisation, its power, and steps;
- movieembed as `MovieEmbedding()` comes;
- dense EASE: regularisation; implicit's ALS: factors, regularisation and weight; ELSA (PyTorch,
  elsarec): factors and epochs; item cosine and popularity have nothing to tune.

Prints recall@20 and NDCG@20 as mean +- spread (standard deviation) over the splits, seconds of the
final fit and of the lists. Then, at several numbers of components, the neighbours by each method:
how many sequels of a film stand among its ten nearest, in how many lists the commonest neighbour
stands, and how alike neighbours of half of the users are to the other half.

Prediction: on a par with dense EASE, whose factor model it is, and above ALS by a tenth.
"""

from __future__ import annotations

import argparse
import itertools
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import scipy.linalg  # noqa: F401  (its BLAS must be there when threads are limited)
import scipy.sparse as sp

import movieembed as me
from bench.lib import floor
from bench.lib.harness import available, data_folder
from movieembed import evaluation as ev
from movieembed.cli.comparison import best_of
from movieembed.model.neighbors import top_k_neighbors

K = 20
EASE = (25.0, 50.0, 100.0, 150.0, 200.0, 400.0, 800.0)
ALS = {
    "factors": (16, 32, 64, 128),
    "regularization": (0.01, 0.1, 1.0, 10.0),
    "alpha": (1.0, 5.0, 20.0),
}
ELSA = {"n_dims": (64, 128, 256), "epochs": (3, 5, 10, 20, 40)}
NEIGHBOR_COMPONENTS = (32, 50, 64, 128)
# Of items that neighbours are asked for, and of neighbours.
MIN_LIKES = 5


def elsa(likes: me.Likes, n_dims: int, epochs: int) -> ev.baselines.Recommend:
    """ELSA (Vancura et al., RecSys 2022) from the package elsarec."""
    import torch
    from elsa import ELSA as ElsaModel  # noqa: N811

    torch.manual_seed(0)
    used = np.flatnonzero(likes.item_counts)
    rows = likes.matrix[:, used].toarray().astype(np.float32)
    model = ElsaModel(n_items=len(used), device=torch.device("cpu"), n_dims=n_dims)
    model.fit(rows, batch_size=128, epochs=epochs, shuffle=True, verbose=False)

    def recommend(given: Any, n: int) -> Any:
        x = given[:, used].toarray().astype(np.float32)
        scores = model.predict(x, batch_size=256).cpu().numpy().copy()
        scores[x > 0] = -np.inf
        return used[np.argsort(-scores, axis=1, kind="stable")[:, :n]]

    return recommend


def best_of_grid(
    fit: Callable[..., ev.baselines.Recommend], grid: dict[str, tuple[Any, ...]], split: ev.Split
) -> dict[str, Any]:
    options = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    best = best_of({i: partial(fit, **o) for i, o in enumerate(options)}, split, K)  # type: ignore[arg-type,misc]
    return options[int(best)]


def contenders(split: ev.Split, seed: int) -> dict[str, Callable[[me.Likes], Any]]:
    """Each tuned on a fifth of the training likes."""
    inner = ev.split_random(split.train, random_state=1000 + seed)
    common: dict[str, Any] = {"dtype": "float32", "tol": 1e-5}
    tuned = ev.tune(
        split.train,
        n_components=(64, 128, 256),
        k=K,
        split=inner,
        random_state=0,
        **common,
    )
    print(f"seed {seed}: movieembed {tuned.parameters()}", flush=True)
    found: dict[str, Callable[[me.Likes], Any]] = {
        "movieembed, tuned": partial(ev.movieembed, **tuned.parameters(), **common),
        "movieembed, as it comes": ev.movieembed,
        "movieembed, refine = 0": partial(
            ev.movieembed, **{**tuned.parameters(), "refine": 0}, **common
        ),
    }
    if (split.train.item_counts > 0).sum() <= ev.baselines.MOST_EASE_ITEMS:
        value = best_of({v: partial(ev.ease, regularization=v) for v in EASE}, inner, K)
        print(f"seed {seed}: EASE lambda {value:g}", flush=True)
        found["dense EASE, tuned"] = partial(ev.ease, regularization=value)
    if not available("implicit"):
        chosen = best_of_grid(ev.als, ALS, inner)
        print(f"seed {seed}: ALS {chosen}", flush=True)
        found["implicit ALS, tuned"] = partial(ev.als, **chosen)
    if not available("elsa"):
        chosen = best_of_grid(elsa, ELSA, inner)
        print(f"seed {seed}: ELSA {chosen}", flush=True)
        found["ELSA, tuned"] = partial(elsa, **chosen)
    return found | {"item cosine": ev.item_cosine, "popularity": ev.popularity}


def split_of_pair(train: str, test: str) -> ev.Split:
    """Of a published training and test part, SciPy matrices of the same users and items."""
    matrix, held = sp.csr_array(sp.load_npz(train)), sp.csr_array(sp.load_npz(test))
    asked = np.flatnonzero(np.diff(held.indptr))
    likes = me.Likes.from_matrix(matrix, users=np.arange(matrix.shape[0]))
    return ev.Split(likes, likes.matrix[asked], held[asked])


def quality(splits: list[ev.Split]) -> None:
    tables, seeds = [], len(splits)
    for seed, split in enumerate(splits):
        tables.append(ev.evaluate(contenders(split, seed), split, ks=(K,)))
    together = pd.concat(tables, keys=range(seeds))
    print(f"\n| recommender | recall@{K} | NDCG@{K} | coverage | popularity | fit | lists |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in tables[0].index:
        rows = together.xs(name, level=1)
        spread = rows.std() if seeds > 1 else rows.iloc[0] * np.nan
        cells = [f"{rows[m].mean():.4f} ± {spread[m]:.4f}" for m in (f"recall@{K}", f"ndcg@{K}")]
        cells += [f"{rows[m].mean():.2f}" for m in ("coverage", "popularity")]
        cells += [f"{rows[m].median():.2f} s" for m in ("fit_seconds", "recommend_seconds")]
        print(f"| {name} | " + " | ".join(cells) + " |")


METHODS = ("weighted", "cosine", "dot", "precision")


def neighbours(likes: me.Likes) -> None:
    """Of each method, and of ALS: sequels and hubs among the ten nearest, and the other half."""
    titles = likes.items.astype(str) if likes.titles is None else likes.titles
    groups = ev.franchises(titles, likes.item_counts, min_likes=MIN_LIKES)
    print(
        f"\nSequels: {len(groups)} franchises that titles reveal, {sum(map(len, groups))} items. "
        "The other half: neighbours found from half of the users, and how large their cosine is "
        "among the others.\n\n| neighbours | d | sequels among the ten nearest "
        "| lists of the commonest | cosine in the other half |\n|---|---:|---:|---:|---:|"
    )
    half = np.random.default_rng(0).random(likes.n_users) < 0.5
    ours, theirs = (me.Likes.from_matrix(likes.matrix[part]) for part in (half, ~half))

    def found(of: me.Likes, d: int, method: str) -> Any:
        if method == "implicit's ALS":
            return als_neighbors(of, d)
        model = me.MovieEmbedding(d, random_state=0).fit(of)
        return model.neighbors(10, method=method, min_likes=MIN_LIKES)[0]

    methods = METHODS if available("implicit") else (*METHODS, "implicit's ALS")
    for d in NEIGHBOR_COMPONENTS:
        for method in methods:
            columns = found(likes, d, method)
            columns[likes.item_counts < MIN_LIKES] = -1
            share = ev.sequels_among_neighbors(columns, groups) if groups else np.nan
            hubs = ev.hubness(columns)["largest"]
            there = cosine_of(theirs, found(ours, d, method), ours.item_counts >= MIN_LIKES)
            print(f"| {method} | {d} | {share:.1%} | {hubs:.0f} | {there:.4f} |", flush=True)


def cosine_of(likes: me.Likes, columns: Any, asked: Any) -> float:
    """Mean cosine, among some people, of items asked for and their neighbours."""
    counts = likes.item_counts
    asked = np.flatnonzero(asked & (counts >= MIN_LIKES) & (columns >= 0).all(axis=1))
    both = sp.csr_array(likes.matrix.T[asked] @ likes.matrix)
    rows = np.repeat(np.arange(len(asked)), columns.shape[1])
    others = columns[asked].ravel()
    lengths = np.sqrt(counts[asked[rows]] * np.maximum(counts[others], 1.0))
    return float((np.asarray(both[rows, others]).ravel() / lengths).mean())


def als_neighbors(likes: me.Likes, d: int) -> Any:
    from implicit.cpu.als import AlternatingLeastSquares

    als = AlternatingLeastSquares(factors=d, random_state=0)
    als.fit(sp.csr_matrix(likes.matrix.astype(np.float32)), show_progress=False)
    V = np.asarray(als.item_factors).copy()
    V[likes.item_counts < MIN_LIKES] = 0
    own = [np.array([i]) for i in range(len(V))]
    columns = top_k_neighbors(V, V, 10, exclude=own)[0]
    columns[~V.any(axis=1)] = -1
    return columns


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--data", help="MovieLens folder; by default MovieLens small")
    p.add_argument("--table", help="a ratings table instead: .csv or .parquet")
    p.add_argument("--pair", nargs=2, metavar="FILE", help="published training and test parts")
    p.add_argument("--seeds", type=int, default=5)
    p.add_argument("--strong", action="store_true", help="hold out users, not likes")
    p.add_argument("--only", choices=("quality", "neighbours"))
    args = p.parse_args()
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="implicit")
    if args.pair:
        print(floor.describe()[1] + "\n")
        quality([split_of_pair(*args.pair)])
        return
    if args.table:
        likes = me.Likes.from_ratings(me.read_table(args.table))
    else:
        likes = me.Likes.from_movielens(data_folder(args.data))
    print(floor.describe()[1] + f"\n\n{likes}\n")
    if args.only != "neighbours":
        split = ev.split_users if args.strong else ev.split_random
        quality([split(likes, random_state=seed) for seed in range(args.seeds)])
    if args.only != "quality":
        neighbours(likes)


if __name__ == "__main__":
    main()
