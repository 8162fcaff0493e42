"""The CUDA backend's operator and the solvers, over arrays that behave like a device's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from device_arrays import HostDevice
from helpers import dense_cooccurrence, normal, operator_cases, random_likes
from movieembed._base.threads import serial_blas
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.cuda import geometry, kernels, operator
from movieembed.operators.cuda.operator import CudaOperator
from operator_checks import assert_same_operator, assert_tall_grams, host
from reference_kernels import ReferenceKernels

FLOATS = (np.float32, np.float64)


@pytest.fixture(autouse=True)
def _blas() -> Iterator[None]:
    with serial_blas():
        yield


@pytest.mark.parametrize("keep_all", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", operator_cases())
def test_the_same_as_the_cpu(name: str, dtype: Any, keep_all: bool) -> None:
    L = operator_cases()[name]
    op = CudaOperator(L, dtype, HostDevice(ReferenceKernels()), keep_all=keep_all)
    assert op.likes.resident
    assert_same_operator(op, CpuOperator(L, dtype, keep_all=keep_all), dtype)


@pytest.mark.parametrize("free", [None, 0])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", operator_cases())
def test_without_some_users_the_same_as_the_cpu(name: str, dtype: Any, free: int | None) -> None:
    L = operator_cases()[name]
    options = {} if free is None else {"free": free}
    op = CudaOperator(L, dtype, HostDevice(ReferenceKernels(), **options))
    op.unit = 4.0
    users, V = np.arange(op.n_users)[::3], op.asarray(normal((op.n_items, 3), 1, dtype))
    before = host(op.apply(V))
    other = op.without_users(users)
    assert other.unit == 4.0
    assert_same_operator(other, CpuOperator(L, dtype).without_users(users), dtype)
    np.testing.assert_array_equal(host(op.apply(V)), before)


# --- likes that do not fit --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", operator_cases())
def test_streamed_likes_give_the_same(name: str, dtype: Any) -> None:
    L = operator_cases()[name]
    device = HostDevice(ReferenceKernels(), free=0)
    op = CudaOperator(L, dtype, device)
    assert op.likes.resident == (op.n_users == 0)
    assert_same_operator(op, CpuOperator(L, dtype), dtype)
    if op.n_users:
        assert device.stagers[0].uploads % op.n_users == 0  # a chunk a user


def test_streaming_takes_two_places_in_turn() -> None:
    L = random_likes(50, 20, 0.3, seed=1, weights=True)
    device = HostDevice(ReferenceKernels(), free=0)
    op = CudaOperator(L, np.float64, device)
    V = op.asarray(normal((op.n_items, 3), 1, np.float64))
    for other in (op, op.in_precision(np.float32), op):
        other.apply(other.astype(V))
    (stager,) = device.stagers
    assert sorted(stager.state) == [0, 1]
    # Broken off in the middle, what was on its way is waited for.
    pass_over = op.likes.chunks(np.float64)
    next(pass_over)
    pass_over.close()
    assert set(stager.state.values()) == {"free"}


@pytest.mark.parametrize("dtype", FLOATS)
def test_chunks_and_slabs_change_little(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    L = random_likes(60, 20, 0.3, seed=3, weights=True)
    expected = CpuOperator(L, dtype)
    for users, workspace in ((7, 1), (60, 500), (13, 4000)):
        monkeypatch.setattr(geometry, "CHUNK_USERS", users)
        monkeypatch.setattr(geometry.slab, "__defaults__", (workspace,))
        op = CudaOperator(L, dtype, HostDevice(ReferenceKernels()))
        assert op.likes.resident
        assert_same_operator(op, expected, dtype)


def test_blocks_of_the_exact_cost_and_of_grams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "BLOCK_BYTES", 16 * 20 * 3)
    monkeypatch.setattr(operator, "GRAM_ROWS", 7)
    for name in ("tall", "tall weights"):
        for dtype in FLOATS:
            op = CudaOperator(operator_cases()[name], dtype, HostDevice(ReferenceKernels()))
            assert_same_operator(op, CpuOperator(operator_cases()[name], dtype), dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_grams_of_slices_of_many_rows(dtype: Any) -> None:
    assert_tall_grams(HostDevice(ReferenceKernels()), dtype)


def test_counts_are_exact() -> None:
    """Both ways to the sum of squares: over pairs of items, and over pairs of users."""
    ways = set()
    for name, L in operator_cases().items():
        if name.endswith("weights"):
            continue
        per_user, per_item = np.diff(L.indptr), np.bincount(L.indices, minlength=L.shape[1])
        ways.add(bool(per_item @ per_item < per_user @ per_user))
        X = dense_cooccurrence(L)
        for free in (1 << 30, 0):
            op = CudaOperator(L, np.float32, HostDevice(ReferenceKernels(), free=free))
            assert op.frobenius_squared == (X**2).sum(), name
            V = np.random.default_rng(1).integers(-9, 10, (op.n_items, 17))
            expected = X[np.ix_(op.active, op.active)] @ V
            np.testing.assert_array_equal(host(op.apply(op.asarray(V))), expected)
    assert ways == {True, False}


def test_another_precision_shares_the_likes() -> None:
    for weights in (False, True):
        L = random_likes(30, 40, 0.3, seed=14, weights=weights)
        op = CudaOperator(L, np.float32, HostDevice(ReferenceKernels()))
        assert op.in_precision(np.float32) is op
        wide = op.in_precision(np.float64)
        assert wide is op.in_precision(np.float64)
        assert wide.dtype == wide.diagonal.dtype == np.float64
        assert op.dtype == op.diagonal.dtype == np.float32
        (mine,), (other,) = (list(o.likes.chunks(o.dtype)) for o in (op, wide))
        assert mine.users.indices is other.users.indices
        assert mine.items.tasks.begin is other.items.tasks.begin
        assert_same_operator(wide, CpuOperator(L, np.float64), np.float64)


def test_mistakes_are_told() -> None:
    op = CudaOperator(operator_cases()["tall"], np.float32, HostDevice(ReferenceKernels()))
    wide = op.xp.zeros((op.n_items, 3), dtype=np.float64)
    narrow = op.empty(3)
    for arrays in ((wide, narrow), (narrow, wide)):
        with pytest.raises(TypeError, match="different dtypes: \\['float32', 'float64'\\]"):
            kernels.common(*arrays)
    with pytest.raises(ValueError, match="rows are not contiguous"):
        kernels.strided(narrow.T)
    with pytest.raises(ValueError, match="not contiguous"):
        kernels.contiguous(narrow[:, :2])
    for bad in (narrow, op.xp.zeros(4, dtype=np.float64), op.xp.zeros(3, dtype=np.float32)):
        with pytest.raises(ValueError, match="expected 3 float64 numbers, not float"):
            kernels.vector(bad, 3)
