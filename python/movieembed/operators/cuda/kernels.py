"""The calls of the kernels: names, blocks of threads and arguments.

Nothing here needs a device: a kernel is launched by a function that is given, on the device CuPy's
(``device.py``), in tests one that runs the same source on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import product
from typing import Any, Protocol

import numpy as np

from movieembed.operators.cuda import geometry
from movieembed.operators.cuda.geometry import Launch
from movieembed.operators.cuda.sides import Side

VALUES = {"f32": np.dtype(np.float32), "f64": np.dtype(np.float64)}
SHORT = {dtype: name for name, dtype in {**VALUES, "u32": np.dtype(np.uint32)}.items()}

# A NULL argument. CuPy passes None as no argument at all.
NULL = np.uint64(0)

Launcher = Callable[[str, Launch, tuple[Any, ...]], None]
"""Starts a kernel by name. Arguments are device arrays, for their pointers, and NumPy scalars of
exact types."""


def source() -> str:
    """The CUDA source."""
    return files(__package__).joinpath("kernels.cu").read_text(encoding="utf-8")


def names() -> Iterator[str]:
    """Every kernel of the source."""
    yield "count_rows"
    for value in VALUES:
        for kind, columns in product(("", "weighted_"), range(1, geometry.COLUMNS + 1)):
            yield f"gather_{kind}{value}_{columns}"
        for kernel in (
            "weigh_rows",
            "reduce",
            "row_dots",
            "column_dots",
            "masked_gradient",
            "residual",
        ):
            yield f"{kernel}_{value}"
    for entry in ("u32", "f64"):
        yield f"row_sums_{entry}"
        yield f"top_k_{entry}"


class Kernels:
    """The kernels over device arrays of a module `xp`.

    Arrays are checked before their addresses are passed: one dtype, rows contiguous.

    Parameters
    ----------
    xp : module
        CuPy, or what stands for it.
    launch : Launcher
    """

    def __init__(self, xp: Any, launch: Launcher) -> None:
        self.xp = xp
        self._launcher = launch

    def _launch(self, name: str, shape: Launch, arguments: tuple[Any, ...]) -> None:
        self._launcher(name, shape, tuple(map(exact, arguments)))

    def gather(self, side: Side, source: Any, out: Any, add: bool) -> None:
        """Out = A source, or out += A source, for the matrix A of one side."""
        n_rows, k = out.shape
        if not n_rows or not k:
            return
        value = common(source, out)
        tasks = side.tasks
        n_split = len(tasks.split_rows)
        partial = self.xp.empty((side.n_slots, k), dtype=out.dtype) if n_split else None
        columns = geometry.columns_per_thread(k)
        kind = "" if side.values is None else "weighted_"
        source, apart = strided(source)
        self._launch(
            f"gather_{kind}{value}_{columns}",
            geometry.tiled(len(tasks.row), k, columns),
            (
                *(side.indices, side.values),
                *(tasks.row, tasks.begin, tasks.end, tasks.slot, len(tasks.row)),
                *(source, np.uint32(apart * source.itemsize), np.int32(k)),
                *(*strided(out), partial, add),
            ),
        )
        if n_split:
            self._launch(
                f"reduce_{value}",
                geometry.tiled(n_split, k),
                (tasks.split_rows, tasks.split_first, n_split, partial, k, *strided(out), add),
            )

    def row_dots(self, A: Any, B: Any) -> Any:
        """a_i . b_i, float64 of shape (n,)."""
        n_rows, k = A.shape
        out = self.xp.zeros(n_rows, dtype=np.float64)
        if n_rows and k:
            self._launch(
                f"row_dots_{common(A, B)}",
                geometry.by_row(n_rows, k),
                (*strided(A), *strided(B), n_rows, k, out),
            )
        return out

    def column_dots(self, A: Any, B: Any) -> Any:
        """Column-wise dot products, float64 of shape (k,)."""
        n_rows, k = A.shape
        if not n_rows or not k:
            return self.xp.zeros(k, dtype=np.float64)
        height = geometry.DOT_ROWS
        n_chunks = -(-n_rows // height)
        partial = self.xp.empty((n_chunks, k), dtype=np.float64)
        self._launch(
            f"column_dots_{common(A, B)}",
            geometry.tiled(n_chunks, k),
            (*strided(A), *strided(B), n_rows, k, height, partial),
        )
        return partial.sum(axis=0)

    def masked_gradient(self, V: Any, XV: Any, n: Any, VG: Any) -> None:
        """VG <- 4 (VG - XV - diag(n) V)."""
        n_rows, k = VG.shape
        if n_rows and k:
            self._launch(
                f"masked_gradient_{common(V, XV, VG)}",
                geometry.tiled(n_rows, k),
                (*strided(V), *strided(XV), vector(n, n_rows), n_rows, k, contiguous(VG)),
            )

    def residual(self, Q: Any, XQ: Any, delta: Any, theta: Any, scale: float, out: Any) -> None:
        """Out = scale (XQ + diag(delta) Q - Q diag(theta))."""
        n_rows, k = out.shape
        if n_rows and k:
            delta, theta = vector(delta, n_rows), vector(theta, k)
            self._launch(
                f"residual_{common(Q, XQ, out)}",
                geometry.tiled(n_rows, k),
                (*strided(Q), *strided(XQ), delta, theta, float(scale), n_rows, k, *strided(out)),
            )

    def gram_rows(
        self, side: Side, other: Side, rows: Any, longest: int, out: Any, upper: bool = False
    ) -> None:
        """Add rows of A'A to `out`, for the matrix A whose columns are `side`, rows `other`.

        Parameters
        ----------
        side, other : Side
        rows : int64 array, shape (b,)
            Rows of A'A, rows of `side`.
        longest : int
            Entries of the longest of them.
        out : array, shape (b, width)
            uint32 for a matrix of ones, float64 for weights.
        upper : bool, default=False
            Of a matrix of ones, only the entries from the diagonal on.
        """
        if not len(rows) or not longest:
            return
        width = out.shape[1]
        both = (side.ptr, side.indices, other.ptr, other.indices)
        for first in range(0, len(rows), geometry.GRID_ROWS):
            some = slice(first, first + geometry.GRID_ROWS)
            to, n = contiguous(out[some]), len(rows[some])
            if side.values is None:
                # The pieces of a row run side by side, so that the rows which are added to at a
                # time stay in the second-level cache.
                piece = geometry.COUNT_PIECE
                pieces = Launch((-(-longest // piece), n), (geometry.WARP, 4))
                arguments = (*both, rows[some], width, piece, upper, to)
                self._launch("count_rows", pieces, arguments)
            else:
                self._launch(
                    f"weigh_rows_{SHORT[side.values.dtype]}",
                    Launch((geometry.WEIGHED_PARTS, n), (2 * geometry.WARP, 1)),
                    (*both[:2], side.values, *both[2:], other.values, rows[some], width, to),
                )

    def row_sums(self, A: Any, diagonal: Any = None) -> tuple[Any, Any]:
        """Sums of squares and sums of the rows of A, float64 of shape (n,).

        Parameters
        ----------
        A : uint32 or float64 array, shape (n, width)
            Contiguous.
        diagonal : int64 array, shape (n,), optional
            A column a row that is left out.
        """
        n_rows, width = A.shape
        squares = self.xp.zeros(n_rows, dtype=np.float64)
        totals = self.xp.zeros(n_rows, dtype=np.float64)
        if n_rows and width:
            diagonal = None if diagonal is None else contiguous(diagonal)
            self._launch(
                f"row_sums_{common(A)}",
                Launch((n_rows, 1), (geometry.ROW_THREADS, 1)),
                (contiguous(A), width, diagonal, squares, totals),
            )
        return squares, totals

    def top_k(self, A: Any, diagonal: Any, k: int, largest: int) -> tuple[Any, Any]:
        """Columns and values of the k largest entries of the rows of A, by falling value.

        Parameters
        ----------
        A : uint32 or float64 array, shape (n, width)
            Contiguous; 0 or, in float64, -0.0 where there is no entry.
        diagonal : int64 array, shape (n,)
            A column a row that is left out.
        k : int
            1 to width.
        largest : int
            At least as large as every number of a uint32 array.

        Returns
        -------
        columns, values : int64 array and array like A, shape (n, k)
            Columns of -1, and 0, where a row has fewer entries.
        """
        n_rows, width = A.shape
        padded = geometry.padded(k)
        columns = self.xp.empty((n_rows, padded), dtype=np.int64)
        values = self.xp.empty((n_rows, padded), dtype=A.dtype)
        if n_rows:
            bits = np.int32(geometry.digit_bits(largest) if A.dtype.kind == "u" else 64)
            self._launch(
                f"top_k_{common(A)}",
                Launch((n_rows, 1), (geometry.ROW_THREADS, 1)),
                (contiguous(A), width, contiguous(diagonal), k, bits, padded, columns, values),
            )
        return columns[:, :k], values[:, :k]


class Device(Protocol):
    """An array module with its kernels."""

    xp: Any
    kernels: Kernels

    def free_bytes(self) -> int:
        """Bytes that can still be allocated."""
        ...

    def matmul(self, A: Any, B: Any) -> Any:
        """A @ B, of matrices or stacks of them, in the precision of their dtype."""
        ...

    def eigh(self, H: Any) -> tuple[Any, Any]:
        """Eigenvalues, rising, and eigenvectors of a symmetric float64 matrix."""
        ...

    def upload(self, host: Any) -> Any:
        """A copy of a host array on the device, in C order."""
        ...

    def empty_pinned(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """A host array of no particular values, in memory that the device writes at full speed."""
        ...

    def stager(self) -> Any:
        """A :class:`movieembed.operators.cuda.likes.Stager`."""
        ...


def exact(argument: Any) -> Any:
    """An argument of the type that the kernels take: int64, float64, int32 for a flag, or NULL."""
    if argument is None:
        return NULL
    for kind, dtype in ((bool, np.int32), (int, np.int64), (float, np.float64)):
        if type(argument) is kind:
            return dtype(argument)
    return argument


def common(*arrays: Any) -> str:
    """The short name of the one dtype of all arrays."""
    dtypes = {array.dtype for array in arrays}
    if len(dtypes) > 1:
        raise TypeError(f"arrays of different dtypes: {sorted(map(str, dtypes))}")
    return SHORT[dtypes.pop()]


def has_rows(A: Any) -> bool:
    """Whether rows are contiguous, perhaps apart from each other."""
    return bool(
        (A.shape[1] == 1 or A.strides[1] == A.itemsize)
        and (A.shape[0] == 1 or A.strides[0] >= A.shape[1] * A.itemsize)
    )


def strided(A: Any) -> tuple[Any, Any]:
    """A matrix with contiguous rows, and how far apart they are."""
    if not has_rows(A):
        raise ValueError(f"rows are not contiguous: shape {A.shape}, strides {A.strides}")
    return A, np.int64(max(A.strides[0] // A.itemsize, A.shape[1]))


def contiguous(A: Any) -> Any:
    """A C-contiguous array."""
    if not A.flags.c_contiguous:
        raise ValueError("the array is not contiguous")
    return A


def vector(x: Any, n: int) -> Any:
    """A contiguous float64 vector of length n."""
    if x.shape != (n,) or x.dtype != np.float64:
        raise ValueError(f"expected {n} float64 numbers, not {x.dtype} of shape {x.shape}")
    return contiguous(x)
