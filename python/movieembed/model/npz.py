"""Files of arrays and one JSON header, .npz without pickles: written whole, checked when read."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from movieembed._base.atomic_file import replacing
from movieembed._base.regular_file import check_regular
from movieembed._version import __version__
from movieembed.exceptions import LONGEST_MESSAGE, shortened

# A path, or a binary file object that can seek.
Place = str | os.PathLike[str] | IO[bytes]

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
    arrays : frozenset of str
        Names of those that it may hold.
    advice : str
        What to do with a file that is damaged or something else.
    """

    format: str
    version: int
    noun: str
    words: str
    arrays: frozenset[str]
    advice: str = ""


@dataclass(frozen=True)
class Contents:
    """A header and arrays, each read and checked as it is taken.

    Attributes
    ----------
    archive : ZipFile
    size : int
        Of the file, in bytes.
    header : dict
    """

    archive: zipfile.ZipFile
    size: int
    header: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def field(self, name: str, *kinds: type) -> Any:
        """Return a field of the header, of one of some types."""
        if name not in self.header:
            raise ValueError(f"its header has no {name!r}")
        value = self.header[name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ValueError(f"{name} is {shortened(repr(value))}")
        return value

    def __contains__(self, name: str) -> bool:
        return f"{name}.npy" in self.archive.namelist()

    def array(
        self, name: str, dtypes: tuple[str, ...], shape: tuple[int | None, ...]
    ) -> NDArray[Any]:
        """Return a finite array of one of some dtypes and a shape, whose None stands for any.

        What the array says of itself is believed, and memory taken for it, only where the file is
        large enough to hold it.
        """
        if name not in self:
            raise ValueError(f"it has no {name}")
        member = self.archive.getinfo(f"{name}.npy")
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"its {name} is compressed")
        with self.archive.open(member) as file:
            there, dtype = _npy_header(file)
            n_bytes = file.tell() + dtype.itemsize * math.prod(there)
        fits = len(there) == len(shape) and all(
            want is None or have == want for have, want in zip(there, shape, strict=True)
        )
        if dtype.name not in dtypes or not dtype.isnative or not fits:
            raise ValueError(f"its {name} has dtype {dtype} and shape {there}")
        if not n_bytes == member.file_size <= self.size:
            raise ValueError(f"its {name} is cut off: shape {there} needs {n_bytes:,} bytes")
        with self.archive.open(member) as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        if not np.isfinite(array).all():
            raise ValueError(f"its {name} is not finite: it holds NaN or infinity")
        return np.ascontiguousarray(array)


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that an array in NumPy's format begins with."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"it has an array of NumPy's format {version}")
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    return shape, dtype


def write(
    place: Place,
    kind: Kind,
    header: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
) -> None:
    """Write to a file object, or a file beside a path and rename it, so that no half file stays."""
    about = {"format": kind.format, "format_version": kind.version, "version": __version__}
    text = json.dumps({**about, **header}).encode()

    def write_to(file: IO[bytes]) -> None:
        np.savez(file, header=np.frombuffer(text, dtype=np.uint8), **arrays)  # type: ignore[arg-type]

    if not isinstance(place, str | os.PathLike):
        write_to(_binary(place, "write"))
        return
    with replacing(place) as temporary, temporary.open("wb") as file:
        write_to(file)


@contextmanager
def reading(place: Place, kind: Kind) -> Iterator[Contents]:
    """Give the contents of a file.

    Whatever is wrong with them, also where it is seen only inside the block, becomes one
    ValueError that names the file.
    """
    if isinstance(place, str | os.PathLike):
        if not os.path.exists(place):
            raise FileNotFoundError(f"there is no {kind.noun} {os.fspath(place)}")
        check_regular(place, kind.words)
        with open(place, "rb") as file, _checked(file, os.fspath(place), kind) as contents:
            yield contents
    else:
        name = getattr(place, "name", None)
        with _checked(_binary(place, "read"), str(name or "the file object"), kind) as contents:
            yield contents


@contextmanager
def _checked(file: BinaryIO, name: str, kind: Kind) -> Iterator[Contents]:
    try:
        with zipfile.ZipFile(file) as archive:
            yield _contents(archive, file.seek(0, os.SEEK_END), kind)
    except DAMAGE as error:
        what = shortened(str(error), LONGEST_MESSAGE // 2)
        raise ValueError(
            f"{name} is not {kind.words}, or is damaged: {what}{kind.advice}"
        ) from error


def _binary(file: Any, ability: str) -> Any:
    """A file object; TypeError for what is none."""
    if not hasattr(file, ability) or isinstance(file, io.TextIOBase):
        raise TypeError(f"expected a path or a binary file object, not {type(file).__name__}")
    return file


def _contents(archive: zipfile.ZipFile, size: int, kind: Kind) -> Contents:
    raw = Contents(archive, size).array("header", ("uint8",), (None,))
    header = json.loads(raw.tobytes().decode())
    if not isinstance(header, dict) or header.get("format") != kind.format:
        raise ValueError("its header is of another format")
    contents = Contents(archive, size, header)
    if contents.field("format_version", int) > kind.version:
        raise ValueError(
            f"movieembed {header.get('version')} wrote it, in a newer format than this version "
            "reads; upgrade movieembed"
        )
    for member in archive.namelist():
        if member.removesuffix(".npy") not in kind.arrays | {"header"}:
            raise ValueError(f"it also holds {shortened(repr(member))}, which none has")
    return contents
