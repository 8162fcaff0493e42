"""What a fit needs: found out before it begins, for afterwards nothing ends well.

Where memory ends, BLAS waits for ever or ends the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from movieembed._base.memory import room
from movieembed._base.message import Message
from movieembed.operators.cpu import are_few
from movieembed.solvers.chebyshev import is_narrow
from movieembed.solvers.eigen import block_width

# Arrays of n_items rows that are held at once, fitted to measured peaks: see tests/solvers.
EIGEN_ARRAYS, EIGEN_FLOAT64_ARRAYS, DESCENT_ARRAYS = 17, 4, 10
FILTER_ARRAYS, FILTER_FLOAT64_ARRAYS = 7, 2
# Bytes of an item that nobody liked: its id, its counts.
OF_ITEM = 40
# Of a like: of ones, and with weights.
LIKE, WEIGHTED_LIKE = 20, 44


@dataclass(frozen=True)
class FitSize:
    """The numbers that decide how much memory a fit needs.

    Attributes
    ----------
    n_users : int
    n_items : int
        All columns.
    n_liked : int
        Those that somebody liked.
    n_likes : int
    weighted : bool
        Whether likes have values other than 1.
    n_components : int
    solver : str
    dtype : dtype
    """

    n_users: int
    n_items: int
    n_liked: int
    n_likes: int
    weighted: bool
    n_components: int
    solver: str
    dtype: Any

    @property
    def n_bytes(self) -> int:
        """Bytes beyond what the process holds already, within a factor of two."""
        d = self.n_components
        item: int = np.dtype(self.dtype).itemsize
        likes: int = self.n_likes * (WEIGHTED_LIKE if self.weighted else LIKE)
        of_item: int = DESCENT_ARRAYS * item * d
        if self.solver == "eigen":
            width = block_width(d, self.n_liked)
            arrays, in_float64 = EIGEN_ARRAYS, EIGEN_FLOAT64_ARRAYS
            narrow = is_narrow(width, self.n_users, self.n_liked)
            if narrow and are_few(self.n_likes, self.n_liked, width):
                arrays, in_float64 = FILTER_ARRAYS, FILTER_FLOAT64_ARRAYS
            blocks = arrays * 4 * width + in_float64 * 8 * d * (item == 8)
            of_item = max(of_item, blocks)
        return likes + self.n_liked * of_item + self.n_items * (d * item + OF_ITEM)


def check_room(size: FitSize, what: str = "the fit") -> None:
    """Raise MemoryError where a fit needs more than there is, with both figures."""
    there = room()
    if there is not None and size.n_bytes > there:
        what = (
            f"{what} needs about {in_words(size.n_bytes)} of memory for "
            f"{size.n_liked:,} liked of {size.n_items:,} items at {{n_components=}}, and there is "
            f"room for {in_words(there)}: take fewer components"
            f"{', {dtype=}' if size.dtype == np.float64 else ''}, or leave out rare items"
        )
        raise MemoryError(Message(what, n_components=size.n_components, dtype="float32"))


def in_words(n_bytes: int) -> str:
    """Write a number of bytes."""
    if n_bytes < 1e9:
        return f"{n_bytes / 1e6:,.0f} MB"
    return f"{min(n_bytes, 10**30) / 1e9:,.1f} GB"
