"""Ctrl-C, where a terminal or a notebook sends it to the workers that this process started too."""

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
        """Dask calls it on each worker, also on those that come later."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
