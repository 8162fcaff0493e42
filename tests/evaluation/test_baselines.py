"""The recommenders to compare with, against brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed import evaluation as ev
from movieembed.data.likes import Likes


def ranked(S: NDArray[Any], given: sp.csr_array, n: int) -> NDArray[Any]:
    S = S.copy()
    S[given.toarray() > 0] = -np.inf
    return np.argsort(-S, axis=1, kind="stable")[:, :n]


def test_popularity_and_item_cosine(likes: Likes) -> None:
    A = likes.matrix.toarray().astype(float)
    given = likes.matrix[:20]
    counts = A.sum(axis=0)
    found = ev.popularity(likes)(given, 5)
    np.testing.assert_array_equal(found, ranked(np.tile(counts, (20, 1)), given, 5))
    unit = A / np.sqrt(counts)
    S = A[:20] @ (unit.T @ unit)
    found = ev.item_cosine(likes)(given, 5)
    np.testing.assert_allclose(
        np.take_along_axis(S, found, 1), np.take_along_axis(S, ranked(S, given, 5), 1), rtol=1e-5
    )


def test_ease(likes: Likes) -> None:
    A = likes.matrix.toarray().astype(float)
    P = np.linalg.inv(A.T @ A + 20 * np.eye(30))
    B = -P / np.diag(P)
    np.fill_diagonal(B, 0)
    given = likes.matrix[:20]
    S = A[:20] @ B
    found = ev.ease(likes, 20.0)(given, 30)
    there = found >= 0
    np.testing.assert_array_equal(there.sum(axis=1), 30 - np.diff(given.indptr))
    scores = np.where(there, np.take_along_axis(S, found, 1), 0)
    best = np.take_along_axis(S, ranked(S, given, 30), 1)
    np.testing.assert_allclose(scores, np.where(there, best, 0), atol=1e-6)
    with pytest.raises(ValueError, match="dense EASE inverts"):
        ev.ease(Likes.from_matrix(sp.eye_array(20_001, format="csr")))


def test_als_without_implicit(likes: Likes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "implicit.cpu.als", None)
    with pytest.raises(ImportError, match=r"pip install 'movieembed\[evaluation\]'"):
        ev.als(likes)


def test_als_pads_its_lists(likes: Likes) -> None:
    pytest.importorskip("implicit")
    given = likes.matrix[:3]
    columns = ev.als(likes, factors=2)(given, 30)
    assert columns.min() == -1
    np.testing.assert_array_equal((columns >= 0).sum(axis=1), 30 - np.diff(given.indptr))


def test_more_items_than_there_are(likes: Likes) -> None:
    given = likes.matrix[:3]
    for recommend in (ev.popularity(likes), ev.ease(likes), ev.movieembed(likes, n_components=3)):
        columns = recommend(given, 40)
        assert columns.shape == (3, 40)
        for u in range(3):
            row = columns[u][columns[u] >= 0]
            assert len(row) == 30 - given[[u]].nnz
            assert len(np.unique(row)) == len(row)
            assert not np.isin(row, given[[u]].indices).any()
