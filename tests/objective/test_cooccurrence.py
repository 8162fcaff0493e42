"""Counts of pairs, their sums and largest entries, against dense products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import movieembed as me
from helpers import dense_cooccurrence, random_likes, top_k_reference
from movieembed.data.likes import Likes
from movieembed.operators import cooccurrence_matrix

SHAPES = [
    (0, 0, 0.0),
    (0, 4, 0.0),
    (4, 0, 0.0),
    (1, 1, 1.0),
    (4, 1, 1.0),
    (1, 9, 1.0),
    (6, 20, 0.0),
    (6, 20, 1.0),
    (30, 17, 0.4),
    (25, 200, 0.02),
]


def assert_canonical(X: sp.csr_array, n_items: int) -> None:
    assert isinstance(X, sp.csr_array)
    assert X.shape == (n_items, n_items)
    rows = np.repeat(np.arange(n_items), np.diff(X.indptr))
    assert X.indptr[0] == 0
    assert X.indptr[-1] == len(X.indices) == len(X.data)
    assert (rows != X.indices).all()  # not even a stored zero on the diagonal
    keys = rows * max(n_items, 1) + X.indices
    assert (np.diff(keys) > 0).all()
    assert X.has_canonical_format
    assert X.indices.dtype == X.indptr.dtype == np.int32


@pytest.mark.parametrize("block_work", [1, 50, 10**9])
@pytest.mark.parametrize(("n_users", "n_items", "density"), SHAPES)
def test_everything_against_dense(
    n_users: int, n_items: int, density: float, block_work: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one block of rows, in several, and in as many as there are rows."""
    monkeypatch.setattr(cooccurrence_matrix, "BLOCK_WORK", block_work)
    L = random_likes(n_users, n_items, density, seed=0)
    dense = dense_cooccurrence(L)
    for n_jobs in (None, 1, 3):
        X = me.cooccurrence(L, n_jobs=n_jobs)
        assert X.dtype == np.int64
        assert_canonical(X, n_items)
        assert X.nnz == np.count_nonzero(dense)
        np.testing.assert_array_equal(X.toarray(), dense)
        squares, totals = me.cooccurrence_sums(L, n_jobs=n_jobs)
        assert squares.dtype == totals.dtype == np.float64
        np.testing.assert_array_equal(squares, (dense**2).sum(axis=1))
        np.testing.assert_array_equal(totals, dense.sum(axis=1))
        for k in (1, 3, n_items + 2):
            columns, values = me.cooccurrence_top_k(L, k, n_jobs=n_jobs)
            assert columns.dtype == np.int64
            assert values.dtype == np.float64
            expected = top_k_reference(L, k)
            np.testing.assert_array_equal(columns, expected[0])
            np.testing.assert_array_equal(values, expected[1])


