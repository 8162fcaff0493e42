"""A study within a report: its answer, its picture and its runs, from the files it wrote."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path
from typing import Any

import pandas as pd

from movieembed.outputs.report_parts import table_html
from movieembed.outputs.style import optimizer_name


def study_section(folder: Path) -> str:
    """The answer, the picture and the runs of a study, from the files that it wrote."""
    for name in ("README.md", "loss.png", "costs.csv"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} is not a study: it has no {name}")
    text = (folder / "README.md").read_text(encoding="utf-8")
    # The answer stands between the heading and the picture.
    answer = html.escape(text.split("\n![", 1)[0].split("\n", 1)[-1].strip())
    answer = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", answer)
    paragraphs = "".join(
        _table_of(part) if part.startswith("|") else f"<p>{part}</p>"
        for part in answer.split("\n\n")
    )
    picture = base64.b64encode((folder / "loss.png").read_bytes()).decode()
    return (
        f"<h2>Do the nearest items change with the optimiser?</h2>{paragraphs}"
        f'<figure><img alt="Cost against iteration" src="data:image/png;base64,{picture}">'
        "<figcaption>The lower a line, the nearer to the optimum; each panel is an optimiser, and "
        "its best learning rate stands out.</figcaption></figure>"
        f"{runs_table(pd.read_csv(folder / 'costs.csv', dtype={'learning_rate': str}))}"
    )


def runs_table(costs: pd.DataFrame) -> str:
    """Every run of a study, folded up."""
    heading = ["optimiser", "learning rate", "d", "cost", "above the optimum", "iterations"]
    rows = []
    run: Any
    for run in costs.itertuples():
        known = run.outcome != "diverged"
        rows.append(
            [
                optimizer_name(run.optimizer),
                "" if run.learning_rate == "none" else run.learning_rate,
                f"{run.components:,}",
                f"{run.cost:,.8g}" if known else str(run.outcome),
                f"{run.distance:.1e}" if known else "",
                str(run.iterations),
            ]
        )
    return f"<details><summary>All {len(rows)} runs</summary>{table_html(heading, rows)}</details>"


def _table_of(markdown: str) -> str:
    """A table of Markdown, escaped already, as HTML."""
    heading, _, *body = (
        [html.unescape(cell).strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
        for line in markdown.splitlines()
    )
    return table_html(heading, body)
