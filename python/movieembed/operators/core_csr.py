"""Views of SciPy's sparse matrices for the compiled kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed._base.arrays import holds_ones


def core_csr(matrix: sp.csr_array, dtype: Any = None) -> _core.Csr:
    """A checked view for the kernels; a matrix of ones travels without its values.

    `dtype` is that of the values (float32 or float64), by default the matrix's own when it is one
    of them and float64 otherwise. The index arrays are shared, not copied.
    """
    values: NDArray[Any] | None = matrix.data
    assert values is not None
    if holds_ones(values):
        values = None
    else:
        wanted = dtype or (values.dtype if values.dtype in (np.float32, np.float64) else np.float64)
        values = np.ascontiguousarray(values, dtype=wanted)
    index = np.result_type(matrix.indptr.dtype, matrix.indices.dtype)
    return _core.Csr(
        matrix.shape[0],
        matrix.shape[1],
        np.ascontiguousarray(matrix.indptr, dtype=index),
        np.ascontiguousarray(matrix.indices, dtype=index),
        values,
    )


def core_pair(matrix: sp.csr_array, dtype: Any = None) -> tuple[_core.Csr, _core.Csr]:
    """Views of L and of its transpose, for the kernels that need both."""
    index = np.result_type(matrix.indptr.dtype, matrix.indices.dtype)
    L = core_csr(matrix, dtype)  # checked before SciPy's unchecked code walks it
    transpose = matrix.T.tocsr()
    transpose.sort_indices()
    if transpose.indices.dtype != index or transpose.indptr.dtype != index:
        transpose = sp.csr_array(
            (transpose.data, transpose.indices.astype(index), transpose.indptr.astype(index)),
            shape=transpose.shape,
        )
    return L, core_csr(transpose, dtype)
