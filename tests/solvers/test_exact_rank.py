"""As many components as the likes have rank, or nearly."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse as sp

from helpers import dense_cooccurrence, dense_cost, random_likes
from movieembed import MovieEmbedding
from solver_cases import fit, size_of


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("extra", [0, 1, 4, 30])
def test_rank_is_recognised(extra, weights, dtype):
    L = random_likes(6, 25, 0.5, 7, weights)
    rank = np.linalg.matrix_rank(L.toarray())
    assert rank == 6
    X = dense_cooccurrence(L)
    model = MovieEmbedding(rank + extra, random_state=0, dtype=dtype).fit(L)
    assert model.stop_reason_ == "exact"
    assert model.converged_
    assert model.n_iter_ == 0
    assert model.gap_ == 0
    small = 1e-12 if dtype == "float64" else 1e-9
    assert 0 <= model.cost_ < small * size_of(X)
    product = model.embedding_.astype(float) @ model.embedding_.T.astype(float)
    np.fill_diagonal(product, 0)
    np.testing.assert_allclose(product, X, atol=(1e-10 if dtype == "float64" else 1e-4))


@pytest.mark.parametrize("shape", [(6, 25), (40, 8)])
def test_a_start_does_not_hide_that_the_rank_fits(shape):
    L = random_likes(*shape, 0.5, 7)
    init = np.random.default_rng(0).standard_normal((shape[1], 9))
    model = MovieEmbedding(9, init=init, random_state=0).fit(L)
    assert (model.stop_reason_, model.n_iter_) == ("exact", 0)
    assert model.cost_ < 1e-12 * size_of(dense_cooccurrence(L))


def test_rank_below_the_number_of_users_is_recognised():
    few = random_likes(6, 25, 0.5, 7)
    L = sp.csr_array(sp.vstack([few] * 5))
    X = dense_cooccurrence(L)
    for d in (6, 7, 12):
        model = MovieEmbedding(d, random_state=0).fit(L)
        assert (model.stop_reason_, model.n_iter_) == ("exact", 0)
        assert model.cost_ < 1e-12 * size_of(X)


@pytest.mark.parametrize("weights", [False, True])
def test_one_component_short_of_the_rank(weights):
    L = random_likes(6, 25, 0.5, 7, weights)
    X = dense_cooccurrence(L)
    model = fit(L, 5)
    assert model.stop_reason_ != "exact"
    assert model.n_iter_ > 0
    assert model.cost_ > 1e-6 * size_of(X)
    assert model.cost_ == pytest.approx(dense_cost(X, model.embedding_), rel=1e-9)


def test_users_with_one_like_do_not_count_for_the_rank():
    L = np.zeros((12, 20))
    L[:4] = random_likes(4, 20, 0.5, 2).toarray()
    L[4:, 5] = L[4, 6] = 1
    L[4, 6] = 0
    model = MovieEmbedding(4, random_state=0).fit(L)
    assert model.stop_reason_ == "exact"
    assert model.cost_ < 1e-12 * size_of(dense_cooccurrence(L))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weight", [1000.0, 5000.0])
def test_an_item_of_large_weights_does_not_hide_the_others(dtype: str, weight: float) -> None:
    """Nearly all of the trace is its own: what the others lack is below the trace's rounding."""
    rng = np.random.default_rng(0)
    M = np.zeros((40, 10))
    M[:, :9] = rng.random((40, 9)) < 0.3
    M[:, 9] = weight * (rng.random(40) < 0.5)
    model = MovieEmbedding(2, random_state=0, dtype=dtype, max_iter=50)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(M)
    assert model.stop_reason_ != "exact"
    X = M.T @ M
    np.fill_diagonal(X, 0)
    assert model.cost_ < 1e-6 * (X**2).sum()
