"""How commands show their help and end: every foreseeable error is one line and a status."""

from __future__ import annotations

import functools
import os
import signal
import sys
import warnings
from collections.abc import Mapping
from shlex import quote
from typing import Any, TypeGuard

import typer
from typer.core import TyperCommand, TyperGroup

from movieembed._base.memory import check_address_space
from movieembed._base.message import Message, Parameter
from movieembed.cli.console import complain, one_line
from movieembed.cli.options import OF_DATA
from movieembed.exceptions import MovieEmbedError

# Recent Typers carry click's classes in themselves, older ones import click: this finds either.
UsageError: Any = typer.BadParameter.__bases__[0]

FORESEEABLE = (MovieEmbedError, ValueError, TypeError, OSError, ImportError, MemoryError)
FAILED, MISUSED, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141


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

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command and exit with its status.

        It is 0, 1 where stdout is full, 2 for an error, 130 for Ctrl-C, 141 for a closed pipe.

        Parameters
        ----------
        *args, **extra
            As Typer's.
        standalone_mode : bool, default=True
            False raises usage errors and returns the status instead.
        """
        run = functools.partial(super().main, *args, **extra | {"standalone_mode": False})
        if not standalone_mode:
            return run()
        try:
            status = run()
            sys.stdout.flush()
        except UsageError as error:
            context = getattr(error, "ctx", None)
            where = f" (see {context.command_path} --help)" if context else ""
            complain("error", one_line(error.format_message()).rstrip(".") + where)
            status = MISUSED
        except typer.Abort:
            status = INTERRUPTED
        except OSError as error:
            if not is_of_stdout(error):  # but with --traceback
                raise
            status = unwritable(error)
        if status == INTERRUPTED:
            complain("interrupted")
        sys.exit(status if isinstance(status, int) else 0)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order in which commands were added."""
        return list(self.commands)

    def invoke(self, ctx: Any) -> Any:
        """Run the command of a context; a :class:`typer.Exit` carries any other status than 0."""

        def show_warning(message: Any, *place: Any, **more: Any) -> None:
            complain("warning", describe(message, self.options_of(ctx.invoked_subcommand)))

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", UserWarning)
                warnings.showwarning = show_warning
                check_address_space()
                return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except FORESEEABLE as error:
            if is_of_stdout(error):
                raise typer.Exit(unwritable(error)) from None
            if ctx.params.get("traceback"):
                raise
            complain("error", describe(error, self.options_of(ctx.invoked_subcommand)))
            raise typer.Exit(MISUSED) from None

    def options_of(self, running: str | None) -> dict[str, str]:
        """Return the option for each parameter: the running command's, and those of another fit."""
        of_models = [p for p in self.commands["fit"].params if p.name not in OF_DATA]
        own = [] if running is None else self.commands[running].params
        return {p.name: max(p.opts, key=len) for p in [*of_models, *own]}


def is_of_stdout(error: BaseException) -> TypeGuard[OSError]:
    """Whether an error is of text on its way to stdout: others name their file."""
    return isinstance(error, OSError) and bool(error.errno) and error.filename is None


def unwritable(error: OSError) -> int:
    """Say that stdout takes no more, and return the status; a closed pipe is no news."""
    # Python would try to write what is left once more when it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return PIPE_CLOSED
    complain("error", f"standard output: {error.strerror}")
    return FAILED


def run(app: typer.Typer) -> None:
    """Run the command line to its status; nothing interrupts the end, where nothing is left to do.

    What Python does then would answer Ctrl-C with a traceback.
    """
    try:
        typer.main.get_command(app)(prog_name="movieembed")
    except KeyboardInterrupt:  # before or after a command
        complain("interrupted")
        sys.exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def describe(error: BaseException, options: Mapping[str, str]) -> str:
    """Say in one line what went wrong.

    Parameters
    ----------
    error : BaseException
        An error, or a warning.
    options : mapping of str to str
        The option for each of the library's parameters.
    """
    if isinstance(error, OSError) and error.strerror:
        name = "" if error.filename is None else f"{error.filename}: "
        return one_line(f"{name}{error.strerror}")
    message = error.args[0] if error.args else ""
    if isinstance(message, Message):
        text = message.spelled(lambda parameter: spelled(parameter, options))
    else:
        text = str(error)
        parameter = getattr(error, "parameter", "")
        if parameter in options and text.startswith(f"{parameter} "):
            text = options[parameter] + text.removeprefix(parameter)
    if isinstance(error, MemoryError):
        text = f"not enough memory. {text}".rstrip(". ")
    return one_line(text) or type(error).__name__


def spelled(parameter: Parameter, options: Mapping[str, str]) -> str | None:
    """Spell a parameter as one would type it; None if there is no option for it."""
    option = options.get(parameter.name)
    if option is None or parameter.value is None or parameter.value is True:  # True: a flag
        return option
    return f"{option} {'COLUMN' if parameter.value is ... else quote(str(parameter.value))}"
