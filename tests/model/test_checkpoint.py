"""A fit that ends before its time, and one that goes on from its checkpoint."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import movieembed as me
from helpers import random_likes
from movieembed.data.likes import Likes
from movieembed.model import checkpoint as checkpoints
from movieembed.model import fitting, npz
from movieembed.operators.weighting import Weighting
from movieembed.solvers.driver import HistoryEntry
from movieembed.solvers.point import Step

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
L = random_likes(200, 60, 0.2, seed=1)


def until(iteration: int) -> Any:
    return lambda entry: entry.iteration >= iteration


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "options",
    [
        {"solver": "eigen", "max_iter": 60},
        {"solver": "als", "max_iter": 500},
        {"solver": "gd", "max_iter": 3000},
        {"solver": "eigen", "item_scaling": "cosine", "user_weighting": 0.5},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_a_fit_goes_on(options: dict[str, Any], dtype: Any, tmp_path: Path) -> None:
    path = tmp_path / "fit.npz"
    options = {"n_components": 5, "tol": 1e-6, "random_state": 0, "dtype": dtype, **options}
    whole = me.MovieEmbedding(**options).fit(L)
    assert whole.converged_
    assert whole.n_iter_ > 3
    first = me.MovieEmbedding(**options, checkpoint=path, callback=until(3)).fit(L)
    assert first.stop_reason_ == "callback"
    assert path.exists()
    costs = []
    second = me.MovieEmbedding(
        **options, checkpoint=path, callback=lambda entry: costs.append(entry.cost)
    ).fit(L)
    assert second.converged_
    assert costs[0] <= first.cost_ * (1 + 1e-5)  # not from a random start
    assert second.cost_ == pytest.approx(whole.cost_, rel=1e-5)
    assert second.history_["iteration"].tolist() == list(range(second.n_iter_ + 1))
    assert second.n_iter_ == len(costs) + 3  # the last is not called back
    assert second.history_["seconds"].is_monotonic_increasing
    assert second.history_["cost"][:4].tolist() == first.history_["cost"].tolist()
    assert not path.exists()
    assert not list(tmp_path.iterdir())


def test_it_is_the_best_embedding_that_is_kept(tmp_path: Path) -> None:
    """A step too long lets the cost rise."""
    path = tmp_path / "fit.npz"
    options = {"n_components": 5, "random_state": 0, "max_iter": 6, "checkpoint": path}
    first = me.MovieEmbedding(**options, solver="adam", learning_rate=0.3).fit(L)
    history = first.history_["cost"]
    assert history.min() < 0.6 * history.iloc[-1]
    assert me.MovieEmbedding(**options, solver="gd").fit(L).cost_ == pytest.approx(history.min())


@pytest.mark.parametrize("n_components", [60, 80])
def test_more_components_than_items(n_components: int, tmp_path: Path) -> None:
    options = {"random_state": 0, "solver": "als", "checkpoint": tmp_path / "fit.npz"}
    me.MovieEmbedding(n_components, **options, callback=until(2)).fit(L)
    again = me.MovieEmbedding(n_components, **options, max_iter=6).fit(L)
    assert again.n_iter_ == 6
    assert again.embedding_.shape == (60, n_components)


def test_iterations_of_before_count(tmp_path: Path) -> None:
    path = tmp_path / "fit.npz"
    options = {"n_components": 5, "random_state": 0, "solver": "gd", "tol": 0, "checkpoint": path}
    me.MovieEmbedding(**options, max_iter=5).fit(L)
    again = me.MovieEmbedding(**options, max_iter=5).fit(L)
    assert again.n_iter_ == 5
    assert me.MovieEmbedding(**options, max_iter=8).fit(L).n_iter_ == 8


def test_the_third_fit_knows_of_the_first(tmp_path: Path) -> None:
    options = {"n_components": 5, "random_state": 0, "checkpoint": tmp_path / "fit.npz"}
    fits = [me.MovieEmbedding(**options, callback=until(stop)).fit(L) for stop in (2, 4, 99)]
    assert fits[2].converged_
    for fit in fits:
        assert fit.history_["iteration"].tolist() == list(range(fit.n_iter_ + 1))
    assert fits[2].history_["cost"][:3].tolist() == fits[0].history_["cost"].tolist()


def test_what_is_on_a_device_is_brought_here(tmp_path: Path) -> None:
    class Device:
        @staticmethod
        def to_host(V: Any) -> Any:
            return V["there"]

    of: Any = (tmp_path / "fit.npz", Likes.from_matrix(L), 5, Weighting())
    best = Step({"there": np.ones((60, 5))}, 2.0, 1.0)
    checkpoints.Checkpoint(*of).keep(Device(), best, HistoryEntry(0, 2.0, 1.0, 0.1))  # type: ignore[arg-type]
    again = checkpoints.Checkpoint(*of)
    assert again.V is not None
    assert (again.V == 1).all()
    assert again.past == [HistoryEntry(0, 2.0, 1.0, 0.1)]


def test_ctrl_c_and_errors_keep_it(tmp_path: Path) -> None:
    def interrupt(entry: Any) -> None:
        if entry.iteration == 4:
            raise KeyboardInterrupt

    def fail(entry: Any) -> None:
        if entry.iteration == 4:
            raise ZeroDivisionError("in the callback")

    options = {"n_components": 5, "random_state": 0, "solver": "gd", "tol": 0, "max_iter": 9}
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    stopped = me.MovieEmbedding(**options, checkpoint=one, callback=interrupt).fit(L)
    assert stopped.stop_reason_ == "interrupted"
    with pytest.raises(ZeroDivisionError) as raised:
        me.MovieEmbedding(**options, checkpoint=two, callback=fail).fit(L)
    assert str(two) in "".join(raised.value.__notes__)
    for path in (one, two):
        again = me.MovieEmbedding(**options, checkpoint=path).fit(L)
        assert again.n_iter_ == 9
        assert again.history_["cost"][:5].tolist() == stopped.history_["cost"].tolist()


@pytest.mark.parametrize("ends", ["callback", "interrupted", "converged"])
def test_an_end_that_fails_keeps_it(
    ends: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last iteration the cost is measured, for which a cluster may be lost too."""

    def end(entry: Any) -> bool:
        if ends == "interrupted" and entry.iteration == 4:
            raise KeyboardInterrupt
        return ends == "callback" and entry.iteration == 4

    def lost(*_: Any) -> float:
        raise me.ClusterError("lost")

    monkeypatch.setattr(checkpoints, "PAUSE", 1e9)  # only the first iteration is written
    path = tmp_path / "fit.npz"
    model = me.MovieEmbedding(5, random_state=0, checkpoint=path, callback=end)
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "final_cost", lost)
        with pytest.raises(me.ClusterError) as raised:
            model.fit(L)
    assert str(path) in "".join(raised.value.__notes__)
    assert not hasattr(model, "embedding_")
    went_on = []
    again = me.MovieEmbedding(5, random_state=0, checkpoint=path, callback=went_on.append).fit(L)
    first = went_on[0].iteration if went_on else again.n_iter_ - 1  # the last is not called back
    assert first >= 4


