"""The command line: ``movieembed fit | similar | recommend | map | evaluate | report | ...``.

What is slow to import is imported inside the commands, so that --help and completion are quick.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from movieembed._version import __version__
from movieembed.cli import console as _console
from movieembed.cli import support
from movieembed.cli.options import (
    OWN_TABLE,
    Data,
    IdColumn,
    ItemColumn,
    Items,
    ItemTable,
    Jobs,
    Json,
    Model,
    Number,
    RatingColumn,
    Seed,
    Threshold,
    TitleColumn,
    UserColumn,
)

__all__ = ["app", "main"]

SOLVERS = ("eigen", "als", "lbfgs", "momentum", "adam", "gd")
DESCENT = "Choosing the solver"
MEANING = "What X and recommend mean"
TOUR = """First steps, on demo: invented films that need no download:

    $ movieembed fit demo --out demo.npz
    $ movieembed similar demo.npz "The Cosmic Starpilot"

A session, on the small MovieLens data (a 1 MB download):

    $ movieembed info ml-latest-small
    $ movieembed fit ml-latest-small --out small.npz
    $ movieembed similar small.npz "Toy Story (1995)"
    $ movieembed recommend small.npz "Apollo 13" "Home Alone" --explain
    $ movieembed map small.npz --out map.html
    $ movieembed report small.npz --out report.html
    $ movieembed evaluate ml-latest-small
    $ movieembed study ml-latest-small --out study/
    $ movieembed export small.npz --out small.parquet

Each command has a --help of its own."""

app = typer.Typer(
    name="movieembed",
    cls=_console.Group,
    epilog=TOUR,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        print(f"movieembed {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def tour(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Show the version."),
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where in the code an error arose.")
    ] = False,
) -> None:
    """Item embeddings from ratings: films that the same people liked lie close together."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit


