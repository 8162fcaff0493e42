"""What all exports have in common: ids and titles of any kind, files whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from safetensors import safe_open
from sklearn.exceptions import NotFittedError

import movieembed as me
from export_cases import (
    EACH,
    INTS,
    TITLES,
    WRITERS,
    fit,
    projector_lines,
    read_word2vec,
)
from movieembed import MovieEmbedding


@pytest.mark.parametrize(
    ("ids", "kind", "expected"),
    [
        (np.array([*range(9), 2**63 + 1], dtype=np.uint64), pa.uint64(), None),
        (np.arange(10) + 0.5, pa.float64(), None),
        ([1, "a", 2.5, *"cdefghi"], pa.string(), ["1", "a", "2.5", *"cdefghi"]),
        (["\ud800", *"abcdefghi"], pa.string(), ["?", *"abcdefghi"]),
        (
            np.arange("2020-01-01", "2020-01-11", dtype="datetime64[D]").astype("datetime64[ns]"),
            pa.string(),
            [f"2020-01-{day:02}" for day in range(1, 11)],
        ),
    ],
    ids=["uint64", "float", "mixed", "half a surrogate pair", "dates"],
)
def test_ids_of_other_types(tmp_path, ids, kind, expected):
    model = fit(ids)
    expected = model.items_.tolist() if expected is None else expected
    me.export_parquet(model, tmp_path / "a.parquet")
    column = pq.read_table(tmp_path / "a.parquet")["item"]
    assert column.type == kind
    assert [str(e)[:10] for e in column.to_pylist()] == [str(e)[:10] for e in expected]
    me.export_numpy(model, tmp_path / "a.npz")
    me.export_safetensors(model, tmp_path / "a.safetensors")
    me.export_word2vec(model, tmp_path / "a.vec")


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (me.export_parquet, "a.parquet"),
        (me.export_arrow, "a.arrow"),
        (me.export_numpy, "a.npz"),
        (me.export_safetensors, "a.safetensors"),
    ],
)
def test_mixed_ids_that_are_the_same_as_text(tmp_path, write, name):
    with pytest.raises(ValueError, match="several ids of the items would be the same text '1'"):
        write(fit([1, "1", *"cdefghij"]), tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_titles_that_utf8_has_not(tmp_path):
    model = fit(INTS, ["half \ud800", *TITLES[1:]], keep_likes=True)
    me.export_parquet(model, tmp_path / "v.parquet")
    assert pd.read_parquet(tmp_path / "v.parquet")["title"][0] == "half ?"
    me.export_projector(model, tmp_path)
    assert projector_lines(tmp_path / "metadata.tsv")[1][0] == "half ?"
    me.export_word2vec(model, tmp_path / "v.vec", keys="title")
    assert read_word2vec(tmp_path / "v.vec", False).index_to_key[0] == "half_?"
    for name, write in WRITERS.items():
        write(model, tmp_path / name)


@EACH
def test_an_existing_file_is_replaced(tmp_path, kept, name: str, write: Callable[..., None]):
    path = tmp_path / name
    path.write_text("old")
    write(kept, path)
    first = path.read_bytes()
    assert first != b"old"
    assert b"pickle" not in first
    write(kept, str(path))
    # safetensors orders its metadata anew each time.
    assert path.read_bytes() == first or name == "v.safetensors"
    assert os.listdir(tmp_path) == [name]


@pytest.mark.skipif(sys.platform == "win32", reason="no umask")
@EACH
def test_permissions_follow_the_umask(tmp_path, kept, name, write):
    before = os.umask(0o027)
    try:
        write(kept, tmp_path / name)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o640


@EACH
def test_a_failure_leaves_what_was_there(tmp_path, kept, monkeypatch, name, write):
    path = tmp_path / name
    path.write_text("old")

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        write(kept, path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == [name]


@EACH
def test_where_nothing_can_be_written(tmp_path, kept, name, write):
    with pytest.raises(FileNotFoundError, match=r"the folder .*absent does not exist"):
        write(kept, tmp_path / "absent" / name)
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder; name a file in it"):
        write(kept, tmp_path / name)


@pytest.mark.parametrize(
    "write",
    [
        *(me.export_word2vec, me.export_projector, me.export_parquet, me.export_arrow),
        *(me.export_safetensors, me.export_numpy),
    ],
)
def test_before_a_fit(tmp_path, write):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        write(MovieEmbedding(2), tmp_path / "v.npz")
    assert os.listdir(tmp_path) == []


def test_nothing_to_write(tmp_path):
    with pytest.warns(UserWarning, match="nothing to learn"):
        model = MovieEmbedding(2).fit([[1.0, 0.0], [0.0, 1.0]])
    me.export_word2vec(model, tmp_path / "v.txt", only_embedded=True)
    assert (tmp_path / "v.txt").read_text() == "0 2\n"
    me.export_word2vec(model, tmp_path / "v.bin", binary=True, only_embedded=True)
    assert read_word2vec(tmp_path / "v.bin", True).vectors.shape == (0, 2)
    me.export_parquet(model, tmp_path / "v.parquet", only_embedded=True)
    assert pd.read_parquet(tmp_path / "v.parquet").shape == (0, 3)
    me.export_arrow(model, tmp_path / "v.arrow", only_embedded=True)
    assert pl.read_ipc(tmp_path / "v.arrow").shape == (0, 3)
    me.export_safetensors(model, tmp_path / "v.safetensors", only_embedded=True)
    with safe_open(tmp_path / "v.safetensors", framework="numpy") as file:
        assert file.get_tensor("embedding").shape == (0, 2)
    me.export_numpy(model, tmp_path / "v.npz", only_embedded=True)
    assert np.load(tmp_path / "v.npz")["embedding"].shape == (0, 2)
    me.export_projector(model, tmp_path / "p", only_embedded=True)
    assert (tmp_path / "p" / "vectors.tsv").read_text() == ""


def test_the_real_data(tmp_path, small_likes):
    model = MovieEmbedding(4, dtype="float32", random_state=0).fit(small_likes)
    me.export_word2vec(model, tmp_path / "v.vec", keys="title", only_embedded=True)
    found = read_word2vec(tmp_path / "v.vec", False)
    there = model.embedding_.any(axis=1)
    assert len(found) == there.sum()
    np.testing.assert_array_equal(found["Apollo_13_(1995)"], model.embedding_[123])
    assert model.titles_[123] == "Apollo 13 (1995)"
    me.export_parquet(model, tmp_path / "v.parquet")
    table = pd.read_parquet(tmp_path / "v.parquet")
    assert table["title"].tolist() == model.titles_.tolist()
    np.testing.assert_array_equal(np.stack(table["vector"]), model.embedding_)
    me.export_projector(model, tmp_path, columns=["title"])
    assert len(projector_lines(tmp_path / "metadata.tsv")) == len(model.items_)
    me.export_cooccurrence(small_likes, tmp_path / "X.npz")
    X = sp.load_npz(tmp_path / "X.npz")
    assert (X.astype(np.float64) ** 2).sum() == me.cooccurrence_sums(small_likes)[0].sum()
