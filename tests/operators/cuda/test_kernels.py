"""The CUDA kernels themselves, run on the host, against NumPy and SciPy."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from cuda_emulator import Emulator, build, compiler, emulated
from device_arrays import DeviceArray, DeviceModule, HostDevice
from helpers import normal, operator_cases, random_likes
from movieembed._base.threads import serial_blas
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.cuda import geometry, kernels
from movieembed.operators.cuda.kernels import Kernels
from movieembed.operators.cuda.likes import host_chunks
from movieembed.operators.cuda.operator import CudaOperator
from movieembed.operators.cuda.sides import Chunk
from operator_checks import assert_same_operator
from reference_kernels import ReferenceKernels

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C++ compiler to emulate CUDA with")

FLOATS = (np.float32, np.float64)
# Around the columns of a thread, of a warp and of a block.
WIDTHS = (1, 2, 3, 4, 5, 31, 32, 33, 64, 65, 100, 128, 129, 200)
xp = DeviceModule()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build(tmp_path_factory.mktemp("kernels"))


@pytest.fixture
def pair(library: ctypes.CDLL) -> tuple[Kernels, Emulator]:
    return emulated(library, xp)


@pytest.fixture(autouse=True)
def _short_segments(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Long rows, at the sizes of tests."""
    monkeypatch.setattr(geometry, "DOT_ROWS", 8)
    monkeypatch.setattr(geometry, "COUNT_PIECE", 3)
    monkeypatch.setattr(geometry, "GRID_ROWS", 7)
    with serial_blas():
        yield


def skewed(seed: int, weights: bool) -> sp.csr_array:
    """Empty rows, rows of one, and rows of nearly all, both ways."""
    rng = np.random.default_rng(seed)
    shares = np.where(rng.random(45) < 0.2, 0.0, rng.random(45) ** 3)
    there = rng.random((45, 33)) < np.minimum(1, shares[:, None] * rng.random(33) * 3)
    there[7] = True
    there[:, 5] = rng.random(45) < 0.95
    there[11] = False
    dense = there * (rng.standard_normal(there.shape) if weights else 1.0)
    return sp.csr_array(dense)


def device_chunk(
    L: sp.csr_array, value: Any, monkeypatch: pytest.MonkeyPatch, segment: int = 4
) -> Chunk:
    whole = geometry.cut_rows
    monkeypatch.setattr(geometry, "cut_rows", lambda ptr: whole(ptr, segment))
    (chunk,) = host_chunks(L, [0, L.shape[0]], bool((L.data == 1).all()))
    return chunk.with_values(value).with_arrays(
        [xp.asarray(x) for x in chunk.with_values(value).arrays()]
    )


def device_normal(shape: tuple[int, ...], seed: int, dtype: Any) -> DeviceArray:
    return DeviceArray(normal(shape, seed, dtype))


