"""The descents' directions against their definitions, formed densely."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from helpers import dense_cooccurrence, dense_gradient
from movieembed.operators.cpu import CpuOperator
from movieembed.solvers.descent import lbfgs
from solver_cases import hetero_pca, problem


@pytest.mark.parametrize("memory", [1, 3, 10])
def test_lbfgs_steps_along_the_inverse_of_bfgs(memory):
    # H from the last pairs by the update itself: (I - s y'/sy) H (I - y s'/sy) + s s'/sy.
    L, d = problem("tastes")
    X = dense_cooccurrence(L)
    op = CpuOperator(L)
    # Near the optimum, where the curvature along every step is positive.
    V0 = hetero_pca(X, np.zeros((op.n_items, d)))
    V0 = V0 + 0.05 * np.random.default_rng(0).standard_normal(V0.shape)
    rate = 1e-3
    V = [step.V for step in islice(lbfgs(op, op.asarray(V0), rate, memory), 7)]
    g = [dense_gradient(X, each).ravel() for each in V]
    one = np.eye(V0.size)
    used = 0
    for k in range(len(V) - 1):
        pairs = [((V[i + 1] - V[i]).ravel(), g[i + 1] - g[i]) for i in range(k)]
        pairs = [(s, y) for s, y in pairs if s @ y > 0][-memory:]
        H = one
        if pairs:
            s, y = pairs[-1]
            H = one * (s @ y) / (y @ y)
        for s, y in pairs:
            left = one - np.outer(s, y) / (s @ y)
            H = left @ H @ left.T + np.outer(s, s) / (s @ y)
        expected = V[k] - rate * (H @ g[k]).reshape(V0.shape)
        np.testing.assert_allclose(V[k + 1], expected, rtol=1e-8, atol=1e-10)
        used = max(used, len(pairs))
    assert used == min(memory, 5)
