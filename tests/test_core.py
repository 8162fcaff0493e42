"""The compiled kernels and the border in front of them, called directly."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from helpers import dense_cooccurrence, parallel_from, random_likes
from movieembed import _core

FLOATS = (np.float32, np.float64)
INDICES = (np.int32, np.int64)
THREADS = (1, 2, 3, 7)
# Around the blocks of 16, 32 and 64 columns, and the tail of the last 16.
WIDTHS = (1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 80, 127, 130)
# Around the runs of 512 entries that a row is summed in, and the 8 that are prefetched.
LENGTHS = (0, 1, 511, 0, 512, 513, 7, 8, 9, 1025, 1100, 0)


@pytest.fixture(autouse=True)
def _always_parallel() -> Iterator[None]:
    with parallel_from(0):
        yield


def core(matrix: Any, index: Any = np.int32, dtype: Any = None) -> _core.Csr:
    """The kernels' view of a canonical matrix; without dtype all of its entries count as 1."""
    m = sp.csr_array(matrix)
    return _core.Csr(
        *m.shape,
        m.indptr.astype(index),
        m.indices.astype(index),
        None if dtype is None else m.data.astype(dtype),
    )


def pair(matrix: Any, index: Any = np.int32, dtype: Any = None) -> tuple[_core.Csr, _core.Csr]:
    m = sp.csr_array(matrix)
    return core(m, index, dtype), core(m.T.tocsr(), index, dtype)


def long_rows(seed: int) -> sp.csr_array:
    """Rows of LENGTHS entries, signed integer weights but never 0."""
    rng = np.random.default_rng(seed)
    dense = np.zeros((len(LENGTHS), 1100))
    for row, n in zip(dense, LENGTHS, strict=True):
        row[rng.choice(1100, n, replace=False)] = rng.integers(1, 4, n) * rng.choice([-1, 1], n)
    return sp.csr_array(dense)


