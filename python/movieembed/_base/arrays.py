"""Small questions about arrays that several rooms ask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
