"""What the kernels know of L: its rows and its columns, cut into tasks, by chunks of users."""

from __future__ import annotations

from typing import Any, NamedTuple

from movieembed.operators.cuda import geometry
from movieembed.operators.cuda.geometry import Tasks


class Side(NamedTuple):
    """A sparse matrix by rows, cut into tasks; arrays of the host or of the device.

    Attributes
    ----------
    ptr : int64, shape (n_rows + 1,)
    indices : int32, shape (nnz,)
    values : float, shape (nnz,), or None where all are one
    tasks : Tasks
    n_slots : int
        Rows of the partial sums.
    """

    ptr: Any
    indices: Any
    values: Any
    tasks: Tasks
    n_slots: int

    def arrays(self) -> list[Any]:
        """All arrays that it has, in one order."""
        return [x for x in (self.ptr, self.indices, self.values, *self.tasks) if x is not None]

    def with_arrays(self, arrays: list[Any]) -> Side:
        """Return a copy with other arrays, in the order of `arrays`."""
        rest = iter(arrays)
        ptr, indices = next(rest), next(rest)
        values = None if self.values is None else next(rest)
        return Side(ptr, indices, values, Tasks(*rest), self.n_slots)

    def with_values(self, dtype: Any) -> Side:
        """Return a copy with values of a dtype."""
        if self.values is None:
            return self
        return self._replace(values=self.values.astype(dtype, copy=False))


class Chunk(NamedTuple):
    """Some users' rows of L, and the same by items.

    Attributes
    ----------
    first, last : int
        The users first..last - 1.
    users, items : Side
        `items` numbers the users from `first`.
    """

    first: int
    last: int
    users: Side
    items: Side

    def arrays(self) -> list[Any]:
        """All arrays of both sides, in one order."""
        return self.users.arrays() + self.items.arrays()

    def with_arrays(self, arrays: list[Any]) -> Chunk:
        """Return a copy with other arrays, in the order of `arrays`."""
        n = len(self.users.arrays())
        return self._replace(
            users=self.users.with_arrays(arrays[:n]), items=self.items.with_arrays(arrays[n:])
        )

    def with_values(self, dtype: Any) -> Chunk:
        """Return a copy with values of a dtype."""
        return self._replace(
            users=self.users.with_values(dtype), items=self.items.with_values(dtype)
        )

    def slab(self, itemsize: int) -> int:
        """Columns for which LV fits in the workspace."""
        return geometry.slab(self.last - self.first, itemsize)
