"""``movieembed study``: which solver reaches the optimum, and whether the films differ."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from movieembed.cli import console
from movieembed.cli.data import load_data
from movieembed.cli.facts import columns_in_words
from movieembed.cli.options import (
    Data,
    Jobs,
    Json,
    OwnTable,
    Pairs,
    Seed,
    Threshold,
    as_components,
)

Out = Annotated[
    Path, typer.Option("-o", "--out", metavar="FOLDER", help="Where to write; made if need be.")
]
Components = Annotated[
    str, typer.Option(metavar="D,D,...", help="Numbers of components; M is all items.")
]
Wide = Annotated[
    bool, typer.Option("--wide/--no-wide", help="Run d = M, which takes most of the time and GBs.")
]
Iterations = Annotated[int, typer.Option(help="Most iterations of a run.")]
WideIterations = Annotated[
    int | None,
    typer.Option(help="The same at d = M, whatever it takes. 20 is what the notebook did."),
]
Patience = Annotated[float, typer.Option(metavar="SECONDS", help="How long a run at d = M may go.")]
MomentumRates = Annotated[
    str | None, typer.Option(metavar="RATE,...", help="Four by default, from the data's curvature.")
]
AdamRates = Annotated[str, typer.Option(metavar="RATE,...")]
Films = Annotated[
    list[str] | None,
    typer.Option(
        "--film",
        metavar="ITEM",
        help="Whose neighbours to list; may be repeated. By default Apollo 13, Toy Story and "
        "Home Alone, or the most liked.",
    ),
]


def study(
    *,
    data: Data,
    out: Out,
    components: Components = "10,50,M",
    wide: Wide = True,
    iterations: Iterations = 300,
    wide_iterations: WideIterations = None,
    patience: Patience = 60.0,
    momentum_rates: MomentumRates = None,
    adam_rates: AdamRates = "0.01,0.1,1,10",
    films: Films = None,
    threshold: Threshold = None,
    random_state: Seed = 0,
    n_jobs: Jobs = None,
    pairs: Pairs = False,
    table: OwnTable,
    as_json: Json = False,
) -> None:
    r"""Compare optimisers, and the nearest films that they find.

    Writes README.md with the answer, loss.png and three tables (.csv). It needs one more package:
    pip install 'movieembed\[plot]'.

    For MovieLens small: some three minutes on two cores, most of it at d = M, where the runs end
    by the clock.

    $ movieembed study ml-latest-small --out study/
    $ movieembed study ml-latest-small --out study/ --no-wide --film Heat
    """
    from movieembed.data.items import Typed
    from movieembed.study import run_study, save_study, study_answer

    console.make_out_folder(out)
    widths = [d for d in as_components(components) if wide or d != "M"]
    rates = None if momentum_rates is None else as_rates(momentum_rates, "--momentum-rates")
    adam = as_rates(adam_rates, "--adam-rates")
    of_data, likes = load_data(data, threshold, table, pairs)
    if "columns" in of_data:
        console.complain("note", f"columns {columns_in_words(of_data['columns'])}")
    result = run_study(
        likes,
        components=widths,
        momentum_rates=rates,
        adam_rates=adam,
        iterations=iterations,
        wide_iterations=wide_iterations,
        patience=patience,
        films=[Typed(film) for film in films or ()] or None,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    files = save_study(result, out)
    answer = study_answer(result)
    if as_json:
        names = ("films", "optima", "costs", "overlap")
        tables = {name: console.records(getattr(result, name)) for name in names}
        about = {"out": str(out), "files": files, "facts": result.facts, "notes": result.notes}
        console.print_json(about | tables | {"answer": answer})
        return
    for note in result.notes:
        console.complain("note", note)
    console.print_markdown(answer)
    console.print_lines(["", f"saved {', '.join(file.name for file in files)} in {out}"])


def as_rates(text: str, option: str) -> list[float]:
    """Read numbers between commas; none for an empty text."""
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ValueError(f"{option} must be numbers between commas, not {text!r}") from None
