"""Rows of X, their sums and largest entries, from the compiled kernels."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import movieembed._core as _core
from helpers import dense_cooccurrence, random_likes, top_k_of_rows
from kernel_cases import (
    FLOATS,
    INDICES,
    L34,
    LT34,
    THREADS,
    built,
    core,
    matrices,
    pair,
    popular_and_rare,
    ranges,
    residual,
    signed_integers,
)


@pytest.mark.parametrize("dtype", [None, *FLOATS])
@pytest.mark.parametrize("index", INDICES)
def test_cooccurrence(index: Any, dtype: Any) -> None:
    for name, L in matrices():
        if dtype is not None:
            L = signed_integers(L, 3)
        X = dense_cooccurrence(L)
        met = dense_cooccurrence(L != 0) > 0  # stored where somebody has both, even if 0
        by_user, by_item = pair(L, index, dtype)
        for first, last in ranges(L.shape[1]):
            for n_threads in THREADS:
                indptr, columns, data = built(by_user, by_item, first, last, n_threads=n_threads)
                assert indptr.dtype == np.int64
                assert columns.dtype == index
                assert data.dtype == (np.int64 if dtype is None else np.float64)
                np.testing.assert_array_equal(
                    indptr, [0, *np.cumsum(met.sum(axis=1))], err_msg=name
                )
                np.testing.assert_array_equal(columns, np.nonzero(met)[1], err_msg=name)
                np.testing.assert_array_equal(data, X[met], err_msg=name)


def test_cooccurrence_filled_in_ranges() -> None:
    L = popular_and_rare(60, 90, seed=6)
    X = dense_cooccurrence(L)
    building = _core.Cooccurrence(*pair(L))
    building.add(0, 90)
    for first, last in itertools.pairwise((0, 0, 1, 40, 90)):
        with pytest.raises(ValueError, match=f"rows must be added in order: {first} is next"):
            building.fill(first + 1, 90)
        building.fill(first, last)
    indptr, columns, data = building.finish()
    np.testing.assert_array_equal(sp.csr_array((data, columns, indptr)).toarray(), X)
    unfinished = _core.Cooccurrence(*pair(L))
    unfinished.add(0, 89)
    with pytest.raises(ValueError, match="rows 89 to 90 are missing"):
        unfinished.fill(0, 1)


@pytest.mark.parametrize("dtype", [None, np.float32])
def test_cooccurrence_of_too_many_users_for_bitsets(dtype: Any) -> None:
    """Beyond 2 MiB of them the columns of a row are found one by one."""
    rng = np.random.default_rng(7)
    some = popular_and_rare(300, 40, seed=8).tocoo()
    rows = np.sort(rng.choice(2_200_000, 300, replace=False))[some.coords[0]]
    L = sp.csr_array((some.data, (rows, some.coords[1])), shape=(2_200_000, 40))
    X = dense_cooccurrence(some)
    for n_threads in (1, 3):
        indptr, columns, data = built(*pair(L, np.int32, dtype), n_threads=n_threads)
        np.testing.assert_array_equal(sp.csr_array((data, columns, indptr)).toarray(), X)
        assert len(data) == np.count_nonzero(X)


def test_cooccurrence_wants_all_rows_in_order() -> None:
    building = _core.Cooccurrence(L34, LT34)
    with pytest.raises(ValueError, match="rows must be added in order: 0 is next"):
        building.add(1, 4)
    building.add(0, 2)
    with pytest.raises(ValueError, match="rows must be added in order: 2 is next"):
        building.add(0, 2)
    with pytest.raises(ValueError, match="rows 2 to 4 are missing"):
        building.finish()
    building.add(2, 4)
    assert building.finish()[0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("dtype", [None, *FLOATS])
@pytest.mark.parametrize("index", INDICES)
def test_cooccurrence_row_sums(index: Any, dtype: Any) -> None:
    for name, L in matrices():
        if dtype is not None:
            L = signed_integers(L, 4)
        X = dense_cooccurrence(L)
        by_user, by_item = pair(L, index, dtype)
        for first, last in ranges(L.shape[1]):
            for n_threads in THREADS:
                squares, totals = _core.cooccurrence_row_sums(
                    by_user, by_item, first, last, n_threads
                )
                assert squares.dtype == totals.dtype == np.float64
                rows = X[first:last]
                np.testing.assert_array_equal(squares, (rows**2).sum(axis=1), err_msg=name)
                np.testing.assert_array_equal(totals, rows.sum(axis=1), err_msg=name)


@pytest.mark.parametrize("index", INDICES)
def test_cooccurrence_sum_of_squares(index: Any) -> None:
    """In one block of 256 rows of X, and in several; of items that nobody likes too."""
    wide = sp.csr_array(np.random.default_rng(0).random((90, 700)) < 0.05, dtype=float)
    for name, L in [*matrices(), ("wide", wide), ("tall", wide.T.tocsr())]:
        X = dense_cooccurrence(L)
        for n_threads in THREADS:
            found = _core.cooccurrence_sum_of_squares(core(L, index), n_threads)
            assert found == (X**2).sum(), name


def test_the_sum_of_squares_takes_likes_of_one() -> None:
    with pytest.raises(TypeError, match="l has values: likes of 1 are counted"):
        _core.cooccurrence_sum_of_squares(core(2 * np.eye(3), np.int32, np.float64))


@pytest.mark.parametrize("dtype", [None, *FLOATS])
@pytest.mark.parametrize("index", INDICES)
def test_cooccurrence_top_k(index: Any, dtype: Any) -> None:
    """Counts and small integer weights tie all the time."""
    for name, L in matrices():
        if dtype is not None:
            L = signed_integers(L, 5)
        X, met = dense_cooccurrence(L), dense_cooccurrence(L != 0) > 0
        by_user, by_item = pair(L, index, dtype)
        n_items = L.shape[1]
        for k in sorted({1, *({2, 5, n_items - 1, n_items} & set(range(1, n_items + 1)))}):
            columns, values = top_k_of_rows(X, met, k)
            for first, last in ranges(n_items):
                for n_threads in (1, 3):
                    j, x = _core.cooccurrence_top_k(by_user, by_item, first, last, k, n_threads)
                    assert j.dtype == np.int64
                    assert x.dtype == np.float64
                    assert j.shape == x.shape == (last - first, k)
                    np.testing.assert_array_equal(j, columns[first:last], err_msg=name)
                    np.testing.assert_array_equal(x, values[first:last], err_msg=name)


def test_cooccurrence_has_the_same_bits_at_any_thread_count() -> None:
    L = random_likes(60, 90, 0.3, seed=6, weights=True)
    by_user, by_item = pair(L, np.int32, np.float64)
    X = dense_cooccurrence(L)
    calls: list[Callable[[int], tuple[Any, ...]]] = [
        lambda n: built(by_user, by_item, n_threads=n),
        lambda n: _core.cooccurrence_row_sums(by_user, by_item, 0, 90, n),
        lambda n: _core.cooccurrence_top_k(by_user, by_item, 0, 90, 9, n),
        lambda n: (residual(by_user, by_item, 0, np.ones((90, 90)), n),),
    ]
    for call in calls:
        first = [a.tobytes() for a in call(1)]
        for n_threads in THREADS[1:]:
            assert [a.tobytes() for a in call(n_threads)] == first
    indptr, columns, data = calls[0](2)
    rows = np.repeat(np.arange(90), np.diff(indptr))
    np.testing.assert_allclose(data, X[rows, columns], atol=1e-13)
    np.testing.assert_allclose(calls[1](2)[0], (X**2).sum(axis=1), rtol=1e-12)


def test_cooccurrence_counts_beyond_16_bits_and_squares_beyond_32() -> None:
    n = 70_000
    by_user, by_item = pair(np.ones((n, 2), dtype=np.float32))
    np.testing.assert_array_equal(built(by_user, by_item)[2], [n, n])
    squares, totals = _core.cooccurrence_row_sums(by_user, by_item, 0, 2)
    np.testing.assert_array_equal(squares, [n * n, n * n])
    np.testing.assert_array_equal(totals, [n, n])
    assert _core.cooccurrence_sum_of_squares(by_user) == 2 * n * n
    np.testing.assert_array_equal(
        _core.cooccurrence_top_k(by_user, by_item, 0, 2, 1)[1], [[n], [n]]
    )


def test_float32_weights_are_multiplied_in_float64() -> None:
    w = np.array([[1 + 2.0**-20, 1 - 2.0**-20]], dtype=np.float32)
    by_user, by_item = pair(w, np.int32, np.float32)
    assert built(by_user, by_item)[2].tolist() == [1 - 2.0**-40] * 2
    assert _core.cooccurrence_row_sums(by_user, by_item, 0, 1)[1].tolist() == [1 - 2.0**-40]
    p = np.ones((1, 2))
    _core.residual_rows(by_user, by_item, 0, p)
    assert p.tolist() == [[0, 2.0**-40]]


PAIR_CALLS: dict[str, Callable[..., Any]] = {
    "rows": lambda *pair, first=0, last=4: _core.Cooccurrence(*pair).add(first, last),
    "row_sums": lambda *pair, first=0, last=4: _core.cooccurrence_row_sums(*pair, first, last),
    "top_k": lambda *pair, first=0, last=4: _core.cooccurrence_top_k(*pair, first, last, 1),
}


@pytest.mark.parametrize("name", [*PAIR_CALLS, "residual"])
def test_kernels_refuse_a_pair_that_does_not_fit(name: str) -> None:
    def residual_call(by_user: Any, by_item: Any) -> Any:
        return _core.residual_rows(by_user, by_item, 0, np.zeros((1, by_user.cols)))

    call = PAIR_CALLS.get(name, residual_call)
    dense = np.array([[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0]])
    with pytest.raises(ValueError, match="lt is not the transpose of l"):
        call(L34, L34)
    with pytest.raises(ValueError, match="lt is not the transpose of l"):
        call(L34, core(np.ones((4, 3))))
    with pytest.raises(ValueError, match="lt is not the transpose of l"):
        call(L34, core(dense[:, :3].T))
    with pytest.raises(TypeError, match="l and lt must have the same index dtype"):
        call(L34, core(dense.T, np.int64))
    with pytest.raises(TypeError, match="l and lt must have the same values dtype"):
        call(L34, core(dense.T, np.int32, np.float64))
    with pytest.raises(TypeError, match="l and lt must have the same values dtype"):
        call(core(dense, np.int32, np.float32), core(dense.T, np.int32, np.float64))
    with pytest.raises(TypeError, match="lt"):
        call(L34, None)


@pytest.mark.parametrize("name", PAIR_CALLS)
@pytest.mark.parametrize(
    ("first", "last"), [(-1, 4), (0, 5), (3, 2), (5, 5), (-(2**63), 0), (0, 2**63 - 1)]
)
def test_kernels_refuse_a_range_of_other_rows(name: str, first: int, last: int) -> None:
    with pytest.raises(ValueError, match=r"rows \[.*\) are not within \[0, 4\)"):
        PAIR_CALLS[name](L34, LT34, first=first, last=last)


@pytest.mark.parametrize("k", [0, -1, 5, 2**62])
def test_cooccurrence_top_k_refuses_k(k: int) -> None:
    with pytest.raises(ValueError, match=r"k must be within \[1, 4\]"):
        _core.cooccurrence_top_k(L34, LT34, 0, 4, k)
