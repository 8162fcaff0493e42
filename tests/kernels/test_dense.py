"""The kernels for tall arrays and the top-k search, called directly, against NumPy in float64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import movieembed._core as _core
from helpers import parallel_from
from movieembed._base.threads import serial_blas

FLOATS = (np.float32, np.float64)
THREADS = (1, 2, 3, 5)
# Rows around the blocks of 512, 1,024 and 2,048, and columns up to where Gram matrices are tiled.
SHAPES = (
    (0, 3),
    (1, 1),
    (7, 5),
    (511, 8),
    (513, 16),
    (1025, 33),
    (2049, 60),
    (5000, 20),
    (700, 650),
)


@pytest.fixture(autouse=True)
def _parallel_with_blas() -> Iterator[None]:
    with parallel_from(0), serial_blas():
        yield


def apart(A: NDArray[Any]) -> NDArray[Any]:
    """The same numbers as some columns of a wider array."""
    wide = np.full((A.shape[0], A.shape[1] + 5), np.nan, dtype=A.dtype)
    wide[:, 2 : 2 + A.shape[1]] = A
    return wide[:, 2 : 2 + A.shape[1]]


def close(result: NDArray[Any], exact: NDArray[Any], size: NDArray[Any], dtype: Any) -> None:
    assert (np.abs(result - exact) <= 60 * np.finfo(dtype).eps * (size + 1e-30)).all()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_all_of_them(shape: tuple[int, int], dtype: Any) -> None:
    n, p = shape
    q = p // 2 + 1
    rng = np.random.default_rng(n + p)
    A, XA = (rng.standard_normal((n, p)).astype(dtype) for _ in range(2))
    B = rng.standard_normal((n, q)).astype(dtype)
    C = rng.standard_normal((p, q)).astype(dtype)
    w, theta = rng.random(n), rng.standard_normal(p)
    a, b, x = A.astype(float), B.astype(float), XA.astype(float)
    G, norms = (a.T @ a).astype(dtype), (a**2).sum(axis=1)
    seen = set()
    for n_threads in THREADS:
        for form in (lambda Z: Z, apart):
            out, more = form(np.empty((n, q), dtype)), form(B.copy())
            _core.tall_times_small(form(A), C, out, n_threads=n_threads)
            close(out, a @ C, np.abs(a) @ np.abs(C), dtype)
            _core.tall_times_small(form(A), C, more, add=True, n_threads=n_threads)
            close(more, b + a @ C, np.abs(b) + np.abs(a) @ np.abs(C), dtype)

            cross = _core.tall_gram(form(A), form(B), n_threads=n_threads)
            close(cross, a.T @ b, np.abs(a).T @ np.abs(b), dtype)
            own = _core.tall_gram(form(A), n_threads=n_threads)
            close(own, a.T @ a, np.abs(a).T @ np.abs(a), dtype)
            np.testing.assert_array_equal(own, own.T)
            weighted = _core.tall_gram(form(A), w=w, n_threads=n_threads)
            close(weighted, a.T @ (w[:, None] * a), np.abs(a).T @ np.abs(a), dtype)
            for array in (cross, own, weighted):
                assert array.dtype == np.float64

            gram, squares = _core.moments(form(A), n_threads=n_threads)
            close(gram, a.T @ a, np.abs(a).T @ np.abs(a), np.float64)  # in float64 throughout
            close(squares, norms, norms, np.float64)
            dots = _core.row_dots(form(A), form(XA), n_threads=n_threads)
            close(dots, (a * x).sum(axis=1), np.abs(a * x).sum(axis=1), np.float64)

            R = form(np.empty((n, p), dtype))
            _core.eigen_residual(form(A), form(XA), w, theta, 0.5, R, n_threads=n_threads)
            exact = 0.5 * (x + (w[:, None] - theta) * a)
            close(R, exact, np.abs(x) + (w[:, None] + np.abs(theta)) * np.abs(a), dtype)
            for place in range(2):  # in the memory of either operand
                pair = form(A.copy()), form(XA.copy())
                _core.eigen_residual(*pair, w, theta, 0.5, pair[place], n_threads=n_threads)
                np.testing.assert_array_equal(pair[place], R)

            D = form(np.empty((n, p), dtype))
            lengths = _core.masked_gradient(form(A), form(XA), G, norms, D, n_threads=n_threads)
            alone = _core.masked_gradient(form(A), form(XA), G, norms, n_threads=n_threads)
            np.testing.assert_array_equal(alone, lengths)
            exact = 4 * (a @ G - x - norms[:, None] * a)
            size = 4 * (np.abs(a) @ np.abs(G) + np.abs(x) + norms[:, None] * np.abs(a))
            close(D, exact, size, dtype)
            np.testing.assert_allclose(lengths, (D.astype(float) ** 2).sum(axis=1), rtol=1e-13)
            results = (out, more, cross, own, weighted, gram, squares, dots, R, D, lengths)
            seen.add(tuple(np.ascontiguousarray(r).tobytes() for r in results))
    assert len(seen) == 1  # the same bits at any number of threads, together or apart


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_large_tiles_of_a_wide_gram_matrix(dtype: Any) -> None:
    A = np.random.default_rng(0).standard_normal((30, 3100)).astype(dtype)
    exact = A.T.astype(float) @ A
    size = np.abs(A.T).astype(float) @ np.abs(A)
    for n_threads in (1, 3):
        gram, norms = _core.moments(A, n_threads=n_threads)
        close(gram, exact, size, np.float64)
        np.testing.assert_allclose(norms, (A.astype(float) ** 2).sum(axis=1), rtol=1e-14)
        own = _core.tall_gram(A, n_threads=n_threads)
        close(own, exact, size, dtype)
        for found in (gram, own):
            np.testing.assert_array_equal(found, found.T)


def test_long_float32_sums_do_not_drift() -> None:
    A = np.full((300_000, 1), 0.1, dtype=np.float32)
    exact = len(A) * float(np.float32(0.1)) ** 2
    assert _core.tall_gram(A)[0, 0] == pytest.approx(exact, rel=3e-6)
    assert _core.moments(A)[0][0, 0] == pytest.approx(exact, rel=1e-12)


A34 = np.ones((4, 3))


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (
            lambda: _core.tall_times_small(A34, np.ones((2, 2)), np.ones((4, 2))),
            ValueError,
            "c has",
        ),
        (
            lambda: _core.tall_times_small(A34, np.ones((3, 2)), np.ones((4, 3))),
            ValueError,
            "out has length 3 on axis 1",
        ),
        (
            lambda: _core.tall_times_small(A34, np.ones((3, 2), np.float32), np.ones((4, 2))),
            TypeError,
            "c must have dtype float64",
        ),
        (lambda: _core.tall_times_small(A34, np.ones((3, 3)), A34), ValueError, "share memory"),
        (lambda: _core.tall_gram(A34, np.ones((3, 3))), ValueError, "b has length 3"),
        (lambda: _core.tall_gram(A34, np.ones((4, 3), np.float32)), TypeError, "b must have dtype"),
        (lambda: _core.tall_gram(A34, w=np.ones(3)), ValueError, "w has length 3"),
        (lambda: _core.tall_gram(A34, A34, np.ones(4)), ValueError, "w and b"),
        (lambda: _core.tall_gram(np.ones((4, 3), int)), TypeError, "a must have dtype"),
        (
            lambda: _core.tall_gram(np.asfortranarray(np.ones((4, 3)))),
            ValueError,
            "contiguous rows",
        ),
        (lambda: _core.moments(np.ones(3)), ValueError, "v must have 2 dimensions"),
        (lambda: _core.row_dots(A34, np.ones((4, 2))), ValueError, "b has length 2 on axis 1"),
        (
            lambda: _core.eigen_residual(A34, A34, np.ones(3), np.ones(3), 1.0, A34.copy()),
            ValueError,
            "delta has length 3",
        ),
        (
            lambda: _core.eigen_residual(
                A34[1:], A34[1:].copy(), np.ones(3), np.ones(3), 1.0, A34[:-1]
            ),
            ValueError,
            "q and out share memory",
        ),
        (
            lambda: _core.eigen_residual(
                A34[1:].copy(), A34[1:], np.ones(3), np.ones(3), 1.0, A34[:-1]
            ),
            ValueError,
            "xq and out share memory",
        ),
        (
            lambda: _core.masked_gradient(A34, A34, np.eye(3), np.ones(4), A34),
            ValueError,
            "share memory",
        ),
        (
            lambda: _core.masked_gradient(A34, A34.copy(), np.eye(3), np.ones(4), A34),
            ValueError,
            "share memory",
        ),
        (
            lambda: _core.masked_gradient(A34.copy(), A34, np.eye(3), np.ones(4), A34),
            ValueError,
            "share memory",
        ),
        (
            lambda: _core.masked_gradient(A34, A34, np.eye(2), np.ones(4), A34.copy()),
            ValueError,
            "gram has length 2",
        ),
        (
            lambda: _core.masked_gradient(A34, A34, np.eye(3), np.ones(3), A34.copy()),
            ValueError,
            "norms has length 3",
        ),
    ],
)
def test_the_border(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()


# --- the top k --------------------------------------------------------------------------------


def listed(exclude: list[list[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    pointers = np.cumsum([0] + [len(e) for e in exclude]).astype(np.int64)
    return pointers, np.array([i for e in exclude for i in e], dtype=np.int64)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_queries=st.integers(0, 5),
    n_items=st.integers(1, 900),
    n_threads=st.integers(1, 3),
    share=st.sampled_from([0.0, 0.1, 1.0]),
    dtype=st.sampled_from(FLOATS),
)
def test_top_k_against_a_full_sort(
    seed: int, n_queries: int, n_items: int, n_threads: int, share: float, dtype: Any
) -> None:
    """Integers, so that scores are exact and tie all the time."""
    rng = np.random.default_rng(seed)
    Q = rng.integers(-2, 3, (n_queries, 3)).astype(dtype)
    items = rng.integers(-2, 3, (n_items, 3)).astype(dtype)
    k = int(rng.integers(1, n_items + 1))
    exclude = [np.flatnonzero(rng.random(n_items) < share).tolist() for _ in range(n_queries)]
    rows, scores = _core.top_k_products(Q, items, k, *listed(exclude), n_threads=n_threads)
    for q in range(n_queries):
        left = np.setdiff1d(np.arange(n_items), exclude[q])
        score = items[left] @ Q[q]
        order = left[np.lexsort((left, -score))][:k]
        assert rows[q].tolist() == order.tolist() + [-1] * (k - len(order))
        np.testing.assert_array_equal(scores[q, : len(order)], items[order] @ Q[q])
        assert np.isneginf(scores[q, len(order) :]).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_top_k_of_many_queries_has_the_same_bits_at_any_thread_count(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    Q, items = rng.standard_normal((1700, 20)).astype(dtype), rng.standard_normal((1500, 20))
    items = items.astype(dtype)
    pointers, none = np.zeros(1701, np.int64), np.zeros(0, np.int64)
    seen = set()
    for n_threads in THREADS:
        rows, scores = _core.top_k_products(Q, items, 7, pointers, none, n_threads=n_threads)
        seen.add((rows.tobytes(), scores.tobytes()))
    assert len(seen) == 1
    exact = Q.astype(float) @ items.astype(float).T
    np.testing.assert_allclose(scores, -np.sort(-exact, axis=1)[:, :7], atol=1e-4)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("n_items", "n_columns"), [(1, 1), (1023, 15), (1025, 17), (3000, 40)])
def test_top_k_of_columns(dtype: Any, n_items: int, n_columns: int) -> None:
    """Small integers tie all the time; some columns are excluded all but for a few rows."""
    rng = np.random.default_rng(n_items)
    S = rng.integers(-3, 4, (n_items, n_columns)).astype(dtype)
    weights = None if n_items == 1025 else rng.integers(-1, 3, n_items).astype(dtype)
    share = rng.choice([0.0, 0.1, 1.0], n_columns)
    exclude = [np.flatnonzero(rng.random(n_items) < s).tolist() for s in share]
    k = min(7, n_items)
    seen = set()
    for n_threads in THREADS:
        for form in (lambda Z: Z, apart):
            rows, scores = _core.top_k_columns(form(S), k, *listed(exclude), weights, n_threads)
            seen.add((rows.tobytes(), scores.tobytes()))
    assert len(seen) == 1
    S = S if weights is None else S * weights[:, None]
    for q in range(n_columns):
        left = np.setdiff1d(np.arange(n_items), exclude[q])
        order = left[np.lexsort((left, -S[left, q]))][:k]
        assert rows[q].tolist() == order.tolist() + [-1] * (k - len(order))
        np.testing.assert_array_equal(scores[q, : len(order)], S[order, q])
        assert np.isneginf(scores[q, len(order) :]).all()


def test_top_k_of_columns_refuses() -> None:
    none = np.zeros(3, np.int64), np.zeros(0, np.int64)
    with pytest.raises(ValueError, match=r"k must be within \[1, 4\], not 5"):
        _core.top_k_columns(np.ones((4, 2)), 5, *none)
    with pytest.raises(TypeError, match="scores must have dtype"):
        _core.top_k_columns(np.ones((4, 2), int), 1, *none)
    with pytest.raises(ValueError, match="excluded_ptr has length 3"):
        _core.top_k_columns(np.ones((4, 3)), 1, *none)
    with pytest.raises(ValueError, match="weights has length 3 on axis 0, expected 4"):
        _core.top_k_columns(np.ones((4, 2)), 1, *none, weights=np.ones(3))
    with pytest.raises(TypeError, match="weights must have dtype"):
        _core.top_k_columns(np.ones((4, 2)), 1, *none, weights=np.ones(4, np.float32))
    rows, scores = _core.top_k_columns(np.ones((0, 2)), 1, *none)
    assert rows.tolist() == [[-1], [-1]]
    assert np.isneginf(scores).all()


def test_top_k_survives_nan() -> None:
    items = np.random.default_rng(1).standard_normal((300, 2))
    items[::3] = np.nan
    rows, scores = _core.top_k_products(
        np.ones((1, 2)), items, 5, np.zeros(2, np.int64), np.zeros(0, np.int64)
    )
    assert ((rows >= -1) & (rows < 300)).all()
    assert scores.shape == (1, 5)


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"k": 0}, ValueError, "k must be at least 1"),
        ({"k": 6}, ValueError, "k must be at most the number of items, 5"),
        ({"items": np.ones((5, 2))}, ValueError, "items has length 2"),
        ({"items": np.ones((5, 3), np.float32)}, TypeError, "items must have dtype"),
        ({"excluded_ptr": np.zeros(2, np.int64)}, ValueError, "excluded_ptr has length 2"),
        ({"excluded_ptr": np.array([0, 0, 0, 0, 1])}, ValueError, "does not fit"),
        ({"excluded_ptr": np.array([1, 0, 0, 0, 0])}, ValueError, "does not fit"),
        (
            {"excluded_ptr": np.array([0, 2, 1, 2, 2]), "excluded": np.array([0, 1])},
            ValueError,
            "falls at query 1",
        ),
        (
            {"excluded_ptr": np.array([0, 2, 2, 2, 2]), "excluded": np.array([1, 0])},
            ValueError,
            "not strictly ascending",
        ),
        (
            {"excluded_ptr": np.array([0, 1, 1, 1, 1]), "excluded": np.array([-1])},
            ValueError,
            "not strictly ascending from 0",
        ),
    ],
)
def test_top_k_refuses(changed: dict[str, Any], error: type[Exception], match: str) -> None:
    given: dict[str, Any] = {
        "queries": np.ones((4, 3)),
        "items": np.ones((5, 3)),
        "k": 2,
        "excluded_ptr": np.zeros(5, np.int64),
        "excluded": np.zeros(0, np.int64),
    }
    with pytest.raises(error, match=match):
        _core.top_k_products(**(given | changed))


def test_arrays_that_touch_are_apart() -> None:
    memory = np.arange(24.0)
    a, behind, before = memory[8:20].reshape(4, 3), memory[20:].reshape(4, 1), memory[:8]
    c = np.ones((3, 2))
    expected = a.sum(axis=1)[:, None]
    _core.tall_times_small(a, c[:, :1].copy(), behind)
    np.testing.assert_array_equal(behind, expected)
    _core.tall_times_small(a, c, before.reshape(4, 2))
    np.testing.assert_array_equal(before.reshape(4, 2), np.hstack([expected, expected]))
