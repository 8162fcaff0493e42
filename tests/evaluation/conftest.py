from __future__ import annotations

import pytest

from helpers import random_likes
from movieembed.data.likes import Likes


@pytest.fixture(scope="module")
def likes() -> Likes:
    return Likes.from_matrix(random_likes(80, 30, 0.3, seed=3))
