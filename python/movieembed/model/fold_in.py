"""Vectors of new items in closed form, the others given: a row of alternating least squares."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed.operators.weighting import Weighting

__all__ = ["fold_in"]


def fold_in(
    V: NDArray[Any],
    known: sp.csr_array,
    new: sp.csr_array,
    roots: NDArray[np.float64] | None,
    scale: NDArray[np.float64] | None,
    weighting: Weighting,
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64] | None]:
    """The v_i that minimise the cost of their rows and columns.

    Parameters
    ----------
    V : ndarray, shape (n_items, n_components)
    known : csr_array, shape (n_users, n_items)
        Likes of the known items, weighted and scaled.
    new : csr_array, shape (n_users, n_new)
        Likes of the new items, as they are.
    roots : ndarray, shape (n_users,), optional
        Square roots of the users' weights.
    scale : ndarray, shape (n_items,), optional
        Whether items are scaled.
    weighting : Weighting

    Returns
    -------
    vectors : ndarray, shape (n_new, n_components)
        Least squares, of least length where V has not full rank.
    squares : ndarray, shape (n_new,)
        The new items' entries of the diagonal of the Gram matrix.
    new_scale : ndarray, shape (n_new,), or None
        Their scale, where items are scaled.
    """
    new_scale = None if scale is None else weighting.item_scale(new, roots)
    scaled = weighting.scaled(new, roots, new_scale).astype(np.float64)
    V64 = V.astype(np.float64, copy=False)
    XV = scaled.T @ (known.astype(np.float64) @ V64)
    lengths, axes = np.linalg.eigh(V64.T @ V64)
    kept = lengths > lengths.max(initial=0) * len(lengths) * np.finfo(np.float64).eps
    inverse = (axes[:, kept] / lengths[kept]) @ axes[:, kept].T
    squares: NDArray[Any] = np.bincount(
        scaled.indices, weights=scaled.data**2, minlength=scaled.shape[1]
    )
    return (XV @ inverse).astype(V.dtype), squares, new_scale
