"""Workers that this process started go on when a terminal or a notebook sends them Ctrl-C."""

from __future__ import annotations

import signal
import threading
from typing import Any

from distributed import WorkerPlugin


class OutliveInterrupts(WorkerPlugin):  # type: ignore[misc, unused-ignore]
    """Workers in processes of their own leave Ctrl-C to the process that started them."""

    name = "movieembed-outlive-interrupts"
    idempotent = True  # registered again, it is left as it is

    def setup(self, worker: Any) -> None:
        """Let a worker ignore Ctrl-C; Dask calls this on each, also on those that come later."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
