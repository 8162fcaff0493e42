"""What a study found, as plain tables made from its runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from movieembed.data.given_cooccurrence import Cooccurrence
from movieembed.data.likes import Likes
from movieembed.solvers import HistoryEntry
from movieembed.study.comparison import LIST, Columns, Comparison, Run

KEY = ["components", "optimizer", "learning_rate"]
"""The columns that name a run in every table."""
# Below this part of the cost of the zero embedding an optimum counts as 0, and distances are
# relative to that cost instead.
NOTHING = 1e-9


@dataclass(frozen=True)
class Study:
    """The tables of a study: what `run_study` found, and of what data.

    Attributes
    ----------
    films : DataFrame
        item, title of the films whose neighbours are listed.
    optima : DataFrame
        A row a d: components, wide, cost (the lowest known), scale (what distances are relative
        to: that cost, or the cost of the zero embedding where it is 0), reason, seconds, margin
        (the mean difference between the cosines at the tenth and eleventh place).
    history : DataFrame
        components, optimizer, learning_rate, iteration, cost, gradient_norm, seconds.
    costs : DataFrame
        A row a run: components, optimizer, learning_rate, start, cost, distance, iterations,
        seconds, outcome: "converged", "exact", "stopped" at the last iteration, or "diverged".
    neighbors : DataFrame
        components, optimizer, learning_rate, film, rank, item, title, cosine. Diverged runs have
        none.
    overlap : DataFrame
        A row a run: how many films of its lists are in the optimum's (a column a film, and their
        mean), the mean shared with the other runs of its d, and with the optimum of every d; the
        mean difference of the cosines; and of the vectors, before and after the best rotation.
    notes : tuple of str
        What a reader should know of the films and settings.
    facts : dict
        Sizes of the data, and the options.

    Examples
    --------
    >>> import movieembed as me
    >>> from movieembed.study import run_study
    >>> likes = me.Likes.from_matrix([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1]])
    >>> study = run_study(likes, components=(1,), iterations=20, films=[0], progress=False)
    >>> study.costs.columns[:3].tolist()
    ['components', 'optimizer', 'learning_rate']
    """

    films: pd.DataFrame
    optima: pd.DataFrame
    history: pd.DataFrame
    costs: pd.DataFrame
    neighbors: pd.DataFrame
    overlap: pd.DataFrame
    notes: tuple[str, ...]
    facts: dict[str, Any]


def of_run(table: pd.DataFrame, run: Any) -> pd.DataFrame:
    """Rows of a table that belong to a run: a mapping, or a row of another table, with its KEY."""
    return table[(table[KEY] == [run[name] for name in KEY]).all(axis=1)]


def as_study(
    likes: Likes | Cooccurrence,
    films: Columns,
    comparisons: Sequence[Comparison],
    notes: Sequence[str],
    facts: dict[str, Any],
) -> Study:
    """The study of runs, and of what is known of it already."""
    zero_cost = facts["zero_cost"]
    optima = pd.DataFrame([_optimum(c, zero_cost) for c in comparisons])
    scales = dict(zip(optima["components"].tolist(), optima["scale"].tolist(), strict=True))
    names = [film_name(likes, column) for column in films.tolist()]
    if len(set(names)) < len(names):  # titles repeat; ids do not
        names = [f"{n} [{item}]" for n, item in zip(names, likes.items[films], strict=True)]
    costs, history, overlaps = [], [], []
    neighbors: list[dict[str, Any]] = []
    for comparison in comparisons:
        for run in comparison.runs:
            setting = run.setting
            key = dict(zip(KEY, (comparison.d, setting.optimizer, setting.rate), strict=True))
            distance = np.inf
            if run.outcome != "diverged":
                distance = (run.cost - comparison.cost) / scales[comparison.d]
            costs.append(key | _ending(run, distance))
            history += [key | entry._asdict() for entry in run.history]
            neighbors += [key | row for row in _lists(likes, names, run)]
            overlaps.append(
                key | {"distance": distance} | _overlaps(names, comparison, run, comparisons)
            )
    list_columns = ["film", "rank", "item", "title", "cosine"]
    return Study(
        films=pd.DataFrame({"item": likes.items[films], "title": names}),
        optima=optima,
        history=pd.DataFrame(history, columns=[*KEY, *HistoryEntry._fields]),
        costs=pd.DataFrame(costs),
        neighbors=pd.DataFrame(neighbors, columns=[*KEY, *list_columns]),
        overlap=pd.DataFrame(overlaps),
        notes=tuple(notes),
        facts=facts,
    )


def film_name(likes: Likes | Cooccurrence, column: int) -> str:
    """The title of a column, or its id where it has none."""
    title = "" if likes.titles is None else str(likes.titles[column])
    return title or str(likes.items.tolist()[column])


def shared(a: Columns | None, b: Columns | None) -> list[float]:
    """How many places of ten the lists of each film have in common; NaN where there is no list.

    Where there are fewer than ten films to list, the part of them that is common counts.
    """
    if a is None or b is None:
        return []
    result = []
    for one, other in zip(a[:, :LIST], b[:, :LIST], strict=True):
        ours, theirs = set(one[one >= 0].tolist()), set(other[other >= 0].tolist())
        most = max(len(ours), len(theirs))
        result.append(LIST * len(ours & theirs) / most if most else np.nan)
    return result


def _mean(values: Sequence[float]) -> float:
    """The mean of the finite values; NaN where there are none."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else np.nan