def test_blocks_cover_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    L = random_likes(20, 30, 0.3, seed=1)
    L = sp.csr_array(np.hstack([np.zeros((20, 2)), L.toarray(), np.zeros((20, 3))]))
    work = (L != 0).T @ np.diff(L.indptr)
    seen = set()
    for limit in (1, 30, 100, 300, 10**9):
        monkeypatch.setattr(cooccurrence_matrix, "BLOCK_WORK", limit)
        blocks = list(cooccurrence_matrix.row_blocks(L, False, "rows"))
        assert [r for first, last in blocks for r in range(first, last)] == list(range(35))
        for first, last in blocks:
            assert last == first + 1 or work[first:last].sum() <= limit
        seen.add(len(blocks))
    assert min(seen) == 1
    assert len(seen) >= 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_that_cancel(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed integers from -2 to 2: exact, often 0 where users meet, and 0 is stored there."""
    monkeypatch.setattr(cooccurrence_matrix, "BLOCK_WORK", 60)
    rng = np.random.default_rng(2)
    L = rng.integers(-2, 3, (9, 24)).astype(dtype)
    dense = dense_cooccurrence(L)
    met = dense_cooccurrence(L != 0) > 0
    assert ((dense == 0) & met).any()
    assert (dense < 0).any()
    for n_jobs in (1, 2):
        X = me.cooccurrence(L, n_jobs=n_jobs)
        assert X.dtype == np.float64
        assert_canonical(X, 24)
        np.testing.assert_array_equal(X.toarray(), dense)
        assert X.nnz == met.sum()
        squares, totals = me.cooccurrence_sums(L, n_jobs=n_jobs)
        np.testing.assert_array_equal(squares, (dense**2).sum(axis=1))
        np.testing.assert_array_equal(totals, dense.sum(axis=1))
        for k in (1, 4, 23, 30):
            columns, values = me.cooccurrence_top_k(L, k, n_jobs=n_jobs)
            expected = top_k_reference(L, k)
            np.testing.assert_array_equal(columns, expected[0])
            np.testing.assert_array_equal(values, expected[1])


def test_real_weights() -> None:
    L = random_likes(40, 60, 0.3, seed=3, weights=True)
    dense = dense_cooccurrence(L)
    np.testing.assert_allclose(me.cooccurrence(L).toarray(), dense, rtol=0, atol=1e-13)
    squares, totals = me.cooccurrence_sums(L)
    np.testing.assert_allclose(squares, (dense**2).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(totals, dense.sum(axis=1), rtol=0, atol=1e-12)
    columns, values = me.cooccurrence_top_k(L, 60)
    there = columns >= 0
    rows = np.repeat(np.arange(60), 60).reshape(60, 60)
    np.testing.assert_allclose(values[there], dense[rows[there], columns[there]], atol=1e-13)
    assert (values[~there] == 0).all()
    assert (np.diff(values, axis=1)[there[:, 1:]] <= 0).all()


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize(("n_users", "n_items", "density"), SHAPES)
def test_top_k_and_sums_at_once(
    n_users: int, n_items: int, density: float, weights: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cooccurrence_matrix, "BLOCK_WORK", 50)
    L = random_likes(n_users, n_items, density, seed=10, weights=weights)
    for k in (1, 3, n_items + 2):
        together = me.cooccurrence_top_k(L, k, return_sums=True)
        apart = (*me.cooccurrence_top_k(L, k), *me.cooccurrence_sums(L))
        assert len(together) == 4
        for one, other in zip(together, apart, strict=True):
            assert one.dtype == other.dtype
            assert one.flags.c_contiguous
            np.testing.assert_array_equal(one, other)


def test_frame() -> None:
    dense = (np.random.default_rng(9).random((12, 4)) < 0.6).astype(float)
    X = dense_cooccurrence(dense)
    titles = ["Alpha", "Beta", "Gamma", "Delta"]
    likes = Likes.from_matrix(dense, items=[10, 20, 30, 40], titles=titles)
    frame = me.cooccurrence_frame(likes, [30, 10, 30])
    expected = X[np.ix_([2, 0, 2], [2, 0, 2])].astype(np.int64)  # 0 where an item meets itself
    pd.testing.assert_frame_equal(frame, pd.DataFrame(expected, [30, 10, 30], [30, 10, 30]))
    frame = me.cooccurrence_frame(likes, ["Delta"], [10, "Beta", 40])
    pd.testing.assert_frame_equal(
        frame, pd.DataFrame(X[[3]][:, [0, 1, 3]].astype(np.int64), [40], [10, 20, 40])
    )
    weights = Likes.from_matrix(dense * 0.5)
    pd.testing.assert_frame_equal(me.cooccurrence_frame(weights, range(4)), pd.DataFrame(X / 4))
    with pytest.raises(me.ItemNotFoundError):
        me.cooccurrence_frame(likes, [50])


def test_movielens_small(small_likes: Likes) -> None:
    L = small_likes.matrix.astype(np.int64)
    product = L.T @ L
    product.setdiag(0)
    product.eliminate_zeros()
    product.sort_indices()
    X = me.cooccurrence(small_likes)
    assert X.nnz == 6_000_360
    assert int((X.data**2).sum()) == 63_482_944
    np.testing.assert_array_equal(X.indptr, product.indptr)
    np.testing.assert_array_equal(X.indices, product.indices)
    np.testing.assert_array_equal(X.data, product.data)

    squares, totals = me.cooccurrence_sums(small_likes)
    assert squares.sum() == 63_482_944
    np.testing.assert_array_equal(totals, X.sum(axis=1))
    np.testing.assert_array_equal(squares, (X * X).sum(axis=1))

    columns, values = me.cooccurrence_top_k(small_likes, 10)
    assert columns.shape == (9_742, 10)
    for i in range(0, 9_742, 97):
        row = X[[i]].toarray()[0]
        met = np.flatnonzero(row)
        best = met[np.lexsort((met, -row[met]))][:10]
        assert columns[i].tolist() == [*best, *[-1] * (10 - len(best))]
        assert values[i].tolist() == [*row[best], *[0] * (10 - len(best))]


def test_movielens_small_row_of_toy_story(small_likes: Likes) -> None:
    frame = me.cooccurrence_frame(small_likes, [1], range(2, 11))
    assert frame.loc[1].tolist() == [21, 11, 0, 7, 27, 7, 1, 4, 19]
    assert frame.columns.tolist() == list(range(2, 11))


def test_movielens_small_rank(small_likes: Likes) -> None:
    L = small_likes.matrix.astype(np.float64)
    assert np.linalg.matrix_rank((L @ L.T).toarray(), hermitian=True) == 609
