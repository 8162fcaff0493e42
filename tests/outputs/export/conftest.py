from __future__ import annotations

import pytest

from export_cases import INTS, TITLES, fit
from movieembed import MovieEmbedding


@pytest.fixture(scope="session")
def model() -> MovieEmbedding:
    return fit(INTS, TITLES, keep_likes=False)


@pytest.fixture(scope="session")
def kept() -> MovieEmbedding:
    return fit(INTS, TITLES, keep_likes=True)
