"""Do the tests see a random change of one token?

    pip install cosmic-ray
    python -m bench.guards.mutations [--sample 300] [--seed 0] [--jobs 1] [--only PATH ...]

Draws changes of an operator, a comparison or a constant: in Python those of cosmic-ray, in C++
those of `TOKENS`. Makes each in a copy of the repository, and runs the tests that mirror the file,
then the fast ones of its room and of what stands on it. A change that the compiler refuses is not
counted; one whose tests hang is seen. Prints each change as it goes, and the share seen at the end.

C++ is compiled with the CMake and ninja of the environment, as `.ci/run` has them.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator, operator_names

import movieembed._core as _core

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "python/movieembed"
# What is changed, and the tests that must see it, after those that mirror the file.
PARTS = {
    f"{PACKAGE}/data/column_names.py": "tests/data",
    f"{PACKAGE}/data/other_layouts.py": "tests/data",
    f"{PACKAGE}/data/rating_columns.py": "tests/data",
    f"{PACKAGE}/data/row_filter.py": "tests/data",
    f"{PACKAGE}/data/times.py": "tests/data",
    f"{PACKAGE}/data/canonical_csr.py": "tests/data tests/objective",
    f"{PACKAGE}/data/distributed": "tests/data/distributed tests/operators/dask",
    f"{PACKAGE}/data/frames.py": "tests/data",
    f"{PACKAGE}/data/from_ratings.py": "tests/data",
    f"{PACKAGE}/data/ids.py": "tests/data",
    f"{PACKAGE}/data/items.py": "tests/data tests/cli",
    f"{PACKAGE}/data/likes": "tests/data tests/model/test_embedding_data.py",
    f"{PACKAGE}/data/ratings.py": "tests/data",
    f"{PACKAGE}/operators/weighting.py": "tests/operators tests/model/test_embedding.py",
    f"{PACKAGE}/operators/cpu.py": "tests/operators tests/objective tests/solvers",
    f"{PACKAGE}/operators/dask": "tests/operators/dask tests/evaluation",
    f"{PACKAGE}/objective": "tests/objective tests/kernels",
    f"{PACKAGE}/solvers": "tests/solvers tests/model/test_embedding.py tests/operators",
    f"{PACKAGE}/model": "tests/model tests/evaluation tests/cli",
    f"{PACKAGE}/evaluation": "tests/evaluation tests/cli/test_evaluate.py",
    "csrc": "tests/kernels tests/objective tests/model/test_neighbors.py tests/_base",
}
OPERATORS = re.compile(
    r"core/(ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_Mul|Pow_Mul)"
    r"|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Is_IsNot|IsNot_Is)"
    r"|ReplaceUnaryOperator_USub_UAdd|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr"
    r"|ReplaceOrWithAnd|AddNot|NumberReplacer)"
)
TOKENS = {
    " + ": " - ",
    " - ": " + ",
    " * ": " / ",
    " / ": " * ",
    " += ": " -= ",
    " < ": " <= ",
    " <= ": " < ",
    " > ": " >= ",
    " >= ": " > ",
    " == ": " != ",
    " != ": " == ",
    " && ": " || ",
    " || ": " && ",
    "true": "false",
    "false": "true",
    "0": "1",
    "1": "2",
}
PASSED, NONE_CHOSEN = 0, 5  # what pytest ends with
LONGEST = 1800  # seconds that the tests of one change may take


@dataclass(frozen=True)
class Change:
    """One token of one file: an operator of cosmic-ray by name, or a token of C++."""

    path: str
    line: int
    name: str
    occurrence: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.name}"

    @contextmanager
    def made(self, root: Path) -> Iterator[None]:
        """Have it in the file while the block runs."""
        file = root / self.path
        if file.suffix == ".py":
            with use_mutation(file, get_operator(self.name)(), self.occurrence):
                yield
            return
        text = file.read_text()
        start, token = self.occurrence, self.name
        file.write_text(text[:start] + TOKENS[token] + text[start + len(token) :])
        yield
        file.write_text(text)


def changes_of_python(path: Path) -> Iterator[Change]:
    """Every change of a Python file."""
    tree = get_ast_from_path(path)
    for name in filter(OPERATORS.fullmatch, operator_names()):
        operator = get_operator(name)()
        places = [
            start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)
        ]
        for occurrence, (line, _) in enumerate(places):
            yield Change(str(path.relative_to(ROOT)), line, name, occurrence)


def changes_of_cpp(path: Path) -> Iterator[Change]:
    """Every change of a C++ file outside its comments and preprocessor's lines."""
    text = path.read_text()
    words = "|".join(rf"\b{re.escape(t)}\b" if t.isalnum() else re.escape(t) for t in TOKENS)
    skipped = r"//[^\n]*|^\s*#[^\n]*|\"[^\"\n]*\"|template <[^\n]*"
    for match in re.finditer(rf"(?m){skipped}|(?P<token>{words})", text):
        if match["token"]:
            line = text.count("\n", 0, match.start()) + 1
            yield Change(str(path.relative_to(ROOT)), line, match["token"], match.start())


