"""Files and functions are short enough to read, and the list of slow tests is up to date."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import REPOSITORY

MOST_LINES, MOST_OF_A_FUNCTION = 400, 60
PLACES = {
    "python": (".py", ".pyi", ".cu"),
    "csrc": (".cpp", ".hpp"),
    "tests": (".py", ".cpp", ".hpp"),
    "bench": (".py", ".cpp"),
    "examples": (".py",),
}
# What may be longer, and why.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}


def sources() -> list[Path]:
    """The files that people write; a name that starts with _core and is no stub is compiled."""
    found = []
    for place, endings in PLACES.items():
        found += [p for p in (REPOSITORY / place).rglob("*") if p.suffix in endings]
    return sorted(p.relative_to(REPOSITORY) for p in found)


def lines_of_code(text: str) -> set[int]:
    """The lines that hold something else than comments, blanks and docstrings."""
    nothing = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in nothing:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def functions(text: str, longer_than: int = 0) -> Iterator[tuple[str, int]]:
    """Name and lines of code of each function, signature included and decorators not.

    Functions of no more lines than `longer_than`, of whatever kind, are left out.
    """
    spans = [
        (node.name, range(node.lineno, (node.end_lineno or node.lineno) + 1))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    spans = [(name, span) for name, span in spans if len(span) > longer_than]
    code = lines_of_code(text) if spans else set()
    for name, span in spans:
        yield name, len(code.intersection(span))


def test_no_file_is_too_long() -> None:
    lengths = {str(p): len((REPOSITORY / p).read_text("utf-8").splitlines()) for p in sources()}
    long = {p: n for p, n in lengths.items() if n > MOST_LINES}
    assert {p: n for p, n in long.items() if p not in LONG_FILES} == {}
    assert set(LONG_FILES) <= set(long), "an exception that is not needed any more"


def test_no_function_is_too_long() -> None:
    long = {}
    for path in sources():
        if path.suffix == ".py":
            for name, n in functions((REPOSITORY / path).read_text("utf-8"), MOST_OF_A_FUNCTION):
                if n > MOST_OF_A_FUNCTION:
                    long[f"{path}:{name}"] = n
    assert {f: n for f, n in long.items() if f not in LONG_FUNCTIONS} == {}
    assert set(LONG_FUNCTIONS) <= set(long), "an exception that is not needed any more"


@pytest.mark.parametrize(
    ("body", "n"),
    [
        ("    return 1", 2),
        ('    """Says\n    much."""\n\n    # Why.\n    return (\n        1\n    )', 4),
        ("    x = '''a\n    b'''\n    return x", 4),
    ],
)
def test_what_counts_as_code(body: str, n: int) -> None:
    assert list(functions(f"@decorated\ndef f() -> int:\n{body}\n")) == [("f", n)]


def test_the_slow_tests_are_still_there() -> None:
    text = (REPOSITORY / "tests" / "slow_tests.txt").read_text("utf-8")
    listed = [line for line in text.splitlines() if not line.startswith("#")]
    tests = "".join(p.read_text("utf-8") for p in (REPOSITORY / "tests").rglob("test_*.py"))
    assert [name for name in listed if f"def {name}(" not in tests] == []
    assert listed == sorted(set(listed))
