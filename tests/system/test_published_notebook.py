"""The costs that a published notebook prints come out of the example that corrects it."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np
import pytest

import movieembed as me
from helpers import REPOSITORY
from movieembed.data.likes import Likes

pytestmark = pytest.mark.skipif(
    not (REPOSITORY / "examples").exists(), reason="the examples are not in an sdist"
)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(REPOSITORY))
    return importlib.import_module("examples.notebook")


def test_numbers_are_those_of_pytorch(example: Any) -> None:
    """As torch.manual_seed(42) and torch.randn(4, 4) print them; and 20, of which 4 are drawn."""
    known = [
        [1.9269, 1.4873, 0.9007, -2.1055],
        [0.6784, -1.2345, -0.0431, -1.6047],
        [-0.7521, 1.6487, -0.3925, -1.4036],
        [-0.7279, -0.5594, -0.7688, 0.7624],
    ]
    np.testing.assert_allclose(example.torch_randn(42, 4, 4), known, atol=5e-5)
    more = example.torch_randn(42, 1, 20)[0]
    np.testing.assert_array_equal(more[:4], example.torch_randn(42, 4, 4)[0])
    assert np.abs(more[4:16] - np.ravel(known)[4:]).min() > 1e-3


def test_blocks_go_on_with_the_stream(example: Any) -> None:
    """More than are drawn at a time."""
    V = example.torch_randn(576, 1200, 1000)
    np.testing.assert_array_equal(V[:100], example.torch_randn(576, 100, 1000))
    np.testing.assert_allclose(V[0, :3], [-0.6716, -1.0309, 3.0239], atol=5e-5)
    assert abs(float(V.mean())) < 4e-3
    assert V.std() == pytest.approx(1, abs=3e-3)
    assert len(np.unique(V)) > 0.9 * V.size


def test_adam_is_that_of_the_estimator(example: Any, demo_likes: Likes) -> None:
    V = np.random.default_rng(0).normal(0, 0.5, (demo_likes.n_items, 5))
    model = me.MovieEmbedding(
        5, solver="adam", learning_rate=0.1, init=V, max_iter=10, keep_unliked=True
    )
    with pytest.warns(Warning, match="max_iter"):
        history = model.fit(demo_likes).history_
    epochs = example.adam(demo_likes, V.copy(), rate=0.1)
    costs = [next(epochs) for _ in range(11)]
    np.testing.assert_allclose(history["cost"], costs, rtol=1e-10)


def test_the_first_cost_that_it_prints(example: Any, small_likes: Likes) -> None:
    cost = me.cost(small_likes, example.start(small_likes.n_items))
    assert cost == pytest.approx(example.PRINTED[0], rel=1e-6)  # V.T would be 4e-6 off


@pytest.mark.skipif(
    "MOVIEEMBED_LONG" not in os.environ, reason="takes some minutes: set MOVIEEMBED_LONG=1"
)
def test_the_cost_that_it_prints_after_five_epochs(
    example: Any, small_likes: Likes, capsys: pytest.CaptureFixture[str]
) -> None:
    costs = example.run(small_likes, 5)
    assert costs == {epoch: pytest.approx(example.PRINTED[epoch], rel=1e-5) for epoch in (0, 5)}
    assert "epoch 5: cost 124,89" in capsys.readouterr().out
