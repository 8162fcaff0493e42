"""Output: tables and JSON on stdout, messages on stderr, and the checks of --out.

Into a pipe goes plain text, never wrapped or cut; rich draws only where stdout is a terminal.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from movieembed.exceptions import LONGEST_MESSAGE, shortened

if TYPE_CHECKING:
    import pandas as pd

    from movieembed.model.embedding import Embedding

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def complain(kind: str, text: str = "") -> None:
    """Print one line on stderr."""
    text = shortened(text, LONGEST_MESSAGE)
    print(f"movieembed: {kind}{': ' if text else ''}{text}", file=sys.stderr, flush=True)


def one_line(text: str) -> str:
    """Return text with all blank space, line ends included, as single blanks."""
    return _CONTROL.sub("", " ".join(text.split()))


def print_json(document: Any) -> None:
    """Print one JSON document: null for what is not finite, ASCII where stdout can hold no more."""
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    text = json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False)
    if encoding != "utf8" or not encodable(text):  # a lone surrogate, of a file's name for one
        text = json.dumps(plain(document), indent=2, allow_nan=False)
    print(text)


def encodable(text: str) -> bool:
    """Whether text has a form in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def plain(value: Any) -> Any:
    """Return values that JSON has: Python's own numbers, None for NaN and infinity."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def print_lines(lines: Sequence[str]) -> None:
    """Print lines of text, with what the terminal's encoding lacks replaced."""
    for line in lines:
        print(_shown(line))


def _shown(text: str) -> str:
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def print_answer(as_json: bool, document: Any, lines: Sequence[str]) -> None:
    """Print an answer, as one JSON document or as lines of text."""
    if as_json:
        print_json(document)
    else:
        print_lines(lines)
    sys.stdout.flush()


def print_columns(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns, two blanks between; the last, which may be long, is not padded."""
    table = [[_shown(_CONTROL.sub(" ", cell)) for cell in row] for row in (heading, *rows)]
    if sys.stdout.isatty():
        _print_rich(table)
        return
    widths = [max(len(row[k]) for row in table) for k in range(len(heading) - 1)]
    print_lines(["  ".join([*map(str.ljust, row[:-1], widths), row[-1]]).rstrip() for row in table])


def print_markdown(text: str) -> None:
    """Print text with Markdown's emphasis: drawn in a terminal, left out elsewhere."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(_shown(text)))
    else:
        print_lines(text.replace("**", "").splitlines())


def _print_rich(table: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for k, name in enumerate(table[0]):
        last = k == len(table[0]) - 1
        drawn.add_column(Text(name), no_wrap=not last, overflow="fold")
    for row in table[1:]:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)


def check_writable(folder: Path) -> None:
    """Raise OSError, naming --out, unless a file can be made in the folder."""
    if not folder.is_dir():
        raise FileNotFoundError(f"--out: the folder {folder} does not exist")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PermissionError(f"--out: cannot write in {folder}: {error.strerror}") from error


def check_out_file(path: Path) -> None:
    """Raise OSError unless `path` can become a file, so that no work is done for nothing."""
    if path.is_dir():
        raise IsADirectoryError(f"--out: {path} is a folder; name a file in it")
    if path.exists() and not path.is_file():  # a device or a pipe
        if not os.access(path, os.W_OK):
            raise PermissionError(f"--out: cannot write to {path}")
        return
    check_writable((Path(os.path.realpath(path)) if path.is_symlink() else path).parent)


def check_out_table(path: Path) -> None:
    """Raise an error unless `path` can become a table by its suffix."""
    from movieembed._base.table_file import check_table_path

    check_table_path(path, "out")
    check_out_file(path)


def save_table(table: pd.DataFrame, path: Path) -> None:
    """Write a whole table to a file of its suffix's format."""
    from movieembed._base.table_file import table_file

    with table_file(path, table) as write:
        write(table)


def make_out_folder(path: Path) -> None:
    """Make the folder, or raise OSError if it cannot be made or written in."""
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"--out: {path} is a file; name a folder")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PermissionError(f"--out: cannot make {path}: {error.strerror}") from error
    check_writable(path)


def named(model: Embedding, column: int) -> dict[str, Any]:
    """Return an item's id and title; the id stands for a title that is missing."""
    item = model.items_.tolist()[column]
    title = "" if model.titles_ is None else str(model.titles_[column])
    return {"item": item, "title": title or str(item)}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table for JSON."""
    kept = table.drop(columns="query", errors="ignore")
    return [{str(key): value for key, value in row.items()} for row in kept.to_dict("records")]


def print_items(table: pd.DataFrame, more: dict[str, list[str]] | None = None) -> None:
    """Print rows of items: the score, the id, and the title last, for it may be long."""
    scores = [f"{score:.4f}" if abs(score) < 100 else f"{score:,.1f}" for score in table["score"]]
    columns = [scores, [str(item) for item in table["item"].tolist()]]
    heading = ["score", "item"]
    if "title" in table:
        heading.append("title")
        columns.append([str(title) for title in table["title"].tolist()])
    for name, words in (more or {}).items():
        heading.append(name)
        columns.append(words)
    print_columns(heading, [list(row) for row in zip(*columns, strict=True)])


def cost_words(cost: float) -> str:
    """Write a cost with the digits that a fit to its default tolerance settles: eight."""
    return f"{cost:,.{max(0, 7 - int(math.log10(cost)))}f}" if cost >= 1 else f"{cost:.6g}"
