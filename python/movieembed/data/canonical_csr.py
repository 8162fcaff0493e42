"""Any users x items matrix as one canonical CSR: sorted, without duplicates or stored zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import holds_ones, index_dtype


def canonical_csr(matrix: Any) -> sp.csr_array:
    """Return a checked, canonical copy; matrix itself is not touched.

    Parameters
    ----------
    matrix : SciPy sparse matrix or array, ndarray, or nested list, of shape (n_users, n_items)
        Real and finite, of any sparse format.

    Returns
    -------
    scipy.sparse.csr_array of shape (n_users, n_items)
        float32 if matrix is of integers, booleans or ones and that is exact, or is narrower
        itself; else float64. Indices are int32 where they fit.

    Raises
    ------
    ValueError, TypeError
        If matrix is malformed, not finite, not two-dimensional or not of real numbers.
    """
    if isinstance(matrix, list | tuple):
        matrix = np.asarray(matrix)
    if isinstance(matrix, np.ndarray):
        if matrix.ndim != 2:
            raise ValueError(f"matrix must be two-dimensional, got shape {matrix.shape}")
        _check_real(matrix.dtype, "matrix")
        check_finite(matrix, "matrix")
        # SciPy's matrices know no half precision.
        half = matrix.dtype.kind == "f" and matrix.itemsize == 2
        matrix = matrix.astype(np.float32 if half else matrix.dtype.newbyteorder("="), copy=False)
        matrix = sp.csr_array(matrix)
    elif not sp.issparse(matrix):
        raise TypeError(
            "matrix must be a SciPy sparse matrix or array, or a two-dimensional ndarray, "
            f"users x items; got {type(matrix).__name__}"
        )
    matrix = check_matrix(matrix, "matrix")
    given = matrix.dtype
    # Summing duplicates in a narrow integer type would wrap around.
    with np.errstate(over="ignore"):
        csr = matrix.tocsr() if given == np.float32 else matrix.astype(np.float64).tocsr()
    nnz = int(csr.indptr[-1])
    index = index_dtype(nnz, *csr.shape)
    csr = sp.csr_array(
        (csr.data[:nnz], csr.indices[:nnz].astype(index, copy=False), csr.indptr.astype(index)),
        shape=csr.shape,
        copy=csr is matrix,
    )
    check_finite(csr.data, "matrix")
    csr.sum_duplicates()
    csr.eliminate_zeros()
    check_finite(csr.data, "matrix, its duplicates summed,")
    if csr.dtype == np.float64:
        with np.errstate(over="ignore"):
            narrow = csr.data.astype(np.float32)
        exact = bool((narrow == csr.data).all())
        if exact and (given.kind != "f" or given.itemsize < 4 or holds_ones(narrow)):
            csr.data = narrow
    return csr


def of_canonical_parts(
    data: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any], shape: tuple[int, int]
) -> sp.csr_array:
    """Return a canonical matrix of the very arrays if they are of one, else of copies.

    The indices must lie in the shape, the pointers rise, and the data be finite.
    """
    rising = np.ones(len(indices) + 1, dtype=bool)
    np.greater(indices[1:], indices[:-1], out=rising[1:-1])
    rising[indptr] = True  # a row may begin anywhere
    matrix = sp.csr_array((data, indices, indptr), shape=shape)
    if not rising.all() or not data.all():
        return canonical_csr(matrix)
    matrix.has_canonical_format = True
    return matrix


def seen_beside(seen: Any, matrix: sp.csr_array) -> sp.csr_array | None:
    """Return what was rated and not liked as a canonical matrix of booleans, beside the likes.

    Raises
    ------
    ValueError
        If it is of another shape, or holds what the likes hold.
    """
    if seen is None:
        return None
    if sp.issparse(seen) and seen.dtype == np.bool_:
        seen = seen.astype(np.float32)
    found = canonical_csr(seen).astype(np.bool_)
    if found.shape != matrix.shape:
        raise ValueError(f"seen has shape {found.shape} but the matrix of likes {matrix.shape}")
    both = found.multiply(matrix).nnz
    if both:
        raise ValueError(f"seen holds {both} pairs that are likes: it is for the others alone")
    return found


def check_matrix(matrix: Any, argument: str) -> Any:
    """Check dtype and structure before SciPy's compiled code walks the indices.

    Returns the matrix, or its CSR form where its own has no index arrays. Raises ValueError or
    TypeError, naming the part of `argument` that is wrong; O(nnz).
    """
    if matrix.ndim != 2:
        raise ValueError(f"{argument} must be two-dimensional, got shape {matrix.shape}")
    _check_real(matrix.dtype, argument)
    if matrix.format not in ("coo", "csr", "csc", "bsr"):
        matrix = matrix.tocsr()
    rows, columns = matrix.shape
    if matrix.format == "coo":
        _check_indices(matrix.row, rows, f"{argument}.row")
        _check_indices(matrix.col, columns, f"{argument}.col")
    else:
        if matrix.format == "bsr":
            rows, columns = rows // matrix.blocksize[0], columns // matrix.blocksize[1]
        if matrix.format == "csc":
            rows, columns = columns, rows
        indptr = np.asarray(matrix.indptr).astype(np.int64)
        if len(indptr) != rows + 1:
            raise ValueError(f"{argument}.indptr has {len(indptr)} entries, not {rows + 1}")
        if indptr[0] != 0:
            raise ValueError(f"{argument}.indptr must start at 0, got {indptr[0]}")
        if (np.diff(indptr) < 0).any():
            raise ValueError(f"{argument}.indptr decreases at {np.argmax(np.diff(indptr) < 0) + 1}")
        stored = min(len(matrix.indices), len(matrix.data))
        if indptr[-1] > stored:
            raise ValueError(f"{argument}.indptr ends at {indptr[-1]} but {stored} are stored")
        _check_indices(matrix.indices[: indptr[-1]], columns, f"{argument}.indices")
    return matrix


def _check_indices(indices: NDArray[Any], size: int, argument: str) -> None:
    if len(indices) and not (indices.min() >= 0 and indices.max() < size):
        raise ValueError(
            f"{argument} must lie in 0 to {size - 1}, got {indices.min()} to {indices.max()}"
        )


def _check_real(dtype: np.dtype[Any], argument: str) -> None:
    if dtype.kind not in "biuf":
        raise TypeError(f"{argument} must hold real numbers, got dtype {dtype}")


def check_length(values: Any, axis: int, shape: tuple[int, int], argument: str) -> None:
    """Raise ValueError unless there is a value for each row (axis 0) or column (axis 1)."""
    length = len(values)
    if length == shape[axis]:
        return
    message = (
        f"{argument} has {length} entries but the matrix, users x items, has shape {shape}: "
        f"{shape[axis]} {('users', 'items')[axis]}"
    )
    if length == shape[1 - axis]:
        message += "; it looks transposed (items x users): pass matrix.T"
    raise ValueError(message)


def check_finite(values: Any, argument: str) -> None:
    """Raise ValueError if a value is NaN or infinite."""
    wrong = int(np.count_nonzero(~np.isfinite(values)))
    if wrong:
        raise ValueError(f"{argument} has {wrong} values that are NaN or infinite")
