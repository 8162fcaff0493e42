"""Errors and warnings in one line, in the words of who types options."""

from __future__ import annotations

from collections.abc import Mapping

from movieembed._base.message import Message, Parameter
from movieembed.cli.console import one_line


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
        if option := options.get(parameter):
            if text.startswith(f"{parameter} "):
                text = option + text.removeprefix(parameter)
            text = text.replace(f"{parameter}=...", f"{option} COLUMN")
            text = text.replace(f"{parameter}=", f"{option} ")
    if isinstance(error, MemoryError):
        text = f"not enough memory. {text}".rstrip(". ")
    return one_line(text) or type(error).__name__


def spelled(parameter: Parameter, options: Mapping[str, str]) -> str | None:
    """Spell a parameter as one would type it; None if there is no option for it."""
    option = options.get(parameter.name)
    if option is None or parameter.value is None or parameter.value is True:  # True: a flag
        return option
    return f"{option} {'COLUMN' if parameter.value is ... else parameter.value}"
