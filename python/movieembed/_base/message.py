"""Sentences that know which parameters they name.

The library spells a parameter as Python does, ``solver='eigen'``; the command line wants
``--solver eigen``. A :class:`Message` is the first and can be spelled as the second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Parameter(NamedTuple):
    """A parameter that a message names, alone or with its value; ``...`` stands for any value."""

    name: str
    value: Any = None
    text: str | None = None  # how Python spells it, where that is not by the value's repr

    def __str__(self) -> str:
        """As Python spells it."""
        if self.text or self.value is None:
            return self.text or self.name
        return f"{self.name}={'...' if self.value is ... else repr(self.value)}"


Part = str | Parameter
Clause = tuple[Part, ...]


class Message(str):
    """Text made of strings and parameters, for any exception or warning.

    Parameters
    ----------
    *parts : str, Parameter or tuple of them
        What stands one after the other. A tuple is a clause that can be left out where one of its
        parameters cannot be given.

    Examples
    --------
    >>> from movieembed._base.message import Message, Parameter
    >>> message = Message(Parameter("keys", "title"), " needs titles")
    >>> message
    "keys='title' needs titles"
    >>> message.spelled(lambda parameter: f"--{parameter.name} {parameter.value}")
    '--keys title needs titles'
    """

    parts: tuple[Part | Clause, ...]

    def __new__(cls, *parts: Part | Clause) -> Message:
        """Join the parts, parameters spelled as in Python."""
        flat = (part for entry in parts for part in _as_clause(entry))
        message = super().__new__(cls, "".join(map(str, flat)))
        message.parts = parts
        return message

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Give pickle and copy the parts."""
        return self.parts

    def spelled(self, spell: Callable[[Parameter], str | None]) -> str:
        """Join the parts with the parameters spelled in another way.

        Parameters
        ----------
        spell : callable
            From a parameter to text; None leaves out its clause, or else spells it as in Python.
        """
        text = ""
        for entry in self.parts:
            if isinstance(entry, str | Parameter):
                text += entry if isinstance(entry, str) else spell(entry) or str(entry)
                continue
            words = [part if isinstance(part, str) else spell(part) for part in entry]
            if None not in words:
                text += "".join(map(str, words))
        return text


def _as_clause(entry: Part | Clause) -> Clause:
    return (entry,) if isinstance(entry, str | Parameter) else entry