@_console.command(app, "fit")
def fit(
    data: Data,
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE", help="Where to save the model.")
    ],
    components: Annotated[int, typer.Option(help="Length of an item's vector, d.")] = 50,
    threshold: Threshold = None,
    seed: Seed = 0,
    solver: Annotated[
        str,
        typer.Option(
            rich_help_panel=DESCENT,
            help=f"One of {', '.join(SOLVERS)}. eigen reaches the optimum in a few passes.",
            autocompletion=lambda: list(SOLVERS),
        ),
    ] = "eigen",
    learning_rate: Annotated[
        str,
        typer.Option(
            rich_help_panel=DESCENT,
            metavar="RATE",
            help="Of gd, momentum, adam or lbfgs: a number, or exact for the best step each time.",
        ),
    ] = "exact",
    tol: Annotated[
        float,
        typer.Option(
            rich_help_panel=DESCENT, help="Stop at this estimated distance to the optimum."
        ),
    ] = 1e-8,
    max_iter: Annotated[
        int | None, typer.Option(rich_help_panel=DESCENT, help="Most iterations.")
    ] = None,
    dtype: Annotated[
        str,
        typer.Option(
            rich_help_panel=DESCENT,
            help="float64, or float32 for half the memory.",
            autocompletion=lambda: ["float64", "float32"],
        ),
    ] = "float64",
    backend: Annotated[
        str,
        typer.Option(
            rich_help_panel=DESCENT,
            help="cpu, or cuda for an NVIDIA GPU.",
            autocompletion=lambda: ["cpu", "cuda"],
        ),
    ] = "cpu",
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=DESCENT,
            metavar="FILE",
            help="Keep the best embedding so far here, and go on from it; removed once converged.",
        ),
    ] = None,
    keep_likes: Annotated[
        bool,
        typer.Option(
            "--keep-likes",
            rich_help_panel=MEANING,
            help="Save the likes too, for recommend --refine.",
        ),
    ] = False,
    regularization: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=MEANING,
            metavar="LAMBDA",
            help="Of recommend; by default the one with the least leave-one-out error.",
        ),
    ] = None,
    item_scaling: Annotated[
        float,
        typer.Option(rich_help_panel=MEANING, help="From 0, counts, to 1, cosines of likes."),
    ] = 0.0,
    user_weighting: Annotated[
        float,
        typer.Option(rich_help_panel=MEANING, help="From 0, all count alike, to 1, by 1 / likes."),
    ] = 0.0,
    entry_weighting: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=MEANING,
            help="Of the entries of X: log1p or ppmi. For data whose X fits in memory.",
            autocompletion=lambda: ["log1p", "ppmi"],
        ),
    ] = None,
    jobs: Jobs = None,
    user_col: UserColumn = None,
    item_col: ItemColumn = None,
    rating_col: RatingColumn = None,
    items: ItemTable = None,
    id_col: IdColumn = None,
    title_col: TitleColumn = None,
    as_json: Json = False,
) -> None:
    """Find the embedding of a data set and save it.

    $ movieembed fit ml-latest-small --out small.npz
    $ movieembed fit ml-1m.zip -o m.npz --solver adam --learning-rate 0.1
    $ movieembed fit plays.csv -o p.npz --user-col listener --item-col song

    Ctrl-C saves the best embedding so far.
    """
    from movieembed.model.embedding import Embedding

    _console.check_out_file(out)
    n_ratings, likes = support.load_likes(
        data, threshold, user_col, item_col, rating_col, items, id_col, title_col
    )
    start = time.perf_counter()
    model = Embedding(
        components,
        solver=solver,
        learning_rate=support.as_rate(learning_rate),
        tol=tol,
        max_iter=max_iter,
        keep_likes=keep_likes,
        regularization="auto" if regularization is None else regularization,
        item_scaling=item_scaling,
        user_weighting=user_weighting,
        entry_weighting=support.one_of(entry_weighting, ("log1p", "ppmi"), "--entry-weighting"),
        dtype=dtype,
        random_state=seed,
        backend=support.one_of(backend, ("cpu", "cuda"), "--backend"),
        checkpoint=checkpoint,
        n_jobs=jobs,
        verbose=None,
    ).fit(likes)
    seconds = time.perf_counter() - start
    model.save(out)
    if as_json:
        _console.print_json(
            {"data": support.data_facts(data, n_ratings, likes)}
            | support.model_facts(model)
            | {"seconds": seconds, "out": str(out)}
        )
    else:
        _console.print_lines(
            [
                f"data {support.data_words(n_ratings, likes)}",
                f"cost {support.cost_words(model.cost_)}",
                f"gap {support.gap_words(model.gap_)}",
                f"iterations {model.n_iter_:,} of {solver}, {support.STOPS[model.stop_reason_]}",
                f"seconds {seconds:.2f}",
                f"saved {out}",
            ]
        )
    if model.stop_reason_ == "interrupted":
        raise typer.Exit(_console.INTERRUPTED)


