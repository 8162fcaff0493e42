"""Whole fits of backend="cuda", on arrays that behave like a device's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import movieembed as me
from device_arrays import Gpu, HostDevice, csr_matrix, ndarray
from helpers import random_likes
from movieembed.data.likes import Likes
from movieembed.model import refinement
from movieembed.operators.build import backend_of
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.cuda import device as device_module
from movieembed.operators.cuda import operator
from movieembed.solvers import SOLVERS
from reference_kernels import ReferenceKernels

START = np.random.default_rng(2).standard_normal((25, 6))
# Descents end where their decreases do, not at the last digit.
TOLERANCES = {"gd": 1e-7, "momentum": 1e-7, "adam": 1e-7}


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> HostDevice:
    """What stands for the GPU in a fit."""
    stand_in = HostDevice(ReferenceKernels())
    monkeypatch.setattr(operator, "EIGH_ORDER", 8)
    monkeypatch.setattr(device_module, "cuda_device", lambda: stand_in)
    return stand_in


def two_fits(L: Any, **parameters: Any) -> tuple[me.MovieEmbedding, me.MovieEmbedding]:
    there, here = (
        me.MovieEmbedding(random_state=0, backend=backend, **parameters).fit(L)
        for backend in ("cuda", "cpu")
    )
    return there, here


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers_reach_the_cost_that_they_reach_on_the_cpu(
    solver: str, dtype: str, demo_likes: Likes, device: HostDevice
) -> None:
    tol = TOLERANCES.get(solver, 1e-8)
    there, here = two_fits(demo_likes, n_components=10, solver=solver, dtype=dtype, tol=tol)
    assert there.embedding_.dtype == np.dtype(dtype)
    assert there.converged_
    within = 1e-6 if dtype == "float64" else 1e-5
    assert there.cost_ == pytest.approx(here.cost_, rel=within)
    assert there.regularization_ == pytest.approx(here.regularization_, rel=1e-3)
    if solver == "eigen":
        a, b = (
            m.similar("The Cosmic Starpilot (1987)", n=10)["item"].tolist() for m in (there, here)
        )
        assert a == b


@pytest.mark.parametrize("keep_likes", [False, True])
def test_lambda_is_chosen_on_the_device(
    keep_likes: bool, demo_likes: Likes, device: HostDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = two_fits(demo_likes, n_components=10, keep_likes=keep_likes)
    expected = here.regularization_path_
    monkeypatch.setattr(CpuOperator, "without_users", no_gpu)
    found = there.regularization_path_
    assert found is not None
    assert expected is not None
    np.testing.assert_allclose(found["ndcg"], expected["ndcg"], rtol=0.02)
    assert there.regularization_ == pytest.approx(here.regularization_)


def test_lambda_is_chosen_on_the_cores_where_there_is_no_gpu(
    demo_likes: Likes, device: HostDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = two_fits(demo_likes, n_components=10)
    there.embedding_ = here.embedding_
    monkeypatch.setattr(device_module, "cuda_device", no_gpu)
    assert here.regularization_path_.equals(there.regularization_path_)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "parameters",
    [
        {"item_scaling": "cosine", "user_weighting": 0.5},
        {"n_components": 40},  # from the rank of the likes on: exact
        {"init": START, "solver": "als"},
        {"init": 1e6 * np.random.default_rng(0).random((25, 6)), "solver": "lbfgs"},
        {"solver": "gd", "learning_rate": 1e-3, "tol": 1e-2},
        {"keep_likes": True, "refine": 2},
    ],
    ids=lambda parameters: "-".join(parameters),
)
def test_other_fits(parameters: dict[str, Any], streamed: bool, device: HostDevice) -> None:
    if streamed:
        device.free = 8_000
    L = random_likes(30, 25, 0.4, seed=4)
    there, here = two_fits(L, **{"n_components": 6, **parameters})
    assert there.stop_reason_ == here.stop_reason_
    assert there.cost_ == pytest.approx(here.cost_, rel=1e-6, abs=1e-6)
    np.testing.assert_allclose(there.item_squares_, here.item_squares_)
    assert bool(device.stagers) == streamed
    queries = [m.recommend([3, 4], n=5) for m in (there, here)]
    assert queries[0]["item"].tolist() == queries[1]["item"].tolist()


@pytest.mark.parametrize("steps", [1, 2, 9])
def test_lists_are_made_on_the_device(
    steps: int, device: HostDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all people, of one, of chosen items, with reasons; on the cores where there is no GPU."""
    L = random_likes(40, 25, 0.4, seed=4)
    there, here = two_fits(L, n_components=6, refine=steps, regularization=2.0)
    there.embedding_ = here.embedding_
    there.recommend([3])  # what is prepared for all lists
    copied = []
    downloader = operator.CudaOperator.downloader
    monkeypatch.setattr(
        operator.CudaOperator, "downloader", lambda op: copied.append(op) or downloader(op)
    )
    monkeypatch.setattr(refinement, "REFINE_BYTES", 1)  # three blocks of people
    for ask in (
        lambda m: m.recommend(L, n=5),
        lambda m: m.recommend(L, n=5, exclude_given=False),
        lambda m: m.recommend_users(L, n=4).to_numpy().T,
        lambda m: m.recommend([3, 4], n=5).to_numpy().T,
        lambda m: m.rank([3, 4], [1, 3, 7]).to_numpy().T,
        lambda m: m.explain([3, 4], 7).to_numpy().T,
    ):
        copied.clear()
        got, expected = ask(there), ask(here)
        assert copied
        for x, y in zip(got, expected, strict=True):
            np.testing.assert_allclose(x.astype(float), y.astype(float), rtol=1e-5, atol=1e-5)
    there.n_jobs = 1  # another setting makes the operator anew
    monkeypatch.setattr(device_module, "cuda_device", no_gpu)
    copied.clear()
    assert there.recommend([3, 4])["item"].tolist() == here.recommend([3, 4])["item"].tolist()
    assert not copied


