"""Sums and largest entries of the rows of X on a device: kernels on the host, and around them."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import movieembed as me
from cuda_emulator import build, compiler, emulated
from device_arrays import DeviceArray, DeviceModule, HostDevice, csr_matrix, ndarray
from helpers import dense_cooccurrence, operator_cases, random_likes
from movieembed.data.likes import Likes
from movieembed.operators.cuda import device as device_module
from movieembed.operators.cuda import geometry
from movieembed.operators.cuda.kernels import Kernels
from movieembed.operators.cuda.statistics import row_statistics
from reference_kernels import ReferenceKernels

WIDTHS = (1, 2, 31, 32, 33, 64, 65, 97, 300)
needs_compiler = pytest.mark.skipif(compiler() is None, reason="no C++ compiler to emulate CUDA")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build(tmp_path_factory.mktemp("kernels"))


@pytest.fixture(params=[32, 96, 512])
def emulated_kernels(
    request: pytest.FixtureRequest, library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> Kernels:
    monkeypatch.setattr(geometry, "ROW_THREADS", request.param)
    return emulated(library, DeviceModule())[0]


def counts(n: int, width: int, largest: int) -> NDArray[np.uint32]:
    """Rows of no entry, of a few, of one value, of all different digits, and of `largest`."""
    rng = np.random.default_rng(width)
    x = rng.integers(0, largest + 1, (n, width)) * (rng.random((n, width)) < rng.random((n, 1)))
    x[0] = 0
    x[1] = largest
    x[2] = rng.integers(0, min(3, largest + 1), width)
    x[3] = rng.permutation(width) % (largest + 1)
    return x.astype(np.uint32)


def sums(n: int, width: int) -> NDArray[np.float64]:
    """The same of both signs: -0.0 is no entry, 0.0 is one, and equal ones come in all sizes."""
    rng = np.random.default_rng(width)
    some = np.array([-1e300, -2.5, -5e-324, 0.0, 5e-324, 1.0, np.nextafter(1, 2), 3e200])
    x = np.where(rng.random((n, width)) < 0.5, rng.choice(some, (n, width)), -0.0)
    x[0] = -0.0
    x[1] = -7.0
    x[2] = rng.standard_normal(width)
    return x


def assert_top_k(kernels: Kernels, x: NDArray[Any], largest: int) -> None:
    n, width = x.shape
    A = DeviceArray(x)
    diagonal = DeviceArray(np.arange(n, dtype=np.int64)[::-1].copy() % width)
    for k in {1, 2, 3, 7, 33, 64, 100, width}:
        if k > width:
            continue
        columns, values = kernels.top_k(A, diagonal, k, largest)
        expected, there = ReferenceKernels().top_k(A, diagonal, k, largest)
        np.testing.assert_array_equal(columns._host, expected._host)
        np.testing.assert_array_equal(values._host, there._host)
        assert values.dtype == x.dtype


@needs_compiler
@pytest.mark.parametrize("width", WIDTHS)
def test_top_k_of_counts(width: int, emulated_kernels: Kernels) -> None:
    for largest in (1, 255, 256, 70_000, 2**32 - 1):
        assert_top_k(emulated_kernels, counts(5, width, largest), largest)


@needs_compiler
@pytest.mark.parametrize("width", WIDTHS)
def test_top_k_of_sums(width: int, emulated_kernels: Kernels) -> None:
    assert_top_k(emulated_kernels, sums(5, width), 0)


@needs_compiler
@pytest.mark.parametrize("width", WIDTHS)
def test_row_sums(width: int, emulated_kernels: Kernels) -> None:
    diagonal = DeviceArray(np.arange(5, dtype=np.int64) % width)
    for x in (counts(5, width, 1000), np.random.default_rng(0).standard_normal((5, width))):
        for left_out in (None, diagonal):
            results = emulated_kernels.row_sums(DeviceArray(x), left_out)
            expected = ReferenceKernels().row_sums(DeviceArray(x), left_out)
            for there, here in zip(results, expected, strict=True):
                assert there.dtype == np.float64
                if x.dtype == np.uint32:
                    np.testing.assert_array_equal(there._host, here._host)
                else:
                    np.testing.assert_allclose(there._host, here._host, rtol=0, atol=1e-12)


# --- around the kernels -----------------------------------------------------------------------


def assert_statistics(L: Any, device: HostDevice, k: int) -> None:
    matrix = Likes.from_matrix(L).matrix
    there = row_statistics(matrix, k, device, progress=False)
    assert there is not None
    columns, values, squares, totals = me.cooccurrence_top_k(matrix, max(k, 1), return_sums=True)
    here = (columns[:, :k], values[:, :k], squares, totals)
    exact = bool((matrix.data == 1).all())
    for one, other in zip(there, here, strict=True):
        assert one.dtype == other.dtype
        if exact or one.dtype == np.int64:
            np.testing.assert_array_equal(one, other)
        else:
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("block", [1, 3000, 1 << 28])
@pytest.mark.parametrize("name", operator_cases())
def test_the_same_as_the_cpu(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "BLOCK_BYTES", block)
    for k in (0, 1, 5, 90):
        assert_statistics(operator_cases()[name], HostDevice(ReferenceKernels()), k)


@needs_compiler
@pytest.mark.parametrize("users", [7, 1 << 18])
@pytest.mark.parametrize("name", operator_cases())
def test_the_same_on_emulated_kernels(
    name: str, users: int, library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With rows of X cut into pieces, and with users in chunks."""
    monkeypatch.setattr(geometry, "CHUNK_USERS", users)
    monkeypatch.setattr(geometry, "COUNT_PIECE", 3)
    monkeypatch.setattr(geometry, "ROW_THREADS", 64)
    kernels, _ = emulated(library, DeviceModule())
    assert_statistics(operator_cases()[name], HostDevice(kernels), 6)


