"""The workers behind a Dask client: tasks by part, their sums, and one error for what is lost."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

from movieembed._base.progress import progress_bar
from movieembed._base.warn import warn_caller
from movieembed.exceptions import ClusterError

Result = TypeVar("Result")

# How often a step is tried whose inputs went with a worker.
ATTEMPTS = 4


class Cluster:
    """A Dask client, and how movieembed uses it.

    Parameters
    ----------
    client : distributed.Client, str, distributed.deploy.Cluster, or None
        A client, the address of a scheduler, a cluster such as a LocalCluster, or None for the
        client that was made last in this process.

    Raises
    ------
    ImportError
        When Dask is not installed.
    ValueError
        When there is no client, or it is an asynchronous one.
    ClusterError
        When no scheduler answers at the address, or the client is closed or its scheduler gone.

    Warns
    -----
    UserWarning
        When the cluster has no workers.
    """

    def __init__(self, client: Any = None) -> None:
        try:
            self.distributed: Any = import_module("distributed")
            self.dask: Any = import_module("dask")
        except ImportError as error:
            raise ImportError(
                "a Dask cluster needs distributed: pip install 'movieembed[dask]'"
            ) from error
        self.owned = False
        if client is None:
            try:
                client = self.distributed.get_client()
            except ValueError:
                raise ValueError(
                    "a Dask cluster needs a Dask client: make one first, as client = "
                    "distributed.Client(address), or distributed.Client() for workers on this "
                    "machine"
                ) from None
        elif not isinstance(client, self.distributed.Client):
            where = client
            try:
                client = self.distributed.Client(where, set_as_default=False)
            except OSError as error:
                raise ClusterError(f"no Dask scheduler answers at {where}: {error}") from error
            self.owned = True
        if client.asynchronous:
            raise ValueError("the Dask client is asynchronous: make one without asynchronous=True")
        if client.status == "closed":
            raise ClusterError(
                "the Dask client is closed, or its scheduler is gone: make a new one"
            )
        self.client = client
        self.address: str = client.scheduler.address
        self.check_there()
        if isinstance(client.cluster, self.distributed.LocalCluster):
            from movieembed.data.distributed.interrupts import OutliveInterrupts

            self.kept(lambda: client.register_plugin(OutliveInterrupts()))
        if not self.kept(client.nthreads):
            warn_caller(
                f"the Dask scheduler at {self.address} has no workers: what is asked of it waits "
                "until one comes"
            )

    def close(self) -> None:
        """Close the client if it was made here."""
        if self.owned:
            self.client.close()

    def n_workers(self) -> int:
        """Return how many workers there are at present, at least 1."""
        self.check_there()
        return max(1, len(self.kept(self.client.nthreads)))

    def submit(self, tasks: dict[Any, Any], wanted: Any) -> Any:
        """Return futures of some keys of a graph, whose literals may be large."""
        # They are sent once, and stay with the scheduler so that what is lost is made again.
        large = {"distributed.admin.large-graph-warning-threshold": 2**62}
        self.check_there()
        with self.dask.config.set(large):
            return self.kept(lambda: self.client.get(tasks, wanted, sync=False))

    def each(
        self, name: str, task: Callable[..., Any], parts: Sequence[Any], *arguments: Any
    ) -> list[Any]:
        """Return futures of one task for each part."""
        key = new_key(name)
        tasks = {(key, i): (task, part, *arguments) for i, part in enumerate(parts)}
        futures: list[Any] = self.submit(tasks, list(tasks))
        return futures

    def total(
        self,
        name: str,
        task: Callable[..., Any],
        parts: Sequence[Any],
        *arguments: Any,
        each: Sequence[Any] | None = None,
        join: Callable[[Any, Any], Any] | None = None,
    ) -> Any:
        """Return the future of the sum over the parts, in a tree of pairs that is always the same.

        `each` holds one more argument for each part.
        """
        tasks, last = tree(name, task, parts, *arguments, each=each, join=join)
        return self.submit(tasks, last)

    def sum_with(
        self,
        name: str,
        task: Callable[..., Any],
        parts: Sequence[Any],
        value: Any,
        *arguments: Any,
        each: Sequence[Any] | None = None,
    ) -> Any:
        """Return the sum over the parts of a task that takes a value of this process besides."""
        sent = self.here(f"{name}-input", value)
        return self.result(self.total(name, task, parts, sent, *arguments, each=each))

    def here(self, name: str, value: Any) -> Any:
        """Return the future of a value of this process, which outlives the workers.

        It is a task that the scheduler keeps: Dask's own `scatter` waits for ever on a worker that
        is lost, and what it has scattered is lost with its workers.
        """
        key = new_key(name)
        return self.submit({key: (itself, value)}, key)

    def result(self, futures: Any) -> Any:
        """Return the result of a future, or of a list of them the list."""
        return self.kept(lambda: self.client.gather(futures))

    def follow(self, futures: Sequence[Any], name: str, progress: bool | None) -> None:
        """Wait for futures behind a bar; the first that fails raises its error here."""
        with progress_bar(len(futures), name, "part", progress) as bar, self.translated():
            for future in self.distributed.as_completed(futures, loop=self.client.loop):
                if future.status in ("error", "cancelled"):
                    future.result()  # of the others it would bring here what they hold
                bar.update()

    def check_there(self) -> None:
        """Raise ClusterError where Dask would wait for a scheduler to come back."""
        if self.client.status != "running":
            raise ClusterError(self._gone())

    def _gone(self) -> str:
        return (
            f"the Dask scheduler at {self.address} is gone, or the client was closed: make a new "
            "client, of a scheduler that runs, and build the likes again"
        )

    def kept(self, attempt: Callable[[], Result]) -> Result:
        """Return the result of a step, tried again where its inputs went with a worker."""
        for left in range(ATTEMPTS, 0, -1):
            with self.translated(again=left > 1):
                return attempt()
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def translated(self, again: bool = False) -> Iterator[None]:
        """Raise ClusterError for what the cluster does wrong; `again` lets a loss pass."""
        scheduler = self.distributed.scheduler
        lost = (TimeoutError, self.distributed.comm.CommClosedError)
        # Of later versions, for those who set distributed.scheduler.no-workers-timeout.
        names = ("NoWorkerError", "NoValidWorkerError")
        none_came = tuple(getattr(scheduler, name) for name in names if hasattr(scheduler, name))
        try:
            yield
        except scheduler.KilledWorker as error:
            count = error.allowed_failures + 1
            raise ClusterError(
                f"{count} Dask worker{'s' * (count > 1)} died of the task {error.task}, for want "
                "of memory perhaps: cut the likes into more parts, or give the workers more"
            ) from error
        except none_came as error:
            raise ClusterError(f"the Dask scheduler at {self.address}: {error}") from error
        except CancelledError as error:
            # A client that found a scheduler again has lost what the last one knew.
            reason = getattr(error, "reason", None)
            if self.client.status != "running" or reason == "scheduler-connection-lost":
                raise ClusterError(self._gone()) from error
            raise ClusterError(
                f"the Dask scheduler at {self.address} has let go of what it was asked for, as "
                f"Client.restart and Future.cancel make it: build the likes again ({error})"
            ) from error
        except lost as error:
            if self.client.status != "running":
                raise ClusterError(self._gone()) from error
            if not again:
                raise ClusterError(
                    f"the workers of the Dask scheduler at {self.address} were lost {ATTEMPTS} "
                    f"times in one step: {error}"
                ) from error
        except OSError as error:  # of a file, or of a connection that nobody takes
            if self.client.status == "running":
                raise
            raise ClusterError(self._gone()) from error


def new_key(name: str) -> str:
    """Return a name for the dashboard that no other step has."""
    return f"movieembed-{name}-{uuid.uuid4().hex}"


def tree(
    name: str,
    task: Callable[..., Any],
    parts: Sequence[Any],
    *arguments: Any,
    each: Sequence[Any] | None = None,
    join: Callable[[Any, Any], Any] | None = None,
) -> tuple[dict[Any, Any], Any]:
    """Return tasks that sum over parts by pairs of neighbours, and the key of the sum."""
    key, joined = new_key(name), new_key(f"{name}-sum")
    extra = [()] * len(parts) if each is None else [(one,) for one in each]
    tasks: dict[Any, Any] = {
        (key, i): (task, part, *extra[i], *arguments) for i, part in enumerate(parts)
    }
    level = list(tasks)
    count = itertools.count()
    while len(level) > 1:
        above = []
        for a, b in zip(level[::2], level[1::2], strict=False):
            above.append((joined, next(count)))
            tasks[above[-1]] = (add if join is None else join, a, b)
        level = above + level[2 * len(above) :]
    return tasks, level[0]


def itself(value: Any) -> Any:
    """Return the value, as a task."""
    return value


def add(a: Any, b: Any) -> Any:
    """Return the sum of two results, or of two tuples of results entry by entry."""
    if isinstance(a, tuple):
        return tuple(x + y for x, y in zip(a, b, strict=True))
    return a + b