@pytest.mark.parametrize(("steps", "size"), [(1, 1.0), (1, 1e14), (20, 1.0)])
def test_lists_of_an_extended_model_are_those_of_the_cpu(
    steps: int, size: float, device: HostDevice
) -> None:
    """Whose recommender keeps the unit and the scales that it had."""
    L, new = random_likes(60, 30, 0.3, seed=1), random_likes(60, 12, 0.3, seed=2)
    new.data *= size
    model = me.MovieEmbedding(6, random_state=0, item_scaling=0.5, user_weighting=1.0)
    model = model.fit(L)
    wider = model.extend(new)
    scores = []
    for backend in ("cpu", "cuda"):
        wider.backend = backend
        scores.append(wider.recommend([3, 4], n=12, refine=steps))
    assert isinstance(wider._fitted_items().operator, operator.CudaOperator)
    assert scores[0]["item"].tolist() == scores[1]["item"].tolist()
    np.testing.assert_allclose(scores[0]["score"], scores[1]["score"], rtol=1e-4)


def no_gpu(*_: Any) -> None:
    raise RuntimeError("there is none")


def test_more_users_than_their_gram_matrix_is_formed_for(device: HostDevice) -> None:
    there, here = two_fits(random_likes(1100, 60, 0.1, seed=5), n_components=8)
    assert there.cost_ == pytest.approx(here.cost_, rel=1e-7)


def test_nothing_to_learn(device: HostDevice) -> None:
    with pytest.warns(UserWarning, match="no two items"):
        model = me.MovieEmbedding(2, backend="cuda").fit(np.eye(3))
    assert not model.embedding_.any()


def test_diverging_is_told(device: HostDevice) -> None:
    model = me.MovieEmbedding(3, backend="cuda", solver="gd", learning_rate=100.0, random_state=0)
    with pytest.raises(me.DivergenceError, match="learning rate"):
        model.fit(random_likes(30, 25, 0.4, seed=4))


def test_weighted_entries_are_refused(device: HostDevice) -> None:
    model = me.MovieEmbedding(2, backend="cuda", entry_weighting="ppmi")
    with pytest.raises(ValueError, match="entry_weighting='ppmi' needs backend='cpu'"):
        model.fit(random_likes(30, 25, 0.4, seed=4))


# --- likes on a device ------------------------------------------------------------------------


def test_likes_on_a_gpu_are_fitted_there(
    device: HostDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    L = random_likes(30, 25, 0.4, seed=4)
    used = []
    monkeypatch.setattr(device, "free_bytes", lambda: used.append(1) or 1 << 30)
    expected = me.MovieEmbedding(4, random_state=0, backend="cuda").fit(L)
    assert len(used) == 1
    for X in (csr_matrix(L), ndarray(L.toarray())):
        assert backend_of(X) == "cuda"
        used.clear()
        model = me.MovieEmbedding(4, random_state=0).fit(X)
        assert used
        np.testing.assert_array_equal(model.embedding_, expected.embedding_)
        used.clear()
        assert model.refit(X).backend == "auto"
        assert used
        used.clear()
        me.MovieEmbedding(4, random_state=0, backend="cpu").fit(X)
        assert not used
    for X in (L, L.toarray(), Likes.from_matrix(L), [[1, 1], [0, 1]]):
        assert backend_of(X) == "cpu"


def test_the_gpu_that_holds_the_likes_does_the_work(
    device: HostDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    L = random_likes(30, 25, 0.4, seed=4)
    current = []
    monkeypatch.setattr(device, "free_bytes", lambda: current.append(Gpu.current) or 1 << 30)
    for number in (0, 2):
        me.MovieEmbedding(4, random_state=0).fit(csr_matrix(L, device=number))
        me.cooccurrence_sums(csr_matrix(L, device=number))
        assert current == [number, number]
        current.clear()
    assert Gpu.current == 0


def test_likes_take_ids_from_a_gpu() -> None:
    L = random_likes(30, 25, 0.4, seed=4)
    ids = np.arange(25) * 2
    likes = Likes.from_matrix(csr_matrix(L), items=ndarray(ids))
    np.testing.assert_array_equal(likes.items, ids)
    np.testing.assert_array_equal(likes.matrix.toarray(), L.toarray())
