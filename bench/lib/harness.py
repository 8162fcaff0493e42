"""Interleaved, checked and honest timing of a few contenders, printed as one Markdown table.

Each bench states its question and its prediction, builds a list of :class:`Question`, and hands it
to :func:`run_questions`. For each question the harness

1. checks the contenders' results against each other in full, before anything is timed;
2. times them in rounds that alternate their order, an even number of them, so that a drift of the
   machine and the state left by a predecessor fall on all alike; a round is the best of a few runs;
3. reports the median, the ratio of medians to the first contender with the band of the ratios in
   the single rounds, and calls the two "same" unless the band leaves 1.00 out;
4. divides the time by the machine's floor for that work, from rates measured in the same process;
5. runs each contender once more in a fresh process for its peak memory.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from bench.lib import floor

# Idle threads of BLAS and of OpenMP, which others use, spin for some tens of milliseconds before
# they sleep; a contender starts after its predecessor's have.
SETTLE = 0.1


@dataclass
class Contender:
    """One way to the result.

    `run` takes nothing and returns the result. `flops` and `moved` (bytes) are the least that this
    work takes and give its floor. `blas` holds BLAS to so many threads. `note` says what came out.
    `missing` names a package that is not installed: the contender is then listed and skipped.
    """

    name: str
    run: Callable[[], Any]
    flops: float = 0.0
    moved: float = 0.0
    dtype: str = "float64"
    runs: int = 1
    blas: int | None = None
    note: Callable[[Any], str] = lambda result: ""
    missing: str = ""


@dataclass
class Question:
    """Contenders for the same result, ours first, and the check that it is the same."""

    name: str
    contenders: list[Contender]
    check: Callable[[dict[str, Any]], None]
    rounds: int = 6
    unit: str = "s"
    per: float = 1.0  # work units in a run: its time is divided by that


@dataclass(frozen=True)
class Ratio:
    """A contender's time over the first one's."""

    value: float
    low: float
    high: float

    @property
    def differs(self) -> bool:
        return not self.low <= 1.0 <= self.high

    def __str__(self) -> str:
        band = f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"
        return f"**{band}**" if self.differs else f"same, {band}"


@dataclass
class Row:
    question: str
    contender: str
    cells: list[str] = field(default_factory=list)


def ratio_of_medians(base: Sequence[float], other: Sequence[float]) -> Ratio:
    """other / base with the band of the ratios within rounds.

    The band is widened to hold the ratio of medians, which can lie outside it by a hair.
    """
    if len(base) != len(other) or not base:
        raise ValueError(f"need the same rounds of both, not {len(base)} and {len(other)}")
    value = statistics.median(other) / statistics.median(base)
    singles = [b / a for a, b in zip(base, other, strict=True)]
    return Ratio(value, min(*singles, value), max(*singles, value))


def orders(n: int, rounds: int) -> Iterator[list[int]]:
    """Order of n contenders in each round: forwards, then backwards, and so on."""
    if rounds < 2 or rounds % 2:
        raise ValueError(f"rounds must be even and at least 2, not {rounds}")
    for r in range(rounds):
        yield list(range(n)) if r % 2 == 0 else list(range(n))[::-1]


def best_of(run: Callable[[], Any], runs: int, clock: Callable[[], float]) -> float:
    """The shortest of a few runs."""
    times = []
    for _ in range(runs):
        start = clock()
        run()
        times.append(clock() - start)
    return min(times)


@contextmanager
def held(contender: Contender) -> Iterator[None]:
    if contender.blas is None:
        yield
    else:
        with threadpool_limits(contender.blas, user_api="blas"):
            yield


def time_rounds(
    contenders: Sequence[Contender],
    rounds: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
    settle: float = SETTLE,
) -> list[list[float]]:
    """Seconds of each contender in each round."""
    seconds: list[list[float]] = [[] for _ in contenders]
    for order in orders(len(contenders), rounds):
        for i in order:
            time.sleep(settle)
            with held(contenders[i]):
                seconds[i].append(best_of(contenders[i].run, contenders[i].runs, clock))
    return seconds


def memory(peak: bool) -> int:
    """Bytes this process holds, or the most it has held since :func:`reset_peak`.

    Linux carries ru_maxrss over from the parent through fork and exec, so the figures there are
    those of the process's own memory map. Elsewhere both are ru_maxrss.
    """
    status = Path("/proc/self/status")
    if status.exists():
        key = "VmHWM:" if peak else "VmRSS:"
        for line in status.read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def reset_peak() -> None:
    """Forget what loading the data and setting up took, where the system can (Linux)."""
    gc.collect()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def available(package: str) -> str:
    """ "" when the package can be imported, else its name: what `Contender.missing` wants."""
    return "" if find_spec(package) else package


def loadable(package: str) -> str:
    """ "" when the package can be imported, else why not: MKL's library may be out of its sight."""
    if not find_spec(package):
        return package
    try:
        import_module(package)
    except (ImportError, OSError) as error:
        return f"{package} ({str(error).splitlines()[0]})"
    return ""


