"""From likes and a weighting to the operator of a fit, in the place that was asked for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import holds_ones, sums_at
from movieembed._base.gpu_arrays import is_on_gpu
from movieembed._base.message import Message
from movieembed.data.distributed.likes import DistributedLikes
from movieembed.data.given_cooccurrence import Cooccurrence
from movieembed.data.likes import Likes, likes_matrix
from movieembed.exceptions import ParameterError
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.explicit import ExplicitOperator
from movieembed.operators.protocol import LeavesOutUsers, Operator
from movieembed.operators.units import divided, times, unit_of, unit_of_shared
from movieembed.operators.weighting import Weighting

# Of the unit of the weights: V, of about that size, then has all its digits.
MOST = {"float32": 2.0**96, "float64": 2.0**960}


class Prepared(NamedTuple):
    """An operator and what the fitted model keeps of the matrix behind it.

    Attributes
    ----------
    op : Operator
    item_scale : ndarray of float64, shape (n_items,), or None
        The diagonal of S, over all items; None where it is one.
    item_squares : ndarray of float64, shape (n_items,), or None
        The diagonal of the scaled L'L, over all items; None where there is no L.
    """

    op: Operator
    item_scale: NDArray[np.float64] | None
    item_squares: NDArray[np.float64] | None


def prepare(
    backend: str,
    likes: Any,
    weighting: Weighting,
    dtype: Any,
    n_threads: int,
    keep_all: bool = False,
) -> Prepared:
    """The operator of a backend.

    Parameters
    ----------
    backend : str
        One of `BACKENDS`.
    likes : Likes; Cooccurrence for "cpu", DistributedLikes for "dask"
    weighting : Weighting
    dtype : dtype
        float32 or float64.
    n_threads : int
        Of this machine's kernels.
    keep_all : bool
        Keep the items that nobody shares.

    Returns
    -------
    Prepared

    Raises
    ------
    ValueError
        When the weights, or the numbers that belong to them, leave the range of `dtype`.
    """
    if isinstance(likes, DistributedLikes) and backend != "dask":
        raise ValueError(f"backend={backend!r} takes Likes; DistributedLikes take backend='dask'")
    if isinstance(likes, Cooccurrence):
        _check_ready_made(backend, weighting)
    if keep_all and backend != "cpu":
        raise ValueError(
            Message("{keep_unliked=} needs {backend=}", keep_unliked=True, backend="cpu")
        )
    make = partial(on_cpu, keep_all=True) if keep_all else BACKENDS[backend]
    with np.errstate(over="ignore"):
        prepared = make(likes, weighting, dtype, n_threads)
    check_reach(prepared, np.dtype(dtype))
    return prepared


def without_users(
    prepared: Prepared, likes: sp.csr_array, users: NDArray[np.int64]
) -> tuple[Prepared, NDArray[np.int64]]:
    """What is prepared, not on a cluster, as if some users had no likes; items keep their scale.

    Parameters
    ----------
    prepared : Prepared
    likes : csr_array, shape (n_users, n_items)
        What was prepared.
    users : ndarray
        Rows of the likes, of two entries or more.

    Returns
    -------
    prepared : Prepared
    counts : ndarray of int64, shape (n_items,)
        The other users' likes of each item.
    """
    op, squares = prepared.op, prepared.item_squares
    assert isinstance(op, LeavesOutUsers)
    assert squares is not None
    rows = (np.cumsum(np.diff(likes.indptr) >= 2) - 1)[users]
    others = op.without_users(rows)
    of_all, of_them = likes.indices, likes[users].indices
    counts = (sums_at(of_all, likes.shape[1]) - sums_at(of_them, likes.shape[1])).astype(np.int64)
    squares = squares.copy()
    diagonals = (op.to_host(which.diagonal).astype(np.float64) for which in (op, others))
    squares[op.active] -= times(np.subtract(*diagonals), op.unit, 2)
    squares[counts == 0] = 0
    return Prepared(others, prepared.item_scale, squares), counts


def check_reach(prepared: Prepared, dtype: np.dtype[Any]) -> None:
    """Raise ValueError unless V has its digits in `dtype`, and the costs are finite."""
    squares, unit = prepared.item_squares, prepared.op.unit
    most = MOST[dtype.name]
    finite = squares is None or bool(np.isfinite(squares).all())
    if finite and unit != 1:
        finite = bool(np.isfinite(times(prepared.op.frobenius_squared, unit, 4)))
    if not finite or not 1 / most <= unit <= most:
        rest = ", or leave {dtype=}" if finite and dtype == np.float32 else ""
        what = "weights of the size of {unit:.0e} are out of the reach of {reach}: multiply all by "
        what += "one number so that the largest is about 1" + rest
        reach = "float64" if not finite else dtype.name
        raise ValueError(Message(what, unit=unit, reach=reach, dtype="float64"))


def operator_of(
    likes: Likes | Cooccurrence | Any, dtype: Any, n_threads: int, keep_all: bool = False
) -> CpuOperator:
    """The operator on this machine's cores of likes or of a matrix of them, or of X, as it is."""
    if isinstance(likes, Cooccurrence):
        return ExplicitOperator(likes.matrix, dtype, n_threads, keep_all)
    return CpuOperator(likes_matrix(likes), dtype, n_threads, keep_all)


