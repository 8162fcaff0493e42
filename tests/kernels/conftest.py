from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers import parallel_from


@pytest.fixture(autouse=True)
def _always_parallel() -> Iterator[None]:
    with parallel_from(0):
        yield
