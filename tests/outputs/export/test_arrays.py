"""Exports of arrays and sparse matrices, read with NumPy and SciPy."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError

import movieembed as me
from export_cases import (
    INTS,
    MODELS,
    TITLES,
    WRITERS,
    N,
    fit,
    rows_of,
)
from helpers import dense_cooccurrence, random_likes
from movieembed import Likes, MovieEmbedding


@MODELS
def test_numpy(tmp_path, ids, titles, dtype, only_embedded):
    model = fit(ids, titles, dtype)
    rows = rows_of(model, only_embedded)
    me.export_numpy(model, tmp_path / "v.npy", only_embedded=only_embedded)
    vectors = np.load(tmp_path / "v.npy")
    assert vectors.dtype == dtype
    np.testing.assert_array_equal(vectors, model.embedding_[rows])
    me.export_numpy(model, tmp_path / "v.NPZ", only_embedded=only_embedded)
    with np.load(tmp_path / "v.NPZ", allow_pickle=False) as arrays:
        names = {"embedding", "eigenvalues", "item_counts", "items"}
        assert set(arrays) == names | ({"titles"} if titles else set())
        np.testing.assert_array_equal(arrays["embedding"], model.embedding_[rows])
        np.testing.assert_array_equal(arrays["eigenvalues"], model.eigenvalues_)
        assert arrays["embedding"].dtype == dtype
        assert arrays["item_counts"].tolist() == model.item_counts_[rows].tolist()
        assert arrays["items"].tolist() == model.items_[rows].tolist()
        if titles:
            assert arrays["titles"].tolist() == model.titles_[rows].tolist()
    assert sorted(os.listdir(tmp_path)) == ["v.NPZ", "v.npy"]


def test_numpy_by_another_name(tmp_path, model):
    with pytest.raises(ValueError, match=r"ends in \.npy or \.npz, not as 'v\.txt' does"):
        me.export_numpy(model, tmp_path / "v.txt")
    assert os.listdir(tmp_path) == []


def test_an_export_is_not_taken_for_a_model(tmp_path, model):
    me.export_numpy(model, tmp_path / "v.npz")
    with pytest.raises(ValueError, match="is not a movieembed model"):
        me.load(tmp_path / "v.npz")


@pytest.mark.parametrize("weights", [False, True])
def test_likes_and_cooccurrence_in_scipy(tmp_path, weights):
    L = random_likes(30, N, 0.4, 5, weights)
    likes = Likes.from_matrix(L, users=[f"user {k}" for k in range(30)], items=INTS, titles=TITLES)
    me.export_likes(likes, tmp_path / "L.npz")
    me.export_cooccurrence(likes, tmp_path / "X.npz", n_jobs=1)
    found = sp.load_npz(tmp_path / "L.npz")
    assert isinstance(found, sp.csr_array)
    assert found.dtype == likes.matrix.dtype
    np.testing.assert_array_equal(found.toarray(), L.toarray())
    X = sp.load_npz(tmp_path / "X.npz")
    assert isinstance(X, sp.csr_array)
    assert X.dtype == (np.float64 if weights else np.int64)
    np.testing.assert_allclose(X.toarray(), dense_cooccurrence(L), atol=1e-12)
    for name, labels in (("L.npz", {"users", "items", "titles"}), ("X.npz", {"items", "titles"})):
        with np.load(tmp_path / name, allow_pickle=False) as arrays:
            assert labels <= set(arrays)
            assert ("users" in arrays) == ("users" in labels)
            assert arrays["items"].tolist() == INTS
            # NumPy's strings have no NUL at their end; these titles have none there.
            assert arrays["titles"].tolist() == TITLES
    assert np.load(tmp_path / "L.npz")["users"].tolist() == likes.users.tolist()


def test_likes_of_a_matrix_and_of_a_model(tmp_path, model, kept):
    L = random_likes(6, 4, 0.5, 1)
    me.export_likes(L, tmp_path / "L.npz")
    np.testing.assert_array_equal(sp.load_npz(tmp_path / "L.npz").toarray(), L.toarray())
    assert "titles" not in np.load(tmp_path / "L.npz")
    me.export_likes(kept, tmp_path / "kept.npz")
    assert (sp.load_npz(tmp_path / "kept.npz") != kept.likes_).nnz == 0
    assert np.load(tmp_path / "kept.npz")["items"].tolist() == INTS
    me.export_cooccurrence(kept, tmp_path / "X.npz")
    assert (sp.load_npz(tmp_path / "X.npz") != me.cooccurrence(kept.likes_)).nnz == 0
    for write in (me.export_likes, me.export_cooccurrence):
        with pytest.raises(ValueError, match="did not keep its likes: fit it with keep_likes"):
            write(model, tmp_path / "none.npz")
        with pytest.raises(NotFittedError):
            write(MovieEmbedding(2), tmp_path / "none.npz")
        with pytest.raises(TypeError):
            write("likes", tmp_path / "none.npz")
    assert not (tmp_path / "none.npz").exists()


@pytest.mark.parametrize("name", ["v.npz", "L.npz", "X.npz"])
def test_archives_are_whole(tmp_path, kept, name):
    WRITERS[name](kept, tmp_path / name)
    with zipfile.ZipFile(tmp_path / name) as archive:
        assert archive.testzip() is None
        for member in archive.namelist():
            if member.endswith(".npy"):
                version = np.lib.format.read_magic(io.BytesIO(archive.read(member)))
                assert version in ((1, 0), (2, 0))
