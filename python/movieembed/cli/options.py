"""Arguments and options that several commands take, and how their values are read.

A command's parameter has the name that the library gives it (``n_jobs``), so that an error of the
library about it can be told in the option's name (``--jobs``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

OWN_TABLE = "A table of one's own"


def choice(words: tuple[str, ...], **settings: Any) -> Any:
    """Make an option whose words the shell completes."""
    return typer.Option(autocompletion=lambda: list(words), **settings)


def column(option: str, words: str) -> Any:
    """Make an option that names a column of a table of one's own."""
    return typer.Option(option, metavar="COLUMN", rich_help_panel=OWN_TABLE, help=words)


def of_table(option: str, words: str, metavar: str | None, **settings: Any) -> Any:
    """Make another option for a table of one's own."""
    settings |= {"rich_help_panel": OWN_TABLE, "help": words, "show_default": False}
    return typer.Option(option, metavar=metavar, **settings)


Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        show_default=False,
        help="demo, invented films that need no download; a MovieLens folder or .zip; a published "
        "name, such as ml-latest-small or ml-1m, to download; or a table of ratings: .csv, .tsv, "
        ".txt, .jsonl or .parquet.",
    ),
]
Model = Annotated[
    Path, typer.Argument(metavar="MODEL", show_default=False, help="A file that fit saved.")
]
Items = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ITEM]...",
        show_default=False,
        help='Titles, with or without the year ("Toy Story"), or ids; id:300 or title:300 where '
        "one number is both.",
    ),
]
OutTable = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        metavar="FILE",
        show_default=False,
        help="Write a table here instead: .parquet, .csv or .arrow.",
    ),
]
IdColumn = Annotated[str | None, column("--id-col", "The item's id in --items.")]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="Lowest rating that is a like.  [dim]\\[default: 4, or 1 if all are 0 or 1][/dim]",
        show_default=False,
    ),
]
Pairs = Annotated[
    bool,
    typer.Option(
        "--pairs",
        rich_help_panel=OWN_TABLE,
        help="A row is a pair of items and how often they occur together. The columns are the "
        "first three, or those of --user-col, --item-col and --rating-col.",
    ),
]
MinLikes = Annotated[int, typer.Option(min=0, help="Leave out items with fewer likes.")]
Number = Annotated[int, typer.Option("-n", "--number", min=1, help="Rows to show.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the random start.")]
Jobs = Annotated[int | None, typer.Option("--jobs", help="Threads; all cores by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


@dataclass(frozen=True)
class OwnTable:
    """How a table of one's own is read, which of its rows count, and a table of its items."""

    user: Annotated[
        str | None,
        column(
            "--user-col",
            "The user's column: its name, or its number from 0 if there is no header. "
            "Usual names, such as userId, are found.",
        ),
    ] = None
    item: Annotated[str | None, column("--item-col", "The same for the item.")] = None
    rating: Annotated[
        str | None, column("--rating-col", "And for the rating; without one, every row is a like.")
    ] = None
    timestamp: Annotated[
        str | None, column("--time-col", "And for the time, where --half-life or --split needs it.")
    ] = None
    separator: Annotated[
        str | None,
        of_table("--sep", "What stands between the fields, where it is not found.", "TEXT"),
    ] = None
    header: Annotated[
        bool | None,
        of_table("--header/--no-header", "Whether the first row names the columns.", None),
    ] = None
    layout: Annotated[
        str | None,
        of_table(
            "--layout",
            "rows, a rating each; lists, a user and all their items a row; blocks, an item's line "
            '"1:" before its users; or json, an object a line. Found by itself.',
            "WORD",
            autocompletion=lambda: ["rows", "lists", "blocks", "json"],
        ),
    ] = None
    where: Annotated[
        list[str] | None,
        of_table(
            "--where",
            "Rows to keep: a column, ==, !=, <, <=, > or >=, and a value, as in "
            "'event == \"buy\"'. May be repeated.",
            "COMPARISON",
        ),
    ] = None
    missing: Annotated[
        str | None,
        of_table(
            "--missing",
            "drop leaves out rows without a user, item or rating.",
            "WORD",
            autocompletion=lambda: ["raise", "drop"],
        ),
    ] = None
    dislike_below: Annotated[
        float | None,
        of_table(
            "--dislike-below",
            "Ratings from there up to the threshold count as absent, and may be recommended again.",
            "RATING",
        ),
    ] = None
    half_life: Annotated[
        str | None,
        of_table(
            "--half-life",
            'After that time a like weighs half: "180 days", or a number of the times.',
            "TIME",
        ),
    ] = None
    items: Annotated[
        Path | None,
        of_table(
            "--items", "A table of items with their titles. It fixes which items there are.", "FILE"
        ),
    ] = None
    item_id: IdColumn = None
    title: Annotated[str | None, column("--title-col", "The title in --items.")] = None

    def typed_columns(self) -> list[str]:
        """Return the columns of the ratings that were typed."""
        return [c for c in (self.user, self.item, self.rating, self.timestamp) if c is not None]


# What says which data are read and how, and nothing of the model.
OF_DATA = {"data", "threshold", "pairs", *(field.name for field in fields(OwnTable))}


def with_options_of_table(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `OwnTable` in the place of its parameter ``table``.

    But for those whose name is that of an option of its own, such as --where.
    """
    signature = inspect.signature(function, eval_str=True)
    if "table" not in signature.parameters:
        return function
    hints = get_type_hints(OwnTable, include_extras=True)
    offered = [f for f in fields(OwnTable) if f.name not in signature.parameters]
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if parameter.name != "table":
            parameters.append(parameter)
            continue
        parameters += [
            parameter.replace(name=f.name, default=f.default, annotation=hints[f.name])
            for f in offered
        ]

    @functools.wraps(function)
    def command(**options: Any) -> None:
        table = OwnTable(**{f.name: options.pop(f.name) for f in offered})
        function(table=table, **options)

    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return command


def as_components(text: str) -> list[int | str]:
    """Read numbers of components between commas, of which "M" stands for all items."""
    numbers: list[int | str] = []
    for part in map(str.strip, text.split(",")):
        if part.upper() != "M" and not part.isdecimal():
            raise ValueError(f"--components must be numbers or M between commas, not {part!r}")
        numbers.append("M" if part.upper() == "M" else int(part))
    return numbers


def one_of(text: str | None, words: tuple[str, ...], option: str) -> Any:
    """Return a word that was typed if it is one of those."""
    if text is not None and text not in words:
        raise ValueError(f"{option} must be one of {', '.join(words)}, not {text!r}")
    return text
