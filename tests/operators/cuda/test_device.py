"""CuPy, missing or stood in for."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import movieembed as me
from cuda_emulator import Emulator, build, compiler
from fake_cupy import CUDARuntimeError, fake_cupy
from helpers import random_likes
from movieembed._base import gpu_arrays
from movieembed.operators.cuda import device as device_module
from movieembed.operators.cuda import geometry
from movieembed.operators.cuda.operator import CudaOperator


@pytest.fixture
def fresh_device() -> Any:
    device_module.usable_device.cache_clear()
    yield
    device_module.usable_device.cache_clear()


def fit_fails(error: type[Exception]) -> str:
    with pytest.raises(error) as caught:
        me.MovieEmbedding(2, backend="cuda").fit(random_likes(30, 25, 0.4, seed=4))
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.usefixtures("fresh_device")
def test_no_cupy_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    message = fit_fails(ImportError)
    assert message.startswith("backend='cuda' needs CuPy (pip install 'movieembed[cuda12]' or,")


@pytest.mark.usefixtures("fresh_device")
def test_a_broken_cupy_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cupy.py").write_text('raise ImportError("\\n=====\\nno libcuda.so.1\\n\\n")\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    assert fit_fails(ImportError).endswith("which does not load: no libcuda.so.1")


@pytest.mark.usefixtures("fresh_device")
def test_two_cupys_are_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """CuPy itself warns as it is imported, and goes on with files of both."""
    there = {"cupy-cuda12x", "cupy-cuda13x"}

    def distribution(name: str) -> None:
        if name not in there:
            raise PackageNotFoundError

    monkeypatch.setattr(gpu_arrays, "distribution", distribution)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace())
    message = fit_fails(ImportError)
    assert "one CuPy, and there are cupy-cuda12x and cupy-cuda13x: pip uninstall all" in message
    assert message.startswith("backend='cuda'")
    there.remove("cupy-cuda12x")
    assert gpu_arrays.import_cupy("it") is sys.modules["cupy"]


INSUFFICIENT = "cudaErrorInsufficientDriver: CUDA driver version is insufficient"


@pytest.mark.usefixtures("fresh_device")
@pytest.mark.parametrize(
    ("driver", "error", "why"),
    [
        (0, INSUFFICIENT, "there is no driver"),
        (11080, INSUFFICIENT, "the driver is of CUDA 11.8 and CuPy of 12.9: update it"),
        (12090, "cudaErrorUnknown: unknown error", "CuPy finds none (cudaErrorUnknown: unknown"),
        (12090, "", "there is none"),
    ],
)
def test_no_gpu_is_told_in_a_line(
    driver: int, error: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count() -> int:
        if not error:
            return 0
        raise CUDARuntimeError(error)

    runtime = SimpleNamespace(
        getDeviceCount=count,
        driverGetVersion=lambda: driver,
        runtimeGetVersion=lambda: 12090,
        CUDARuntimeError=CUDARuntimeError,
    )
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=SimpleNamespace(runtime=runtime)))
    message = fit_fails(RuntimeError)
    assert message.startswith(f"backend='cuda' needs an NVIDIA GPU and its driver, and {why}")
    assert message.endswith("; or use backend='cpu'")


@pytest.mark.usefixtures("fresh_device")
@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("RawModule.compile", RuntimeError('\nFailure finding "libnvrtc.so.12"')),
        ("cuda.get_cublas_handle", ImportError('Failure finding "libcublasLt.so.12"')),
        ("zeros", OSError("cuda_fp16.h: no such file")),
        ("linalg.eigh", ImportError('Failure finding "libcusolver.so.11"')),
    ],
)
def test_a_missing_library_is_told_before_the_fit(
    place: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    cupy = fake_cupy(lambda *_: None, 1 << 30, [])
    *above, name = place.split(".")
    monkeypatch.setattr(getattr(cupy, above[0]) if above else cupy, name, fail)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    message = fit_fails(RuntimeError)
    assert message.startswith("backend='cuda' finds a GPU but cannot use it: ")
    assert str(error).strip() in message
    assert "pip install 'movieembed[cuda12]'" in message


@pytest.mark.usefixtures("fresh_device")
@pytest.mark.skipif(compiler() is None, reason="no C++ compiler to emulate CUDA with")
def test_a_fit_through_cupys_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What is called of CuPy, in what order; the kernels run on the host."""
    monkeypatch.setattr(geometry, "CHUNK_USERS", 12)
    L = random_likes(30, 25, 0.4, seed=4, weights=True)
    expected = me.MovieEmbedding(4, random_state=0, backend="cpu").fit(L)
    emulator = Emulator(build(tmp_path_factory.mktemp("kernels")))
    for free in (1 << 30, 20_000):
        log: list[Any] = []
        cupy = fake_cupy(emulator, free, log)
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        device_module.usable_device.cache_clear()
        assert device_module.cuda_device().free_bytes() == free
        model = me.MovieEmbedding(4, random_state=0, backend="cuda").fit(L)
        assert model.cost_ == pytest.approx(expected.cost_, rel=1e-9)
        assert bool(log) == (free < 1 << 30)
        assert cupy.products.at_rest()
    used: dict[Any, int] = {}
    for number, (what, copies, event) in enumerate(log):
        if what == "record":
            used[event] = number
        if what == "wait":  # for what the other stream recorded before
            assert event in used
            assert log[used[event]][1] is not copies
    assert ("synchronize", True, None) in log


def test_what_is_free_is_what_the_allocator_may_take() -> None:
    cupy = fake_cupy(lambda *_: None, 1000, [])
    device = device_module.CudaDevice(cupy)
    assert device.free_bytes() == 500 + 500
    pool = cupy.cuda.get_allocator().__self__
    pool.limit, pool.used = 700, 300
    assert device.free_bytes() == 400
    pool.limit = 5000
    assert device.free_bytes() == 1000
    cupy.cuda.get_allocator = lambda: lambda size: None  # another package's
    assert device.free_bytes() == 500


def test_likes_and_tall_arrays_leave_no_pinned_memory_behind() -> None:
    cupy = fake_cupy(lambda *_: None, 1 << 30, [])
    L = random_likes(30, 25, 0.4, seed=4)
    op = CudaOperator(L, np.float32, device_module.CudaDevice(cupy))
    V = np.random.default_rng(0).standard_normal((4, 25)).T
    there = op.asarray(V)
    assert not cupy.pinned
    np.testing.assert_array_equal(cupy.asnumpy(there), V.astype(np.float32))
    assert there.flags.c_contiguous
    op.scale_columns(there, np.ones(4))
    assert cupy.pinned == {(4,)}


@pytest.mark.usefixtures("fresh_device")
def test_each_gpu_has_its_own_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function of CuPy's belongs to the GPU that was current when it was got."""
    cupy = fake_cupy(lambda *_: None, 1 << 30, [])
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    first = device_module.cuda_device()
    cupy.cuda.runtime.getDevice = lambda: 1
    second = device_module.cuda_device()
    assert second is not first
    assert device_module.cuda_device() is second
    cupy.cuda.runtime.getDevice = lambda: 0
    assert device_module.cuda_device() is first
