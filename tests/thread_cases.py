"""Scripts for a process of their own, which tell how many threads they have."""

from __future__ import annotations

import os
import subprocess
import sys

COUNTED = """
import os
import numpy as np
import movieembed as me
from movieembed import _core
L = (np.random.default_rng(0).random((300, 200)) < 0.3).astype(np.float32)
def work(n_jobs):
    return me.cooccurrence(L, n_jobs=n_jobs).data.tobytes()
def threads():
    return len(os.listdir("/proc/self/task"))
def in_child(check):
    child = os.fork()
    if child == 0:
        os._exit(0 if check() else 1)
    return os.waitpid(child, 0)[1] == 0
work(1)
alone = threads()
"""


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, with these variables added to the environment."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
    )