def _optimum(comparison: Comparison, zero_cost: float) -> dict[str, Any]:
    """The row of a d in the table of optima."""
    cost = comparison.cost
    return {
        "components": comparison.d,
        "wide": comparison.wide,
        "cost": cost,
        "scale": cost if cost > NOTHING * zero_cost else zero_cost,
        "rank": int(comparison.optimum.V.shape[1]),
        "reason": comparison.optimum.reason,
        "iterations": comparison.optimum.n_iter,
        "seconds": comparison.seconds,
        "margin": comparison.margin,
    }


def _ending(run: Run, distance: float) -> dict[str, Any]:
    """How a run ended, for its row in the table of costs."""
    return {
        "start": run.history[0].cost,
        "cost": run.cost,
        "distance": distance,
        "iterations": run.history[-1].iteration,
        "seconds": run.history[-1].seconds,
        "outcome": run.outcome,
    }


def _lists(likes: Likes | Cooccurrence, names: Sequence[str], run: Run) -> Iterator[dict[str, Any]]:
    """Rows of a run in the table of neighbours, a film after the other."""
    if run.found is None or run.cosines is None:
        return
    ids = likes.items.tolist()
    for name, found, cosines in zip(names, run.found, run.cosines, strict=True):
        for rank, (column, cosine) in enumerate(zip(found.tolist(), cosines, strict=True), 1):
            if column >= 0:
                yield {
                    "film": name,
                    "rank": rank,
                    "item": ids[column],
                    "title": film_name(likes, column),
                    "cosine": float(cosine),
                }


def _overlaps(
    names: Sequence[str], comparison: Comparison, run: Run, comparisons: Sequence[Comparison]
) -> dict[str, Any]:
    """What the lists of a run share with the optimum's and with those of other runs."""
    with_optimum = shared(run.found, comparison.found) or [np.nan] * len(names)
    others = [other for other in comparison.runs if other is not run and other.found is not None]
    among = [_mean(shared(run.found, other.found)) for other in others]
    return {
        **dict(zip(names, with_optimum, strict=True)),
        "overlap": _mean(with_optimum),
        "among_settings": _mean(among),
        **{f"optimum_d{c.d}": _mean(shared(run.found, c.found)) for c in comparisons},
        "cosine_difference": run.cosine_difference,
        "vector_difference": run.vector_difference,
        "aligned_difference": run.aligned_difference,
    }
