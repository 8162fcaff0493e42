"""``movieembed report``: a page about a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from movieembed.cli import console
from movieembed.cli.data import check_no_data, load
from movieembed.cli.options import Model, OwnTable, Threshold

if TYPE_CHECKING:
    import pandas as pd

Out = Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The page to write, .html.")]
Fitted = Annotated[
    str | None, typer.Option(metavar="DATA", help="What it was fitted on, for users' activity.")
]
Evaluation = Annotated[
    Path | None, typer.Option(metavar="FILE", help="What evaluate --json printed.")
]
Study = Annotated[Path | None, typer.Option(metavar="FOLDER", help="What study wrote.")]
Shown = Annotated[
    list[str] | None,
    typer.Option(
        "--film",
        "--item",
        metavar="ITEM",
        help="Whose neighbours to show; may be repeated. By default the most liked.",
    ),
]


def report(
    *,
    model: Model,
    out: Out,
    data: Fitted = None,
    evaluation: Evaluation = None,
    study: Study = None,
    items: Shown = None,
    threshold: Threshold = None,
) -> None:
    r"""Write a page about a model: data, fit, neighbours and quality.

    It needs one more package: pip install 'movieembed\[plot]'.

    $ movieembed report small.npz --out report.html
    $ movieembed evaluate ml-latest-small --json > quality.json
    $ movieembed report small.npz --out report.html --evaluation quality.json
    """
    from movieembed.data.items import Typed
    from movieembed.model.embedding import Embedding
    from movieembed.outputs.report import write_report

    console.check_out_file(out)
    fitted = Embedding.load(model)
    likes = None
    if data is None:
        check_no_data(threshold, OwnTable(), "is for the data that --data names")
    else:
        likes = load(data, threshold, OwnTable(), usual=fitted.threshold_).likes
    quality = None if evaluation is None else read_evaluation(evaluation)
    shown = [Typed(item) for item in items or ()] or None
    write_report(fitted, out, likes=likes, evaluation=quality, study=study, items=shown)
    console.print_lines([f"saved {out}"])


def read_evaluation(path: Path) -> pd.DataFrame:
    """Read the table that ``evaluate --json`` printed."""
    import pandas as pd

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        table = pd.DataFrame(document["results"]).set_index("name")
        table.attrs["chosen"] = dict(document.get("chosen", {}))
        return table
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not what movieembed evaluate --json prints") from error
