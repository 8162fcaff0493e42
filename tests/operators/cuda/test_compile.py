"""The CUDA source through NVIDIA's compiler, for every architecture it knows. No GPU is needed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from movieembed.operators.cuda import geometry, kernels
from nvrtc import Nvrtc, cuobjdump, nvrtc_path, taken_apart

# .ci/run sets it, so that these tests cannot go unrun there.
REQUIRED = "MOVIEEMBED_REQUIRE_NVRTC"
# Instructions a like without weights and with them, in float32, and registers,
# by the columns of a thread, as NVRTC 12.9 makes them for sm_90.
RECORDED = {
    1: (6.75, 8.75, 32),
    2: (7.5, 9.0, 32),
    3: (10.25, 11.75, 32),
    4: (12.75, 14.75, 32),
}
TOLERANCE = 1.1


def missing(what: str) -> None:
    why = f"{what} is not installed: pip install 'movieembed[cuda-check]'"
    if os.environ.get(REQUIRED):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="module")
def nvrtc() -> Nvrtc:
    path = nvrtc_path()
    if path is None:
        missing("NVRTC")
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
    # A block of these is as large as they were compiled for.
    bounded = re.findall(r"\.entry (\w+)\([^{]*\.maxntid (\d+)", ptx.decode())
    rows = {f"{kernel}_{entry}" for kernel in ("row_sums", "top_k") for entry in ("u32", "f64")}
    gathers = {name for name in kernels.names() if name.startswith("gather")}
    assert dict(bounded) == dict.fromkeys(rows, str(geometry.ROW_THREADS)) | dict.fromkeys(
        gathers, str(geometry.THREADS)
    )
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
        ("const T w = W ?", "const T* w = W ?"),
        ("if (begin >= n_rows || column >= k) return;", "if (begin >= n_rows) return"),
        (
            "const int64 begin = chunk * height;",
            "int unused = 1; const int64 begin = chunk * height;",
        ),
    ],
)
def test_a_mistake_fails(nvrtc: Nvrtc, there: str, instead: str) -> None:
    assert there in kernels.source()
    compiled, log, _ = nvrtc.compile(kernels.source().replace(there, instead), "compute_75")
    assert not compiled or log


@pytest.mark.parametrize("architecture", [80, 90])
def test_the_gathers_take_few_instructions_and_registers(
    architecture: int, nvrtc: Nvrtc, tmp_path: Path
) -> None:
    """A number that grows is a slower product: nothing else of it is seen without a GPU."""
    program = cuobjdump()
    if program is None:
        missing("cuobjdump")
    compiled, log, binary = nvrtc.compile(kernels.source(), f"sm_{architecture}")
    assert compiled, log
    made = taken_apart(binary, program, tmp_path)
    assert set(made) == set(kernels.names())
    assert all(kernel.spilled == 0 for kernel in made.values())
    for columns, (plain, weighted, registers) in RECORDED.items():
        for kind, most in (("", plain), ("weighted_", weighted)):
            kernel = made[f"gather_{kind}f32_{columns}"]
            instructions, loads = max(kernel.loops)
            # An index and a number a column, and perhaps a weight, are loaded for each like.
            likes = loads / (1 + columns + (kind != ""))
            assert likes == 4
            assert instructions / likes <= most * TOLERANCE, (kind, columns)
            assert kernel.registers <= registers, (kind, columns)
    # So many that five blocks of 256 threads fit a multiprocessor.
    doubles = [made[name].registers for name in made if name.startswith("gather") and "f64" in name]
    assert max(doubles) <= 48