def test_no_promise_without_a_file(tmp_path: Path) -> None:
    def fail(entry: Any) -> None:
        raise ZeroDivisionError

    model = me.MovieEmbedding(2, checkpoint=tmp_path / "x.npz", init=np.full((60, 2), np.nan))
    with pytest.raises(ValueError, match="init") as raised:
        model.fit(L)
    assert not getattr(raised.value, "__notes__", [])


def test_writing_takes_little_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, written = [0.0], []
    monkeypatch.setattr(checkpoints.time, "perf_counter", lambda: now[0])
    replacing = npz.replacing

    def slow(path: Path) -> Any:
        written.append(now[0])
        now[0] += 1
        return replacing(path)

    def second(entry: Any) -> None:
        now[0] += 1

    monkeypatch.setattr(npz, "replacing", slow)
    me.MovieEmbedding(
        5,
        solver="gd",
        tol=0,
        max_iter=60,
        random_state=0,
        checkpoint=tmp_path / "x.npz",
        callback=second,
    ).fit(L)
    assert written[0] <= 1
    assert np.diff(written[:-1]).min() >= checkpoints.PAUSE
    assert len(written) == 4  # and at the end


KILLED = textwrap.dedent(
    """
    import os, signal, sys
    import numpy as np
    import movieembed as me
    from movieembed.model import checkpoint

    checkpoint.PAUSE = 0  # written after every iteration
    likes = me.Likes.from_movielens("demo")
    def kill(entry):
        if np.load(sys.argv[1])["history"][-1, 0] >= 2:
            os.kill(os.getpid(), signal.SIGKILL)
    me.MovieEmbedding(
        20, solver="als", tol=0, max_iter=10**6, random_state=0,
        checkpoint=sys.argv[1], callback=kill,
    ).fit(likes)
    """
)


