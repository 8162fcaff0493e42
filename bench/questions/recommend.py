"""How good are the recommendations, beside the best of others, on data of several kinds?

    python -m bench.questions.recommend [--data FOLDER | --table FILE | --shape NAME] [--seeds N]
    python -m bench.questions.recommend --pair TRAIN TEST

On random splits, a fifth of each user's likes held out (with --strong: whole users, after Liang et
al. 2018), or on a published training and test part (SciPy's .npz, or LightGCN's text: a user and
their items a line). Every method is tuned on a validation part of the rest and then fitted on all
of it:

- movieembed as `MovieEmbedding()` comes; tuned by `evaluation.tune`; the best of a full grid of its
  parameters on the same validation part, which `tune` comes near to with fewer fits; and the best
  of that grid on the test part itself (of several splits the setting that is best on average),
  which nobody can choose and all are measured by;
- dense EASE, where it fits: regularisation; implicit's ALS: factors, regularisation and weight; its
  BPR: factors, rate and iterations; scikit-learn's TruncatedSVD (the projection of a row onto its
  right vectors): components; ELSA (elsarec) and SANSA (sansa), where they are installed: size and
  epochs, regularisation; item cosine and popularity have nothing to tune.

Lists are made for --people of the test part at most. Prints recall@20 and NDCG@20, with more than
one seed as mean +- spread (standard deviation), the share of the best of the grid, seconds to
tune, to fit and to make the lists, and by how much memory grew at most in the last two.

Prediction: on a par with dense EASE where it fits, whose factor model it is, above ALS by a tenth;
as it comes within 2 % of the best of the grid.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.linalg  # noqa: F401  (its BLAS must be there when threads are limited)
import scipy.sparse as sp

import movieembed as me
from bench.lib import floor, peers
from bench.lib.harness import available, data_folder, memory, reset_peak
from bench.lib.shapes import SHAPES
from movieembed import evaluation as ev
from movieembed.cli.comparison import best_of
from movieembed.evaluation.tuning import CHOSEN, MOST_PEOPLE, Search

K = 20
WIDTHS = (64, 128, 256)
WEIGHTINGS, POWERS = (0.5, 0.0, 1.0), (0.25, 0.0, 0.5)
FACTORS, STEPS = (0.5, 1.0, 2.0, 4.0, 8.0), (0, 1, 2)
COMMON: dict[str, Any] = {"dtype": "float32", "tol": 1e-5}
# Users and numbers of a grid that a method is tuned on.
PEOPLE = 2000
GRIDS: dict[str, tuple[str, Callable[..., Any], dict[str, tuple[Any, ...]]]] = {
    "dense EASE": ("", ev.ease, {"regularization": (25.0, 50.0, 100.0, 200.0, 400.0, 800.0)}),
    "implicit's ALS": (
        "implicit",
        ev.als,
        {"factors": (64, 128), "regularization": (0.01, 1.0), "alpha": (1.0, 5.0, 20.0)},
    ),
    "implicit's BPR": (
        "implicit",
        peers.bpr,
        {"factors": (64, 128), "learning_rate": (0.01, 0.05), "iterations": (100, 300)},
    ),
    "TruncatedSVD": ("", peers.truncated_svd, {"n_components": (16, 32, 64, 128, 256)}),
    "ELSA": ("elsa", peers.elsa, {"n_dims": (128, 256), "epochs": (5, 10, 20)}),
    "SANSA": ("sansa", peers.sansa, {"l2": (5.0, 20.0, 80.0), "density": (1e-2,)}),
    "item cosine": ("", ev.item_cosine, {}),
    "popularity": ("", ev.popularity, {}),
}


def thinned(split: ev.Split, people: int) -> ev.Split:
    """With that many of its people at most."""
    n = split.given.shape[0]
    if n <= people:
        return split
    some = np.sort(np.random.default_rng(0).choice(n, people, replace=False))
    return replace(split, given=split.given[some], held=split.held[some], seen=None)


def best_of_grid(fit: Callable[..., Any], grid: dict[str, tuple[Any, ...]], split: ev.Split) -> Any:
    """The parameters of the highest sum of recall and NDCG."""
    options = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    best = best_of({i: partial(fit, **o) for i, o in enumerate(options)}, split, K)  # type: ignore[arg-type,misc]
    return options[int(best)]


def contenders(
    split: ev.Split, seed: int, widths: tuple[int, ...]
) -> Iterator[tuple[str, Any, float]]:
    """Name, what fits on training likes, and seconds to tune on a fifth of them."""
    inner = thinned(ev.split_random(split.train, random_state=1000 + seed), PEOPLE)
    yield "movieembed, as it comes", ev.movieembed, 0.0
    start = time.perf_counter()
    tried: dict[str, Any] = {"n_components": widths or WIDTHS, "k": K, "split": inner}
    tuned = ev.tune(split.train, **tried, random_state=0, **COMMON)
    seconds = time.perf_counter() - start
    print(f"seed {seed}: movieembed {tuned.parameters()}", flush=True)
    yield "movieembed, tuned", partial(ev.movieembed, **tuned.parameters(), **COMMON), seconds
    if widths:
        start = time.perf_counter()
        search = full_grid(inner, widths)
        at = int(np.argmax([scores.mean() for scores in search.scores]))
        chosen = {name: search.rows[at][name] for name in CHOSEN}
        seconds = time.perf_counter() - start
        print(f"seed {seed}: movieembed, full grid {chosen}", flush=True)
        yield "movieembed, full grid", partial(ev.movieembed, **chosen, **COMMON), seconds
    for name, (package, fit, grid) in GRIDS.items():
        embedded = int((split.train.item_counts > 0).sum())
        if available(package) if package else name == "dense EASE" and embedded > peers.MOST_DENSE:
            print(f"{name}: left out", flush=True)
            continue
        start = time.perf_counter()
        chosen = best_of_grid(fit, grid, inner) if grid else {}
        seconds = time.perf_counter() - start if grid else 0.0
        print(f"seed {seed}: {name} {chosen}", flush=True)
        yield name + (", tuned" if grid else ""), partial(fit, **chosen), seconds


def full_grid(split: ev.Split, widths: tuple[int, ...]) -> Search:
    """All of movieembed's parameters in all combinations, measured on one split."""
    search = Search(
        [split], list(POWERS), list(FACTORS), list(STEPS), K, {**COMMON, "random_state": 0}
    )
    for width, weighting in itertools.product(widths, WEIGHTINGS):
        search.fit(width, weighting)
        for power, factor, steps in itertools.product(POWERS[1:], FACTORS, STEPS):
            search.measure(power, factor, steps)
    return search


