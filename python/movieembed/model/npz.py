"""Files of arrays and one JSON header, .npz without pickles: written whole, checked when read.

Arrays are not compressed and begin at multiples of 64 bytes: they can be mapped into memory.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import mmap
import os
import struct
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
from movieembed._base.message import Message
from movieembed._base.regular_file import check_regular
from movieembed._version import __version__
from movieembed.exceptions import LONGEST_MESSAGE, ParameterError, shortened

# A member of a zip file begins with a header of this length, its name, and extra fields: the first
# of 20 bytes, for large files, and ours of 4 and what fills up to the next multiple.
LOCAL_HEADER, LARGE_FILE, FILLER = 30, 20, 4
ALIGNMENT, FILLER_ID = 64, 0xD935

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
    memory : mmap or None
        The file in memory, where arrays are to stay in it.
    """

    archive: zipfile.ZipFile
    size: int
    header: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    memory: mmap.mmap | None = None

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
            there, by_column, dtype = _npy_header(file)
            n_bytes = file.tell() + dtype.itemsize * math.prod(there)
        fits = len(there) == len(shape) and all(
            want is None or have == want for have, want in zip(there, shape, strict=True)
        )
        if dtype.name not in dtypes or not dtype.isnative or not fits:
            raise ValueError(f"its {name} has dtype {dtype} and shape {there}")
        if not n_bytes == member.file_size <= self.size:
            raise ValueError(f"its {name} is cut off: shape {there} needs {n_bytes:,} bytes")
        array = None if by_column else self._mapped(member, there, dtype)
        if array is None:
            with self.archive.open(member) as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
        if not np.isfinite(array).all():
            raise ValueError(f"its {name} is not finite: it holds NaN or infinity")
        return np.ascontiguousarray(array)

    def _mapped(
        self, member: zipfile.ZipInfo, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> NDArray[Any] | None:
        """An array that stays in the file; None where it cannot, as in files of older versions."""
        if self.memory is None or not math.prod(shape):
            return None
        start = member.header_offset + LOCAL_HEADER
        start += sum(struct.unpack_from("<HH", self.memory, start - 4))
        stop = start + member.file_size
        at = stop - dtype.itemsize * math.prod(shape)
        with memoryview(self.memory) as view, view[start:stop] as part:
            if zlib.crc32(part) != member.CRC:
                raise ValueError(f"its {member.filename[:-4]} does not match its checksum")
        return None if at % dtype.alignment else np.ndarray(shape, dtype, self.memory, at)


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether column by column, and dtype that an array in NumPy's format begins with."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"it has an array of NumPy's format {version}")
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


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
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, array in {"header": np.frombuffer(text, dtype=np.uint8), **arrays}.items():
                _add(archive, f"{name}.npy", np.ascontiguousarray(array))

    if not isinstance(place, str | os.PathLike):
        write_to(_binary(place, "write"))
        return
    with replacing(place) as temporary, temporary.open("wb") as file:
        write_to(file)


def _add(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    """Add an array, with a filler in front so that it begins at a multiple of `ALIGNMENT`.

    NumPy pads its own header to a multiple already.
    """
    member = zipfile.ZipInfo(name)
    assert archive.fp is not None
    begins = archive.fp.tell() + LOCAL_HEADER + len(name) + LARGE_FILE + FILLER
    filler = bytes(-begins % ALIGNMENT)
    member.extra = struct.pack("<HH", FILLER_ID, len(filler)) + filler
    with archive.open(member, "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


@contextmanager
def reading(place: Place, kind: Kind, mapped: bool = False) -> Iterator[Contents]:
    """Give the contents of a file; those of one that is mapped stay in it, and are read-only.

    Whatever is wrong with them, also where it is seen only inside the block, becomes one
    ValueError that names the file.
    """
    if isinstance(place, str | os.PathLike):
        if not os.path.exists(place):
            raise FileNotFoundError(f"there is no {kind.noun} {os.fspath(place)}")
        check_regular(place, kind.words)
        path = os.fspath(place)
        with open(place, "rb") as file, _checked(file, path, kind, mapped) as contents:
            yield contents
    elif mapped:
        raise ParameterError(Message("{mmap=} needs a path, not a file object", mmap=True), "mmap")
    else:
        name = getattr(place, "name", None)
        with _checked(_binary(place, "read"), str(name or "the file object"), kind) as contents:
            yield contents


@contextmanager
def _checked(file: BinaryIO, name: str, kind: Kind, mapped: bool = False) -> Iterator[Contents]:
    try:
        with zipfile.ZipFile(file) as archive:
            size = file.seek(0, os.SEEK_END)
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if mapped else None
            yield dataclasses.replace(_contents(archive, size, kind), memory=memory)
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
