"""Sizes: how a device's rows are cut into tasks, likes into chunks, kernels into blocks of threads.

All of it is plain arithmetic on NumPy arrays, so that it is tested where there is no device.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from movieembed._base.message import Message, Parameter
from movieembed.exceptions import ParameterError

Ints = NDArray[np.int64]

# Entries of a task. One thread adds them in order; a film that 100,000 people like is 200 tasks.
SEGMENT = 512
# Threads of a block.
THREADS = 256
# Threads of a warp, the most that share a row of a tall array.
WARP = 32
# Threads that share a row of X, a multiple of a warp's and at most 1,024.
ROW_THREADS = 512
# Most columns of a thread in a gather.
COLUMNS = 4
# Rows of a chunk of `column_dots`, and entries of a row that a block of `count_rows` takes.
DOT_ROWS = 128
COUNT_PIECE = 256
# Parts of a row of X that are filled by blocks of their own where weights are added.
WEIGHED_PARTS = 8
# Blocks of a grid's second direction.
GRID_ROWS = 65_535
# The kernels number items, and the users of a chunk, in 32 bits.
MOST_ITEMS = 2**31 - 2
INDEX_BYTES = 4
# Users of a chunk, whose LV is formed at a time, and its entries. LV of 64 columns in float32 has
# 17 MB, so that what reads it finds it in a second-level cache of 40 or 50 MB.
CHUNK_USERS = 1 << 16
CHUNK_ENTRIES = 1 << 28
# Bytes of LV for that; more columns are done in slabs.
WORKSPACE = 20 << 20
# Bytes of rows of X, and of float64 copies, at a time.
BLOCK_BYTES = 1 << 28
# Bytes an entry takes while columns are made of rows on the device: its place, what is sorted, and
# the workspace of the sort.
TRANSPOSE_BYTES = 40
# Shares of the free memory that L may take to stay on the device, and the buffers it streams by.
RESIDENT_SHARE = 0.5
STREAM_SHARE = 0.2
# Two chunks are on the device at a time: one in use, one on its way.
BUFFERS = 2
# Bytes a row of either side takes beyond its entries: four numbers of a task and a pointer.
ROW_BYTES = 5 * 8


class Launch(NamedTuple):
    """Blocks of a grid and threads of a block, (x, y) each."""

    grid: tuple[int, int]
    block: tuple[int, int]


class Tasks(NamedTuple):
    """Rows of a sparse matrix in pieces of at most `SEGMENT` entries, longest first.

    Attributes
    ----------
    row, begin, end, slot : ndarray of int64, shape (n_tasks,)
        The row, the entries begin..end-1 of it, and the row of the partial sums that takes their
        sum; -1 where the task is the whole row. An empty row is a task too.
    split_rows : ndarray of int64, shape (n_split,)
        Rows of more than one task.
    split_first : ndarray of int64, shape (n_split + 1,)
        Their slots are split_first[s]..split_first[s + 1] - 1, in the order of the entries.
    """

    row: Ints
    begin: Ints
    end: Ints
    slot: Ints
    split_rows: Ints
    split_first: Ints

    @property
    def n_slots(self) -> int:
        """Rows of the partial sums."""
        return int(self.split_first[-1])


def cut_rows(ptr: Ints, segment: int = SEGMENT) -> Tasks:
    """The tasks of a matrix whose row r has the entries ptr[r]..ptr[r + 1] - 1."""
    lengths = np.diff(ptr)
    pieces = np.maximum(-(-lengths // segment), 1)
    row = np.repeat(np.arange(len(lengths)), pieces)
    first_task = np.cumsum(pieces) - pieces
    place = np.arange(len(row)) - first_task[row]
    begin = ptr[:-1][row] + place * segment
    end = np.minimum(begin + segment, ptr[1:][row])
    split = pieces > 1
    split_rows = np.flatnonzero(split)
    split_first = np.concatenate([[0], np.cumsum(pieces[split_rows])])
    slot = np.full(len(row), -1)
    slot[split[row]] = np.arange(split_first[-1])
    # Tasks of one length side by side keep the warps of a block busy alike, and the last block that
    # starts is the shortest.
    order = np.argsort(begin - end, kind="stable")
    return Tasks(row[order], begin[order], end[order], slot[order], split_rows, split_first)


def lanes(k: int) -> int:
    """Threads side by side for k columns: the least power of two from k on, at most a warp."""
    return min(WARP, padded(k))


def columns_per_thread(k: int) -> int:
    """Columns of a thread of `gather`, the fewest with which it takes as few blocks of columns."""
    blocks = -(-k // (WARP * COLUMNS))
    return -(-k // (lanes(k) * blocks))


def tiled(n_rows: int, k: int, per_thread: int = 1) -> Launch:
    """A thread for each `per_thread` columns of each row."""
    x = lanes(k)
    y = THREADS // x
    return Launch((-(-n_rows // y), -(-k // (x * per_thread))), (x, y))


def by_row(n_rows: int, k: int) -> Launch:
    """A power of two of threads for each row, all of one warp."""
    x = lanes(k)
    y = THREADS // x
    return Launch((-(-n_rows // y), 1), (x, y))


def slab(rows: int, itemsize: int, workspace: int = WORKSPACE) -> int:
    """Columns of `rows` rows that fit in the workspace; at least 1."""
    return max(1, workspace // max(1, rows * itemsize))


class Plan(NamedTuple):
    """Chunks of users, and whether all stay on the device.

    Attributes
    ----------
    bounds : ndarray of int64, shape (n_chunks + 1,)
        Chunk c has the users bounds[c]..bounds[c + 1] - 1.
    resident : bool
    """

    bounds: Ints
    resident: bool


def plan(ptr: Any, n_items: int, entry_bytes: int, free: int) -> Plan:
    """Cut the likes so that they fit.

    Parameters
    ----------
    ptr : ndarray, shape (n_users + 1,)
        Of the users' rows.
    n_items : int
    entry_bytes : int
        What an entry takes on one side: its index and its values.
    free : int
        Bytes free on the device.

    Returns
    -------
    Plan
        Resident where both sides of L take at most half of `free`, and fit in it while they are
        made; else two chunks at a time take a fifth of it, or a user and all items more than that
        where they must.
    """
    ptr = np.asarray(ptr, dtype=np.int64)
    n_users = len(ptr) - 1
    bounds = chunks(ptr, CHUNK_ENTRIES, CHUNK_USERS)
    items_rows = n_items * (len(bounds) - 1)
    total = 2 * entry_bytes * int(ptr[-1]) + ROW_BYTES * (n_users + items_rows)
    longest = int(np.diff(ptr[bounds]).max(initial=0))
    if total <= RESIDENT_SHARE * free and total + TRANSPOSE_BYTES * longest <= free:
        return Plan(bounds, True)
    room = STREAM_SHARE * free / BUFFERS - ROW_BYTES * n_items
    # A user with two likes takes as much for the row as for its entries.
    entries = max(1, int(room / (2 * entry_bytes + ROW_BYTES / 2)))
    return Plan(chunks(ptr, min(entries, CHUNK_ENTRIES), CHUNK_USERS), False)


def plan_of(ptr: Ints, shape: Any, ones: bool, widest: int, free: int) -> Plan:
    """Cut likes whose entries have `widest` bytes of values in all precisions together."""
    if shape[1] > MOST_ITEMS:
        what = "{backend=} takes at most {most} items, not {n}; use {instead}"
        instead, most = Parameter("backend", "cpu"), f"{MOST_ITEMS:,}"
        values = {"backend": "cuda", "most": most, "n": f"{shape[1]:,}", "instead": instead}
        raise ParameterError(Message(what, **values), "backend")
    # Streamed weights have buffers of indices for each precision.
    return plan(ptr, shape[1], INDEX_BYTES if ones else 2 * INDEX_BYTES + widest, free)


def chunks(ptr: Ints, most_entries: int, most_users: int) -> Ints:
    """Bounds of runs of users of at most so many entries; a user with more is a chunk alone."""
    bounds = [0]
    n_users = len(ptr) - 1
    while bounds[-1] < n_users:
        first = bounds[-1]
        last = int(np.searchsorted(ptr, ptr[first] + most_entries, side="right")) - 1
        bounds.append(min(max(last, first + 1), first + most_users, n_users))
    return np.array(bounds, dtype=np.int64)


def padded(k: int) -> int:
    """The least power of two from k on."""
    return 1 << max(k - 1, 0).bit_length()


def digit_bits(largest: int) -> int:
    """Bits of the 8-bit digits that numbers up to `largest` have; at least one digit's."""
    return 8 * max(1, -(-largest.bit_length() // 8))
