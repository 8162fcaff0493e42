"""One users x items matrix, and one list of ids, in everything that may hold them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from ratings_tables import ArrowStream

Build = Callable[[NDArray[Any]], Any]


class ArrowArray:
    """The least that the Arrow C array interface asks for."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __arrow_c_array__(self, requested_schema: object = None) -> object:
        return self._array.__arrow_c_array__(requested_schema)


def names(n_items: int) -> list[str]:
    """Names of columns whose order as text is not that of the columns."""
    return [f"film {(7 * i) % n_items if n_items % 7 else n_items - i}" for i in range(n_items)]


def masked(dense: NDArray[Any]) -> Any:
    """Hide ones that are not there behind a mask."""
    return np.ma.masked_array(np.where(dense == 0, 1, dense), mask=dense == 0)


def big_endian(dense: NDArray[Any]) -> sp.csr_array:
    """Store the parts of a CSR in the other order of bytes."""
    matrix = sp.csr_array(dense)
    for part in ("data", "indices", "indptr"):
        array = getattr(matrix, part)
        setattr(matrix, part, array.astype(array.dtype.newbyteorder(">")))
    return matrix


def columns(dense: NDArray[Any]) -> dict[str, Any]:
    """Columns by name."""
    return dict(zip(names(dense.shape[1]), dense.T.tolist(), strict=True))


# Without names: columns are told by their place.
MATRICES: dict[str, Build] = {
    "array": np.asarray,
    "fortran": np.asfortranarray,
    "float32": lambda dense: dense.astype(np.float32),
    "integers": lambda dense: dense.astype(np.int16),
    "booleans": lambda dense: dense.astype(bool),
    "big-endian": lambda dense: dense.astype(">f8"),
    "big-endian integers": lambda dense: dense.astype(">i4"),
    "big-endian csr": big_endian,
    "nested list": lambda dense: dense.tolist(),
    "list of rows": list,
    "masked": masked,
    "csr": sp.csr_array,
    "csr matrix": sp.csr_matrix,
    "csc": sp.csc_array,
    "coo": sp.coo_array,
    "lil": sp.lil_array,
    "dok": sp.dok_array,
    "bsr": sp.bsr_array,
    "dia": sp.dia_array,
}
# With names, the same for all.
NAMED: dict[str, Build] = {
    "pandas": lambda dense: pd.DataFrame(columns(dense)),
    "pandas booleans": lambda dense: pd.DataFrame(columns(dense)).astype(bool),
    "pandas nullable": lambda dense: pd.DataFrame(columns(dense)).convert_dtypes(),
    "pandas arrow": lambda dense: pd.DataFrame(columns(dense)).convert_dtypes(
        dtype_backend="pyarrow"
    ),
    "pandas sparse": lambda dense: pd.DataFrame(columns(dense)).astype(pd.SparseDtype(float, 0)),
    "pandas indexed": lambda dense: pd.DataFrame(
        columns(dense), index=pd.Index([f"user {u}" for u in range(len(dense))], name="who")
    ),
    "polars": lambda dense: pl.DataFrame(columns(dense)),
    "polars lazy": lambda dense: pl.LazyFrame(columns(dense)),
    "polars with users": lambda dense: pl.DataFrame(
        {"userId": [f"user {u}" for u in range(len(dense))], **columns(dense)}
    ),
    "arrow": lambda dense: pa.table(columns(dense)),
    "arrow batch": lambda dense: pa.RecordBatch.from_pydict(columns(dense)),
    "arrow reader": lambda dense: pa.table(columns(dense)).to_reader(),
    "arrow stream": lambda dense: ArrowStream(pa.table(columns(dense))),
    "narwhals": lambda dense: nw.from_native(pl.DataFrame(columns(dense))),
}
# Ids in an order.
ID_LISTS: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "objects": lambda ids: np.array(ids, dtype=object),
    "generator": lambda ids: (id_ for id_ in ids),
    "keys": lambda ids: dict.fromkeys(ids).keys(),
    "Series": pd.Series,
    "Series of left rows": lambda ids: pd.Series([*ids, *ids], name="movieId")[len(ids) :],
    "Index": pd.Index,
    "extension array": lambda ids: pd.array(ids),
    "categorical": pd.Categorical,
    "arrow extension": lambda ids: pd.Series(ids).convert_dtypes(dtype_backend="pyarrow").array,
    "polars": pl.Series,
    "polars column": lambda ids: pl.DataFrame({"movieId": ids}),
    "polars lazy": lambda ids: pl.LazyFrame({"movieId": ids}),
    "pandas column": lambda ids: pd.DataFrame({"movieId": ids}),
    "pa.array": pa.array,
    "pa.chunked_array": lambda ids: pa.chunked_array([ids[:1], ids[1:]]),
    "pa.table": lambda ids: pa.table({"movieId": ids}),
    "arrow stream": lambda ids: ArrowStream(pa.chunked_array([ids])),
    "arrow stream of a table": lambda ids: ArrowStream(pa.table({"movieId": ids})),
    "arrow c array": lambda ids: ArrowArray(pa.array(ids)),
    "narwhals": lambda ids: nw.from_native(pl.Series(ids), series_only=True),
}
