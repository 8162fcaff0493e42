"""NVIDIA's compiler for kernels at run time, without a GPU, and what it made of them."""

from __future__ import annotations

import ctypes
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from movieembed.operators.cuda.device import OPTIONS

# What CuPy 14 adds to them.
CUPY_OPTIONS = ("-ftz=true", "--device-as-default-execution-space")
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


class Made(NamedTuple):
    """What a kernel takes on a device.

    Attributes
    ----------
    registers : int
        Of a thread.
    spilled : int
        Bytes of a thread's stack.
    loops : list of (int, int)
        Instructions and loads from memory of each loop without another in it.
    """

    registers: int
    spilled: int
    loops: list[tuple[int, int]]


def cuobjdump() -> Path | None:
    """The program of the wheel nvidia-cuda-cuobjdump, or None."""
    spec = find_spec("nvidia")
    for folder in spec.submodule_search_locations or () if spec else ():
        for path in sorted(Path(folder).glob("cu*/bin/cuobjdump*")):
            return path
    return None


def taken_apart(binary: bytes, program: Path, folder: Path) -> dict[str, Made]:
    """The kernels of a binary by name."""
    path = folder / "kernels.cubin"
    path.write_bytes(binary)
    usage, listing = (
        subprocess.run([program, what, path], capture_output=True, text=True, check=True).stdout
        for what in ("--dump-resource-usage", "--dump-sass")
    )
    sizes = {
        name: (int(registers), int(stack))
        for name, registers, stack in re.findall(r"Function (\w+):\s+REG:(\d+) STACK:(\d+)", usage)
    }
    parts = [part.partition("\n") for part in listing.split("Function : ")[1:]]
    return {name.strip(): Made(*sizes[name.strip()], _loops(text)) for name, _, text in parts}


def _loops(listing: str) -> list[tuple[int, int]]:
    lines = re.findall(r"/\*([0-9a-f]{4,5})\*/\s+(.*?);", listing)
    at = {int(address, 16): text for address, text in lines}
    found = []
    for end, text in at.items():
        jump = re.search(r"\bBRA\b.*?0x([0-9a-f]+)", text)
        if jump and int(jump[1], 16) < end:
            body = [at[address] for address in at if int(jump[1], 16) <= address <= end]
            found.append((len(body), sum("LDG" in text for text in body)))
    return found
