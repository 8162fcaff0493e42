"""Ids that are the numbers of their columns: found without a table of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 20


class ColumnNumbers(Mapping[tuple[type, Hashable], int]):
    """The column of each id (its type and value) where ids are 0, 1, 2, ...

    Parameters
    ----------
    n : int
    """

    def __init__(self, n: int) -> None:
        self.n = n

    def __getitem__(self, key: tuple[type, Hashable]) -> int:
        kind, value = key
        if kind is int and isinstance(value, int) and 0 <= value < self.n:
            return value
        raise KeyError(key)

    def __iter__(self) -> Iterator[tuple[type, Hashable]]:
        return ((int, value) for value in range(self.n))

    def __len__(self) -> int:
        return self.n


def are_column_numbers(ids: NDArray[Any]) -> bool:
    """Whether ids are 0, 1, 2, ..."""
    return ids.dtype.kind in "iu" and all(
        np.array_equal(ids[at : at + BLOCK], np.arange(at, min(at + BLOCK, len(ids))))
        for at in range(0, len(ids), BLOCK)
    )


def are_increasing(ids: NDArray[Any]) -> bool:
    """Whether ids are integers of which each is above the one before, so that none repeats."""
    return ids.dtype.kind in "iu" and all(
        bool((ids[at + 1 : at + BLOCK + 1] > ids[at : at + BLOCK][: len(ids) - at - 1]).all())
        for at in range(0, len(ids), BLOCK)
    )
