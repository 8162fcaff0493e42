"""What a study found, as plain tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

KEY = ["components", "optimizer", "learning_rate"]
"""The columns that name a run in every table."""


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
