"""Arrays that cost and gradient take as they come, and those that they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed as me
from helpers import dense_cooccurrence, dense_gradient, misaligned, normal, random_likes, read_only
from movieembed.data.likes import Likes

FORMS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "Fortran order": np.asfortranarray,
    "every other column": lambda V: np.repeat(V, 2, axis=1)[:, ::2],
    "every other row": lambda V: np.repeat(V, 2, axis=0)[::2],
    "a corner": lambda V: np.pad(V, 3)[3:-3, 3:-3],
    "backwards": lambda V: V[::-1, ::-1].copy()[::-1, ::-1],
    "big endian": lambda V: V.astype(V.dtype.newbyteorder(">")),
    "read-only": lambda V: read_only(V.copy()),
    "misaligned": lambda V: misaligned(V),
    "a list": lambda V: V.tolist(),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", FORMS)
def test_layouts(form: str, dtype: Any) -> None:
    L = random_likes(20, 15, 0.4, seed=22)
    V = normal((15, 5), 7, dtype)
    given_V = FORMS[form](V)
    before = np.array(given_V)
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(me.cost(L, given_V), me.cost(L, V), rtol=rtol)
    g = me.gradient(L, given_V)
    np.testing.assert_allclose(g, me.gradient(L, V), rtol=rtol, atol=rtol)
    np.testing.assert_array_equal(before, given_V)
    assert g.flags.c_contiguous
    assert g.flags.writeable


def test_likes_as_they_come() -> None:
    L = random_likes(20, 15, 0.4, seed=23)
    V = normal((15, 3), 8)
    value, g = me.cost(L, V), me.gradient(L, V)
    for form in (Likes.from_matrix(L), L.tocsc(), L.toarray(), sp.csr_matrix(L)):
        assert me.cost(form, V) == value
        np.testing.assert_array_equal(me.gradient(form, V), g)
    for array in (L.data, L.indices, L.indptr):
        array.flags.writeable = False
    assert me.cost(L, V) == value
    assert me.cost(L, V, method="exact") == pytest.approx(value, rel=1e-12)


def test_integers_are_taken_as_they_are() -> None:
    L = random_likes(20, 15, 0.4, seed=24)
    V = np.random.default_rng(9).integers(-3, 4, (15, 3))
    for dtype in (np.int64, np.int8, np.float16):
        assert me.cost(L, V.astype(dtype)) == me.cost(L, V.astype(np.float64))
        g = me.gradient(L, V.astype(dtype))
        assert g.dtype == np.float64
        np.testing.assert_array_equal(g, dense_gradient(dense_cooccurrence(L), V))


@pytest.mark.parametrize("function", [me.cost, me.gradient, me.cost_and_gradient])
@pytest.mark.parametrize(
    ("V", "error", "match"),
    [
        (np.ones(4), ValueError, "V must have two dimensions"),
        (np.ones((4, 1, 1)), ValueError, "V must have two dimensions"),
        (1.0, ValueError, "V must have two dimensions"),
        (np.ones((2, 4)), ValueError, "V has 2 rows for 4 items; it looks transposed.*V.T"),
        (np.ones((5, 2)), ValueError, "V has 5 rows for 4 items$"),
        (np.ones((0, 2)), ValueError, "V has 0 rows for 4 items$"),
        (np.full((4, 2), np.nan), ValueError, "V holds NaN or infinity"),
        (np.array([[1.0, 1], [1, 1], [1, 1], [1, np.inf]]), ValueError, "V holds NaN"),
        (np.full((4, 2), -np.inf, dtype=np.float32), ValueError, "V holds NaN or infinity"),
        (np.ones((4, 2), dtype=complex), TypeError, "V must be an array of real numbers"),
        (np.ones((4, 2), dtype=object), TypeError, "V must be an array of real numbers"),
        (np.ones((4, 2), dtype=bool), TypeError, "V must be an array of real numbers"),
        (np.full((4, 2), "1"), TypeError, "V must be an array of real numbers"),
        (np.ones((4, 2), dtype="m8[s]"), TypeError, "V must be an array of real numbers"),
        (sp.csr_array(np.ones((4, 2))), TypeError, "V must be an array of real numbers"),
        (None, TypeError, "V must be an array of real numbers"),
    ],
)
def test_malformed_embedding(
    function: Callable[..., Any], V: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        function(np.ones((3, 4)), V)


@pytest.mark.parametrize("function", [me.cost, me.gradient, me.cost_and_gradient])
def test_other_malformed_arguments(function: Callable[..., Any]) -> None:
    L, V = np.ones((3, 4)), np.ones((4, 2))
    for n_jobs, error in ((0, ValueError), ("2", TypeError), (True, TypeError), (1.5, TypeError)):
        with pytest.raises(error, match="n_jobs must"):
            function(L, V, n_jobs=n_jobs)
    with pytest.raises(ValueError, match="matrix"):
        function(np.array([[np.nan, 1]]), V[:2])
    with pytest.raises(TypeError, match="matrix"):
        function("likes", V)
    with pytest.raises(TypeError, match="matrix"):
        function(L.astype(complex), V)


@pytest.mark.parametrize("method", ["dense", "Exact", "", None, 1])
def test_malformed_method(method: Any) -> None:
    with pytest.raises(ValueError, match="method must be 'auto', 'identity' or 'exact'"):
        me.cost(np.ones((3, 4)), np.ones((4, 2)), method=method)