@_console.command(app, "similar")
def similar(
    model: Model,
    items: Items,
    number: Number = 10,
    method: Annotated[
        str,
        typer.Option(
            help="cosine; dot, which favours popular items; or precision, which finds close "
            "relatives.",
            autocompletion=lambda: ["cosine", "dot", "precision"],
        ),
    ] = "cosine",
    min_likes: Annotated[int, typer.Option(min=0, help="Leave out items with fewer likes.")] = 0,
    refine: Annotated[
        int, typer.Option(min=0, help="Steps of --method precision; needs fit --keep-likes.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """List the nearest items of one or more.

    $ movieembed similar small.npz "Toy Story (1995)"
    $ movieembed similar small.npz 1 "apollo 13" -n 5 --method dot --json
    """
    from movieembed.data.items import ItemIndex
    from movieembed.model.embedding import Embedding

    fitted = Embedding.load(model)
    index = ItemIndex(fitted.items_, fitted.titles_)
    columns = list(dict.fromkeys(index.resolve(item) for item in items))
    ids = fitted.items_.tolist()
    how: Any = method
    found = {
        c: fitted.similar([ids[c]], number, method=how, min_likes=min_likes, refine=refine)
        for c in columns
    }
    if as_json:
        queries = [
            {**support.named(fitted, column), "neighbors": support.records(table)}
            for column, table in found.items()
        ]
        _console.print_json({"model": str(model), "method": method, "queries": queries})
        return
    for place, (column, table) in enumerate(found.items()):
        if len(found) > 1:
            _console.print_lines([""] * (place > 0) + [str(support.named(fitted, column)["title"])])
        support.print_table(table)


@_console.command(app, "recommend")
def recommend(
    model: Model,
    items: Items,
    number: Number = 10,
    dislike: Annotated[
        list[str] | None,
        typer.Option(metavar="ITEM", help="An item disliked; may be repeated."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="precision, the best linear recommender and the default; cosine, the highest mean "
            "cosine; or dot.",
            show_default=False,
            autocompletion=lambda: ["precision", "cosine", "dot"],
        ),
    ] = None,
    regularization: Annotated[
        float | None, typer.Option(metavar="LAMBDA", help="Instead of the model's.")
    ] = None,
    refine: Annotated[
        int | None,
        typer.Option(
            min=0,
            show_default=False,
            help="Steps towards the dense recommender: 1 by default where fit kept the likes.",
        ),
    ] = None,
    popularity_discount: Annotated[
        float, typer.Option(help="Divide scores by the likes to this power.")
    ] = 0.0,
    explain: Annotated[
        bool, typer.Option("--explain", help="Name the given item that speaks most for each.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Recommend to somebody who likes the given items.

    $ movieembed recommend small.npz "Apollo 13 (1995)" "Home Alone (1990)"
    $ movieembed recommend small.npz "Toy Story" --dislike Heat --explain
    $ movieembed recommend small.npz 150 586 -n 20 --method cosine --json
    """
    from movieembed.data.items import ItemIndex
    from movieembed.model.embedding import Embedding

    fitted = Embedding.load(model)
    how: Any = method
    table = fitted.recommend(
        items,
        number,
        dislikes=dislike or None,
        method=how,
        regularization=regularization,
        refine=refine,
        popularity_discount=popularity_discount,
    )
    index = ItemIndex(fitted.items_, fitted.titles_)
    reasons: list[str] = []
    if explain and len(table):
        shares = fitted.explain(
            items, table["item"].tolist(), dislikes=dislike or None, regularization=regularization
        )
        first = shares.drop_duplicates("recommended")
        reasons = [
            str(support.named(fitted, index.resolve(item))["title"]) for item in first["item"]
        ]
    if as_json:
        liked = [support.named(fitted, c) for c in dict.fromkeys(map(index.resolve, items))]
        found = support.records(table)
        for record, reason in zip(found, reasons, strict=False):
            record["because"] = reason
        _console.print_json({"model": str(model), "items": liked, "recommendations": found})
    else:
        support.print_table(table, {"because of": reasons} if reasons else {})


@_console.command(app, "map")
def map_(
    model: Model,
    out: Annotated[
        Path,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE",
            help="Where to save it: .html, a page that needs no network; or .png, .svg or .pdf.",
        ),
    ],
    items: Annotated[
        Path | None,
        typer.Option(
            "--items",
            metavar="FILE_OR_DATA",
            help="Whence genres come: a table of items, or a MovieLens folder, .zip or name.",
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="tsne, which needs pip install 'movieembed\\[map]'; pca; or auto: tsne if it can.",
            autocompletion=lambda: ["auto", "tsne", "pca"],
        ),
    ] = "auto",
    neighbors: Annotated[
        int, typer.Option(min=1, help="How many nearest items an item shows.")
    ] = 10,
    min_likes: Annotated[int, typer.Option(min=0, help="Leave out items with fewer likes.")] = 0,
    title: Annotated[
        str | None, typer.Option(show_default=False, help="Of the page; the model's name.")
    ] = None,
    seed: Seed = 0,
    jobs: Jobs = None,
    id_col: IdColumn = None,
    genres_col: Annotated[
        str | None,
        typer.Option(
            "--genres-col",
            metavar="COLUMN",
            rich_help_panel=OWN_TABLE,
            help='The genres in --items, as "Comedy|Crime".',
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw the items as a map, with alike ones near each other.

    The page finds items by title, shows the nearest ones of each, and colours by genre, decade or
    likes. It is one file and opens without a network.

    $ movieembed map small.npz --out map.html --items ml-latest-small
    $ movieembed map small.npz --out map.png --method pca --min-likes 20
    """
    from movieembed.model.embedding import Embedding
    from movieembed.outputs.map.maps import PICTURES, map_html, save_figure

    _console.check_out_file(out)
    kind = out.suffix.lower()
    if kind not in (".html", ".htm", *PICTURES):
        raise ValueError(f"--out must end in .html, {', '.join(PICTURES)}, not {out.name!r}")
    fitted = Embedding.load(model)
    genres = None
    if items is not None:
        genres = support.load_genres(items, fitted, id_col, genres_col)
    elif id_col is not None or genres_col is not None:
        raise ValueError("--id-col and --genres-col name columns of --items")
    how: Any = method
    common: dict[str, Any] = {
        "method": how,
        "genres": genres,
        "min_likes": min_likes,
        "title": title or model.stem,
        "random_state": seed,
        "n_jobs": jobs,
    }
    start = time.perf_counter()
    if kind in PICTURES:
        save_figure(fitted, out, **common)
    else:
        map_html(fitted, out, n_neighbors=neighbors, **common)
    facts: dict[str, Any] = {
        "model": str(model),
        "seconds": time.perf_counter() - start,
        "bytes": out.stat().st_size,
        "out": str(out),
    }
    if as_json:
        _console.print_json(facts)
    else:
        _console.print_lines(
            [f"seconds {facts['seconds']:.2f}", f"saved {out}, {facts['bytes'] / 1e6:.2f} MB"]
        )


@_console.command(app, "evaluate")
def evaluate(
    data: Data,
    components: Annotated[
        str,
        typer.Option(metavar="D,D,...", help="Numbers of components; the best is chosen."),
    ] = "64,128,256",
    split: Annotated[
        str,
        typer.Option(
            help="random: a fifth of each user's likes; users: a tenth of the users, of whose "
            "likes a fifth; last: each user's last like, for MovieLens.",
            autocompletion=lambda: ["random", "users", "last"],
        ),
    ] = "random",
    cutoff: Annotated[int, typer.Option("-k", "--cutoff", min=1, help="Length of the lists.")] = 20,
    baselines: Annotated[
        str,
        typer.Option(metavar="NAME,...", help="Of popularity, item-cosine, ease and als."),
    ] = "popularity,item-cosine,ease",
    threshold: Threshold = None,
    seed: Seed = 0,
    user_col: UserColumn = None,
    item_col: ItemColumn = None,
    rating_col: RatingColumn = None,
    items: ItemTable = None,
    id_col: IdColumn = None,
    title_col: TitleColumn = None,
    as_json: Json = False,
) -> None:
    r"""Measure recommendations on held-out likes, beside simpler ways.

    Components, regularisation and steps of refinement are chosen on a part of the rest; so is
    EASE's regularisation. `als` needs implicit: pip install 'movieembed\[evaluation]'.

    $ movieembed evaluate ml-latest-small
    $ movieembed evaluate ml-1m.zip --split users --baselines popularity,als
    """
    from movieembed.cli.evaluate import run

    widths = [support.as_width(part) for part in components.split(",")]
    if "M" in widths:
        raise ValueError("--components must be numbers between commas")
    support.one_of(split, ("random", "users", "last"), "--split")
    names = [name.strip() for name in baselines.split(",") if name.strip()]
    for name in names:
        support.one_of(name, ("popularity", "item-cosine", "ease", "als"), "--baselines")
    _, likes = support.load_likes(
        data, threshold, user_col, item_col, rating_col, items, id_col, title_col
    )
    table, chosen = run(data, likes, [int(d) for d in widths], split, cutoff, names, seed)
    if as_json:
        rows = [{"name": str(name), **row} for name, row in table.to_dict("index").items()]
        _console.print_json({"data": data, "split": split, "chosen": chosen, "results": rows})
        return
    facts = ", ".join(f"{key} {value:g}" for key, value in chosen.items())
    _console.print_lines([f"chosen {facts}", ""])
    support.print_metrics(table, cutoff)


@_console.command(app, "study")
def study(
    data: Data,
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="FOLDER", help="Where to write; made if need be."),
    ],
    components: Annotated[
        str, typer.Option(metavar="D,D,...", help="Numbers of components; M is all items.")
    ] = "10,50,M",
    wide: Annotated[
        bool,
        typer.Option("--wide/--no-wide", help="Run d = M, which takes most of the time and GBs."),
    ] = True,
    iterations: Annotated[int, typer.Option(help="Most iterations of a run.")] = 300,
    wide_iterations: Annotated[
        int, typer.Option(help="The same at d = M. 20 is what the published notebook did.")
    ] = 3,
    momentum_rates: Annotated[
        str | None,
        typer.Option(metavar="RATE,...", help="Four by default, from the data's curvature."),
    ] = None,
    adam_rates: Annotated[str, typer.Option(metavar="RATE,...")] = "0.01,0.1,1,10",
    film: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ITEM",
            help="Whose neighbours to list; may be repeated. By default Apollo 13, Toy Story and "
            "Home Alone, or the most liked.",
        ),
    ] = None,
    threshold: Threshold = None,
    seed: Seed = 0,
    jobs: Jobs = None,
    user_col: UserColumn = None,
    item_col: ItemColumn = None,
    rating_col: RatingColumn = None,
    items: ItemTable = None,
    id_col: IdColumn = None,
    title_col: TitleColumn = None,
    as_json: Json = False,
) -> None:
    """Compare optimisers, and the nearest films that they find.

    Writes README.md with the answer, loss.png and three tables (.csv).

    For MovieLens small: some three minutes on two cores, most of it at d = M.

    $ movieembed study ml-latest-small --out study/
    $ movieembed study ml-latest-small --out study/ --no-wide --film Heat
    """
    from movieembed.study.result import run_study

    _console.make_out_folder(out)
    widths = [support.as_width(part) for part in components.split(",")]
    widths = [d for d in widths if wide or d != "M"]
    rates = None if momentum_rates is None else support.as_rates(momentum_rates, "--momentum-rates")
    adam = support.as_rates(adam_rates, "--adam-rates")
    _, likes = support.load_likes(
        data, threshold, user_col, item_col, rating_col, items, id_col, title_col
    )
    result = run_study(
        likes,
        components=widths,
        momentum_rates=rates,
        adam_rates=adam,
        iterations=iterations,
        wide_iterations=wide_iterations,
        films=film or None,
        random_state=seed,
        n_jobs=jobs,
    )
    files = result.save(out)
    if as_json:
        _console.print_json(
            {
                "out": str(out),
                "files": [str(file) for file in files],
                "facts": result.facts,
                "notes": list(result.notes),
                "films": support.records(result.films),
                "optima": support.records(result.optima),
                "costs": support.records(result.costs),
                "overlap": support.records(result.overlap),
                "answer": result.answer,
            }
        )
        return
    for note in result.notes:
        _console.complain("note", note)
    _console.print_markdown(result.answer)
    _console.print_lines(["", f"saved {', '.join(file.name for file in files)} in {out}"])


@_console.command(app, "export")
def export(
    model: Model,
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="FILE_OR_FOLDER", help="Where to write."),
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            show_default=False,
            help=f"One of {', '.join(support.FORMATS)}. By default what the suffix says: "
            f"{support.suffix_words()}, and projector for a folder.",
            autocompletion=lambda: list(support.FORMATS),
        ),
    ] = None,
    keys: Annotated[
        str | None,
        typer.Option(
            show_default=False,
            help="Of word2vec: item, the default, or title.",
            autocompletion=lambda: ["item", "title"],
        ),
    ] = None,
    only_embedded: Annotated[
        bool,
        typer.Option("--only-embedded", help="Leave out items without a vector; else zeros."),
    ] = False,
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    r"""Write a model's vectors, or its likes, for other tools.

    safetensors needs one more package: pip install 'movieembed\[export]'. likes and cooccurrence,
    sparse matrices for SciPy, need a model that fit --keep-likes saved.

    $ movieembed export small.npz --out small.parquet
    $ movieembed export small.npz --out small.vec --keys title --only-embedded
    $ movieembed export small.npz --out projector/
    $ movieembed export kept.npz --out X.npz --format cooccurrence
    """
    from movieembed.model.embedding import Embedding

    form = support.export_format(out, form)
    if keys is not None and not form.startswith("word2vec"):
        raise ValueError(f"--keys is for word2vec, not for {form}")
    if only_embedded and form in ("likes", "cooccurrence"):
        raise ValueError(f"--only-embedded is for vectors, not for {form}")
    if form != "projector":
        _console.check_out_file(out)
        if out.exists() and model.exists() and out.samefile(model):
            raise ValueError(f"--out: {out} is the model itself; name another file")
    fitted = Embedding.load(model)
    if form == "projector":
        _console.make_out_folder(out)
    support.export_model(fitted, out, form, keys, only_embedded, jobs)
    facts = {
        "model": str(model),
        "format": form,
        "items": len(fitted.items_),
        "embedded_items": int(fitted.embedding_.any(axis=1).sum()),
        "components": fitted.n_components,
        "out": str(out),
    }
    if as_json:
        _console.print_json(facts)
        return
    _console.print_lines(
        [
            f"items {facts['items']:,} ({facts['embedded_items']:,} with a vector)",
            f"format {form}",
            f"saved {out}",
        ]
    )


@_console.command(app, "report")
def report(
    model: Model,
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE", help="The page to write, .html.")
    ],
    data: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="What it was fitted on, for users' activity."),
    ] = None,
    evaluation: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What evaluate --json printed."),
    ] = None,
    study: Annotated[Path | None, typer.Option(metavar="FOLDER", help="What study wrote.")] = None,
    item: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ITEM",
            help="Whose neighbours to show; may be repeated. By default the most liked.",
        ),
    ] = None,
    threshold: Threshold = None,
) -> None:
    """Write a page about a model: data, fit, neighbours and quality.

    $ movieembed report small.npz --out report.html
    $ movieembed evaluate ml-latest-small --json > quality.json
    $ movieembed report small.npz --out report.html --evaluation quality.json
    """
    from movieembed.model.embedding import Embedding
    from movieembed.outputs.report import write_report

    _console.check_out_file(out)
    fitted = Embedding.load(model)
    likes = None
    if data is not None:
        none = (None,) * 6
        _, likes = support.load_likes(data, threshold, *none)
    quality = None if evaluation is None else support.read_evaluation(evaluation)
    write_report(fitted, out, likes=likes, evaluation=quality, study=study, items=item or None)
    _console.print_lines([f"saved {out}"])


@_console.command(app, "info")
def info(
    source: Annotated[
        str,
        typer.Argument(
            metavar="MODEL_OR_DATA",
            show_default=False,
            help="A model that fit saved, or any DATA that fit takes.",
        ),
    ],
    threshold: Threshold = None,
    user_col: UserColumn = None,
    item_col: ItemColumn = None,
    rating_col: RatingColumn = None,
    items: ItemTable = None,
    id_col: IdColumn = None,
    title_col: TitleColumn = None,
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Say what a data set or a model holds.

    $ movieembed info small.npz
    $ movieembed info demo
    $ movieembed info ml-latest-small --json
    """
    if Path(source).suffix.lower() == ".npz":
        from movieembed.model.embedding import Embedding

        facts = {"model": source} | support.model_facts(Embedding.load(source))
    else:
        from movieembed.objective.cooccurrence import cooccurrence_sums

        n_ratings, likes = support.load_likes(
            source, threshold, user_col, item_col, rating_col, items, id_col, title_col
        )
        squares, totals = cooccurrence_sums(likes, n_jobs=jobs)
        facts = support.data_facts(source, n_ratings, likes) | {
            "shared_likes": float(totals.sum()),
            "cost_of_zero": float(squares.sum()),
        }
    if as_json:
        _console.print_json(facts)
    else:
        _console.print_lines(
            [f"{k.replace('_', ' ')} {support.fact_words(v)}" for k, v in facts.items()]
        )


def main() -> None:
    """Run the command line, as the console script does."""
    if sys.stderr is None or sys.stdout is None:  # pythonw has neither
        raise SystemExit(_console.MISUSED)
    typer.main.get_command(app)(prog_name="movieembed")


if __name__ == "__main__":
    main()
