"""What is asked of arrays in many places."""

from __future__ import annotations

import numpy as np
import pytest

from movieembed._base import arrays
from movieembed._base.arrays import blocks, holds_ones, index_dtype, sums_at


def test_index_dtype() -> None:
    assert index_dtype(5, 2**31 - 1) == np.int32
    assert index_dtype(5, 2**31) == np.int64
    assert index_dtype() == np.int32


def test_ones() -> None:
    assert holds_ones(np.ones(3, dtype=np.float32))
    assert holds_ones(np.empty(0))
    assert not holds_ones(np.array([1, 1 + 1e-12]))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 40])
def test_sums_at_places(count: int, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_BLOCK", 7)
    assert [at.stop - at.start for at in blocks(count, 9)] == [9] * (count // 9) + [count % 9] * (
        count % 9 > 0
    )
    rng = np.random.default_rng(0)
    places, weights = rng.integers(0, 5, count).astype(dtype), rng.standard_normal(count)
    np.testing.assert_array_equal(sums_at(places, 5), np.bincount(places, minlength=5))
    np.testing.assert_allclose(
        sums_at(places, 5, lambda at: weights[at]), np.bincount(places, weights, 5), rtol=1e-14
    )
