from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pytest

import movieembed._core as _core
from find_movielens import HOW, REASON, find_movielens, missing
from helpers import dask_client, returned
from movieembed.data.likes import Likes
from movieembed.data.movielens import load_movielens

T = TypeVar("T")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once how to get the data that skipped tests need."""
    skipped = terminalreporter.stats.get("skipped", [])
    if n := sum(REASON in str(report.longrepr) for report in skipped):
        terminalreporter.line(f"{n} tests were skipped: {HOW}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests, which slow_tests.txt names; whatever their file and parameters."""
    listed = Path(__file__).with_name("slow_tests.txt").read_text(encoding="utf-8").split("\n")
    slow = {line for line in listed if line and not line.startswith("#")}
    for item in items:
        if getattr(item, "originalname", item.name) in slow:
            item.add_marker("slow")


@pytest.fixture(scope="session")
def movielens_small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of MovieLens ml-latest-small; without it, tests that pin its facts are skipped."""
    folder = find_movielens(tmp_path_factory.mktemp("movielens"))
    return folder or missing()


@pytest.fixture(scope="session")
def ratings_movies(movielens_small: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    return load_movielens(movielens_small)


@pytest.fixture(scope="session")
def small_likes(ratings_movies: tuple[pd.DataFrame, pd.DataFrame]) -> Likes:
    ratings, movies = ratings_movies
    return Likes.from_ratings(ratings, threshold=4.0, items=movies)


@pytest.fixture(scope="session")
def demo_likes() -> Likes:
    """Likes with genres and sequels in them, for tests that pin no fact of MovieLens."""
    return Likes.from_movielens("demo")


@pytest.fixture(scope="session")
def pickle_roundtrip() -> Iterator[Callable[[T], T]]:
    """To a worker process and back, as joblib and multiprocessing send what they work on."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        yield lambda x: pool.submit(returned, x).result()


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A Dask client with two workers in this process."""
    with dask_client(2) as client:
        yield client


@pytest.fixture(params=_core.gather_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each variant of the loops that this machine can run."""
    before = _core.gather_isa()
    _core.use_gather_isa(request.param)
    assert _core.gather_isa() == request.param
    yield request.param
    _core.use_gather_isa(before)
