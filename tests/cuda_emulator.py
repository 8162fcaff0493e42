"""The CUDA source run on the host: compiled by the system's C++ compiler, a thread a fiber."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from device_arrays import DeviceArray
from movieembed.operators.cuda import kernels
from movieembed.operators.cuda.geometry import Launch
from movieembed.operators.cuda.kernels import Kernels

SHIM = Path(__file__).parent / "cuda" / "shim.hpp"
KINDS = {"f": np.float32, "d": np.float64, "i": np.int32, "x": np.int64, "u": np.uint32}
# Kernels with shuffles or barriers.
COOPERATIVE = ("row_dots", "row_sums", "top_k", "weigh_rows")


def compiler() -> str | None:
    """The C++ compiler, or None."""
    return shutil.which(os.environ.get("CXX") or "g++")


def contraction() -> list[str]:
    """Flags that make one rounding of a product and its sum, as the device does."""
    flags = ["-ffp-contract=fast", "-fexpensive-optimizations"]  # GCC contracts in the latter
    if platform.machine() in ("x86_64", "AMD64") and " fma " in cpu_flags():
        flags.append("-mfma")  # other processors have it always
    return flags


def cpu_flags() -> str:
    """What the processor can do, as Linux writes it; empty elsewhere."""
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8") if path.exists() else ""


def build(folder: Path, source: str | None = None, *flags: str) -> ctypes.CDLL:
    """Compile a source, by default the package's, with all its kernels as functions."""
    code = [f'#include "{SHIM}"', kernels.source() if source is None else source]
    code += [f"KERNEL({name})" for name in kernels.names()]
    path = folder / "kernels.cpp"
    path.write_text("\n".join(code), encoding="utf-8")
    library = folder / "kernels.so"
    found = compiler()
    assert found
    warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"]
    command = [found, "-std=c++20", "-O1", "-shared", "-fPIC", *warnings, *contraction(), *flags]
    done = subprocess.run(
        [*command, str(path), "-o", str(library)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


class Emulator:
    """A :class:`movieembed.operators.cuda.kernels.Launcher`.

    What the device would read as anything, an argument of the wrong type, fails here.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self.launched: set[str] = set()

    def signature(self, name: str) -> list[str]:
        function = getattr(self._library, f"signature_{name}")
        function.restype = ctypes.c_char_p
        return function().decode().split()

    def __call__(self, name: str, launch: Launch, arguments: tuple[Any, ...]) -> None:
        assert all(n > 0 for n in launch.grid + launch.block), "an empty launch"
        assert launch.grid[0] <= 2**31 - 1
        assert launch.grid[1] <= 65535
        assert np.prod(launch.block) <= 1024
        signature = self.signature(name)
        assert len(signature) == len(arguments), name
        held = []
        for place, (kind, x) in enumerate(zip(signature, arguments, strict=True)):
            where = f"{name}, argument {place}: {kind}, not {x!r}"
            if kind[0] != "P":
                assert type(x) is KINDS[kind], where
                held.append(np.array([x]))
                continue
            if isinstance(x, DeviceArray):
                assert x.dtype == KINDS[kind[1]], where
                held.append(np.array([x._host.__array_interface__["data"][0]], dtype=np.uint64))
            else:
                assert x is kernels.NULL, where
                held.append(np.array([0], dtype=np.uint64))
        pointers = (ctypes.c_void_p * len(held))(*(h.ctypes.data for h in held))
        shape = (ctypes.c_uint * 4)(*launch.grid, *launch.block)
        getattr(self._library, f"launch_{name}")(shape, pointers, name.startswith(COOPERATIVE))
        self.launched.add(name)


def emulated(library: ctypes.CDLL, xp: Any) -> tuple[Kernels, Emulator]:
    """The kernels over the emulator."""
    launcher = Emulator(library)
    return Kernels(xp, launcher), launcher
