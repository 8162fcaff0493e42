"""The CUDA backend's operator and the solvers, over arrays that behave like a device's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from device_arrays import DeviceArray, HostDevice
from helpers import dense_cooccurrence, dense_cost, operator_cases, random_likes, to_dense
from movieembed._base.threads import serial_blas
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.cuda import geometry, kernels, operator
from movieembed.operators.cuda.operator import CudaOperator
from reference_kernels import ReferenceKernels

FLOATS = (np.float32, np.float64)


@pytest.fixture(autouse=True)
def _blas() -> Iterator[None]:
    with serial_blas():
        yield


def normal(shape: tuple[int, ...], seed: int, dtype: Any) -> NDArray[Any]:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def host(x: Any) -> NDArray[Any]:
    assert isinstance(x, DeviceArray)
    return x._host


def assert_same_operator(
    op: CudaOperator, cpu: CpuOperator, dtype: Any, widths: tuple[int, ...] = (1, 19)
) -> None:
    """Every method against the CPU's, on real-valued data, to a few roundings."""
    size = np.abs(to_dense(cpu.matrix)).T @ np.abs(to_dense(cpu.matrix)) + np.eye(cpu.n_items)
    tol = 40 * float(np.finfo(dtype).eps)
    assert op.dtype == op.diagonal.dtype == dtype
    assert (op.n_users, op.n_items) == (cpu.n_users, cpu.n_items)
    np.testing.assert_array_equal(op.active, cpu.active)
    np.testing.assert_allclose(host(op.diagonal), cpu.diagonal, rtol=tol)
    assert type(op.frobenius_squared) is float
    np.testing.assert_allclose(op.frobenius_squared, cpu.frobenius_squared, rtol=1e-12, atol=1e-20)
    np.testing.assert_array_equal(op.some_users(3), cpu.some_users(3))
    gram = op.user_gram()
    assert gram is not None
    np.testing.assert_allclose(gram, cpu.user_gram(), rtol=0, atol=1e-12)
    for k in widths:
        A, B, D = (normal((cpu.n_items, k), seed, dtype) for seed in (1, 2, 3))
        a, b, d = (op.asarray(x.astype(np.float64)) for x in (A, B, D))
        weights = normal((cpu.n_items,), 4, np.float64) ** 2
        theta = normal((k,), 5, np.float64)
        small = normal((k, 3), 6, np.float64)
        n_host, n_there = cpu.moments(A)[1], op.moments(a)[1]
        bound = tol * (size @ np.abs(A) + np.abs(A))

        def near(there: Any, here: NDArray[Any], within: Any) -> None:
            there = host(there)
            assert there.dtype == dtype
            assert there.shape == here.shape
            assert (np.abs(there - here) <= within).all()

        near(op.apply(a), cpu.apply(A), bound)
        near(op.apply(op.asarray(np.asfortranarray(A))), cpu.apply(A), bound)
        wide = op.empty(k + 2)
        wide[:] = 7
        op.apply(a, out=wide[:, 1:-1])
        near(wide[:, 1:-1], cpu.apply(A), bound)
        assert (host(wide)[:, [0, -1]] == 7).all()
        near(op.apply(wide[:, 1:-1]), cpu.apply(cpu.apply(A)), tol * (size @ size @ np.abs(A)) * 9)
        product, form = op.evaluate(a)
        near(product, cpu.apply(A), bound)
        np.testing.assert_allclose(op.quadratic_form(a), form, rtol=1e-12, atol=1e-30)
        assert abs(form - cpu.quadratic_form(A)) <= tol * (np.abs(A) * (size @ np.abs(A))).sum()
        U = normal((cpu.n_users, k), 7, np.float64)
        near(
            op.from_user_vectors(U),
            cpu.from_user_vectors(U),
            tol * (np.abs(to_dense(cpu.matrix)).T @ np.abs(U)),
        )
        for there, here in (
            (op.gram(a), cpu.gram(A)),
            (op.gram(a, b), cpu.gram(A, B)),
            (op.gram(a, b[:, :0]), cpu.gram(A, B[:, :0])),
            (op.weighted_gram(a, weights), cpu.weighted_gram(A, weights)),
            (op.weighted_gram(a, op.xp.asarray(weights)), cpu.weighted_gram(A, weights)),
            (op.column_dots(a, b), cpu.column_dots(A, B)),
        ):
            assert isinstance(there, np.ndarray)
            assert there.dtype == np.float64
            np.testing.assert_allclose(there, here, rtol=0, atol=tol * 9 * (cpu.n_items + 1))
        np.testing.assert_array_equal(op.gram(a), op.gram(a).T)
        np.testing.assert_allclose(op.moments(a)[0], cpu.moments(A)[0], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(host(n_there), n_host, rtol=1e-12)
        assert host(op.row_dots(a, b)).dtype == np.float64
        np.testing.assert_allclose(host(op.row_dots(a, b)), cpu.row_dots(A, B), atol=1e-12)
        for there, here in (
            (op.scale_rows(weights, a), cpu.scale_rows(weights, A)),
            (op.scale_rows(op.xp.asarray(weights), a), cpu.scale_rows(weights, A)),
            (op.scale_columns(a, theta), cpu.scale_columns(A, theta)),
            (op.hstack([a, b]), cpu.hstack([A, B])),
            (op.matmul(a, small), cpu.matmul(A, small)),
            (op.matmul(a, small, out=op.empty(3)), cpu.matmul(A, small)),
            (
                op.matmul(a, np.eye(k), out=d.copy(), add=True),
                cpu.matmul(A, np.eye(k), out=D.copy(), add=True),
            ),
            (op.residual(a, b, weights, theta, 0.3), cpu.residual(A, B, weights, theta, 0.3)),
            (
                op.residual(a, b, op.xp.asarray(weights), theta, out=op.empty(k)),
                cpu.residual(A, B, weights, theta),
            ),
            (op.astype(a.astype(np.float32)), A.astype(np.float32).astype(dtype)),
        ):
            near(there, here, tol * 9 * (k + 1))
        G = cpu.gram(A)
        XV = op.apply(a)
        gradient, norm = op.masked_gradient(a, XV, G, n_there)
        expected, norm_there = cpu.masked_gradient(A, cpu.apply(A), G, n_host)
        terms = np.abs(A) @ np.abs(G) + size @ np.abs(A) + n_host[:, None] * np.abs(A)
        near(gradient, expected, 8 * tol * (1 + k) * terms)
        np.testing.assert_allclose(norm, np.linalg.norm(host(gradient).astype(float)), rtol=1e-12)
        assert abs(norm - norm_there) <= 8 * tol * (1 + k) * np.linalg.norm(terms)
        V = A.astype(np.float64)
        X = dense_cooccurrence(cpu.matrix)
        np.testing.assert_allclose(op.exact_cost(A), dense_cost(X, V), rtol=1e-12)


@pytest.mark.parametrize("keep_all", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", operator_cases())
def test_the_same_as_the_cpu(name: str, dtype: Any, keep_all: bool) -> None:
    L = operator_cases()[name]
    op = CudaOperator(L, dtype, HostDevice(ReferenceKernels()), keep_all=keep_all)
    assert op.likes.resident
    assert_same_operator(op, CpuOperator(L, dtype, keep_all=keep_all), dtype)


# --- likes that do not fit --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", operator_cases())
def test_streamed_likes_give_the_same(name: str, dtype: Any) -> None:
    L = operator_cases()[name]
    device = HostDevice(ReferenceKernels(), free=0)
    op = CudaOperator(L, dtype, device)
    assert op.likes.resident == (op.n_users == 0)
    assert_same_operator(op, CpuOperator(L, dtype), dtype)
    if op.n_users:
        assert device.stagers[0].uploads % op.n_users == 0  # a chunk a user


def test_streaming_takes_two_places_in_turn() -> None:
    L = random_likes(50, 20, 0.3, seed=1, weights=True)
    device = HostDevice(ReferenceKernels(), free=0)
    op = CudaOperator(L, np.float64, device)
    V = op.asarray(normal((op.n_items, 3), 1, np.float64))
    for other in (op, op.in_precision(np.float32), op):
        other.apply(other.astype(V))
    (stager,) = device.stagers
    assert sorted(stager.state) == [0, 1]
    # Broken off in the middle, what was on its way is waited for.
    pass_over = op.likes.chunks(np.float64)
    next(pass_over)
    pass_over.close()
    assert set(stager.state.values()) == {"free"}


@pytest.mark.parametrize("dtype", FLOATS)
def test_chunks_and_slabs_change_little(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    L = random_likes(60, 20, 0.3, seed=3, weights=True)
    expected = CpuOperator(L, dtype)
    for users, workspace in ((7, 1), (60, 500), (13, 4000)):
        monkeypatch.setattr(geometry, "CHUNK_USERS", users)
        monkeypatch.setattr(geometry.slab, "__defaults__", (workspace,))
        op = CudaOperator(L, dtype, HostDevice(ReferenceKernels()))
        assert op.likes.resident
        assert_same_operator(op, expected, dtype)


def test_blocks_of_the_exact_cost_and_of_grams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "BLOCK_BYTES", 16 * 20 * 3)
    monkeypatch.setattr(operator, "GRAM_ROWS", 7)
    for name in ("tall", "tall weights"):
        for dtype in FLOATS:
            op = CudaOperator(operator_cases()[name], dtype, HostDevice(ReferenceKernels()))
            assert_same_operator(op, CpuOperator(operator_cases()[name], dtype), dtype)


def test_counts_are_exact() -> None:
    """Both ways to the sum of squares: over pairs of items, and over pairs of users."""
    ways = set()
    for name, L in operator_cases().items():
        if name.endswith("weights"):
            continue
        per_user, per_item = np.diff(L.indptr), np.bincount(L.indices, minlength=L.shape[1])
        ways.add(bool(per_item @ per_item < per_user @ per_user))
        X = dense_cooccurrence(L)
        for free in (1 << 30, 0):
            op = CudaOperator(L, np.float32, HostDevice(ReferenceKernels(), free=free))
            assert op.frobenius_squared == (X**2).sum(), name
            V = np.random.default_rng(1).integers(-9, 10, (op.n_items, 17))
            expected = X[np.ix_(op.active, op.active)] @ V
            np.testing.assert_array_equal(host(op.apply(op.asarray(V))), expected)
    assert ways == {True, False}


def test_another_precision_shares_the_likes() -> None:
    for weights in (False, True):
        L = random_likes(30, 40, 0.3, seed=14, weights=weights)
        op = CudaOperator(L, np.float32, HostDevice(ReferenceKernels()))
        assert op.in_precision(np.float32) is op
        wide = op.in_precision(np.float64)
        assert wide is op.in_precision(np.float64)
        assert wide.dtype == wide.diagonal.dtype == np.float64
        assert op.dtype == op.diagonal.dtype == np.float32
        (mine,), (other,) = (list(o.likes.chunks(o.dtype)) for o in (op, wide))
        assert mine.users.indices is other.users.indices
        assert mine.items.tasks.begin is other.items.tasks.begin
        assert_same_operator(wide, CpuOperator(L, np.float64), np.float64)


def test_mistakes_are_told() -> None:
    op = CudaOperator(operator_cases()["tall"], np.float32, HostDevice(ReferenceKernels()))
    wide = op.xp.zeros((op.n_items, 3), dtype=np.float64)
    narrow = op.empty(3)
    for arrays in ((wide, narrow), (narrow, wide)):
        with pytest.raises(TypeError, match="different dtypes: \\['float32', 'float64'\\]"):
            kernels.common(*arrays)
    with pytest.raises(ValueError, match="rows are not contiguous"):
        kernels.strided(narrow.T)
    with pytest.raises(ValueError, match="not contiguous"):
        kernels.contiguous(narrow[:, :2])
    for bad in (narrow, op.xp.zeros(4, dtype=np.float64), op.xp.zeros(3, dtype=np.float32)):
        with pytest.raises(ValueError, match="expected 3 float64 numbers, not float"):
            kernels.vector(bad, 3)
