"""The files of a study: README.md with the answer and the tables, the picture, and CSV files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from movieembed.outputs.loss_plots import loss_figure
from movieembed.outputs.style import optimizer_name
from movieembed.study.answer import markdown, number, records, study_answer
from movieembed.study.comparison import LIST
from movieembed.study.tables import KEY, Study, of_run

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


def save_study(study: Study, folder: str | os.PathLike[str]) -> list[Path]:
    """Write a study as loss.png, costs.csv, neighbors.csv, overlap.csv and README.md.

    Parameters
    ----------
    study : Study
        Of `run_study`.
    folder : path
        Made where it does not exist.

    Returns
    -------
    list of Path
        The files.

    Examples
    --------
    >>> import tempfile
    >>> import movieembed as me
    >>> from movieembed.study import run_study, save_study
    >>> likes = me.Likes.from_matrix([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1]])
    >>> study = run_study(likes, components=(1,), iterations=20, films=[0], progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sorted(path.name for path in save_study(study, folder))
    ['README.md', 'costs.csv', 'loss.png', 'neighbors.csv', 'overlap.csv']
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    optima = dict(zip(study.optima["components"].tolist(), study.optima["cost"], strict=True))
    wide = study.optima.loc[study.optima["wide"], "components"].tolist()
    files = [folder / "README.md", folder / "loss.png"]
    figure = loss_figure(study.history, optima, wide, study.facts["zero_cost"])
    figure.savefig(files[1], dpi=130)
    for name in ("costs", "neighbors", "overlap"):
        files.append(folder / f"{name}.csv")
        getattr(study, name).to_csv(files[-1], index=False)
    files[0].write_text(readme(study), encoding="utf-8")
    return files


def data_in_words(facts: dict[str, Any]) -> str:
    """Say how much data there was, likes or pairs of items."""
    if "pairs" in facts:
        data = f"{facts['items']:,} items, {facts['pairs']:,} pairs; {facts['items_in_common']:,} "
        data += "items occur with another"
    else:
        data = f"{facts['users']:,} users, {facts['items']:,} items, {facts['likes']:,} likes; "
        data += f"{facts['items_in_common']:,} items share a user with another"
    return f"{data}. The cost of V = 0 is {number(facts['zero_cost'])}."


def readme(study: Study) -> str:
    """The text of README.md: the answer, the picture, the tables."""
    facts = study.facts
    seed = "" if facts["random_state"] is None else f", seed {facts['random_state']}"
    costs = study.costs.merge(study.overlap[[*KEY, "overlap", "among_settings"]])
    lines = [
        "# Do the nearest films change with the optimiser?",
        study_answer(study),
        "![The cost against the iteration, for each optimiser and learning rate](loss.png)",
        "## The data and the runs",
        data_in_words(facts),
        f"Every run of a d starts at the same V, with N(0, 0.5^2) in each entry{seed}, and does at "
        f"most {facts['iterations']:,} iterations (at d = M, {wide_runs(study)}, in "
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
        markdown(COLUMNS, [cells(run) for run in records(costs)]),
        "## The lists at the optimum",
        "Those of every run are in neighbors.csv.",
        *optimum_lists(study),
    ]
    return "\n\n".join(lines) + "\n"


def wide_runs(study: Study) -> str:
    """How many iterations the runs at d = M did, and what ended them."""
    facts = study.facts
    if facts["wide_iterations"] is not None:
        return f"{facts['wide_iterations']:,}"
    return f"as many as fit into {facts['patience']:g} s a run"


def cells(run: Any) -> tuple[str, ...]:
    """A row of the table of costs."""
    known = run.outcome != "diverged"
    return (
        f"{run.components:,}",
        optimizer_name(run.optimizer),
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
        runs = study.costs[study.costs["components"] == d].sort_values("distance")
        tables[d] = of_run(study.neighbors, runs.iloc[0])
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
