from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import movieembed as me

EVIL = "</script><script>alert('$x')</script> & <b>Co</b>"


@pytest.fixture(scope="session")
def evil_model() -> Any:
    """A model whose first title is a script."""
    rng = np.random.default_rng(0)
    titles = [EVIL, *(f"Film {i}" for i in range(1, 12))]
    likes = me.Likes.from_matrix((rng.random((50, 12)) < 0.5).astype(float), titles=titles)
    return me.MovieEmbedding(3, random_state=0, keep_likes=True).fit(likes)
