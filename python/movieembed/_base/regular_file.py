"""What a path leads to, looked at before anything is read."""

from __future__ import annotations

import os
import stat


def check_regular(path: str | os.PathLike[str], wanted: str) -> None:
    """Raise unless a path leads to a file; a pipe would be waited for, a device read without end.

    Parameters
    ----------
    path : path
        Of what exists.
    wanted : str
        What it should be, with its article.

    Raises
    ------
    IsADirectoryError
        For a folder.
    ValueError
        For a pipe, a device or a socket.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{os.fspath(path)} is a folder, not {wanted}")
    if not stat.S_ISREG(mode):
        raise ValueError(f"{os.fspath(path)} is a pipe or a device, not {wanted}")
