"""What a map says of each item, and what of its options is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

import movieembed as me
from map_cases import data_of, page_of


@pytest.mark.parametrize("d", [1, 2])
def test_one_component_and_one_item(d, tmp_path):
    small = me.MovieEmbedding(d, random_state=0).fit([[1, 1, 0], [1, 1, 0]])
    assert me.layout(small, "pca").shape == (3, 2)
    header, arrays = data_of(page_of(small, tmp_path))
    assert header["titles"] == ["0", "1"]
    assert arrays["xy"].tolist() == [32768] * 4  # both in the middle
    assert arrays["neighbours"].reshape(2, 10)[:, :2].tolist() == [[1, 0xFFFF], [0, 0xFFFF]]


def test_the_page_holds_what_the_model_says(model, tmp_path):
    genres = [f"A|{'B' if i % 3 else 'C'}" for i in range(40)]
    header, arrays = data_of(page_of(model, tmp_path, genres=genres, title="My films"))
    shown = np.flatnonzero(model.embedding_.any(axis=1))
    n = len(shown)
    assert header["heading"] == "My films"
    assert header["titles"] == [f"Film {i}" for i in shown]
    assert arrays["years"].tolist() == (1950 + shown).tolist()
    assert arrays["likes"].tolist() == model.item_counts_[shown].tolist()
    xy = arrays["xy"].reshape(2, n).T / 32767.5 - 1
    wanted = me.layout(model, "pca")[shown]
    wanted -= (wanted.min(axis=0) + wanted.max(axis=0)) / 2
    np.testing.assert_allclose(xy, wanted / np.abs(wanted).max(), atol=2e-5)
    assert header["genres"] == ["A", "B", "C"]
    for row, i in enumerate(shown):
        numbers = header["combinations"][arrays["combined"][row]]
        assert sorted(header["genres"][g] for g in numbers) == sorted(genres[i].split("|"))
        assert numbers[0] > 0  # the rarer colours
    near = arrays["neighbours"].reshape(n, 10)
    for row in (0, 7):
        ids = (shown[near[row]] + 100).tolist()
        assert ids == model.similar(int(shown[row] + 100), n=10)["item"].tolist()


def test_genres_as_lists_and_none_at_all(model, tmp_path):
    given = [["Crime", "Crime ", ""], "Crime|War", None, float("nan"), "(no genres listed)"]
    given += [np.array(["War"])] * 35
    header, _ = data_of(page_of(model, tmp_path, genres=given))
    assert header["genres"] == ["War", "Crime"]
    assert data_of(page_of(model, tmp_path))[0]["genres"] == []
    assert data_of(page_of(model, tmp_path, genres=[""] * 40))[0]["genres"] == []


def test_positions_of_ones_own(model, tmp_path):
    xy = np.random.default_rng(0).random((40, 2))
    xy[3] = np.nan
    header, _ = data_of(page_of(model, tmp_path, positions=xy))
    assert "Film 3" not in header["titles"]
    assert "Film 4" in header["titles"]
    for wrong, words in ((xy[:5], "shape"), (np.full((40, 2), np.inf), "infinity")):
        with pytest.raises(ValueError, match=words):
            page_of(model, tmp_path, positions=wrong)


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"method": "umap"}, ValueError, "method must be one of"),
        ({"genres": ["A"]}, ValueError, "1 genres for 40 items"),
        ({"genres": "A|B"}, TypeError, "one entry an item"),
        ({"genres": [1] * 40}, TypeError, "'A|B' or lists"),
        ({"n_neighbors": 0}, ValueError, "n_neighbors"),
        ({"min_likes": -1}, ValueError, "min_likes"),
        ({"min_likes": 10_000}, ValueError, "no item has a vector and 10,000 likes"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_written(model, tmp_path, options, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        page_of(model, tmp_path, **options)
    assert list(tmp_path.iterdir()) == []
