"""``movieembed similar``: the nearest items of one or more, or the people who are alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from movieembed.cli import console
from movieembed.cli.data import each_once
from movieembed.cli.options import Items, Json, MinLikes, Model, Number, OutTable, choice

if TYPE_CHECKING:
    import pandas as pd

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
    bool, typer.Option("--all", help="List those of every item, in the table that --out names.")
]
User = Annotated[
    list[str] | None,
    typer.Option(
        "--user",
        metavar="ID",
        show_default=False,
        help="List the users who are most like this one instead; may be repeated.",
    ),
]


def similar(
    *,
    model: Model,
    items: Items = None,
    every: Every = False,
    users: User = None,
    out: OutTable = None,
    n: Number = 10,
    method: Method = None,
    min_likes: MinLikes = 0,
    refine: Refine = None,
    as_json: Json = False,
) -> None:
    """List the items, or the users, nearest to some.

    $ movieembed similar small.npz "Toy Story (1995)"
    $ movieembed similar small.npz 1 "apollo 13" -n 5 --method dot --json
    $ movieembed similar small.npz title:300
    $ movieembed similar small.npz --all --out neighbours.parquet
    $ movieembed similar small.npz --user 42
    """
    from movieembed.data.items import ById, Typed
    from movieembed.model.embedding import Embedding

    if bool(items) + every + bool(users) != 1:
        what = "--all goes without ITEM and --user" if every else "Missing argument ITEM"
        what = "--user goes without ITEM" if items and users else what
        raise ValueError(f"{what}: name items to list the neighbours of, or say --all or --user")
    if users and (method is not None or min_likes or refine is not None):
        raise ValueError("--method, --min-likes and --refine are about items: leave out --user")
    if every and out is None:
        raise ValueError("--all needs --out, such as neighbours.parquet")
    if out is not None:
        console.check_out_table(out)
    fitted = Embedding.load(model)
    of_model = fitted._fitted_items()
    method = of_model.check_method(method, "weighted")
    ids = fitted.items_.tolist()
    options: dict[str, Any] = {"method": method, "min_likes": min_likes, "refine": refine}
    if every:
        fitted.neighbors(n, out=out, **options)
        console.print_answer(as_json, {"model": str(model), "out": str(out)}, [f"saved {out}"])
        return
    if users:
        print_users(model, fitted.similar_users(each_once(fitted, users), n), out, as_json)
        return
    columns = list(dict.fromkeys(of_model.index.resolve(Typed(item)) for item in items or ()))
    if out is not None:
        save(model, fitted.similar([ById(ids[c]) for c in columns], n, **options), out, as_json)
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


def save(model: Path, table: pd.DataFrame, out: Path, as_json: bool) -> None:
    """Write a table to a file and say so."""
    console.save_table(table, out)
    console.print_answer(as_json, {"model": str(model), "out": str(out)}, [f"saved {out}"])


def print_users(model: Path, table: pd.DataFrame, out: Path | None, as_json: bool) -> None:
    """Print or write the users who are like each of some, under their id if there are several."""
    if out is not None:
        save(model, table, out, as_json)
        return
    lists = dict(list(table.groupby("query", sort=False)))
    if as_json:
        found = [{"user": user, "alike": console.records(rows)} for user, rows in lists.items()]
        console.print_json({"model": str(model), "users": found})
        return
    for place, (user, rows) in enumerate(lists.items()):
        if len(lists) > 1:
            console.print_lines([""] * (place > 0) + [f"user {user!s}"])
        scores = [f"{score:.4f}" for score in rows["score"]]
        console.print_columns(
            ["score", "user"], list(zip(scores, map(str, rows["user"]), strict=True))
        )
