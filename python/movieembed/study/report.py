"""The README.md of a study: the answer, the picture and the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from movieembed.outputs.loss_plots import NAMES
from movieembed.study.answer import number, records
from movieembed.study.runs import LIST

if TYPE_CHECKING:
    from movieembed.study.result import Study

__all__ = ["report"]

COLUMNS = (
    "d",
    "optimiser",
    "learning rate",
    "cost",
    "distance",
    "iterations",
    "seconds",
    "outcome",
    "shared with optimum",
    "with other runs",
)


def report(study: Study) -> str:
    """README.md: the answer, the picture, the tables."""
    facts = study.facts
    seed = "" if facts["random_state"] is None else f", seed {facts['random_state']}"
    costs = study.costs.merge(
        study.overlap[["components", "optimizer", "learning_rate", "overlap", "among_settings"]]
    )
    lines = [
        "# Do the nearest films change with the optimiser?",
        study.answer,
        "![The cost against the iteration, for each optimiser and learning rate](loss.png)",
        "## The data and the runs",
        f"{facts['users']:,} users, {facts['items']:,} items, {facts['likes']:,} likes; "
        f"{facts['items_in_common']:,} items share a user with another. The cost of V = 0 is "
        f"{number(facts['zero_cost'])}.",
        f"Every run of a d starts at the same V, with N(0, 0.5^2) in each entry{seed}, and does at "
        f"most {facts['iterations']:,} iterations (at d = M, {facts['wide_iterations']:,}, in "
        "float32). The optimum is computed from another start. The eigenvalue solver begins with "
        "the best V in the span of its start, so its cost is lower at once.",
        *study.notes,
        "## Optima",
        markdown(
            ("d", "lowest cost", "seconds"),
            [
                (f"{o.components:,}", number(o.cost), f"{o.seconds:.2f}")
                for o in records(study.optima)
            ],
        ),
        "## Costs and shared films",
        "Distance is (cost - optimum) / optimum, or over the cost of V = 0 where the optimum is 0. "
        f"Shared is the mean number of films, of {LIST}, in common with the optimum's lists, and "
        "with the other runs of the same d.",
        markdown(
            COLUMNS,
            [cells(run) for run in records(costs)],
        ),
        "## The lists at the optimum",
        "Those of every run are in neighbors.csv.",
        *optimum_lists(study),
    ]
    return "\n\n".join(lines) + "\n"


def cells(run: Any) -> tuple[str, ...]:
    """A row of the table of costs."""
    known = run.outcome != "diverged"
    return (
        f"{run.components:,}",
        NAMES.get(run.optimizer, run.optimizer),
        "" if run.learning_rate == "none" else run.learning_rate,
        number(run.cost) if known else "",
        f"{run.distance:.1e}" if known else "",
        f"{run.iterations:,}",
        f"{run.seconds:.2f}",
        run.outcome,
        f"{run.overlap:.1f}" if np.isfinite(run.overlap) else "",
        f"{run.among_settings:.1f}" if np.isfinite(run.among_settings) else "",
    )


def optimum_lists(study: Study) -> list[str]:
    """A table a film: its list at each d, from the run that came nearest to the optimum."""
    tables = {}
    for d in study.optima["components"].tolist():
        runs = study.costs[(study.costs["components"] == d)].sort_values("distance")
        best = runs.iloc[0]
        chosen = study.neighbors[
            (study.neighbors["components"] == d)
            & (study.neighbors["optimizer"] == best["optimizer"])
            & (study.neighbors["learning_rate"] == best["learning_rate"])
        ]
        tables[d] = chosen
    parts = []
    for film in study.films["title"]:
        columns = [table.loc[table["film"] == film, "title"].tolist() for table in tables.values()]
        length = max(len(column) for column in columns)
        body = [
            (str(i + 1), *(column[i] if i < len(column) else "" for column in columns))
            for i in range(length)
        ]
        heading = ("", *(f"d = {d:,}" for d in tables))
        parts += [f"### {film}", markdown(heading, body)]
    return parts


def markdown(heading: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (heading, *body)]
    lines = ["| " + " | ".join(row) + " |" for row in escaped]
    return "\n".join([lines[0], "|" + " --- |" * len(heading), *lines[1:]])
