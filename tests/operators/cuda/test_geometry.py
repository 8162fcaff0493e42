"""How the CUDA backend cuts rows, likes and columns."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import random_likes
from movieembed.exceptions import ParameterError
from movieembed.operators.cuda import geometry
from movieembed.operators.cuda.likes import host_chunks


def ptr_of(lengths: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.array(lengths, dtype=np.int64))])


@pytest.mark.parametrize("segment", [1, 2, 3, 7, 100])
def test_tasks_cover_each_entry_once_and_in_order(segment: int) -> None:
    ptr = ptr_of([0, 5, 1, 0, 14, 7, 3, 0])
    tasks = geometry.cut_rows(ptr, segment)
    lengths = tasks.end - tasks.begin
    assert (lengths <= segment).all()
    assert (np.diff(lengths) <= 0).all()
    seen = np.concatenate([np.arange(a, b) for a, b in zip(tasks.begin, tasks.end, strict=True)])
    assert sorted(seen.tolist()) == list(range(ptr[-1]))
    for row in range(len(ptr) - 1):
        mine = np.flatnonzero(tasks.row == row)
        assert (tasks.begin[mine] >= ptr[row]).all()
        assert (tasks.end[mine] <= ptr[row + 1]).all()
        if len(mine) == 1:
            assert tasks.slot[mine[0]] == -1
            assert row not in tasks.split_rows
            continue
        (place,) = np.flatnonzero(tasks.split_rows == row)
        slots = np.arange(tasks.split_first[place], tasks.split_first[place + 1])
        by_entry = mine[np.argsort(tasks.begin[mine])]
        np.testing.assert_array_equal(tasks.slot[by_entry], slots)
    assert tasks.n_slots == (tasks.slot >= 0).sum()
    assert set(tasks.row.tolist()) == set(range(len(ptr) - 1))


def test_no_rows() -> None:
    tasks = geometry.cut_rows(ptr_of([]))
    assert len(tasks.row) == 0
    assert tasks.n_slots == 0


@pytest.mark.parametrize("k", [1, 2, 3, 7, 16, 31, 32, 33, 64, 65, 100, 128, 129, 1024, 5000])
def test_launches_cover_all_columns_and_rows(k: int) -> None:
    for n in (1, 7, 8, 9, 1000, 3 << 31):
        per_thread = geometry.columns_per_thread(k)
        for launch, c in (
            (geometry.tiled(n, k), 1),
            (geometry.tiled(n, k, per_thread), per_thread),
        ):
            x, y = launch.block
            assert x * y == geometry.THREADS
            assert launch.grid[0] * y >= n
            assert (launch.grid[0] - 1) * y < n
            assert launch.grid[1] * x * c >= k
            assert (launch.grid[1] - 1) * x * c < k
        x, _ = geometry.by_row(n, k).block
        assert geometry.WARP % x == 0
        assert x == geometry.WARP or k <= x < 2 * k


def test_chunks() -> None:
    ptr = ptr_of([3, 0, 4, 20, 1, 1, 1, 2])
    assert geometry.chunks(ptr, 7, 100).tolist() == [0, 3, 4, 8]
    assert geometry.chunks(ptr, 7, 2).tolist() == [0, 2, 3, 4, 6, 8]
    assert geometry.chunks(ptr, 100, 100).tolist() == [0, 8]
    assert geometry.chunks(ptr_of([]), 7, 100).tolist() == [0]
    for most in (1, 2, 5, 50):
        bounds = geometry.chunks(ptr, most, 3)
        assert bounds[0] == 0
        assert bounds[-1] == 8
        steps = np.diff(bounds)
        assert (steps >= 1).all()
        assert (steps <= 3).all()
        entries = ptr[bounds[1:]] - ptr[bounds[:-1]]
        assert ((entries <= most) | (steps == 1)).all()


def test_the_plan_follows_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    ptr = ptr_of([50] * 1000)
    held = 2 * 4 * 50_000 + geometry.ROW_BYTES * (1000 + 200)
    made = held + geometry.TRANSPOSE_BYTES * 50_000  # takes more than twice what is held
    fits = geometry.plan(ptr, 200, 4, free=made)
    assert fits.resident
    assert fits.bounds.tolist() == [0, 1000]
    assert not geometry.plan(ptr, 200, 4, free=made - 1).resident
    monkeypatch.setattr(geometry, "TRANSPOSE_BYTES", 1)
    assert geometry.plan(ptr, 200, 4, free=2 * held).resident
    assert not geometry.plan(ptr, 200, 4, free=2 * held - 1).resident
    for free in (held, held // 2, held // 4):
        bounds = geometry.plan(ptr, 200, 4, free).bounds
        users = np.diff(bounds).max()
        there = geometry.BUFFERS * (2 * 4 * 50 * users + geometry.ROW_BYTES * (users + 200))
        assert there <= geometry.STREAM_SHARE * free
    # Whatever the memory, it goes on by single users.
    assert geometry.plan(ptr, 200, 4, free=0).bounds.tolist() == list(range(1001))


def test_the_plan_bounds_the_users_of_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "CHUNK_USERS", 300)
    assert geometry.plan(ptr_of([2] * 1000), 5, 4, free=1 << 40).bounds.tolist() == [
        0,
        300,
        600,
        900,
        1000,
    ]


def test_items_are_numbered_in_32_bits() -> None:
    most = 2**31 - 2
    assert geometry.plan_of(ptr_of([2]), (1, most), True, 8, free=1 << 40).resident
    with pytest.raises(ParameterError, match="at most 2,147,483,646 items, not 2,147,483,647") as e:
        geometry.plan_of(ptr_of([2]), (1, most + 1), True, 8, free=1 << 40)
    assert e.value.parameter == "backend"


def test_slabs_hold_the_workspace() -> None:
    assert geometry.slab(1000, 4, workspace=40_000) == 10
    assert geometry.slab(10**9, 8) == 1
    assert geometry.slab(0, 4) > 1000


@pytest.mark.parametrize("weights", [False, True])
def test_chunks_of_likes_are_the_matrix(weights: bool) -> None:
    L = random_likes(40, 12, 0.3, seed=1, weights=weights)
    dense = L.toarray()
    for chunk in host_chunks(L, [0, 9, 10, 40], not weights):
        part = dense[chunk.first : chunk.last]
        assert (chunk.users.values is None) == (not weights)
        for side, expected in ((chunk.users, part), (chunk.items, part.T)):
            made = np.zeros(expected.shape)
            for row in range(len(side.ptr) - 1):
                entries = slice(side.ptr[row], side.ptr[row + 1])
                assert (np.diff(side.indices[entries]) > 0).all()
                made[row, side.indices[entries]] = (
                    1 if side.values is None else side.values[entries]
                )
            np.testing.assert_array_equal(made, expected)


def test_powers_of_two_and_digits() -> None:
    assert [geometry.padded(k) for k in (0, 1, 2, 3, 4, 5, 1024, 1025)] == [
        1,
        1,
        2,
        4,
        4,
        8,
        1024,
        2048,
    ]
    largest = (0, 1, 255, 256, 65_535, 65_536, 2**24, 2**32 - 1)
    assert [geometry.digit_bits(n) for n in largest] == [8, 8, 8, 16, 16, 24, 32, 32]
    assert geometry.ROW_THREADS % geometry.WARP == 0
