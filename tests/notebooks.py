"""The notebooks of examples/, run from beginning to end, and what they print beside what they kept.

    python tests/notebooks.py [FILE...]

runs all or some of them and keeps what they print; MOVIEEMBED_DATA names the folder of MovieLens
small.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from helpers import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


def run(notebook: Any, folder: Path) -> None:
    """Run all cells of a notebook in a folder, and keep their outputs in it."""
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    notebook.metadata.language_info = {"name": "python"}  # not the version of this Python


def outputs(notebook: Any) -> list[list[tuple[str, str]]]:
    """What each cell shows: text as it is, and of pictures that there is one."""
    return [[shown(output) for output in cell.get("outputs", ())] for cell in notebook.cells]


def shown(output: Any) -> tuple[str, str]:
    if output.output_type == "stream":
        return output.name, output.text
    kind = "image/png" if "image/png" in output.data else "text/plain"
    return kind, output.data[kind] if kind == "text/plain" else ""


def split_numbers(text: str) -> tuple[str, list[float]]:
    """A text without its numbers and without the spaces that align them, and the numbers."""
    numbers = [float(number.replace(",", "")) for number in NUMBER.findall(text)]
    return " ".join(NUMBER.sub("#", text).split()), numbers


def main(paths: list[Path]) -> None:
    """Run notebooks and write what they show into their files."""
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as folder:
            run(notebook, Path(folder))
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or NOTEBOOKS)
