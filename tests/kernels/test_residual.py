"""The kernel that subtracts X from rows of P."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import movieembed._core as _core
from helpers import dense_cooccurrence, misaligned, read_only
from kernel_cases import (
    FLOATS,
    INDICES,
    L34,
    LT34,
    THREADS,
    matrices,
    pair,
    ranges,
    signed_integers,
)


def fenced(shape: tuple[int, int], dtype: Any, fill: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """An array within a larger one of -77: what lies around it must stay as it is."""
    around = np.full((shape[0] + 2, shape[1]), -77, dtype=dtype)
    inside = around[1:-1]
    inside[:] = fill
    return inside, around


def assert_fence(around: NDArray[Any]) -> None:
    assert (around[0] == -77).all()
    assert (around[-1] == -77).all()


@pytest.mark.parametrize("dtype", [None, *FLOATS])
@pytest.mark.parametrize("index", INDICES)
def test_residual_rows(index: Any, dtype: Any) -> None:
    rng = np.random.default_rng(13)
    for name, L in matrices():
        if dtype is not None:
            L = signed_integers(L, 6)
        X = dense_cooccurrence(L)
        by_user, by_item = pair(L, index, dtype)
        for first, last in ranges(L.shape[1]):
            P = rng.integers(-9, 10, (last - first, L.shape[1])).astype(np.float64)
            expected = P - X[first:last]
            expected[np.arange(last - first), np.arange(first, last)] = 0
            for n_threads in THREADS:
                p, around = fenced(P.shape, np.float64, 0)
                p[:] = P
                squares = _core.residual_rows(by_user, by_item, first, p, n_threads)
                np.testing.assert_array_equal(p, expected, err_msg=name)
                np.testing.assert_array_equal(squares, (expected**2).sum(axis=1), err_msg=name)
                assert_fence(around)


@pytest.mark.parametrize(
    ("first", "p", "error", "match"),
    [
        (0, np.zeros((1, 3)), ValueError, "p has length 3 on axis 1, expected 4"),
        (0, np.zeros(4), ValueError, "p must have 2 dim"),
        (0, np.zeros((1, 4), dtype=np.float32), TypeError, "p must have dtype float64"),
        (0, np.zeros((2, 4), order="F"), ValueError, "p must be C-contiguous"),
        (0, read_only(np.zeros((1, 4))), ValueError, "p is read-only"),
        (0, misaligned(np.zeros((1, 4))), ValueError, "p must be aligned"),
        (0, [[0.0] * 4], TypeError, "p"),
        (3, np.zeros((2, 4)), ValueError, "not within"),
        (-1, np.zeros((2, 4)), ValueError, "not within"),
        (0, np.zeros((5, 4)), ValueError, "not within"),
        (2**62, np.zeros((2, 4)), ValueError, "not within"),
        (2**63 - 1, np.zeros((2, 4)), ValueError, "not within"),
        (5, np.zeros((0, 4)), ValueError, "not within"),
    ],
)
def test_residual_rows_refuses(first: int, p: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        _core.residual_rows(L34, LT34, first, p)
