"""What is asked of arrays in many places."""

from __future__ import annotations

import numpy as np

from movieembed._base.arrays import holds_ones, index_dtype


def test_index_dtype() -> None:
    assert index_dtype(5, 2**31 - 1) == np.int32
    assert index_dtype(5, 2**31) == np.int64
    assert index_dtype() == np.int32


def test_ones() -> None:
    assert holds_ones(np.ones(3, dtype=np.float32))
    assert holds_ones(np.empty(0))
    assert not holds_ones(np.array([1, 1 + 1e-12]))
