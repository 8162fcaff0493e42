"""Sentences that know which parameters they name.

The library spells a parameter as Python does, ``solver='eigen'``; the command line wants
``--solver eigen``. A :class:`Message` is the first and can be spelled as the second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any, NamedTuple

from movieembed.exceptions import LONGEST_MESSAGE, shortened


class Parameter(NamedTuple):
    """A parameter that a message names, alone or with its value; ``...`` stands for any value."""

    name: str
    value: Any = None
    text: str | None = None  # how Python spells it, where that is not by the value's repr

    def __str__(self) -> str:
        """As Python spells it."""
        if self.text or self.value is None:
            return self.text or self.name
        return f"{self.name}={'...' if self.value is ... else shortened(repr(self.value))}"


Part = str | Parameter


class Message(str):
    """Text that names parameters, for any exception or warning.

    Parameters
    ----------
    template : str
        ``{name=}`` stands for a parameter with its value, ``{name}`` for the parameter alone where
        `values` lacks it. Other fields are as in ``str.format``; their values may be a Parameter or
        a Message themselves. What follows a ``|`` is left out where one of its parameters cannot be
        given.
    **values : object
        What the fields stand for.

    Examples
    --------
    >>> from movieembed._base.message import Message
    >>> message = Message("{keys=} needs titles", keys="title")
    >>> message
    "keys='title' needs titles"
    >>> message.spelled(lambda parameter: f"--{parameter.name} {parameter.value}")
    '--keys title needs titles'
    """

    clauses: list[list[Part]]
    made_of: tuple[tuple[str], dict[str, Any]]

    def __new__(cls, template: str, /, **values: Any) -> Message:
        """Fill the template, parameters spelled as in Python."""
        clauses = [_parts(clause, values) for clause in template.split("|")]
        message = super().__new__(cls, "".join(str(part) for parts in clauses for part in parts))
        message.clauses = clauses
        message.made_of = (template,), values
        return message

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        """Give pickle and copy what the message was made of."""
        return self.made_of

    def spelled(self, spell: Callable[[Parameter], str | None]) -> str:
        """Fill the template with the parameters spelled in another way.

        Parameters
        ----------
        spell : callable
            From a parameter to text; None leaves out a clause behind a ``|``, and before it spells
            the parameter as in Python.
        """
        text = ""
        for place, parts in enumerate(self.clauses):
            words = [part if isinstance(part, str) else spell(part) for part in parts]
            if place == 0 or None not in words:
                text += "".join(word or str(part) for word, part in zip(words, parts, strict=True))
        return text


def _parts(clause: str, values: Mapping[str, Any]) -> list[Part]:
    """Text and parameters of a clause in turn."""
    parts: list[Part] = []
    formatter = Formatter()
    for text, field, spec, conversion in formatter.parse(clause):
        parts.append(text)
        if field is None:
            continue
        name = field.removesuffix("=")
        value = (
            Parameter(name, values[name]) if field != name else values.get(name, Parameter(name))
        )
        if isinstance(value, Message):
            parts += [part for inner in value.clauses for part in inner]
        elif isinstance(value, Parameter):
            parts.append(value)
        else:
            text = format(formatter.convert_field(value, conversion), spec or "")
            parts.append(shortened(text, LONGEST_MESSAGE // 2))
    return parts
