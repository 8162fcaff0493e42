"""What holds for the counts of pairs of any likes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import movieembed as me
from helpers import dense_cooccurrence, top_k_reference

weights = hnp.arrays(
    np.int8,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    elements=st.integers(-3, 3),
)


def as_users(L: NDArray[np.int8]) -> me.Likes:
    """Likes of users by their rows' own word, for some are symmetric as X is."""
    return me.Likes.from_matrix(L, users=range(len(L)))


@settings(deadline=None, max_examples=60)
@given(L=weights, data=st.data())
def test_properties(L: NDArray[np.int8], data: st.DataObject) -> None:
    n_users, n_items = L.shape
    X = me.cooccurrence(as_users(L)).toarray()
    np.testing.assert_array_equal(X, X.T)
    np.testing.assert_array_equal(X, dense_cooccurrence(L))

    items = np.array(data.draw(st.permutations(range(n_items)), label="items"))
    users = np.array(data.draw(st.permutations(range(n_users)), label="users"))
    np.testing.assert_array_equal(
        me.cooccurrence(as_users(L[:, items])).toarray(), X[np.ix_(items, items)]
    )
    np.testing.assert_array_equal(me.cooccurrence(as_users(L[users])).toarray(), X)

    cut = data.draw(st.integers(0, n_users), label="cut")
    parts = (
        me.cooccurrence(as_users(L[:cut])).toarray() + me.cooccurrence(as_users(L[cut:])).toarray()
    )
    np.testing.assert_array_equal(parts, X)
    np.testing.assert_array_equal(me.cooccurrence(as_users(np.vstack([L, L]))).toarray(), 2 * X)
    np.testing.assert_array_equal(me.cooccurrence(as_users(-L)).toarray(), X)
    np.testing.assert_array_equal(me.cooccurrence(as_users(3 * L)).toarray(), 9 * X)

    squares, totals = me.cooccurrence_sums(as_users(L))
    np.testing.assert_array_equal(squares, (X.astype(float) ** 2).sum(axis=1))
    np.testing.assert_array_equal(totals, X.sum(axis=1))
    k = data.draw(st.integers(1, n_items + 2), label="k")
    columns, values = me.cooccurrence_top_k(as_users(L), k)
    longer = me.cooccurrence_top_k(as_users(L), k + 1)
    np.testing.assert_array_equal(columns, longer[0][:, :k])
    np.testing.assert_array_equal(values, longer[1][:, :k])
    np.testing.assert_array_equal(columns, top_k_reference(L, k)[0])


@settings(deadline=None, max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 100)),
    steepness=st.floats(0, 8),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
def test_properties_of_counts(
    shape: tuple[int, int], steepness: float, seed: int, data: st.DataObject
) -> None:
    """Likes of items from as popular as can be to rare, in more than one panel of rows."""
    rng = np.random.default_rng(seed)
    L = (rng.random(shape) < rng.random(shape[1]) ** steepness).astype(np.int8)
    X = dense_cooccurrence(L)
    np.testing.assert_array_equal(me.cooccurrence(L).toarray(), X)
    k = data.draw(st.integers(1, shape[1] + 1), label="k")
    n_jobs = data.draw(st.sampled_from([1, 2, 3]), label="n_jobs")
    columns, values, squares, totals = me.cooccurrence_top_k(L, k, return_sums=True, n_jobs=n_jobs)
    expected = top_k_reference(L, k)
    np.testing.assert_array_equal(columns, expected[0])
    np.testing.assert_array_equal(values, expected[1])
    np.testing.assert_array_equal(squares, (X**2).sum(axis=1))
    np.testing.assert_array_equal(totals, X.sum(axis=1))
