"""The commands put together: their help and its tour."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated

import typer

from movieembed._version import __version__
from movieembed.cli.evaluate import evaluate
from movieembed.cli.export import export
from movieembed.cli.fit import fit
from movieembed.cli.group import Command, Group
from movieembed.cli.info import info
from movieembed.cli.map import map_
from movieembed.cli.options import with_options_of_table
from movieembed.cli.recommend import recommend
from movieembed.cli.report import report
from movieembed.cli.similar import similar
from movieembed.cli.study import study

# In the order in which one would use them.
COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Begin": (info, fit),
    "Ask": (similar, recommend, map_, report),
    "Measure": (evaluate, study),
    "Hand on": (export,),
}
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
    cls=Group,
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


def add(function: Callable[..., None], panel: str) -> None:
    """Add a command; what its docstring has after "$" are the examples at the end of its help."""
    blocks = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    prose = [" ".join(block.split()) for block in blocks if not block.startswith("$")]
    lines = [line for block in blocks if block.startswith("$") for line in block.splitlines()]
    app.command(
        function.__name__.rstrip("_"),
        cls=Command,
        help="\n\n".join(prose),
        epilog="\n".join(["Examples:", "", *(f"    {line}" for line in lines)]),
        rich_help_panel=panel,
    )(with_options_of_table(function))


for panel, functions in COMMANDS.items():
    for function in functions:
        add(function, panel)
