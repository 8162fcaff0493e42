"""Vectors as typed columns and tensors: Parquet, Arrow and safetensors."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import numpy as np

from movieembed._version import __version__
from movieembed.outputs.export.chosen import Chosen, choose, new_file, uniform

if TYPE_CHECKING:
    import pyarrow as pa

    from movieembed.model.embedding import Embedding

# safetensors refuses a header of more than 100 MB, with an error that does not say what to do.
MOST_HEADER_BYTES = 99_000_000


def export_parquet(
    model: Embedding, path: str | os.PathLike[str], *, only_embedded: bool = False
) -> None:
    """Write a Parquet table of the items: one row an item, its vector as a list of fixed size.

    Parameters
    ----------
    model : MovieEmbedding
        Fitted.
    path : path
        Usually ending in ".parquet".
    only_embedded : bool, default=False
        Leave out unembedded items, whose vectors are zeros.

    Raises
    ------
    NotFittedError
        Before `fit`.
    ValueError
        When ids of several types would be the same as text.
    OSError
        When the file cannot be written; one that was there stays as it is.

    Notes
    -----
    The columns: item, of int64, uint64 or float64, or else a string; title, a string, "" where
    unknown, left out where the model has no titles; likes, of int64; vector, of the embedding's
    dtype, `n_components` long.

    Examples
    --------
    >>> import os, tempfile
    >>> import pandas as pd
    >>> import movieembed as me
    >>> model = me.MovieEmbedding(2, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     me.export_parquet(model, os.path.join(folder, "items.parquet"))
    ...     table = pd.read_parquet(os.path.join(folder, "items.parquet"))
    >>> table["likes"].tolist(), table["vector"][0].shape
    ([2, 2, 1], (2,))
    """
    import pyarrow.parquet as pq

    table = _arrow_table(choose(model, only_embedded))
    with new_file(path) as temporary:
        pq.write_table(table, temporary, use_dictionary=False)


def export_arrow(
    model: Embedding, path: str | os.PathLike[str], *, only_embedded: bool = False
) -> None:
    """Write an Arrow IPC file, also called Feather, of the items.

    Parameters
    ----------
    model : MovieEmbedding
        Fitted.
    path : path
        Usually ending in ".arrow" or ".feather".
    only_embedded : bool, default=False
        Leave out unembedded items, whose vectors are zeros.

    Raises
    ------
    NotFittedError, ValueError, OSError
        As :func:`export_parquet`.

    See Also
    --------
    export_parquet : The same columns, compressed.

    Notes
    -----
    Not compressed, so that it can be mapped into memory.

    Examples
    --------
    >>> import os, tempfile
    >>> import pandas as pd
    >>> import movieembed as me
    >>> model = me.MovieEmbedding(2, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     me.export_arrow(model, os.path.join(folder, "items.arrow"))
    ...     pd.read_feather(os.path.join(folder, "items.arrow")).columns.tolist()
    ['item', 'likes', 'vector']
    """
    import pyarrow as pa

    table = _arrow_table(choose(model, only_embedded))
    with (
        new_file(path) as temporary,
        pa.OSFile(str(temporary), "wb") as file,
        pa.ipc.new_file(file, table.schema) as writer,
    ):
        writer.write_table(table)


def export_safetensors(
    model: Embedding, path: str | os.PathLike[str], *, only_embedded: bool = False
) -> None:
    """Write the vectors as tensors of safetensors, for PyTorch, JAX and others.

    Parameters
    ----------
    model : MovieEmbedding
        Fitted.
    path : path
        Usually ending in ".safetensors".
    only_embedded : bool, default=False
        Leave out unembedded items, whose vectors are zeros.

    Raises
    ------
    ImportError
        Without safetensors: ``pip install 'movieembed[export]'``.
    NotFittedError
        Before `fit`.
    ValueError
        When ids of several types would be the same as text, or ids and titles take more than the
        format's 100 MB.
    OSError
        When the file cannot be written; one that was there stays as it is.

    Notes
    -----
    The tensors: embedding, of shape (n_items, n_components) and the embedding's dtype; eigenvalues,
    of float64 and shape (n_components,); item_counts, of int64 and shape (n_items,). The metadata,
    whose values are strings: movieembed_version; items and, where the model has them, titles, each
    a JSON list aligned with the rows.

    Examples
    --------
    >>> import json, os, tempfile
    >>> import movieembed as me
    >>> from safetensors import safe_open
    >>> model = me.MovieEmbedding(2, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "items.safetensors")
    ...     me.export_safetensors(model, path)
    ...     with safe_open(path, framework="numpy") as file:
    ...         file.get_tensor("embedding").shape, json.loads(file.metadata()["items"])
    ((3, 2), [0, 1, 2])
    """
    chosen = choose(model, only_embedded)
    try:
        from safetensors.numpy import save_file
    except ImportError:
        raise ImportError(
            "safetensors is not installed: pip install 'movieembed[export]'"
        ) from None
    metadata = {
        "movieembed_version": __version__,
        "items": json.dumps(uniform(chosen.items, "items").tolist()),
    }
    if chosen.titles is not None:
        metadata["titles"] = json.dumps(chosen.titles, ensure_ascii=False)
    # Within the header's own JSON, quotes and backslashes are escaped once more.
    length = len(json.dumps(metadata, ensure_ascii=False).encode())
    if length > MOST_HEADER_BYTES:
        raise ValueError(
            f"ids and titles take {length / 1e6:,.0f} MB, more than safetensors allows; "
            "write Parquet or Arrow instead"
        )
    tensors = {
        "embedding": np.ascontiguousarray(chosen.vectors),
        "eigenvalues": np.ascontiguousarray(model.eigenvalues_),
        "item_counts": np.ascontiguousarray(chosen.counts),
    }
    with new_file(path) as temporary:
        save_file(tensors, temporary, metadata)


def _arrow_table(chosen: Chosen) -> pa.Table:
    """A table of the items: ids, titles where known, likes and vectors."""
    import pyarrow as pa

    n, d = chosen.vectors.shape
    ids = uniform(chosen.items, "items")
    columns = {"item": pa.array(ids, type=pa.string() if ids.dtype == object else None)}
    if chosen.titles is not None:
        columns["title"] = pa.array(chosen.titles, type=pa.string())
    columns["likes"] = pa.array(chosen.counts)
    flat = pa.array(np.ascontiguousarray(chosen.vectors).reshape(n * d))
    columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, d)
    return pa.table(columns)
