"""The recommender's own weighting of the likes, and when it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import movieembed as me
from device_arrays import HostDevice
from helpers import random_likes, unpickled
from movieembed.data.likes import Likes
from movieembed.model import holdout
from movieembed.model.precision import PrecisionForm, System, ridges
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.cuda.operator import CudaOperator
from movieembed.operators.weighting import Weighting
from reference_kernels import ReferenceKernels


@pytest.mark.parametrize(
    ("parameters", "weighting", "power"),
    [
        ({}, (0, 0.5), 0.25),
        ({"recommend_weighting": 0}, (0, 0), 0.25),
        ({"recommend_weighting": "inverse", "regularization_power": 0.5}, (0, 1), 0.5),
        ({"user_weighting": 0.3}, (0, 0.3), 0),
        ({"item_scaling": 0.5}, (0.5, 0), 0),
        ({"item_scaling": 0.5, "recommend_weighting": 0.7}, (0.5, 0.7), 0),
    ],
)
def test_auto_is_of_counts_alone(
    parameters: dict[str, Any], weighting: tuple[float, float], power: float
) -> None:
    recipe = me.MovieEmbedding(**parameters)._recipe()
    assert recipe.weighting == Weighting(*weighting)
    assert recipe.power == power


def test_ridges_are_scaled_columns() -> None:
    """(S G S + lambda I)^-1 is S^-1 (G + lambda S^-2)^-1 S^-1."""
    A = random_likes(60, 20, 0.4, seed=0).toarray().astype(float)
    c = (A**2).sum(axis=0)
    R = ridges(c, 3.0, 0.5)
    assert R @ c / c.sum() == pytest.approx(3.0)
    S = np.sqrt(3.0 / R)
    assert np.ptp(S * c**0.25) < 1e-12
    P = np.linalg.inv(A.T @ A + np.diag(R))
    scaled = np.linalg.inv((A * S).T @ (A * S) + 3.0 * np.eye(20))
    np.testing.assert_allclose(scaled, P / np.outer(S, S), rtol=1e-10)
    np.testing.assert_array_equal(ridges(c, 3.0, 0), np.full(20, 3.0))
    some = ridges(np.array([0.0, 4.0, 1.0]), 2.0, 0.5)
    assert some[0] == 2
    assert some[1] == 2 * some[2]


@pytest.mark.parametrize("on_device", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_step_in_closed_form(dtype: Any, weighted: bool, on_device: bool) -> None:
    """Also for rows with weights, dislikes and no likes at all, and over a device's arrays."""
    L = random_likes(80, 30, 0.2, seed=0)
    if weighted:
        L.data = np.random.default_rng(0).random(L.nnz) + 0.5
    op: Any = CpuOperator(L, dtype)
    if on_device:
        op = CudaOperator(L, dtype, HostDevice(ReferenceKernels()))
    V = np.random.default_rng(1).standard_normal((30, 4))
    c = (L.toarray().astype(float) ** 2).sum(axis=0)
    R = ridges(c, 2.0, 0.3)
    system = System(op, PrecisionForm(V, c, R), c + R)
    rows = L[:20][:, op.active].astype(dtype)
    rows.data[::7] *= -1
    rows = sp.csr_array(sp.vstack([rows, sp.csr_array((1, op.n_items), dtype=dtype)]))
    X = op.asarray(rows.toarray().T)
    lengths = system.lengths(op.asarray(op.some_users(8)), 2)
    start, one, _ = (op.to_host(Y).copy() for Y in system.iterates(X, lengths))
    tol = 1e-12 if dtype == np.float64 else 2e-5
    size = np.abs(one).max()
    np.testing.assert_allclose(op.to_host(system.start(rows)), start, atol=tol * size)
    found = op.to_host(system.one_step(rows, lengths[0][0]))
    np.testing.assert_allclose(found, one, atol=tol * size)


def test_the_embedding_knows_nothing_of_it(demo_likes: Likes) -> None:
    plain = me.MovieEmbedding(6, random_state=0).fit(demo_likes)
    other = me.MovieEmbedding(
        6, random_state=0, recommend_weighting=1, regularization_power=0, keep_likes=False
    ).fit(demo_likes)
    np.testing.assert_array_equal(plain.embedding_, other.embedding_)
    assert plain.cost_ == other.cost_
    ours, others = (m.recommend(demo_likes, 5, refine=0)[0] for m in (plain, other))
    assert (ours != others).any()