def fenced(shape: tuple[int, int], dtype: Any, fill: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """An array within a larger one of -77: what lies around it must stay as it is."""
    around = np.full((shape[0] + 2, shape[1]), -77, dtype=dtype)
    inside = around[1:-1]
    inside[:] = fill
    return inside, around


def assert_fence(around: NDArray[Any]) -> None:
    assert (around[0] == -77).all()
    assert (around[-1] == -77).all()


# --- gather_product ---------------------------------------------------------------------------


@pytest.fixture(params=_core.gather_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each variant of the gather loops that this machine can run."""
    before = _core.gather_isa()
    _core.use_gather_isa(request.param)
    assert _core.gather_isa() == request.param
    yield request.param
    _core.use_gather_isa(before)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_gather_product_is_exact_on_integers(dtype: Any, index: Any, weighted: bool) -> None:
    """Small integers are summed without rounding: every element must be equal, at every width."""
    A = long_rows(0)
    a = core(A, index, dtype if weighted else None)
    dense = A.toarray() if weighted else (A.toarray() != 0).astype(float)
    rng = np.random.default_rng(1)
    for d in WIDTHS:
        V = rng.integers(-9, 10, (1100, d))
        v = np.full((1102, d), np.nan, dtype=dtype)  # a read past either end would spread
        v[1:-1] = V
        D, s = rng.integers(-9, 10, (len(LENGTHS), d)), rng.integers(-9, 10, len(LENGTHS))
        out, around = fenced((len(LENGTHS), d), dtype, np.nan)
        _core.gather_product(a, v[1:-1], out, n_threads=1)
        np.testing.assert_array_equal(out, dense @ V, err_msg=f"d={d}")
        assert_fence(around)
        out[:] = np.nan
        _core.gather_product(a, v[1:-1], out, s.astype(dtype), D.astype(dtype), n_threads=3)
        np.testing.assert_array_equal(out, dense @ V - s[:, None] * D, err_msg=f"d={d}")
        assert_fence(around)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
def test_gather_product_rounds_little_and_always_alike(dtype: Any, weighted: bool) -> None:
    A = long_rows(2)
    A.data = np.random.default_rng(3).standard_normal(A.nnz).astype(dtype).astype(np.float64)
    a = core(A, np.int32, dtype if weighted else None)
    dense = A.toarray() if weighted else (A.toarray() != 0).astype(float)
    rng = np.random.default_rng(4)
    for d in WIDTHS:
        V = rng.standard_normal((1100, d)).astype(dtype)
        D = rng.standard_normal((len(LENGTHS), d)).astype(dtype)
        s = rng.standard_normal(len(LENGTHS)).astype(dtype)
        expected = dense @ V.astype(float) - s[:, None].astype(float) * D
        # A run of 512, then the runs: at most 512 + 3 + 2 additions touch a term.
        size = np.abs(dense) @ np.abs(V.astype(float)) + np.abs(s[:, None].astype(float) * D)
        bound = 520 * np.finfo(dtype).eps * size
        first = None
        for n_threads in THREADS:
            out = np.full((len(LENGTHS), d), np.nan, dtype=dtype)
            _core.gather_product(a, V, out, s, D, n_threads=n_threads)
            assert (np.abs(out - expected) <= bound).all()
            first = out if first is None else first
            assert out.tobytes() == first.tobytes()


@pytest.mark.usefixtures("isa")
def test_gather_product_at_every_width() -> None:
    A = random_likes(9, 23, 0.4, seed=5, weights=True)
    a = core(A, np.int64, np.float64)
    rng = np.random.default_rng(6)
    for d in range(150):
        V = rng.standard_normal((23, d))
        out, around = fenced((9, d), np.float64, np.nan)
        _core.gather_product(a, V, out, n_threads=1)
        np.testing.assert_allclose(out, A @ V, rtol=0, atol=1e-13)
        assert_fence(around)


@pytest.mark.usefixtures("isa")
def test_gather_product_sums_popular_rows_in_runs() -> None:
    """100,000 float32 terms of one sign: a plain running sum loses four of its seven digits."""
    n = 100_000
    a = core(np.ones((1, n)))
    for d in (3, 16, 40):
        V = np.full((n, d), 0.1, dtype=np.float32)
        exact = n * float(np.float32(0.1))
        out = np.empty((1, d), dtype=np.float32)
        _core.gather_product(a, V, out)
        assert abs(float(np.cumsum(V[:, 0])[-1]) / exact - 1) > 5e-5  # the test's own check
        np.testing.assert_allclose(out, exact, rtol=5e-6)


@pytest.mark.parametrize("density", [0.0, 0.05, 1.0])
@pytest.mark.parametrize(("rows", "cols"), [(0, 0), (0, 5), (5, 0), (1, 1), (1, 40), (300, 7)])
def test_gather_product_of_awkward_shapes(rows: int, cols: int, density: float) -> None:
    A = random_likes(rows, cols, density, seed=7)
    rng = np.random.default_rng(8)
    for d in (0, 1, 17):
        V = rng.integers(-5, 6, (cols, d)).astype(np.float32)
        s = rng.integers(-5, 6, rows).astype(np.float32)
        D = rng.integers(-5, 6, (rows, d)).astype(np.float32)
        for n_threads in (-1, 0, *THREADS):
            out = np.full((rows, d), np.nan, dtype=np.float32)
            _core.gather_product(core(A), V, out, s, D, n_threads=n_threads)
            np.testing.assert_array_equal(out, A.toarray() @ V - s[:, None] * D)


def test_gather_product_with_work_in_one_row() -> None:
    """Threads are handed rows of about equal work; the cuts must neither skip nor repeat one."""
    dense = np.zeros((130, 400), dtype=np.float32)
    dense[[0, 64, 129]] = 1
    dense[100, ::3] = 1
    V = np.random.default_rng(9).integers(-9, 10, (400, 20)).astype(np.float32)
    for A in (dense, dense[::-1].copy(), dense[1:100], dense[65:]):
        for n_threads in (1, 2, 3, 5, 7, 16):
            out = np.full((len(A), 20), np.nan, dtype=np.float32)
            _core.gather_product(core(A), V, out, n_threads=n_threads)
            np.testing.assert_array_equal(out, A @ V)


def test_gather_product_reads_read_only_arrays() -> None:
    A = random_likes(6, 5, 0.5, seed=10, weights=True)
    arrays = A.indptr.copy(), A.indices.copy(), A.data.copy()
    V, s, D = np.ones((5, 3)), np.ones(6), np.ones((6, 3))
    for array in (*arrays, V, s, D):
        array.flags.writeable = False
    out = np.empty((6, 3))
    _core.gather_product(_core.Csr(6, 5, *arrays), V, out, s, D)
    np.testing.assert_allclose(out, A @ V - 1, atol=1e-14)


@pytest.mark.usefixtures("isa")
def test_gather_product_keeps_nan_and_infinity() -> None:
    """Nothing is compiled as if NaN could not occur."""
    V = np.ones((3, 20))
    V[1, 4], V[2, 18] = np.nan, np.inf
    out = np.empty((2, 20))
    _core.gather_product(core(np.array([[1, 1, 0], [1, 0, 1]])), V, out)
    expected = np.full((2, 20), 2.0)
    expected[0, 4], expected[1, 18] = np.nan, np.inf
    np.testing.assert_array_equal(out, expected)


# --- co-occurrence ----------------------------------------------------------------------------


def matrices() -> Iterator[tuple[str, sp.csr_array]]:
    """Around the chunks of 16 rows of X, sparse and dense rows, and nothing at all."""
    for n_items in (1, 15, 16, 17, 33):
        yield f"{n_items} items", random_likes(12, n_items, 0.4, seed=n_items)
    yield "sparse rows", random_likes(30, 200, 0.01, seed=1)
    yield "two items a user", sp.csr_array(sp.eye_array(40, 600) + sp.eye_array(40, 600, k=40))
    yield "few users of many items", random_likes(3, 1200, 0.02, seed=4)
    yield "popular and rare", popular_and_rare(200, 150, seed=5)
    yield "dense rows", random_likes(40, 50, 0.9, seed=2)
    yield "all ones", random_likes(5, 20, 1.0, seed=0)
    yield "all zeros", random_likes(5, 20, 0.0, seed=0)
    yield "no users", random_likes(0, 20, 0.5, seed=0)
    yield "no items", random_likes(5, 0, 0.5, seed=0)
    yield "one user", random_likes(1, 20, 0.5, seed=0)


def popular_and_rare(n_users: int, n_items: int, seed: int) -> sp.csr_array:
    """Columns from nearly full to nearly empty, shuffled, and a user who likes everything."""
    rng = np.random.default_rng(seed)
    share = rng.permutation(np.geomspace(0.9, 0.5 / n_users, n_items))
    there = rng.random((n_users, n_items)) < share
    there[n_users // 2] = True
    return sp.csr_array(there.astype(np.float32))


def ranges(n: int) -> list[tuple[int, int]]:
    return sorted({(0, n), (0, n // 2), (n // 3, n), (n // 2, n // 2), (n, n), (n // 3, n // 2)})


def signed_integers(L: sp.csr_array, seed: int) -> sp.csr_array:
    """Weights from -3 to 3, never 0: their sums are exact and often cancel."""
    L = L.astype(np.float64)
    rng = np.random.default_rng(seed)
    L.data = rng.integers(1, 4, L.nnz) * rng.choice([-1.0, 1.0], L.nnz)
    return L


def built(by_user: Any, by_item: Any, *cuts: int, n_threads: int = 0) -> tuple[Any, ...]:
    """All of X, its rows added in ranges between the cuts."""
    building = _core.Cooccurrence(by_user, by_item)
    for first, last in itertools.pairwise((0, *cuts, by_user.cols)):
        building.add(first, last, n_threads)
    return building.finish(n_threads)


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
    """Beyond 128 MiB of them the columns of a row are found one by one."""
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
        whole = L.toarray().astype(float).T @ L.toarray().astype(float)
        by_user, by_item = pair(L, index, dtype)
        for first, last in ranges(L.shape[1]):
            for n_threads in THREADS:
                for with_diagonal, M in ((False, X), (True, whole)):
                    squares, totals = _core.cooccurrence_row_sums(
                        by_user, by_item, first, last, with_diagonal, n_threads
                    )
                    assert squares.dtype == totals.dtype == np.float64
                    np.testing.assert_array_equal(
                        squares, (M[first:last] ** 2).sum(axis=1), err_msg=name
                    )
                    np.testing.assert_array_equal(totals, M[first:last].sum(axis=1), err_msg=name)


def top_k_reference(X: NDArray[Any], met: NDArray[Any], k: int) -> tuple[Any, Any]:
    columns = np.full((len(X), k), -1)
    values = np.zeros((len(X), k))
    for i, (row, there) in enumerate(zip(X, met, strict=True)):
        best = sorted(np.flatnonzero(there), key=lambda j: (-row[j], j))[:k]
        columns[i, : len(best)], values[i, : len(best)] = best, row[best]
    return columns, values


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
            columns, values = top_k_reference(X, met, k)
            for first, last in ranges(n_items):
                for n_threads in (1, 3):
                    j, x = _core.cooccurrence_top_k(by_user, by_item, first, last, k, n_threads)
                    assert j.dtype == np.int64
                    assert x.dtype == np.float64
                    assert j.shape == x.shape == (last - first, k)
                    np.testing.assert_array_equal(j, columns[first:last], err_msg=name)
                    np.testing.assert_array_equal(x, values[first:last], err_msg=name)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("index", INDICES)
def test_cooccurrence_panels(index: Any) -> None:
    """All at once and panel by panel, on any number of threads; several panels of 32 items."""
    for name, L in matrices():
        X = dense_cooccurrence(L)
        n_items = L.shape[1]
        users = core(L, index)
        for k in sorted({0, 1, 3, 40, n_items - 1, n_items} & set(range(n_items + 1))):
            expected = top_k_reference(X, X > 0, k) if k else ()
            for n_threads in THREADS:
                panels = _core.CooccurrencePanels(users, k, n_threads)
                n = len(panels.work)
                assert n == -(-np.count_nonzero(L.sum(axis=0)) // 32)
                cuts = (0, n) if n_threads < 3 else range(n + 1)
                for first, last in itertools.pairwise(cuts):
                    panels.add(first, last, n_threads)
                squares, totals = panels.sums()
                assert squares.dtype == totals.dtype == np.float64
                np.testing.assert_array_equal(squares, (X**2).sum(axis=1), err_msg=name)
                np.testing.assert_array_equal(totals, X.sum(axis=1), err_msg=name)
                if k:
                    columns, values = panels.top_k(n_threads)
                    assert columns.dtype == np.int64
                    assert values.dtype == np.float64
                    np.testing.assert_array_equal(columns, expected[0], err_msg=f"{name}, {k}")
                    np.testing.assert_array_equal(values, expected[1], err_msg=f"{name}, {k}")


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(
    "L",
    [
        random_likes(12, 700, 0.4, seed=10),
        sp.csr_array(
            (np.ones(4500, dtype=np.float32), np.arange(4500) * 7919 % 3001, np.arange(0, 4501, 3))
        ),
    ],
    ids=["ties", "rare items"],
)
def test_cooccurrence_panels_of_many_columns(L: sp.csr_array) -> None:
    """Ties with what is already among the best; panels that touch few of the columns."""
    L.sort_indices()
    X = (L.T @ L).toarray().astype(np.int64)
    np.fill_diagonal(X, 0)
    n_items = len(X)
    for k in (1, 3, 20):
        order = np.argsort(-X, axis=1, kind="stable")[:, :k]
        values = np.take_along_axis(X, order, axis=1)
        for n_threads in (1, 3):
            panels = _core.CooccurrencePanels(core(L), k, n_threads)
            panels.add(0, len(panels.work), n_threads)
            if L.shape[0] > 1000:
                assert (panels.work < (n_items - 32 * np.arange(len(panels.work))) / 16).any()
            j, x = panels.top_k(n_threads)
            np.testing.assert_array_equal(x, values)
            np.testing.assert_array_equal(j, np.where(values > 0, order, -1))
            np.testing.assert_array_equal(panels.sums()[0], (X**2).sum(axis=1))


@pytest.mark.usefixtures("isa")
def test_cooccurrence_panels_beyond_16_bits() -> None:
    """Counts above 65,535 within a panel and between two, next to smaller ones, above 255 too."""
    n = 140_000
    rng = np.random.default_rng(8)
    shares = rng.permutation(
        [*np.full(9, 1.0), *np.linspace(0.7, 1, 28), *np.geomspace(1e-5, 0.4, 38)]
    )
    there = (rng.random((n, 75)) < shares).astype(np.float32)
    X = there.T.astype(np.float64) @ there
    assert (np.diagonal(X) > 65_535).sum() > 32
    np.fill_diagonal(X, 0)
    assert X.max() == n
    assert ((X > 65_535).sum(axis=1) > 32).any()
    expected = top_k_reference(X, X > 0, 9)
    for n_threads in (1, 2):
        panels = _core.CooccurrencePanels(core(there), 9, n_threads)
        panels.add(0, len(panels.work), n_threads)
        squares, totals = panels.sums()
        np.testing.assert_array_equal(squares, (X**2).sum(axis=1))
        np.testing.assert_array_equal(totals, X.sum(axis=1))
        columns, values = panels.top_k(n_threads)
        np.testing.assert_array_equal(columns, expected[0])
        np.testing.assert_array_equal(values, expected[1])


def test_cooccurrence_panels_refuse() -> None:
    L = core(np.ones((2, 40)))
    for k in (-1, 41, 2**62):
        with pytest.raises(ValueError, match=r"k must be within \[0, 40\]"):
            _core.CooccurrencePanels(L, k)
    with pytest.raises(TypeError, match="l has values"):
        _core.CooccurrencePanels(core(np.ones((2, 40)), np.int32, np.float32), 1)
    with pytest.raises(ValueError, match="more items than 32 bits count"):
        _core.CooccurrencePanels(
            _core.Csr(0, 2**31, np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64)), 1
        )
    panels = _core.CooccurrencePanels(L, 0)
    assert panels.work.tolist() == [2 * 40 + 40, 2 * 8 + 8]  # lines added to, lines walked
    with pytest.raises(ValueError, match="panels must be added in order: 0 is next"):
        panels.add(1, 2)
    with pytest.raises(ValueError, match="not within"):
        panels.add(0, 3)
    panels.add(0, 1)
    with pytest.raises(ValueError, match="panels must be added in order: 1 is next"):
        panels.add(0, 1)
    for call in (panels.sums, panels.top_k):
        with pytest.raises(ValueError, match="panels 1 to 2 are missing"):
            call()
    panels.add(1, 2)
    with pytest.raises(ValueError, match="k is 0"):
        panels.top_k()
    assert panels.sums()[1].tolist() == [78.0] * 40


def test_cooccurrence_has_the_same_bits_at_any_thread_count() -> None:
    L = random_likes(60, 90, 0.3, seed=6, weights=True)
    by_user, by_item = pair(L, np.int32, np.float64)
    X = dense_cooccurrence(L)
    calls: list[Callable[[int], tuple[Any, ...]]] = [
        lambda n: built(by_user, by_item, n_threads=n),
        lambda n: _core.cooccurrence_row_sums(by_user, by_item, 0, 90, True, n),
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
    np.testing.assert_allclose(calls[1](2)[0], ((L.T @ L).toarray() ** 2).sum(axis=1), rtol=1e-12)


def test_cooccurrence_counts_beyond_16_bits_and_squares_beyond_32() -> None:
    n = 70_000
    by_user, by_item = pair(np.ones((n, 2), dtype=np.float32))
    np.testing.assert_array_equal(built(by_user, by_item)[2], [n, n])
    squares, totals = _core.cooccurrence_row_sums(by_user, by_item, 0, 2)
    np.testing.assert_array_equal(squares, [n * n, n * n])
    np.testing.assert_array_equal(totals, [n, n])
    squares, _ = _core.cooccurrence_row_sums(by_user, by_item, 0, 2, with_diagonal=True)
    np.testing.assert_array_equal(squares, [2 * n * n, 2 * n * n])
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


# --- objective --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_row_dots(dtype: Any) -> None:
    rng = np.random.default_rng(11)
    for rows in (0, 1, 5, 100):
        for d in (0, 1, 2, 3, 4, 5, 7, 8, 9, 64, 65, 1023):
            a, b = (rng.standard_normal((rows, d)).astype(dtype) for _ in range(2))
            a64, b64 = a.astype(np.float64), b.astype(np.float64)
            expected = (a64 * b64).sum(axis=1)
            bound = (d + 1) * np.finfo(np.float64).eps * np.abs(a64 * b64).sum(axis=1)
            first = _core.row_dots(a, b, n_threads=1)
            assert first.dtype == np.float64
            assert first.shape == (rows,)
            assert (np.abs(first - expected) <= bound).all()
            for n_threads in (0, *THREADS):
                assert _core.row_dots(a, b, n_threads=n_threads).tobytes() == first.tobytes()
            np.testing.assert_array_equal(_core.row_dots(a, a) >= 0, True)


@pytest.mark.parametrize("dtype", FLOATS)
def test_masked_gradient(dtype: Any) -> None:
    rng = np.random.default_rng(12)
    for rows in (0, 1, 2, 5, 100):
        for d in (0, 1, 3, 4, 5, 16, 65):
            VG, XV, V = (rng.integers(-9, 10, (rows, d)) for _ in range(3))
            n = rng.integers(-9, 10, rows).astype(np.float64)
            xv, v = XV.astype(dtype), V.astype(dtype)
            expected = 4 * (VG - XV - n[:, None] * V)
            for n_threads in THREADS:
                vg, around = fenced((rows, d), dtype, 0)
                vg[:] = VG
                squares = _core.masked_gradient(vg, xv, v, n, n_threads=n_threads)
                np.testing.assert_array_equal(vg, expected)
                np.testing.assert_array_equal(squares, (expected**2).sum(axis=1))
                assert squares.dtype == np.float64
                assert_fence(around)
                np.testing.assert_array_equal(xv, XV)
                np.testing.assert_array_equal(v, V)
    VG, XV, V = (rng.standard_normal((100, 33)).astype(dtype) for _ in range(3))
    n = rng.standard_normal(100)
    results = []
    for n_threads in THREADS:
        vg = VG.copy()
        squares = _core.masked_gradient(vg, XV, V, n, n_threads=n_threads)
        results.append(vg.tobytes() + squares.tobytes())
        expected = 4 * (VG.astype(float) - XV - n[:, None] * V.astype(float))
        size = 4 * (np.abs(VG) + np.abs(XV) + np.abs(n[:, None] * V))
        assert (np.abs(vg - expected) <= 4 * np.finfo(dtype).eps * size).all()
        # Of the gradient as it was stored, in float64.
        np.testing.assert_allclose(squares, (vg.astype(float) ** 2).sum(axis=1), rtol=1e-14)
    assert len(set(results)) == 1


def residual(
    by_user: _core.Csr, by_item: _core.Csr, first: int, p: NDArray[Any], n: int
) -> NDArray[Any]:
    return np.column_stack([p, _core.residual_rows(by_user, by_item, first, p, n)])


@pytest.mark.parametrize("dtype", [None, *FLOATS])
@pytest.mark.parametrize("index", INDICES)
def test_residual_rows(index: Any, dtype: Any) -> None:
    rng = np.random.default_rng(13)
    for name, L in matrices():
        if dtype is not None:
            L = signed_integers(L, 6)
        X = dense_cooccurrence(L)
        by_user, by_item = pair(L, index, dtype)
        for first, last in ranges(L.shape[1]):
            P = rng.integers(-9, 10, (last - first, L.shape[1])).astype(np.float64)
            expected = P - X[first:last]
            expected[np.arange(last - first), np.arange(first, last)] = 0
            for n_threads in THREADS:
                p, around = fenced(P.shape, np.float64, 0)
                p[:] = P
                squares = _core.residual_rows(by_user, by_item, first, p, n_threads)
                np.testing.assert_array_equal(p, expected, err_msg=name)
                np.testing.assert_array_equal(squares, (expected**2).sum(axis=1), err_msg=name)
                assert_fence(around)


# --- top k ------------------------------------------------------------------------------------


def offer_in_blocks(
    search: Any, scores: NDArray[Any], starts: list[int], ptr: Any, excluded: Any, n_threads: int
) -> None:
    stops = [*sorted(starts)[1:], scores.shape[1]]
    stop_of = dict(zip(sorted(starts), stops, strict=True))
    for start in starts:
        block = np.ascontiguousarray(scores[:, start : stop_of[start]])
        search.offer(block, start, ptr, excluded, n_threads=n_threads)


@pytest.mark.parametrize("dtype", FLOATS)
def test_top_k_search(dtype: Any) -> None:
    """Few distinct scores, so that ties are everywhere, in blocks in and out of order."""
    Search = {np.float32: _core.TopK32, np.float64: _core.TopK64}[dtype]
    rng = np.random.default_rng(14)
    for queries, n in ((1, 1), (1, 30), (9, 30), (40, 101), (0, 10), (4, 0)):
        scores = rng.integers(-3, 3, (queries, n)).astype(dtype) / 4
        lists = [np.sort(rng.choice(n, rng.integers(0, n + 1), replace=False)) for _ in scores]
        none = [np.zeros(0, dtype=np.int64)] * queries
        everything = [np.arange(n)] * queries
        for excluded in (none, lists, everything):
            ptr = np.cumsum([0, *map(len, excluded)], dtype=np.int64)
            flat = np.concatenate([*excluded, np.zeros(0)]).astype(np.int64)
            for k in (1, 2, 7, n + 3):
                columns = np.full((queries, k), -1)
                best = np.full((queries, k), -np.inf, dtype=dtype)
                for q in range(queries):
                    left = np.setdiff1d(np.arange(n), excluded[q])
                    order = left[np.lexsort((left, -scores[q, left]))][:k]
                    columns[q, : len(order)], best[q, : len(order)] = order, scores[q, order]
                search = Search(queries, k)
                quarters = sorted({0, n // 4, n // 3, n // 2})
                for starts in ([0], quarters, quarters[::-1]):
                    for n_threads in (1, 3):
                        offer_in_blocks(search, scores, starts, ptr, flat, n_threads)
                        at, value = search.finish(n_threads=n_threads)  # and starts afresh
                        assert value.dtype == dtype
                        np.testing.assert_array_equal(at, columns)
                        np.testing.assert_array_equal(value, best)


def test_top_k_search_passes_over_columns_listed_outside_the_block() -> None:
    search = _core.TopK64(1, 5)
    listed = np.array([-4, 9, 11, 12, 40, 2**62], dtype=np.int64)
    search.offer(np.arange(4.0)[None], 10, np.array([0, 6]), listed)
    np.testing.assert_array_equal(search.finish()[0], [[13, 10, -1, -1, -1]])


def test_top_k_search_survives_nan() -> None:
    scores = np.full((3, 50), np.nan)
    scores[1, ::2] = np.arange(25)
    search = _core.TopK64(3, 7)
    search.offer(scores, 0, np.zeros(4, dtype=np.int64), np.zeros(0, dtype=np.int64))
    columns, _ = search.finish()
    assert ((columns >= 0) & (columns < 50)).all()


# --- the border -------------------------------------------------------------------------------


def misaligned(array: NDArray[Any]) -> NDArray[Any]:
    raw = np.zeros(array.nbytes + 1, dtype=np.uint8)
    out = raw[1:].view(array.dtype).reshape(array.shape)
    out[...] = array
    assert not out.flags.aligned
    return out


INDPTR, COLUMNS, VALUES = np.array([0, 2, 2, 4]), np.array([0, 3, 1, 2]), np.arange(1.0, 5.0)


def test_csr_takes_what_is_well_formed() -> None:
    a = _core.Csr(3, 4, INDPTR, COLUMNS, VALUES)
    assert (a.rows, a.cols, a.nnz) == (3, 4, 4)
    empty = _core.Csr(0, 0, np.zeros(1, dtype=np.int32), np.zeros(0, dtype=np.int32))
    assert (empty.rows, empty.cols, empty.nnz) == (0, 0, 0)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"indices": [0, 3, 1, 4]}, r"indices holds 4 in row 2, outside \[0, 4\)"),
        ({"indices": [-1, 3, 1, 2]}, r"indices holds -1 in row 0"),
        ({"indices": [0, 3, 1, 2**62]}, r"indices holds 4611686018427387904 in row 2"),
        ({"indices": [3, 0, 1, 2]}, r"indices of row 0 are not strictly ascending"),
        ({"indices": [0, 3, 2, 2]}, r"indices of row 2 are not strictly ascending"),
        ({"indices": [0, 3, 1]}, r"indptr ends with 4 but indices has 3"),
        ({"indices": [0, 3, 1, 2, 3]}, r"indptr ends with 4 but indices has 5"),
        ({"indices": [[0, 3, 1, 2]]}, r"indices must have 1 dim"),
        ({"indptr": [0, 3, 2, 4]}, r"indptr falls at row 1"),
        ({"indptr": [0, 2**62, 2, 4]}, r"indptr falls at row 1"),
        ({"indptr": [0, -2, 2, 4]}, r"indptr falls at row 0"),
        ({"indptr": [1, 2, 2, 4]}, r"indptr must start with 0"),
        ({"indptr": [-1, 2, 2, 4]}, r"indptr must start with 0"),
        ({"indptr": [0, 2, 2, 3]}, r"indptr ends with 3"),
        ({"indptr": [0, 2, 2, 2**62]}, r"indptr ends with 4611686018427387904"),
        ({"indptr": [0, 2, 4]}, r"indptr has length 3 on axis 0, expected 4"),
        ({"indptr": []}, r"indptr has length 0"),
        ({"indptr": [[0, 2, 2, 4]]}, r"indptr must have 1 dim"),
        ({"rows": -1}, r"rows and cols must not be negative"),
        ({"cols": -1}, r"rows and cols must not be negative"),
        ({"rows": 2}, r"indptr has length 4"),
        ({"rows": 2**63 - 1}, r"rows is too large"),
        ({"rows": 2**63 - 2}, r"indptr has length 4"),
        ({"cols": 0}, r"indices holds 0 in row 0, outside \[0, 0\)"),
    ],
)
def test_csr_refuses_bad_structure(changed: dict[str, Any], match: str) -> None:
    given: dict[str, Any] = {"rows": 3, "cols": 4, "indptr": INDPTR, "indices": COLUMNS}
    for name, value in changed.items():
        given[name] = np.array(value, dtype=np.int64) if isinstance(value, list) else value
    for values in (None, VALUES):
        if values is not None and given["indices"].size != len(values):
            continue
        with pytest.raises(ValueError, match=match):
            _core.Csr(**given, values=values)


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"indptr": INDPTR.astype(np.uint32)}, TypeError, "indptr must have dtype int32 or int64"),
        ({"indptr": INDPTR.astype(np.float64)}, TypeError, "indptr must have dtype"),
        ({"indptr": INDPTR.astype(">i8")}, TypeError, "indptr must have dtype.*>i8"),
        ({"indptr": INDPTR.astype(np.int16)}, TypeError, "indptr must have dtype"),
        ({"indptr": INDPTR.astype(np.int32)}, TypeError, "indices must have dtype int32"),
        ({"indices": COLUMNS.astype(np.int32)}, TypeError, "indices must have dtype int64"),
        ({"indices": COLUMNS.astype(np.uint64)}, TypeError, "indices must have dtype int64"),
        ({"indices": COLUMNS.astype(bool)}, TypeError, "indices must have dtype int64"),
        ({"indices": COLUMNS.astype(object)}, TypeError, "indices must have dtype int64"),
        ({"indptr": np.repeat(INDPTR, 2)[::2]}, ValueError, "indptr must be C-contiguous"),
        ({"indices": np.repeat(COLUMNS, 2)[::2]}, ValueError, "indices must be C-contiguous"),
        ({"values": np.repeat(VALUES, 2)[::2]}, ValueError, "values must be C-contiguous"),
        ({"indptr": misaligned(INDPTR)}, ValueError, "indptr must be aligned"),
        ({"indices": misaligned(COLUMNS)}, ValueError, "indices must be aligned"),
        ({"values": misaligned(VALUES)}, ValueError, "values must be aligned"),
        ({"values": VALUES.astype(np.float16)}, TypeError, "values must be a float32 or float64"),
        ({"values": VALUES.astype(np.int64)}, TypeError, "values must be a float32 or float64"),
        ({"values": VALUES.astype(complex)}, TypeError, "values must be a float32 or float64"),
        ({"values": VALUES.astype(object)}, TypeError, "values must be a float32 or float64"),
        ({"values": VALUES.astype(">f8")}, TypeError, "values must be a float32 or float64"),
        ({"values": "abcd"}, TypeError, "values must be a float32 or float64"),
        ({"values": VALUES[:3]}, ValueError, "values has length 3 on axis 0, expected 4"),
        ({"values": VALUES[None]}, ValueError, "values must have 1 dim"),
        ({"values": np.array([1, np.nan, 1, 1])}, ValueError, "values holds NaN.* position 1"),
        ({"values": np.array([1, 1, 1, np.inf])}, ValueError, "values holds NaN.* position 3"),
        (
            {"values": np.array([-np.inf, 1, 1, 1], dtype=np.float32)},
            ValueError,
            "values holds NaN or infinity at position 0",
        ),
        ({"indptr": [0, 2, 2, 4]}, TypeError, "indptr"),
        ({"indices": None}, TypeError, "indices"),
        ({"rows": 3.0}, TypeError, "rows"),
        ({"rows": "3"}, TypeError, "rows"),
        ({"cols": 2**70}, TypeError, "cols"),
    ],
)
def test_csr_refuses_wrong_arrays(
    changed: dict[str, Any], error: type[Exception], match: str
) -> None:
    given = {"rows": 3, "cols": 4, "indptr": INDPTR, "indices": COLUMNS, "values": VALUES}
    with pytest.raises(error, match=match):
        _core.Csr(**{**given, **changed})


def test_csr_refuses_sizes_that_its_indices_cannot_count() -> None:
    one, none = np.zeros(1, dtype=np.int32), np.zeros(0, dtype=np.int32)
    with pytest.raises(ValueError, match="cols does not fit"):
        _core.Csr(0, 2**31, one, none)
    with pytest.raises(ValueError, match="rows does not fit"):
        _core.Csr(2**31, 5, one, none)
    _core.Csr(0, 2**31, one.astype(np.int64), none.astype(np.int64))


A34 = core(np.array([[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0]]), np.int64)
A34_WEIGHTS = core(np.array([[1, 0, 0, 2], [0, 0, 0, 0], [0, 3, 4, 0]]), np.int64, np.float64)


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"v": np.ones((3, 2))}, ValueError, "v has length 3 on axis 0, expected 4"),
        ({"v": np.ones((2, 4))}, ValueError, "v has length 2 on axis 0, expected 4"),
        ({"v": np.ones((4, 2), order="F")}, ValueError, "v must be C-contiguous"),
        ({"v": np.ones((4, 4))[:, ::2]}, ValueError, "v must be C-contiguous"),
        ({"v": np.ones((4, 4))[:, :2]}, ValueError, "v must be C-contiguous"),
        ({"v": np.broadcast_to(np.ones(2), (4, 2))}, ValueError, "v must be C-contiguous"),
        ({"v": misaligned(np.ones((4, 2)))}, ValueError, "v must be aligned"),
        ({"v": np.ones(4)}, ValueError, "v must have 2 dim"),
        ({"v": np.ones((4, 2, 1))}, ValueError, "v must have 2 dim"),
        ({"v": np.float64(1)}, TypeError, "v"),
        ({"v": [[1.0, 2.0]] * 4}, TypeError, "v"),
        ({"v": np.ones((4, 2), dtype=int)}, TypeError, "v must have dtype float32 or float64"),
        ({"v": np.ones((4, 2), dtype=np.float16)}, TypeError, "v must have dtype"),
        ({"v": np.ones((4, 2), dtype=complex)}, TypeError, "v must have dtype"),
        ({"v": np.ones((4, 2), dtype=object)}, TypeError, "v must have dtype"),
        ({"v": np.ones((4, 2), dtype=">f8")}, TypeError, "v must have dtype.*>f8"),
        ({"v": np.ones((4, 2), dtype=np.float32)}, TypeError, "out must have dtype float32"),
        ({"out": np.ones((3, 3))}, ValueError, "out has length 3 on axis 1, expected 2"),
        ({"out": np.ones((4, 2))}, ValueError, "out has length 4 on axis 0, expected 3"),
        ({"out": np.ones((3, 2), order="F")}, ValueError, "out must be C-contiguous"),
        ({"out": np.ones((3, 2), dtype=np.float32)}, TypeError, "out must have dtype float64"),
        ({"out": np.ones((3, 2), dtype=">f8")}, TypeError, "out must have dtype float64"),
        ({"out": misaligned(np.ones((3, 2)))}, ValueError, "out must be aligned"),
        ({"out": read_only(np.ones((3, 2)))}, ValueError, "out is read-only"),
        ({"s": None}, ValueError, "s and diag go together"),
        ({"diag": None}, ValueError, "s and diag go together"),
        ({"s": np.ones(4)}, ValueError, "s has length 4 on axis 0, expected 3"),
        ({"s": np.ones((3, 1))}, ValueError, "s must have 1 dim"),
        ({"s": np.ones(6)[::2]}, ValueError, "s must be C-contiguous"),
        ({"s": np.ones(3, dtype=np.float32)}, TypeError, "s must have dtype float64"),
        ({"s": misaligned(np.ones(3))}, ValueError, "s must be aligned"),
        ({"diag": np.ones((4, 2))}, ValueError, "diag has length 4 on axis 0, expected 3"),
        ({"diag": np.ones((3, 1))}, ValueError, "diag has length 1 on axis 1, expected 2"),
        ({"diag": np.ones((3, 2), order="F")}, ValueError, "diag must be C-contiguous"),
        ({"diag": np.ones((3, 2), dtype=int)}, TypeError, "diag must have dtype float64"),
        ({"a": np.ones((3, 4))}, TypeError, "a"),
        ({"a": None}, TypeError, "a"),
        ({"n_threads": 1.5}, TypeError, "n_threads"),
        ({"n_threads": "2"}, TypeError, "n_threads"),
        ({"n_threads": None}, TypeError, "n_threads"),
        ({"n_threads": 2**31}, TypeError, "n_threads"),
    ],
)
def test_gather_product_refuses(
    changed: dict[str, Any], error: type[Exception], match: str
) -> None:
    given = {
        "a": A34,
        "v": np.ones((4, 2)),
        "out": np.ones((3, 2)),
        "s": np.ones(3),
        "diag": np.ones((3, 2)),
        "n_threads": 2,
    }
    given.update(changed)
    with pytest.raises(error, match=match):
        _core.gather_product(**given)


def test_gather_product_refuses_values_of_another_precision() -> None:
    with pytest.raises(TypeError, match="v and the values of a"):
        _core.gather_product(
            A34_WEIGHTS, np.ones((4, 2), dtype=np.float32), np.ones((3, 2), dtype=np.float32)
        )


def test_gather_product_refuses_an_output_over_its_input() -> None:
    memory = np.ones((7, 2))
    _core.gather_product(A34, memory[:4], memory[4:])  # side by side
    _core.gather_product(A34, memory[3:], memory[:3])
    with pytest.raises(ValueError, match="v and out share memory"):
        _core.gather_product(A34, memory[:4], memory[3:6])
    with pytest.raises(ValueError, match="v and out share memory"):
        _core.gather_product(A34, memory[2:6], memory[:3])
    square = core(np.eye(4))
    with pytest.raises(ValueError, match="v and out share memory"):
        _core.gather_product(square, memory[:4], memory[:4])


@pytest.mark.parametrize("d", [2, 16, 40])
def test_gather_product_refuses_an_output_over_its_diagonal(d: int) -> None:
    """Row r of out is summed before row r of diag is read: an answer would be silently wrong."""
    memory = np.ones((3, d))
    with pytest.raises(ValueError, match="share memory"):
        _core.gather_product(A34, np.ones((4, d)), memory, np.ones(3), memory)
    with pytest.raises(ValueError, match="share memory"):
        _core.gather_product(A34, np.ones((4, d)), memory, memory.reshape(-1)[:3], np.ones((3, d)))


L34, LT34 = pair(np.array([[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0]]))

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


@pytest.mark.parametrize(
    ("first", "p", "error", "match"),
    [
        (0, np.zeros((1, 3)), ValueError, "p has length 3 on axis 1, expected 4"),
        (0, np.zeros(4), ValueError, "p must have 2 dim"),
        (0, np.zeros((1, 4), dtype=np.float32), TypeError, "p must have dtype float64"),
        (0, np.zeros((2, 4), order="F"), ValueError, "p must be C-contiguous"),
        (0, read_only(np.zeros((1, 4))), ValueError, "p is read-only"),
        (0, misaligned(np.zeros((1, 4))), ValueError, "p must be aligned"),
        (0, [[0.0] * 4], TypeError, "p"),
        (3, np.zeros((2, 4)), ValueError, "not within"),
        (-1, np.zeros((2, 4)), ValueError, "not within"),
        (0, np.zeros((5, 4)), ValueError, "not within"),
        (2**62, np.zeros((2, 4)), ValueError, "not within"),
        (2**63 - 1, np.zeros((2, 4)), ValueError, "not within"),
        (5, np.zeros((0, 4)), ValueError, "not within"),
    ],
)
def test_residual_rows_refuses(first: int, p: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        _core.residual_rows(L34, LT34, first, p)


@pytest.mark.parametrize(
    ("a", "b", "error", "match"),
    [
        (np.ones((2, 3)), np.ones((3, 2)), ValueError, "b has length 3 on axis 0, expected 2"),
        (np.ones((2, 3)), np.ones((2, 2)), ValueError, "b has length 2 on axis 1, expected 3"),
        (np.ones(3), np.ones(3), ValueError, "a must have 2 dim"),
        (np.ones((2, 3)), np.ones(3), ValueError, "b must have 2 dim"),
        (np.ones((2, 3)), np.ones((2, 3), dtype=np.float32), TypeError, "b must have dtype"),
        (np.ones((2, 3), dtype=int), np.ones((2, 3)), TypeError, "a must have dtype"),
        (np.ones((2, 3), order="F"), np.ones((2, 3)), ValueError, "a must be C-contiguous"),
        (np.ones((2, 3)), np.ones((2, 3), order="F"), ValueError, "b must be C-contiguous"),
        (misaligned(np.ones((2, 3))), np.ones((2, 3)), ValueError, "a must be aligned"),
        ([[1.0]], np.ones((1, 1)), TypeError, "a"),
    ],
)
def test_row_dots_refuses(a: Any, b: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        _core.row_dots(a, b)


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"vg": np.ones((2, 2))}, ValueError, "vg has length 2 on axis 1, expected 3"),
        ({"vg": read_only(np.ones((2, 3)))}, ValueError, "vg is read-only"),
        ({"vg": np.ones((2, 3), order="F")}, ValueError, "vg must be C-contiguous"),
        ({"vg": np.ones((2, 3), dtype=np.float32)}, TypeError, "vg must have dtype float64"),
        ({"xv": np.ones((3, 3))}, ValueError, "xv has length 3 on axis 0, expected 2"),
        ({"xv": np.ones((2, 3), dtype=np.float32)}, TypeError, "xv must have dtype float64"),
        ({"v": np.ones((2, 3), dtype=np.int64)}, TypeError, "v must have dtype float32 or"),
        ({"v": np.ones(3)}, ValueError, "v must have 2 dim"),
        ({"v": np.ones((2, 3), dtype=np.float32)}, TypeError, "xv must have dtype float32"),
        ({"n": np.ones(3)}, ValueError, "n has length 3 on axis 0, expected 2"),
        ({"n": np.ones(2, dtype=np.float32)}, TypeError, "n must have dtype float64"),
        ({"n": np.ones(4)[::2]}, ValueError, "n must be C-contiguous"),
        ({"n": [1.0, 1.0]}, TypeError, "n"),
    ],
)
def test_masked_gradient_refuses(
    changed: dict[str, Any], error: type[Exception], match: str
) -> None:
    given = {"vg": np.ones((2, 3)), "xv": np.ones((2, 3)), "v": np.ones((2, 3)), "n": np.ones(2)}
    with pytest.raises(error, match=match):
        _core.masked_gradient(**{**given, **changed})


def test_masked_gradient_refuses_an_output_over_its_input() -> None:
    memory, other = np.ones((3, 3)), np.ones((2, 3))
    with pytest.raises(ValueError, match="vg and xv share memory"):
        _core.masked_gradient(memory[:2], memory[1:], other, np.ones(2))
    with pytest.raises(ValueError, match="vg and v share memory"):
        _core.masked_gradient(memory[1:], other, memory[:2], np.ones(2))


def offer_arguments(**changed: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "scores": np.ones((2, 3)),
        "first_column": 0,
        "excluded_ptr": np.array([0, 1, 3]),
        "excluded": np.array([1, 0, 2]),
    }
    return {**given, **changed}


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"scores": np.ones((3, 3))}, ValueError, "scores has length 3 on axis 0, expected 2"),
        ({"scores": np.ones(3)}, ValueError, "scores must have 2 dim"),
        ({"scores": np.ones((2, 3), dtype=np.float32)}, TypeError, "scores must have dtype"),
        ({"scores": np.ones((2, 3), order="F")}, ValueError, "scores must be C-contiguous"),
        ({"scores": misaligned(np.ones((2, 3)))}, ValueError, "scores must be aligned"),
        ({"first_column": -1}, ValueError, "first_column must not be negative"),
        ({"first_column": 0.5}, TypeError, "first_column"),
        ({"excluded_ptr": np.array([0, 1])}, ValueError, "excluded_ptr has length 2"),
        ({"excluded_ptr": np.array([0, 1, 2])}, ValueError, "excluded_ptr does not fit"),
        ({"excluded_ptr": np.array([1, 1, 3])}, ValueError, "excluded_ptr does not fit"),
        ({"excluded_ptr": np.array([0, 4, 3])}, ValueError, "excluded_ptr falls at query 0"),
        ({"excluded_ptr": np.array([0, -1, 3])}, ValueError, "excluded_ptr falls at query 0"),
        ({"excluded_ptr": np.array([0, 1, 3], dtype=np.int32)}, TypeError, "excluded_ptr must"),
        ({"excluded": np.array([1, 2, 0])}, ValueError, "excluded is not strictly asc.*query 1"),
        ({"excluded": np.array([1, 2, 2])}, ValueError, "excluded is not strictly ascending"),
        ({"excluded": np.array([1.0, 0, 2])}, TypeError, "excluded must have dtype int64"),
        ({"excluded": np.array([[1, 0, 2]])}, ValueError, "excluded must have 1 dim"),
    ],
)
def test_top_k_search_refuses(changed: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        _core.TopK64(2, 2).offer(**offer_arguments(**changed))


@pytest.mark.parametrize("Search", [_core.TopK32, _core.TopK64])
def test_top_k_search_refuses_sizes(Search: Any) -> None:
    with pytest.raises(ValueError, match="queries must not be negative"):
        Search(-1, 1)
    for k in (0, -1, -(2**63)):
        with pytest.raises(ValueError, match="k must be at least 1"):
            Search(1, k)
    for queries, k in ((2, 2**62), (2**62, 2), (2**40, 2), (1, 2**63 - 1)):
        with pytest.raises(ValueError, match="queries x k is too large"):
            Search(queries, k)
    with pytest.raises(TypeError, match="k"):
        Search(1, 2**70)


def test_views_keep_their_arrays_alive() -> None:
    L = random_likes(50, 40, 0.5, seed=15, weights=True)
    a = core(L, np.int64, np.float64)  # the arrays are temporaries
    junk = [np.full(2000, -1, dtype=np.int64) for _ in range(50)]
    out = np.empty((50, 3))
    _core.gather_product(a, np.ones((40, 3)), out)
    np.testing.assert_allclose(out, L @ np.ones((40, 3)), atol=1e-13)
    assert len(junk) == 50


def test_build() -> None:
    assert isinstance(_core.has_openmp(), bool)
    assert _core.max_threads() >= 1
    isas = _core.gather_isas()
    assert isas[-1] == "baseline"
    assert _core.gather_isa() == isas[0]
    with pytest.raises(ValueError, match="no gather loops for mmx"):
        _core.use_gather_isa("mmx")
    assert _core.gather_isa() == isas[0]