def _check_ready_made(backend: str, weighting: Weighting) -> None:
    """Raise ValueError for what X alone does not allow."""
    if backend != "cpu":
        raise ValueError(Message("a Cooccurrence needs {backend=}", backend="cpu"))
    for name in ("item_scaling", "user_weighting"):
        if getattr(weighting, name):
            what = "} needs likes: of a Cooccurrence it is not known who liked what"
            raise ParameterError(Message("{" + name + what), name)


def backend_of(X: Any) -> str:
    """Where likes are: "dask" for distributed ones, "cuda" for those on a GPU, else "cpu"."""
    if isinstance(X, DistributedLikes):
        return "dask"
    return "cuda" if is_on_gpu(X) else "cpu"


def on_cpu(
    likes: Likes | Cooccurrence,
    weighting: Weighting,
    dtype: Any,
    n_threads: int,
    keep_all: bool = False,
) -> Prepared:
    """On the cores of this machine."""
    if isinstance(likes, Cooccurrence) or weighting.entries is not None:
        if isinstance(likes, Cooccurrence):
            X = weighting.of_entries(likes.matrix.copy())
        else:
            X = weighting.explicit(likes.matrix, n_threads)
        unit = unit_of(np.sqrt(np.abs(X.data)))
        X.data /= unit**2
        op: CpuOperator = ExplicitOperator(X, dtype, n_threads, keep_all)
        op.unit = unit
        return Prepared(op, None, None)
    matrix, unit, scale, squares = scaled(likes, weighting)
    op = CpuOperator(matrix, dtype, n_threads, keep_all)
    op.unit = unit
    return Prepared(op, scale, squares)


def backend_of_lists(backend: str) -> str:
    """Where lists of kept likes are made: for "cuda" on the GPU, if one can be used."""
    if backend == "cuda":
        from movieembed.operators.cuda import device

        try:
            device.cuda_device()
        except (ImportError, RuntimeError):
            return "cpu"
        return "cuda"
    return "cpu"


def operator_of_lists(backend: str, matrix: sp.csr_array, dtype: Any, n_threads: int) -> Operator:
    """The operator of weighted likes where lists are made."""
    if backend_of_lists(backend) == "cuda":
        from movieembed.operators.cuda import device
        from movieembed.operators.cuda.operator import CudaOperator

        return CudaOperator(matrix, dtype, device.cuda_device(), n_threads)
    return CpuOperator(matrix, dtype, n_threads)


def on_cuda(likes: Likes, weighting: Weighting, dtype: Any, n_threads: int) -> Prepared:
    """On a GPU."""
    from movieembed.operators.cuda.device import cuda_device
    from movieembed.operators.cuda.operator import CudaOperator

    refuse_entries(weighting)
    device = cuda_device()
    matrix, unit, scale, squares = scaled(likes, weighting)
    ones = likes.is_binary if matrix is likes.matrix else None
    op = CudaOperator(matrix, dtype, device, n_threads, ones=ones)
    op.unit = unit
    return Prepared(op, scale, squares)


def on_dask(
    likes: Likes | DistributedLikes, weighting: Weighting, dtype: Any, n_threads: int
) -> Prepared:
    """On the workers of a Dask client: that of distributed likes, else the current one."""
    from movieembed.operators.dask.operator import DaskOperator

    refuse_entries(weighting)
    if not isinstance(likes, DistributedLikes):
        # No operator asks what was seen.
        likes = DistributedLikes.from_likes(copy.copy(likes)._set(seen=None))
    op = DaskOperator(likes, weighting, dtype, n_threads)
    return Prepared(op, op.item_scale, op.item_squares)


def refuse_entries(weighting: Weighting) -> None:
    """Raise ValueError if the entries of X are to be weighted, which needs X itself."""
    if weighting.entries is not None:
        what = "{entry_weighting=} needs {backend=}: it forms X, entry by entry"
        raise ValueError(Message(what, entry_weighting=weighting.entries, backend="cpu"))


def scaled(
    likes: Likes, weighting: Weighting
) -> tuple[sp.csr_array, float, NDArray[np.float64] | None, NDArray[np.float64]]:
    """W^(1/2) L S over its unit, the unit, the diagonal of S, and that of the Gram matrix."""
    roots = weighting.user_roots(likes.matrix)
    scale = weighting.item_scale(likes.matrix, roots)
    matrix = weighting.scaled(likes.matrix, roots, scale)
    if matrix is likes.matrix and likes.is_binary:
        return matrix, 1.0, scale, likes.item_counts.astype(np.float64)
    ones = holds_ones(matrix.data)

    def squares_of(at: slice) -> NDArray[np.float64]:
        squared: NDArray[np.float64] = matrix.data[at].astype(np.float64) ** 2
        return squared

    squares = sums_at(matrix.indices, matrix.shape[1], None if ones else squares_of)
    unit = 1.0 if ones else unit_of_shared(matrix, matrix is not likes.matrix)
    return divided(matrix, unit), unit, scale, squares


BACKENDS: dict[str, Callable[[Any, Weighting, Any, int], Prepared]] = {
    "cpu": on_cpu,
    "cuda": on_cuda,
    "dask": on_dask,
}
