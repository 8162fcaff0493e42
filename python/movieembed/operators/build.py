"""From likes and a weighting to the operator of a fit, in the place that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import holds_ones
from movieembed._base.gpu_arrays import is_on_gpu
from movieembed._base.message import Message
from movieembed.data.distributed.likes import DistributedLikes
from movieembed.data.likes import Likes
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.explicit import ExplicitOperator
from movieembed.operators.protocol import Operator
from movieembed.operators.weighting import Weighting


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


def prepare(backend: str, likes: Any, weighting: Weighting, dtype: Any, n_threads: int) -> Prepared:
    """The operator of a backend.

    Parameters
    ----------
    backend : str
        One of `BACKENDS`.
    likes : Likes, or DistributedLikes for "dask"
    weighting : Weighting
    dtype : dtype
        float32 or float64.
    n_threads : int
        Of this machine's kernels.

    Returns
    -------
    Prepared
    """
    if isinstance(likes, DistributedLikes) and backend != "dask":
        raise ValueError(f"backend={backend!r} takes Likes; DistributedLikes take backend='dask'")
    return BACKENDS[backend](likes, weighting, dtype, n_threads)


def backend_of(X: Any) -> str:
    """Where likes are: "dask" for distributed ones, "cuda" for those on a GPU, else "cpu"."""
    if isinstance(X, DistributedLikes):
        return "dask"
    return "cuda" if is_on_gpu(X) else "cpu"


def on_cpu(likes: Likes, weighting: Weighting, dtype: Any, n_threads: int) -> Prepared:
    """On the cores of this machine."""
    if weighting.entries is not None:
        X = weighting.explicit(likes.matrix, n_threads)
        return Prepared(ExplicitOperator(X, dtype, n_threads), None, None)
    matrix, scale, squares = scaled(likes, weighting)
    return Prepared(CpuOperator(matrix, dtype, n_threads), scale, squares)


def on_cuda(likes: Likes, weighting: Weighting, dtype: Any, n_threads: int) -> Prepared:
    """On a GPU."""
    from movieembed.operators.cuda.device import cuda_device
    from movieembed.operators.cuda.operator import CudaOperator

    refuse_entries(weighting)
    device = cuda_device()
    matrix, scale, squares = scaled(likes, weighting)
    return Prepared(CudaOperator(matrix, dtype, device, n_threads), scale, squares)


def on_dask(
    likes: Likes | DistributedLikes, weighting: Weighting, dtype: Any, n_threads: int
) -> Prepared:
    """On the workers of a Dask client: that of distributed likes, else the current one."""
    from movieembed.operators.dask.operator import DaskOperator

    refuse_entries(weighting)
    if not isinstance(likes, DistributedLikes):
        likes = DistributedLikes.from_likes(likes)
    op = DaskOperator(likes, weighting, dtype, n_threads)
    return Prepared(op, op.item_scale, op.item_squares)


def refuse_entries(weighting: Weighting) -> None:
    """Raise ValueError if the entries of X are to be weighted, which needs X itself."""
    if weighting.entries is not None:
        what = "{entry_weighting=} needs {backend=}: it forms X, entry by entry"
        raise ValueError(Message(what, entry_weighting=weighting.entries, backend="cpu"))


def scaled(
    likes: Likes, weighting: Weighting
) -> tuple[sp.csr_array, NDArray[np.float64] | None, NDArray[np.float64]]:
    """W^(1/2) L S, the diagonal of S, and that of the product's Gram matrix."""
    roots = weighting.user_roots(likes.matrix)
    scale = weighting.item_scale(likes.matrix, roots)
    matrix = weighting.scaled(likes.matrix, roots, scale)
    ones = holds_ones(matrix.data)
    squares: NDArray[Any] = np.bincount(
        matrix.indices,
        weights=None if ones else matrix.data.astype(np.float64) ** 2,
        minlength=matrix.shape[1],
    )
    return matrix, scale, squares.astype(np.float64, copy=False)


BACKENDS: dict[str, Callable[[Any, Weighting, Any, int], Prepared]] = {
    "cpu": on_cpu,
    "cuda": on_cuda,
    "dask": on_dask,
}
