"""The CUDA backend's operator against the CPU's: every method, on real-valued data."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from device_arrays import DeviceArray
from helpers import dense_cooccurrence, dense_cost, normal, random_likes, to_dense
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.cuda.operator import CudaOperator


def in_place(op: Any, a: Any, theta: NDArray[np.float64]) -> Any:
    """The columns of an operand scaled where they are, beside others."""
    wide = op.empty(a.shape[1] + 2)
    wide[:, 1:-1] = a
    inner = wide[:, 1:-1]
    op.scale_columns(inner, theta, out=inner)
    return inner


def host(x: Any) -> NDArray[Any]:
    assert isinstance(x, DeviceArray)
    return x._host


def assert_same_operator(
    op: CudaOperator, cpu: CpuOperator, dtype: Any, widths: tuple[int, ...] = (1, 19)
) -> None:
    """Every method gives what the CPU's does, to a few roundings."""
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
        pair = _Pair(op, cpu, dtype, k)
        pair.check_products()
        pair.check_grams()
        pair.check_dense_algebra()
        pair.check_gradient_and_cost()


class _Pair:
    """Two operators and arrays of k columns: A and its like on the host, a and its like there."""

    def __init__(self, op: CudaOperator, cpu: CpuOperator, dtype: Any, k: int) -> None:
        self.op, self.cpu, self.dtype, self.k = op, cpu, dtype, k
        self.tol = 40 * float(np.finfo(dtype).eps)
        L = np.abs(to_dense(cpu.matrix))
        self.size = L.T @ L + np.eye(cpu.n_items)
        self.A, self.B, self.D = (normal((cpu.n_items, k), seed, dtype) for seed in (1, 2, 3))
        self.a, self.b, self.d = (
            op.asarray(x.astype(np.float64)) for x in (self.A, self.B, self.D)
        )
        self.weights = normal((cpu.n_items,), 4, np.float64) ** 2

    def near(self, there: Any, here: NDArray[Any], within: Any) -> None:
        there = host(there)
        assert there.dtype == self.dtype
        assert there.shape == here.shape
        assert (np.abs(there - here) <= within).all()

    def check_products(self) -> None:
        op, cpu, A, a, size, near = self.op, self.cpu, self.A, self.a, self.size, self.near
        bound = self.tol * (size @ np.abs(A) + np.abs(A))
        near(op.apply(a), cpu.apply(A), bound)
        near(op.apply(op.asarray(np.asfortranarray(A))), cpu.apply(A), bound)
        wide = op.empty(self.k + 2)
        wide[:] = 7
        op.apply(a, out=wide[:, 1:-1])
        near(wide[:, 1:-1], cpu.apply(A), bound)
        assert (host(wide)[:, [0, -1]] == 7).all()
        twice = self.tol * (size @ size @ np.abs(A)) * 9
        near(op.apply(wide[:, 1:-1]), cpu.apply(cpu.apply(A)), twice)
        moved = 0.5 * (cpu.apply(A) + self.weights[:, None] * A)
        within = bound + self.tol * np.abs(self.weights[:, None] * A)
        near(op.shifted(a, op.xp.asarray(self.weights), 0.5, out=op.empty(self.k)), moved, within)
        wide[:] = 7
        op.shifted(a, op.xp.asarray(self.weights), 0.5, out=wide[:, 1:-1], minus_out=True)
        near(wide[:, 1:-1], moved - 7, within + 7 * self.tol)
        assert (host(wide)[:, [0, -1]] == 7).all()
        rows = sp.csr_array(A.T * (A.T > 0))
        weighted = op.apply_rows(rows, self.weights)
        near(weighted, cpu.apply_rows(rows, self.weights), bound * self.weights[:, None])
        columns = op.columns_of(rows)
        near(columns, rows.toarray().T.astype(op.dtype), 0)
        download = op.downloader()
        for tall in (op.columns_of(rows[:1]), columns, op.empty(0), a):
            assert np.array_equal(download(tall), host(tall))
        for spare in (None, op.empty(self.k)):
            product, form = op.evaluate(a, spare)
            near(product, cpu.apply(A), bound)
        parts = (np.abs(A) * (size @ np.abs(A))).sum()
        exact = cpu.quadratic_form(A)
        assert abs(op.quadratic_form(a) - exact) <= 1e-13 * parts  # in either dtype
        assert abs(form - exact) <= self.tol * parts
        U = normal((cpu.n_users, self.k), 7, np.float64)
        within = self.tol * (np.abs(to_dense(cpu.matrix)).T @ np.abs(U))
        near(op.from_user_vectors(U), cpu.from_user_vectors(U), within)

    def check_grams(self) -> None:
        op, cpu, A, B, a, b = self.op, self.cpu, self.A, self.B, self.a, self.b
        weights = self.weights
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
            within = self.tol * 9 * (cpu.n_items + 1)
            np.testing.assert_allclose(there, here, rtol=0, atol=within)
        np.testing.assert_array_equal(op.gram(a), op.gram(a).T)
        np.testing.assert_allclose(op.moments(a)[0], cpu.moments(A)[0], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(host(op.moments(a)[1]), cpu.moments(A)[1], rtol=1e-12)
        assert host(op.row_dots(a, b)).dtype == np.float64
        np.testing.assert_allclose(host(op.row_dots(a, b)), cpu.row_dots(A, B), atol=1e-12)

    def check_dense_algebra(self) -> None:
        op, cpu, A, B, a, b, k = self.op, self.cpu, self.A, self.B, self.a, self.b, self.k
        weights, theta = self.weights, normal((k,), 5, np.float64)
        small = normal((k, 3), 6, np.float64)
        for there, here in (
            (op.scale_rows(weights, a), cpu.scale_rows(weights, A)),
            (op.scale_rows(op.xp.asarray(weights), a), cpu.scale_rows(weights, A)),
            (op.scale_columns(a, theta), cpu.scale_columns(A, theta)),
            (in_place(op, a, theta), cpu.scale_columns(A, theta)),
            (op.hstack([a, b]), cpu.hstack([A, B])),
            (op.matmul(a, small), cpu.matmul(A, small)),
            (op.matmul(a, small, out=op.empty(3)), cpu.matmul(A, small)),
            (
                op.matmul(a, np.eye(k), out=self.d.copy(), add=True),
                cpu.matmul(A, np.eye(k), out=self.D.copy(), add=True),
            ),
            (op.residual(a, b, weights, theta, 0.3), cpu.residual(A, B, weights, theta, 0.3)),
            (
                op.residual(a, b, op.xp.asarray(weights), theta, out=op.empty(k)),
                cpu.residual(A, B, weights, theta),
            ),
            (
                op.residual(q := a.copy(), b, weights, theta, out=q),
                cpu.residual(A, B, weights, theta),
            ),
            (
                op.residual(a, x := b.copy(), weights, theta, out=x),
                cpu.residual(A, B, weights, theta),
            ),
            (op.astype(a.astype(np.float32)), A.astype(np.float32).astype(self.dtype)),
        ):
            self.near(there, here, self.tol * 9 * (k + 1))

    def check_gradient_and_cost(self) -> None:
        op, cpu, A, a, size = self.op, self.cpu, self.A, self.a, self.size
        G, n_here, n_there = cpu.gram(A), cpu.moments(A)[1], op.moments(a)[1]
        gradient, norm = op.masked_gradient(a, op.apply(a), G, n_there)
        again, same = op.masked_gradient(a, op.apply(a), G, n_there, op.empty(self.k))
        np.testing.assert_array_equal(host(again), host(gradient))
        assert same == norm
        expected, norm_here = cpu.masked_gradient(A, cpu.apply(A), G, n_here)
        terms = np.abs(A) @ np.abs(G) + size @ np.abs(A) + n_here[:, None] * np.abs(A)
        assert op.masked_gradient(a, op.apply(a), G, n_there, norm_only=True) == (None, norm)
        tol = 8 * self.tol * (1 + self.k)
        self.near(gradient, expected, tol * terms)
        np.testing.assert_allclose(norm, np.linalg.norm(host(gradient).astype(float)), rtol=1e-12)
        assert abs(norm - norm_here) <= tol * np.linalg.norm(terms)
        X = dense_cooccurrence(cpu.matrix)
        np.testing.assert_allclose(
            op.exact_cost(A), dense_cost(X, A.astype(np.float64)), rtol=1e-12
        )


def assert_tall_grams(device: Any, dtype: Any) -> None:
    """Gram matrices of slices of thousands of rows, which are summed in stacks in float32."""
    L = random_likes(400, 5_000, 0.01, seed=5)
    op = CudaOperator(L, dtype, device, keep_all=True)
    assert op.n_items == 5_000
    wide = normal((op.n_items, 40), 1, dtype)
    there = op.asarray(wide)
    tol = 1e-6 if dtype == np.float32 else 1e-13
    for left, right in ((slice(3, 20), slice(3, 20)), (slice(0, 9), slice(9, 40))):
        A, B = (wide[:, part].astype(np.float64) for part in (left, right))
        size = np.abs(A).T @ np.abs(B)
        pair = there[:, left], there[:, right]
        assert (np.abs(op.gram(*pair) - A.T @ B) <= tol * size).all()
        assert (np.abs(op.moments(pair[0])[0] - A.T @ A) <= 1e-13 * np.abs(A).T @ np.abs(A)).all()
        small = normal((A.shape[1], 6), 2, dtype)
        product = op.to_host(op.matmul(pair[0], small))
        assert (np.abs(product - A @ small) <= tol * np.abs(A) @ np.abs(small)).all()