def test_the_fitting_process_is_killed(demo_likes: Likes, tmp_path: Path) -> None:
    path = tmp_path / "fit.npz"
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert path.exists()
    costs = []
    resumed = me.MovieEmbedding(
        20, random_state=0, checkpoint=path, callback=lambda entry: costs.append(entry)
    ).fit(demo_likes)
    whole = me.MovieEmbedding(20, random_state=0).fit(demo_likes)
    assert costs[0].iteration >= 2
    assert costs[0].cost < resumed.history_["cost"].iloc[1]
    assert resumed.cost_ == pytest.approx(whole.cost_, rel=1e-7)
    assert not path.exists()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "fit.npz"
    me.MovieEmbedding(5, random_state=0, checkpoint=path, callback=until(2)).fit(L)
    return path


def with_two_likes_exchanged(likes: Any) -> Any:
    """Other likes, with as many of each user and each item."""
    dense = likes.toarray()
    for a, b in itertools.combinations(range(len(dense)), 2):
        only_a, only_b = np.flatnonzero(dense[a] > dense[b]), np.flatnonzero(dense[b] > dense[a])
        if len(only_a) > 1 and len(only_b) > 1:
            here, there = only_a[0], only_b[0]
            dense[a, here] = dense[b, there] = 0
            dense[a, there] = dense[b, here] = 1
            break
    assert (dense.sum(0) == likes.sum(0)).all()
    assert (dense.sum(1) == likes.sum(1)).all()
    return dense


@pytest.mark.parametrize(
    ("options", "likes", "differs"),
    [
        ({"n_components": 6}, L, "n_components"),
        ({"item_scaling": "cosine"}, L, "item_scaling"),
        ({"user_weighting": 0.5}, L, "user_weighting"),
        ({}, L[:-1], "users"),
        ({}, random_likes(200, 60, 0.2, seed=2), "likes of each item"),
        ({}, with_two_likes_exchanged(L), "fit, which differs in who likes what:"),
        ({}, Likes.from_matrix(L, items=[f"i{i}" for i in range(60)]), "item ids"),
    ],
)
def test_another_fit(options: dict[str, Any], likes: Any, differs: str, kept: Path) -> None:
    before = kept.read_bytes()
    model = me.MovieEmbedding(**{"n_components": 5, "random_state": 0, **options}, checkpoint=kept)
    with pytest.raises(ValueError, match=f"another .*{differs}"):
        model.fit(likes)
    assert kept.read_bytes() == before


def spoil(path: Path, **changes: Any) -> None:
    with np.load(path) as loaded:
        arrays = dict(loaded)
    header = json.loads(arrays["header"].tobytes())
    header |= changes.pop("header", {})
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(path, **{**arrays, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"header": {"format": "movieembed-model"}}, "another format"),
        ({"header": {"format_version": 99, "version": "9.0"}}, "movieembed 9.0 wrote it"),
        ({"embedding": np.zeros((3, 3), dtype=np.int32)}, "dtype int32"),
        ({"embedding": np.zeros(3)}, "shape"),
        ({"embedding": np.full((60, 5), np.nan)}, "not finite"),
        ({"embedding": np.zeros((60, 9))}, r"shape \(60, 9\), which is none"),
        ({"embedding": np.array([object()])}, "dtype object"),
        ({"embedding": np.zeros((59, 5))}, r"shape \(59, 5\)"),
        ({"history": np.zeros((2, 3))}, "its history"),
        ({"history": np.zeros((0, 4))}, "no history"),
        ({"history": np.full((1, 4), np.nan)}, "not finite"),
    ],
)
def test_damage(changes: dict[str, Any], message: str, kept: Path) -> None:
    spoil(kept, **changes)
    with pytest.raises(ValueError, match=message) as raised:
        me.MovieEmbedding(5, random_state=0, checkpoint=kept).fit(L)
    assert str(kept) in str(raised.value)


def test_every_truncation(kept: Path) -> None:
    whole = kept.read_bytes()
    for length in [0, 1, 10, *range(100, len(whole), 331), len(whole) - 1]:
        kept.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is not a checkpoint of movieembed"):
            me.MovieEmbedding(5, random_state=0, checkpoint=kept).fit(L)


def test_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no-such does not exist"):
        me.MovieEmbedding(5, checkpoint=tmp_path / "no-such" / "fit.npz").fit(L)
    with pytest.raises(TypeError, match="checkpoint must be a path or None"):
        me.MovieEmbedding(5, checkpoint=True).fit(L)
    with suppress(OSError):
        me.MovieEmbedding(5, checkpoint=tmp_path).fit(L)
    assert tmp_path.is_dir()


def test_a_model_file_does_not_name_it(kept: Path, tmp_path: Path) -> None:
    model = me.MovieEmbedding(5, random_state=0, checkpoint=kept).fit(L)
    model.save(tmp_path / "model.npz")
    assert me.load(tmp_path / "model.npz").checkpoint is None
