from __future__ import annotations

import sys
from pathlib import Path

import pytest

from movieembed._base import memory
from thread_cases import run_python

linux = pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")


@linux
def test_there_is_no_more_room_than_the_machine_has() -> None:
    there, room = memory.memory(), memory.room()
    assert there is not None
    assert room is not None
    swap = memory._numbers("/proc/meminfo").get("SwapTotal", 0) * 1024
    assert 0 < room <= there + swap


@linux
@pytest.mark.parametrize("limit", ["AS", "DATA"])
def test_a_limit_of_the_process_leaves_what_it_has_not_taken(limit: str) -> None:
    code = f"""
import resource
import numpy as np
from movieembed._base.memory import RESERVED, _numbers, room
name = {{"AS": "VmSize", "DATA": "VmData"}}["{limit}"]
taken = _numbers("/proc/self/status")[name] * 1024
most = taken + RESERVED + (64 << 20)
resource.setrlimit(resource.RLIMIT_{limit}, (most, most))
before = room()
held = np.ones(32 << 17)
print(before >> 20, (before - room()) >> 20)
"""
    before, less = map(int, run_python(code).stdout.split())
    assert 60 <= before <= 64
    assert 31 <= less <= 34


@pytest.mark.parametrize(
    ("line", "files", "room"),
    [
        ("0::/a/b", {"a/b/memory.max": "100", "a/b/memory.current": "70"}, [30]),
        ("0::/a/b", {"a/b/memory.max": "max", "a/b/memory.current": "70"}, []),
        ("0::/a/b", {"a/memory.max": "90", "a/memory.current": "80"}, [10]),
        ("0::/", {"memory.max": "50", "memory.current": "20"}, [30]),
        (
            "0::/a",
            {
                "a/memory.max": "100",
                "a/memory.current": "70",
                "a/memory.stat": "anon 40\ninactive_file 20\n",
            },
            [50],
        ),
        (
            "4:memory:/a",
            {"memory/a/memory.limit_in_bytes": "100", "memory/a/memory.usage_in_bytes": "1"},
            [99],
        ),
        ("3:cpu:/a", {"memory.max": "50", "memory.current": "20"}, []),
    ],
)
def test_the_limits_of_control_groups(
    line: str, files: dict[str, str], room: list[int], tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "cgroup").write_text(line)
    assert list(memory._of_groups(str(tmp_path / "cgroup"), str(tmp_path))) == room