@needs_compiler
def test_weights_that_cancel(library: ctypes.CDLL) -> None:
    """0 and less are entries where somebody has both items, and nothing is one elsewhere."""
    L = np.array([[1.0, 1, 2, 0], [1, -1, 0, 0], [0, 0, 3, 0]])
    for kernels in (ReferenceKernels(), emulated(library, DeviceModule())[0]):
        there = row_statistics(Likes.from_matrix(L).matrix, 3, HostDevice(kernels))
        assert there is not None
        expected = [[2, 1, -1], [2, 0, -1], [0, 1, -1], [-1, -1, -1]]
        np.testing.assert_array_equal(there.columns, expected)
        np.testing.assert_array_equal(there.values[:2], [[2, 0, 0], [2, 0, 0]])
        X = dense_cooccurrence(L)
        np.testing.assert_array_equal(there.sum_squares, (X**2).sum(axis=1))
        np.testing.assert_array_equal(there.totals, X.sum(axis=1))


@needs_compiler
def test_products_that_cancel_are_rounded_alike(library: ctypes.CDLL) -> None:
    """A product that is rounded and one that is not, in one multiply-add, would leave a rest."""
    L = np.array([[0.1, 0.3], [0.1, -0.3], [0.7, 1e-9], [0.7, -1e-9]])
    here = me.cooccurrence_top_k(L, 1, return_sums=True)
    assert here[1].tolist() == [[0.0], [0.0]]
    kernels, _ = emulated(library, DeviceModule())
    there = row_statistics(Likes.from_matrix(L).matrix, 1, HostDevice(kernels))
    assert there is not None
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(other, one)


def test_blocks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a block and their best together take what they may."""
    heights = []

    class Counting(ReferenceKernels):
        def top_k(self, A: Any, diagonal: Any, k: int, largest: int) -> Any:
            heights.append((len(A), A.itemsize, A.shape[1]))
            return super().top_k(A, diagonal, k, largest)

    for weights in (False, True):
        monkeypatch.setattr(geometry, "BLOCK_BYTES", 4000)
        heights.clear()
        L = random_likes(40, 50, 0.3, seed=1, weights=weights)
        row_statistics(Likes.from_matrix(L).matrix, 5, HostDevice(Counting()))
        assert len(heights) > 4
        assert sum(n for n, _, _ in heights) == 50
        for n, itemsize, width in heights:
            assert n * (itemsize * width + 8 * (8 + itemsize)) <= 4000


def test_the_public_functions_work_where_the_likes_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    device = HostDevice(ReferenceKernels())
    asked = []
    monkeypatch.setattr(device_module, "cuda_device", lambda: asked.append(1) or device)
    L = random_likes(30, 25, 0.4, seed=4)
    for X in (csr_matrix(L), ndarray(L.toarray())):
        for here, there in (
            (me.cooccurrence_sums(L), me.cooccurrence_sums(X)),
            (me.cooccurrence_top_k(L, 4), me.cooccurrence_top_k(X, 4)),
            (
                me.cooccurrence_top_k(L, 30, return_sums=True),
                me.cooccurrence_top_k(X, 30, return_sums=True, progress=True),
            ),
        ):
            assert len(here) == len(there)
            for one, other in zip(here, there, strict=True):
                assert isinstance(other, np.ndarray)
                assert one.dtype == other.dtype
                np.testing.assert_array_equal(one, other)
    assert "rows of X" in capsys.readouterr().err
    with pytest.raises(ValueError, match="k must be at least 1"):
        me.cooccurrence_top_k(csr_matrix(L), 0)
    # What does not fit beside them is done by the cores.
    asked.clear()
    device.free = 100
    for one, other in zip(
        me.cooccurrence_top_k(L, 4), me.cooccurrence_top_k(csr_matrix(L), 4), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert len(asked) == 1
    assert not device.stagers
