"""Which items are alike, by each method of `similar`, and by implicit's ALS?

    python -m bench.questions.neighbours [--data FOLDER | --table FILE]

At several numbers of components: how many sequels of a film stand among its ten nearest, in how
many lists the commonest neighbour stands, and how alike neighbours found from half of the users
are to the other half.

Prediction: half-weighted people, whose likes say more each, make the better vectors.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import scipy.sparse as sp

import movieembed as me
from bench.lib import floor
from bench.lib.harness import available, data_folder
from movieembed import evaluation as ev
from movieembed.model.neighbors import top_k_neighbors

NEIGHBOR_COMPONENTS = (32, 50, 64, 128)
# Of items that neighbours are asked for, and of neighbours.
MIN_LIKES = 5
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
    args = p.parse_args()
    if args.table:
        likes = me.Likes.from_ratings(me.read_table(args.table))
    else:
        likes = me.Likes.from_movielens(data_folder(args.data))
    print(floor.describe()[1] + f"\n\n{likes}\n")
    neighbours(likes)


if __name__ == "__main__":
    main()
