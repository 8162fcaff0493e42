"""What holds for the cost and gradient of any likes and embedding."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import movieembed as me
from helpers import dense_cooccurrence, dense_cost, dense_gradient, normal, to_dense

METHODS = ("auto", "identity", "exact")


@st.composite
def problems(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Signed weights and an embedding, in eighths, so that few sums round."""
    n_users, n_items = draw(st.integers(0, 8)), draw(st.integers(1, 8))
    d = draw(st.integers(1, 5))
    eighths = st.integers(-24, 24).map(lambda n: n / 8)
    L = draw(hnp.arrays(np.float64, (n_users, n_items), elements=st.sampled_from([0, 1, -1, 2])))
    V = draw(hnp.arrays(np.float64, (n_items, d), elements=eighths))
    assume(n_users != n_items or (L != L.T).any())  # which is refused: it looks like X
    return L, V


def tolerance(L: Any, V: NDArray[np.float64]) -> float:
    """1e-12 of the terms of the cost."""
    L = to_dense(L)
    return float(1e-12 * (np.linalg.norm(V.T @ V) ** 2 + np.linalg.norm(L.T @ L) ** 2) + 1e-300)


@settings(deadline=None, max_examples=60)
@given(problem=problems(), data=st.data())
def test_properties(problem: tuple[Any, Any], data: st.DataObject) -> None:
    L, V = problem
    n_users, n_items = L.shape
    X, atol = dense_cooccurrence(L), tolerance(L, V)
    value, g = me.cost(L, V), me.gradient(L, V)
    assert value >= 0
    for method in METHODS:
        assert abs(me.cost(L, V, method=method) - dense_cost(X, V)) <= atol
    np.testing.assert_allclose(g, dense_gradient(X, V), rtol=0, atol=1e3 * atol)

    items = np.array(data.draw(st.permutations(range(n_items)), label="items"))
    users = np.array(data.draw(st.permutations(range(n_users)), label="users"), dtype=int)
    assert abs(me.cost(L[users][:, items], V[items]) - value) <= atol
    np.testing.assert_allclose(me.gradient(L[users][:, items], V[items]), g[items], atol=1e3 * atol)

    # Rotations change nothing but the coordinates; signs of users cancel.
    d = V.shape[1]
    Q = np.linalg.qr(normal((d, d), data.draw(st.integers(0, 9), label="rotation")))[0]
    assert abs(me.cost(L, V @ Q) - value) <= atol
    np.testing.assert_allclose(me.gradient(L, V @ Q), g @ Q, rtol=0, atol=1e3 * atol)
    assert abs(me.cost(-L, V) - value) <= atol
    # L and V in another unit: powers of two scale without rounding.
    assert me.cost(4 * L, 4 * V, method="identity") == 256 * me.cost(L, V, method="identity")
    np.testing.assert_array_equal(me.gradient(4 * L, 4 * V), 64 * g)
    # Zero components, items nobody likes at zero, users of one item: nothing changes.
    assert abs(me.cost(L, np.hstack([V, np.zeros((n_items, 2))])) - value) <= atol
    more = np.hstack([L, np.zeros((n_users, 1))])
    assert abs(me.cost(more, np.vstack([V, np.zeros(d)])) - value) <= atol
    single = np.eye(n_items) * data.draw(st.integers(1, 3), label="single like")
    assert abs(me.cost(np.vstack([L, single]), V) - value) <= atol + tolerance(single, V)


@settings(deadline=None, max_examples=60)
@given(problem=problems(), seed=st.integers(0, 2**32 - 1))
def test_gradient_along_a_direction(problem: tuple[Any, Any], seed: int) -> None:
    """c(V + tD) is a quartic in t, for which 4th-order central differences have no error."""
    L, V = problem
    D = normal(V.shape, seed)
    h = 0.5
    c = {m: me.cost(L, V + m * h * D, method="exact") for m in (-2, -1, 1, 2)}
    difference = (8 * (c[1] - c[-1]) - (c[2] - c[-2])) / (12 * h)
    slope = float((me.gradient(L, V) * D).sum())
    assert abs(difference - slope) <= 1e-11 * (sum(c.values()) + (dense_cooccurrence(L) ** 2).sum())
