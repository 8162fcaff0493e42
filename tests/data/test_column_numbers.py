from __future__ import annotations

import sys

import numpy as np
import pytest

import movieembed as me
from movieembed.data import column_numbers
from movieembed.data.column_numbers import ColumnNumbers, are_column_numbers, are_increasing
from thread_cases import run_python


def test_ids_are_found_as_in_a_table() -> None:
    table = {(int, i): i for i in range(5)}
    lean = ColumnNumbers(5)
    keys = [*table, (int, 5), (int, -1), (bool, True), (float, 1.0), (str, "1"), (type(None), None)]
    assert [lean.get(key) for key in keys] == [table.get(key) for key in keys]
    assert [key in lean for key in keys] == [key in table for key in keys]
    assert (list(lean), len(lean)) == (list(table), len(table))


@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_kinds_of_ids(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_numbers, "BLOCK", block)
    cases: list[tuple[object, bool, bool]] = [
        ([], True, True),
        ([0], True, True),
        ([5], False, True),
        ([0, 1, 2, 3], True, True),
        ([0, 1, 2, 4], False, True),
        ([1, 2, 3, 4], False, True),
        ([0, 1, 1, 2], False, False),
        ([0, 2, 1, 3], False, False),
        ([0, 1, 2, 2], False, False),
    ]
    for values, numbers, rising in cases:
        for dtype in (np.int64, np.uint64):
            ids = np.array(values, dtype=dtype)
            assert (are_column_numbers(ids), are_increasing(ids)) == (numbers, rising)
    assert not are_column_numbers(np.array([0.0, 1.0]))
    assert not are_increasing(np.array(["a", "b"], dtype=object))


def test_repeated_integers_are_still_refused() -> None:
    with pytest.raises(ValueError, match="occur more than once, such as 3"):
        me.Likes.from_matrix(np.ones((2, 3)), items=[2, 3, 3])


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_column_costs_some_bytes() -> None:
    """4 likes in 4 million columns; a table of ids would take 150 bytes each."""
    code = """
import numpy as np
import scipy.sparse as sp
import movieembed as me
from movieembed._base.memory import _numbers
n = 4_000_000
L = sp.csr_array((np.ones(4), ([0, 0, 1, 1], [0, n - 1, 5, n - 1])), shape=(2, n))
me.Likes.from_matrix(np.ones((2, 2))).item_index()
open("/proc/self/clear_refs", "w").write("5")
before = _numbers("/proc/self/status")["VmRSS"]
likes = me.Likes.from_matrix(L)
assert likes.item_index().resolve(n - 1) == n - 1
print((_numbers("/proc/self/status")["VmHWM"] - before) * 1024 / n)
"""
    done = run_python(code)
    assert float(done.stdout) < 50, done.stderr
