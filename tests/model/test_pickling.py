"""Models are copied, pickled and sent before and after any call, and answer the same to the bit."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest

import movieembed as me
from helpers import random_likes, unpickled

cloudpickle = pytest.importorskip("cloudpickle")

LIKES = me.Likes.from_matrix(
    random_likes(60, 16, 0.3, seed=0), titles=[f"Film {i}" for i in range(16)]
)
NEW = random_likes(60, 3, 0.3, seed=1)


def through_joblib(model: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


WAYS: dict[str, Callable[[Any], Any]] = {
    "pickle": unpickled,
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "joblib": through_joblib,
    "cloudpickle": lambda model: unpickled(model, cloudpickle),
}
CALLS: dict[str, Callable[[Any], Any]] = {
    "similar": lambda m: m.similar("Film 3", 5),
    "similar, precision": lambda m: m.similar([1, 2], 5, method="precision"),
    "neighbors": lambda m: m.neighbors(4),
    "recommend": lambda m: m.recommend(["Film 1", "Film 2"], 5),
    "recommend, cosine": lambda m: m.recommend([1, 2], 5, method="cosine"),
    "recommend to many": lambda m: m.recommend(LIKES, 5, regularization=7.0),
    "recommend_users": lambda m: m.recommend_users(LIKES, 2),
    "explain": lambda m: m.explain([1, 2, 3], 5),
    "item_vectors": lambda m: m.item_vectors("precision"),
    "query_vectors": lambda m: m.query_vectors([1, 2], "dot"),
    "fold_in": lambda m: m.fold_in(NEW, LIKES),
    "extend": lambda m: m.extend(NEW, LIKES).embedding_,
    "refit": lambda m: m.refit(LIKES).embedding_,
    "html": lambda m: m._repr_html_(),
}
CALLS_WITH_LIKES: dict[str, Callable[[Any], Any]] = {
    "recommend, refined": lambda m: m.recommend([1, 2], 5, refine=2),
    "recommend, refined diagonal": lambda m: m.recommend(LIKES, 5, refine=8),
    "similar, refined": lambda m: m.similar([1, 2], 5, method="precision", refine=9),
    "fold_in, kept likes": lambda m: m.fold_in(NEW),
    "extend, kept likes": lambda m: m.extend(NEW).recommend([1, 2], 5, refine=2),
}
CASES = [
    *((False, call) for call in CALLS),
    *((True, call) for call in CALLS | CALLS_WITH_LIKES),
]


def fit(keep_likes: bool) -> me.MovieEmbedding:
    steps = "auto" if keep_likes else 0
    model = me.MovieEmbedding(3, random_state=0, tol=1e-4, keep_likes=keep_likes, refine=steps)
    return model.fit(LIKES)


def assert_same(found: Any, wanted: Any) -> None:
    assert type(found) is type(wanted)
    if isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(found, wanted, check_exact=True)
    elif isinstance(wanted, np.ndarray):
        assert found.dtype == wanted.dtype
        assert found.shape == wanted.shape
        assert found.tobytes() == wanted.tobytes()
    elif isinstance(wanted, tuple):
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    else:
        assert found == wanted


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("keep_likes", "call"), CASES)
def test_before_and_after_a_call(keep_likes: bool, call: str, way: str) -> None:
    model, ask = fit(keep_likes), (CALLS | CALLS_WITH_LIKES)[call]
    before = WAYS[way](model)
    wanted = ask(model)
    after = WAYS[way](model)
    if call == "html":  # which numbers its elements anew
        assert "distance to the optimum" in ask(before)
        assert "distance to the optimum" in ask(after)
        return
    for again in (before, after):
        assert again is not model
        assert_same(ask(again), wanted)
    assert_same(ask(model), wanted)
    assert_same(after.embedding_, model.embedding_)
    pd.testing.assert_frame_equal(after.history_, model.history_)


@pytest.mark.parametrize("way", WAYS)
def test_a_model_without_a_fit(way: str) -> None:
    again = WAYS[way](me.MovieEmbedding(3, tol=0.5))
    assert again.get_params() == me.MovieEmbedding(3, tol=0.5).get_params()
    assert not hasattr(again, "embedding_")


def test_what_is_derived_stays_here() -> None:
    model = fit(True)
    size = len(pickle.dumps(model))
    for call in (CALLS | CALLS_WITH_LIKES).values():
        call(model)
    assert len(pickle.dumps(model)) <= size + 2_000  # the tables of titles that were asked for


def test_a_changed_attribute_is_what_answers() -> None:
    model = fit(True)
    before = model.recommend([1, 2], 5)
    other = copy.copy(model)
    other.embedding_ = np.roll(model.embedding_, 1, axis=0)
    assert not other.recommend([1, 2], 5, refine=0).equals(model.recommend([1, 2], 5, refine=0))
    assert_same(model.recommend([1, 2], 5), before)
    other.refine, other.n_jobs = 3, 1
    assert_same(other.recommend([1, 2], 5), other.recommend([1, 2], 5, refine=3))


def test_several_threads_ask_at_once() -> None:
    calls = list((CALLS | CALLS_WITH_LIKES).items())
    calls = [(name, call) for name, call in calls if name not in ("html", "refit")]
    wanted = [call(fit(True)) for _, call in calls]
    for _ in range(3):
        model, together = fit(True), threading.Barrier(4)

        def ask(first: int, model: Any = model, together: Any = together) -> list[Any]:
            together.wait()
            order = [*range(first, len(calls)), *range(first)]
            found = {i: calls[i][1](model) for i in order}
            return [found[i] for i in range(len(calls))]

        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(ask, [0, 0, 5, 9]):
                for one, other in zip(found, wanted, strict=True):
                    assert_same(one, other)


SCRIPT = """
from joblib import Parallel, delayed
import movieembed as me
from movieembed import cooccurrence, evaluation

def names():
    return me.cost, me.cooccurrence, evaluation.tune, cooccurrence

def neighbour(model):
    return model.similar("A", n=1)["title"].tolist()

likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
model = me.MovieEmbedding(1, random_state=0).fit(likes)
found = Parallel(n_jobs=2)([delayed(names)(), delayed(neighbour)(model)])
assert found == [names(), neighbour(model)]
print(found[1])
"""


def test_functions_of_a_script_that_name_the_package() -> None:
    """As joblib sends them to workers, which have not imported the package before."""
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stdout == b"['B']\n"
