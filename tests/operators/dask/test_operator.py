"""The operator over a Dask cluster, against the CPU's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import movieembed as me
from helpers import dask_client, dense_cooccurrence, random_likes, to_dense
from movieembed._base.threads import serial_blas
from movieembed.data.distributed.blocks import UserRows
from movieembed.data.distributed.likes import part_bounds
from movieembed.data.likes import Likes
from movieembed.model.users import in_a_task
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.dask import part
from movieembed.operators.dask.operator import DaskOperator
from movieembed.operators.units import divided, unit_of_shared
from movieembed.operators.weighting import Weighting

distributed = pytest.importorskip("distributed")


@pytest.fixture(autouse=True)
def _blas() -> Iterator[None]:
    with serial_blas():
        yield


def spread_out(L: sp.csr_array, n_parts: int, client: Any) -> me.DistributedLikes:
    return me.DistributedLikes.from_likes(Likes.from_matrix(L), n_parts, client)


@pytest.mark.parametrize("n_parts", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_operator(dtype: Any, weights: bool, n_parts: int, client: Any) -> None:
    L = random_likes(60, 45, 0.06, seed=1, weights=weights)
    unit = unit_of_shared(L) if weights else 1.0
    here = CpuOperator(divided(L, unit), dtype)
    assert here.n_users < 60
    assert here.n_items < 45
    there = DaskOperator(spread_out(L, n_parts, client), Weighting(), dtype)
    assert len(there.parts) == n_parts
    assert there.unit == unit
    assert (there.n_users, there.n_items) == (here.n_users, here.n_items)
    np.testing.assert_array_equal(there.active, here.active)
    np.testing.assert_allclose(there.diagonal, here.diagonal, rtol=1e-6)
    assert there.diagonal.dtype == dtype
    np.testing.assert_allclose(there.item_squares, (to_dense(L) ** 2).sum(axis=0), rtol=1e-12)
    assert there.frobenius_squared == pytest.approx(here.frobenius_squared, rel=1e-12)
    tol = 100 * float(np.finfo(dtype).eps)
    for k in (1, 9):
        V = np.random.default_rng(k).standard_normal((here.n_items, k)).astype(dtype)
        U = np.random.default_rng(k).standard_normal((here.n_users, k))
        size = float(here.diagonal.max())
        np.testing.assert_allclose(there.apply(V), here.apply(V), rtol=tol, atol=tol * size * 5)
        rows = sp.csr_array(V.T * (V.T > 0))
        found = there.apply_rows(rows, here.diagonal)
        expected = here.apply_rows(rows, here.diagonal)
        np.testing.assert_allclose(found, expected, rtol=tol, atol=tol * size**2 * 5)
        XV, form = there.evaluate(V)
        assert XV.tobytes() == there.apply(V).tobytes()
        np.testing.assert_array_equal(there.evaluate(V, np.empty_like(V))[0], XV)
        out = np.full((here.n_items, k + 2), 7, dtype=dtype)
        assert there.apply(V, out=out[:, 1:-1]).tobytes() == XV.tobytes()
        assert (out[:, [0, -1]] == 7).all()
        exact = here.quadratic_form(V)
        assert there.quadratic_form(V) == pytest.approx(exact, rel=1e-12, abs=1e-12 * size)
        assert form == pytest.approx(exact, abs=tol * size * float((V**2).sum()))
        expected = here.from_user_vectors(U)
        np.testing.assert_allclose(there.from_user_vectors(U), expected, atol=tol * size)
    small = np.random.default_rng(1).standard_normal((here.n_items, 3))
    assert there.exact_cost(small) == pytest.approx(here.exact_cost(small), rel=1e-6)
    np.testing.assert_array_equal(there.some_users(5), here.some_users(5))


@pytest.mark.parametrize("n_parts", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("shape", [(60, 25), (12, 50)])
def test_counts_are_exact(shape: tuple[int, int], n_parts: int, client: Any) -> None:
    """Both sides of the sum of squares, and as many rounds of pairs as there can be."""
    L = random_likes(*shape, 0.3, seed=2)
    X = dense_cooccurrence(L)
    likes = spread_out(L, n_parts, client)
    assert DaskOperator(likes, Weighting(), np.float64).frobenius_squared == (X**2).sum()
    squares, totals = me.cooccurrence_sums(likes)
    np.testing.assert_array_equal(squares, (X**2).sum(axis=1))
    np.testing.assert_array_equal(totals, X.sum(axis=1))
    for k in (1, 7, shape[1] + 3):
        columns, values = me.cooccurrence_top_k(likes, k, items=range(shape[1] - 1, -1, -1))
        expected = me.cooccurrence_top_k(L, k)
        np.testing.assert_array_equal(columns[::-1], expected[0])
        np.testing.assert_array_equal(values[::-1], expected[1])


def test_sums_of_weights(client: Any) -> None:
    L = random_likes(60, 25, 0.3, seed=3, weights=True)
    X = dense_cooccurrence(L)
    squares, totals = me.cooccurrence_sums(spread_out(L, 3, client))
    np.testing.assert_allclose(squares, (X**2).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(totals, X.sum(axis=1), atol=1e-12)


@pytest.mark.parametrize("n_parts", [1, 2, 3])
def test_weights_that_cancel_are_entries(n_parts: int, client: Any) -> None:
    """As on one machine, whether they do within a part or between parts."""
    rng = np.random.default_rng(0)
    L = sp.csr_array(rng.integers(-1, 2, (24, 12)).astype(float) * (rng.random((24, 12)) < 0.4))
    expected = me.cooccurrence_top_k(L, 12)
    assert ((expected[0] >= 0) & (expected[1] == 0)).sum() > 20
    columns, values = me.cooccurrence_top_k(spread_out(L, n_parts, client), 12, items=range(12))
    np.testing.assert_array_equal(columns, expected[0])
    np.testing.assert_array_equal(values, expected[1])


@pytest.mark.parametrize("n_parts", [2, 4])
def test_halves_of_pairs_where_users_are_counted(n_parts: int, client: Any) -> None:
    """Many panels of users, whose order the two halves of a pair must share."""
    L = random_likes(300, 1500, 0.02, seed=4)
    exact = CpuOperator(L, np.float64).frobenius_squared
    likes = spread_out(L, n_parts, client)
    assert DaskOperator(likes, Weighting(), np.float64).frobenius_squared == exact


def test_parts_have_alike_many_likes() -> None:
    lengths = np.random.default_rng(0).integers(2, 50, 1000)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    bounds = part_bounds(indptr, 4)
    sizes = np.diff(indptr[bounds])
    assert len(sizes) == 4
    assert sizes.sum() == indptr[-1]
    assert sizes.max() - sizes.min() < 100
    assert part_bounds(np.array([0, 2, 5]), 2).tolist() == [0, 1, 2]
    assert part_bounds(np.array([0, 3]), 4).tolist() == [0, 1]
    assert part_bounds(np.array([0]), 4).tolist() == [0, 0]
    assert part_bounds(np.array([0, 0, 0]), 2).tolist() == [0, 2]
    assert part_bounds(np.array([0, 10, 11, 12, 20]), 3).tolist() == [0, 1, 3, 4]
    assert part_bounds(np.array([0, 0, 4, 4, 8]), 2).tolist() == [0, 2, 4]
    one_large = sp.csr_array(np.ones((3, 4))).indptr
    assert part_bounds(one_large, 10).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": "als"},
        {"item_scaling": "cosine"},
        {"user_weighting": 0.5, "item_scaling": 0.5},
        {"n_components": 30},  # above the rank: cost 0
    ],
)
def test_fits(options: dict[str, Any], client: Any) -> None:
    L = random_likes(22 if "n_components" in options else 60, 25, 0.3, seed=1)
    there, here = (
        me.MovieEmbedding(**{"n_components": 4, **options}, random_state=0, backend=backend).fit(L)
        for backend in ("dask", "cpu")
    )
    assert there.cost_ == pytest.approx(here.cost_, rel=1e-7, abs=1e-9)
    assert there.stop_reason_ == here.stop_reason_
    assert there.regularization_ == pytest.approx(here.regularization_, rel=1e-3)
    np.testing.assert_allclose(there.item_squares_, here.item_squares_, rtol=1e-12)


def test_the_same_bits_whatever_the_workers(client: Any) -> None:
    """Three parts on two workers of a thread, and on one of four."""
    L = random_likes(400, 80, 0.2, seed=1)
    options = {"n_components": 8, "random_state": 0, "dtype": "float32"}
    first = me.MovieEmbedding(**options).fit(spread_out(L, 3, client))
    with dask_client(1, threads=4) as other:
        again = me.MovieEmbedding(**options).fit(spread_out(L, 3, other))
    assert first.n_iter_ > 2
    assert first.embedding_.tobytes() == again.embedding_.tobytes()
    assert first.history_["cost"].tolist() == again.history_["cost"].tolist()
    parted = me.MovieEmbedding(**options).fit(spread_out(L, 4, client))
    assert parted.cost_ == pytest.approx(first.cost_, rel=1e-5)


def test_lambda_of_likes_that_are_not_kept_is_chosen_on_this_machine(client: Any) -> None:
    """Of likes that a fit spread over the workers itself."""
    L = random_likes(300, 60, 0.15, seed=3)
    paths = []
    for backend in ("dask", "cpu"):
        model = me.MovieEmbedding(6, random_state=0, backend=backend, keep_likes=False).fit(L)
        assert model.regularization_path_ is not None
        paths.append(model.regularization_path_["ndcg"])
    np.testing.assert_allclose(*paths, rtol=0.05)


def test_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise ValueError("No clients found")

    monkeypatch.setattr(distributed, "get_client", none)
    with pytest.raises(ValueError, match="needs a Dask client"):
        me.MovieEmbedding(2, backend="dask").fit([[1, 1], [1, 1]])


def test_each_precision_has_its_own_diagonal(client: Any) -> None:
    likes = me.DistributedLikes.from_likes(likes_of_two(), 1, client)
    op = DaskOperator(likes, Weighting(), np.float64)
    assert op.diagonal.dtype == np.float64
    assert op.in_precision(np.float32).diagonal.dtype == np.float32


def likes_of_two() -> Likes:
    return Likes.from_matrix(np.ones((2, 3)))


def test_the_unit_of_a_part_without_users_who_share() -> None:
    pairs = UserRows(sp.csr_array([[4.0, 4.0, 0.0], [0.0, 4.0, 0.0]]), np.arange(2))
    alone = UserRows(sp.csr_array([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0]]), np.arange(2))
    assert part.unit_of_part(pairs, Weighting(), None) == unit_of_shared(pairs.matrix) > 0
    assert part.unit_of_part(alone, Weighting(), None) == 0


def test_a_task_has_the_threads_of_its_worker() -> None:
    """Those that no other task is using; a model that is sent takes no others either."""
    model = me.MovieEmbedding(1, n_jobs=1, random_state=0).fit(likes_of_two())
    with dask_client(1, threads=4) as client:
        assert client.submit(part.threads).result() == 4
        assert client.submit(lambda sent: in_a_task(sent).n_jobs, model._fitted).result() == 4
