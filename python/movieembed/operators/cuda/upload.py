"""The likes on their way to the device: their rows go up, and their columns are made there."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed.operators.cuda import geometry
from movieembed.operators.cuda.sides import Chunk, Side


class Rows(NamedTuple):
    """A sparse matrix by its rows: where they begin on the host, the rest on the device."""

    ptr: NDArray[np.int64]
    indices: Any
    values: Any  # None where all are one


class Upload:
    """A canonical matrix, copied to the device by users.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
    device : Device
    ones : bool
        Whether the matrix holds nothing else.
    reduce : bool
        Leave out the users of fewer than two likes.
    """

    def __init__(self, matrix: sp.csr_array, device: Any, ones: bool, reduce: bool) -> None:
        self._xp, self._device = device.xp, device
        self._n_items = matrix.shape[1]
        lengths = np.diff(matrix.indptr)
        indices = device.upload(matrix.indices.astype(np.int32, copy=False))
        values: Any = None if ones else device.upload(matrix.data)
        if reduce:
            # Such a user has an entry, or none.
            single = matrix.indptr[:-1][lengths == 1].astype(np.int64)
            if len(single):
                kept = self._xp.ones(matrix.nnz, dtype=bool)
                kept[device.upload(single)] = False
                indices, values = indices[kept], None if ones else values[kept]
            lengths = lengths[lengths >= 2]
        self._users = Rows(beginnings(lengths), indices, values)

    def chunks(self, bounds: Any, keep_all: bool) -> tuple[list[Chunk], NDArray[np.int64]]:
        """The chunks of users between bounds, and the items that are taken."""
        by_users = [self._part(int(first), int(last)) for first, last in pairwise(bounds)]
        by_items = [self._transposed(rows) for rows in by_users]
        counts = np.zeros(self._n_items, dtype=np.int64)
        for rows in by_items:
            counts += np.diff(rows.ptr)
        active = np.arange(self._n_items) if keep_all else np.flatnonzero(counts)
        place = None
        if len(active) < self._n_items:
            place = self._device.upload((np.cumsum(counts > 0) - 1).astype(np.int32))
        chunks = []
        for (first, last), users, items in zip(pairwise(bounds), by_users, by_items, strict=True):
            if place is not None:
                users = users._replace(indices=place[users.indices])
                items = items._replace(ptr=np.append(items.ptr[active], items.ptr[-1]))
            chunks.append(Chunk(int(first), int(last), self._side(users), self._side(items)))
        return chunks, active

    def _part(self, first: int, last: int) -> Rows:
        ptr, indices, values = self._users
        entries = slice(int(ptr[first]), int(ptr[last]))
        part = None if values is None else values[entries]
        return Rows(ptr[first : last + 1] - ptr[first], indices[entries], part)

    def _transposed(self, rows: Rows) -> Rows:
        """The same by columns, rows of a column rising."""
        xp = self._xp
        order = xp.argsort(rows.indices, kind="stable")
        columns = xp.arange(self._n_items + 1, dtype=rows.indices.dtype)
        ptr = xp.asnumpy(xp.searchsorted(rows.indices[order], columns)).astype(np.int64)
        row = xp.searchsorted(self._device.upload(rows.ptr), order, side="right") - 1
        values = None if rows.values is None else rows.values[order]
        return Rows(ptr, row.astype(rows.indices.dtype), values)

    def _side(self, rows: Rows) -> Side:
        tasks = geometry.cut_rows(rows.ptr)
        there = geometry.Tasks(*map(self._device.upload, tasks))
        return Side(self._device.upload(rows.ptr), rows.indices, rows.values, there, tasks.n_slots)


def beginnings(lengths: Any) -> NDArray[np.int64]:
    """Where rows of these lengths begin, and where the last ends."""
    ptr = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=ptr[1:])
    return ptr
