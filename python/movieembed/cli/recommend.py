"""``movieembed recommend``: what somebody may like who likes the given items, or many people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from movieembed.cli import console
from movieembed.cli.data import conditions, each_once, likes_of_model
from movieembed.cli.options import (
    Items,
    Json,
    Model,
    Number,
    OutTable,
    OwnTable,
    Threshold,
    choice,
)

if TYPE_CHECKING:
    import pandas as pd

    from movieembed.model.embedding import Embedding

PEOPLE: dict[str, Any] = {"rich_help_panel": "Many people", "show_default": False}
RULES: dict[str, Any] = {"rich_help_panel": "What may be in a list", "show_default": False}

People = Annotated[
    str | None,
    typer.Option(
        "--users",
        metavar="DATA",
        help="Whose likes to go by, in any form that fit takes; by default those that the model "
        "keeps.",
        **PEOPLE,
    ),
]
User = Annotated[
    list[str] | None,
    typer.Option("--user", metavar="ID", help="A user's id; may be repeated.", **PEOPLE),
]
Exclude = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A table of users and items: what never to recommend to each of them.",
        **PEOPLE,
    ),
]
Genre = Annotated[
    list[str] | None,
    typer.Option("--genre", metavar="GENRE", help="Only items of this genre.", **RULES),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CONDITION",
        help="Only items whose row in the table of items meets this, as in 'year >= 1990'. "
        "--genre and --where may be repeated: all must hold.",
        **RULES,
    ),
]
Given = Annotated[
    bool,
    typer.Option(
        "--exclude-given/--include-given", help="Leave out the items given, or rank them.", **RULES
    ),
]
Among = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ITEM",
        help="Only this item; may be repeated. With --include-given the items given may be among "
        "them.",
        **RULES,
    ),
]
Diversify = Annotated[
    float,
    typer.Option(
        help="From 0, the best, to 1: how much an item loses by being like those above it.", **RULES
    ),
]

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
    float | None, typer.Option(metavar="LAMBDA", help="Use this lambda instead of the model's.")
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
    given: Items = None,
    likes: People = None,
    users: User = None,
    out: OutTable = None,
    n: Number = 10,
    dislikes: Dislikes = None,
    method: Method = None,
    regularization: Regularization = None,
    refine: Refine = None,
    popularity_discount: Discount = None,
    genre: Genre = None,
    where: Where = None,
    among: Among = None,
    exclude: Exclude = None,
    exclude_given: Given = True,
    diversify: Diversify = 0.0,
    explain: Explain = False,
    threshold: Threshold = None,
    table: OwnTable,
    as_json: Json = False,
) -> None:
    """Recommend by the items that somebody likes, or to users by id.

    $ movieembed recommend small.npz "Apollo 13 (1995)" "Home Alone (1990)"
    $ movieembed recommend small.npz "Toy Story" --dislike Heat --explain
    $ movieembed recommend small.npz 150 586 -n 20 --method cosine --json
    $ movieembed recommend small.npz Heat --genre Comedy --where "year >= 1990"
    $ movieembed recommend small.npz Heat --among 1 --among "Toy Story 2"
    $ movieembed recommend small.npz --user 42
    $ movieembed recommend small.npz --users ratings.csv --out lists.parquet
    """
    from movieembed.data.items import ById, Typed
    from movieembed.model.embedding import Embedding

    if bool(given) == bool(likes or users):
        what = "ITEM goes without --user and --users" if given else "Missing argument ITEM"
        raise ValueError(f"{what}: name what somebody likes, or people by --user or --users")
    if out is not None:
        console.check_out_table(out)
    fitted = Embedding.load(model)
    rules: dict[str, Any] = {"exclude_given": exclude_given, "diversify": diversify}
    if among:
        named = fitted._fitted_items().index.resolve_many([Typed(item) for item in among])
        rules["allowed_items"] = [ById(item) for item in fitted.items_[named].tolist()]
    rules["where"] = conditions(fitted, genre, where) or None
    how: dict[str, Any] = {"regularization": regularization, "refine": refine}
    how["popularity_discount"] = popularity_discount
    people = likes_of_model(fitted, likes, threshold, table)
    if given:
        if exclude is not None:
            raise ValueError("--exclude goes with users, not with items")
        to_one(fitted, model, given, n, dislikes, explain, method, how, rules, out, as_json)
        return
    if explain or dislikes:
        option = "--explain" if explain else "--dislike"
        raise ValueError(f"{option} goes with items, not with users")
    if users is None and out is None:
        raise ValueError("--users needs --out, such as lists.parquet, or --user for single people")
    if exclude is not None:
        rules["exclude"] = read_excluded(exclude)
    rules["unknown"] = "drop"
    how["method"] = method
    asked = None if users is None else each_once(fitted, users, people)
    found: Any = fitted.recommend_users(people, n, users=asked, out=out, **how, **rules)
    if out is not None:
        console.print_answer(as_json, {"model": str(model), "out": str(out)}, [f"saved {out}"])
    else:
        print_users(model, found, as_json)


def read_excluded(path: Path) -> pd.DataFrame:
    """Read the pairs of users and items that are never to be recommended."""
    from movieembed.data.delimited_text import read_table

    return read_table(path)


def print_users(model: Path, table: pd.DataFrame, as_json: bool) -> None:
    """Print the list of each user, under their id where there are several."""
    lists = {
        user: rows.drop(columns=["user", "rank"])
        for user, rows in table.groupby("user", sort=False)
    }
    if as_json:
        found = [{"user": user, "recommendations": console.records(x)} for user, x in lists.items()]
        console.print_json({"model": str(model), "users": found})
        return
    for place, (user, rows) in enumerate(lists.items()):
        if len(lists) > 1:
            console.print_lines([""] * (place > 0) + [f"user {user!s}"])
        console.print_items(rows)


def to_one(
    fitted: Embedding,
    model: Path,
    items: list[str],
    n: int,
    dislikes: list[str] | None,
    explain: bool,
    method: str | None,
    how: dict[str, Any],
    rules: dict[str, Any],
    out: Path | None,
    as_json: bool,
) -> None:
    """Print or write the list of somebody who likes some items."""
    from movieembed.data.items import ById, Typed

    liked, disliked = ([Typed(item) for item in named or ()] for named in (items, dislikes))
    how["dislikes"] = disliked or None
    table = fitted.recommend(liked, n, **{"method": method, **how, **rules})
    index = fitted._fitted_items().index
    reasons: list[str] = []
    if explain and len(table):
        recommended = [*map(ById, table["item"].tolist())]
        shares = fitted.explain(liked, recommended, **how)
        best = map(index.resolve, map(ById, shares.drop_duplicates("recommended")["item"]))
        reasons = [str(console.named(fitted, c)["title"]) for c in best]
    if out is not None:
        console.save_table(table, out)
        console.print_answer(as_json, {"model": str(model), "out": str(out)}, [f"saved {out}"])
    elif as_json:
        given = [console.named(fitted, c) for c in dict.fromkeys(map(index.resolve, liked))]
        found = console.records(table)
        for record, reason in zip(found, reasons, strict=False):
            record["because"] = reason
        console.print_json({"model": str(model), "items": given, "recommendations": found})
    else:
        console.print_items(table, {"because of": reasons} if reasons else {})
