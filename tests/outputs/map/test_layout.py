"""Positions in the plane: of all items, of the better known, with and without openTSNE."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import movieembed as me
from map_cases import data_of, page_of
from movieembed.outputs.map import layout


def test_pca_is_the_two_widest_directions_of_the_unit_vectors(model):
    xy = me.layout(model, "pca")
    there = model.embedding_.any(axis=1)
    assert np.isnan(xy[~there]).all()
    assert np.isnan(xy[-1]).all()
    V = model._fitted_items().weighted_vectors[there].astype(float)
    U = V / np.linalg.norm(V, axis=1, keepdims=True)
    left, sizes, _ = np.linalg.svd(U - U.mean(axis=0), full_matrices=False)
    expected = left[:, :2] * sizes[:2]
    np.testing.assert_allclose(np.abs(xy[there]), np.abs(expected), atol=1e-6)
    assert (xy[there][np.abs(xy[there]).argmax(axis=0), [0, 1]] > 0).all()


def test_min_likes_leaves_items_out(model, tmp_path):
    few = model.item_counts_ < 20
    assert 0 < few.sum() < len(few)
    assert np.isnan(me.layout(model, "pca", min_likes=20)).any(axis=1).tolist() == few.tolist()
    header, arrays = data_of(page_of(model, tmp_path, min_likes=20))
    assert len(header["titles"]) == (~few).sum()
    assert arrays["neighbours"].max() < len(header["titles"])


@pytest.mark.skipif(find_spec("openTSNE") is None, reason="openTSNE, the extra map, is not there")
def test_tsne_keeps_near_what_is_near_and_repeats(model):
    xy = me.layout(model, "tsne")
    there = np.flatnonzero(model.embedding_.any(axis=1))
    assert np.isfinite(xy[there]).all()
    assert np.isnan(xy[-1]).all()
    np.testing.assert_array_equal(xy, me.layout(model, "auto", n_jobs=1))
    even = xy[there[there % 2 == 0]].mean(axis=0)
    odd = xy[there[there % 2 == 1]].mean(axis=0)
    to_even = np.linalg.norm(xy[there] - even, axis=1)
    to_odd = np.linalg.norm(xy[there] - odd, axis=1)
    assert ((to_even < to_odd) == (there % 2 == 0)).mean() > 0.9


def test_without_the_extra(model, monkeypatch):
    monkeypatch.setattr(layout, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'movieembed\[map\]'"):
        me.layout(model, "tsne")
    np.testing.assert_array_equal(me.layout(model, "auto"), me.layout(model, "pca"))


def test_before_a_fit(tmp_path):
    with pytest.raises(NotFittedError):
        me.layout(me.MovieEmbedding(2))
