"""L on the device: both ways round, whole or a chunk of users at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp

from movieembed.operators.cpu import without_unembedded
from movieembed.operators.cuda import geometry
from movieembed.operators.cuda.sides import Chunk, Side
from movieembed.operators.cuda.upload import Upload


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


def host_chunks(matrix: sp.csr_array, bounds: Any, ones: bool) -> Iterator[Chunk]:
    """The chunks of users of a canonical matrix, on the host."""
    for first, last in pairwise(bounds):
        rows = matrix[first:last]
        columns = rows.tocsc()
        columns.sort_indices()
        yield Chunk(int(first), int(last), _side(rows, ones), _side(columns, ones))


def _side(matrix: Any, ones: bool) -> Side:
    ptr = matrix.indptr.astype(np.int64)
    tasks = geometry.cut_rows(ptr)
    values = None if ones else matrix.data
    return Side(ptr, matrix.indices.astype(np.int32, copy=False), values, tasks, tasks.n_slots)


class DeviceLikes:
    """The chunks of L, ready for the kernels.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Canonical.
    device : Device
    plan : geometry.Plan
        Of the users that are taken.
    ones : bool
        Whether the matrix holds nothing else.
    reduce : bool, default=False
        Take no users of fewer than two likes.
    keep_all : bool, default=True
        Take items that nobody of the users likes as well.

    Attributes
    ----------
    active : ndarray of int64
        The items that are taken.
    resident : bool
        Whether all is on the device; else chunks stream through.
    """

    def __init__(
        self,
        matrix: sp.csr_array,
        device: Any,
        plan: geometry.Plan,
        ones: bool,
        reduce: bool = False,
        keep_all: bool = True,
    ) -> None:
        self._xp, self._ones = device.xp, ones
        self.resident = plan.resident
        if self.resident:
            up = Upload(matrix, device, ones, reduce)
            self._chunks, self.active = up.chunks(plan.bounds, keep_all)
        else:
            self._stager: Stager = device.stager()
            self.active = np.arange(matrix.shape[1])
            if reduce:
                matrix, self.active = without_unembedded(matrix, keep_all)
            self._chunks = [
                chunk.with_arrays([self._stager.pin(array) for array in chunk.arrays()])
                for chunk in host_chunks(matrix, plan.bounds, ones)
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
