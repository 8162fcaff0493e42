"""Text exports, read with gensim and as the Projector reads."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from export_cases import (
    INTS,
    MODELS,
    TEXTS,
    TITLES,
    N,
    fit,
    projector_lines,
    read_word2vec,
    rows_of,
)


@MODELS
@pytest.mark.parametrize("binary", [False, True])
def test_word2vec_in_gensim(tmp_path, ids, titles, dtype, only_embedded, binary):
    model = fit(ids, titles, dtype)
    path = tmp_path / "v.txt"
    me.export_word2vec(model, path, binary=binary, only_embedded=only_embedded)
    rows = rows_of(model, only_embedded)
    found = read_word2vec(path, binary, dtype)
    safe = ["a", "b", "c", "é", "千", "with_space", "tab", '"', "1", "x_y"]
    every = safe if ids is TEXTS else [str(id_) for id_ in model.items_]
    assert found.index_to_key == [every[k] for k in rows]
    expected = model.embedding_[rows]
    if binary:
        expected = expected.astype(np.float32)
    assert found.vectors.dtype == dtype
    np.testing.assert_array_equal(found.vectors, expected)


@pytest.mark.parametrize("binary", [False, True])
def test_word2vec_by_title(tmp_path, model, binary):
    path = tmp_path / "v.bin"
    me.export_word2vec(model, path, keys="title", binary=binary)
    found = read_word2vec(path, binary)
    assert found.index_to_key == [
        *("Heat_(1995)_7", "Tab_and_line_ends", str(2**62), "Quote_\"x\",_\\_and_'y'"),
        *("千と千尋_(2001)", "Heat_(1995)_3", "100", "padded_", "Amélie_😀", "4"),
    ]
    np.testing.assert_array_equal(found.vectors, model.embedding_.astype(np.float32))


def test_words_stay_apart(tmp_path):
    titles = ["A", "A", "A_1", "2", "", *"fghij"]
    ids = [0, 1, 3, 4, 2, 5, 6, 7, 8, 9]
    path = tmp_path / "v.txt"
    me.export_word2vec(fit(ids, titles), path, keys="title")
    words = read_word2vec(path, False).index_to_key
    assert words == ["A_0", "A_1", "A_1_", "2", "2_", *"fghij"]


def test_gensim_ranks_as_the_model_does(tmp_path, model):
    path = tmp_path / "v.bin"
    me.export_word2vec(model, path, binary=True, only_embedded=True)
    found = read_word2vec(path, True).most_similar("4", topn=5)
    expected = model.similar(4, n=5, method="cosine")
    assert [int(word) for word, _ in found] == expected["item"].tolist()
    np.testing.assert_allclose([score for _, score in found], expected["score"], atol=1e-6)


def test_words_of_ids_that_would_be_one(tmp_path):
    spaced = ["a b", "a_b", *"cdefghij"]
    mixed = [1, "1", *"cdefghij"]
    path = tmp_path / "v.txt"
    for ids, word in ((spaced, "a_b"), (mixed, "1")):
        with pytest.raises(ValueError, match=f"several ids of the items .* same word '{word}'"):
            me.export_word2vec(fit(ids), path)
    assert os.listdir(tmp_path) == []


def test_word2vec_keys_are_checked(tmp_path, model):
    path = tmp_path / "v.txt"
    with pytest.raises(ValueError, match="keys must be one of 'item' and 'title', not 'id'"):
        me.export_word2vec(model, path, keys="id")
    with pytest.raises(ValueError, match="keys='title' needs titles, and this model has none"):
        me.export_word2vec(fit(), path, keys="title")
    assert os.listdir(tmp_path) == []


@MODELS
def test_projector(tmp_path, ids, titles, dtype, only_embedded):
    model = fit(ids, titles, dtype)
    me.export_projector(model, tmp_path, only_embedded=only_embedded)
    rows = rows_of(model, only_embedded)
    vectors = np.array(projector_lines(tmp_path / "vectors.tsv")).astype(dtype)
    np.testing.assert_array_equal(vectors, model.embedding_[rows])
    header, *lines = projector_lines(tmp_path / "metadata.tsv")
    assert header == (["title"] if titles else []) + ["item", "likes"]
    assert len(lines) == len(rows)
    assert {len(line) for line in lines} == {len(header)}
    assert [line[-1] for line in lines] == [str(model.item_counts_[k]) for k in rows]
    flat = ["a", "b", "c", "é", "千", "with space", "tab", '"', "1", "x y"]
    every = flat if ids is TEXTS else [str(id_) for id_ in model.items_]
    assert [line[-2] for line in lines] == [every[k] for k in rows]


def test_projector_in_pandas(tmp_path, model):
    me.export_projector(model, tmp_path / "made" / "here")
    table = pd.read_csv(
        tmp_path / "made" / "here" / "metadata.tsv",
        sep="\t",
        quoting=csv.QUOTE_NONE,
        dtype={"title": str},
    )
    assert table["item"].tolist() == INTS
    assert table["title"].tolist() == [
        *("Heat (1995)", "Tab and line ends", str(2**62), TITLES[3], TITLES[4]),
        *("Heat (1995)", "100", "padded", "Amélie 😀", "4"),
    ]


@pytest.mark.parametrize("columns", [["title"], "title"])
def test_projector_without_a_header(tmp_path, model, columns):
    me.export_projector(model, tmp_path, columns=columns)
    lines = projector_lines(tmp_path / "metadata.tsv")
    assert len(lines) == N
    assert lines[0] == ["Heat (1995)"]
    assert lines[2] == [str(2**62)]


def test_projector_columns_are_checked(tmp_path, model):
    for columns, words in (
        (["title", "genre"], "columns must be of title, item, likes, not 'genre'"),
        ([], "columns must name one or more"),
        (["item", "item"], "each once"),
    ):
        with pytest.raises(ValueError, match=words):
            me.export_projector(model, tmp_path / "p", columns=columns)
    with pytest.raises(ValueError, match="this model has no titles"):
        me.export_projector(fit(), tmp_path / "p", columns=["title", "item"])
    assert os.listdir(tmp_path) == []
    (tmp_path / "p").touch()
    with pytest.raises(NotADirectoryError, match="is a file; name a folder"):
        me.export_projector(model, tmp_path / "p")


def test_projector_replaces_both_files_or_neither(tmp_path, model, monkeypatch):
    me.export_projector(fit(), tmp_path)
    before = {file: (tmp_path / file).read_bytes() for file in os.listdir(tmp_path)}
    assert set(before) == {"vectors.tsv", "metadata.tsv"}

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space"):
            me.export_projector(model, tmp_path)
    assert {file: (tmp_path / file).read_bytes() for file in os.listdir(tmp_path)} == before
    me.export_projector(model, tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(before)
    assert projector_lines(tmp_path / "metadata.tsv")[0] == ["title", "item", "likes"]