def framed(A: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
    """The same in the middle of a wider array, and that array."""
    wide = xp.zeros((A.shape[0] + 2, A.shape[1] + 3), dtype=A.dtype)
    wide[:] = 7
    middle = wide[1:-1, 2:-1]
    middle[:] = A
    return middle, wide


def assert_frame(wide: DeviceArray) -> None:
    frame = wide._host.copy()
    frame[1:-1, 2:-1] = 7
    assert (frame == 7).all()


def close(a: Any, b: Any, dtype: Any, factor: float = 60) -> None:
    a, b = (x._host if isinstance(x, DeviceArray) else x for x in (a, b))
    assert a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=0, atol=factor * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
def test_gather(
    dtype: Any,
    weights: bool,
    pair: tuple[Kernels, Emulator],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chunk = device_chunk(skewed(1, weights), dtype, monkeypatch)
    assert chunk.users.n_slots > 0
    assert chunk.items.n_slots > 0
    for side, n_columns in ((chunk.users, 33), (chunk.items, 45)):
        n_rows = len(side.ptr) - 1
        for k in WIDTHS:
            source, _ = framed(device_normal((n_columns, k), k, dtype))
            start = device_normal((n_rows, k), k + 1, dtype)
            for add in (False, True):
                out, wide = framed(start)
                expected = start.copy()
                pair[0].gather(side, source, out, add)
                ReferenceKernels().gather(side, source, expected, add)
                close(out, expected, dtype, 200)
                assert_frame(wide)
    kind = f"{'weighted_' if weights else ''}{kernels.SHORT[np.dtype(dtype)]}"
    assert {f"gather_{kind}_{columns}" for columns in (1, 2, 3, 4)} <= pair[1].launched


@pytest.mark.parametrize("dtype", FLOATS)
def test_dense_kernels(dtype: Any, pair: tuple[Kernels, Emulator]) -> None:
    there, reference = pair[0], ReferenceKernels()
    for n in (0, 1, 7, 8, 9, 41):
        for k in (0, *WIDTHS):
            A, _ = framed(device_normal((n, k), 1, dtype))
            B, _ = framed(device_normal((n, k), 2, dtype))
            for dots in ("row_dots", "column_dots"):
                result = getattr(there, dots)(A, B)
                close(result, getattr(reference, dots)(A, B), np.float64, 400)
            n_there = there.row_dots(A, A)
            theta = device_normal((k,), 3, np.float64)
            VG, expected = device_normal((n, k), 4, dtype), device_normal((n, k), 4, dtype)
            there.masked_gradient(A, B, n_there, VG)
            reference.masked_gradient(A, B, n_there, expected)
            close(VG, expected, dtype, 60 * 4 * 5 * (k + 10))
            out, wide = framed(device_normal((n, k), 5, dtype))
            there.residual(A, B, n_there, theta, 0.3, out)
            expected = device_normal((n, k), 5, dtype)
            reference.residual(A, B, n_there, theta, 0.3, expected)
            close(out, expected, dtype, 60 * (k + 10))
            assert_frame(wide)


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
def test_gram_rows(
    dtype: Any,
    upper: bool,
    weights: bool,
    pair: tuple[Kernels, Emulator],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chunk = device_chunk(skewed(2, weights), dtype, monkeypatch)
    kind = np.float64 if weights else np.uint32
    for side, other, width in (
        (chunk.items, chunk.users, 33),
        (chunk.users, chunk.items, 45),
    ):
        rows = xp.asarray(np.random.default_rng(3).permutation(width)[:20].astype(np.int64))
        longest = int(np.diff(side.ptr._host).max())
        out, expected = (xp.zeros((20, width), dtype=kind) for _ in range(2))
        out[:], expected[:] = 3, 3
        pair[0].gram_rows(side, other, rows, longest, out, upper)
        ReferenceKernels().gram_rows(side, other, rows, longest, expected, upper)
        if weights:
            close(out, expected, np.float64)
        else:
            np.testing.assert_array_equal(out._host, expected._host)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", operator_cases())
def test_the_operator_on_emulated_kernels(
    name: str, dtype: Any, pair: tuple[Kernels, Emulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = geometry.cut_rows
    monkeypatch.setattr(geometry, "cut_rows", lambda ptr: whole(ptr, 5))
    L = operator_cases()[name]
    op = CudaOperator(L, dtype, HostDevice(pair[0]))
    assert_same_operator(op, CpuOperator(L, dtype), dtype, widths=(1, 37))


def test_same_bits_again(pair: tuple[Kernels, Emulator]) -> None:
    L = random_likes(60, 40, 0.3, seed=3, weights=True)
    V = np.random.default_rng(1).standard_normal((40, 9))
    results = set()
    for _ in range(2):
        op = CudaOperator(L, np.float32, HostDevice(pair[0]))
        product, form = op.evaluate(op.asarray(V))
        results.add((product._host.tobytes(), form, op.frobenius_squared))
    assert len(results) == 1
