"""Imports run one way: between rooms from right to left, and never round in a circle of files.

Type-only and deferred imports count. `python tests/system/test_layers.py` prints the rooms and what
each imports from.
"""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "movieembed"
# Whoever needs them imports them; the package itself gathers all rooms, lazily.
OUTSIDE = {"_core", "_version", "exceptions"}


def modules(package: Path) -> dict[str, Path]:
    """Names of the modules of a package, the package's own among them, and their files."""
    found = {}
    # A stub stands for a compiled module; that of a package says again what the package holds.
    stubs = [path for path in package.rglob("*.pyi") if path.stem != "__init__"]
    for path in sorted([*stubs, *package.rglob("*.py")]):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """Full names of all that a module imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parts, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def arrows(package: Path) -> dict[str, set[str]]:
    """For each module the modules of the same package that it imports."""
    files = modules(package)
    graph: dict[str, set[str]] = {}
    for name, path in files.items():
        graph[name] = set()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for target in imported(tree, name, path.name == "__init__.py"):
            if target == package.name or target.startswith(package.name + "."):
                while target not in files and target.rpartition(".")[0] in files:
                    target = target.rpartition(".")[0]  # a name in a module
                graph[name].add(target)
        graph[name].discard(name)
    return graph


def room(module: str) -> str:
    """The folder of a module, or the module itself where it lies in the package's own."""
    return module.split(".")[1] if "." in module else ""


def rooms_in_order() -> list[str]:
    """From the leftmost, as the import-linter's contract states them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    return [name for name in reversed(contract["layers"]) if "|" not in name]


def between_rooms(graph: Mapping[str, set[str]]) -> Counter[tuple[str, str]]:
    """How many imports each room has from each other; what all may import is left out."""
    pairs = (
        (room(name), room(target))
        for name, targets in graph.items()
        for target in targets
        if name != "movieembed" and room(name) not in OUTSIDE and room(target) not in OUTSIDE
    )
    return Counter(pair for pair in pairs if pair[0] != pair[1])


def back(counted: Mapping[tuple[str, str], int], order: list[str]) -> list[tuple[str, str]]:
    """Rooms that import from one further right, or from the package as a whole."""
    return [(a, b) for a, b in counted if b not in order or order.index(b) > order.index(a)]


def test_every_room_has_its_place() -> None:
    rooms = {room(name) for name in modules(PACKAGE)} - OUTSIDE - {""}
    assert rooms == set(rooms_in_order())


def test_imports_come_from_the_left() -> None:
    assert back(between_rooms(arrows(PACKAGE)), rooms_in_order()) == []


def test_no_circle_of_files() -> None:
    TopologicalSorter(arrows(PACKAGE)).prepare()


def test_the_extension_is_imported_as_itself() -> None:
    """`from movieembed import _core` would draw an arrow to the package and so to all rooms."""
    takers = [name for name, targets in arrows(PACKAGE).items() if "movieembed" in targets]
    assert takers == []


def package_of(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "example"
    folder.mkdir()
    for name, text in {"__init__": "", **files}.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "text",
    [
        "from example.a import f",
        "import example.a",
        "from . import a",
        "from .a import f",
        "def g():\n    from example.a import f",
        "if TYPE_CHECKING:\n    from example import a",
    ],
)
def test_a_circle_is_found(text: str, tmp_path: Path) -> None:
    package = package_of(tmp_path, a="from example import b\nimport numpy", b=text)
    assert arrows(package)["example.a"] == {"example.b"}
    with pytest.raises(CycleError):
        TopologicalSorter(arrows(package)).prepare()


def test_an_arrow_back_is_found() -> None:
    counted = between_rooms({"movieembed.data.likes": {"movieembed.model.file", "movieembed"}})
    assert sorted(back(counted, rooms_in_order())) == [("data", ""), ("data", "model")]


if __name__ == "__main__":
    counted, order = between_rooms(arrows(PACKAGE)), rooms_in_order()
    for name in order:
        row = [f"{b} ({n})" for (a, b), n in sorted(counted.items()) if a == name]
        print(f"{name:12} {', '.join(row)}")
    print(f"{len(order)} rooms, {len(counted)} arrows, {len(back(counted, order))} back")
