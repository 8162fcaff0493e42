"""Tables that are written piece after piece to one file, which is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from movieembed._base.atomic_file import replacing
from movieembed._base.message import Message, Parameter
from movieembed.exceptions import ParameterError

SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".arrow": "arrow",
    ".feather": "arrow",
}


def check_table_path(path: str | os.PathLike[str], parameter: str) -> str:
    """Return the format that a path's suffix says; ParameterError if it says none."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        what = "{one} must end in one of {listed}, not in {suffix!r}"
        words: dict[str, Any] = {"listed": ", ".join(SUFFIXES), "suffix": suffix}
        raise ParameterError(Message(what, one=Parameter(parameter), **words), parameter)
    return SUFFIXES[suffix]


@contextmanager
def table_file(
    path: str | os.PathLike[str], first: pd.DataFrame, parameter: str = "out"
) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Give a function that writes the next rows of a table to a file.

    Parameters
    ----------
    path : path
        It takes its place, by renaming, when the block is left without an error.
    first : DataFrame
        Of the columns that come, perhaps without rows: text and other objects are strings.
    parameter : str
        The name of `path`, for an error.
    """
    import pyarrow as pa

    kind = check_table_path(path, parameter)
    schema = pa.schema([(str(name), _type(first[name].dtype)) for name in first])
    with replacing(path) as temporary, _writer(kind, temporary, schema) as writer:

        def write(table: pd.DataFrame) -> None:
            columns = [_column(table[field.name], field.type) for field in schema]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))

        yield write


def write_tables(tables: Iterator[pd.DataFrame], path: str | os.PathLike[str]) -> str:
    """Write tables, at least one, below each other to one file and return its path."""
    first = next(tables)
    with table_file(path, first) as more:
        more(first)
        for table in tables:
            more(table)
    return str(path)


def _type(dtype: Any) -> Any:
    """The type in a file of a column of a table."""
    import pyarrow as pa

    plain = isinstance(dtype, np.dtype) and dtype.kind in "iufbM"
    return pa.from_numpy_dtype(dtype) if plain else pa.string()


def _column(values: pd.Series[Any], kind: Any) -> Any:
    """A column for a file; what UTF-8 cannot hold becomes a question mark."""
    import pyarrow as pa

    try:
        return pa.array(values, kind, from_pandas=True)
    except (TypeError, ValueError):  # ids of several types, and halves of surrogate pairs
        texts = [str(value).encode(errors="replace").decode() for value in values.tolist()]
        return pa.array(texts, kind)


def _writer(kind: str, path: Path, schema: Any) -> AbstractContextManager[Any]:
    import pyarrow as pa

    if kind == "parquet":
        import pyarrow.parquet as pq

        return pq.ParquetWriter(str(path), schema)  # type: ignore[no-any-return]
    if kind == "csv":
        from pyarrow import csv

        options = csv.WriteOptions(quoting_style="needed")
        return csv.CSVWriter(str(path), schema, write_options=options)  # type: ignore[no-any-return]
    return pa.ipc.new_file(str(path), schema)  # type: ignore[no-any-return]
