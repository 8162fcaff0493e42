"""backend="cuda" on a GPU, against the CPU; skipped where there is none."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import movieembed as me
from helpers import random_likes
from movieembed._base.threads import serial_blas
from movieembed.data.likes import Likes
from movieembed.model import refinement
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.cuda import geometry
from movieembed.operators.cuda.device import CudaDevice, cuda_device
from movieembed.operators.cuda.operator import CudaOperator
from movieembed.solvers import SOLVERS
from operator_checks import assert_tall_grams

pytestmark = pytest.mark.gpu
WIDTHS = (1, 5, 33, 64, 130)


@pytest.fixture(scope="module")
def gpu() -> CudaDevice:
    try:
        return cuda_device()
    except (ImportError, RuntimeError) as error:
        pytest.skip(str(error))


def long_rows(weights: bool) -> sp.csr_array:
    """More than a task's entries in a row, and more users than a block's threads."""
    rng = np.random.default_rng(0)
    there = rng.random((2000, 700)) < 0.9 * rng.random(700) ** 3
    there[3] = True
    there[:, 5] = True
    return sp.csr_array(there * (rng.standard_normal(there.shape) if weights else 1.0))


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_operator(dtype: Any, weights: bool, streamed: bool, gpu: CudaDevice) -> None:
    device: Any = gpu
    if streamed:
        device = copy.copy(gpu)
        device.free_bytes = lambda: 1_000_000
    for L in (long_rows(weights), random_likes(60, 20, 0.3, seed=1, weights=weights)):
        there, here = CudaOperator(L, dtype, device), CpuOperator(L, dtype)
        tol = 100 * float(np.finfo(dtype).eps)

        def same(x: Any, y: Any, size: float = 1.0, tol: float = tol) -> None:
            x = x if isinstance(x, np.ndarray | float) else there.to_host(x)  # noqa: B023
            np.testing.assert_allclose(x, y, rtol=tol, atol=tol * (size + np.abs(y).max(initial=0)))

        with serial_blas():
            assert there.frobenius_squared == pytest.approx(here.frobenius_squared, rel=1e-6)
            for k in WIDTHS:
                V = np.random.default_rng(k).standard_normal((here.n_items, k)).astype(dtype)
                A = there.asarray(V)
                c = float(here.diagonal.max())
                same(there.apply(A), here.apply(V), c)
                same(there.gram(A), here.gram(V))
                G, n = here.moments(V)
                same(there.moments(A)[0], G)
                same(there.row_dots(A, A), n)
                same(there.column_dots(A, A), here.column_dots(V, V))
                form = here.quadratic_form(V)
                size = c * float(n.sum())  # in either dtype
                assert there.quadratic_form(A) == pytest.approx(form, abs=1e-12 * size)
                got, norm = there.masked_gradient(A, there.apply(A), G, there.row_dots(A, A))
                expected, here_norm = here.masked_gradient(V, here.apply(V), G, n)
                same(got, expected, c)
                assert norm == pytest.approx(here_norm, rel=1e-4)
                U = np.random.default_rng(k).standard_normal((here.n_users, k))
                same(there.from_user_vectors(U), here.from_user_vectors(U))
                twice = [there.to_host(there.apply(A)).tobytes() for _ in range(2)]
                assert twice[0] == twice[1]
            small = np.random.default_rng(1).standard_normal((here.n_items, 3))
            assert there.exact_cost(small) == pytest.approx(here.exact_cost(small), rel=1e-9)


def test_products_keep_the_digits_of_float32(gpu: CudaDevice) -> None:
    """Tensor cores would be off by 3e-4, whatever has been asked of CuPy and cuBLAS."""
    xp, rng = gpu.xp, np.random.default_rng(0)
    A = rng.standard_normal((32_768, 76)).astype(np.float32)
    B = rng.standard_normal((76, 76)).astype(np.float32)
    stack = A.reshape(16, -1, 76)
    tf32_type, tf32_math = 7, 3
    handle = xp.cuda.get_cublas_handle()
    kind, mode = xp._core.get_compute_type(np.float32), xp.cuda.cublas.getMathMode(handle)
    xp._core.set_compute_type(np.float32, tf32_type)
    xp.cuda.cublas.setMathMode(handle, tf32_math)
    try:
        for left, right in ((A, B), (A.T, A), (stack.transpose(0, 2, 1), stack)):
            there = xp.asnumpy(gpu.matmul(xp.asarray(left), xp.asarray(right)))
            here = left.astype(np.float64) @ right.astype(np.float64)
            # With ten bits it is 3e-4, 1e-5 and 6e-5, where squares outweigh the rest.
            assert np.linalg.norm(there - here) <= 3e-6 * np.linalg.norm(here)
        assert xp._core.get_compute_type(np.float32) == tf32_type
    finally:
        xp._core.set_compute_type(np.float32, kind)
        xp.cuda.cublas.setMathMode(handle, mode)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers(solver: str, dtype: str, demo_likes: Likes, gpu: CudaDevice) -> None:
    tol = 1e-8 if solver in ("eigen", "als", "lbfgs") else 1e-7
    costs = [
        me.MovieEmbedding(10, random_state=0, solver=solver, dtype=dtype, tol=tol, backend=backend)
        .fit(demo_likes)
        .cost_
        for backend in ("cuda", "cpu")
    ]
    assert costs[0] == pytest.approx(costs[1], rel=1e-6 if dtype == "float64" else 1e-5)


@pytest.mark.parametrize("steps", [1, 2])
def test_lists(
    steps: int, demo_likes: Likes, gpu: CudaDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refinement, "REFINE_BYTES", 1)  # many blocks of people
    models = [
        me.MovieEmbedding(10, random_state=0, refine=steps, backend=backend).fit(demo_likes)
        for backend in ("cuda", "cpu")
    ]
    few = list(demo_likes.items[3:5])
    for there, here in (
        [m.recommend_users(demo_likes, n=5, regularization=2.0) for m in models],
        [m.recommend(few, n=5, regularization=2.0) for m in models],
    ):
        np.testing.assert_allclose(there["score"], here["score"], rtol=1e-3)
        assert (there["item"] == here["item"]).mean() > 0.95  # some scores are nearly equal
    assert isinstance(models[0]._fitted_items().operator, CudaOperator)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_grams_of_slices_of_many_rows(dtype: Any, gpu: CudaDevice) -> None:
    assert_tall_grams(gpu, dtype)


@pytest.mark.parametrize("order", [20, 150, 400])
def test_eigenproblems(order: int, gpu: CudaDevice) -> None:
    op = CudaOperator(random_likes(60, 20, 0.3, seed=1), np.float64, gpu)
    H = np.random.default_rng(0).standard_normal((order, order))
    H += H.T
    values, vectors = op.eigh(H)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(H), atol=1e-12 * order)
    np.testing.assert_allclose((vectors * values) @ vectors.T, H, atol=1e-12 * order)
    assert op.eigh(H)[1].tobytes() == vectors.tobytes()


@pytest.mark.parametrize("d", [70, 130])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighting", [None, 0.5])
def test_a_fit_has_the_same_bits_again(
    weighting: float | None, dtype: str, d: int, demo_likes: Likes, gpu: CudaDevice
) -> None:
    options: dict[str, Any] = {"dtype": dtype, "backend": "cuda", "random_state": 0}
    first, second = (
        me.MovieEmbedding(d, user_weighting=weighting or 0.0, **options).fit(demo_likes)
        for _ in range(2)
    )
    assert first.embedding_.tobytes() == second.embedding_.tobytes()
    assert first.history_.drop(columns="seconds").equals(second.history_.drop(columns="seconds"))


@pytest.mark.parametrize("weights", [False, True])
def test_sums_and_top_k(weights: bool, gpu: CudaDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    cupyx_sparse = pytest.importorskip("cupyx.scipy.sparse")
    for block in (1 << 28, 100_000):
        monkeypatch.setattr(geometry, "BLOCK_BYTES", block)
        for L in (long_rows(weights), random_likes(60, 20, 0.3, seed=1, weights=weights)):
            there = cupyx_sparse.csr_matrix(sp.csr_matrix(L))
            for k in (1, 10, 100, L.shape[1] + 1):
                for x, y in zip(
                    me.cooccurrence_top_k(there, k, return_sums=True),
                    me.cooccurrence_top_k(L, k, return_sums=True),
                    strict=True,
                ):
                    if weights and x.dtype == np.float64:
                        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-10)
                    elif not weights:
                        np.testing.assert_array_equal(x, y)


def test_likes_on_the_gpu_stay_there(gpu: CudaDevice) -> None:
    cupyx_sparse = pytest.importorskip("cupyx.scipy.sparse")
    L = random_likes(300, 80, 0.2, seed=2)
    here = me.MovieEmbedding(5, random_state=0).fit(L)
    there = me.MovieEmbedding(5, random_state=0).fit(cupyx_sparse.csr_matrix(sp.csr_matrix(L)))
    assert isinstance(there.embedding_, np.ndarray)
    assert there.cost_ == pytest.approx(here.cost_, rel=1e-6)
