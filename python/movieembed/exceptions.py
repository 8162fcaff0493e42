"""Errors that callers may want to catch by name.

Wrong arguments raise the built-in ValueError and TypeError; the classes here are for what can go
wrong with right arguments. Each also derives from the built-in it refines.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

__all__ = [
    "AmbiguousTitleError",
    "DivergenceError",
    "DownloadError",
    "ItemNotFoundError",
    "ItemWithoutLikesError",
    "MovieEmbedError",
]


class MovieEmbedError(Exception):
    """Base class of the errors that movieembed defines."""


class ItemNotFoundError(MovieEmbedError, LookupError):
    """No item has the id or title that was asked for.

    Parameters
    ----------
    message : str
        A whole sentence for the reader.
    suggestions : sequence of str
        The nearest titles (or ids, where there are no titles), best first.

    Attributes
    ----------
    suggestions : tuple of str
        As given.
    """

    def __init__(self, message: str, suggestions: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.suggestions = tuple(suggestions)


class AmbiguousTitleError(MovieEmbedError, LookupError):
    """A title stands for more than one item.

    Parameters
    ----------
    message : str
        A whole sentence for the reader.
    matches : sequence of (id, title)
        Every item that the title stands for.

    Attributes
    ----------
    matches : tuple of (id, title)
        As given.
    """

    def __init__(self, message: str, matches: Sequence[tuple[Hashable, str]] = ()) -> None:
        super().__init__(message)
        self.matches = tuple(matches)


class DownloadError(MovieEmbedError, OSError):
    """A data set could not be downloaded, or what came was not the published file."""


class DivergenceError(MovieEmbedError, ArithmeticError):
    """A solver's cost left all bounds; its embedding would be meaningless.

    Parameters
    ----------
    message : str
        A whole sentence for the reader.
    history : sequence of HistoryEntry
        The iterations done.

    Attributes
    ----------
    history : list of HistoryEntry
        As given; the last entry is the one that failed.
    """

    def __init__(self, message: str, history: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.history = list(history)


class ItemWithoutLikesError(MovieEmbedError, ValueError):
    """An item has no vector, because nobody liked it together with another."""
