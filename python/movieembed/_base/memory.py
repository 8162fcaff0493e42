"""How much memory there is, and how much of it this process may still take."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

# Of the address space that NumPy, SciPy and pandas take to be imported and to do anything: where it
# ends, BLAS ends the process.
LEAST_ADDRESS_SPACE = 700 << 20
# What threads and BLAS's buffers reserve of the address space, and do not use.
RESERVED = 192 << 20


def memory() -> int | None:
    """Bytes of this machine's memory, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def room() -> int | None:
    """Bytes that this process may still take, by the nearest of all limits; None if none is known.

    The limits are those of the process (``ulimit -v`` and ``-d``), of its control groups, which
    containers have, and what the machine has left, with what it can swap out. Linux tells all.
    """
    rooms = [*_of_process(), *_of_groups()]
    here = _numbers("/proc/meminfo")
    if "MemAvailable" in here:
        rooms.append(1024 * (here["MemAvailable"] + here.get("SwapFree", 0)))
    elif not rooms and (there := memory()) is not None:
        rooms.append(there)
    return max(0, min(rooms)) if rooms else None


def check_address_space() -> None:
    """Raise MemoryError where ``ulimit -v`` leaves too little to begin with."""
    if resource is None:
        return
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    if most != resource.RLIM_INFINITY and most < LEAST_ADDRESS_SPACE:
        raise MemoryError(
            f"the address space is limited to {most >> 20:,} MiB (ulimit -v), and nothing can be "
            f"done with less than {LEAST_ADDRESS_SPACE >> 20:,} MiB"
        )


def _of_process() -> Iterator[int]:
    """What the limits of the process leave."""
    if resource is None:
        return
    taken = _numbers("/proc/self/status")
    for limit, name, reserved in (("AS", "VmSize", RESERVED), ("DATA", "VmData", RESERVED)):
        most = resource.getrlimit(getattr(resource, f"RLIMIT_{limit}"))[0]
        if most != resource.RLIM_INFINITY and name in taken:
            yield most - 1024 * taken[name] - reserved


def _of_groups(proc: str = "/proc/self/cgroup", root: str = "/sys/fs/cgroup") -> Iterator[int]:
    """What control groups leave: those of version 2 and 1, of the process and above it."""
    for line in _lines(proc):
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        top = Path(root, "memory") if controllers else Path(root)
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        limit, usage = names if controllers else ("memory.max", "memory.current")
        group = Path(top, path.lstrip("/"))
        for folder in {group, *group.parents} & {top, *_below(group, top)}:
            most, taken = _number(folder / limit), _number(folder / usage)
            if most is not None and taken is not None:
                # Pages of files go when memory is wanted.
                files = _numbers(str(folder / "memory.stat")).get("inactive_file", 0)
                yield most - taken + files


def _below(group: Path, top: Path) -> list[Path]:
    return [group, *(parent for parent in group.parents if top in parent.parents)]


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _numbers(path: str) -> dict[str, int]:
    """Names and numbers of a file with one of each a line."""
    words = (line.replace(":", " ").split() for line in _lines(path))
    return {word[0]: int(word[1]) for word in words if len(word) > 1 and word[1].isdecimal()}


def _number(path: Path) -> int | None:
    """The number that a file holds; "max" is none."""
    text = "".join(_lines(str(path)))
    return int(text) if text.isdecimal() else None
