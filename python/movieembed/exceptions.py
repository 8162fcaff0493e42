"""Errors that callers may want to catch by name.

Wrong arguments raise the built-in ValueError and TypeError, or a class of them here that keeps the
name of the parameter; the subclasses of MovieEmbedError are for what can go wrong with right
arguments. Each also derives from the built-in it refines.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

__all__ = [
    "AmbiguousTitleError",
    "ClusterError",
    "DivergenceError",
    "DownloadError",
    "ItemNotFoundError",
    "ItemWithoutLikesError",
    "MovieEmbedError",
    "UserNotFoundError",
]


# Of a value or a list that somebody gave, and of a whole message: a screen holds some 1,900.
LONGEST_VALUE, LONGEST_MESSAGE = 200, 1200


def shortened(text: str, longest: int = LONGEST_VALUE) -> str:
    """Text of a bounded length, cut in the middle: both ends of a name or of a sentence tell."""
    if len(text) <= longest:
        return text
    half = (longest - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


class ParameterError(ValueError):
    """A parameter's value is not among those allowed.

    Parameters
    ----------
    message : str
        A whole sentence for the reader, which names the parameter as Python does.
    parameter : str
        The parameter's name.

    Attributes
    ----------
    parameter : str
        As given.

    Examples
    --------
    >>> import movieembed as me
    >>> try:
    ...     me.MovieEmbedding(0).fit([[1, 1, 0], [1, 1, 1]])
    ... except ValueError as error:
    ...     print(error.parameter, "|", error)
    n_components | n_components must be at least 1, not 0
    """

    def __init__(self, message: str, parameter: str = "") -> None:
        super().__init__(shortened(message, LONGEST_MESSAGE))
        self.parameter = parameter


class ParameterTypeError(TypeError):
    """A parameter's value is not of a kind allowed.

    Parameters
    ----------
    message : str
        A whole sentence for the reader, which names the parameter as Python does.
    parameter : str
        The parameter's name.

    Attributes
    ----------
    parameter : str
        As given.

    Examples
    --------
    >>> import movieembed as me
    >>> try:
    ...     me.MovieEmbedding("ten").fit([[1, 1, 0], [1, 1, 1]])
    ... except TypeError as error:
    ...     print(error.parameter, "|", error)
    n_components | n_components must be an integer, not 'ten'
    """

    def __init__(self, message: str, parameter: str = "") -> None:
        super().__init__(shortened(message, LONGEST_MESSAGE))
        self.parameter = parameter


class MovieEmbedError(Exception):
    """Base class of the errors that movieembed defines.

    Examples
    --------
    >>> import movieembed as me
    >>> likes = me.Likes.from_matrix([[1, 1], [1, 1]], titles=["Heat (1995)", "Up (2009)"])
    >>> model = me.MovieEmbedding(1, random_state=0).fit(likes)
    >>> try:
    ...     model.similar("Heta")
    ... except me.MovieEmbedError as error:
    ...     print(error)
    no item is called 'Heta'; did you mean 'Heat (1995)'?
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(
            *(shortened(a, LONGEST_MESSAGE) if isinstance(a, str) else a for a in args)
        )


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

    Examples
    --------
    >>> import movieembed as me
    >>> index = me.ItemIndex([1, 2], ["Heat (1995)", "Up (2009)"])
    >>> try:
    ...     index.resolve("Heta")
    ... except me.ItemNotFoundError as error:
    ...     print(error.suggestions)
    ('Heat (1995)',)
    """

    def __init__(self, message: str, suggestions: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.suggestions = tuple(suggestions)


class UserNotFoundError(MovieEmbedError, LookupError):
    """No user has the id that was asked for.

    Examples
    --------
    >>> import movieembed as me
    >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], users=["ann", "bob"])
    >>> model = me.MovieEmbedding(1, random_state=0).fit(likes)
    >>> try:
    ...     model.recommend_users(users=["eve"])
    ... except me.UserNotFoundError as error:
    ...     print(error)
    no user has the id 'eve'; the 2 ids are of type str: 'ann', 'bob'
    """


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

    Examples
    --------
    >>> import movieembed as me
    >>> index = me.ItemIndex([7, 9], ["Emma (1996)", "Emma (2020)"])
    >>> try:
    ...     index.resolve("Emma")
    ... except me.AmbiguousTitleError as error:
    ...     print(error.matches)
    ((7, 'Emma (1996)'), (9, 'Emma (2020)'))
    """

    def __init__(self, message: str, matches: Sequence[tuple[Hashable, str]] = ()) -> None:
        super().__init__(message)
        self.matches = tuple(matches)


class DownloadError(MovieEmbedError, OSError):
    """A data set could not be downloaded, or what came was not the published file.

    Examples
    --------
    >>> import tempfile
    >>> import movieembed as me
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     try:
    ...         me.load_movielens("ml-1m", cache_dir=folder, base_url="http://127.0.0.1:9/")
    ...     except me.DownloadError as error:
    ...         print(type(error).__name__)
    DownloadError
    """


class ClusterError(MovieEmbedError, RuntimeError):
    """A Dask cluster could not do its part: its scheduler is gone, or it loses worker after worker.

    Examples
    --------
    >>> import movieembed as me
    >>> issubclass(me.ClusterError, RuntimeError)
    True
    """


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

    Examples
    --------
    >>> import movieembed as me
    >>> model = me.MovieEmbedding(1, solver="gd", learning_rate=100.0, random_state=0)
    >>> try:
    ...     model.fit([[1, 1, 0], [1, 1, 1]])
    ... except me.DivergenceError as error:
    ...     print(error.history[-1].cost > error.history[0].cost)
    True
    """

    def __init__(self, message: str, history: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.history = list(history)


class ItemWithoutLikesError(MovieEmbedError, ValueError):
    """An item has no vector, because nobody liked it together with another.

    Examples
    --------
    >>> import movieembed as me
    >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 0]])
    >>> try:
    ...     model.similar(2)
    ... except me.ItemWithoutLikesError as error:
    ...     print(error)
    2 has no embedding: nobody liked it
    """
