"""Given learning rates: PyTorch's updates, written out."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import dense_cost, dense_gradient
from movieembed.solvers.descent import adam, gradient_descent, momentum
from solver_cases import fit, full_problem


def assert_same_path(steps, expected):
    for k, (step, V) in enumerate(zip(steps, expected, strict=False)):
        np.testing.assert_allclose(step.V, V, rtol=1e-10, atol=1e-12, err_msg=f"step {k}")


def test_gd_with_a_learning_rate_is_sgd():
    op, X, V0 = full_problem()

    def path(V):
        for _ in range(12):
            yield V
            V = V - 1e-3 * dense_gradient(X, V)

    assert_same_path(gradient_descent(op, V0, 1e-3), path(V0))


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_momentum_with_a_learning_rate_is_sgd_with_momentum(decay):
    op, X, V0 = full_problem()

    def path(V):
        buffer = None
        for _ in range(12):
            yield V
            g = dense_gradient(X, V)
            buffer = g if buffer is None else decay * buffer + g
            V = V - 5e-4 * buffer

    assert_same_path(momentum(op, V0, 5e-4, decay), path(V0))


def test_adam_with_a_learning_rate_is_adam():
    op, X, V0 = full_problem()

    def path(V, lr=0.05, beta1=0.9, beta2=0.999, eps=1e-8):
        exp_avg, exp_avg_sq = np.zeros_like(V), np.zeros_like(V)
        for t in range(1, 13):
            yield V
            g = dense_gradient(X, V)
            exp_avg = beta1 * exp_avg + (1 - beta1) * g
            exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g**2
            denominator = np.sqrt(exp_avg_sq) / np.sqrt(1 - beta2**t) + eps
            V = V - lr / (1 - beta1**t) * exp_avg / denominator

    assert_same_path(adam(op, V0, 0.05), path(V0))


def test_momentum_parameter_reaches_the_solver():
    op, X, V0 = full_problem()
    g0 = dense_gradient(X, V0)
    V1 = V0 - 5e-4 * g0
    V2 = V1 - 5e-4 * (0.3 * g0 + dense_gradient(X, V1))
    model = fit(
        op.matrix, 3, solver="momentum", learning_rate=5e-4, momentum=0.3, init=V0, max_iter=2
    )
    assert model.cost_ == pytest.approx(dense_cost(X, V2), rel=1e-12)


def test_adam_overshooting_keeps_the_best():
    op, X, V0 = full_problem()
    model = fit(op.matrix, 3, solver="adam", learning_rate=2.0, init=V0, max_iter=40)
    costs = model.history_["cost"]
    assert costs.iloc[-1] > costs.min()
    assert model.cost_ == pytest.approx(costs.min(), rel=1e-9)
    assert dense_cost(X, model.embedding_) == pytest.approx(costs.min(), rel=1e-9)
