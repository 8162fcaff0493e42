"""One optimum, whichever backend looks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from helpers import dask_client
from movieembed.data.likes import Likes
from movieembed.operators.cuda.device import cuda_device

N_FILES = 6
# The data, and the workers of the cluster that fits them.
N_WORKERS = {"MovieLens small": 2, "more likes": 3}


def split_into_files(ratings: pd.DataFrame, folder: Path) -> Path:
    folder.mkdir()
    bounds = np.linspace(0, len(ratings), N_FILES + 1).astype(int)
    for i in range(N_FILES):
        ratings.iloc[bounds[i] : bounds[i + 1]].to_parquet(folder / f"{i}.parquet")
    return folder


@pytest.fixture(scope="module", params=N_WORKERS)
def ratings(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Likes, float, int]:
    """Parquet files, the likes in them, the cost of the best 16 components, and workers."""
    if request.param == "MovieLens small":
        table, _ = request.getfixturevalue("ratings_movies")
    else:
        table, _ = me.synthetic_movielens(6_000, 4_000, 600_000, random_state=0)
    likes = Likes.from_ratings(table, threshold=4.0)
    assert likes.n_likes > (270_000 if len(table) > 500_000 else 48_000)
    # Neither the seed nor the solver of what it is compared with.
    best = me.MovieEmbedding(16, solver="lbfgs", tol=1e-9, max_iter=5000, random_state=1).fit(likes)
    folder = tmp_path_factory.mktemp("ratings") / "files"
    return split_into_files(table, folder), likes, best.cost_, N_WORKERS[request.param]


@contextmanager
def on_workers(folder: Path, n_workers: int) -> Iterator[me.DistributedLikes]:
    with dask_client(n_workers, processes=True):
        yield me.DistributedLikes.from_ratings(folder, threshold=4.0)


@pytest.mark.parametrize("backend", ["cpu", "dask", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_the_same_cost(ratings: tuple[Path, Likes, float, int], backend: str) -> None:
    folder, likes, best, n_workers = ratings
    options: dict[str, Any] = {"tol": 1e-8, "random_state": 0}
    if backend == "dask":
        with on_workers(folder, n_workers) as spread:
            assert len(spread.parts) == n_workers
            assert spread.n_likes == likes.n_likes
            model = me.MovieEmbedding(16, **options).fit(spread)
    else:
        if backend == "cuda":
            try:
                cuda_device()
            except (ImportError, RuntimeError) as error:
                pytest.skip(str(error))
        model = me.MovieEmbedding(16, **options, backend=backend).fit(likes)
    assert model.converged_
    assert model.cost_ == pytest.approx(best, rel=1e-6)
    # What is reported is what the embedding has.
    assert me.cost(likes, model.embedding_) == pytest.approx(model.cost_, rel=1e-9)
