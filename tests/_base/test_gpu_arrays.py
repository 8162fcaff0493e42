"""What is on a GPU, told by its type."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from device_arrays import DeviceModule, csr_matrix, ndarray
from helpers import random_likes
from movieembed._base.gpu_arrays import is_on_gpu, of_cupy, on_gpu_of, on_host


class Foreign:
    """An array of another library, whose `get` is not CuPy's."""

    __cuda_array_interface__ = {"version": 3}  # noqa: RUF012

    def get(self, key: str) -> Any:
        raise KeyError(key)


class OnHost:
    """What has a `get`, as a dict does, and is not on a GPU."""

    def get(self) -> None:
        raise AssertionError


class Subclass(ndarray):
    """Of an array of CuPy."""

    __module__ = "of_somebody"


def test_arrays_of_cupy_are_told_by_type() -> None:
    L = random_likes(5, 4, 0.5, seed=1)
    for x in (csr_matrix(L), ndarray(L.toarray()), Subclass(L.toarray())):
        assert is_on_gpu(x)
        assert of_cupy(x) is x
        there = on_host(x)
        np.testing.assert_array_equal(getattr(there, "toarray", lambda: there)(), L.toarray())  # noqa: B023
    for x in (L, L.toarray(), OnHost(), {}, None):
        assert not is_on_gpu(x)
        assert on_host(x) is x
        with on_gpu_of(x) as nothing:
            assert nothing is None


def test_other_arrays_go_through_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ndarray(np.arange(3.0))
    cupy = ModuleType("cupy")
    cupy.asarray = lambda x: expected if isinstance(x, Foreign) else DeviceModule.asarray(x)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert is_on_gpu(Foreign())
    np.testing.assert_array_equal(on_host(Foreign()), np.arange(3.0))
    assert of_cupy(Foreign()) is expected
