"""The sparse product L'(LV) - diag(c) V and L'U, called directly."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import movieembed._core as _core
from helpers import random_likes

FLOATS = (np.float32, np.float64)
THREADS = (1, 2, 3, 5)
# Around a vector of 8 or 16 numbers, and where slices change their number.
WIDTHS = (1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 80, 129, 200)


def product(L: Any, dtype: Any, index: Any = np.int32, weighted: bool = False) -> _core.Product:
    m = sp.csr_array(L)
    values = m.data.astype(dtype) if weighted else None
    csr = _core.Csr(*m.shape, m.indptr.astype(index), m.indices.astype(index), values)
    return _core.Product(csr, dtype, n_threads=2)


def skewed(n_users: int, n_items: int, seed: int) -> sp.csr_array:
    """One user with everything, users with nothing, an item that nearly all have, some nobody."""
    rng = np.random.default_rng(seed)
    dense = rng.random((n_users, n_items)) < 0.08
    dense[:, 1] |= rng.random(n_users) < 0.9
    dense[n_users // 2] = True
    dense[::7] = False
    dense[:, 5:8] = False
    L = sp.csr_array(dense.astype(np.float64))
    L.data = rng.integers(1, 4, L.nnz) * rng.choice([-1.0, 1.0], L.nnz)
    return L


def reference(L: sp.csr_array, V: NDArray[Any], weighted: bool) -> NDArray[Any]:
    A = L.toarray() if weighted else (L.toarray() != 0).astype(float)
    return A.T @ (A @ V) - (A**2).sum(axis=0)[:, None] * V


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", FLOATS)
def test_exact_on_integers(dtype: Any, index: Any, weighted: bool) -> None:
    """Small integers are summed without rounding: every element is equal, at every width."""
    L = skewed(130, 60, 0)
    A = L.toarray() if weighted else (L.toarray() != 0).astype(float)
    op = product(L, dtype, index, weighted)
    np.testing.assert_array_equal(op.squares(), (A**2).sum(axis=0))
    rng = np.random.default_rng(1)
    for d in WIDTHS:
        V, U = rng.integers(-5, 6, (60, d)), rng.integers(-5, 6, (130, d))
        for n_threads in THREADS:
            out = np.full((60, d), np.nan, dtype)
            squares = op.apply(V.astype(dtype), out, n_threads)
            np.testing.assert_array_equal(out, reference(L, V, weighted), err_msg=f"d={d}")
            assert squares == ((A @ V) ** 2).sum()
            out[:] = np.nan
            op.to_items(U.astype(dtype), out, n_threads)
            np.testing.assert_array_equal(out, A.T @ U, err_msg=f"d={d}")


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_step_of_a_recurrence_is_exact_on_integers(dtype: Any, weighted: bool) -> None:
    L = skewed(130, 60, 0)
    op = product(L, dtype, weighted=weighted)
    rng = np.random.default_rng(1)
    shift = rng.integers(-3, 4, 60).astype(float)
    for d in WIDTHS:
        V, before = rng.integers(-5, 6, (60, d)), rng.integers(-5, 6, (60, d))
        moved = reference(L, V, weighted) + shift[:, None] * V
        for n_threads in THREADS:
            out = np.full((60, d), np.nan, dtype)
            op.step(V.astype(dtype), shift, 0.5, out, n_threads=n_threads)
            np.testing.assert_array_equal(out, 0.5 * moved, err_msg=f"d={d}")
            out[:] = before
            op.step(V.astype(dtype), shift, 0.5, out, minus_out=True, n_threads=n_threads)
            np.testing.assert_array_equal(out, 0.5 * moved - before, err_msg=f"d={d}")


def test_a_step_of_a_recurrence_checks_what_it_is_given() -> None:
    op = product(skewed(130, 60, 0), np.float32)
    V, shift = np.ones((60, 3), np.float32), np.zeros(60)
    with pytest.raises(ValueError, match="v and out share memory"):
        op.step(V, shift, 1.0, V)
    with pytest.raises(ValueError, match="shift has length 59"):
        op.step(V, shift[1:], 1.0, V.copy())
    with pytest.raises(TypeError, match="shift must have dtype float64"):
        op.step(V, shift.astype(np.float32), 1.0, V.copy())


def csr(R: Any, dtype: Any = None, index: Any = np.int64) -> _core.Csr:
    m = sp.csr_array(R)
    values = None if dtype is None else m.data.astype(dtype)
    return _core.Csr(*m.shape, m.indptr.astype(index), m.indices.astype(index), values)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("n_users", "popular"), [(130, 60), (4097, 15), (20_000, 15), (20_000, 0)])
def test_sparse_rows_exact_on_integers(
    n_users: int, popular: int, dtype: Any, index: Any, weighted: bool
) -> None:
    """diag(scale) X R' for rows R of ones and of numbers, in one block of users and in two.

    Entries of popular items take another way than those of others.
    """
    L = with_few_likes(skewed(n_users, 60, 0), popular)
    assert popular == 60 or (L[:, popular:].T @ L[:, popular:]).nnz > 100
    op = product(L, dtype, index, weighted)
    rng = np.random.default_rng(1)
    scale = rng.integers(-2, 3, 60).astype(float)
    for d in WIDTHS if n_users < 1000 else (1, 33, 200):
        R = rng.integers(-3, 4, (d, 60)) * (rng.random((d, 60)) < 0.1)
        R[d // 2] = 0
        for rows, values in ((R, dtype), (R != 0, None)):
            exact = scale[:, None] * reference(L, np.asarray(rows, float).T, weighted)
            for n_threads in THREADS:
                out = np.full((60, d + 3), np.nan, dtype)
                op.apply_rows(csr(rows, values), scale, out[:, 1 : d + 1], n_threads)
                np.testing.assert_array_equal(out[:, 1 : d + 1], exact, err_msg=f"d={d}")
                assert np.isnan(out[:, [0, -1]]).all()


def with_few_likes(L: sp.csr_array, popular: int) -> sp.csr_array:
    """Of the items from `popular` on one user in 300 likes all, and the others none."""
    dense = L.toarray()
    dense[:, popular:] = 0
    dense[::300, popular:] = np.arange(L.shape[1])[popular:] % 3 + 1
    return sp.csr_array(dense)


@pytest.mark.parametrize("popular", [40, 9, 0])
def test_sparse_rows_have_the_same_bits_at_any_thread_count(popular: int) -> None:
    L = with_few_likes(skewed(20_000, 40, 2), popular)
    op = product(L, np.float32, weighted=True)
    R = sp.random_array((130, 40), density=0.2, rng=np.random.default_rng(3))
    outs = [np.empty((40, 130), np.float32) for _ in THREADS]
    for n_threads, out in zip(THREADS, outs, strict=True):
        op.apply_rows(csr(R, np.float32), np.ones(40), out, n_threads)
        assert out.tobytes() == outs[0].tobytes()
    V, A = R.toarray().astype(np.float32).T.astype(float), np.abs(L.toarray())
    size = A.T @ (A @ np.abs(V))
    assert (np.abs(outs[0] - reference(L, V, True)) <= 100 * np.finfo(np.float32).eps * size).all()


def test_sparse_rows_of_no_size_and_of_the_wrong_size() -> None:
    op, out = product(np.ones((3, 2)), np.float64), np.empty((2, 0))
    op.apply_rows(csr(np.zeros((0, 2))), np.ones(2), out)
    empty = product(np.ones((0, 2)), np.float64)
    out = np.full((2, 1), np.nan)
    empty.apply_rows(csr(np.ones((1, 2))), np.ones(2), out)
    assert not out.any()
    none = product(np.ones((3, 0)), np.float64)
    none.apply_rows(csr(np.ones((1, 0))), np.ones(0), np.empty((0, 1)))
    with pytest.raises(ValueError, match="rows has 3 columns, expected 2"):
        op.apply_rows(csr(np.ones((1, 3))), np.ones(2), out)
    with pytest.raises(ValueError, match="scale has length 3 on axis 0, expected 2"):
        op.apply_rows(csr(np.ones((1, 2))), np.ones(3), out)
    with pytest.raises(ValueError, match="out has length 1 on axis 1, expected 2"):
        op.apply_rows(csr(np.ones((2, 2))), np.ones(2), out)
    with pytest.raises(TypeError, match="the same dtype"):
        op.apply_rows(csr(np.ones((1, 2)), np.float32), np.ones(2), out)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n_users", [16_383, 16_384, 16_385, 40_000])
def test_several_blocks_of_users(n_users: int, dtype: Any, weighted: bool) -> None:
    """Also: little rounding, and the same bits at any number of threads."""
    L = skewed(n_users, 40, 2)
    A = L.toarray() if weighted else (L.toarray() != 0).astype(float)
    op = product(L, dtype, weighted=weighted)
    rng = np.random.default_rng(3)
    for d in (3, 40, 130):
        V, U = rng.standard_normal((40, d)).astype(dtype), rng.standard_normal((n_users, d))
        U = U.astype(dtype)
        exact = reference(L, V.astype(float), weighted)
        size = np.abs(A).T @ (np.abs(A) @ np.abs(V.astype(float)))
        seen = set()
        for n_threads in THREADS:
            out, back = np.empty((40, d), dtype), np.empty((40, d), dtype)
            squares = op.apply(V, out, n_threads)
            op.to_items(U, back, n_threads)
            assert (np.abs(out - exact) <= 100 * np.finfo(dtype).eps * (size + 1)).all()
            assert squares == pytest.approx(((A @ V.astype(float)) ** 2).sum(), rel=1e-6)
            assert (
                np.abs(back - A.T @ U.astype(float))
                <= 100 * np.finfo(dtype).eps * (np.abs(A).T @ np.abs(U.astype(float)) + 1)
            ).all()
            seen.add((out.tobytes(), back.tobytes(), squares))
        assert len(seen) == 1


def test_popular_items_are_summed_in_runs() -> None:
    """100,000 float32 terms of one sign: a plain running sum loses four of its seven digits."""
    n = 100_000
    L = sp.csr_array(np.ones((n, 1)))
    op = product(L, np.float32)
    U = np.full((n, 2), 0.1, dtype=np.float32)
    out = np.empty((1, 2), dtype=np.float32)
    op.to_items(U, out)
    exact = n * float(np.float32(0.1))
    assert abs(float(np.cumsum(U[:, 0])[-1]) / exact - 1) > 5e-5  # the test's own check
    np.testing.assert_allclose(out, exact, rtol=5e-6)


def test_squares_keep_float64_digits() -> None:
    """|LV|^2 is good to 1e-9 in float32, where <V, XV> is not."""
    L = skewed(3000, 200, 4)
    V = np.random.default_rng(5).standard_normal((200, 20)).astype(np.float32)
    A = (L.toarray() != 0).astype(float)
    out = np.empty_like(V)
    squares = product(L, np.float32).apply(V, out)
    assert squares == pytest.approx(((A @ V.astype(float)) ** 2).sum(), rel=1e-8)


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_norm_alone_is_that_of_the_product(dtype: Any) -> None:
    for n_users, weighted in ((130, False), (5000, True)):
        L = skewed(n_users, 60, 6)
        op = product(L, dtype, weighted=weighted)
        for d in (1, 40, 130):
            V = np.random.default_rng(7).standard_normal((60, d)).astype(dtype)
            for n_threads in THREADS:
                squares = op.apply(V, np.empty_like(V), n_threads)
                assert op.squared_norm(V, n_threads) == squares
    with pytest.raises(ValueError, match="v has length 3 on axis 0"):
        op.squared_norm(np.ones((3, 2), dtype))


@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
@pytest.mark.parametrize(("rows", "cols"), [(0, 0), (0, 5), (5, 0), (1, 1), (1, 40), (300, 7)])
def test_awkward_shapes(rows: int, cols: int, density: float) -> None:
    L = random_likes(rows, cols, density, seed=7)
    op = product(L, np.float32)
    for d in (0, 1, 17, 100):
        V = np.random.default_rng(8).integers(-5, 6, (cols, d)).astype(np.float32)
        U = np.random.default_rng(9).integers(-5, 6, (rows, d)).astype(np.float32)
        for n_threads in (-1, 0, *THREADS):
            out = np.full((cols, d), np.nan, dtype=np.float32)
            op.apply(V, out, n_threads)
            np.testing.assert_array_equal(out, reference(L, V, False))
            out[:] = np.nan
            op.to_items(U, out, n_threads)
            np.testing.assert_array_equal(out, L.toarray().T @ U)


def test_rows_that_lie_apart() -> None:
    """Columns of a wider array, in and out; what stands beside them stays."""
    L = skewed(50, 30, 10)
    op = product(L, np.float64)
    wide = np.random.default_rng(11).integers(-5, 6, (30, 50)).astype(float)
    for n_threads in THREADS:
        target = np.full((30, 50), -77.0)
        op.apply(wide[:, 3:24], target[:, 5:26], n_threads)
        np.testing.assert_array_equal(target[:, 5:26], reference(L, wide[:, 3:24], False))
        assert (np.delete(target, np.s_[5:26], axis=1) == -77).all()
    side_by_side = wide.copy()
    op.apply(side_by_side[:, :20], side_by_side[:, 20:40])
    np.testing.assert_array_equal(side_by_side[:, 20:40], reference(L, wide[:, :20], False))


@pytest.mark.usefixtures("isa")
def test_nan_and_infinity_pass_through() -> None:
    L = np.array([[1, 1, 0], [1, 0, 1]])
    U = np.ones((2, 20))
    U[0, 4], U[1, 18] = np.nan, np.inf
    out = np.empty((3, 20))
    product(L, np.float64).to_items(U, out)
    expected = np.ones((3, 20)) * L.sum(axis=0)[:, None]
    expected[:2, 4], expected[[0, 2], 18] = np.nan, np.inf
    np.testing.assert_array_equal(out, expected)


def test_read_only_and_collected_arrays() -> None:
    """The product keeps what it borrows alive."""
    L = random_likes(40, 30, 0.4, seed=12, weights=True)
    arrays = L.indptr.copy(), L.indices.copy(), L.data.copy()
    V = np.ones((30, 3))
    for array in (*arrays, V):
        array.flags.writeable = False
    op = _core.Product(_core.Csr(40, 30, *arrays), np.float64)
    expected = reference(L, V, True)
    del arrays
    gc.collect()
    out = np.empty((30, 3))
    op.apply(V, out)
    np.testing.assert_allclose(out, expected, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 20), n_threads=st.integers(1, 5))
def test_linear_and_symmetric(seed: int, d: int, n_threads: int) -> None:
    L = random_likes(25, 18, 0.3, seed=seed, weights=True)
    op = product(L, np.float64, weighted=True)
    rng = np.random.default_rng(seed)
    A, B = rng.standard_normal((2, 18, d))
    XA, XB, X_sum = (np.empty((18, d)) for _ in range(3))
    op.apply(A, XA, n_threads)
    op.apply(B, XB, n_threads)
    op.apply(2 * A - B, X_sum, n_threads)
    np.testing.assert_allclose(X_sum, 2 * XA - XB, atol=1e-10)
    np.testing.assert_allclose(A.T @ XB, (B.T @ XA).T, atol=1e-10)


OP = product(np.ones((4, 3)), np.float64)


@pytest.mark.parametrize(
    ("v", "out", "error", "match"),
    [
        (np.ones((3, 2), np.float32), np.ones((3, 2)), TypeError, "v must have dtype float64"),
        (np.ones((3, 2), int), np.ones((3, 2)), TypeError, "v must have dtype"),
        (np.ones((4, 2)), np.ones((3, 2)), ValueError, "v has length 4 on axis 0"),
        (np.ones(3), np.ones((3, 2)), ValueError, "v must have 2 dimensions"),
        (np.ones((3, 2)), np.ones((3, 3)), ValueError, "out has length 3 on axis 1"),
        (np.ones((3, 2)), np.ones((2, 2)), ValueError, "out has length 2 on axis 0"),
        (np.ones((3, 2)), np.ones((3, 2), np.float32), TypeError, "out must have dtype float64"),
        (np.ones((2, 3)).T, np.ones((3, 2)), ValueError, "v must have contiguous rows"),
        (np.ones((3, 2)), np.ones((2, 3)).T, ValueError, "out must have contiguous rows"),
        (np.ones((3, 2))[::-1], np.ones((3, 2)), ValueError, "contiguous rows, one after another"),
        (np.broadcast_to(np.ones(2), (3, 2)), np.ones((3, 2)), ValueError, "one after another"),
    ],
)
def test_the_border(v: Any, out: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        OP.apply(v, out)


def test_the_border_of_the_output() -> None:
    memory = np.ones((6, 4))
    for v, out in ((memory[:3], memory[2:5]), (memory[:3, :2], memory[:3, 1:3]), (memory[:3],) * 2):
        with pytest.raises(ValueError, match="v and out share memory"):
            OP.apply(v, out)
    OP.apply(memory[:3], memory[3:])
    locked = np.ones((3, 2))
    locked.flags.writeable = False
    with pytest.raises(ValueError, match="out is read-only"):
        OP.apply(np.ones((3, 2)), locked)
    unaligned = np.frombuffer(bytearray(8 * 6 + 1), dtype=np.uint8)[1:].view(np.float64)
    with pytest.raises(ValueError, match="v must be aligned"):
        OP.apply(unaligned.reshape(3, 2), np.ones((3, 2)))


def test_the_border_of_the_matrix() -> None:
    weights = _core.Csr(1, 2, np.array([0, 2]), np.array([0, 1]), np.ones(2, np.float32))
    with pytest.raises(TypeError, match="dtype and the values"):
        _core.Product(weights, np.float64)
    with pytest.raises(TypeError, match="dtype must be float32 or float64"):
        _core.Product(weights, np.int32)
    with pytest.raises(ValueError, match="no gather loops for mmx"):
        _core.use_gather_isa("mmx")


@pytest.mark.parametrize("weighted", [False, True])
def test_a_product_shares_what_another_has_of_the_likes(weighted: bool) -> None:
    L = skewed(5000, 60, 8)
    indptr, indices = L.indptr.astype(np.int32), L.indices.astype(np.int32)

    def csr(dtype: Any, scale: float = 1.0) -> _core.Csr:
        values = (scale * L.data).astype(dtype) if weighted else None
        return _core.Csr(*L.shape, indptr, indices, values)

    first = _core.Product(csr(np.float32), np.float32)
    V = np.random.default_rng(9).standard_normal((60, 20))
    for like in (first, _core.Product(csr(np.float32), np.float32, like=first)):
        alone, shared = np.empty_like(V), np.empty_like(V)
        expected = _core.Product(csr(np.float64, 3.0), np.float64).apply(V, alone)
        product = _core.Product(csr(np.float64, 3.0), np.float64, like=like)
        assert product.apply(V, shared) == expected
        np.testing.assert_array_equal(shared, alone)
    others = _core.Csr(*L.shape, indptr, indices[::-1].copy()[::-1].copy())
    with pytest.raises(ValueError, match="must share their index arrays"):
        _core.Product(others, np.float64, like=first)
    del first, like
    assert product.apply(V, shared) == expected
