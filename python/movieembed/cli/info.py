"""``movieembed info``: what a data set or a model holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from movieembed.cli import console
from movieembed.cli.data import check_no_data, load_data
from movieembed.cli.facts import columns_in_words, model_facts
from movieembed.cli.options import Jobs, Json, OwnTable, Pairs, Threshold
from movieembed.exceptions import ParameterError

# What it means that there is no such thing.
NOTHING = {
    "entry_weighting": "none",
    "kept_likes": "none",
    "kept_users": "none",
    "threshold": "none, every row was a like",
    "seed": "none",
}

Source = Annotated[
    str,
    typer.Argument(
        metavar="MODEL_OR_DATA",
        show_default=False,
        help="A model that fit saved, or any DATA that fit takes.",
    ),
]


def info(
    *,
    source: Source,
    threshold: Threshold = None,
    pairs: Pairs = False,
    table: OwnTable,
    n_jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Say what a data set or a model holds.

    $ movieembed info small.npz
    $ movieembed info demo
    $ movieembed info ml-latest-small --json
    $ movieembed info bought_together.csv --pairs
    """
    if Path(source).suffix.lower() == ".npz":
        from movieembed.model.embedding import Embedding

        if pairs:
            raise ParameterError("pairs is for a table, not for a model", "pairs")
        check_no_data(threshold, table, "is for data, not for a model")
        facts = {"model": source} | model_facts(Embedding.load(source)) | versions(source)
    else:
        from movieembed.objective.cooccurrence import cooccurrence_sums

        facts, likes = load_data(source, threshold, table, pairs)
        squares, totals = cooccurrence_sums(likes, n_jobs=n_jobs)
        facts |= {
            "shared_likes": float(totals.sum()),
            "cost_of_zero": float(squares.sum()),
        }
    lines = [f"{name.replace('_', ' ')} {in_words(value, name)}" for name, value in facts.items()]
    console.print_answer(as_json, facts, lines)


def versions(path: str) -> dict[str, Any]:
    """Say which version wrote a model's file, and in which format."""
    from movieembed.model.file import MODEL
    from movieembed.model.npz import reading

    with reading(path, MODEL) as contents:
        header = contents.header
        return {"written_by": header.get("version"), "file_format": header["format_version"]}


def in_words(value: Any, name: str = "") -> str:
    """Say a fact in words."""
    if value is None:
        return NOTHING.get(name, "unknown")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return columns_in_words(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else console.cost_words(value)
    return str(value)
