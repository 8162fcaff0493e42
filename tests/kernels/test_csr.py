"""The compiled view of a CSR matrix, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import movieembed._core as _core
from helpers import misaligned

INDPTR, COLUMNS, VALUES = np.array([0, 2, 2, 4]), np.array([0, 3, 1, 2]), np.arange(1.0, 5.0)


def test_csr_takes_what_is_well_formed() -> None:
    a = _core.Csr(3, 4, INDPTR, COLUMNS, VALUES)
    assert (a.rows, a.cols, a.nnz) == (3, 4, 4)
    empty = _core.Csr(0, 0, np.zeros(1, dtype=np.int32), np.zeros(0, dtype=np.int32))
    assert (empty.rows, empty.cols, empty.nnz) == (0, 0, 0)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"indices": [0, 3, 1, 4]}, r"indices holds 4 in row 2, outside \[0, 4\)"),
        ({"indices": [-1, 3, 1, 2]}, r"indices holds -1 in row 0"),
        ({"indices": [0, 3, 1, 2**62]}, r"indices holds 4611686018427387904 in row 2"),
        ({"indices": [3, 0, 1, 2]}, r"indices of row 0 are not strictly ascending"),
        ({"indices": [0, 3, 2, 2]}, r"indices of row 2 are not strictly ascending"),
        ({"indices": [0, 3, 1]}, r"indptr ends with 4 but indices has 3"),
        ({"indices": [0, 3, 1, 2, 3]}, r"indptr ends with 4 but indices has 5"),
        ({"indices": [[0, 3, 1, 2]]}, r"indices must have 1 dim"),
        ({"indptr": [0, 3, 2, 4]}, r"indptr falls at row 1"),
        ({"indptr": [0, 2**62, 2, 4]}, r"indptr falls at row 1"),
        ({"indptr": [0, -2, 2, 4]}, r"indptr falls at row 0"),
        ({"indptr": [1, 2, 2, 4]}, r"indptr must start with 0"),
        ({"indptr": [-1, 2, 2, 4]}, r"indptr must start with 0"),
        ({"indptr": [0, 2, 2, 3]}, r"indptr ends with 3"),
        ({"indptr": [0, 2, 2, 2**62]}, r"indptr ends with 4611686018427387904"),
        ({"indptr": [0, 2, 4]}, r"indptr has length 3 on axis 0, expected 4"),
        ({"indptr": []}, r"indptr has length 0"),
        ({"indptr": [[0, 2, 2, 4]]}, r"indptr must have 1 dim"),
        ({"rows": -1}, r"rows and cols must not be negative"),
        ({"cols": -1}, r"rows and cols must not be negative"),
        ({"rows": 2}, r"indptr has length 4"),
        ({"rows": 2**63 - 1}, r"rows is too large"),
        ({"rows": 2**63 - 2}, r"indptr has length 4"),
        ({"cols": 0}, r"indices holds 0 in row 0, outside \[0, 0\)"),
    ],
)
def test_csr_refuses_bad_structure(changed: dict[str, Any], match: str) -> None:
    given: dict[str, Any] = {"rows": 3, "cols": 4, "indptr": INDPTR, "indices": COLUMNS}
    for name, value in changed.items():
        given[name] = np.array(value, dtype=np.int64) if isinstance(value, list) else value
    for values in (None, VALUES):
        if values is not None and given["indices"].size != len(values):
            continue
        with pytest.raises(ValueError, match=match):
            _core.Csr(**given, values=values)


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"indptr": INDPTR.astype(np.uint32)}, TypeError, "indptr must have dtype int32 or int64"),
        ({"indptr": INDPTR.astype(np.float64)}, TypeError, "indptr must have dtype"),
        ({"indptr": INDPTR.astype(">i8")}, TypeError, "indptr must have dtype.*>i8"),
        ({"indptr": INDPTR.astype(np.int16)}, TypeError, "indptr must have dtype"),
        ({"indptr": INDPTR.astype(np.int32)}, TypeError, "indices must have dtype int32"),
        ({"indices": COLUMNS.astype(np.int32)}, TypeError, "indices must have dtype int64"),
        ({"indices": COLUMNS.astype(np.uint64)}, TypeError, "indices must have dtype int64"),
        ({"indices": COLUMNS.astype(bool)}, TypeError, "indices must have dtype int64"),
        ({"indices": COLUMNS.astype(object)}, TypeError, "indices must have dtype int64"),
        ({"indptr": np.repeat(INDPTR, 2)[::2]}, ValueError, "indptr must be C-contiguous"),
        ({"indices": np.repeat(COLUMNS, 2)[::2]}, ValueError, "indices must be C-contiguous"),
        ({"values": np.repeat(VALUES, 2)[::2]}, ValueError, "values must be C-contiguous"),
        ({"indptr": misaligned(INDPTR)}, ValueError, "indptr must be aligned"),
        ({"indices": misaligned(COLUMNS)}, ValueError, "indices must be aligned"),
        ({"values": misaligned(VALUES)}, ValueError, "values must be aligned"),
        ({"values": VALUES.astype(np.float16)}, TypeError, "values must be a float32 or float64"),
        ({"values": VALUES.astype(np.int64)}, TypeError, "values must be a float32 or float64"),
        ({"values": VALUES.astype(complex)}, TypeError, "values must be a float32 or float64"),
        ({"values": VALUES.astype(object)}, TypeError, "values must be a float32 or float64"),
        ({"values": VALUES.astype(">f8")}, TypeError, "values must be a float32 or float64"),
        ({"values": "abcd"}, TypeError, "values must be a float32 or float64"),
        ({"values": VALUES[:3]}, ValueError, "values has length 3 on axis 0, expected 4"),
        ({"values": VALUES[None]}, ValueError, "values must have 1 dim"),
        ({"values": np.array([1, np.nan, 1, 1])}, ValueError, "values holds NaN.* position 1"),
        ({"values": np.array([1, 1, 1, np.inf])}, ValueError, "values holds NaN.* position 3"),
        (
            {"values": np.array([-np.inf, 1, 1, 1], dtype=np.float32)},
            ValueError,
            "values holds NaN or infinity at position 0",
        ),
        ({"indptr": [0, 2, 2, 4]}, TypeError, "indptr"),
        ({"indices": None}, TypeError, "indices"),
        ({"rows": 3.0}, TypeError, "rows"),
        ({"rows": "3"}, TypeError, "rows"),
        ({"cols": 2**70}, TypeError, "cols"),
    ],
)
def test_csr_refuses_wrong_arrays(
    changed: dict[str, Any], error: type[Exception], match: str
) -> None:
    given = {"rows": 3, "cols": 4, "indptr": INDPTR, "indices": COLUMNS, "values": VALUES}
    with pytest.raises(error, match=match):
        _core.Csr(**{**given, **changed})


def test_csr_refuses_sizes_that_its_indices_cannot_count() -> None:
    one, none = np.zeros(1, dtype=np.int32), np.zeros(0, dtype=np.int32)
    with pytest.raises(ValueError, match="cols does not fit"):
        _core.Csr(0, 2**31, one, none)
    with pytest.raises(ValueError, match="rows does not fit"):
        _core.Csr(2**31, 5, one, none)
    _core.Csr(0, 2**31, one.astype(np.int64), none.astype(np.int64))
