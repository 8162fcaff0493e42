"""Small ratings tables in every kind of frame, and what likes of them must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse as sp

from movieembed.data.likes import Likes

FRAMES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": pd.DataFrame,
    "pandas-nullable": lambda data: pd.DataFrame(data).convert_dtypes(),
    "pandas-arrow": lambda data: pd.DataFrame(data).convert_dtypes(dtype_backend="pyarrow"),
    "polars": pl.DataFrame,
    "polars-lazy": pl.LazyFrame,
    "pyarrow": pa.table,
    "narwhals": lambda data: nw.from_native(pl.DataFrame(data)),
    "arrow-stream": lambda data: ArrowStream(pa.table(data)),
}


class ArrowStream:
    """The least that the Arrow C stream interface asks for."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def table(
    users: list[Any], items: list[Any], ratings: list[Any] | None = None, **others: Any
) -> pd.DataFrame:
    columns: dict[str, Any] = {"userId": users, "movieId": items}
    if ratings is not None:
        columns["rating"] = ratings
    return pd.DataFrame(columns | others)


def assert_same(one: Likes, other: Likes) -> None:
    for name in ("users", "items", "titles"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert a.dtype == b.dtype, name
            assert a.tolist() == b.tolist(), name
    assert (one.seen is None) == (other.seen is None)
    for m, n in ((one.matrix, other.matrix), (one.seen, other.seen)):
        if m is None or n is None:
            continue
        assert m.shape == n.shape
        for part in ("indptr", "indices", "data"):
            a, b = getattr(m, part), getattr(n, part)
            assert a.dtype == b.dtype, part
            np.testing.assert_array_equal(a, b, part)


def assert_canonical(likes: Likes) -> None:
    matrix = likes.matrix
    assert isinstance(matrix, sp.csr_array)
    assert matrix.dtype in (np.float32, np.float64)
    assert matrix.indptr.dtype == matrix.indices.dtype
    rebuilt = sp.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
    assert rebuilt.has_canonical_format
    assert (matrix.data != 0).all()
    assert matrix.shape == likes.shape == (len(likes.users), len(likes.items))
    seen = likes.seen
    if seen is not None:
        assert seen.dtype == np.bool_
        assert seen.data.all()
        assert seen.indptr.dtype == seen.indices.dtype
        rebuilt = sp.csr_array((seen.data, seen.indices, seen.indptr), shape=seen.shape)
        assert rebuilt.has_canonical_format
        assert seen.shape == likes.shape
        assert not pairs(likes) & seen_pairs(likes)


def pairs(likes: Likes) -> set[tuple[Any, Any]]:
    return _stored(likes, likes.matrix)


def seen_pairs(likes: Likes) -> set[tuple[Any, Any]]:
    assert likes.seen is not None
    return _stored(likes, likes.seen)


def _stored(likes: Likes, matrix: sp.csr_array) -> set[tuple[Any, Any]]:
    rows, columns = matrix.nonzero()
    return {(likes.users[u], likes.items[i]) for u, i in zip(rows, columns, strict=True)}
