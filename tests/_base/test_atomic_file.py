from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from movieembed._base.atomic_file import replacing

posix = pytest.mark.skipif(os.name == "nt", reason="modes, links, pipes and locks of POSIX")


def write(path: Path | str, content: bytes = b"new") -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def listed(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "m"
    write(path)
    assert path.read_bytes() == b"new"
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:  # noqa: PT012
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert (path.read_bytes(), listed(tmp_path)) == (b"new", ["m"])


@posix
def test_a_new_file_has_the_mode_of_the_umask_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write(tmp_path / "new")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    (tmp_path / "new").chmod(0o600)
    write(tmp_path / "new", b"newer")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    assert (tmp_path / "new").read_bytes() == b"newer"


@posix
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_replaced(there: bool, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "m", tmp_path / "link"
    if there:
        target.write_bytes(b"old")
    link.symlink_to(target)
    write(link)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert (listed(tmp_path), listed(tmp_path / "far")) == (["far", "link"], ["m"])


@posix
def test_a_link_to_itself_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links") as caught:
        write(tmp_path / "loop")
    assert caught.value.filename == str(tmp_path / "loop")


@posix
def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write(pipe)
    reader.join(60)
    assert got == [b"new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert listed(tmp_path) == ["pipe"]


@pytest.mark.skipif(sys.platform != "linux", reason="devices of Linux")
def test_a_device_is_written_to_and_stays() -> None:
    before = os.stat("/dev/null")
    write("/dev/null")
    after = os.stat("/dev/null")
    assert stat.S_ISCHR(after.st_mode)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        write("/dev/full")


@posix
def test_the_longest_names_will_do(tmp_path: Path) -> None:
    write(tmp_path / ("ü" * 127 + "x"))
    assert (tmp_path / ("ü" * 127 + "x")).read_bytes() == b"new"
    with pytest.raises(OSError, match="too long") as caught:
        write(tmp_path / ("x" * 256))
    assert caught.value.filename == str(tmp_path / ("x" * 256))


def test_an_error_names_the_file_of_the_caller(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere" / "m"
    with pytest.raises(FileNotFoundError) as caught:
        write(missing)
    assert caught.value.filename == str(missing)
    with pytest.raises(IsADirectoryError, match="name a file in it"):
        write(tmp_path)
    with pytest.raises(PermissionError) as refused, replacing(tmp_path / "m") as temporary:
        raise PermissionError(13, "Permission denied", str(temporary))
    assert refused.value.filename == str(tmp_path / "m")
    with pytest.raises(OSError, match="full") as full, replacing(tmp_path / "m"):
        raise OSError(28, "disk full")
    assert full.value.filename == str(tmp_path / "m")
    with pytest.raises(OSError, match="other") as other, replacing(tmp_path / "m"):
        raise OSError(5, "failure", "other")
    assert other.value.filename == "other"
    assert listed(tmp_path) == []


@posix
def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from movieembed._base.atomic_file import replacing\n"
        "with replacing(sys.argv[1]) as temporary:\n"
        "    print(temporary.name, flush=True)\n"
        "    time.sleep(100)\n"
    )
    command = [sys.executable, "-c", code, tmp_path / "m"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        try:
            name = other.stdout.readline().strip()
            write(tmp_path / "m")
            assert listed(tmp_path) == [name, "m"]
        finally:
            other.send_signal(signal.SIGKILL)
        other.wait(60)
    write(tmp_path / "n")  # another file's
    assert listed(tmp_path) == [name, "m", "n"]
    write(tmp_path / "m", b"newer")
    assert listed(tmp_path) == ["m", "n"]
    assert (tmp_path / "m").read_bytes() == b"newer"


def test_the_file_is_on_the_disk_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("fsync"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("replace"), replace(*paths)))
    write(tmp_path / "m")
    assert done == ["fsync", "replace", "fsync"][: 2 if os.name == "nt" else 3]


def test_windows_says_why_it_does_not_replace_an_open_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*paths: object) -> None:
        raise PermissionError(13, "Access is denied", *map(str, paths))

    write(tmp_path / "m", b"old")
    monkeypatch.setattr(os, "replace", refused)
    for platform, name, why in (
        ("win32", "m", "denied: Windows cannot replace a file that is open or mapped into memory"),
        ("win32", "new", "denied"),
        ("linux", "m", "denied"),
    ):
        monkeypatch.setattr(sys, "platform", platform)
        with pytest.raises(PermissionError) as caught:
            write(tmp_path / name)
        assert caught.value.strerror == f"Access is {why}"
        assert caught.value.filename == str(tmp_path / name)
    monkeypatch.undo()
    assert (listed(tmp_path), (tmp_path / "m").read_bytes()) == (["m"], b"old")
