"""The estimate of the distance to the optimum, from the costs so far."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from movieembed.solvers.point import Step
from movieembed.solvers.stopping import Stopping, estimate_gap


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("window", [1, 2, 5])
def test_gap_of_a_geometric_sequence_is_exact(rate, window):
    costs = [10 + 3 * rate**k for k in range(2 * window + 1)]
    assert estimate_gap(costs, window, 0.0) == pytest.approx(costs[-1] - 10, rel=1e-9)


def test_gap_needs_two_windows():
    costs = [1.0, 0.5, 0.25, 0.125, 0.0625]
    assert estimate_gap(costs[:4], 2, 0.0) == np.inf
    assert estimate_gap(costs, 2, 0.0) < np.inf
    assert estimate_gap([], 2, 0.0) == np.inf


def test_gap_looks_at_the_end_alone():
    costs = [1e9, 3.0, 1e5] + [10 + 0.5**k for k in range(5)]
    assert estimate_gap(costs, 2, 0.0) == pytest.approx(0.5**4, rel=1e-9)


def test_gap_on_a_plateau_is_the_noise():
    assert estimate_gap([5.0] * 7, 3, 1e-3) == 1e-3
    assert estimate_gap([5.0, 5.0, 5.0004, 5.0, 5.0, 4.9997, 5.0], 3, 1e-3) == 1e-3


@pytest.mark.parametrize(
    "costs",
    [
        [3.0, 2.0, 1.0],  # no slowing down: nothing to extrapolate
        [3.0, 2.5, 1.0],  # speeding up
        [3.0, 1.0, 2.0],  # rising
        [1.0, 2.0, 3.0],
    ],
)
def test_gap_of_what_does_not_settle_is_infinite(costs):
    assert estimate_gap(costs, 1, 1e-9) == np.inf


def test_the_gap_is_the_largest_of_the_windows():
    costs = [100.0, 84.0, 76.0, 69.0, 66.0, 63.1, 63.0]
    op = SimpleNamespace(dtype=np.dtype(np.float64), frobenius_squared=1.0)
    stopping = Stopping(op, 1e-8, 2)
    for iteration, value in enumerate(costs):
        assert stopping.reason(Step(None, value, 0.0, missed=0.0), iteration) is None
    each = [estimate_gap(costs, window, 1e-15) for window in (1, 2)]
    assert np.isfinite(each).all()
    assert abs(each[0] - each[1]) > 0.1
    assert stopping.relative_gap(costs[-1]) == pytest.approx(max(each) / costs[-1], rel=1e-12)


def test_what_ends_by_its_last_step_goes_as_far_again_at_least():
    op = SimpleNamespace(dtype=np.dtype(np.float64), frobenius_squared=1.0)
    stopping = Stopping(op, 1e-4, 1)
    costs = [2.0, 1.1, 1.001, 1.00002]
    reasons = [stopping.reason(Step(None, c, 0.0, missed=0.0), i) for i, c in enumerate(costs)]
    assert reasons == [None, None, None, None]
    assert stopping.relative_gap(1.0) == pytest.approx(costs[2] - costs[3], rel=1e-9)
    assert stopping.reason(Step(None, 1.00001, 0.0, missed=0.0), 4) == "converged"


def stopped_at(gaps, norms, *, uneven=False, window=1, noise=1e-18) -> Stopping:
    scale = noise / (4 * np.finfo(np.float64).eps)
    op = SimpleNamespace(dtype=np.dtype(np.float64), frobenius_squared=scale)
    stopping = Stopping(op, 1e-12, window)
    for iteration, (gap, norm) in enumerate(zip(gaps, norms, strict=True)):
        stopping.reason(Step(None, 1 + gap, norm, missed=0.0, uneven=uneven), iteration)
    return stopping


@pytest.mark.parametrize("rate", [0.02, 0.07, 0.14])
@pytest.mark.parametrize("slower", [0.1, 1.0, 2.0, 5.0])
def test_fast_decreases_are_believed_as_far_as_rate_and_gradient_do(rate, slower):
    """Where the gradient falls more slowly than the costs, more is left than they say."""
    gaps = rate ** np.arange(6.0)
    norms = gaps**0.5
    norms[-1] *= slower**0.5
    told = stopped_at(gaps, norms).relative_gap(1.0)
    last = gaps[-2] - gaps[-1]
    assert told == pytest.approx(min(1.5 * max(slower, 1) * gaps[-1], last), rel=1e-3)


def test_a_gap_below_rounding_is_not_told():
    gaps, noise = np.array([1, 0.1, 1e-2, 1e-3, 1e-5]), 5e-4
    stopping = stopped_at(gaps, gaps**0.5 * 1e3, noise=noise)
    assert 1e12 * stopping.relative_gap(1e12) == pytest.approx(noise)


@pytest.mark.parametrize(("rate", "uneven"), [(0.16, False), (0.4, False), (0.05, True)])
def test_other_decreases_are_not_believed(rate, uneven):
    gaps = rate ** np.arange(6.0)
    told = stopped_at(gaps, gaps**0.5, uneven=uneven).relative_gap(1.0)
    assert told >= 0.99 * (gaps[-2] - gaps[-1])


@pytest.mark.parametrize("last", [[4.0, 4.0, 1.0], [4.0, 6.0, 1.0], [4.0, 1.0, 1.5]])
def test_a_rise_among_many_decreases_is_no_fast_one(last):
    """A long run is judged over more than its last two decreases."""
    gaps = 0.5 ** np.arange(18.0)
    gaps[-3:] = gaps[-1] * np.array(last)
    norms = gaps**0.5 * np.where(np.arange(18) < 17, 1, 1e-3)
    told = stopped_at(gaps, norms).relative_gap(1.0)
    assert told == pytest.approx(estimate_gap(list(1 + gaps), 2, 0.0, 0.5), rel=1e-6)


def test_decreases_over_a_window_stay_as_they_are():
    gaps = np.array([1, 0.5, 0.25, 0.125, 0.0625, 0.0565])
    norms = gaps**0.5 * [1, 1, 1, 1, 1, 0.01]
    told = stopped_at(gaps, norms, window=2).relative_gap(1.0)
    assert told == pytest.approx(estimate_gap(list(1 + gaps), 2, 0.0), rel=1e-9)


def test_a_short_step_among_uneven_ones_ends_nothing() -> None:
    """What the gradient says of the gap counts, where decreases tell little."""
    op = SimpleNamespace(dtype=np.dtype(np.float64), frobenius_squared=1.0)
    gaps = np.array([0.5, 0.3, 0.2, 0.12, 0.08, 0.05, 0.03, 0.028])
    estimates = []
    for uneven in (False, True):
        stopping = Stopping(op, 5e-3, 1)
        for iteration, gap in enumerate(gaps):
            step = Step(None, 1 + gap, gap**0.5, missed=0.0, uneven=uneven)
            reason = stopping.reason(step, iteration)
        assert (reason is None) == uneven
        estimates.append(stopping.relative_gap(1.0))
    assert estimates[0] < gaps[-1] / 5
    assert gaps[-1] / 2 < estimates[1] < 2 * gaps[-1]


@pytest.mark.parametrize("window", [1, 2, 5])
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("n", [100, 400, 900])
def test_the_gap_in_a_valley_is_of_the_right_size(n: int, power: int, window: int) -> None:
    """Where decreases go with a power of the iteration, and steps differ in length."""
    op = SimpleNamespace(dtype=np.dtype(np.float64), frobenius_squared=1.0)
    stopping = Stopping(op, 1e-14, window)
    uneven = np.random.default_rng(0).uniform(0.5, 1.5, n).cumsum()
    costs = 1e6 * (1 + uneven**-power)
    for iteration, cost in enumerate(costs):
        stopping.reason(Step(None, cost, 0.0, missed=0.0), iteration)
    truth = costs[-1] / 1e6 - 1
    assert truth / 5 < stopping.relative_gap(costs[-1]) < 5 * truth


def stopping_of(noise: float, tol: float) -> Stopping:
    eps = np.finfo(np.float64).eps
    op = SimpleNamespace(dtype=np.dtype(np.float64), frobenius_squared=noise / (4 * eps))
    return Stopping(op, tol, 2)


@pytest.mark.parametrize("rate", [0.1, 0.4, 0.7])
def test_below_rounding_the_gradient_tells_the_gap(rate: float) -> None:
    """Costs fall into rounding of 1e-6 of them; 1e-8 is asked for, and reached, not overshot."""
    noise, tol, best = 1e-6, 1e-8, 1.0
    stopping = stopping_of(noise, tol)
    rng = np.random.default_rng(0)
    for iteration in range(200):
        gap = rate**iteration
        step = Step(None, best + gap + 0.3 * noise * rng.uniform(-1, 1), gap**0.5, missed=0.0)
        if stopping.reason(step, iteration):
            break
    assert gap < tol * best
    assert gap > 1e-3 * tol * best


def test_a_plateau_is_not_the_optimum_however_even_the_costs() -> None:
    """Costs that stay, and a gradient that does not fall with them."""
    stopping = stopping_of(1e-6, 1e-8)
    for iteration in range(19):
        gap = 0.3**iteration
        step = Step(None, 1 + gap, 1e-2 + gap**0.5, missed=0.0)
        assert stopping.reason(step, iteration) is None
