"""CuPy: found or missed with a clear error, its kernels, streams and pinned memory.

The one file of the backend that needs a GPU to run. What it does is little: the rest is written
over an array module and tested with NumPy in CuPy's place.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from movieembed._base.gpu_arrays import first_line, import_cupy
from movieembed._base.message import Message, Parameter
from movieembed.operators.cuda.geometry import BUFFERS, Launch
from movieembed.operators.cuda.kernels import Kernels, source

OPTIONS = ("--std=c++17",)
# cuBLAS's CUBLAS_PEDANTIC_MATH, and CuPy's COMPUTE_TYPE_PEDANTIC, which has no public name.
PEDANTIC_MATH = 2
PEDANTIC_TYPE = 2
# What is left to do without a GPU.
CPU = Parameter("backend", "cpu")


class CudaDevice:
    """Where an operator's arrays are: CuPy's current device.

    Attributes
    ----------
    xp : module
        CuPy.
    kernels : Kernels
    """

    def __init__(self, cupy: Any) -> None:
        self.xp = cupy
        self._module = module = cupy.RawModule(code=source(), options=OPTIONS)
        functions: dict[str, Any] = {}

        def launch(name: str, shape: Launch, arguments: tuple[Any, ...]) -> None:
            if name not in functions:
                functions[name] = module.get_function(name)
            functions[name](shape.grid, shape.block, arguments)

        self.kernels = Kernels(cupy, launch)

    def try_out(self) -> None:
        """Load and compile what a fit needs, so that what is missing is told before it begins."""
        self._module.compile()
        ones = self.xp.zeros((2, 2), dtype=np.float32) + 1
        self.matmul(ones, ones).sum()
        self.eigh(ones.astype(np.float64))

    def free_bytes(self) -> int:
        """Bytes that can still be allocated, those that CuPy holds in reserve among them."""
        free = int(self.xp.cuda.runtime.memGetInfo()[0])
        pool: Any = getattr(self.xp.cuda.get_allocator(), "__self__", None)
        if not hasattr(pool, "get_limit"):  # not CuPy's own: what it holds in reserve is unknown
            return free
        free += int(pool.free_bytes())
        limit = int(pool.get_limit())  # CUPY_GPU_MEMORY_LIMIT
        return min(free, limit - int(pool.used_bytes())) if limit else free

    def upload(self, host: Any) -> Any:
        """A copy of a host array on the device, in C order.

        CuPy's `asarray` goes through pinned memory, which it rounds up to a power of two and keeps.
        """
        there = self.xp.empty(host.shape, dtype=host.dtype)
        if host.size:
            there.set(np.ascontiguousarray(host))
        return there

    def empty_pinned(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """A host array of no particular values, in memory that the device writes at full speed."""
        return empty_pinned(self.xp.cuda, shape, dtype)

    def matmul(self, A: Any, B: Any) -> Any:
        """A @ B, of matrices or stacks of them, in the precision of their dtype.

        CuPy takes the compute type of a product from CUPY_TF32, and that of a stack of them from
        cuBLAS's mode, which others may have set: either can round float32 factors to 10 bits.
        """
        core, cublas = self.xp._core, self.xp.cuda.cublas
        handle = self.xp.cuda.get_cublas_handle()
        mode, kind = cublas.getMathMode(handle), core.get_compute_type(A.dtype)
        cublas.setMathMode(handle, PEDANTIC_MATH)
        core.set_compute_type(A.dtype, PEDANTIC_TYPE)
        try:
            return self.xp.matmul(A, B)
        finally:
            cublas.setMathMode(handle, mode)
            core.set_compute_type(A.dtype, kind)

    def eigh(self, H: Any) -> tuple[Any, Any]:
        """Eigenvalues, rising, and eigenvectors of a symmetric float64 matrix."""
        values, vectors = self.xp.linalg.eigh(H)
        return values, vectors

    def stager(self) -> CudaStager:
        """Copies beside the computations."""
        return CudaStager(self.xp)


class CudaStager:
    """Copies to the device on a stream of their own; see :class:`likes.Stager`."""

    def __init__(self, cupy: Any) -> None:
        self._cuda = cupy.cuda
        self._compute = cupy.cuda.get_current_stream
        self._copies = cupy.cuda.Stream(non_blocking=True)
        self._copied = [cupy.cuda.Event(disable_timing=True) for _ in range(BUFFERS)]
        self._used = [cupy.cuda.Event(disable_timing=True) for _ in range(BUFFERS)]

    def pin(self, array: Any) -> Any:
        pinned = empty_pinned(self._cuda, array.shape, array.dtype)
        pinned[...] = array
        return pinned

    def upload(self, place: int, pairs: list[tuple[Any, Any]]) -> None:
        self._copies.wait_event(self._used[place])
        for there, here in pairs:
            there.set(here, stream=self._copies)
        self._copied[place].record(self._copies)

    def wait(self, place: int) -> None:
        self._compute().wait_event(self._copied[place])

    def release(self, place: int) -> None:
        self._used[place].record(self._compute())

    def finish(self) -> None:
        self._copies.synchronize()


def empty_pinned(cuda: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """A host array in memory that the device reads and writes without the processor."""
    # CuPy's pool would round the size up to a power of two, and keep the memory for ever.
    memory = cuda.PinnedMemory(max(1, math.prod(shape) * np.dtype(dtype).itemsize))
    return np.ndarray(shape, dtype=dtype, buffer=cuda.PinnedMemoryPointer(memory, 0))


def cuda_device() -> CudaDevice:
    """CuPy's current device, made once.

    Raises
    ------
    ImportError
        When CuPy is not installed, is installed twice, or does not load.
    RuntimeError
        When there is no GPU, its driver is missing or too old, or a library that CuPy loads is.
    """
    cupy = import_cupy(Parameter("backend", "cuda"))
    check_driver(cupy.cuda.runtime)
    return usable_device(cupy, cupy.cuda.runtime.getDevice())


@cache
def usable_device(cupy: Any, number: int) -> CudaDevice:
    """The device of that number, the current one, or a RuntimeError that says what is missing."""
    device = CudaDevice(cupy)
    try:
        device.try_out()
    except Exception as error:
        what = "{backend=} finds a GPU but cannot use it: {why}; pip install '{extra}' brings the "
        what += "libraries and headers that CuPy loads, or use {instead}"
        extra = f"movieembed[cuda{cupy.cuda.runtime.runtimeGetVersion() // 1000}]"
        raise RuntimeError(
            Message(what, backend="cuda", why=first_line(error), extra=extra, instead=CPU)
        ) from error
    return device


def check_driver(runtime: Any) -> None:
    """Raise RuntimeError unless the driver is there, fits CuPy and finds a GPU."""
    driver, needed = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    try:
        if runtime.getDeviceCount():
            return
        why = "there is none"
    except runtime.CUDARuntimeError as error:
        why = f"CuPy finds none ({first_line(error)})"
    if not driver:
        why = "there is no driver"
    elif driver // 1000 < needed // 1000:
        why = f"the driver is of CUDA {version(driver)} and CuPy of {version(needed)}: update it"
    what = "{backend=} needs an NVIDIA GPU and its driver, and {why}; or use {instead}"
    raise RuntimeError(Message(what, backend="cuda", why=why, instead=CPU))


def version(number: int) -> str:
    """CUDA's, as people write it."""
    return f"{number // 1000}.{number % 1000 // 10}"
