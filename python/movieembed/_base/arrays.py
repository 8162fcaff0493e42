"""Small questions about arrays that several rooms ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 17


def blocks(length: int, least: int = 0) -> Iterator[slice]:
    """Cut a long array into pieces, of `least` or more, whose temporaries stay in the cache."""
    size = max(_BLOCK, least)
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))


def sums_at(
    places: NDArray[Any], length: int, terms: Callable[[slice], NDArray[Any]] | None = None
) -> NDArray[np.float64]:
    """What `np.bincount` gives, without the wide copies that it makes of long arrays.

    Parameters
    ----------
    places : ndarray of int
    length : int
        Of the sums.
    terms : callable, optional
        The terms of a piece of the places; else they are counted.
    """
    sums = np.zeros(length)
    for at in blocks(len(places), length):
        sums += np.bincount(places[at], None if terms is None else terms(at), length)
    return sums


def holds_ones(values: Any) -> bool:
    """Whether every value is 1, as in a matrix of likes without weights; of CuPy's arrays too."""
    return bool((values == 1).all())


def index_dtype(*sizes: int) -> np.dtype[np.int32] | np.dtype[np.int64]:
    """Return int32 where it can number all of so many, else int64."""
    fits = max(sizes, default=0) <= np.iinfo(np.int32).max
    return np.dtype(np.int32) if fits else np.dtype(np.int64)


def object_array(values: Iterable[object]) -> NDArray[np.object_]:
    """Return a 1-D array of objects, tuples and lists among them kept whole."""
    listed = list(values)
    array = np.empty(len(listed), dtype=object)
    array[:] = listed
    return array
