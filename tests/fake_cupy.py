"""CuPy as far as the package knows it, on the host."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from device_arrays import DeviceArray, DeviceModule, eigh
from movieembed.operators.cuda import device as device_module
from movieembed.operators.cuda.geometry import Launch
from movieembed.operators.cuda.kernels import source


class CUDARuntimeError(RuntimeError):
    """CuPy's."""


class Stream:
    """A stream that does everything at once, and writes it down."""

    def __init__(self, log: list[Any], non_blocking: bool = False) -> None:
        self.log, self.non_blocking = log, non_blocking

    def wait_event(self, event: Any) -> None:
        self.log.append(("wait", self.non_blocking, event))

    def synchronize(self) -> None:
        self.log.append(("synchronize", self.non_blocking, None))


class Event:
    """An event that is written down."""

    def __init__(self, log: list[Any]) -> None:
        self.log = log

    def record(self, stream: Stream) -> None:
        self.log.append(("record", stream.non_blocking, self))


class Pool:
    """CuPy's memory pool, as far as one asks for its sizes."""

    def __init__(self, reserve: int) -> None:
        self.reserve, self.limit, self.used = reserve, 0, 0

    def malloc(self, size: int) -> None:
        pass

    def free_bytes(self) -> int:
        return self.reserve

    def used_bytes(self) -> int:
        return self.used

    def get_limit(self) -> int:
        return self.limit


class Products:
    """The compute type of CuPy's products and the mode of cuBLAS, as others left them."""

    TF32_TYPE, TF32_MATH = 7, 3

    def __init__(self) -> None:
        self.types = {np.dtype(t): self.TF32_TYPE for t in (np.float32, np.float64)}
        self.mode = self.TF32_MATH

    def set_type(self, dtype: Any, kind: int) -> None:
        self.types[np.dtype(dtype)] = kind

    def set_mode(self, handle: int, mode: int) -> None:
        assert handle == 11
        self.mode = mode

    def matmul(self, a: DeviceArray, b: DeviceArray) -> DeviceArray:
        assert a.dtype == b.dtype
        pedantic = 2
        assert (self.types[a.dtype], self.mode) == (pedantic, pedantic), "rounded products"
        return DeviceModule.matmul(a, b)

    def at_rest(self) -> bool:
        """Whether they are what they were."""
        return self.mode == self.TF32_MATH and set(self.types.values()) == {self.TF32_TYPE}


def fake_cupy(emulator: Any, free: int, log: list[Any]) -> Any:
    """CuPy as far as the package knows it, over the emulated kernels."""

    class RawModule:
        def __init__(self, code: str, options: tuple[str, ...]) -> None:
            assert code == source()
            assert options == device_module.OPTIONS

        def compile(self) -> None:
            pass

        def get_function(self, name: str) -> Any:
            def function(grid: tuple[int, int], block: tuple[int, int], args: Any) -> None:
                emulator(name, Launch(grid, block), args)

            return function

    current = Stream(log)
    cupy = ModuleType("cupy")
    for name in dir(DeviceModule):
        if not name.startswith("_"):
            setattr(cupy, name, getattr(DeviceModule, name))
    cupy.RawModule = RawModule

    def asarray(x: Any, dtype: Any = None) -> DeviceArray:
        if isinstance(x, np.ndarray):
            cupy.pinned.add(x.shape)
        return DeviceModule.asarray(x, dtype)

    cupy.asarray, cupy.pinned = asarray, set()
    cupy.products = products = Products()
    cupy.matmul = products.matmul
    cupy.linalg = SimpleNamespace(eigh=eigh)
    cupy._core = SimpleNamespace(
        get_compute_type=products.types.__getitem__, set_compute_type=products.set_type
    )
    pool = Pool(free // 2)
    cupy.cuda = SimpleNamespace(
        cublas=SimpleNamespace(
            getMathMode=lambda handle: products.mode, setMathMode=products.set_mode
        ),
        get_allocator=lambda: pool.malloc,
        get_cublas_handle=lambda: 11,
        get_current_stream=lambda: current,
        Stream=lambda non_blocking: Stream(log, non_blocking),
        Event=lambda disable_timing: Event(log),
        PinnedMemory=bytearray,
        PinnedMemoryPointer=lambda memory, offset: memoryview(memory)[offset:],
        runtime=SimpleNamespace(
            getDevice=lambda: 0,
            driverGetVersion=lambda: 13000,
            getDeviceCount=lambda: 1,
            CUDARuntimeError=CUDARuntimeError,
            runtimeGetVersion=lambda: 12090,
            memGetInfo=lambda: (free - free // 2, 2 * free),
        ),
    )
    return cupy
