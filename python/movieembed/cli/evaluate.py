"""``movieembed evaluate``: how good recommendations are, beside simpler ways."""

from __future__ import annotations

from typing import Annotated

import typer

from movieembed.cli import console, options
from movieembed.cli.data import load
from movieembed.cli.facts import columns_in_words, data_facts
from movieembed.cli.options import Data, Json, OwnTable, Pairs, Seed, Threshold
from movieembed.exceptions import ParameterError

SPLITS = ("random", "users", "last", "time")
BASELINES = ("popularity", "item-cosine", "ease", "als")

Components = Annotated[
    str,
    typer.Option(
        "--components",
        metavar="D,D,...",
        help="Numbers of components: the first is used, or with --tune the best.",
    ),
]
Split = Annotated[
    str,
    options.choice(
        SPLITS,
        help="random: a fifth of each user's likes; users: a tenth of the users, of whose likes a "
        "fifth; last: each user's last like; time: all likes from a moment on.",
    ),
]
SplitAt = Annotated[
    str | None,
    typer.Option(
        "--split-at",
        metavar="WHEN",
        show_default=False,
        help="What --split time holds out: a share of the likes, the newest, such as 0.2, the "
        "default; or all from a date, or from a number in the unit of the times, on.",
    ),
]
Cutoff = Annotated[int, typer.Option("-k", "--cutoff", min=1, help="Length of the lists.")]
Tune = Annotated[
    bool,
    typer.Option(
        "--tune", help="Also with all that recommend goes by chosen on a part: several fits."
    ),
]
Baselines = Annotated[
    str,
    typer.Option(
        metavar="NAME,...",
        help="Simpler ways to compare with: popularity, item-cosine, ease or als.",
    ),
]
ExcludeSeen = Annotated[
    bool,
    typer.Option(
        "--exclude-seen",
        help="Leave what users rated below the threshold out of all lists. Published figures "
        "leave out the likes of the training part alone.",
    ),
]


def evaluate(
    *,
    data: Data,
    n_components: Components = "64,128,256",
    split: Split = "random",
    cutoff: SplitAt = None,
    k: Cutoff = 20,
    tune: Tune = False,
    baselines: Baselines = "popularity,item-cosine,ease",
    exclude_seen: ExcludeSeen = False,
    threshold: Threshold = None,
    random_state: Seed = 0,
    pairs: Pairs = False,
    table: OwnTable,
    as_json: Json = False,
) -> None:
    r"""Measure recommendations on held-out likes, beside simpler ways.

    EASE's regularisation is chosen on a part of the rest; and with --tune all of ours. `als` needs
    implicit: pip install 'movieembed\[evaluation]'.

    $ movieembed evaluate ml-latest-small --tune
    $ movieembed evaluate ml-1m.zip --split users --baselines popularity,als
    $ movieembed evaluate plays.csv --split time --split-at 2025-01-01
    """
    from movieembed.cli.comparison import compare, make_split
    from movieembed.cli.estimate import say_how_long

    if pairs:
        what = "pairs says what occurs together, not who liked it, and likes are held out person "
        raise ParameterError(what + "by person: evaluate needs rows of users and items", "pairs")
    widths = options.as_components(n_components)
    if "M" in widths:
        raise ValueError("--components must be numbers between commas")
    options.one_of(split, SPLITS, "--split")
    names = [name.strip() for name in baselines.split(",") if name.strip()]
    for name in names:
        options.one_of(name, BASELINES, "--baselines")
    if cutoff is not None and split != "time":
        raise ValueError("--split-at goes with --split time")
    loaded = load(data, threshold, table, timed=split in ("last", "time"))
    parts = make_split(loaded, split, random_state, cutoff)
    dims = [int(d) for d in widths]
    say_how_long(parts, dims, names, tune)
    how = {"tuned": tune, "exclude_seen": exclude_seen}
    columns = {key: value for key, value in data_facts(data, loaded).items() if key == "columns"}
    found, chosen = compare(parts, dims, k, names, random_state, **how)
    if as_json:
        rows = [{"name": str(name), **row} for name, row in found.to_dict("index").items()]
        about = {"split": split, "chosen": chosen, "results": rows}
        console.print_json({"data": data, **columns, **about})
        return
    if columns:
        console.print_lines([f"columns {columns_in_words(columns['columns'])}"])
    if chosen:
        facts = ", ".join(f"{key} {value:g}" for key, value in chosen.items())
        console.print_lines([f"chosen {facts}", ""])
    metrics = [*(f"{name}@{k}" for name in ("recall", "ndcg", "map", "mrr")), "coverage"]
    metrics.append("popularity")
    lines = []
    for recommender, row in found.iterrows():
        seconds = row["fit_seconds"] + row["recommend_seconds"]
        lines.append([*(f"{row[m]:.4f}" for m in metrics), f"{seconds:.2f}", str(recommender)])
    console.print_columns([*metrics, "seconds", "recommender"], lines)
