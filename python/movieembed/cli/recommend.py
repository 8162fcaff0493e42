"""``movieembed recommend``: what somebody may like who likes the given items."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from movieembed.cli import console
from movieembed.cli.options import Items, Json, Model, Number, choice

Dislikes = Annotated[
    list[str] | None,
    typer.Option("--dislike", metavar="ITEM", help="An item disliked; may be repeated."),
]
Method = Annotated[
    str | None,
    choice(
        ("precision", "weighted", "cosine", "dot"),
        help="precision, the best linear recommender and the default; cosine, the highest mean "
        "cosine; or dot.",
        show_default=False,
    ),
]
Regularization = Annotated[
    float | None, typer.Option(metavar="LAMBDA", help="Instead of the model's.")
]
Refine = Annotated[
    int | None,
    typer.Option(
        min=0,
        show_default=False,
        help="Steps towards the dense recommender; by default as many as the model chose.",
    ),
]
Discount = Annotated[
    float | None,
    typer.Option(show_default=False, help="Divide scores by the number of likes to this power."),
]
Explain = Annotated[
    bool, typer.Option("--explain", help="Name the given item that speaks most for each.")
]


def recommend(
    *,
    model: Model,
    items: Items,
    n: Number = 10,
    dislikes: Dislikes = None,
    method: Method = None,
    regularization: Regularization = None,
    refine: Refine = None,
    popularity_discount: Discount = None,
    explain: Explain = False,
    as_json: Json = False,
) -> None:
    """Recommend to somebody who likes the given items.

    $ movieembed recommend small.npz "Apollo 13 (1995)" "Home Alone (1990)"
    $ movieembed recommend small.npz "Toy Story" --dislike Heat --explain
    $ movieembed recommend small.npz 150 586 -n 20 --method cosine --json
    """
    from movieembed.data.items import ById, Typed
    from movieembed.model.embedding import Embedding

    liked, disliked = ([Typed(item) for item in named or ()] for named in (items, dislikes))
    fitted = Embedding.load(model)
    taste: dict[str, Any] = {"dislikes": disliked or None, "regularization": regularization}
    how: dict[str, Any] = {"method": method, "popularity_discount": popularity_discount}
    table = fitted.recommend(liked, n, refine=refine, **how, **taste)
    index = fitted._fitted_items().index
    reasons: list[str] = []
    if explain and len(table):
        recommended = [*map(ById, table["item"].tolist())]
        taste["popularity_discount"] = popularity_discount
        shares = fitted.explain(liked, recommended, refine=refine, **taste)
        best = map(index.resolve, map(ById, shares.drop_duplicates("recommended")["item"]))
        reasons = [str(console.named(fitted, c)["title"]) for c in best]
    if as_json:
        given = [console.named(fitted, c) for c in dict.fromkeys(map(index.resolve, liked))]
        found = console.records(table)
        for record, reason in zip(found, reasons, strict=False):
            record["because"] = reason
        console.print_json({"model": str(model), "items": given, "recommendations": found})
    else:
        console.print_items(table, {"because of": reasons} if reasons else {})
