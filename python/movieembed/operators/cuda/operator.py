"""The operator over an array module: CuPy on a GPU, NumPy in tests."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import holds_ones
from movieembed._base.derived import derived
from movieembed.operators.cpu import (
    FEW_USERS,
    CpuOperator,
    spread,
    with_zero_rows,
    without_unembedded,
)
from movieembed.operators.cuda import geometry
from movieembed.operators.cuda.kernels import Device, has_rows
from movieembed.operators.cuda.likes import DeviceLikes
from movieembed.operators.cuda.sides import Chunk, Side
from movieembed.operators.cuda.statistics import GramRows, gram_rows
from movieembed.operators.cuda.upload import beginnings

# Rows of a tall float32 product that are summed in float32, before their sums in float64.
GRAM_ROWS = 2048
# Order from which eigenproblems are solved on the device. On an H100 those of order 128 take as
# long there as on two cores, of 311 a third, of 615 a seventh.
EIGH_ORDER = 150


class CudaOperator:
    """X = L'L - diag(c) on a GPU; see :class:`movieembed.operators.protocol.Operator`.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Canonical likes or weights, on the host.
    dtype : dtype
        float32 or float64.
    device : Device
    n_threads : int, default=0
        Of the host's kernels, which take what needs all of L where it does not fit on the device.
    keep_all : bool, default=False
        Keep the items that nobody shares.
    ones : bool, optional
        Whether the matrix holds nothing else, where that is known.

    Attributes
    ----------
    active : ndarray of int64, shape (n_items,)
    unit : float
        1 unless what makes the operator has divided the matrix.

    Notes
    -----
    L is on the device by users and by items, or streams through in chunks of users; LV of one chunk
    is there at a time, in at most 20 MB or one column.
    """

    def __init__(
        self,
        matrix: sp.csr_array,
        dtype: Any,
        device: Device,
        n_threads: int = 0,
        keep_all: bool = False,
        ones: bool | None = None,
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.device = device
        self.xp = device.xp
        self.kernels = device.kernels
        self.n_threads = n_threads
        self._given, self._keep_all = matrix, keep_all
        self._ones = holds_ones(matrix.data) if ones is None else ones
        lengths = np.diff(matrix.indptr)
        self._users = np.flatnonzero(lengths >= 2)
        self._lengths = lengths[self._users]
        both = np.dtype(np.float32).itemsize + np.dtype(np.float64).itemsize
        ptr, free = beginnings(self._lengths), device.free_bytes()
        plan = geometry.plan_of(ptr, matrix.shape, self._ones, both, free)
        self.likes = DeviceLikes(matrix, device, plan, self._ones, True, keep_all)
        self.active = self.likes.active
        self.n_users, self.n_items = len(self._users), len(self.active)
        self._squares = self._sums_of_squares()
        self.unit = 1.0
        self._other: CudaOperator | None = None

    @derived
    def matrix(self) -> sp.csr_array:
        """The reduced matrix, on the host."""
        return without_unembedded(self._given, self._keep_all)[0]

    def _sums_of_squares(self) -> Any:
        """Of the columns of L."""
        total = self.xp.zeros((self.n_items, 1), dtype=np.float64)
        for chunk in self.likes.chunks(np.float64):
            items = chunk.items
            if items.values is None:
                total += (items.ptr[1:] - items.ptr[:-1]).astype(np.float64)[:, None]
                continue
            ones = self.xp.ones((chunk.last - chunk.first, 1), dtype=np.float64)
            squares = items._replace(values=items.values * items.values)
            self.kernels.gather(squares, ones, total, add=True)
        return total[:, 0]

    def in_precision(self, dtype: Any) -> CudaOperator:
        if np.dtype(dtype) == self.dtype:
            return self
        if self._other is None:
            other = copy.copy(self)
            other.dtype = np.dtype(dtype)
            for cached in ("diagonal", "_minus_diagonal"):
                other.__dict__.pop(cached, None)
            self._other = other
        return self._other

    def without_users(self, users: NDArray[np.int64]) -> CudaOperator:
        """The operator as if some rows of its matrix were zero."""
        matrix = with_zero_rows(self._given, self._users[users])
        rest = self.dtype, self.device, self.n_threads, self._keep_all, False
        other = CudaOperator(matrix, *rest)
        other.unit = self.unit
        return other

    @derived
    def diagonal(self) -> Any:
        return self._squares.astype(self.dtype)

    @derived
    def _minus_diagonal(self) -> Any:
        return -self.diagonal[:, None]

    @derived
    def frobenius_squared(self) -> float:
        if not self.likes.resident:
            return self._on_host.frobenius_squared
        total = self.xp.zeros((), dtype=np.float64)
        if not self._ones:
            for _, rows, _, block in self._gram_rows(self._sides(), self.n_items):
                total = total + self.kernels.row_sums(block, rows)[0].sum()
            return float(total)
        # |L'L|_F = |LL'|_F: the side with the smaller sum of squared row lengths does the work, and
        # of its symmetric matrix one triangle.
        per_user, per_item = self._lengths.astype(np.float64), self.to_host(self._squares)
        sides = self._sides()
        over, width, of_diagonal = sides, self.n_items, per_item
        if len(sides) == 1 and float(per_item @ per_item) < float(per_user @ per_user):
            over, width = [(users, items) for items, users in sides], self.n_users
            of_diagonal = per_user
        for _, _, _, block in self._gram_rows(over, width, upper=True):
            total = total + self.kernels.row_sums(block)[0].sum()
        twice = 2.0 * float(total) - float(of_diagonal @ of_diagonal)
        return twice - float(per_item @ per_item)

    def asarray(self, host: Any) -> Any:
        if isinstance(host, np.ndarray):
            return self.device.upload(host.astype(self.dtype, copy=False))
        return self.astype(host)

    def to_host(self, array: Any) -> NDArray[Any]:
        if isinstance(array, np.ndarray):
            return array
        host: NDArray[Any] = self.xp.asnumpy(array)
        return host

    def downloader(self) -> Callable[[Any], NDArray[Any]]:
        held = np.empty(0, dtype=self.dtype)

        def to_host(array: Any) -> NDArray[Any]:
            nonlocal held
            if held.size < array.size:
                held = self.device.empty_pinned((array.size,), self.dtype)
            out = held[: array.size].reshape(array.shape)
            array.get(out=out)
            return out

        return to_host

    def astype(self, A: Any) -> Any:
        return self.xp.ascontiguousarray(A, dtype=self.dtype)

    def empty(self, k: int) -> Any:
        return self.xp.empty((self.n_items, k), dtype=self.dtype)

    def apply(self, V: Any, out: Any = None) -> Any:
        out = self.empty(V.shape[1]) if out is None else out
        self._pass(self._rows(V), out, norm=False)
        return out

    def shifted(self, V: Any, shift: Any, scale: float, out: Any, minus_out: bool = False) -> Any:
        result = self.residual(V, self.apply(V), shift, np.zeros(V.shape[1]), scale)
        out[:] = result - out if minus_out else result
        return out

    def cheap_products(self, k: int) -> bool:
        return False

    def apply_rows(self, rows: sp.csr_array, weights: NDArray[np.float64]) -> Any:
        return self.scale_rows(weights, self.apply(self.columns_of(rows)))

    def columns_of(self, rows: sp.csr_array) -> Any:
        # Entries alone go to the device. Of canonical rows no two have one place.
        xp, people = self.xp, np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        columns = xp.zeros((self.n_items, rows.shape[0]), dtype=self.dtype)
        at = xp.asarray(rows.indices.astype(np.int64)), xp.asarray(people)
        columns[at] = xp.asarray(rows.data.astype(self.dtype))
        return columns

    def evaluate(self, V: Any, spare: Any = None) -> tuple[Any, float]:
        V = self._rows(V)
        XV = self.empty(V.shape[1]) if spare is None else spare
        norm_squared = self._pass(V, XV, norm=True)
        return XV, self._form(V, norm_squared)

    def quadratic_form(self, V: Any) -> float:
        # LV in float32 would bias |LV|^2, by more than the cost of a close fit can bear.
        in_float64 = self.in_precision(np.float64)
        if in_float64 is not self:
            return in_float64.quadratic_form(in_float64.astype(V))
        V = self._rows(V)
        norm_squared = self._pass(V, None, norm=True)
        return self._form(V, norm_squared)

    def _form(self, V: Any, norm_squared: Any) -> float:
        """<V, XV> from |LV|_F^2."""
        return float(norm_squared - self._squares @ self.row_dots(V, V))

    def _pass(self, V: Any, out: Any, norm: bool) -> Any:
        """XV in `out`, unless None, and |LV|_F^2 on the device if `norm`."""
        k = V.shape[1]
        norm_squared = self.xp.zeros((), dtype=np.float64)
        if out is not None:
            self.xp.multiply(V, self._minus_diagonal, out=out)
        for chunk in self.likes.chunks(self.dtype):
            width = chunk.slab(self.dtype.itemsize)
            for columns in slabs(k, width):
                part = V[:, columns]
                LV = self.xp.empty((chunk.last - chunk.first, part.shape[1]), dtype=self.dtype)
                self.kernels.gather(chunk.users, part, LV, add=False)
                if norm:
                    norm_squared = norm_squared + self.kernels.row_dots(LV, LV).sum()
                if out is not None:
                    self.kernels.gather(chunk.items, LV, out[:, columns], add=True)
        return norm_squared

    def from_user_vectors(self, U: NDArray[Any]) -> Any:
        k = U.shape[1]
        out = self.xp.zeros((self.n_items, k), dtype=self.dtype)
        for chunk in self.likes.chunks(self.dtype):
            for columns in slabs(k, chunk.slab(self.dtype.itemsize)):
                part = self.asarray(U[chunk.first : chunk.last, columns])
                self.kernels.gather(chunk.items, part, out[:, columns], add=True)
        return out

    def gram(self, A: Any, B: Any = None) -> NDArray[np.float64]:
        symmetric = B is None or B is A
        B = A if B is None else B
        if not A.size or not B.size:
            return np.zeros((A.shape[1], B.shape[1]))
        if self.dtype == np.float64:
            G = self.to_host(self.device.matmul(A.T, B))
        else:
            whole = len(A) // GRAM_ROWS * GRAM_ROWS
            rest = self.device.matmul(A[whole:].T, B[whole:])
            G = self.to_host(rest.astype(np.float64))
            if whole:
                stack = (-1, GRAM_ROWS)
                blocks = self.device.matmul(
                    A[:whole].reshape(*stack, A.shape[1]).transpose(0, 2, 1),
                    B[:whole].reshape(*stack, B.shape[1]),
                )
                G = G + self.to_host(blocks.sum(axis=0, dtype=np.float64))
        return (G + G.T) / 2 if symmetric else G

    def weighted_gram(self, A: Any, weights: Any) -> NDArray[np.float64]:
        return self.gram(A, self.scale_rows(weights, A))

    def eigh(self, H: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if len(H) < EIGH_ORDER:
            return np.linalg.eigh(H)
        values, vectors = self.device.eigh(self.device.upload(H))
        return self.to_host(values), self.to_host(vectors)

    def moments(self, V: Any) -> tuple[NDArray[np.float64], Any]:
        V = self._rows(V)
        k = V.shape[1]
        G = self.xp.zeros((k, k), dtype=np.float64)
        height = max(1, geometry.BLOCK_BYTES // (8 * max(1, k)))
        for first in range(0, len(V), height):
            block = V[first : first + height].astype(np.float64)
            G += self.device.matmul(block.T, block)
        host = self.to_host(G)
        return (host + host.T) / 2, self.row_dots(V, V)

    def scale_rows(self, weights: Any, A: Any) -> Any:
        return self.xp.asarray(weights).astype(self.dtype)[:, None] * A

    def scale_columns(self, A: Any, weights: NDArray[np.float64], out: Any = None) -> Any:
        factors = self.xp.asarray(weights.astype(self.dtype))
        return A * factors if out is None else self.xp.multiply(A, factors, out=out)

    def hstack(self, blocks: list[Any]) -> Any:
        return self.xp.concatenate(blocks, axis=1)

    def matmul(self, A: Any, C: NDArray[np.float64], out: Any = None, add: bool = False) -> Any:
        if A.size and C.size:
            small = self.xp.asarray(np.ascontiguousarray(C, dtype=self.dtype))
            product = self.device.matmul(A, small)
        else:
            product = self.xp.zeros((len(A), C.shape[1]), dtype=self.dtype)
        if out is None:
            return product
        if add:
            out += product
        else:
            out[...] = product
        return out

    def residual(
        self,
        Q: Any,
        XQ: Any,
        delta: Any,
        theta: NDArray[np.float64],
        scale: float = 1.0,
        out: Any = None,
    ) -> Any:
        out = self.empty(Q.shape[1]) if out is None else out
        self.kernels.residual(
            self._rows(Q), self._rows(XQ), self._vector(delta), self._vector(theta), scale, out
        )
        return out

    def row_dots(self, A: Any, B: Any) -> Any:
        return self.kernels.row_dots(self._rows(A), self._rows(B))

    def column_dots(self, A: Any, B: Any) -> NDArray[np.float64]:
        return self.to_host(self.kernels.column_dots(self._rows(A), self._rows(B)))

    def masked_gradient(
        self, V: Any, XV: Any, G: Any, n: Any, spare: Any = None, *, norm_only: bool = False
    ) -> tuple[Any, float]:
        V = self._rows(V)
        gradient = self.xp.ascontiguousarray(self.matmul(V, G))
        self.kernels.masked_gradient(V, self._rows(XV), self._vector(n), gradient)
        squares = self.kernels.row_dots(gradient, gradient).sum()
        return None if norm_only else gradient, float(squares) ** 0.5

    def exact_cost(self, V: NDArray[Any]) -> float:
        if not self.likes.resident:
            return self._on_host.exact_cost(V)
        V = self.device.upload(V.astype(np.float64, copy=False))
        total = self.xp.zeros((), dtype=np.float64)
        for _, rows, _, X in self._gram_rows(self._sides(), self.n_items):
            block = self.xp.ascontiguousarray(self.device.matmul(V[rows], V.T))
            block -= X
            total = total + self.kernels.row_sums(block, rows)[0].sum()
        return float(total)

    def some_users(self, count: int) -> NDArray[Any]:
        users = self._users[spread(self._lengths, count)]
        rows: NDArray[Any] = self._given[users].toarray()
        return rows[:, self.active].T

    def user_gram(self) -> NDArray[np.float64] | None:
        return self._on_host.user_gram() if self.n_users <= FEW_USERS else None

    @derived
    def _on_host(self) -> CpuOperator:
        return CpuOperator(self.matrix, np.float64, self.n_threads, keep_all=True)

    def _sides(self) -> list[tuple[Side, Side]]:
        chunks: list[Chunk] = list(self.likes.chunks(np.float64))
        return [(chunk.items, chunk.users) for chunk in chunks]

    def _gram_rows(
        self, sides: list[tuple[Side, Side]], width: int, upper: bool = False
    ) -> Iterator[GramRows]:
        """Rows of A'A, with room for a second float64 array of their size."""
        return gram_rows(self.xp, self.kernels, sides, width, 8 * width, upper)

    def _rows(self, A: Any) -> Any:
        """A itself if its rows are contiguous, perhaps apart from each other, else a copy."""
        return A if has_rows(A) else self.xp.ascontiguousarray(A)

    def _vector(self, x: Any) -> Any:
        return self.xp.ascontiguousarray(self.xp.asarray(x), dtype=np.float64)


def slabs(k: int, width: int) -> Iterator[slice]:
    """Runs of at most `width` of k columns."""
    for first in range(0, k, width):
        yield slice(first, min(first + width, k))
