"""Exports: each is read with the reader that people use, and no half file stays."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from gensim.models import KeyedVectors
from safetensors import safe_open
from sklearn.exceptions import NotFittedError
from typer.testing import CliRunner

import movieembed as me
from helpers import dense_cooccurrence, random_likes
from movieembed import Likes, MovieEmbedding
from movieembed.cli import app
from movieembed.outputs.export import columns as columns_module

TITLES = [
    "Heat (1995)",
    "Tab\tand\nline\r\nends",
    "",  # the item without likes
    "Quote \"x\", \\ and 'y'",
    "千と千尋 (2001)",
    "Heat (1995)",
    "",
    " \u2028 padded\u00a0\u0000 ",
    "Amélie\x1c😀",
    "4",  # the id of another item, where ids are integers
]
N, D = len(TITLES), 3
INTS = [7, -1, 2**62, 5, 4, 3, 100, 8, 9, 11]
TEXTS = ["a", "b", "c", "é", "千", "with space", "tab\t", '"', "1", "x\ny"]


def fit(ids: Any = None, titles: Any = None, dtype: str = "float64", **more: Any) -> MovieEmbedding:
    L = random_likes(40, N, 0.5, 0).toarray()
    L[:, 2] = 0
    likes = Likes.from_matrix(L, items=ids, titles=titles)
    return MovieEmbedding(D, random_state=0, tol=1e-3, dtype=dtype, **more).fit(likes)


@pytest.fixture(scope="module")
def model() -> MovieEmbedding:
    return fit(INTS, TITLES)


@pytest.fixture(scope="module")
def kept() -> MovieEmbedding:
    return fit(INTS, TITLES, keep_likes=True)


def rows_of(model: MovieEmbedding, only_embedded: bool) -> list[int]:
    there = [k for k in range(N) if not only_embedded or model.embedding_[k].any()]
    assert (2 in there) == (not only_embedded)
    return there


MODELS = pytest.mark.parametrize(
    ("ids", "titles", "dtype", "only_embedded"),
    [
        (INTS, TITLES, "float64", False),
        (INTS, TITLES, "float32", True),
        (TEXTS, TITLES, "float32", False),
        (TEXTS, None, "float64", True),
        (None, None, "float32", False),
    ],
)


# -- word2vec


def read_word2vec(path: Path, binary: bool, dtype: Any = np.float32) -> KeyedVectors:
    return KeyedVectors.load_word2vec_format(
        str(path), binary=binary, datatype=np.dtype(dtype).type
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
    expected = model.similar(4, n=5)
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


# -- Embedding Projector


def projector_lines(path: Path) -> list[list[str]]:
    """As the Projector reads: lines at line ends, cells at tabs, nothing quoted, blanks skipped."""
    lines = path.read_bytes().decode().split("\n")
    return [line.split("\t") for line in lines if line.strip()]


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


# -- Parquet and Arrow


def assert_same_table(
    model: MovieEmbedding, rows: list[int], columns: dict[str, list[Any]]
) -> None:
    names = ["item", *(["title"] if model.titles_ is not None else []), "likes", "vector"]
    assert list(columns) == names
    assert columns["item"] == model.items_[rows].tolist()
    if model.titles_ is not None:
        assert columns["title"] == model.titles_[rows].tolist()
    assert columns["likes"] == model.item_counts_[rows].tolist()
    np.testing.assert_array_equal(
        np.array(columns["vector"], dtype=model.embedding_.dtype).reshape(len(rows), D),
        model.embedding_[rows],
    )


@MODELS
def test_parquet(tmp_path, ids, titles, dtype, only_embedded):
    model = fit(ids, titles, dtype)
    path = tmp_path / "items.parquet"
    me.export_parquet(model, path, only_embedded=only_embedded)
    rows = rows_of(model, only_embedded)
    arrow = pq.read_table(path)
    assert arrow.schema.field("vector").type == pa.list_(pa.from_numpy_dtype(dtype), D)
    assert arrow.schema.field("item").type == (pa.string() if ids is TEXTS else pa.int64())
    assert_same_table(model, rows, arrow.to_pydict())
    assert_same_table(model, rows, pd.read_parquet(path).to_dict("list"))
    frame = pl.read_parquet(path)
    assert frame.schema["vector"] == pl.Array(getattr(pl, dtype.title()), D)
    assert_same_table(model, rows, frame.to_dict(as_series=False))


@MODELS
def test_arrow(tmp_path, ids, titles, dtype, only_embedded):
    model = fit(ids, titles, dtype)
    path = tmp_path / "items.arrow"
    me.export_arrow(model, path, only_embedded=only_embedded)
    rows = rows_of(model, only_embedded)
    with pa.memory_map(str(path)) as file:
        arrow = pa.ipc.open_file(file).read_all()
        assert arrow.schema.field("vector").type == pa.list_(pa.from_numpy_dtype(dtype), D)
        assert_same_table(model, rows, arrow.to_pydict())
        # To pandas without a copy of the numbers.
        flat = arrow["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=True)
        np.testing.assert_array_equal(flat.reshape(-1, D), model.embedding_[rows])
        del arrow, flat
    assert_same_table(model, rows, pd.read_feather(path).to_dict("list"))
    assert_same_table(model, rows, pl.read_ipc(path).to_dict(as_series=False))


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


# -- safetensors


@MODELS
def test_safetensors(tmp_path, ids, titles, dtype, only_embedded):
    model = fit(ids, titles, dtype)
    path = tmp_path / "items.safetensors"
    me.export_safetensors(model, path, only_embedded=only_embedded)
    rows = rows_of(model, only_embedded)
    with safe_open(path, framework="numpy") as file:
        assert sorted(file.keys()) == ["eigenvalues", "embedding", "item_counts"]
        vectors = file.get_tensor("embedding")
        assert vectors.dtype == dtype
        np.testing.assert_array_equal(vectors, model.embedding_[rows])
        np.testing.assert_array_equal(file.get_tensor("eigenvalues"), model.eigenvalues_)
        np.testing.assert_array_equal(file.get_tensor("item_counts"), model.item_counts_[rows])
        metadata = file.metadata()
    assert metadata["movieembed_version"] == me.__version__
    assert json.loads(metadata["items"]) == model.items_[rows].tolist()
    assert ("titles" in metadata) == (titles is not None)
    if titles is not None:
        assert json.loads(metadata["titles"]) == model.titles_[rows].tolist()


def test_safetensors_that_is_missing(tmp_path, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r"pip install 'movieembed\[export\]'"):
        me.export_safetensors(model, tmp_path / "a.safetensors")
    assert os.listdir(tmp_path) == []


def test_safetensors_with_more_text_than_it_holds(tmp_path, model, monkeypatch):
    monkeypatch.setattr(columns_module, "MOST_HEADER_BYTES", 200)
    with pytest.raises(ValueError, match="more than safetensors allows; write Parquet or Arrow"):
        me.export_safetensors(model, tmp_path / "a.safetensors")


# -- NumPy


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


# -- SciPy


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


# -- What all have in common


WRITERS = {
    "v.txt": me.export_word2vec,
    "v.bin": lambda model, path: me.export_word2vec(model, path, binary=True),
    "v.parquet": me.export_parquet,
    "v.arrow": me.export_arrow,
    "v.safetensors": me.export_safetensors,
    "v.npy": me.export_numpy,
    "v.npz": me.export_numpy,
    "L.npz": me.export_likes,
    "X.npz": me.export_cooccurrence,
}
EACH = pytest.mark.parametrize(("name", "write"), WRITERS.items(), ids=WRITERS)


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


@pytest.mark.parametrize("name", ["v.npz", "L.npz", "X.npz"])
def test_archives_are_whole(tmp_path, kept, name):
    WRITERS[name](kept, tmp_path / name)
    with zipfile.ZipFile(tmp_path / name) as archive:
        assert archive.testzip() is None
        for member in archive.namelist():
            if member.endswith(".npy"):
                version = np.lib.format.read_magic(io.BytesIO(archive.read(member)))
                assert version in ((1, 0), (2, 0))


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


# -- The command line


@pytest.fixture(scope="module")
def saved(tmp_path_factory, model, kept):
    folder = tmp_path_factory.mktemp("models")
    model.save(folder / "model.npz")
    kept.save(folder / "kept.npz")
    fit().save(folder / "bare.npz")
    return folder


def run(*arguments, status=0):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == status, result.output
    return result


@pytest.mark.parametrize(
    ("out", "options", "write"),
    [
        ("v.txt", [], me.export_word2vec),
        ("v.vec", ["--keys", "title"], lambda m, p: me.export_word2vec(m, p, keys="title")),
        ("v.BIN", [], lambda m, p: me.export_word2vec(m, p, binary=True)),
        ("v.dat", ["--format", "word2vec"], me.export_word2vec),
        ("v.parquet", [], me.export_parquet),
        ("v.pq", [], me.export_parquet),
        ("v.arrow", [], me.export_arrow),
        ("v.feather", [], me.export_arrow),
        ("v.npy", [], me.export_numpy),
        ("v.npz", [], me.export_numpy),
        ("v.npz", ["--format", "likes"], me.export_likes),
        ("v.npz", ["--format", "cooccurrence", "--jobs", 1], me.export_cooccurrence),
    ],
)
def test_from_the_command_line(tmp_path, saved, kept, out, options, write):
    result = run("export", saved / "kept.npz", "--out", tmp_path / out, *options)
    assert result.stderr == ""
    write(kept, tmp_path / "expected.npz" if out == "v.npz" else tmp_path / f"expected_{out}")
    (expected,) = tmp_path.glob("expected*")
    assert (tmp_path / out).read_bytes() == expected.read_bytes()
    assert result.stdout.splitlines()[0] == "items 10 (9 with a vector)"
    assert result.stdout.splitlines()[-1] == f"saved {tmp_path / out}"


def test_folders_and_options_from_the_command_line(tmp_path, saved, model):
    me.export_projector(model, tmp_path / "expected", only_embedded=True)
    (tmp_path / "there.d").mkdir()
    for name in ("new", "there.d"):
        run("export", saved / "model.npz", "-o", tmp_path / name, "--only-embedded")
        for file in ("vectors.tsv", "metadata.tsv"):
            expected = (tmp_path / "expected" / file).read_bytes()
            assert (tmp_path / name / file).read_bytes() == expected
    out = tmp_path / "v.safetensors"
    document = json.loads(run("export", saved / "model.npz", "-o", out, "--json").stdout)
    assert document == {
        "model": str(saved / "model.npz"),
        "format": "safetensors",
        "items": N,
        "embedded_items": N - 1,
        "components": D,
        "out": str(out),
    }
    with safe_open(out, framework="numpy") as file:
        np.testing.assert_array_equal(file.get_tensor("embedding"), model.embedding_)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model.npz"], "Missing option"),
        (["absent.npz", "-o", "OUT/v.npy"], "there is no model file"),
        (["absent.npz", "-o", "OUT/p"], "there is no model file"),
        (["model.npz", "-o", "OUT/v.xyz"], "v.xyz ends in none of .txt, .vec, .bin,"),
        (["model.npz", "-o", "OUT/v.xyz", "--format", "csv"], "--format must be one of word2vec,"),
        (["model.npz", "-o", "OUT/v.xyz", "--format", "numpy"], "ends in .npy or .npz, not as"),
        (["model.npz", "-o", "OUT/absent/v.npy"], "absent does not exist"),
        (["model.npz", "-o", "OUT", "--format", "parquet"], "is a folder; name a file in it"),
        (["model.npz", "-o", "model.npz"], "is the model itself; name another file"),
        (["model.npz", "-o", "model.npz", "--format", "projector"], "is a file; name a folder"),
        (["model.npz", "-o", "OUT/v.npy", "--keys", "title"], "--keys is for word2vec, not for nu"),
        (["model.npz", "-o", "OUT/v.vec", "--keys", "id"], "--keys must be one of 'item' and"),
        (
            ["bare.npz", "-o", "OUT/v.vec", "--keys", "title"],
            "--keys title needs titles, and this model has none; use --keys item",
        ),
        (["model.npz", "-o", "OUT/L.npz", "--format", "likes"], "fit it with --keep-likes"),
        (["model.npz", "-o", "OUT/X.npz", "--format", "cooccurrence"], "fit it with --keep-likes"),
        (
            ["kept.npz", "-o", "OUT/L.npz", "--format", "likes", "--only-embedded"],
            "--only-embedded is for vectors, not for likes",
        ),
    ],
)
def test_an_error_is_one_line(tmp_path, saved, monkeypatch, arguments, words):
    monkeypatch.chdir(saved)
    before = (saved / "model.npz").read_bytes()
    named = [a.replace("OUT", str(tmp_path)) for a in arguments]
    result = run("export", *named, status=2)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("movieembed: error: ")
    assert words in line
    assert os.listdir(tmp_path) == []
    assert (saved / "model.npz").read_bytes() == before


def test_a_missing_package_is_one_line(tmp_path, saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    out = tmp_path / "v.safetensors"
    (line,) = run("export", saved / "model.npz", "-o", out, status=2).stderr.splitlines()
    needed = "safetensors is not installed: pip install 'movieembed[export]'"
    assert line == f"movieembed: error: {needed}"


def test_help_names_the_extra():
    text = run("export", "--help").stdout
    assert "$ movieembed export small.npz --out small.parquet" in text
    assert "movieembed[export]" in text
    assert "movieembed[evaluation]" in run("evaluate", "--help").stdout
