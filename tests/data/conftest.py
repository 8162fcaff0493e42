from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ratings_tables import FRAMES


@pytest.fixture(params=FRAMES)
def frame(request: pytest.FixtureRequest) -> Callable[[dict[str, Any]], Any]:
    """Make a data frame of each kind."""
    return FRAMES[request.param]