def test_made_when_first_asked_for_and_kept(demo_likes: Likes, tmp_path: Path) -> None:
    model = me.MovieEmbedding(6, random_state=0).fit(demo_likes)
    assert model._fitted_items().recommender_if_made is None
    assert model.similar(int(model.items_[model.item_counts_.argmax()])) is not None
    assert model._fitted_items().recommender_if_made is None
    lists = model.recommend(demo_likes, 5)
    ours = model._fitted_items().recommender_if_made
    assert ours is not None
    assert model.regularization_ == ours.regularization
    assert model.regularization_path_ is ours.path
    assert ours.path["regularization"].is_monotonic_increasing
    model.n_jobs, model.refine = 1, 2
    assert model._fitted_items().recommender_if_made is ours
    model.n_jobs, model.refine = None, "auto"
    model.save(tmp_path / "m.npz")
    for again in (unpickled(model), me.load(tmp_path / "m.npz")):
        kept = again._fitted_items().recommender_if_made
        assert kept.vectors.tobytes() == ours.vectors.tobytes()
        assert kept.path.equals(ours.path)
        assert (kept.refine, kept.weighting, kept.power) == (ours.refine, ours.weighting, 0.25)
        np.testing.assert_array_equal(again.recommend(demo_likes, 5)[0], lists[0])


def test_attributes_are_made_with_the_threads_that_the_model_has(demo_likes: Likes) -> None:
    model = me.MovieEmbedding(6, random_state=0).fit(demo_likes)
    model.n_jobs = 1
    assert model.regularization_ > 0
    assert model._fitted is not None
    assert model._fitted.n_jobs == 1
    assert model._fitted.recommender_if_made is not None


def test_what_vectors_know_of_held_out_people_is_forgotten(
    demo_likes: Likes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists without a step are judged as by vectors that never saw these people."""

    def judged() -> Any:
        path = me.MovieEmbedding(random_state=0, refine=0).fit(demo_likes).regularization_path_
        assert path is not None
        return path.set_index("regularization")["ndcg"]

    usual = judged()
    monkeypatch.setattr(holdout, "FORGETTING", 30)
    without = judged()
    both = usual.index.intersection(without.index)
    assert len(both) >= 3
    assert (usual[both] - without[both]).max() < 0.007
    monkeypatch.setattr(holdout, "FORGETTING", 0)
    assert (judged()[both] - without[both]).max() > 0.014


def test_nothing_is_held_out_for_a_lambda_that_is_given(demo_likes: Likes) -> None:
    model = me.MovieEmbedding(6, random_state=0, regularization=7).fit(demo_likes)
    assert (model.regularization_, model.regularization_path_) == (7, None)
    assert model._fitted_items().recommending.refine == 1


def test_an_interrupted_choice_is_no_choice(
    demo_likes: Likes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Solvers keep what they have; half a recommender would be kept for good."""
    model = me.MovieEmbedding(6, random_state=0).fit(demo_likes)
    whole = model.regularization_
    model.fit(demo_likes)

    def interrupted(self: Any, V: Any, out: Any = None) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(CpuOperator, "apply", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.recommend(demo_likes, 3)
    assert model._fitted_items().recommender_if_made is None
    assert model.regularization_ == whole


def test_threads_choose_alike(demo_likes: Likes) -> None:
    one, two = (
        me.MovieEmbedding(6, random_state=0, n_jobs=n).fit(demo_likes).regularization_
        for n in (1, 2)
    )
    assert one == two


def test_without_likes(demo_likes: Likes) -> None:
    """The vectors are made with the fit, and lists go by them alone."""
    kept = me.MovieEmbedding(6, random_state=0).fit(demo_likes)
    model = me.MovieEmbedding(6, random_state=0, keep_likes=False).fit(demo_likes)
    assert model.likes_ is None
    assert model.regularization_ == kept.regularization_
    columns, scores = kept.recommend(demo_likes, 7, refine=0)
    with pytest.warns(UserWarning, match="keep_likes=True"):
        found = model.recommend(demo_likes, 7)
    np.testing.assert_array_equal(found[0], columns)
    np.testing.assert_array_equal(found[1], scores)
    model.recommend(demo_likes, 7)  # said once


def test_new_items_are_folded_into_it(demo_likes: Likes) -> None:
    """As into a fit whose vectors have converged: then their own rows come out."""
    L = demo_likes.matrix[:, np.argsort(-demo_likes.item_counts)[:300]]
    model = me.MovieEmbedding(5, random_state=0).fit(L)
    ours = model._fitted_items().recommending
    bigger = model.extend(L[:, :4], items=[300, 301, 302, 303])
    more = bigger._fitted_items().recommending
    np.testing.assert_allclose(more.squares[300:], ours.squares[:4])
    V = ours.vectors.astype(float)
    for k in range(4):
        a, b = more.vectors[300 + k].astype(float), V[k]
        assert a @ b > 0.9 * np.linalg.norm(a) * np.linalg.norm(b)
    assert bigger.recommend([300], 3)["item"].isin(range(300)).all()