def parser(doc: str) -> argparse.ArgumentParser:
    """The arguments that every bench takes."""
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--data", help="MovieLens folder; default $MOVIEEMBED_DATA, else " + DEFAULT)
    p.add_argument("--quick", action="store_true", help="two rounds and no memory: a smoke test")
    p.add_argument("--rounds", type=int, help="rounds a question, an even number")
    p.add_argument("--only", help="questions whose name holds this text")
    p.add_argument("--peak-of", help=argparse.SUPPRESS)
    p.add_argument("--carried", type=json.loads, default={}, help=argparse.SUPPRESS)
    return p


DEFAULT = "../shared/data/ml-latest-small beside the repository"


def data_folder(given: str | None) -> Path:
    """The MovieLens folder: the argument, the environment's, or one beside the repository."""
    root = Path(__file__).resolve().parents[2]
    where = given or os.environ.get("MOVIEEMBED_DATA")
    folder = Path(where) if where else root.parent / "shared" / "data" / "ml-latest-small"
    if not folder.exists():
        sys.exit(
            f"No MovieLens data at {folder}. Give its folder with --data or MOVIEEMBED_DATA; "
            "ml-latest-small.zip comes from https://files.grouplens.org/datasets/movielens/"
        )
    return folder


def load_likes(args: argparse.Namespace) -> Any:
    """Likes (rating >= 4) of the MovieLens folder that the arguments name."""
    import movieembed as me

    ratings, movies = me.load_movielens(data_folder(args.data))
    return me.Likes.from_ratings(ratings, threshold=4.0, items=movies)


def run_questions(args: argparse.Namespace, questions: Sequence[Question]) -> None:
    """Check, time and print; or, in a child process, report the memory of one contender."""
    if args.peak_of:
        _report_peak(args.peak_of, questions)
        return
    rates, machine = floor.describe()
    print(machine + "\n")
    print(
        "| question | contender | median | rounds | ratio of medians [rounds] | over floor "
        "| peak memory (added) | result |\n|---|---|---:|---:|---:|---:|---:|---|"
    )
    for question in questions:
        if args.only and args.only not in question.name:
            continue
        for row in measure(args, question, rates):
            print("| " + " | ".join([row.question, row.contender, *row.cells]) + " |", flush=True)
    print(f"\nLoad average at the end: {floor.load()}.")


def measure(args: argparse.Namespace, question: Question, rates: floor.Rates) -> list[Row]:
    present = [c for c in question.contenders if not c.missing]
    results = {}
    for contender in present:
        with held(contender):
            results[contender.name] = contender.run()
    question.check(results)
    rounds = args.rounds or (2 if args.quick else question.rounds)
    seconds = [[s / question.per for s in row] for row in time_rounds(present, rounds)]
    rows = []
    for contender, times in zip(present, seconds, strict=True):
        least = floor.seconds(rates, contender.flops, contender.moved, contender.dtype)
        median = statistics.median(times)
        ratio = "1" if contender is present[0] else str(ratio_of_medians(seconds[0], times))
        peak = "-" if args.quick else peak_in_child(args, question.name, contender.name)
        cells = [
            f"{median:.4g} {question.unit}",
            f"{min(times):.4g} to {max(times):.4g}",
            ratio,
            f"{median * question.per / least:.1f}" if least else "-",
            peak,
            contender.note(results[contender.name]),
        ]
        rows.append(Row(question.name, contender.name, cells))
    for contender in question.contenders:
        if contender.missing:
            skipped = f"skipped: no {contender.missing}"
            rows.append(Row(question.name, contender.name, ["-"] * 5 + [skipped]))
    return rows


def peak_in_child(args: argparse.Namespace, question: str, contender: str) -> str:
    """Peak memory of one run in a fresh process, and what the run added to it.

    `args.carried` goes with it: what a bench found out and its child need not.
    """
    arguments = ["--peak-of", json.dumps([question, contender])]
    arguments += ["--carried", json.dumps(args.carried)]
    if args.data:
        arguments += ["--data", args.data]
    running = sys.modules["__main__"].__spec__
    assert running is not None, "a bench runs as a module: python -m bench.questions.NAME"
    command = [sys.executable, "-m", running.name, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[1:])} failed with code {done.returncode}")
    before, after = json.loads(done.stdout.strip().splitlines()[-1])
    return f"{after / 1e6:,.0f} MB (+{(after - before) / 1e6:,.0f})"


def _report_peak(which: str, questions: Sequence[Question]) -> None:
    question, name = json.loads(which)
    (contender,) = [
        c for q in questions if q.name == question for c in q.contenders if c.name == name
    ]
    reset_peak()
    before = memory(peak=False)
    with held(contender):
        contender.run()
    print(json.dumps([before, memory(peak=True)]))
