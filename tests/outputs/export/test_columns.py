"""Exports of columns and tensors, read with PyArrow, pandas, Polars and safetensors."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open

import movieembed as me
from export_cases import (
    MODELS,
    TEXTS,
    D,
    fit,
    rows_of,
)
from movieembed import MovieEmbedding
from movieembed.outputs.export import columns as columns_module


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
