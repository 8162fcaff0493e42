"""``movieembed similar``: the nearest items of one or more."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from movieembed.cli import console
from movieembed.cli.options import Items, Json, MinLikes, Model, Number, OutTable, choice

Method = Annotated[
    str | None,
    choice(
        ("weighted", "cosine", "dot", "precision"),
        help="weighted, the default; cosine, of the embedding itself; dot, which favours popular "
        "items; or precision, which finds close relatives.",
        show_default=False,
    ),
]
Refine = Annotated[
    int | None,
    typer.Option(
        min=0,
        show_default=False,
        help="Steps of --method precision; by default as many as the model chose.",
    ),
]
Every = Annotated[
    bool, typer.Option("--all", help="Of every item, into the table that --out names.")
]


def similar(
    *,
    model: Model,
    items: Items = None,
    every: Every = False,
    out: OutTable = None,
    n: Number = 10,
    method: Method = None,
    min_likes: MinLikes = 0,
    refine: Refine = None,
    as_json: Json = False,
) -> None:
    """List the nearest items of one or more.

    $ movieembed similar small.npz "Toy Story (1995)"
    $ movieembed similar small.npz 1 "apollo 13" -n 5 --method dot --json
    $ movieembed similar small.npz title:300
    $ movieembed similar small.npz --all --out neighbours.parquet
    """
    from movieembed.data.items import ById, Typed
    from movieembed.model.embedding import Embedding

    if every == bool(items):
        what = "--all goes without ITEM" if every else "Missing argument ITEM"
        raise ValueError(f"{what}: name items to list the neighbours of, or say --all")
    if every and out is None:
        raise ValueError("--all needs --out, such as neighbours.parquet")
    if out is not None:
        console.check_out_table(out)
    fitted = Embedding.load(model)
    of_model = fitted._fitted_items()
    method = of_model.check_method(method, "weighted")
    columns = list(dict.fromkeys(of_model.index.resolve(Typed(item)) for item in items or ()))
    ids = fitted.items_.tolist()
    options: dict[str, Any] = {"method": method, "min_likes": min_likes, "refine": refine}
    if out is not None:
        table: Any = (
            fitted.neighbors(n, as_frame=True, **options)
            if every
            else fitted.similar([ById(ids[c]) for c in columns], n, **options)
        )
        console.save_table(table, out)
        console.print_answer(as_json, {"model": str(model), "out": str(out)}, [f"saved {out}"])
        return
    found = {c: fitted.similar([ById(ids[c])], n, **options) for c in columns}
    if as_json:
        queries = [
            {**console.named(fitted, column), "neighbors": console.records(table)}
            for column, table in found.items()
        ]
        console.print_json({"model": str(model), "method": method, "queries": queries})
        return
    for place, (column, table) in enumerate(found.items()):
        if len(found) > 1:
            title = str(console.named(fitted, column)["title"])
            console.print_lines([""] * (place > 0) + [title])
        console.print_items(table)
