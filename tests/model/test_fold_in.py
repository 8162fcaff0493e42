"""Ids of items that are folded in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import movieembed as me

NEW = np.array([[1], [1], [0]])


def fitted(items: Any = None) -> me.MovieEmbedding:
    likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1], [0, 1, 1]], items=items)
    return me.MovieEmbedding(1, random_state=0, keep_likes=True).fit(likes)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, 7.9),
        (None, "12"),
        (None, 2**63),
        (None, 2**70),
        (None, -1),
        (["a", "b", "c"], "d"),
        (["a", "b", "c"], 12),
        ([0.5, 1.5, 2.5], 7),
        ([0.5, 1.5, 2.5], 7.5),
        ([2**63, 2**63 + 1, 1], 2**64 - 1),
        ([2**63, 2**63 + 1, 1], -1),
        ([("a", 1), ("a", 2), ("b", 1)], ("b", 2)),
        (None, ("a", 1)),
    ],
)
def test_new_ids_are_kept_as_given(old: Any, new: Any, tmp_path: Path) -> None:
    model = fitted(old)
    bigger = model.extend(NEW, items=[new])
    expected = [*model.items_.tolist(), new]
    assert bigger.items_.tolist() == expected
    assert [type(id_) for id_ in bigger.items_.tolist()] == [type(id_) for id_ in expected]
    assert bigger.recommend([new])["item"].tolist() == bigger.recommend([new])["item"].tolist()
    assert new not in bigger.similar([new])["item"].tolist()
    assert set(bigger.similar([new])["item"]) == set(model.items_.tolist())
    if not isinstance(new, tuple):
        bigger.save(tmp_path / "bigger.npz")
        assert me.load(tmp_path / "bigger.npz").items_.tolist() == expected


def test_new_ids_that_do_not_fit_are_refused() -> None:
    for items in ([True], [0.0 + 1j * 0]):
        with pytest.raises(TypeError, match="equal but of different types"):
            fitted().extend(NEW, items=items)
    with pytest.raises(ValueError, match="ids repeat"):
        fitted().extend(NEW, items=[2.0])
    with pytest.raises(ValueError, match="missing id"):
        fitted().extend(NEW, items=[None])
    with pytest.raises(ValueError, match="there are 2 ids for 1 new items"):
        fitted().extend(NEW, items=[5, 6])
    with pytest.raises(ValueError, match=r"pass items=.*the model's are not 0, 1, 2") as caught:
        fitted([5, 6, 7]).extend(NEW)
    assert caught.value.parameter == "items"  # type: ignore[attr-defined]
    assert fitted().extend(NEW).items_.tolist() == [0, 1, 2, 3]
