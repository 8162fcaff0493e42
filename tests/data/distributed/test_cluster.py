"""What a Dask cluster does wrong becomes one error, at once."""

from __future__ import annotations

import contextvars
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from cluster_ratings import die
from helpers import dask_client
from movieembed import evaluation
from movieembed.data.distributed.cluster import Cluster, add, tree
from movieembed.data.likes import Likes

distributed = pytest.importorskip("distributed")
dask = pytest.importorskip("dask")
dd = pytest.importorskip("dask.dataframe")


@pytest.fixture(scope="module")
def likes() -> Likes:
    return Likes.from_matrix((np.random.default_rng(0).random((60, 20)) < 0.4).astype(float))


def work(likes: Likes, there: me.DistributedLikes, client: Any) -> list[Callable[[], Any]]:
    """All that asks something of a cluster."""
    model = me.MovieEmbedding(2, random_state=0).fit(likes)
    return [
        lambda: me.MovieEmbedding(2, random_state=0).fit(there),
        lambda: model.recommend_users(there),
        lambda: evaluation.split_random(there),
        lambda: me.cooccurrence_sums(there),
        lambda: me.cooccurrence_top_k(there, 3, items=[0]),
        lambda: me.DistributedLikes.from_likes(likes, client=client),
    ]


# Clients.


def test_clients(likes: Likes, client: Any) -> None:
    assert Cluster().client is client
    assert Cluster(client).client is client
    assert Cluster(client).n_workers() == 2
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as other:
        for source in (other, other.scheduler_address):
            cluster = Cluster(source)
            assert cluster.client is not client
            assert cluster.address == other.scheduler_address
            assert cluster.n_workers() == 1
            # Outside of the client's `with`, which sets it for this context.
            assert contextvars.Context().run(Cluster).client is client
            cluster.close()
            assert cluster.client.status == "closed"
    Cluster(client).close()
    assert client.status == "running"


