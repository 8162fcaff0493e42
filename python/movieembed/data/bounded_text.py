"""Files that are read only as far as a table of text can be meant."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO, Any

# A line of ratings has some 30 bytes, and an item's a title.
LONGEST_LINE = 1 << 20
# How much longer than its compressed form text may be, beyond some that is always let through:
# ratings shrink to a fourth or a tenth, and even equal lines not to so little.
MOST_TIMES, ALWAYS = 250, 1 << 26


def bounded(opened: Callable[[], IO[bytes]], name: str, compressed: int | None = None) -> IO[bytes]:
    """Open a file whose reader sees no line without end, and no flood out of an archive.

    Parameters
    ----------
    opened : callable
        Opens the file.
    name : str
        For messages.
    compressed : int, optional
        Bytes that it takes where it is stored in a compressed form.

    Raises
    ------
    ValueError
        From what reads, with the name and the line.
    """
    return io.BufferedReader(_Bounded(opened(), opened, name, compressed), 1 << 16)


class _Bounded(io.RawIOBase):
    def __init__(
        self,
        file: IO[bytes],
        opened: Callable[[], IO[bytes]],
        name: str,
        compressed: int | None,
    ) -> None:
        self.file, self.opened, self.name = file, opened, name
        self.most = None if compressed is None else ALWAYS + MOST_TIMES * compressed
        self.done = self.of_line = 0  # bytes read, and those since the last end of a line

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        block = self.file.read(min(len(into), LONGEST_LINE))
        ends = b"\n" if b"\n" in block else b"\r"
        first, last = block.find(ends), block.rfind(ends)
        self.of_line += len(block) if first < 0 else first
        if self.of_line > LONGEST_LINE:
            raise ValueError(
                f"{self.name}, line {self._line()}: longer than {LONGEST_LINE:,} bytes; this is no "
                "table of text"
            )
        if last >= 0:
            self.of_line = len(block) - last - 1
        self.done += len(block)
        if self.most is not None and self.done > self.most:
            raise ValueError(
                f"{self.name} is compressed to less than a {MOST_TIMES}th of its length; this is "
                "no table of ratings"
            )
        into[: len(block)] = block
        return len(block)

    def _line(self) -> int:
        """The number of the line at which reading stands."""
        left, line = self.done, 1
        with self.opened() as file:
            while left > 0 and (block := file.read(min(left, LONGEST_LINE))):
                line += block.count(b"\n") or block.count(b"\r")
                left -= len(block)
        return line

    def close(self) -> None:
        self.file.close()
        super().close()
