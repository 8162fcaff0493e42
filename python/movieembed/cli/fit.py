"""``movieembed fit``: find the embedding of a data set and save it."""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from movieembed.cli import console
from movieembed.cli.data import load_data
from movieembed.cli.facts import columns_in_words, model_facts
from movieembed.cli.group import FAILED, INTERRUPTED
from movieembed.cli.options import (
    Data,
    Jobs,
    Json,
    OwnTable,
    Pairs,
    Seed,
    Threshold,
    choice,
    one_of,
)

if TYPE_CHECKING:
    from movieembed.model.embedding import Embedding

SOLVERS = ("eigen", "als", "lbfgs", "momentum", "adam", "gd")
BACKENDS = ("cpu", "cuda")
ENTRY_WEIGHTINGS = ("log1p", "ppmi")
STOPS = {
    "converged": "converged",
    "exact": "exact: the likes have no more dimensions than that",
    "max_iter": "stopped at --max-iter",
    "interrupted": "interrupted",
}

DESCENT: dict[str, Any] = {"rich_help_panel": "Choosing the solver"}
MEANING: dict[str, Any] = {"rich_help_panel": "What X and recommend mean"}

Out = Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where to save the model.")]
Components = Annotated[int, typer.Option("--components", help="Length of an item's vector, d.")]
Solver = Annotated[
    str,
    choice(
        SOLVERS,
        help=f"One of {', '.join(SOLVERS)}. eigen reaches the optimum in a few passes.",
        **DESCENT,
    ),
]
LearningRate = Annotated[
    str,
    typer.Option(
        metavar="RATE",
        help="For gd, momentum, adam or lbfgs: a number, or exact for the best step each time.",
        **DESCENT,
    ),
]
Tolerance = Annotated[
    float, typer.Option(help="Stop at this estimated distance to the optimum.", **DESCENT)
]
MaxIter = Annotated[int | None, typer.Option(help="Most iterations.", **DESCENT)]
Precision = Annotated[
    str, choice(("float64", "float32"), help="float64, or float32 for half the memory.", **DESCENT)
]
Backend = Annotated[str, choice(BACKENDS, help="cpu, or cuda for an NVIDIA GPU.", **DESCENT)]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Keep the best embedding so far here, and go on from it; removed once converged.",
        **DESCENT,
    ),
]
KeepLikes = Annotated[
    bool,
    typer.Option(
        "--keep-likes/--no-keep-likes",
        help="Save the likes too: without them recommend goes by the vectors alone.",
        **MEANING,
    ),
]
KeepUnliked = Annotated[
    bool,
    typer.Option(
        "--keep-unliked",
        help="For gd, momentum, adam or lbfgs: also move the vectors of items that nobody liked, "
        "as the exercise does.",
        **DESCENT,
    ),
]
Tune = Annotated[
    bool,
    typer.Option(
        "--tune",
        help="Choose components and what recommend goes by on a part of the likes: several fits.",
        **MEANING,
    ),
]
Regularization = Annotated[
    float | None,
    typer.Option(
        metavar="LAMBDA",
        help="How cautious recommend is; by default what makes the best lists for people held out.",
        **MEANING,
    ),
]
ItemScaling = Annotated[
    float,
    typer.Option(
        help="How much less popular items weigh: from 0, X of counts, to 1, X of cosines.",
        **MEANING,
    ),
]
UserWeighting = Annotated[
    float,
    typer.Option(
        help="How much less people with many likes weigh: from 0, not at all, to 1, by 1 / likes.",
        **MEANING,
    ),
]
EntryWeighting = Annotated[
    str | None,
    choice(
        ENTRY_WEIGHTINGS,
        help="Change the entries of X: log1p or ppmi. For data whose X fits in memory.",
        **MEANING,
    ),
]


From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="MODEL",
        help="Start from a saved model, with its parameters and, for ratings, its threshold: fewer "
        "passes over more likes.",
    ),
]
# What --tune chooses.
TUNED = ("n_components", "regularization")
# What goes with --from: all else is a parameter of the model.
WITH_FROM = ("data", "out", "threshold", "n_jobs", "pairs", "as_json", "yesterday")


