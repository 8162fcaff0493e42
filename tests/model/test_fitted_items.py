"""What is derived from fitted items is computed once."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

import movieembed as me
from helpers import random_likes


def test_the_last_lambda_is_kept() -> None:
    model = me.MovieEmbedding(2, random_state=0, keep_likes=True).fit(random_likes(40, 9, 0.4, 0))
    fitted = model._fitted_items()
    assert fitted.precision(3.0) is fitted.precision(3.0)
    assert fitted.refinement(3.0) is fitted.refinement(3.0)
    assert fitted.refinement(3.0).diagonal(8) is fitted.refinement(3.0).diagonal(8)
    assert fitted.precision(4.0) is not fitted.precision(3.0)
    assert fitted.embedded is fitted.embedded
    assert fitted.operator is fitted.operator
    with pytest.raises(FrozenInstanceError):
        fitted.regularization = 3.0  # type: ignore[misc]
