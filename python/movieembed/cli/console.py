"""How the command line speaks: tables and JSON on stdout, warnings and one line of error on stderr.

Into a pipe goes plain text, never wrapped or cut; rich draws only where stdout is a terminal.
"""

from __future__ import annotations

import functools
import inspect
import json
import math
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import typer
from typer.core import TyperCommand, TyperGroup

from movieembed.exceptions import MovieEmbedError

# Recent Typers carry click's classes in themselves, older ones import click: this finds either.
UsageError: Any = typer.BadParameter.__bases__[0]

FORESEEABLE = (MovieEmbedError, ValueError, TypeError, OSError, ImportError, MemoryError)
MISUSED, INTERRUPTED, PIPE_CLOSED = 2, 130, 141

# Messages name parameters as Python does; who typed options should read options.
OPTIONS = {
    "learning_rate": "--learning-rate",
    "max_iter": "--max-iter",
    "n_components": "--components",
    "components": "--components",
    "solver": "--solver",
    "tol": "--tol",
    "dtype": "--dtype",
    "backend": "--backend",
    "checkpoint": "--checkpoint",
    "method": "--method",
    "min_likes": "--min-likes",
    "n_neighbors": "--neighbors",
    "refine": "--refine",
    "regularization": "--regularization",
    "popularity_discount": "--popularity-discount",
    "keep_likes": "--keep-likes",
    "keys": "--keys",
    "item_scaling": "--item-scaling",
    "user_weighting": "--user-weighting",
    "entry_weighting": "--entry-weighting",
    "threshold": "--threshold",
    "random_state": "--seed",
    "n_jobs": "--jobs",
    "user": "--user-col",
    "item": "--item-col",
    "rating": "--rating-col",
    "item_id": "--id-col",
    "title": "--title-col",
    "genres": "--genres-col",
    "wide_iterations": "--wide-iterations",
}
# A name with its value; or alone, where its underscore or its place shows that it is no word of the
# sentence.
_PARAMETER = re.compile(
    rf"\b({'|'.join(sorted(OPTIONS, key=len, reverse=True))})=(?:'([^']*)'|\"([^\"]*)\"|([\w.+-]+))"
    rf"|\b({'|'.join(name for name in OPTIONS if '_' in name)})\b"
    rf"|^({'|'.join(OPTIONS)})(?= must | is empty| names )"
)
# The commands in the order in which one would use them.
COMMANDS = {
    "Begin": ("info", "fit"),
    "Ask": ("similar", "recommend", "map", "report"),
    "Measure": ("evaluate", "study"),
    "Hand on": ("export",),
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class _Examples:
    """Prints the epilog last and as it is; versions of Typer join or part its lines."""

    epilog: str | None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        text, self.epilog = self.epilog, None
        try:
            super().format_help(ctx, formatter)  # type: ignore[misc]
        finally:
            self.epilog = text
        if text:
            formatter.write("\n".join(f" {line}".rstrip() for line in text.splitlines()) + "\n")


class Command(_Examples, TyperCommand):
    """A command with its examples at the end of its help."""


class Group(_Examples, TyperGroup):
    """A group of commands in which everything foreseeable ends in one line and a status."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command, and exit with 0, 2 for an error, 130 for Ctrl-C or 141 for a closed pipe.

        Parameters
        ----------
        args, prog_name, complete_var, windows_expand_args, **extra
            As Typer's.
        standalone_mode : bool, default=True
            False raises usage errors and returns the status instead.
        """
        run = functools.partial(
            super().main, args, prog_name, complete_var, False, windows_expand_args, **extra
        )
        if not standalone_mode:
            return run()
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = show_warning
            try:
                status = run()
            except UsageError as error:
                context = getattr(error, "ctx", None)
                where = f" (see {context.command_path} --help)" if context else ""
                complain("error", one_line(error.format_message()).rstrip(".") + where)
                status = MISUSED
            except typer.Abort:
                complain("interrupted")
                status = INTERRUPTED
        sys.exit(status if isinstance(status, int) else 0)

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of `COMMANDS`."""
        order = [name for names in COMMANDS.values() for name in names]
        return sorted(super().list_commands(ctx), key=order.index)

    def invoke(self, ctx: Any) -> Any:
        """Run the command of a context; a :class:`typer.Exit` carries any other status than 0."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # Python would try to flush what nobody reads once more when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(PIPE_CLOSED) from None
        except FORESEEABLE as error:
            if ctx.params.get("traceback"):
                raise
            complain("error", in_options(describe(error)))
            raise typer.Exit(MISUSED) from None


def command(app: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function under its panel; what its docstring has after "$" are examples."""
    (panel,) = (panel for panel, names in COMMANDS.items() if name in names)

    def register(function: Callable[..., None]) -> Callable[..., None]:
        blocks = inspect.cleandoc(function.__doc__ or "").split("\n\n")
        prose = [" ".join(block.split()) for block in blocks if not block.startswith("$")]
        lines = [line for block in blocks if block.startswith("$") for line in block.splitlines()]
        app.command(
            name,
            cls=Command,
            help="\n\n".join(prose),
            epilog="\n".join(["Examples:", "", *(f"    {line}" for line in lines)]),
            rich_help_panel=panel,
        )(function)
        return function

    return register


def complain(kind: str, text: str = "") -> None:
    """One line on stderr."""
    print(f"movieembed: {kind}{': ' if text else ''}{text}", file=sys.stderr)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """``warnings.showwarning`` in one line, without the place in the code."""
    complain("warning", in_options(one_line(str(message))))


def describe(error: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(error, OSError) and error.strerror:
        name = "" if error.filename is None else f"{error.filename}: "
        return one_line(f"{name}{error.strerror}")
    if isinstance(error, MemoryError):
        return one_line(f"not enough memory. {error}".rstrip(". "))
    return one_line(str(error)) or type(error).__name__


def one_line(text: str) -> str:
    """Text with all blank space, line ends included, as single blanks."""
    return _CONTROL.sub("", " ".join(text.split()))


def in_options(message: str) -> str:
    """A message of the library with the options in the place of its parameters."""

    def option(match: re.Match[str]) -> str:
        if alone := match[5] or match[6]:
            return OPTIONS[alone]
        value = next((v for v in match.groups()[1:4] if v is not None), "")
        if value == "True":  # a flag
            return OPTIONS[match[1]]
        return f"{OPTIONS[match[1]]} {'COLUMN' if value == '...' else value}"

    return _PARAMETER.sub(option, message)


def print_json(document: Any) -> None:
    """One JSON document: null for what is not finite, ASCII where stdout can hold no more."""
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    print(json.dumps(plain(document), indent=2, ensure_ascii=encoding != "utf8", allow_nan=False))


def plain(value: Any) -> Any:
    """Values that JSON has: Python's own numbers, None for NaN and infinity."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def print_lines(lines: Sequence[str]) -> None:
    """Lines of text, with what the terminal's encoding lacks replaced."""
    encoding = sys.stdout.encoding or "utf-8"
    for line in lines:
        print(line.encode(encoding, "replace").decode(encoding))


def print_columns(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns with two blanks between; the last, which may be long, is not padded."""
    table = [[_CONTROL.sub(" ", cell) for cell in row] for row in (heading, *rows)]
    if sys.stdout.isatty():
        return _print_rich(table)
    widths = [max(len(row[k]) for row in table) for k in range(len(heading) - 1)]
    return print_lines(
        ["  ".join([*map(str.ljust, row[:-1], widths), row[-1]]).rstrip() for row in table]
    )


def print_markdown(text: str) -> None:
    """Text with Markdown's emphasis: drawn in a terminal, left out elsewhere."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        print_lines(text.replace("**", "").splitlines())


def _print_rich(table: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for k, name in enumerate(table[0]):
        last = k == len(table[0]) - 1
        drawn.add_column(Text(name), no_wrap=not last, overflow="fold")
    for row in table[1:]:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)


def check_writable(folder: Path) -> None:
    """Raise OSError, naming --out, unless a file can be made in the folder."""
    if not folder.is_dir():
        raise FileNotFoundError(f"--out: the folder {folder} does not exist")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PermissionError(f"--out: cannot write in {folder}: {error.strerror}") from error


def check_out_file(path: Path) -> None:
    """Raise OSError unless `path` can become a file, so that no work is done for nothing."""
    if path.is_dir():
        raise IsADirectoryError(f"--out: {path} is a folder; name a file in it")
    check_writable(path.parent)


def make_out_folder(path: Path) -> None:
    """Make the folder, or raise OSError if it cannot be made or written in."""
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"--out: {path} is a file; name a folder")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PermissionError(f"--out: cannot make {path}: {error.strerror}") from error
    check_writable(path)