def test_likes_with_a_client_of_their_own(
    likes: Likes, tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bars too need no client but that."""
    pd.DataFrame({"user": [1, 1, 2, 2], "item": [1, 2, 1, 2]}).to_parquet(tmp_path / "x.parquet")

    def none() -> None:
        raise ValueError("No clients found")

    monkeypatch.setattr(distributed.client, "default_client", none)
    there = me.DistributedLikes.from_ratings(tmp_path, client=client.scheduler.address)
    try:
        assert len(me.MovieEmbedding(1).fit(likes_of_two()).recommend_users(there, n=1)) == 0
    finally:
        there.cluster.close()


def likes_of_two() -> Likes:
    return Likes.from_matrix(np.ones((2, 2)), items=[1, 2])


def test_no_client(likes: Likes, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise ValueError("No clients found")

    monkeypatch.setattr(distributed, "get_client", none)
    with pytest.raises(ValueError, match="needs a Dask client: make one first"):
        me.DistributedLikes.from_likes(likes)


def test_clients_of_no_use(likes: Likes, client: Any) -> None:
    with distributed.Client(client.scheduler.address, set_as_default=False) as closed:
        pass
    with pytest.raises(me.ClusterError, match="client is closed, or its scheduler is gone"):
        me.DistributedLikes.from_likes(likes, client=closed)
    for wrong in (5, ["tcp://127.0.0.1:1"]):
        with pytest.raises(TypeError):
            me.DistributedLikes.from_likes(likes, client=wrong)
    with pytest.raises(TypeError, match="likes must be Likes, not ndarray"):
        me.DistributedLikes.from_likes(np.ones((2, 2)), client=client)  # type: ignore[arg-type]


def test_an_asynchronous_client(likes: Likes, client: Any) -> None:
    async def use() -> None:
        async with distributed.Client(
            client.scheduler.address, asynchronous=True, set_as_default=False
        ) as own:
            with pytest.raises(ValueError, match="client is asynchronous"):
                me.DistributedLikes.from_likes(likes, client=own)

    client.sync(use)


def test_nobody_answers(likes: Likes) -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "500ms"}),
        pytest.raises(me.ClusterError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
    ):
        me.DistributedLikes.from_likes(likes, client="tcp://127.0.0.1:9")


def test_no_workers(likes: Likes) -> None:
    """Dask waits for some to come, so that clusters may grow: it is said, and then they do."""
    with dask_client(0) as client:
        timer = threading.Timer(0.3, client.cluster.scale, [1])
        with pytest.warns(UserWarning, match="has no workers: what is asked of it waits"):
            assert Cluster(client).n_workers() == 1
        timer.start()
        with pytest.warns(UserWarning, match="has no workers") as warned:
            there = me.DistributedLikes.from_likes(likes, 2, client)
        assert {w.filename for w in warned} == {__file__}
        timer.join()
        assert there.n_likes == likes.n_likes


@pytest.mark.parametrize("losses", [1, 3, 4])
def test_a_step_that_loses_its_inputs_is_tried_again(losses: int, client: Any) -> None:
    left = [distributed.comm.CommClosedError, TimeoutError] * (losses // 2 + 1)

    def attempt() -> str:
        nonlocal losses
        losses -= 1
        if losses >= 0:
            raise left.pop()("the worker went")
        return "done"

    if losses == 4:
        with pytest.raises(me.ClusterError, match=r"lost 4 times in one step: the worker went"):
            Cluster(client).kept(attempt)
    else:
        assert Cluster(client).kept(attempt) == "done"


def hold_on() -> None:
    distributed.Event("movieembed-hold-on").wait(timeout="20s")


def divide(a: int, b: int) -> float:
    return a / b


def test_the_first_failure_ends_the_waiting(client: Any) -> None:
    slow, broken = client.submit(hold_on), client.submit(divide, 1, 0)
    with pytest.raises(ZeroDivisionError):
        Cluster(client).follow([slow, broken], "halves", False)
    assert slow.status == "pending"
    distributed.Event("movieembed-hold-on", client).set()
    slow.result()


# Schedulers that go.


def test_a_cluster_that_is_closed(likes: Likes) -> None:
    with dask_client(1) as client:
        there = me.DistributedLikes.from_likes(likes, 2, client)
        tasks = work(likes, there, client)
        client.cluster.close()
        for task in tasks:
            with pytest.raises(me.ClusterError, match=r"scheduler .*is gone"):
                task()


@pytest.fixture
def scheduler() -> Iterator[tuple[Any, Any]]:
    """A scheduler in a process of its own, with a worker, and a client of it."""
    common = ["--no-dashboard", "--host=127.0.0.1"]
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    scheduler = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port=0", *common],
        **quiet,
    )
    assert scheduler.stderr is not None
    address = next(line.split()[-1] for line in scheduler.stderr if "Scheduler at:" in line)
    threading.Thread(target=scheduler.stderr.read, daemon=True).start()
    one = ["--no-nanny", "--nthreads=1", *common]
    worker = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_worker", address, *one],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with distributed.Client(address) as client:
        client.wait_for_workers(1, timeout=30)
        yield scheduler, client
    for process in (worker, scheduler):
        process.kill()
        process.wait()
    scheduler.stderr.close()


def test_a_scheduler_that_is_killed(likes: Likes, scheduler: Any) -> None:
    process, client = scheduler
    there = me.DistributedLikes.from_likes(likes, 2, client)
    tasks = work(likes, there, client)

    def kill(entry: Any) -> None:
        process.kill()
        process.wait()

    with pytest.raises(me.ClusterError, match=f"scheduler at {client.scheduler.address} is gone"):
        me.MovieEmbedding(2, random_state=0, callback=kill).fit(there)
    for task in tasks:
        with pytest.raises(me.ClusterError, match="is gone"):
            task()


def test_a_scheduler_that_is_killed_while_files_are_read(scheduler: Any) -> None:
    process, client = scheduler
    frame = dd.from_pandas(pd.DataFrame({"user": [1, 2], "item": [1, 2]}), npartitions=1)
    slow = frame.map_partitions(endless, meta=frame._meta)
    timer = threading.Timer(0.5, process.kill)
    timer.start()
    with pytest.raises(me.ClusterError, match="is gone"):
        me.DistributedLikes.from_ratings(slow, client=client)
    timer.join()


def endless(frame: pd.DataFrame) -> pd.DataFrame:
    threading.Event().wait()
    return frame


# What the scheduler lets go of.


def test_futures_that_are_cancelled(likes: Likes) -> None:
    with dask_client(1) as client:
        there = me.DistributedLikes.from_likes(likes, 2, client)
        client.cancel(there.parts)
        with pytest.raises(me.ClusterError, match="has let go of what it was asked for"):
            me.cooccurrence_sums(there)
        again = me.DistributedLikes.from_likes(likes, 2, client)
        assert me.cooccurrence_sums(again)[1].sum() > 0


def test_a_scheduler_that_was_started_again(client: Any) -> None:
    """The client is connected, to one that knows nothing of its futures."""
    lost = distributed.client.FutureCancelledError("key", "scheduler-connection-lost")
    with pytest.raises(me.ClusterError, match="is gone"), Cluster(client).translated(again=True):
        raise lost


# Workers that die.


def test_a_task_that_kills_its_workers(tmp_path: Path) -> None:
    frame = dd.from_pandas(pd.DataFrame({"user": [1, 2], "item": [1, 2]}), npartitions=1)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        dask_client(1, processes=True) as client,
        pytest.raises(me.ClusterError, match=r"2 Dask workers died of the task .*want of memory"),
    ):
        me.DistributedLikes.from_ratings(frame.map_partitions(die, meta=frame._meta), client=client)


# Sums.


@pytest.mark.parametrize("n", [1, 2, 3, 8, 13])
def test_sums_are_of_neighbours(n: int, client: Any) -> None:
    cluster = Cluster(client)
    letters = [chr(97 + i) for i in range(n)]
    assert cluster.result(cluster.total("letters", str.upper, letters)) == "".join(letters).upper()
    tasks, last = tree("letters", str.upper, letters)
    assert len(tasks) == 2 * n - 1
    assert last in tasks
    assert add(("a", 1), ("b", 2)) == ("ab", 3)
