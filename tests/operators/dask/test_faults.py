"""Fits of a Dask cluster of which a part is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import movieembed as me
from helpers import dask_client
from movieembed.data.likes import Likes

distributed = pytest.importorskip("distributed")


def test_a_fit_outlives_a_worker(demo_likes: Likes) -> None:
    """One of two is killed after two iterations."""
    here = me.MovieEmbedding(10, random_state=0).fit(demo_likes)
    killed = []

    def kill(entry: Any) -> None:
        if entry.iteration == 2 and not killed:
            killed.append(next(iter(client.cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    with dask_client(2, processes=True) as client:
        there = me.MovieEmbedding(10, random_state=0, backend="dask", callback=kill)
        there.fit(demo_likes)
    assert killed
    assert there.n_iter_ > 2
    assert there.cost_ == pytest.approx(here.cost_, rel=1e-7)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """The address of one in a process of its own, with a worker; and what kills it."""
    file = tmp_path / "scheduler.json"
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{kind}", *common, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for kind, options in (
            ("scheduler", ["--port", "0"]),
            ("worker", ["--nthreads", "1", "--no-nanny"]),
        )
    ]
    try:
        address = None
        while address is None:
            assert processes[0].poll() is None
            time.sleep(0.05)
            with suppress(FileNotFoundError, json.JSONDecodeError):  # not there, or not whole yet
                address = json.loads(file.read_text())["address"]
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=120)
        yield address, processes[0].kill
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_the_scheduler_is_killed_and_another_process_goes_on(
    demo_likes: Likes, tmp_path: Path, scheduler: tuple[str, Callable[[], None]]
) -> None:
    address, kill = scheduler
    path = tmp_path / "fit.npz"
    options = {"n_components": 10, "random_state": 0, "checkpoint": path}
    history = []

    def killing(entry: Any) -> None:
        history.append(entry)
        if entry.iteration == 3:
            kill()

    spread = me.DistributedLikes.from_likes(demo_likes, 2, client=address)
    with pytest.raises(me.ClusterError, match=f"scheduler at {address} is gone") as raised:
        me.MovieEmbedding(**options, callback=killing).fit(spread)
    assert str(path) in "".join(raised.value.__notes__)
    spread.cluster.close()
    went_on = []
    here = me.MovieEmbedding(**options, callback=went_on.append).fit(demo_likes)
    assert [entry.iteration for entry in history] == [0, 1, 2, 3]
    assert went_on[0].iteration == 3
    assert went_on[0].cost < history[1].cost
    whole = me.MovieEmbedding(10, random_state=0).fit(demo_likes)
    assert here.cost_ == pytest.approx(whole.cost_, rel=1e-7)
    assert not path.exists()


def test_ctrl_c_goes_past_workers_of_this_process(tmp_path: Path) -> None:
    """A terminal, and a notebook, sends it to all of a process group."""
    script = tmp_path / "fit.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, signal
            import distributed, numpy as np
            import movieembed as me

            def press(entry):
                if entry.iteration == 1:
                    os.killpg(0, signal.SIGINT)

            if __name__ == "__main__":
                liked = np.random.default_rng(0).random((50, 30)) < 0.3
                likes = me.Likes.from_matrix(liked.astype(float))
                with distributed.Client(
                    n_workers=2, threads_per_worker=1, dashboard_address=":0"
                ) as client:
                    there = me.DistributedLikes.from_likes(likes, 2)
                    before = set(client.nthreads())
                    model = me.MovieEmbedding(3, random_state=0, callback=press).fit(there)
                    assert set(client.nthreads()) == before
                    print(model.stop_reason_, me.cooccurrence_sums(there)[0].sum() > 0)
            """
        )
    )
    ended = subprocess.run(
        [sys.executable, str(script)],
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout == "interrupted True\n", ended.stderr
