"""The command line, a file a command: ``movieembed fit | similar | recommend | map | ...``.

What is slow to import is imported inside the commands, so that --help and completion are quick.
"""

from movieembed.cli.commands import app, main

__all__ = ["app", "main"]
