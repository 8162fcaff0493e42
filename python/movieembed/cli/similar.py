"""``movieembed similar``: the nearest items of one or more."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from movieembed.cli import console
from movieembed.cli.options import Items, Json, MinLikes, Model, Number, choice

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


def similar(
    *,
    model: Model,
    items: Items,
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
    """
    from movieembed.data.items import ById, Typed
    from movieembed.model.embedding import Embedding

    fitted = Embedding.load(model)
    of_model = fitted._fitted_items()
    method = of_model.check_method(method, "weighted")
    columns = list(dict.fromkeys(of_model.index.resolve(Typed(item)) for item in items))
    ids = fitted.items_.tolist()
    options: dict[str, Any] = {"method": method, "min_likes": min_likes, "refine": refine}
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
