"""L on the device: both ways round, whole or a chunk of users at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp

from movieembed._base.arrays import holds_ones, index_dtype
from movieembed.operators.cuda import geometry
from movieembed.operators.cuda.geometry import Tasks


class Side(NamedTuple):
    """A sparse matrix by rows, cut into tasks; arrays of the host or of the device.

    Attributes
    ----------
    ptr : int64, shape (n_rows + 1,)
    indices : int32 or int64, shape (nnz,)
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
        """Columns for which LV and the partial sums fit in the workspace."""
        slots = max(self.users.n_slots, self.items.n_slots)
        return geometry.slab(self.last - self.first + slots, itemsize)


class Stager(Protocol):
    """Copies arrays to the device beside the computations, into one of two places in turn."""

    def pin(self, array: Any) -> Any:
        """A host array in memory that the device reads without the processor."""
        ...

    def upload(self, place: int, pairs: list[tuple[Any, Any]]) -> None:
        """Begin to copy (device array, pinned array), when all work on the place is done."""
        ...

    def wait(self, place: int) -> None:
        """Let the computations that follow wait for that copy."""
        ...

    def release(self, place: int) -> None:
        """Say that the computations on the place are queued."""
        ...

    def finish(self) -> None:
        """Wait for all copies."""
        ...


def host_chunks(matrix: sp.csr_array, bounds: Any, index: Any) -> Iterator[Chunk]:
    """The chunks of users of a canonical matrix, on the host."""
    ones = holds_ones(matrix.data)
    for first, last in pairwise(bounds):
        rows = matrix[first:last]
        columns = rows.tocsc()
        columns.sort_indices()
        yield Chunk(int(first), int(last), _side(rows, index, ones), _side(columns, index, ones))


def _side(matrix: Any, index: Any, ones: bool) -> Side:
    ptr = matrix.indptr.astype(np.int64)
    tasks = geometry.cut_rows(ptr)
    values = None if ones else matrix.data
    return Side(ptr, matrix.indices.astype(index, copy=False), values, tasks, tasks.n_slots)


def plan_of(matrix: sp.csr_array, free: int, widest: int) -> geometry.Plan:
    """How a canonical matrix is cut; see :class:`DeviceLikes` for the arguments."""
    index = index_dtype(*matrix.shape).itemsize
    ones = holds_ones(matrix.data)
    # Streamed weights have buffers of indices for each precision.
    entry = index if ones else 2 * index + widest
    return geometry.plan(matrix.indptr, matrix.shape[1], entry, free)


class DeviceLikes:
    """The chunks of L, ready for the kernels.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Canonical.
    xp : module
        CuPy, or what stands for it.
    stager : callable
        Makes a :class:`Stager`; called where L does not stay on the device.
    free : int
        Bytes free on the device.
    widest : int
        Bytes of the values that an entry may take in all precisions together.
    """

    def __init__(self, matrix: sp.csr_array, xp: Any, stager: Any, free: int, widest: int) -> None:
        self._xp = xp
        index = index_dtype(*matrix.shape)
        bounds, self.resident = plan_of(matrix, free, widest)
        self._ones = holds_ones(matrix.data)
        placed = xp.asarray
        if not self.resident:
            self._stager: Stager = stager()
            placed = self._stager.pin
        self._chunks = [
            chunk.with_arrays([placed(array) for array in chunk.arrays()])
            for chunk in host_chunks(matrix, bounds, index)
        ]
        self._typed: dict[Any, list[Chunk]] = {}
        self._buffers: dict[Any, list[list[Any]]] = {}

    def chunks(self, dtype: Any) -> Iterator[Chunk]:
        """Chunks on the device, values of a dtype. Each is valid until the next is asked for."""
        typed = self._in_dtype(np.dtype(dtype))
        if self.resident:
            yield from typed
            return
        buffers = self._places(np.dtype(dtype), typed)
        try:
            for number, chunk in enumerate(typed):
                place = number % geometry.BUFFERS
                pinned = chunk.arrays()
                pairs = zip(buffers[place], pinned, strict=True)
                views = [buffer[: len(array)] for buffer, array in pairs]
                self._stager.upload(place, list(zip(views, pinned, strict=True)))
                self._stager.wait(place)
                try:
                    yield chunk.with_arrays(views)
                finally:
                    self._stager.release(place)
        finally:
            self._stager.finish()

    def _in_dtype(self, dtype: Any) -> list[Chunk]:
        if self._ones:
            return self._chunks
        if dtype not in self._typed:
            typed = []
            for chunk in self._chunks:
                other = chunk.with_values(dtype)
                if not self.resident:
                    other = other._replace(
                        users=self._with_pinned_values(other.users, chunk.users),
                        items=self._with_pinned_values(other.items, chunk.items),
                    )
                typed.append(other)
            self._typed[dtype] = typed
        return self._typed[dtype]

    def _with_pinned_values(self, side: Side, before: Side) -> Side:
        if side.values is before.values:
            return side
        return side._replace(values=self._stager.pin(side.values))

    def _places(self, dtype: Any, typed: list[Chunk]) -> list[list[Any]]:
        """Buffers of the size of the largest chunk, one list a place, made once a dtype."""
        key = None if self._ones else dtype
        if key not in self._buffers:
            lists = [chunk.arrays() for chunk in typed]
            self._buffers[key] = [
                [
                    self._xp.empty(max(len(array) for array in alike), dtype=alike[0].dtype)
                    for alike in zip(*lists, strict=True)
                ]
                for _ in range(min(geometry.BUFFERS, len(typed)))
            ]
            # Their memory may have served computations that are still queued.
            for place in range(len(self._buffers[key])):
                self._stager.release(place)
        return self._buffers[key]
