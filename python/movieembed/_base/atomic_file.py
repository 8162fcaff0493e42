"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a new file; it takes the place of `path` at the end, or goes if the block fails.

    It stands in the folder of `path`, or of what `path` is a link to, and takes over the mode of
    the file that it replaces. A device or a pipe is written to and stays what it is. What a killed
    process left of an earlier writing is removed. An OSError names `path`.
    """
    path = Path(path)
    temporary = path
    try:
        mode = _mode(path)
        if mode is not None and stat.S_ISDIR(mode):
            raise IsADirectoryError(f"{path} is a folder; name a file in it")
        if mode is not None and not stat.S_ISREG(mode):
            with tempfile.TemporaryDirectory() as folder:
                temporary = Path(folder, "out" + path.suffix)
                yield temporary
                with temporary.open("rb") as whole, path.open("wb") as there:
                    shutil.copyfileobj(whole, there)
            return
        target = Path(os.path.realpath(path))
        with _temporary(target) as temporary:
            fresh = temporary.stat().st_mode  # by the umask; a writer may make a file of its own
            yield temporary
            os.chmod(temporary, stat.S_IMODE(fresh if mode is None else mode))
            _synchronise(temporary)
            _rename(temporary, target)
        with contextlib.suppress(OSError):  # not every system and every file system can
            _synchronise(target.parent)
    except OSError as error:
        if error.errno and error.filename in (None, str(temporary), str(path)):
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise


def _rename(temporary: Path, target: Path) -> None:
    """Give a file the name of another, or say why Windows does not."""
    try:
        os.replace(temporary, target)
    except PermissionError as error:
        if sys.platform == "win32" and target.exists():
            why = "Windows cannot replace a file that is open or mapped into memory"
            raise PermissionError(error.errno, f"{error.strerror}: {why}") from error
        raise


def _mode(path: Path) -> int | None:
    """Kind and mode of what is there already."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """A new file in the folder of `target` that goes at the end, unless it was renamed.

    Its name is short, whatever the target's, and the same but for its end for each writing of the
    target. It is locked as long as the process lives: those that are not are left from killed ones.
    """
    prefix = f".movieembed-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}-"
    _remove_unlocked(target.parent, prefix)
    while True:
        temporary = target.parent / f"{prefix}{secrets.token_hex(4)}"
        try:
            handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(target)) from error
        try:
            if fcntl is None:
                os.close(handle)
            else:
                _lock(handle, wait=True)
            if temporary.exists():  # else another writer found it before it was locked
                yield temporary
                return
        finally:
            temporary.unlink(missing_ok=True)
            if fcntl is not None:
                os.close(handle)


def _remove_unlocked(folder: Path, prefix: str) -> None:
    """Remove temporary files whose writers are gone."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for path in [entry.path for entry in entries if entry.name.startswith(prefix)]:
            with contextlib.suppress(OSError):
                handle = os.open(path, os.O_WRONLY)
                try:
                    if _lock(handle, wait=False):
                        os.unlink(path)
                finally:
                    os.close(handle)


def _lock(handle: int, *, wait: bool) -> bool:
    """Lock a file; False where another process has, or the file system cannot."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _synchronise(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
