"""The CUDA source through NVIDIA's compiler, for every architecture it knows. No GPU is needed."""

from __future__ import annotations

import ctypes
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from movieembed.operators.cuda import geometry, kernels
from movieembed.operators.cuda.device import OPTIONS

# What CuPy 14 adds to them.
CUPY_OPTIONS = ("-ftz=true", "--device-as-default-execution-space")
# .ci/run sets it, so that these tests cannot go unrun there.
REQUIRED = "MOVIEEMBED_REQUIRE_NVRTC"
PACKAGE = "nvidia.cuda_nvrtc"


def nvrtc_path() -> Path | None:
    """The library of the wheel nvidia-cuda-nvrtc-cu12, or None."""
    if find_spec("nvidia") is None or (spec := find_spec(PACKAGE)) is None:
        return None
    for folder in spec.submodule_search_locations or ():
        for pattern in ("lib/libnvrtc.so.*", "bin/nvrtc64_*_0.dll"):
            for path in sorted(Path(folder).glob(pattern)):
                return path
    return None


class Nvrtc:
    """As much of NVRTC as compiles a source."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, name)(*arguments)
        assert status == 0, f"{name}: {status}"

    def architectures(self) -> list[int]:
        n = ctypes.c_int()
        self._call("nvrtcGetNumSupportedArchs", ctypes.byref(n))
        numbers = (ctypes.c_int * n.value)()
        self._call("nvrtcGetSupportedArchs", numbers)
        return list(numbers)

    def compile(self, source: str, target: str) -> tuple[bool, str, bytes]:
        """Whether it compiled, what was said, and the PTX or binary."""
        program = ctypes.c_void_p()
        self._call(
            "nvrtcCreateProgram",
            ctypes.byref(program),
            source.encode(),
            b"kernels.cu",
            0,
            None,
            None,
        )
        options = [
            option.encode() for option in (*OPTIONS, *CUPY_OPTIONS, f"--gpu-architecture={target}")
        ]
        status = self._library.nvrtcCompileProgram(
            program, len(options), (ctypes.c_char_p * len(options))(*options)
        )
        log = self._text(program, "nvrtcGetProgramLog").rstrip(b"\0").decode()
        kind = "nvrtcGetCUBIN" if target.startswith("sm_") else "nvrtcGetPTX"
        made = self._text(program, kind) if status == 0 else b""
        self._call("nvrtcDestroyProgram", ctypes.byref(program))
        return status == 0, log.strip(), made

    def _text(self, program: ctypes.c_void_p, name: str) -> bytes:
        size = ctypes.c_size_t()
        self._call(f"{name}Size", program, ctypes.byref(size))
        text = ctypes.create_string_buffer(size.value)
        self._call(name, program, text)
        return text.raw


@pytest.fixture(scope="module")
def nvrtc() -> Nvrtc:
    path = nvrtc_path()
    if path is None:
        why = "NVRTC is not installed: pip install 'movieembed[cuda-check]'"
        if os.environ.get(REQUIRED):
            pytest.fail(why)
        pytest.skip(why)
    return Nvrtc(path)


def test_compiles_for_every_architecture_without_a_word(nvrtc: Nvrtc) -> None:
    """A warning fails as well."""
    architectures = nvrtc.architectures()
    assert {75, 80, 86, 89, 90} <= set(architectures)
    # NVRTC deprecates its oldest by a warning.
    for number in (n for n in architectures if n >= 75):
        compiled, log, binary = nvrtc.compile(kernels.source(), f"sm_{number}")
        assert (compiled, log) == (True, ""), f"sm_{number}: {log}"
        assert binary.startswith(b"\x7fELF")


def test_every_kernel_is_in_the_list(nvrtc: Nvrtc) -> None:
    compiled, log, ptx = nvrtc.compile(kernels.source(), "compute_75")
    assert (compiled, log) == (True, "")
    entries = re.findall(r"\.entry (\w+)\(", ptx.decode())
    assert sorted(entries) == sorted(kernels.names())
    # A block of the kernels that take a row of X is as large as they were compiled for.
    bounded = re.findall(r"\.entry (\w+)\([^{]*\.maxntid (\d+)", ptx.decode())
    assert dict(bounded) == {
        f"{kernel}_{entry}": str(geometry.ROW_THREADS)
        for kernel in ("row_sums", "top_k")
        for entry in ("u32", "f64")
    }
    # The order of sums is fixed: no atomic addition but of counts.
    assert set(re.findall(r"\b(?:atom|red)\.[\w.]+", ptx.decode())) <= {
        "atom.global.add.u32",
        "red.global.add.u32",
        "atom.shared.add.u32",
    }


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("sum += (double)a[r", "summ += (double)a[r"),
        ("const T w = values ?", "const T* w = values ?"),
        ("if (task >= n_tasks) return;", "if (task >= n_tasks) return"),
        ("if (task >= n_tasks) return;", "int unused = 1; if (task >= n_tasks) return;"),
    ],
)
def test_a_mistake_fails(nvrtc: Nvrtc, there: str, instead: str) -> None:
    assert there in kernels.source()
    compiled, log, _ = nvrtc.compile(kernels.source().replace(there, instead), "compute_75")
    assert not compiled or log
