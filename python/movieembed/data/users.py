"""Users found by id, and pairs of users and items as rows of a matrix."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import object_array
from movieembed._base.message import Message
from movieembed.data import frames
from movieembed.data.ids import each_id, holds_values
from movieembed.data.items import ById, ItemIndex
from movieembed.data.likes import Likes
from movieembed.data.rating_columns import find_pair_columns
from movieembed.exceptions import ParameterError, ParameterTypeError, UserNotFoundError

N_NAMED = 3


def is_single(users: Any) -> bool:
    """Whether one user was asked for, not a list; an id that is a tuple comes in a list."""
    if isinstance(users, str | bytes) or not isinstance(users, Iterable):
        return not holds_values(users)
    return False


class UserIndex:
    """Find rows by the ids of their users.

    Parameters
    ----------
    ids : ndarray of shape (n_users,)
    """

    def __init__(self, ids: NDArray[Any]) -> None:
        self.ids = ids
        self._index = ItemIndex(ids)

    def find(self, user: Hashable) -> int | None:
        """Return the row of a user: an id of the ids' own type, or as it is written."""
        return self._index.find(ById(user))

    def rows(self, users: Any) -> NDArray[np.int64]:
        """Return the rows of users, in the order asked.

        Raises
        ------
        UserNotFoundError
            For the first that is not there.
        """
        found = []
        for user in [users] if is_single(users) else each_id(users):
            found.append(self.find(user))
            if found[-1] is None:
                raise UserNotFoundError(f"no user has the id {shown(user)}; {self.describe()}")
        return np.array(found, dtype=np.int64)

    def describe(self) -> str:
        """Say which ids there are."""
        if not len(self.ids):
            return "there are no users"
        kinds = sorted({type(id_).__name__ for id_ in self.ids.tolist()})
        some = ", ".join(map(repr, self.ids[:N_NAMED].tolist()))
        more = ", ..." if len(self.ids) > N_NAMED else ""
        return f"the {len(self.ids):,} ids are of type {' and '.join(kinds)}: {some}{more}"


class Pairs:
    """Pairs of users and items, found by the ids of both.

    Parameters
    ----------
    given : Likes or data frame
        Of a frame the columns of user and item, found by their usual names.
    items : ItemIndex
        Those that count; pairs of others say nothing.
    argument : str
        For errors.
    """

    def __init__(self, given: Any, items: ItemIndex, argument: str) -> None:
        if isinstance(given, Likes):
            stored = given.matrix if given.seen is None else given.matrix.astype(bool) + given.seen
            matrix = stored.tocoo()
            users, named, item = given.users, given.items, matrix.col
            user = matrix.row
        else:
            table = frames.as_table(given, argument)
            if table is None:
                what = f"{argument} must be Likes or a table of users and items, not "
                raise ParameterTypeError(what + type(given).__name__, argument)
            columns = _columns(table, argument)
            (user, users), (item, named) = (
                _numbered(columns[role].to_list()) for role in ("user", "item")
            )
        known = [items.find(ById(id_)) for id_ in named.tolist()]
        column = np.array([-1 if place is None else place for place in known], dtype=np.int64)
        if len(column) and (column < 0).all():
            raise ParameterError(
                f"{argument} has none of the model's items: its ids are such as {named[0]!r}, the "
                f"model's such as {items.ids[:1].tolist()}",
                argument,
            )
        column = column[item]
        there = column >= 0
        shape = (len(users), len(items))
        ones = np.ones(int(there.sum()), dtype=np.float32)
        self.matrix = sp.csr_array((ones, (user[there], column[there])), shape=shape)
        self.matrix.sum_duplicates()
        self.matrix = self.matrix.astype(np.bool_)
        self.users = UserIndex(users)

    def of(self, users: NDArray[Any]) -> sp.csr_array:
        """Return a row of items for each user, empty for those that are in no pair."""
        rows = [self.users.find(user) for user in users.tolist()]
        none = self.matrix.shape[0]
        at = np.array([none if row is None else row for row in rows], dtype=np.int64)
        lengths = np.append(np.diff(self.matrix.indptr), 0)[at]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        starts = np.append(self.matrix.indptr[:-1], 0)[at]
        taken = np.repeat(starts - ends[:-1], lengths) + np.arange(ends[-1])
        indices = self.matrix.indices[taken]
        shape = (len(at), self.matrix.shape[1])
        return sp.csr_array((np.ones(len(taken), dtype=np.bool_), indices, ends), shape=shape)


def shown(user: Hashable) -> str:
    """A user's id as Python writes it."""
    return repr(user.item() if isinstance(user, np.generic) else user)


def _columns(table: frames.Table, argument: str) -> dict[str, Any]:
    """The columns of user and item, complete; no parameter names them or lets rows be dropped."""
    advice = "call the columns 'user' and 'item'"
    try:
        labels = find_pair_columns(table, None, None, argument)
        advice = "leave those rows out"
        return frames.complete_columns(table, labels, argument, drop=False)
    except ValueError as error:
        said = error.args[0]
        what = said.spelled(lambda parameter: None) if isinstance(said, Message) else said
        raise ParameterError(f"{what}; {advice}", argument) from None


def _numbered(values: list[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The number of each value among the distinct ones, and those."""
    number: dict[Any, int] = {}
    at = np.array([number.setdefault(value, len(number)) for value in values], dtype=np.int64)
    return at, object_array(number)
