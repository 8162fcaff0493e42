"""scikit-learn's own checks of an estimator, all of them."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from movieembed import MovieEmbedding


# The checks fit blobs and noise, whose rank may exceed the components by little: slow to the last
# digit for any solver. That it warns is right; that it must not fail is what is checked here.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:no two items are liked:UserWarning")
@parametrize_with_checks(
    [
        MovieEmbedding(n_components=2, max_iter=30),
        MovieEmbedding(n_components=2, solver="als", max_iter=30),
        MovieEmbedding(n_components=2, solver="momentum", max_iter=30),
        MovieEmbedding(n_components=2, solver="lbfgs", max_iter=30, dtype="float32"),
    ],
    expected_failed_checks=lambda estimator: {},
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