def fit(
    ctx: typer.Context,
    *,
    data: Data,
    out: Out,
    yesterday: From = None,
    n_components: Components = 50,
    threshold: Threshold = None,
    random_state: Seed = 0,
    solver: Solver = "eigen",
    learning_rate: LearningRate = "exact",
    tol: Tolerance = 1e-8,
    max_iter: MaxIter = None,
    dtype: Precision = "float64",
    backend: Backend = "cpu",
    checkpoint: Checkpoint = None,
    keep_likes: KeepLikes = True,
    keep_unliked: KeepUnliked = False,
    tune: Tune = False,
    regularization: Regularization = None,
    item_scaling: ItemScaling = 0.0,
    user_weighting: UserWeighting = 0.0,
    entry_weighting: EntryWeighting = None,
    n_jobs: Jobs = None,
    pairs: Pairs = False,
    table: OwnTable,
    as_json: Json = False,
) -> None:
    """Find the embedding of a data set and save it.

    $ movieembed fit ml-latest-small --out small.npz
    $ movieembed fit ml-1m.zip -o m.npz --solver adam --learning-rate 0.1
    $ movieembed fit plays.csv -o p.npz --user-col listener --item-col song
    $ movieembed fit events.csv -o e.npz --where 'event == "buy"'
    $ movieembed fit bought_together.csv -o b.npz --pairs
    $ movieembed fit ratings.csv -o today.npz --from yesterday.npz

    Ctrl-C saves the best embedding so far.
    """
    from movieembed.model.embedding import Embedding

    console.check_out_file(out)
    check_together(ctx, yesterday is not None, tune)
    old = load_old(yesterday, n_jobs)
    usual = None if old is None else old.threshold_
    of_data, likes = load_data(data, threshold, table, pairs, usual)
    start = time.perf_counter()
    if old is not None:
        finish(old.refit(likes), of_data, time.perf_counter() - start, out, as_json)
        return
    given = as_given(n_components, regularization)
    chosen = tuned(likes, random_state=random_state, n_jobs=n_jobs) if tune else given
    model = Embedding(
        solver=solver,
        learning_rate=as_rate(learning_rate),
        tol=tol,
        max_iter=max_iter,
        keep_likes=keep_likes,
        keep_unliked=keep_unliked,
        item_scaling=item_scaling,
        user_weighting=user_weighting,
        entry_weighting=one_of(entry_weighting, ENTRY_WEIGHTINGS, "--entry-weighting"),
        dtype=dtype,
        random_state=random_state,
        backend=one_of(backend, BACKENDS, "--backend"),
        checkpoint=checkpoint,
        n_jobs=n_jobs,
        verbose=None,
        **chosen,
    ).fit(likes)
    finish(model, of_data, time.perf_counter() - start, out, as_json)


def load_old(path: Path | None, n_jobs: int | None) -> Embedding | None:
    """Load the model that a fit starts from, if any."""
    from movieembed.model.embedding import Embedding

    if path is None:
        return None
    model = Embedding.load(path)
    if n_jobs is not None:
        model.n_jobs = n_jobs
    return model


def check_together(ctx: typer.Context, refitted: bool, tuned: bool) -> None:
    """Raise if an option was typed whose value a saved model has, or --tune chooses."""
    of_table = {field.name for field in dataclasses.fields(OwnTable)}
    for option in ctx.command.params:
        source = ctx.get_parameter_source(str(option.name))
        if source is None or source.name != "COMMANDLINE":
            continue
        typed = max(option.opts, key=len)
        if refitted and option.name not in {*WITH_FROM, *of_table}:
            raise ValueError(f"--from takes the parameters of its model: leave out {typed}")
        if tuned and option.name in TUNED:
            raise ValueError(f"--tune chooses {typed}: leave out one of the two")


def finish(
    model: Embedding, of_data: dict[str, Any], seconds: float, out: Path, as_json: bool
) -> None:
    """Save a model and say what was found."""
    if model.stop_reason_ == "empty":
        console.complain("error", f"there is nothing to learn, so {out} is not written")
        raise typer.Exit(FAILED)
    model.save(out)
    of_model = model_facts(model)
    facts = {"data": of_data} | of_model | {"seconds": seconds, "out": str(out)}
    lines = [*in_words(of_data, of_model), f"seconds {seconds:.2f}", f"saved {out}"]
    console.print_answer(as_json, facts, lines)
    if model.stop_reason_ == "interrupted":
        sys.exit(INTERRUPTED)  # a typer.Exit would say so once more


def as_given(n_components: int, regularization: float | None) -> dict[str, Any]:
    """Return the parameters that --tune would choose, as they were given."""
    auto = "auto" if regularization is None else regularization
    return {"n_components": n_components, "regularization": auto}


def tuned(likes: Any, **options: Any) -> dict[str, Any]:
    """Choose components and what recommend goes by."""
    from movieembed.evaluation.tuning import tune

    return tune(likes, **options).parameters()


def as_rate(text: str) -> float | Literal["exact"]:
    """Read a learning rate."""
    if text == "exact":
        return "exact"
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--learning-rate must be a number or exact, not {text!r}") from None


def in_words(data: dict[str, Any], model: dict[str, Any]) -> list[str]:
    """Say in lines what was fitted and what was found."""
    gap = model["gap"]
    known = gap == gap and gap != float("inf")
    columns = [f"columns {columns_in_words(data['columns'])}"] if "columns" in data else []
    what = (
        "data {pairs:,} pairs, {items:,} items ({paired_items:,} in pairs)"
        if "pairs" in data
        else "data {ratings:,} ratings, {likes:,} likes, {users:,} users, {items:,} items "
        "({liked_items:,} liked)"
    )
    return [
        what.format_map(data),
        *columns,
        f"cost {console.cost_words(model['cost'])}",
        f"gap {f'{gap:.1e} of the cost, estimated' if known else 'unknown'}",
        f"iterations {model['iterations']:,} of {model['solver']}, {STOPS[model['stop_reason']]}",
    ]
