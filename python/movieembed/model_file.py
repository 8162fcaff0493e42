"""Saving and loading fitted models: NumPy arrays and one JSON header in an .npz, never a pickle."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed.items import ItemIndex

if TYPE_CHECKING:
    from movieembed.embedding import MovieEmbedding

FORMAT = "movieembed-model"
FORMAT_VERSION = 1
HISTORY_COLUMNS = ("iteration", "cost", "gradient_norm", "seconds")
PARAMETERS_NOT_KEPT = ("callback", "init")

Model = TypeVar("Model", bound="MovieEmbedding")


def write(model: MovieEmbedding, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to a temporary file beside `path` and rename it."""
    params = {k: v for k, v in model.get_params().items() if k not in PARAMETERS_NOT_KEPT}
    params["dtype"] = np.dtype(params["dtype"]).name
    if not isinstance(params["random_state"], (int, np.integer)):
        params["random_state"] = None
    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "version": version("movieembed"),
        "params": {k: _plain(v) for k, v in params.items()},
        "cost": float(model.cost_),
        "gap": float(model.gap_),
        "converged": bool(model.converged_),
        "stop_reason": model.stop_reason_,
        "n_iter": int(model.n_iter_),
        "items": _ids_to_json(model.items_),
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
    path = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=path.name + ".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(cls: type[Model], path: str | os.PathLike[str]) -> Model:
    """Read a model; every field is checked before it is used."""
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            if not hasattr(file, "files"):
                raise ValueError("it is a single array")
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no model file {path}") from None
    except (ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise ValueError(f"{path} is not a movieembed model: {error}") from error
    header = _header(arrays.get("header"), path)

    def field(name: str) -> Any:
        if name not in header:
            raise ValueError(f"{path} is damaged: its header has no {name!r}")
        return header[name]

    ids = _ids_from_json(field("items"))
    n_items = len(ids)
    embedding = _array(arrays, "embedding", path, ("float32", "float64"), (n_items, None))
    titles = field("titles")
    if titles is not None:
        if not isinstance(titles, list) or len(titles) != n_items:
            raise ValueError(f"{path} is damaged: it needs one title for each of {n_items} items")
        titles = np.array([str(t) for t in titles], dtype=object)
    params = field("params")
    model = cls(**{k: v for k, v in params.items() if k in cls().get_params()})
    model.embedding_ = embedding
    model.eigenvalues_ = _array(arrays, "eigenvalues", path, ("float64",), (embedding.shape[1],))
    model.item_counts_ = _array(arrays, "item_counts", path, ("int64",), (n_items,))
    history = _array(
        arrays, "history", path, ("float64",), (None, len(HISTORY_COLUMNS)), finite=False
    )
    model.history_ = pd.DataFrame(history, columns=list(HISTORY_COLUMNS)).astype({"iteration": int})
    model.cost_ = float(field("cost"))
    model.gap_ = float(field("gap"))
    model.converged_ = bool(field("converged"))
    model.stop_reason_ = str(field("stop_reason"))
    model.n_iter_ = int(field("n_iter"))
    model._index = ItemIndex(ids, titles)
    model.items_ = model._index.ids
    model.titles_ = model._index.titles
    model.n_features_in_ = n_items
    if field("feature_names") is not None:
        model.feature_names_in_ = np.array(header["feature_names"], dtype=object)
    return model


def _header(raw: NDArray[Any] | None, path: Path) -> dict[str, Any]:
    if raw is None or raw.dtype != np.uint8:
        raise ValueError(f"{path} is not a movieembed model: it has no header")
    try:
        header = json.loads(raw.tobytes().decode())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged: its header cannot be read") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"{path} is not a movieembed model")
    if header.get("format_version", 0) > FORMAT_VERSION:
        raise ValueError(
            f"{path} was written by movieembed {header.get('version')}, in a newer format than "
            f"this version reads; upgrade movieembed"
        )
    return header


def _array(
    arrays: dict[str, NDArray[Any]],
    name: str,
    path: Path,
    dtypes: tuple[str, ...],
    shape: tuple[int | None, ...],
    finite: bool = True,
) -> NDArray[Any]:
    array = arrays.get(name)
    if array is None:
        raise ValueError(f"{path} is damaged: it has no {name}")
    fits = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if array.dtype.name not in dtypes or not fits:
        raise ValueError(
            f"{path} is damaged: {name} has dtype {array.dtype} and shape {array.shape}"
        )
    if finite and not np.isfinite(array).all():
        raise ValueError(f"{path} is damaged: {name} holds NaN or infinity")
    return array


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _ids_to_json(ids: NDArray[Any]) -> list[Any]:
    plain: list[Any] = ids.tolist()
    for value in plain:
        if not isinstance(value, (str, int, float)):
            raise TypeError(
                f"item ids must be numbers or strings to be saved, not {type(value).__name__} "
                f"({value!r})"
            )
    return plain


def _ids_from_json(values: Any) -> list[Any]:
    if not isinstance(values, list) or not all(isinstance(v, (str, int, float)) for v in values):
        raise ValueError("the file's item ids are damaged")
    return values


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