def all_changes(parts: list[str]) -> list[Change]:
    """Every change of the files of some parts."""
    found: list[Change] = []
    for part in parts:
        for path in sorted(ROOT.glob(f"{part}*")) + sorted(ROOT.glob(f"{part}/**/*")):
            if path.suffix == ".py":
                found += changes_of_python(path)
            elif path.suffix in (".cpp", ".hpp"):
                found += changes_of_cpp(path)
    return found


def copy_of_the_repository(folder: Path) -> Path:
    """Copy what git keeps, and the extension."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    tar = ["tar", "-c", "--null", "-T", "-"]
    packed = subprocess.run(tar, cwd=ROOT, input=listed.stdout, check=True, capture_output=True)
    root = folder / "movieembed"
    root.mkdir()
    subprocess.run(["tar", "-x"], cwd=root, input=packed.stdout, check=True)
    extension = Path(str(_core.__file__))
    (root / PACKAGE / extension.name).write_bytes(extension.read_bytes())
    return root


def compiled(root: Path) -> bool:
    """Compile the extension of a copy; False if the compiler refuses."""
    build = root / "build"
    pybind11 = subprocess.run(
        [sys.executable, "-m", "pybind11", "--cmakedir"], check=True, capture_output=True, text=True
    ).stdout.strip()
    configure = ["cmake", "-S", root, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"]
    configure += [f"-Dpybind11_DIR={pybind11}", f"-DPython_EXECUTABLE={sys.executable}"]
    if not build.exists():
        subprocess.run(configure, check=True, capture_output=True)
    if subprocess.run(["ninja", "-C", build, "_core"], capture_output=True).returncode:
        return False
    for made in build.glob("_core*.so"):
        (root / PACKAGE / made.name).write_bytes(made.read_bytes())
    return True


def tests_of(change: Change, root: Path) -> list[list[str]]:
    """Arguments of pytest for groups of tests, the likeliest to see a change first."""
    part = next(part for part in PARTS if change.path.startswith(part))
    room = [test for test in PARTS[part].split() if (root / test).exists()]
    path = Path(change.path)
    mirrored = sorted((root / "tests").rglob(f"test_{path.stem}*.py"))
    tests = [str(test) for test in mirrored]
    fast, slow = ["-m", "not slow"], ["-m", "slow"]
    slower = [[*slow, *tests]] if tests else [[*slow, room[0]]]
    return [*([[*fast, *tests]] if tests else []), [*fast, *room], *slower]


def outcome(change: Change, root: Path) -> str:
    """Return "seen", "hung", "survived" or "refused" (by the compiler)."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "python"), str(root / "tests")])}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    pytest = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    with change.made(root):
        if change.path.startswith("csrc") and not compiled(root):
            return "refused"
        for tests in tests_of(change, root):
            try:
                run = subprocess.run(
                    [*pytest, *tests], cwd=root, env=env, capture_output=True, timeout=LONGEST
                )
            except subprocess.TimeoutExpired:
                return "hung"
            if run.returncode not in (PASSED, NONE_CHOSEN):
                return "seen"
    return "survived"


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--sample", type=int, default=300, help="how many changes are drawn")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--jobs", type=int, default=1, help="changes tried beside each other")
    p.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    args = p.parse_args()
    everything = all_changes(args.only)
    drawn = random.Random(args.seed).sample(everything, min(args.sample, len(everything)))
    print(f"{len(drawn)} of {len(everything)} changes", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for job in range(args.jobs):
            (Path(folder) / str(job)).mkdir()
            copies.put(copy_of_the_repository(Path(folder) / str(job)))

        def tried(change: Change) -> str:
            root = copies.get()
            found = outcome(change, root)
            copies.put(root)
            print(f"{found:9}{change}", flush=True)
            return found

        with ThreadPoolExecutor(args.jobs) as pool:
            found = list(pool.map(tried, drawn))
    counted = len(found) - found.count("refused")
    seen = found.count("seen") + found.count("hung")
    print(f"{seen} of {counted} seen: {seen / counted:.1%}")


if __name__ == "__main__":
    main()
