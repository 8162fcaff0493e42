"""What do Dask workers on this machine cost, and how much memory does each take?

    python -m bench.questions.cluster [--data FOLDER OF ml-32m]

16 million likes in 16 Parquet files: read and fitted by this process with two threads, and by two
workers with one thread each and 2 GB, which Dask ends when they go beyond. The workers' peak is
that of all runs.

Prediction: the workers do the same work with the same cores. A product besides sends V, 28 MB, to
the scheduler, a worker and from there the other, and one sum of that size back to each: some 150 MB
of copies, 0.1 s at 1.5 GB/s, beside 0.3 s of work. |X|^2 meets all likes in one worker: 1.5 s more.
So 1.7 times this process's time.
"""

from __future__ import annotations

import argparse
from typing import Any

import pandas as pd

import movieembed as me
from bench.lib.harness import Contender, Question, available, memory, parser, run_questions
from bench.lib.twin import LIKED, ratings_files

N_WORKERS = 2
LIMIT = "2GB"


def main() -> None:
    args = parser(__doc__).parse_args()
    if available("distributed"):
        raise SystemExit("this bench needs distributed: pip install 'movieembed[dask]'")
    import distributed

    # First of all, so that no worker begins as a copy of this process.
    with (
        distributed.LocalCluster(
            n_workers=N_WORKERS, threads_per_worker=1, memory_limit=LIMIT, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        run_questions(args, questions(args, client))


def questions(args: argparse.Namespace, client: Any) -> list[Question]:
    """The fit alone, and all from the files."""
    folder = ratings_files(args)

    def read_there() -> me.DistributedLikes:
        return me.DistributedLikes.from_ratings(folder, threshold=LIKED, client=client)

    def read_here() -> me.Likes:
        return me.Likes.from_ratings(pd.read_parquet(folder), threshold=LIKED)

    def fit(likes: Any) -> me.MovieEmbedding:
        return me.MovieEmbedding(
            64, dtype="float32", tol=1e-4, random_state=0, n_jobs=N_WORKERS
        ).fit(likes)

    def check(results: dict[str, Any]) -> None:
        costs = [model.cost_ for model in results.values()]
        if abs(costs[0] - costs[1]) > 1e-4 * costs[0]:
            raise RuntimeError(f"the costs differ: {costs}")

    def iterations(model: me.MovieEmbedding) -> str:
        return f"{model.n_iter_} iterations, cost {model.cost_:.6g}"

    def peaks(model: me.MovieEmbedding) -> str:
        most = client.run(memory, True)
        return (
            iterations(model)
            + "; workers' peak "
            + " and ".join(f"{value / 1e9:.2f} GB" for value in most.values())
        )

    # The files first: then the peak holds the reading.
    there = read_there()
    here = read_here()
    return [
        Question(
            "fit, d = 64",
            [
                Contender("this process", lambda: fit(here), note=iterations),
                Contender("two workers", lambda: fit(there), note=peaks),
            ],
            check,
            rounds=4,
        ),
        Question(
            "Parquet to model",
            [
                Contender("this process", lambda: fit(read_here()), note=iterations),
                Contender("two workers", lambda: fit(read_there()), note=peaks),
            ],
            check,
            rounds=4,
        ),
    ]


if __name__ == "__main__":
    main()
