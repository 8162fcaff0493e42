"""Where a start is given: it keeps its columns, and a few iterations from near the optimum do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import movieembed as me
from movieembed.operators.cpu import CpuOperator
from movieembed.solvers import solve
from movieembed.solvers.eigen import block_width, first_basis
from solver_cases import tastes

D = 8


def operator(seed: int = 0, dtype: Any = np.float64) -> CpuOperator:
    likes = tastes(1500, 200, seed)
    return CpuOperator(sp.csr_array(likes), dtype)


def starts(op: CpuOperator) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    V = rng.standard_normal((op.n_items, D))
    twice = np.hstack([V[:, :4], V[:, :4]])
    with_zeros = V.copy()
    with_zeros[:, 3:6] = 0
    one = np.zeros_like(V)
    one[0, 0] = 1
    return {"any": V, "columns twice": twice, "zero columns": with_zeros, "one entry": one}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["any", "columns twice", "zero columns", "one entry"])
def test_the_basis_holds_the_start_and_is_orthonormal(name: str, dtype: Any) -> None:
    op = operator(dtype=dtype)
    V0 = starts(op)[name].astype(dtype)
    k = block_width(D, op.n_items)
    basis, delta, _ = first_basis(op, k, np.random.default_rng(0), V0)
    eps = 50 * float(np.finfo(dtype).eps)
    assert basis.shape == (op.n_items, k)
    np.testing.assert_allclose(basis.T @ basis, np.eye(k), atol=eps)
    np.testing.assert_allclose(delta, (V0**2).sum(axis=1), rtol=eps)
    outside = V0 - basis @ (basis.T @ V0)
    assert np.abs(outside).max() < 10 * eps * np.abs(V0).max()


def test_the_columns_beside_it_are_the_best_of_the_rest() -> None:
    """Power steps bring them near the eigenvectors that come next."""
    op = operator()
    optimum = solve(op, "eigen", D, rng=np.random.default_rng(0), tol=1e-10, progress=False).V
    k = block_width(D, op.n_items)
    basis, delta, _ = first_basis(op, k, np.random.default_rng(0), optimum)
    A = op.matrix.toarray().T @ op.matrix.toarray() - np.diag(op.diagonal) + np.diag(delta)
    values = np.linalg.eigvalsh(A)[::-1]
    Q = np.linalg.qr(optimum)[0]
    rest = np.linalg.svd(basis - Q @ (Q.T @ basis), full_matrices=False)[0][:, : k - D]
    assert np.abs(Q.T @ rest).max() < 1e-9
    assert 0.55 < np.trace(rest.T @ A @ rest) / values[D:k].sum() <= 1


def test_all_columns_are_given() -> None:
    """As many components as items: nothing is put beside them."""
    op = CpuOperator(sp.csr_array(tastes(60, 12, 0)))
    V0 = np.random.default_rng(0).standard_normal((op.n_items, op.n_items))
    basis, _, _ = first_basis(op, op.n_items, np.random.default_rng(0), V0)
    np.testing.assert_allclose(basis.T @ basis, np.eye(op.n_items), atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_few_more_likes_take_two_iterations(dtype: str) -> None:
    likes = sp.csr_array(tastes(1500, 200, 3))
    yesterday = likes.copy()
    yesterday.data = yesterday.data * (np.random.default_rng(0).random(likes.nnz) > 0.002)
    yesterday.eliminate_zeros()
    settings: dict[str, Any] = {"dtype": dtype, "tol": 1e-4, "random_state": 0}
    old = me.MovieEmbedding(3, **settings).fit(yesterday)
    best = me.MovieEmbedding(3, random_state=0).fit(likes).cost_
    again = old.refit(likes)
    assert again.n_iter_ == 2
    assert again.converged_
    assert again.cost_ < (1 + 1e-4) * best
    assert again.gap_ < 1e-4


def test_a_start_far_away_is_not_taken_for_the_optimum() -> None:
    likes = sp.csr_array(tastes(1500, 200, 3))
    best = me.MovieEmbedding(D, random_state=0).fit(likes)
    for seed in range(5):
        V0 = np.random.default_rng(seed).standard_normal((200, D))
        found = me.MovieEmbedding(D, init=V0, tol=1e-6, random_state=0).fit(likes)
        assert found.cost_ < (1 + 1e-5) * best.cost_
