"""Conjugate gradients from the precision form to dense EASE."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import movieembed as me
from movieembed.data.likes import Likes
from movieembed.model import refinement
from movieembed.model.refinement import ONE_STEP_ARRAYS, SAMPLE, blocks
from movieembed.operators.cpu import CpuOperator
from precision_cases import LAMBDA, UNWEIGHTED, dense_precision, ease, inverse_gram, ranking


@pytest.mark.parametrize("d", [1, 6, 15])
def test_many_steps_are_dense_ease(likes: sp.csr_array, d: int) -> None:
    model = me.MovieEmbedding(d, random_state=0, tol=1e-4, **UNWEIGHTED).fit(likes)
    value = 5.0
    S = likes.toarray() @ ease(likes, value)
    columns, scores = model.recommend(likes, 10, regularization=value, refine=30)
    rows = np.arange(len(columns))[:, None]
    there = columns >= 0
    np.testing.assert_allclose(scores[there], S[rows, columns][there], atol=1e-6)
    for u in range(len(columns)):
        own = likes.indices[likes.indptr[u] : likes.indptr[u + 1]]
        best = ranking(S[u], own, 10)
        np.testing.assert_allclose(S[u, columns[u]], S[u, best], atol=1e-6)


def test_a_step_is_a_step_of_conjugate_gradients(model: Any, likes: sp.csr_array) -> None:
    """For some people together: each step is as long for everybody, the last one shorter."""
    A = likes.toarray().astype(float)
    G = A.T @ A + LAMBDA * np.eye(40)
    P = dense_precision(model.embedding_, A.sum(axis=0), LAMBDA)
    people = CpuOperator(likes).some_users(SAMPLE)

    def iterates(X: Any, lengths: Any = None) -> Any:
        y = P @ X
        r = X - G @ y
        z = direction = P @ r
        found, used = [y], []
        for step in range(3):
            length, kept = lengths[step] if lengths else (None, None)
            if length is None:
                length = np.vdot(r, z) / np.vdot(direction, G @ direction)
            y = y + length * direction
            before = np.vdot(r, z)
            r = r - length * (G @ direction)
            z = P @ r
            kept = np.vdot(r, z) / before if kept is None else kept
            direction = z + kept * direction
            found.append(y)
            used.append((length, kept))
        return found, used

    _, lengths = iterates(people)
    taken = iterates(A.T, lengths)[0]
    for steps, Y in enumerate(taken):
        Y = Y if not steps else taken[steps - 1] + 0.7 * (Y - taken[steps - 1])
        expected = -Y / np.diag(P)[:, None]
        columns, scores = model.recommend(likes, 5, refine=steps, popularity_discount=0)
        there = columns >= 0
        at = np.take_along_axis(expected.T, columns, axis=1)
        np.testing.assert_allclose(scores[there], at[there], atol=1e-9)


def test_blocks_of_users(model: Any, likes: sp.csr_array, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model.recommend(likes, 8, refine=2)
    monkeypatch.setattr("movieembed.model.refinement.REFINE_BYTES", 1)
    blocks = model.recommend(likes, 8, refine=2)
    np.testing.assert_array_equal(whole[0], blocks[0])
    np.testing.assert_allclose(whole[1], blocks[1], atol=1e-12)


def test_what_refine_needs(likes: sp.csr_array, model: Any) -> None:
    given: dict[str, Any] = {"random_state": 0, "regularization": LAMBDA, **UNWEIGHTED}
    bare = me.MovieEmbedding(6, keep_likes=False, **given).fit(likes)
    with pytest.raises(ValueError, match="keep_likes=True"):
        bare.recommend([3], refine=1)
    with pytest.raises(ValueError, match="refine goes with method='precision'"):
        model.recommend([3], refine=1, method="cosine")
    unrefined, refined = model.recommend([3], refine=0), model.recommend([3], refine=1)
    with pytest.warns(UserWarning, match="did not keep its likes"):
        assert bare.recommend([3]).equals(unrefined)
    assert model.recommend([3]).equals(refined)
    assert not refined.equals(unrefined)
    chosen = me.MovieEmbedding(6, refine=2, **given)
    np.testing.assert_array_equal(
        chosen.fit(likes).recommend([3])["score"], model.recommend([3], refine=2)["score"]
    )


def test_thirty_steps_are_ease(demo_likes: Likes) -> None:
    value = 100.0
    L = demo_likes.matrix[:, np.flatnonzero(demo_likes.item_counts >= 20)]
    model = me.MovieEmbedding(64, random_state=0, tol=1e-5, **UNWEIGHTED).fit(L)
    users = np.arange(0, 600, 40)
    y, diagonal = inverse_gram(L.toarray().astype(float))(value)
    S = -y[users] / diagonal  # but for what is given, which is left out
    columns, scores = model.recommend(L[users], 20, regularization=value, refine=30)
    np.testing.assert_allclose(scores, np.take_along_axis(S, columns, axis=1), atol=1e-6)


@pytest.mark.parametrize("refine", [0, 30])
def test_partial_correlations(model: Any, likes: sp.csr_array, refine: int) -> None:
    A = likes.toarray().astype(float)
    if refine:
        P = np.linalg.inv(A.T @ A + LAMBDA * np.eye(40))
    else:
        P = dense_precision(model.embedding_, A.sum(axis=0), LAMBDA)
    lengths = np.sqrt(np.diag(P))
    R = -P / np.outer(lengths, lengths)
    columns, scores = model.neighbors(39, method="precision", refine=refine)
    for i in range(40):
        assert sorted(columns[i].tolist()) == [j for j in range(40) if j != i]
        np.testing.assert_allclose(scores[i], R[i, columns[i]], atol=1e-6 if refine else 1e-10)
    table = model.similar(4, 3, method="precision", refine=refine)
    np.testing.assert_allclose(table["score"], scores[4, :3], atol=1e-9)


@pytest.mark.parametrize("method", ["cosine", "dot", "precision"])
def test_neighbors_of_all(model: Any, method: Any) -> None:
    columns, scores = model.neighbors(5, method=method)
    assert columns.shape == scores.shape == (40, 5)
    for i in (0, 17, 39):
        table = model.similar(i, 5, method=method)
        assert table["item"].tolist() == columns[i].tolist()
        np.testing.assert_allclose(table["score"], scores[i], atol=1e-12)
    some = model.neighbors(40, method=method, min_likes=30)[0]
    enough = np.flatnonzero(model.item_counts_ >= 30)
    assert set(some.ravel().tolist()) - {-1} == set(enough.tolist())


@pytest.mark.parametrize(
    ("arrays", "most"), [(refinement.REFINE_ARRAYS, 16), (ONE_STEP_ARRAYS, 64)]
)
def test_blocks_of_people_are_as_large_as_memory_allows(
    arrays: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    likes = sp.csr_array(np.ones((200, 100)))
    op = CpuOperator(likes, np.float32)
    monkeypatch.setattr(refinement, "REFINE_BYTES", 79 * 200 * 4)
    found = list(blocks(likes, op, arrays))
    assert max(stop - start for start, stop, _ in found) == most
    assert [start for start, *_ in found] == list(range(0, 200, most))
    np.testing.assert_array_equal(
        sp.vstack([rows for *_, rows in found]).toarray(), likes.toarray()
    )
