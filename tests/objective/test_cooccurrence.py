from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import movieembed as me
from helpers import dense_cooccurrence, random_likes, to_dense
from movieembed._base.validation import check_count
from movieembed.data.likes import Likes

# The package has a function of the same name.
module = importlib.import_module("movieembed.cooccurrence")

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

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "cooccurrence": me.cooccurrence,
    "cooccurrence_sums": me.cooccurrence_sums,
    "cooccurrence_top_k": lambda likes, **options: me.cooccurrence_top_k(likes, 3, **options),
    "cooccurrence_top_k with sums": lambda likes, **options: me.cooccurrence_top_k(
        likes, 3, return_sums=True, **options
    ),
}


def top_k_reference(L: Any, k: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Brute force: only pairs that somebody has, by falling value, ties by rising column."""
    X = dense_cooccurrence(L)
    met = dense_cooccurrence(to_dense(L) != 0) > 0
    columns, values = np.full((len(X), k), -1), np.zeros((len(X), k))
    for i in range(len(X)):
        best = sorted(np.flatnonzero(met[i]), key=lambda j: (-X[i, j], j))[:k]
        columns[i, : len(best)], values[i, : len(best)] = best, X[i, best]
    return columns, values


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
    monkeypatch.setattr(module, "BLOCK_WORK", block_work)
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
        monkeypatch.setattr(module, "BLOCK_WORK", limit)
        blocks = list(module._row_blocks(L, False, "rows"))
        assert [r for first, last in blocks for r in range(first, last)] == list(range(35))
        for first, last in blocks:
            assert last == first + 1 or work[first:last].sum() <= limit
        seen.add(len(blocks))
    assert min(seen) == 1
    assert len(seen) >= 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_that_cancel(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed integers from -2 to 2: exact, often 0 where users meet, and 0 is stored there."""
    monkeypatch.setattr(module, "BLOCK_WORK", 60)
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
    monkeypatch.setattr(module, "BLOCK_WORK", 50)
    L = random_likes(n_users, n_items, density, seed=10, weights=weights)
    for k in (1, 3, n_items + 2):
        together = me.cooccurrence_top_k(L, k, return_sums=True)
        apart = (*me.cooccurrence_top_k(L, k), *me.cooccurrence_sums(L))
        assert len(together) == 4
        for one, other in zip(together, apart, strict=True):
            assert one.dtype == other.dtype
            assert one.flags.c_contiguous
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("weights", [False, True])
def test_same_bits_at_any_number_of_threads(weights: bool) -> None:
    L = random_likes(80, 120, 0.3, seed=4, weights=weights)
    for call in FUNCTIONS.values():
        results = []
        for n_jobs in (1, 2, 3, 7, -1, None):
            out = call(L, n_jobs=n_jobs)
            arrays = (out.data, out.indices, out.indptr) if sp.issparse(out) else out
            results.append([a.tobytes() for a in arrays])
        assert all(r == results[0] for r in results)


def test_what_counts_as_likes() -> None:
    """A Likes, any sparse format, dense; duplicates are summed, weights of 1 are counts."""
    dense = (np.random.default_rng(5).random((7, 6)) < 0.5).astype(np.int8)
    expected = me.cooccurrence(Likes.from_matrix(dense)).toarray()
    np.testing.assert_array_equal(expected, dense_cooccurrence(dense))
    for form in (
        sp.csr_matrix(dense),
        sp.csc_array(dense),
        sp.coo_array(dense),
        sp.csr_array(dense.astype(bool)),
        dense.astype(np.float64),
        np.asfortranarray(dense),
        dense[::-1],
    ):
        X = me.cooccurrence(form)
        assert X.dtype == np.int64
        np.testing.assert_array_equal(X.toarray(), expected)
    twice = sp.csr_array((np.ones(3), [0, 0, 1], [0, 3]), shape=(1, 2))
    np.testing.assert_array_equal(me.cooccurrence(twice).toarray(), [[0, 2], [2, 0]])
    assert me.cooccurrence(twice).dtype == np.float64


def test_likes_are_not_touched() -> None:
    L = random_likes(9, 8, 0.5, seed=6, weights=True)
    copy = L.copy()
    for array in (L.data, L.indices, L.indptr):
        array.flags.writeable = False
    for call in FUNCTIONS.values():
        call(L)
    assert (copy != L).nnz == 0


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    L = random_likes(5, 5, 0.5, seed=7)
    for call in FUNCTIONS.values():
        call(L, progress=False)
        call(L)  # no terminal
        assert capsys.readouterr().err == ""
        call(L, progress=True)
        assert "0/5 [" in capsys.readouterr().err


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("likes", "error", "match"),
    [
        (np.ones(3), ValueError, "matrix"),
        (np.array([[1.0, np.nan]]), ValueError, "matrix"),
        (np.array([[1.0, np.inf]]), ValueError, "matrix"),
        (np.array([[1j]]), TypeError, "matrix"),
        (np.array([["x"]]), TypeError, "matrix"),
        ("likes", TypeError, "matrix"),
        (None, TypeError, "matrix"),
    ],
)
def test_malformed_likes(name: str, likes: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        FUNCTIONS[name](likes)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_malformed_sparse_structure(name: str) -> None:
    """Someone may have written into the arrays of a matrix that SciPy once checked."""
    for part, at, value in (("indices", 1, 99), ("indices", 0, -1), ("indptr", 1, 99)):
        L = random_likes(5, 6, 0.6, seed=8)
        getattr(L, part)[at] = value
        with pytest.raises(ValueError, match=rf"matrix\.{part}"):
            FUNCTIONS[name](L)


OVERWRITTEN = """
import numpy as np, movieembed as me
likes = me.Likes.from_matrix(np.ones((50, 60)))
try:
    likes.matrix.indices[7] = 2**30
    me.cooccurrence(likes)
except ValueError as error:
    print(error)
"""


def test_likes_overwritten_after_they_were_checked() -> None:
    """An error from wherever it is noticed, not a crash: a child process shows which."""
    done = subprocess.run(
        [sys.executable, "-c", OVERWRITTEN], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "indices" in done.stdout or "read-only" in done.stdout


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("n_jobs", "error"), [(0, ValueError), ("2", TypeError), (True, TypeError), (1.0, TypeError)]
)
def test_malformed_n_jobs(name: str, n_jobs: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="n_jobs must"):
        FUNCTIONS[name](np.ones((1, 2)), n_jobs=n_jobs)


@pytest.mark.parametrize(
    ("k", "error"),
    [
        (0, ValueError),
        (-3, ValueError),
        (np.int64(0), ValueError),
        (True, TypeError),
        (np.bool_(True), TypeError),
        (2.0, TypeError),
        ("2", TypeError),
        (None, TypeError),
    ],
)
def test_malformed_k(k: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="k must be"):
        me.cooccurrence_top_k(np.ones((1, 2)), k)
    with pytest.raises(error, match="count must be"):
        check_count(k, "count")


def test_well_formed_k() -> None:
    for k in (2, np.int8(2), np.uint64(2)):
        assert check_count(k, "k") == 2
        assert type(check_count(k, "k")) is int
        assert me.cooccurrence_top_k(np.ones((1, 2)), k)[0].tolist() == [[1, -1], [0, -1]]


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


# --- properties -------------------------------------------------------------------------------

weights = hnp.arrays(
    np.int8,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    elements=st.integers(-3, 3),
)


@settings(deadline=None, max_examples=60)
@given(L=weights, data=st.data())
def test_properties(L: NDArray[np.int8], data: st.DataObject) -> None:
    n_users, n_items = L.shape
    X = me.cooccurrence(L).toarray()
    np.testing.assert_array_equal(X, X.T)
    np.testing.assert_array_equal(X, dense_cooccurrence(L))

    items = np.array(data.draw(st.permutations(range(n_items)), label="items"))
    users = np.array(data.draw(st.permutations(range(n_users)), label="users"))
    np.testing.assert_array_equal(me.cooccurrence(L[:, items]).toarray(), X[np.ix_(items, items)])
    np.testing.assert_array_equal(me.cooccurrence(L[users]).toarray(), X)

    cut = data.draw(st.integers(0, n_users), label="cut")
    parts = me.cooccurrence(L[:cut]).toarray() + me.cooccurrence(L[cut:]).toarray()
    np.testing.assert_array_equal(parts, X)
    np.testing.assert_array_equal(me.cooccurrence(np.vstack([L, L])).toarray(), 2 * X)
    np.testing.assert_array_equal(me.cooccurrence(-L).toarray(), X)
    np.testing.assert_array_equal(me.cooccurrence(3 * L).toarray(), 9 * X)

    squares, totals = me.cooccurrence_sums(L)
    np.testing.assert_array_equal(squares, (X.astype(float) ** 2).sum(axis=1))
    np.testing.assert_array_equal(totals, X.sum(axis=1))
    k = data.draw(st.integers(1, n_items + 2), label="k")
    columns, values = me.cooccurrence_top_k(L, k)
    longer = me.cooccurrence_top_k(L, k + 1)
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


# --- MovieLens small --------------------------------------------------------------------------


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
