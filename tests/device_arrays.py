"""Arrays that stand for a GPU's where there is none.

They are NumPy's, behind the manners of CuPy's: no implicit way to NumPy, no arithmetic with host
arrays, so that what would fail on a device fails here.
"""

from __future__ import annotations

import operator
from typing import Any, ClassVar

import numpy as np


class DeviceArray:
    """A NumPy array that only `asnumpy` gives out."""

    def __init__(self, host: Any) -> None:
        self._host = np.asarray(host)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("implicit conversion of a device array to a NumPy array")

    def __array_function__(self, func: Any, *_: Any) -> Any:
        raise TypeError(f"numpy.{func.__name__} of a device array")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """A NumPy scalar on the left: NumPy hands the operation over, as it does to CuPy."""
        if method != "__call__" or kwargs:
            raise TypeError(f"{ufunc.__name__}.{method} of a device array")
        return DeviceArray(ufunc(*(_operand(x) for x in inputs)))

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    strides = property(lambda self: self._host.strides)
    itemsize = property(lambda self: self._host.itemsize)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    flags = property(lambda self: self._host.flags)
    T = property(lambda self: DeviceArray(self._host.T))

    def __len__(self) -> int:
        return len(self._host)

    def __float__(self) -> float:
        return float(self._host)

    def __bool__(self) -> bool:
        return bool(self._host)

    def __getitem__(self, key: Any) -> DeviceArray:
        return DeviceArray(self._host[_key(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._host[_key(key)] = _operand(value)

    def __iter__(self) -> Any:
        raise TypeError("a device array is read one by one")

    def astype(self, dtype: Any, copy: bool = True) -> DeviceArray:
        return DeviceArray(self._host.astype(dtype, copy=copy))

    def copy(self) -> DeviceArray:
        return DeviceArray(self._host.copy())

    def reshape(self, *shape: int) -> DeviceArray:
        return DeviceArray(self._host.reshape(*shape))

    def transpose(self, *axes: int) -> DeviceArray:
        return DeviceArray(self._host.transpose(*axes))

    def set(self, host: Any, stream: Any = None) -> None:
        assert isinstance(host, np.ndarray)
        assert host.shape == self.shape
        assert host.dtype == self.dtype
        self._host[...] = host

    def get(self, out: Any = None) -> Any:
        if out is None:
            return self._host.copy()
        assert out.flags.c_contiguous
        assert (out.shape, out.dtype) == (self.shape, self.dtype)
        out[...] = self._host
        return out

    def sum(self, axis: int | None = None, dtype: Any = None) -> DeviceArray:
        return DeviceArray(self._host.sum(axis=axis, dtype=dtype))

    def clip(self, low: Any = None, high: Any = None) -> DeviceArray:
        bounds = [x if x is None else _operand(x) for x in (low, high)]
        return DeviceArray(self._host.clip(*bounds))

    def max(self) -> DeviceArray:
        return DeviceArray(self._host.max())

    def __matmul__(self, other: Any) -> DeviceArray:
        """Of vectors alone: a matrix goes through `HostDevice.matmul`, which states a precision."""
        if self.ndim != 1 or other.ndim != 1:
            raise TypeError("a product of matrices, in whatever precision others asked for")
        return DeviceArray(self._host @ _operand(other))

    def __neg__(self) -> DeviceArray:
        return DeviceArray(-self._host)

    def __abs__(self) -> DeviceArray:
        return DeviceArray(abs(self._host))


def _operand(x: Any) -> Any:
    if isinstance(x, DeviceArray):
        return x._host
    if isinstance(x, bool | int | float | np.generic):
        return x
    raise TypeError(f"unsupported type {type(x)} beside a device array")


def _key(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(_key(k) for k in key)
    if isinstance(key, slice | int) or key is None or key is Ellipsis:
        return key
    return _operand(key)


def _binary(name: str) -> None:
    function = getattr(operator, name)
    setattr(
        DeviceArray,
        f"__{name}__",
        lambda self, other: DeviceArray(function(self._host, _operand(other))),
    )
    setattr(
        DeviceArray,
        f"__r{name}__",
        lambda self, other: DeviceArray(function(_operand(other), self._host)),
    )

    def in_place(self: DeviceArray, other: Any) -> DeviceArray:
        self._host[...] = function(self._host, _operand(other))
        return self

    setattr(DeviceArray, f"__i{name}__", in_place)


for _name in ("add", "sub", "mul", "truediv", "pow"):
    _binary(_name)


def _comparison(name: str) -> None:
    function = getattr(operator, name)
    setattr(
        DeviceArray,
        f"__{name}__",
        lambda self, other: DeviceArray(function(self._host, _operand(other))),
    )


for _name in ("lt", "le", "gt", "ge", "ne"):
    _comparison(_name)


class Gpu:
    """CuPy's `Device`: a context in which it is the current one."""

    current = 0

    def __init__(self, number: int) -> None:
        self.number = number

    def __enter__(self) -> None:
        self.before, Gpu.current = Gpu.current, self.number

    def __exit__(self, *_: Any) -> None:
        Gpu.current = self.before


class ndarray(DeviceArray):  # noqa: N801
    """CuPy's, as far as one passes it to the package."""

    __module__ = "cupy"
    __cuda_array_interface__: ClassVar[Any] = {"version": 3}
    device = Gpu(0)


class csr_matrix:  # noqa: N801
    """CuPy's, as far as the package may know it."""

    __module__ = "cupyx.scipy.sparse._csr"

    def __init__(self, matrix: Any, device: int = 0) -> None:
        self.shape, self._matrix = matrix.shape, matrix
        self.data = ndarray(getattr(matrix, "data", np.zeros(0)))
        self.data.device = Gpu(device)

    @property
    def device(self) -> Any:
        """What CuPy's own does: only `data` says where a matrix is, and the package must ask it."""
        raise NotImplementedError

    def get(self) -> Any:
        return self._matrix


class DeviceModule:
    """What the operator uses of CuPy."""

    @staticmethod
    def asarray(x: Any, dtype: Any = None) -> DeviceArray:
        """A copy of a host array, like every way to a device; a device array as it is."""
        if isinstance(x, DeviceArray):
            return x if dtype is None or x.dtype == dtype else x.astype(dtype)
        return DeviceArray(np.array(x, dtype=dtype, order="C"))

    @staticmethod
    def ascontiguousarray(x: Any, dtype: Any = None) -> DeviceArray:
        return DeviceArray(np.ascontiguousarray(_operand(x), dtype=dtype))

    @staticmethod
    def asnumpy(x: DeviceArray) -> Any:
        return x._host.copy()

    @staticmethod
    def empty(shape: Any, dtype: Any) -> DeviceArray:
        """Filled with what no result may depend on."""
        host = np.empty(shape, dtype=dtype)
        host[...] = np.nan if host.dtype.kind == "f" else 77
        return DeviceArray(host)

    @staticmethod
    def zeros(shape: Any, dtype: Any) -> DeviceArray:
        return DeviceArray(np.zeros(shape, dtype=dtype))

    @staticmethod
    def ones(shape: Any, dtype: Any) -> DeviceArray:
        return DeviceArray(np.ones(shape, dtype=dtype))

    @staticmethod
    def arange(n: int, dtype: Any = None) -> DeviceArray:
        return DeviceArray(np.arange(n, dtype=dtype))

    @staticmethod
    def argsort(x: DeviceArray, kind: str) -> DeviceArray:
        assert kind == "stable", "CuPy knows no other"
        return DeviceArray(np.argsort(x._host, kind="stable"))

    @staticmethod
    def searchsorted(x: DeviceArray, v: DeviceArray, side: str = "left") -> DeviceArray:
        return DeviceArray(np.searchsorted(x._host, v._host, side=side))

    @staticmethod
    def multiply(a: Any, b: Any, out: Any) -> DeviceArray:
        np.multiply(_operand(a), _operand(b), out=_operand(out))
        return out

    @staticmethod
    def matmul(a: Any, b: Any) -> DeviceArray:
        return DeviceArray(_operand(a) @ _operand(b))

    @staticmethod
    def concatenate(arrays: Any, axis: int) -> DeviceArray:
        return DeviceArray(np.concatenate([_operand(x) for x in arrays], axis=axis))


class HostStager:
    """The order of uploads, waits and releases, checked; a place is unreadable in between."""

    def __init__(self) -> None:
        self.state: dict[int, str] = {}
        self.uploads = 0
        self._places: dict[int, list[Any]] = {}

    def pin(self, array: Any) -> Any:
        return np.array(array)

    def upload(self, place: int, pairs: list[tuple[Any, Any]]) -> None:
        assert self.state.get(place) == "free", "the place is in use"
        for there, here in pairs:
            there.set(here)
        self._places[place] = [there for there, _ in pairs]
        self.state[place] = "copied"
        self.uploads += 1

    def wait(self, place: int) -> None:
        assert self.state[place] == "copied"
        self.state[place] = "ready"

    def release(self, place: int) -> None:
        self.state[place] = "free"
        for array in self._places.get(place, []):
            array._host[...] = np.nan if array.dtype.kind == "f" else 1 << 30

    def finish(self) -> None:
        assert set(self.state.values()) <= {"free"}


def eigh(H: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
    """CuPy's, of a symmetric matrix."""
    values, vectors = np.linalg.eigh(H._host)
    return DeviceArray(values), DeviceArray(vectors)


class HostDevice:
    """A device of `DeviceArray`s with the given kernels."""

    xp = DeviceModule()

    def __init__(self, kernels: Any, free: int = 1 << 30) -> None:
        self.kernels = kernels
        self.free = free
        self.stagers: list[HostStager] = []

    def free_bytes(self) -> int:
        return self.free

    def matmul(self, A: DeviceArray, B: DeviceArray) -> DeviceArray:
        assert A.dtype == B.dtype
        return self.xp.matmul(A, B)

    def eigh(self, H: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
        return eigh(H)

    def upload(self, host: Any) -> DeviceArray:
        there = self.xp.empty(host.shape, dtype=host.dtype)
        there.set(np.ascontiguousarray(host))
        return there

    def empty_pinned(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return np.full(shape, np.nan, dtype=dtype)

    def stager(self) -> HostStager:
        self.stagers.append(HostStager())
        return self.stagers[-1]
