"""Saving and loading fitted models: NumPy arrays and one JSON header in an .npz, never a pickle."""

from __future__ import annotations

import inspect
import json
import os
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import holds_ones, index_dtype
from movieembed._base.atomic_file import replacing
from movieembed._version import __version__
from movieembed.data.canonical_csr import canonical_csr
from movieembed.data.items import ItemIndex

if TYPE_CHECKING:
    from movieembed.model.embedding import Embedding

FORMAT = "movieembed-model"
FORMAT_VERSION = 1
HISTORY_COLUMNS = ("iteration", "cost", "gradient_norm", "seconds")
PARAMETERS_NOT_KEPT = ("callback", "checkpoint", "init")

Model = TypeVar("Model", bound="Embedding")


def write(model: Embedding, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to a temporary file beside `path` and rename it."""
    kept = [name for name in parameters(type(model)) if name not in PARAMETERS_NOT_KEPT]
    params = {name: getattr(model, name) for name in kept}
    params["dtype"] = np.dtype(params["dtype"]).name
    if not isinstance(params["random_state"], (int, np.integer)):
        params["random_state"] = None
    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "version": __version__,
        "params": {k: _plain(v) for k, v in params.items()},
        "cost": float(model.cost_),
        "gap": float(model.gap_),
        "converged": bool(model.converged_),
        "stop_reason": model.stop_reason_,
        "n_iter": int(model.n_iter_),
        "regularization": float(model.regularization_),
        "n_users": None if model.likes_ is None else int(model.likes_.shape[0]),
        "items": _ids_to_json(model.items_),
        "item_dtype": model.items_.dtype.name,
        "titles": None if model.titles_ is None else [str(t) for t in model.titles_],
        "feature_names": None
        if not hasattr(model, "feature_names_in_")
        else [str(f) for f in model.feature_names_in_],
    }
    arrays = {
        "header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
        "embedding": model.embedding_,
        "eigenvalues": model.eigenvalues_,
        "item_counts": model.item_counts_,
        "history": model.history_[list(HISTORY_COLUMNS)].to_numpy(dtype=np.float64),
    }
    if model.item_squares_ is not None:
        arrays["item_squares"] = model.item_squares_
    if model.item_scale_ is not None:
        arrays["item_scale"] = model.item_scale_
    if model.likes_ is not None:
        arrays["likes_indptr"] = model.likes_.indptr.astype(np.int64)
        arrays["likes_indices"] = model.likes_.indices
        if not holds_ones(model.likes_.data):
            arrays["likes_data"] = model.likes_.data
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read(cls: type[Model], path: str | os.PathLike[str]) -> Model:
    """Read a model; every field is checked before it is used."""
    path = Path(path)
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no model file {path}") from None
    with file:
        try:
            return _build(cls, arrays_in(file))
        except DAMAGE as error:
            raise ValueError(f"{path} is not a movieembed model, or is damaged: {error}") from error


def arrays_in(file: BinaryIO) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file by name; what is damaged raises one of `DAMAGE`."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    file.seek(0)
    with np.load(file, allow_pickle=False) as loaded:
        return {name.removesuffix(".npy"): loaded[name] for name in names}


# What zipfile, NumPy's reader and a header of the wrong kind raise on damaged input.
DAMAGE = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    OverflowError,
    RecursionError,
    EOFError,
    SyntaxError,
    RuntimeError,  # zipfile: encrypted, or a compression that it does not know
    OSError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def _build(cls: type[Model], arrays: dict[str, NDArray[Any]]) -> Model:
    header = _header(arrays.get("header"))

    def field(name: str, *kinds: type) -> Any:
        if name not in header:
            raise ValueError(f"its header has no {name!r}")
        if isinstance(header[name], bool) and bool not in kinds:
            raise ValueError(f"{name} is {header[name]!r}")
        if not isinstance(header[name], kinds):
            raise ValueError(f"{name} is {header[name]!r}")
        return header[name]

    ids = field("items", list)
    if not all(isinstance(value, (str, int, float)) for value in ids):
        raise ValueError("its item ids are neither numbers nor strings")
    n_items = len(ids)
    item_dtype = field("item_dtype", str)
    if item_dtype in ("int64", "uint64", "float64"):
        ids = np.array(ids, dtype=item_dtype)
    embedding = _array(arrays, "embedding", ("float32", "float64"), (n_items, None))
    labels = {}
    for name in ("titles", "feature_names"):
        labels[name] = field(name, list, type(None))
        if labels[name] is not None:
            if len(labels[name]) != n_items:
                raise ValueError(f"it has {len(labels[name])} {name} for {n_items} items")
            labels[name] = np.array([str(label) for label in labels[name]], dtype=object)
    params = field("params", dict)
    known = parameters(cls)
    model = cls(**{name: value for name, value in params.items() if name in known})
    model.embedding_ = embedding
    model.eigenvalues_ = _array(arrays, "eigenvalues", ("float64",), (embedding.shape[1],))
    model.item_counts_ = _array(arrays, "item_counts", ("int64",), (n_items,))
    history = _array(arrays, "history", ("float64",), (None, len(HISTORY_COLUMNS)))
    model.history_ = pd.DataFrame(history, columns=list(HISTORY_COLUMNS)).astype({"iteration": int})
    model.cost_ = float(field("cost", float, int))
    model.gap_ = float(field("gap", float, int))
    model.converged_ = field("converged", bool)
    model.stop_reason_ = field("stop_reason", str)
    model.n_iter_ = field("n_iter", int)
    model.regularization_ = float(field("regularization", float, int))
    model.item_squares_ = model.item_scale_ = model.likes_ = None
    if "item_squares" in arrays:
        model.item_squares_ = _array(arrays, "item_squares", ("float64",), (n_items,))
    if "item_scale" in arrays:
        model.item_scale_ = _array(arrays, "item_scale", ("float64",), (n_items,))
    if not 0 < model.regularization_ < np.inf:
        raise ValueError(f"regularization is {model.regularization_}")
    n_users = field("n_users", int, type(None))
    if n_users is not None:
        model.likes_ = _likes(arrays, n_users, n_items)
    model._index = ItemIndex(ids, labels["titles"])
    model.items_ = model._index.ids
    model.titles_ = model._index.titles
    model.n_features_in_ = n_items
    if labels["feature_names"] is not None:
        model.feature_names_in_ = labels["feature_names"]
    return model


def _likes(arrays: dict[str, NDArray[Any]], n_users: int, n_items: int) -> sp.csr_array:
    """The kept likes; every index is checked before a kernel may follow it."""
    indptr = _array(arrays, "likes_indptr", ("int64",), (n_users + 1,))
    indices = _array(arrays, "likes_indices", ("int32", "int64"), (None,))
    data = np.ones(len(indices), dtype=np.float32)
    if "likes_data" in arrays:
        data = _array(arrays, "likes_data", ("float32", "float64"), (len(indices),))
    if indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any():
        raise ValueError("the row pointers of its likes do not fit")
    if len(indices) and not 0 <= indices.min() <= indices.max() < n_items:
        raise ValueError("its likes name items that are not there")
    indptr = indptr.astype(index_dtype(len(indices)))
    matrix = canonical_csr(sp.csr_array((data, indices, indptr), shape=(n_users, n_items)))
    if matrix.nnz != len(indices):
        raise ValueError("its likes repeat")
    return matrix


def parameters(cls: type[Embedding]) -> list[str]:
    """What a model is made with, in the order of its signature."""
    return list(inspect.signature(cls).parameters)


def _header(raw: NDArray[Any] | None) -> dict[str, Any]:
    if raw is None or raw.dtype != np.uint8 or raw.ndim != 1:
        raise ValueError("it has no header")
    header = json.loads(raw.tobytes().decode())
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("its header is of another format")
    written = header.get("format_version")
    if not isinstance(written, int) or isinstance(written, bool):
        raise ValueError(f"format_version is {written!r}")
    if written > FORMAT_VERSION:
        raise ValueError(
            f"it was written by movieembed {header.get('version')}, in a newer format than this "
            f"version reads; upgrade movieembed"
        )
    return header


def _array(
    arrays: dict[str, NDArray[Any]],
    name: str,
    dtypes: tuple[str, ...],
    shape: tuple[int | None, ...],
) -> NDArray[Any]:
    array = arrays.get(name)
    if array is None:
        raise ValueError(f"it has no {name}")
    fits = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if array.dtype.name not in dtypes or not array.dtype.isnative or not fits:
        raise ValueError(f"{name} has dtype {array.dtype} and shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity")
    return np.ascontiguousarray(array)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _ids_to_json(ids: NDArray[Any]) -> list[Any]:
    plain = [_plain(value) for value in ids.tolist()]
    for value in plain:
        if not isinstance(value, (str, int, float)):
            raise TypeError(
                f"item ids must be numbers or strings to be saved, not {type(value).__name__} "
                f"({value!r})"
            )
    return [str(value) if isinstance(value, str) else value for value in plain]
