from __future__ import annotations

import pytest

import movieembed as me
from map_cases import made_up


@pytest.fixture(scope="session")
def model() -> me.MovieEmbedding:
    return me.MovieEmbedding(6, random_state=0).fit(made_up())
