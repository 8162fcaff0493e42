"""Derived properties: computed once, and not under a lock."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

import pytest

from movieembed._base.derived import derived


class Slow:
    """Whose value takes as long as it is told to."""

    def __init__(self) -> None:
        self.computing, self.go_on = threading.Event(), threading.Event()

    @derived
    def value(self) -> int:
        """A number."""
        self.computing.set()
        self.go_on.wait(20)
        return 3


def test_a_property_is_computed_once() -> None:
    slow = Slow()
    slow.go_on.set()
    assert (slow.value, vars(slow)["value"]) == (3, 3)
    vars(slow)["value"] = 4
    assert slow.value == 4
    assert Slow.value.__doc__ == "A number."


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="warns of a fork beside threads")
def test_a_forked_child_does_not_wait_for_a_thread_that_it_lacks() -> None:
    slow: Any = Slow()
    thread = threading.Thread(target=lambda: slow.value)
    thread.start()
    slow.computing.wait(20)
    child = os.fork()
    if child == 0:
        other = Slow()
        other.go_on.set()
        os._exit(other.value)
    end = time.monotonic() + 20
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < end:
        time.sleep(0.01)
    slow.go_on.set()
    thread.join()
    if ended == (0, 0):
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended[1]) == 3