def best_on_the_test_parts(splits: list[ev.Split], widths: tuple[int, ...]) -> dict[str, Any]:
    """Recall and NDCG of the setting of a full grid whose NDCG over all splits is highest."""
    setting = [*(name for name in CHOSEN if name != "regularization"), "factor"]
    tables = [pd.DataFrame(full_grid(split, widths).rows) for split in splits]
    # A search tries some settings twice.
    rows = pd.concat([table.drop_duplicates(setting) for table in tables])
    table = rows.groupby(setting).mean()
    best = table.loc[table["ndcg"].idxmax()]
    print(f"best on the test part: {dict(zip(table.index.names, best.name, strict=True))}")
    return {f"recall@{K}": best["recall"], f"ndcg@{K}": best["ndcg"]}


def measured(split: ev.Split, seed: int, widths: tuple[int, ...]) -> pd.DataFrame:
    rows = {}
    for name, fit, seconds in contenders(split, seed, widths):
        reset_peak()
        before = memory(peak=False)
        table = ev.evaluate({name: fit}, split, ks=(K,))
        rows[name] = {**table.loc[name], "tune": seconds, "MB": (memory(True) - before) / 1e6}
        print(f"  {name}: {rows[name][f'ndcg@{K}']:.4f}", flush=True)
    return pd.DataFrame(rows).T


