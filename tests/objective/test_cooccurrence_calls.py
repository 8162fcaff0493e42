"""Likes that the counts of pairs take as they come, and those that they refuse."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import movieembed as me
from helpers import dense_cooccurrence, random_likes
from movieembed._base.validation import check_count
from movieembed.data.likes import Likes

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "cooccurrence": me.cooccurrence,
    "cooccurrence_sums": me.cooccurrence_sums,
    "cooccurrence_top_k": lambda likes, **options: me.cooccurrence_top_k(likes, 3, **options),
    "cooccurrence_top_k with sums": lambda likes, **options: me.cooccurrence_top_k(
        likes, 3, return_sums=True, **options
    ),
}


def test_what_counts_as_likes() -> None:
    """A Likes, any sparse format, dense; duplicates are summed, weights of 1 are counts."""
    dense = (np.random.default_rng(5).random((7, 6)) < 0.5).astype(np.int8)
    expected = me.cooccurrence(Likes.from_matrix(dense)).toarray()
    np.testing.assert_array_equal(expected, dense_cooccurrence(dense))
    for form in (
        sp.csr_matrix(dense),
        sp.csc_array(dense),
        sp.coo_array(dense),
        sp.csr_array(dense.astype(bool)),
        dense.astype(np.float64),
        np.asfortranarray(dense),
        dense[::-1],
    ):
        X = me.cooccurrence(form)
        assert X.dtype == np.int64
        np.testing.assert_array_equal(X.toarray(), expected)
    twice = sp.csr_array((np.ones(3), [0, 0, 1], [0, 3]), shape=(1, 2))
    np.testing.assert_array_equal(me.cooccurrence(twice).toarray(), [[0, 2], [2, 0]])
    assert me.cooccurrence(twice).dtype == np.float64


def test_likes_are_not_touched() -> None:
    L = random_likes(9, 8, 0.5, seed=6, weights=True)
    copy = L.copy()
    for array in (L.data, L.indices, L.indptr):
        array.flags.writeable = False
    for call in FUNCTIONS.values():
        call(L)
    assert (copy != L).nnz == 0


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    L = random_likes(5, 5, 0.5, seed=7)
    for call in FUNCTIONS.values():
        call(L, progress=False)
        call(L)  # no terminal
        assert capsys.readouterr().err == ""
        call(L, progress=True)
        assert "0/5 [" in capsys.readouterr().err


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("likes", "error", "match"),
    [
        (np.ones(3), ValueError, "matrix"),
        (np.array([[1.0, np.nan]]), ValueError, "matrix"),
        (np.array([[1.0, np.inf]]), ValueError, "matrix"),
        (np.array([[1j]]), TypeError, "matrix"),
        (np.array([["x"]]), TypeError, "matrix"),
        ("likes", TypeError, "matrix"),
        (None, TypeError, "matrix"),
    ],
)
def test_malformed_likes(name: str, likes: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        FUNCTIONS[name](likes)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_malformed_sparse_structure(name: str) -> None:
    """Someone may have written into the arrays of a matrix that SciPy once checked."""
    for part, at, value in (("indices", 1, 99), ("indices", 0, -1), ("indptr", 1, 99)):
        L = random_likes(5, 6, 0.6, seed=8)
        getattr(L, part)[at] = value
        with pytest.raises(ValueError, match=rf"matrix\.{part}"):
            FUNCTIONS[name](L)


OVERWRITTEN = """
import numpy as np, movieembed as me
likes = me.Likes.from_matrix(np.ones((50, 60)))
try:
    likes.matrix.indices[7] = 2**30
    me.cooccurrence(likes)
except ValueError as error:
    print(error)
"""


def test_likes_overwritten_after_they_were_checked() -> None:
    """An error from wherever it is noticed, not a crash: a child process shows which."""
    done = subprocess.run(
        [sys.executable, "-c", OVERWRITTEN], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "indices" in done.stdout or "read-only" in done.stdout


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("n_jobs", "error"), [(0, ValueError), ("2", TypeError), (True, TypeError), (1.0, TypeError)]
)
def test_malformed_n_jobs(name: str, n_jobs: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="n_jobs must"):
        FUNCTIONS[name](np.ones((1, 2)), n_jobs=n_jobs)


@pytest.mark.parametrize(
    ("k", "error"),
    [
        (0, ValueError),
        (-3, ValueError),
        (np.int64(0), ValueError),
        (True, TypeError),
        (np.bool_(True), TypeError),
        (2.0, TypeError),
        ("2", TypeError),
        (None, TypeError),
    ],
)
def test_malformed_k(k: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="k must be"):
        me.cooccurrence_top_k(np.ones((1, 2)), k)
    with pytest.raises(error, match="count must be"):
        check_count(k, "count")


def test_well_formed_k() -> None:
    for k in (2, np.int8(2), np.uint64(2)):
        assert check_count(k, "k") == 2
        assert type(check_count(k, "k")) is int
        assert me.cooccurrence_top_k(np.ones((1, 2)), k)[0].tolist() == [[1, -1], [0, -1]]


@pytest.mark.parametrize("weights", [False, True])
def test_same_bits_at_any_number_of_threads(weights: bool) -> None:
    L = random_likes(80, 120, 0.3, seed=4, weights=weights)
    for call in FUNCTIONS.values():
        results = []
        for n_jobs in (1, 2, 3, 7, -1, None):
            out = call(L, n_jobs=n_jobs)
            arrays = (out.data, out.indices, out.indptr) if sp.issparse(out) else out
            results.append([a.tobytes() for a in arrays])
        assert all(r == results[0] for r in results)
