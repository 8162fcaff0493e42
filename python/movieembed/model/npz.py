"""Files of arrays and one JSON header, .npz without pickles: written whole, checked when read."""

from __future__ import annotations

import json
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from movieembed._base.atomic_file import replacing
from movieembed._version import __version__

# What zipfile, NumPy's reader and a header of the wrong kind raise on damaged input.
DAMAGE = (
    *(ValueError, TypeError, AttributeError, LookupError, OverflowError),
    *(EOFError, OSError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
    RuntimeError,  # RecursionError; and zipfile: encrypted, or a compression that it does not know
)


@dataclass(frozen=True)
class Kind:
    """What a file is.

    Attributes
    ----------
    format : str
        Its name in the header.
    version : int
        The newest that this package writes and reads.
    noun, words : str
        In messages.
    advice : str
        What to do with a file that is damaged or something else.
    """

    format: str
    version: int
    noun: str
    words: str
    advice: str = ""


@dataclass(frozen=True)
class Contents:
    """A header and arrays, each checked as it is taken.

    Attributes
    ----------
    header : dict
    arrays : dict of ndarray
    """

    header: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    def field(self, name: str, *kinds: type) -> Any:
        """Return a field of the header, of one of some types."""
        if name not in self.header:
            raise ValueError(f"its header has no {name!r}")
        value = self.header[name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ValueError(f"{name} is {value!r}")
        return value

    def array(
        self, name: str, dtypes: tuple[str, ...], shape: tuple[int | None, ...]
    ) -> NDArray[Any]:
        """Return a finite array of one of some dtypes and a shape, whose None stands for any."""
        array = self.arrays.get(name)
        if array is None:
            raise ValueError(f"it has no {name}")
        fits = array.ndim == len(shape) and all(
            want is None or have == want for have, want in zip(array.shape, shape, strict=True)
        )
        if array.dtype.name not in dtypes or not array.dtype.isnative or not fits:
            raise ValueError(f"its {name} has dtype {array.dtype} and shape {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"its {name} is not finite: it holds NaN or infinity")
        return np.ascontiguousarray(array)


def write(
    path: str | os.PathLike[str],
    kind: Kind,
    header: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
) -> None:
    """Write a file beside `path` and rename it, so that no half file stays."""
    about = {"format": kind.format, "format_version": kind.version, "version": __version__}
    text = json.dumps({**about, **header}).encode()
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, header=np.frombuffer(text, dtype=np.uint8), **arrays)  # type: ignore[arg-type]


@contextmanager
def reading(path: str | os.PathLike[str], kind: Kind) -> Iterator[Contents]:
    """Give the contents of a file.

    Whatever is wrong with them, also where it is seen only inside the block, becomes one
    ValueError that names the file.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no {kind.noun} {path}")
    with Path(path).open("rb") as file:
        try:
            yield _contents(file, kind)
        except DAMAGE as error:
            raise ValueError(
                f"{path} is not {kind.words}, or is damaged: {error}{kind.advice}"
            ) from error


def _contents(file: BinaryIO, kind: Kind) -> Contents:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    file.seek(0)
    with np.load(file, allow_pickle=False) as loaded:
        arrays = {name.removesuffix(".npy"): loaded[name] for name in names}
    raw = arrays.get("header")
    if raw is None or raw.dtype != np.uint8 or raw.ndim != 1:
        raise ValueError("it has no header")
    header = json.loads(raw.tobytes().decode())
    if not isinstance(header, dict) or header.get("format") != kind.format:
        raise ValueError("its header is of another format")
    contents = Contents(header, arrays)
    if contents.field("format_version", int) > kind.version:
        raise ValueError(
            f"movieembed {header.get('version')} wrote it, in a newer format than this version "
            "reads; upgrade movieembed"
        )
    return contents
