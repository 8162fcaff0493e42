"""The arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

OWN_TABLE = "A table of one's own"

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
UserColumn = Annotated[
    str | None,
    typer.Option(
        "--user-col",
        metavar="COLUMN",
        rich_help_panel=OWN_TABLE,
        help="The user's column: its name, or its number from 0 if there is no header. "
        "Usual names, such as userId, are found.",
    ),
]
ItemColumn = Annotated[
    str | None,
    typer.Option(
        "--item-col", metavar="COLUMN", rich_help_panel=OWN_TABLE, help="The same for the item."
    ),
]
RatingColumn = Annotated[
    str | None,
    typer.Option(
        "--rating-col",
        metavar="COLUMN",
        rich_help_panel=OWN_TABLE,
        help="And for the rating; without one, every row is a like.",
    ),
]
ItemTable = Annotated[
    Path | None,
    typer.Option(
        "--items",
        metavar="FILE",
        rich_help_panel=OWN_TABLE,
        help="A table of items with their titles. It fixes which items there are.",
    ),
]
IdColumn = Annotated[
    str | None,
    typer.Option(
        "--id-col", metavar="COLUMN", rich_help_panel=OWN_TABLE, help="The item's id in --items."
    ),
]
TitleColumn = Annotated[
    str | None,
    typer.Option(
        "--title-col", metavar="COLUMN", rich_help_panel=OWN_TABLE, help="The title in --items."
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="Lowest rating that is a like.  [dim]\\[default: 4, or 1 if all are 0 or 1][/dim]",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Of the random start.")]
Jobs = Annotated[int | None, typer.Option(help="Threads; all cores by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Model = Annotated[
    Path, typer.Argument(metavar="MODEL", show_default=False, help="A file that fit saved.")
]
Items = Annotated[
    list[str],
    typer.Argument(
        metavar="ITEM",
        show_default=False,
        help='Titles, with or without the year ("Toy Story"), or ids.',
    ),
]
Number = Annotated[int, typer.Option("-n", "--number", min=1, help="Rows to show.")]
