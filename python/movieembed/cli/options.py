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


Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        show_default=False,
        help="demo, invented films that need no download; a MovieLens folder or .zip; a published "
        "name, such as ml-latest-small or ml-1m, to download; or a table of ratings: .csv, .tsv, "
        ".txt or .parquet.",
    ),
]
Model = Annotated[
    Path, typer.Argument(metavar="MODEL", show_default=False, help="A file that fit saved.")
]
Items = Annotated[
    list[str],
    typer.Argument(
        metavar="ITEM",
        show_default=False,
        help='Titles, with or without the year ("Toy Story"), or ids; id:300 or title:300 where '
        "one number is both.",
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
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the random start.")]
Jobs = Annotated[int | None, typer.Option("--jobs", help="Threads; all cores by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


@dataclass(frozen=True)
class OwnTable:
    """The columns of a table of one's own, and a table of its items."""

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
    items: Annotated[
        Path | None,
        typer.Option(
            "--items",
            metavar="FILE",
            rich_help_panel=OWN_TABLE,
            help="A table of items with their titles. It fixes which items there are.",
        ),
    ] = None
    item_id: IdColumn = None
    title: Annotated[str | None, column("--title-col", "The title in --items.")] = None


def with_options_of_table(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `OwnTable` in the place of its parameter ``table``."""
    signature = inspect.signature(function, eval_str=True)
    if "table" not in signature.parameters:
        return function
    hints = get_type_hints(OwnTable, include_extras=True)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if parameter.name != "table":
            parameters.append(parameter)
            continue
        parameters += [
            parameter.replace(name=f.name, default=f.default, annotation=hints[f.name])
            for f in fields(OwnTable)
        ]

    @functools.wraps(function)
    def command(**options: Any) -> None:
        table = OwnTable(**{f.name: options.pop(f.name) for f in fields(OwnTable)})
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
