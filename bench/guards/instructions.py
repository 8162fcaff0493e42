"""Do the kernels still take as many instructions a unit of work as recorded?

    python bench/guards/instructions.py [--record]

Builds instructions.cpp and runs each kernel in it once under valgrind's callgrind, which
counts what one thread executes in the kernel itself, BLAS left out: a number that no other load on
the machine changes. Fails when a kernel takes over a tenth more than instructions.json has; another
compiler than the one named there may differ by half. `--record` writes that file anew, for a change
that is meant.

What this does not see: cache misses, threads, and AVX-512, which valgrind does not know.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORD = HERE / "instructions.json"
TOLERANCE, OTHER_COMPILER = 1.1, 1.5


def build(folder: Path) -> tuple[Path, str]:
    """The program, and its compiler's name and major version."""
    options = ["-DMOVIEEMBED_PYTHON=OFF", "-DMOVIEEMBED_DRIVERS=ON", "-DCMAKE_BUILD_TYPE=Release"]
    for command in (
        ["cmake", "-S", str(HERE.parents[1]), "-B", str(folder), *options],
        ["cmake", "--build", str(folder), "--target", "instructions", "--parallel", "2"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    found = {}
    for path in folder.glob("CMakeFiles/*/CMakeCXXCompiler.cmake"):
        for key in ("ID", "VERSION"):
            pattern = rf'set\(CMAKE_CXX_COMPILER_{key} "(\w+)'
            found[key] = re.search(pattern, path.read_text())[1]  # type: ignore[index]
    return folder / "instructions", f"{found['ID']} {found['VERSION']}"


def count(program: Path, kernel: str) -> tuple[str, float]:
    """The instruction set used, and instructions a unit of work."""
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    # The compiler may make a copy of it, counted.constprop.0.
    toggles = ["--toggle-collect=counted*", "--toggle-collect=*uncounted::*"]
    done = subprocess.run(
        [*tool, *toggles, str(program), kernel], capture_output=True, text=True, check=False
    )
    total = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not total:
        sys.exit(f"valgrind failed on {kernel}:\n{done.stdout}{done.stderr}")
    isa, work = done.stdout.split()
    return isa, int(total[1]) / float(work)


def main() -> None:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--record", action="store_true", help="write what is measured to " + RECORD.name)
    args = p.parse_args()
    for tool in ("cmake", "valgrind"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed")
    with tempfile.TemporaryDirectory() as folder:
        program, compiler = build(Path(folder))
        kernels = subprocess.run([program], capture_output=True, text=True, check=True)
        counted = {name: count(program, name) for name in kernels.stdout.splitlines()}
    measured = {name: float(f"{per_unit:.4g}") for name, (_, per_unit) in counted.items()}
    isas = {isa for isa, _ in counted.values()}
    if args.record:
        RECORD.write_text(json.dumps({"compiler": compiler, "kernels": measured}, indent=2) + "\n")
    recorded = json.loads(RECORD.read_text())
    known = compiler == recorded["compiler"]
    print(f"{compiler}, {', '.join(isas)}; recorded with {recorded['compiler']}\n")
    print("| kernel | instructions a unit of work | recorded | ratio |\n|---|---:|---:|---:|")
    slower = []
    for name, now in measured.items():
        before = recorded["kernels"].get(name)
        if before is None:
            sys.exit(f"{name} is not in {RECORD.name}: record it")
        if now > before * (TOLERANCE if known else OTHER_COMPILER):
            slower.append(name)
        print(f"| {name} | {now:.4g} | {before:.4g} | {now / before:.2f} |")
    if isas != {"avx2"}:
        print("\nThe record is of avx2: not compared.")
    elif slower:
        sys.exit("\nTake more instructions than recorded: " + ", ".join(slower))


if __name__ == "__main__":
    main()
