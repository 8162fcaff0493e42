"""Matrices of every format become one canonical CSR, or an error that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from movieembed.data.likes import Likes
from ratings_tables import assert_canonical

FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_sparse_format_is_taken(name: str, kind: str) -> None:
    dense = np.array([[0, 1, 0, 2.5], [0, 0, 0, 0], [-1, 0, 0, 3.1]])
    matrix = getattr(sp, f"{name}_{kind}")(dense)
    likes = Likes.from_matrix(matrix, users=["x", "y", "z"])
    np.testing.assert_array_equal(likes.matrix.toarray(), dense)
    np.testing.assert_array_equal(matrix.toarray(), dense)
    assert likes.matrix.dtype == np.float64
    assert not likes.is_binary
    assert likes.items.tolist() == [0, 1, 2, 3]
    assert_canonical(likes)
    liked = Likes.from_ratings(matrix, threshold=2.5)
    np.testing.assert_array_equal(liked.matrix.toarray(), dense >= 2.5)


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        (bool, [1, 1], np.float32),
        (np.int8, [1, 100], np.float32),
        (np.int64, [1, 2**24 + 1], np.float64),
        (np.uint64, [1, 3], np.float32),
        (np.float32, [0.1, 1], np.float32),
        (np.float64, [1.0, 1.0], np.float32),
        (np.float64, [0.5, 1.0], np.float64),
        (np.float64, [1e300, 1.0], np.float64),
        (np.longdouble, [0.5, 1.0], np.float64),
    ],
)
@pytest.mark.parametrize("build", [np.asarray, sp.coo_array, sp.csc_array])
def test_weights_keep_their_precision(
    build: Callable[[Any], Any], dtype: Any, values: list[float], expected: Any
) -> None:
    dense = np.array([values], dtype=dtype)
    likes = Likes.from_matrix(build(dense))
    assert likes.matrix.dtype == expected
    np.testing.assert_array_equal(likes.matrix.toarray(), dense.astype(np.float64))
    assert likes.is_binary == (values == [1, 1])


def test_half_precision_is_widened() -> None:
    likes = Likes.from_matrix(np.array([[0.5, 1.0]], dtype=np.float16))
    assert likes.matrix.dtype == np.float32
    assert likes.matrix.toarray().tolist() == [[0.5, 1.0]]


def test_the_input_is_neither_changed_nor_shared() -> None:
    matrix = sp.csr_array(
        (np.array([1, 0, 2, 3], dtype=np.float32), np.array([2, 1, 0, 0]), np.array([0, 2, 4])),
        shape=(2, 3),
    )
    before = [part.copy() for part in (matrix.data, matrix.indices, matrix.indptr)]
    likes = Likes.from_matrix(matrix)
    np.testing.assert_array_equal(likes.matrix.toarray(), [[0, 0, 1], [5, 0, 0]])
    assert_canonical(likes)
    for part, old in zip((matrix.data, matrix.indices, matrix.indptr), before, strict=True):
        np.testing.assert_array_equal(part, old)
    tidy = sp.csr_array(np.eye(3, dtype=np.float32))
    likes = Likes.from_matrix(tidy)
    for part in ("data", "indices", "indptr"):
        assert not np.shares_memory(getattr(tidy, part), getattr(likes.matrix, part))
        getattr(tidy, part).flags.writeable = False
    assert Likes.from_matrix(tidy).n_likes == 3


def test_duplicates_are_summed_without_wrapping() -> None:
    ones = np.array([100, 100, -1, 1], dtype=np.int8)
    coo = sp.coo_array((ones, (np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))), shape=(2, 2))
    likes = Likes.from_matrix(coo)
    assert likes.matrix.toarray().tolist() == [[0, 200], [0, 0]]
    assert likes.n_likes == 1
    coo = sp.coo_array((np.ones(4, dtype=bool), coo.coords), shape=(2, 2))
    likes = Likes.from_matrix(coo)
    assert likes.matrix.toarray().tolist() == [[0, 2], [2, 0]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("build", [np.asarray, sp.csr_array, sp.coo_matrix, sp.lil_array])
def test_values_must_be_finite(build: Callable[[Any], Any], value: float) -> None:
    with pytest.raises(ValueError, match="matrix has 1 values that are NaN or infinite"):
        Likes.from_matrix(build(np.array([[1.0, value]])))


def test_sums_must_be_finite() -> None:
    big = np.array([3e38, 3e38], dtype=np.float32)
    matrix = sp.coo_array((big, (np.array([0, 0]), np.array([0, 0]))), shape=(1, 1))
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="NaN or infinite"):
        Likes.from_matrix(matrix)


@pytest.mark.parametrize(
    "matrix", [np.ones((2, 2), dtype=complex), np.full((1, 1), "a"), sp.csr_array([[1j]])]
)
def test_values_must_be_real(matrix: object) -> None:
    with pytest.raises(TypeError, match="matrix must hold real numbers, got dtype"):
        Likes.from_matrix(matrix)


def test_nested_lists_are_a_matrix() -> None:
    assert Likes.from_matrix([[1, 0], [1, 1]]).matrix.toarray().tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize("matrix", [None, {"a": 1}, "matrix"])
def test_what_is_no_matrix_is_refused(matrix: object) -> None:
    with pytest.raises(TypeError, match="users x items; got"):
        Likes.from_matrix(matrix)


@pytest.mark.parametrize("matrix", [np.ones(3), np.ones((1, 1, 1)), pd.Series([1, 0])])
def test_matrices_have_two_dimensions(matrix: object) -> None:
    with pytest.raises(ValueError, match="two-dimensional"):
        Likes.from_matrix(matrix)


def malformed(part: str, values: list[int], name: str = "csr") -> Any:
    # The parts are set one by one because SciPy checks them when it is given all at once.
    matrix = getattr(sp, f"{name}_array")(np.array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]]))
    getattr(matrix, part)[:] = values
    return matrix


@pytest.mark.parametrize("name", ["csr", "bsr"])
@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        ("indptr", [0, 5, 4], r"indptr decreases at 2"),
        ("indptr", [1, 2, 4], r"indptr must start at 0, got 1"),
        ("indptr", [0, 2, 9], r"indptr ends at 9 but 4 are stored"),
        ("indices", [0, 3, 1, 2], r"indices must lie in 0 to 2, got 0 to 3"),
        ("indices", [0, -1, 1, 2], r"indices must lie in 0 to 2, got -1 to 2"),
    ],
)
@pytest.mark.parametrize("build", [Likes.from_matrix, Likes.from_ratings])
def test_malformed_structure_is_named(
    build: Callable[[Any], Likes], part: str, values: list[int], message: str, name: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build(malformed(part, values, name))


@pytest.mark.parametrize("build", [Likes.from_matrix, Likes.from_ratings])
def test_malformed_csc_and_coo_are_named(build: Callable[[Any], Likes]) -> None:
    with pytest.raises(ValueError, match="indices must lie in 0 to 1, got 0 to 2"):
        build(malformed("indices", [0, 0, 1, 2], "csc"))
    coo = sp.coo_array(np.eye(2))
    coo.row[0] = 7
    with pytest.raises(ValueError, match="row must lie in 0 to 1"):
        build(coo)
    lil = sp.lil_array(np.eye(2))
    lil.rows[0] = [5]
    with pytest.raises(ValueError, match="indices must lie in 0 to 1, got 1 to 5"):
        build(lil)
    short = sp.csr_array(np.eye(2))
    short.indptr = short.indptr[:-1]
    with pytest.raises(ValueError, match="indptr has 2 entries, not 3"):
        build(short)


def test_storage_beyond_the_last_row_is_left_out() -> None:
    matrix = sp.csr_array(np.eye(2))
    matrix.data = np.array([1.0, 1.0, np.nan])
    matrix.indices = np.array([0, 1, 77])
    likes = Likes.from_matrix(matrix)
    np.testing.assert_array_equal(likes.matrix.toarray(), np.eye(2))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_empty_matrices(shape: tuple[int, int]) -> None:
    for matrix in (np.ones(shape), sp.csr_array(shape), sp.coo_array(shape)):
        likes = Likes.from_matrix(matrix)
        assert (likes.shape, likes.n_likes) == (shape, 0)
        assert_canonical(likes)
        assert Likes.from_ratings(sp.csr_array(shape)).shape == shape
