"""The study's runs: which films, optimisers and numbers of components, checked and run."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from movieembed._base.memory import memory
from movieembed._base.progress import progress_bar
from movieembed._base.threads import resolve_n_jobs, serial_blas
from movieembed._base.validation import as_generator, check_count
from movieembed.data.given_cooccurrence import Cooccurrence
from movieembed.data.likes import Likes
from movieembed.exceptions import AmbiguousTitleError, ItemNotFoundError, ParameterError
from movieembed.model.taste import why_unembedded
from movieembed.operators.build import operator_of
from movieembed.operators.cpu import CpuOperator
from movieembed.solvers import SOLVERS, HistoryEntry
from movieembed.study.comparison import Columns, Comparison, Setting, stable_rates
from movieembed.study.tables import Study, as_study, film_name

FILMS = ("Apollo 13 (1995)", "Toy Story (1995)", "Home Alone (1990)")
"""The films whose neighbours the exercise asks for."""
EXACT = ("gd", "momentum", "adam", "lbfgs", "als", "eigen")
ADAM_RATES = (0.01, 0.1, 1.0, 10.0)
# The optimisers and rates that did best in the published run at d = M.
WIDE = (Setting("momentum", 1e-5), Setting("adam", 0.1), Setting("eigen", "none"))
# Arrays of M x d that a run at d = M holds at once, measured with Adam.
WIDE_ARRAYS = 18


class Plan(NamedTuple):
    """What runs at one number of components d."""

    d: int
    wide: bool
    settings: Sequence[Setting]
    iterations: int
    patience: float  # seconds after which a run ends with the iteration it is at


def run_study(
    likes: Likes | Cooccurrence,
    *,
    components: Sequence[int | str] = (10, 50, "M"),
    momentum_rates: Sequence[float] | None = None,
    adam_rates: Sequence[float] = ADAM_RATES,
    exact: Sequence[str] = EXACT,
    iterations: int = 300,
    wide_iterations: int | None = None,
    patience: float = 60.0,
    films: Sequence[Hashable] | None = None,
    random_state: Any = 0,
    n_jobs: int | None = None,
    progress: bool | None = None,
) -> Study:
    """Run the optimisers of the exercise, and ours, and compare what they find.

    Parameters
    ----------
    likes : Likes or Cooccurrence
    components : sequence of int or "M", default=(10, 50, "M")
        Numbers of components. "M", the number of items, is the published notebook's choice: there
        an iteration costs 3 M^3 flops, so only momentum at 1e-5 and Adam at 0.1 run, in float32,
        for `patience` seconds each; and the eigenvalue solver, which is exact.
    momentum_rates : sequence of float, optional
        Learning rates of gradient descent with momentum 0.9. By default four from the curvature:
        one beyond what is stable, one within it, a tenth and a hundredth of that.
    adam_rates : sequence of float
    exact : sequence of str
        Solvers that run with the exact line search, or have no step to choose.
    iterations : int, default=300
        Most iterations of a run.
    wide_iterations : int, optional
        The same at "M"; 20 is what the notebook did. By default as many as `patience` allows.
    patience : float, default=60.0
        Seconds after which a run at "M" ends, with the iteration that it is at.
    films : sequence of id or title, optional
        Whose neighbours are listed. By default the exercise's three; where one is missing, the most
        liked stands in.
    random_state : int, Generator or None, default=0
        For the start, N(0, 0.5^2) in every entry, one for all runs of a d.
    n_jobs : int, optional
        Threads; None and -1 use all cores.
    progress : bool, optional
        A bar over the runs; None shows one where standard error is a terminal.

    Returns
    -------
    Study

    Raises
    ------
    ValueError, TypeError
        When an option is not what is documented, nobody likes two items, or "M" does not fit into
        the machine's memory.
    ItemNotFoundError, AmbiguousTitleError
        For `films` that are given.

    Notes
    -----
    Below d = M, memory is linear in the likes and M d, and items that nobody shares are left out:
    they are zero at the optimum. At d = M they start at random too, as in the exercise, and some 18
    arrays of M x d float32 are held: 6.4 GB for MovieLens small. No list names them.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> from movieembed.study import run_study
    >>> matrix = np.random.default_rng(0).random((60, 20)) < 0.3
    >>> likes = me.Likes.from_matrix(matrix.astype("f4"), titles=[f"Film {i}" for i in range(20)])
    >>> study = run_study(likes, components=(2,), iterations=30)
    >>> sorted(set(study.costs["optimizer"]))
    ['adam', 'als', 'eigen', 'gd', 'lbfgs', 'momentum']
    """
    iterations = check_count(iterations, "iterations")
    if wide_iterations is not None:
        wide_iterations = check_count(wide_iterations, "wide_iterations")
        patience = float("inf")
    elif not patience > 0:
        raise ParameterError(f"patience must be a positive number, not {patience!r}", "patience")
    for name in exact:
        if name not in SOLVERS:
            raise ValueError(f"exact must name solvers of {sorted(SOLVERS)}, not {name!r}")
    widths = check_components(components, likes.n_items)
    threads = resolve_n_jobs(n_jobs)
    started = time.perf_counter()
    with serial_blas():
        op = operator_of(likes, np.float64, threads)
        if op.n_items < 2:
            raise ValueError("no two items are liked by the same user: there is nothing to study")
        columns, notes = choose_films(likes, op.active, films)
        if momentum_rates is None:
            momentum_rates = stable_rates(op)
        narrow = [Setting("momentum", check_rate(rate)) for rate in momentum_rates]
        narrow += [Setting("adam", check_rate(rate)) for rate in adam_rates]
        narrow += [exact_setting(name) for name in exact]
        plan = [
            Plan(d, True, WIDE, wide_iterations or iterations, patience)
            if wide
            else Plan(d, False, narrow, iterations, float("inf"))
            for d, wide in widths
        ]
        generators = as_generator(random_state).spawn(len(plan))
        comparisons = run_all(
            likes, op, columns, list(zip(plan, generators, strict=True)), progress
        )
    facts = {
        **counts_of(likes),
        "items_in_common": op.n_items,
        "zero_cost": op.frobenius_squared,
        "iterations": iterations,
        "wide_iterations": wide_iterations,
        "patience": patience if wide_iterations is None else None,
        "random_state": random_state if isinstance(random_state, int) else None,
        "seconds": time.perf_counter() - started,
    }
    return as_study(likes, columns, comparisons, notes, facts)


def counts_of(likes: Likes | Cooccurrence) -> dict[str, int]:
    """How much data there is."""
    if isinstance(likes, Cooccurrence):
        return {"items": likes.n_items, "pairs": likes.n_pairs}
    return {"users": likes.n_users, "items": likes.n_items, "likes": likes.n_likes}


def run_all(
    likes: Likes | Cooccurrence,
    op: CpuOperator,
    films: Columns,
    plan: Sequence[tuple[Plan, np.random.Generator]],
    progress: bool | None,
) -> list[Comparison]:
    """Run every setting of the plan, each d from a start of its own, with a bar over the runs."""
    n_runs = sum(len(part.settings) for part, _ in plan)
    comparisons = []
    with progress_bar(n_runs, "study", "run", progress, miniters=0, leave=True) as bar:
        for part, rng in plan:
            bar.set_postfix_str(f"d={part.d}, the optimum")
            comparison = Comparison(likes, op, films, part.d, part.wide, rng)
            for setting in part.settings:
                comparison.run(setting, part.iterations, watch(bar, setting, part))
                bar.update()
            comparison.forget()
            comparisons.append(comparison)
    return comparisons


def choose_films(
    likes: Likes | Cooccurrence, active: Columns, films: Sequence[Hashable] | None
) -> tuple[Columns, list[str]]:
    """Columns of the films, and a note for each of the default films that had to be replaced."""
    index = likes.item_index()
    popular = active[np.argsort(-likes.item_counts[active], kind="stable")]
    if films is not None:
        columns = list(dict.fromkeys(index.resolve_many(list(films)).tolist()))
        if not columns:
            raise ValueError("films is empty: name at least one")
        for column in columns:
            if column not in active:
                raise ValueError(why_unembedded(index, likes.item_counts, column))
        return np.array(columns), []
    wanted: dict[str, int | None] = {}
    for film in FILMS:
        try:
            column = index.resolve(film)
        except (ItemNotFoundError, AmbiguousTitleError):
            column = -1
        wanted[film] = column if column in active else None
    taken = [column for column in wanted.values() if column is not None]
    spare = (int(column) for column in popular if column not in taken)
    notes = []
    for film, found in wanted.items():
        if found is None and (stand_in := next(spare, None)) is not None:
            wanted[film] = stand_in
            notes.append(
                f"{film} is not among the films that can be compared here; "
                f"{film_name(likes, stand_in)}, which is among the most liked, stands in for it."
            )
    return np.array([column for column in wanted.values() if column is not None]), notes


def check_components(components: Sequence[int | str], n_items: int) -> list[tuple[int, bool]]:
    """Each number of components d, checked, with whether it stands for "M", the wide one."""
    if not components:
        raise ParameterError("components is empty: name at least one number", "components")
    if len(set(components)) < len(components):
        message = f"components names one twice: {', '.join(map(str, components))}"
        raise ParameterError(message, "components")
    widths = []
    for d in components:
        if isinstance(d, str):
            if d != "M":
                raise ValueError(f"components must be positive integers or 'M', not {d!r}")
            check_memory(n_items)
            widths.append((n_items, True))
        elif check_count(d, "components") != n_items or "M" not in components:
            widths.append((d, False))
    return widths


def exact_setting(name: str) -> Setting:
    """A setting of a solver that finds its own step, or has none to choose."""
    return Setting(name, "exact" if SOLVERS[name].uses_learning_rate else "none")


def check_rate(rate: Any) -> float:
    """A learning rate as a positive finite float."""
    if isinstance(rate, bool) or not np.isfinite(rate) or rate <= 0:
        raise ValueError(f"learning rates must be positive numbers, not {rate!r}")
    return float(rate)


def watch(bar: Any, setting: Setting, part: Plan) -> Callable[[HistoryEntry], bool]:
    """A callback that tells the bar what is going on, and ends a run that takes too long."""

    def tell(entry: HistoryEntry) -> bool:
        what = f"d={part.d} {setting.optimizer} {setting.rate}, iteration {entry.iteration}"
        bar.set_postfix_str(what, refresh=False)
        bar.update(0)
        return entry.iteration > 0 and entry.seconds >= part.patience

    return tell


def check_memory(n_items: int) -> None:
    """Refuse "M" where that would only be found out when the machine runs out of memory."""
    needed = WIDE_ARRAYS * 4 * n_items**2
    there = memory()
    if there is not None and needed > there:
        raise ValueError(
            f"components='M' needs some {needed / 1e9:,.0f} GB of memory for {n_items:,} items, "
            f"and this machine has {there / 1e9:,.0f} GB: leave it out"
        )