def quality(splits: list[ev.Split], people: int, widths: tuple[int, ...]) -> None:
    splits = [thinned(split, people) for split in splits]
    tables = [measured(split, seed, widths) for seed, split in enumerate(splits)]
    together = pd.concat(tables, keys=range(len(splits)))
    top = best_on_the_test_parts(splits, widths) if widths else {f"ndcg@{K}": np.nan}
    best = top[f"ndcg@{K}"]
    print(f"\n| recommender | recall@{K} | NDCG@{K} | of the best | tune | fit | lists | memory |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name in tables[0].index:
        rows = together.xs(name, level=1)
        cells = []
        for m in (f"recall@{K}", f"ndcg@{K}"):
            spread = f" ± {rows[m].std():.4f}" if len(splits) > 1 else ""
            cells.append(f"{rows[m].mean():.4f}{spread}")
        cells.append(f"{rows[f'ndcg@{K}'].mean() / best:.1%}")
        cells += [f"{rows[m].median():.2f} s" for m in ("tune", "fit_seconds", "recommend_seconds")]
        cells.append(f"{rows['MB'].median():.0f} MB")
        print(f"| {name} | " + " | ".join(cells) + " |")
    if widths:
        print(f"| the best of the grid | {top[f'recall@{K}']:.4f} | {best:.4f} | 100.0% | | | | |")


def read_part(path: str) -> sp.csr_array:
    """Of .npz, or of lines with a user and their items."""
    if path.endswith(".npz"):
        return sp.csr_array(sp.load_npz(path))
    lines = [line.split() for line in Path(path).read_text().splitlines() if line.strip()]
    users = np.repeat([int(line[0]) for line in lines], [len(line) - 1 for line in lines])
    items = np.array([int(item) for line in lines for item in line[1:]], dtype=np.int64)
    return sp.csr_array((np.ones(len(items), dtype=np.float32), (users, items)))


def split_of_pair(train: str, test: str) -> ev.Split:
    """Of a published training and test part, of the same users and items."""
    matrix, held = read_part(train), read_part(test)
    shape = np.maximum(matrix.shape, held.shape)
    for part in (matrix, held):
        part.resize(*shape)
    asked = np.flatnonzero(np.diff(held.indptr))
    likes = me.Likes.from_matrix(matrix, users=np.arange(matrix.shape[0]))
    return ev.Split(likes, likes.matrix[asked], held[asked])


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--data", help="MovieLens folder; by default MovieLens small")
    p.add_argument("--table", help="a ratings table instead: .csv or .parquet")
    p.add_argument("--threshold", type=float, default=4.0, help="of the table")
    p.add_argument("--shape", choices=SHAPES, help="seeded likes instead")
    p.add_argument("--pair", nargs=2, metavar="FILE", help="published training and test parts")
    p.add_argument("--seeds", type=int, default=1)
    p.add_argument("--people", type=int, default=PEOPLE, help="lists of the test part at most")
    p.add_argument("--strong", action="store_true", help="hold out users, not likes")
    p.add_argument("--grid", type=int, nargs="*", default=WIDTHS, help="components that are tried")
    args = p.parse_args()
    if args.grid:  # whose lists are for so many people at most: all are measured on the same ones
        args.people = min(args.people, MOST_PEOPLE)
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="implicit")
    print(floor.describe()[1] + "\n")
    if args.pair:
        quality([split_of_pair(*args.pair)], args.people, tuple(args.grid))
        return
    if args.shape:
        likes = me.Likes.from_matrix(SHAPES[args.shape]())
    elif args.table:
        likes = me.Likes.from_ratings(me.read_table(args.table), threshold=args.threshold)
    else:
        likes = me.Likes.from_movielens(data_folder(args.data))
    print(f"{likes}\n")
    split = ev.split_users if args.strong else ev.split_random
    splits = [split(likes, random_state=seed) for seed in range(args.seeds)]
    quality(splits, args.people, tuple(args.grid))


if __name__ == "__main__":
    main()
