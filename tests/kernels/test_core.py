"""The compiled kernels and the border in front of them, called directly."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from helpers import dense_cooccurrence, parallel_from, random_likes

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


def likes_about_255() -> sp.csr_array:
    """256 popular items, as many of the same 256 users, some of the same 255, and rare ones."""
    shares = np.concatenate([np.linspace(0.6, 1, 256), np.full(544, 0.05)])
    there = np.random.default_rng(11).random((600, 800)) < shares
    there[:, 256:562] = np.arange(600)[:, None] < np.repeat([256, 255], [256, 50])
    return sp.csr_array(there.astype(np.float32))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(
    "L",
    [
        random_likes(12, 700, 0.4, seed=10),
        likes_about_255(),
        sp.csr_array(
            (np.ones(4500, dtype=np.float32), np.arange(4500) * 7919 % 3001, np.arange(0, 4501, 3))
        ),
    ],
    ids=["ties", "about 255", "rare items"],
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
    with pytest.raises(ValueError, match="not within"):
        panels.add(0, 3)
    panels.add(0, 1)
    with pytest.raises(ValueError, match="panels must be added in order: 1 is next"):
        panels.add(0, 1)
    for call in (panels.sums, panels.top_k):
        with pytest.raises(ValueError, match="1 of 2 panels are missing"):
            call()
    panels.add(1, 2)
    with pytest.raises(ValueError, match="k is 0"):
        panels.top_k()
    assert panels.sums()[1].tolist() == [78.0] * 40


def test_cooccurrence_panels_add_up() -> None:
    X = dense_cooccurrence(random_likes(50, 150, 0.2, seed=5))
    L = core(random_likes(50, 150, 0.2, seed=5))
    n = len(_core.CooccurrencePanels(L, 0).work)
    assert n > 3
    squares = np.zeros(150)
    for first, last in ((0, 1), (1, n - 1), (n - 1, n)):
        panels = _core.CooccurrencePanels(L, 0)
        panels.add(first, last)
        some = panels.sums(partial=True)
        assert (some[0] <= (X**2).sum(axis=1)).all()
        squares += some[0]
        np.testing.assert_array_equal(some[1], X.sum(axis=1))
        with pytest.raises(ValueError, match=f"{n - (last - first)} of {n} panels are missing"):
            panels.sums()
    np.testing.assert_array_equal(squares, (X**2).sum(axis=1))


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


def offer_in_blocks(
    search: Any, scores: NDArray[Any], starts: list[int], ptr: Any, excluded: Any, n_threads: int
) -> None:
    stops = [*sorted(starts)[1:], scores.shape[1]]
    stop_of = dict(zip(sorted(starts), stops, strict=True))
    for start in starts:
        block = np.ascontiguousarray(scores[:, start : stop_of[start]])
        search.offer(block, start, ptr, excluded, n_threads=n_threads)


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


def offer_arguments(**changed: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "scores": np.ones((2, 3)),
        "first_column": 0,
        "excluded_ptr": np.array([0, 1, 3]),
        "excluded": np.array([1, 0, 2]),
    }
    return {**given, **changed}
