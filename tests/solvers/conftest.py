from __future__ import annotations

from collections.abc import Iterator

import pytest

from movieembed._base.threads import serial_blas


@pytest.fixture(autouse=True)
def _serial_blas() -> Iterator[None]:
    """As in a fit."""
    with serial_blas():
        yield
