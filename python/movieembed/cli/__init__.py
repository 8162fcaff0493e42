"""The command line, a file a command: ``movieembed fit | similar | recommend | map | ...``.

What is slow to import is imported inside the commands, so that --help and completion are quick.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # as in typing, whose import takes as long as all else here
if TYPE_CHECKING:
    from types import FrameType

    from movieembed.cli.commands import app as app

__all__ = ["app", "main"]


def __getattr__(name: str) -> object:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from movieembed.cli.commands import app

    return app


def main() -> None:
    """Run the command line, as the console script does."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupted)
    open_streams()
    from movieembed.cli.commands import app
    from movieembed.cli.group import run

    run(app)


def open_streams() -> None:
    """Stand in for streams that came closed; the first file opened would take their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the least free number
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # pythonw has neither
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115


def interrupted(number: int, frame: FrameType | None) -> None:
    """End at Ctrl-C: at once while modules are imported, which cannot be undone, else in order."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            os.write(2, b"movieembed: interrupted\n")
            os._exit(130)
        frame = frame.f_back
    raise KeyboardInterrupt
