"""What the eigenvalue solver foresees, and how it works on where float32 ends."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import scipy.sparse as sp

import movieembed as me
from movieembed._base.threads import serial_blas
from movieembed.operators.cpu import CpuOperator
from movieembed.solvers.eigen import FARTHEST, FARTHEST_EVER, Foresight, eigen, is_slow, turn


def test_a_wrong_diagonal_is_mended_in_one_step() -> None:
    """Of a matrix of rank d, whose diagonal is the fixed point: the alternation gets part of it."""
    rng = np.random.default_rng(0)
    n_items, d = 40, 20
    V = rng.standard_normal((n_items, d)) + 3 * rng.random(d)
    whole = V @ V.T
    op = CpuOperator(sp.csr_array(np.ones((2, n_items))))
    for item in range(n_items):
        wrong = np.diag(whole).copy()
        wrong[item] *= 1.001
        theta, W = np.linalg.eigh(whole - np.diag(np.diag(whole)) + np.diag(wrong))
        W, theta = np.ascontiguousarray(W[:, -d:]), theta[-d:]
        n = W**2 @ theta
        left = abs(n[item] - whole[item, item])
        assert left > 0.2 * abs(wrong[item] - whole[item, item])
        foreseen = Foresight().next_delta(op, W, wrong, n)
        assert abs(foreseen[item] - whole[item, item]) < 0.03 * left


@pytest.mark.parametrize("part", [0.5, 0.7, 0.9, 0.99])
@pytest.mark.parametrize("seed", range(3))
def test_an_item_far_below_its_diagonal_is_led_farther_than_by_newton(
    seed: int, part: float
) -> None:
    """Its leverage grows on the way, so that Newton's steps fall short again and again."""
    rng = np.random.default_rng(seed)
    n_items, d = 40, 20
    V = rng.standard_normal((n_items, d)) + 3 * rng.random(d)
    V[0] *= 3
    whole = V @ V.T
    true = np.diag(whole)
    delta = true.copy()
    delta[0] *= part
    theta, W = np.linalg.eigh(whole - np.diag(true) + np.diag(delta))
    W, theta = np.ascontiguousarray(W[:, -d:]), theta[-d:]
    n = W**2 @ theta
    newton = delta[0] + (n[0] - delta[0]) / (1 - W[0] @ W[0]) ** 2
    foresight = Foresight()
    foresight.farthest = FARTHEST_EVER
    op = CpuOperator(sp.csr_array(np.ones((2, n_items))))
    foreseen = foresight.next_delta(op, W, delta, n)[0]
    assert newton < foreseen < true[0]
    assert true[0] - foreseen < 0.9 * (true[0] - newton)


def test_the_diagonal_stays_near_the_last_one() -> None:
    """A step that was cut short may be longer the next time, each item's by itself."""
    rng = np.random.default_rng(0)
    op = CpuOperator(sp.csr_array(np.ones((2, 30))))
    W = np.linalg.qr(rng.standard_normal((30, 20)))[0]
    n = rng.random(30)
    near = np.where(np.arange(30) < 10, n, 0 * n)  # these are where they lead
    foresight = Foresight()
    for farthest in (FARTHEST, FARTHEST**2, FARTHEST**4, FARTHEST**8, 2.0, 2.0):
        foreseen = foresight.next_delta(op, W, near, n)
        np.testing.assert_allclose(foreseen[10:], min(farthest, FARTHEST_EVER) * n[10:])
        np.testing.assert_allclose(foreseen[:10], n[:10])
    np.testing.assert_allclose(foresight.next_delta(op, W, 100 * n, n)[:10], n[:10] / FARTHEST)
    np.testing.assert_allclose(Foresight().next_delta(op, W, 100 * n, n), n / FARTHEST)


@pytest.mark.parametrize(("d", "most"), [(20, 8), (60, 9), (250, 12), (400, 16)])
def test_few_iterations_reach_the_optimum(d: int, most: int) -> None:
    """Least squares alone finds no lower cost; plain alternation took 7, 10, 41 and 65."""
    likes = me.Likes.from_movielens("demo")
    model = me.MovieEmbedding(d, random_state=0).fit(likes)
    assert model.converged_
    assert model.n_iter_ <= most
    closer = me.MovieEmbedding(d, solver="als", init=model.embedding_, tol=1e-12, max_iter=30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert model.cost_ <= closer.fit(likes).cost_ * (1 + 1e-8)


def test_turning_in_place_is_a_product() -> None:
    rng = np.random.default_rng(0)
    op = CpuOperator(sp.csr_array(rng.random((50, 300)) < 0.3, dtype=np.float64))
    A, C = rng.standard_normal((op.n_items, 7)), rng.standard_normal((5, 4))
    expected = A[:, :5] @ C
    turn(op, A[:, :5], C, np.empty((64, 6)))
    np.testing.assert_allclose(A[:, :4], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("costs", "norms", "slow"),
    [
        ([100, 10], [9, 3], False),
        ([100, 20, 10], [9, 6, 3], False),  # falls by an eighth
        ([100, 60, 30], [9, 6, 3], True),
        ([100, 2, 1.9, 1.8999999], [9, 6, 3, 2.9], True),  # the gradient rests
        ([100, 2, 1.9, 1.8999999], [9, 6, 3, 1], False),
        ([100, 2, 1.9, 1.899], [9, 6, 3, 2.9], False),  # and the cost falls
    ],
)
def test_when_the_block_method_hands_over(
    costs: list[float], norms: list[float], slow: bool
) -> None:
    assert is_slow(costs, norms) == slow


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_costs_fall_until_rounding(dtype: str) -> None:
    op = CpuOperator(me.Likes.from_movielens("demo").matrix, np.dtype(dtype))
    with serial_blas():
        steps = list(itertools.islice(eigen(op, 60, np.random.default_rng(0)), 8))
    costs = np.array([step.cost for step in steps])
    noise = 1e-6 if dtype == "float32" else 1e-9
    assert (np.diff(costs) < noise * costs[-1]).all()
