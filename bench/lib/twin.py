"""The likes that the large benches run on: MovieLens's, or the seeded twin of MovieLens 32M."""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

import movieembed as me

LIKED = 4.0
N_FILES = 16


def cache() -> Path:
    """Where the twin is kept between runs; set MOVIEEMBED_BENCH_DIR for another place."""
    folder = Path(
        os.environ.get("MOVIEEMBED_BENCH_DIR") or Path(tempfile.gettempdir()) / "movieembed-bench"
    )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def large_likes(args: argparse.Namespace) -> sp.csr_array:
    """Likes of the folder that --data names, or of the twin: some 16 million."""
    if args.data:
        return me.Likes.from_movielens(args.data, threshold=LIKED).matrix
    path = cache() / "twin-likes.npz"
    if not path.exists():
        ratings, movies = me.synthetic_movielens()
        likes = me.Likes.from_ratings(ratings, threshold=LIKED, items=movies)
        replace(path, lambda name: sp.save_npz(name, likes.matrix, compressed=False))
    return sp.csr_array(sp.load_npz(path))


def ratings_folder(args: argparse.Namespace) -> Path:
    """A folder with ratings.csv and movies.csv: that of --data, or the twin's, some 900 MB."""
    if args.data:
        return Path(args.data)
    folder = cache() / "twin"
    if not (folder / "movies.csv").exists():
        write_movielens(folder, *me.synthetic_movielens())
    return folder


def ratings_files(args: argparse.Namespace) -> Path:
    """A folder of Parquet files with the ratings in the order of `ratings_folder`'s."""
    folder = cache() / ("parquet-" + Path(args.data).name if args.data else "twin-parquet")
    if not (folder / f"{N_FILES - 1:02d}.parquet").exists():
        ratings = me.load_movielens(args.data)[0] if args.data else me.synthetic_movielens()[0]
        folder.mkdir(exist_ok=True)
        bounds = np.linspace(0, len(ratings), N_FILES + 1).astype(int)
        for i, (first, last) in enumerate(itertools.pairwise(bounds)):
            rows = ratings.iloc[first:last]
            replace(folder / f"{i:02d}.parquet", rows.to_parquet)
    return folder


def write_movielens(folder: Path, ratings: pd.DataFrame, movies: pd.DataFrame) -> None:
    """Write both tables as MovieLens's own files: ratings with one decimal, ids as integers."""
    import pyarrow as pa
    from pyarrow import csv

    folder.mkdir(parents=True, exist_ok=True)
    plain = csv.WriteOptions(quoting_style="none")
    header = csv.WriteOptions(include_header=False, quoting_style="none")
    stars = pa.array([f"{half / 2:.1f}" for half in range(11)])

    def write_ratings(name: str) -> None:
        with Path(name).open("wb") as file:
            file.write(b"userId,movieId,rating,timestamp\n")
            for start in range(0, len(ratings), 1 << 20):
                part = ratings.iloc[start : start + (1 << 20)]
                halves = np.rint(2 * part["rating"].to_numpy()).astype(np.int32)
                table = pa.table(
                    {
                        "userId": part["userId"].to_numpy(),
                        "movieId": part["movieId"].to_numpy(),
                        "rating": stars.take(pa.array(halves)),
                        "timestamp": part["timestamp"].to_numpy(),
                    }
                )
                csv.write_csv(table, file, header)

    replace(folder / "ratings.csv", write_ratings)
    table = pa.Table.from_pandas(movies, preserve_index=False)
    replace(folder / "movies.csv", lambda name: csv.write_csv(table, name, plain))


def replace(path: Path, write: Any) -> None:
    """Write under a temporary name, then rename: an interrupted run leaves no half file."""
    temporary = path.with_name(f"{path.stem}-{os.getpid()}{path.suffix}")
    write(str(temporary))
    temporary.replace(path)
