"""What a file of a fitted model holds: its header and its arrays, and the model's parts again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import holds_ones, index_dtype
from movieembed._base.validation import check_threshold
from movieembed._base.warn import warn_caller
from movieembed.data.canonical_csr import of_canonical_parts
from movieembed.data.ids import as_ids
from movieembed.data.items import ItemIndex
from movieembed.model import npz
from movieembed.model.fitted_items import FittedItems
from movieembed.model.parameters import MOST_STEPS
from movieembed.model.recommender import PATH, Recipe, Recommender
from movieembed.operators.weighting import Weighting

ARRAYS = ("embedding", "eigenvalues", "item_counts", "item_squares", "item_scale", "history")
LIKES = ("likes_indptr", "likes_indices", "likes_data")
SEEN = ("seen_indptr", "seen_indices")
RECOMMENDER = ("recommend_vectors", "recommend_squares", "recommend_scale", "recommend_path")
MODEL = npz.Kind(
    "movieembed-model",
    1,
    "model file",
    "a movieembed model",
    frozenset(ARRAYS + LIKES + SEEN + RECOMMENDER),
)
HISTORY_COLUMNS = ("iteration", "cost", "gradient_norm", "seconds")
PARAMETERS_NOT_KEPT = ("callback", "checkpoint", "init")
# What describes the fit, in the header: the types that are read, and that which is made of them.
OUTCOME: dict[str, tuple[type, ...]] = {
    "cost": (float, int),
    "gap": (float, int),
    "converged": (bool,),
    "stop_reason": (str,),
    "n_iter": (int,),
}


def write(
    place: npz.Place,
    fitted: FittedItems,
    params: Mapping[str, Any],
    result: Mapping[str, Any],
) -> None:
    """Write a fitted model.

    Parameters
    ----------
    place : path or binary file object
    fitted : FittedItems
    params : mapping of str to object
        The parameters of the model.
    result : mapping of str to object
        The attributes of the model that describe the fit.
    """
    kept = {name: value for name, value in params.items() if name not in PARAMETERS_NOT_KEPT}
    kept["dtype"] = np.dtype(kept["dtype"]).name
    if not isinstance(kept["random_state"], (int, np.integer)):
        kept["random_state"] = None
    names = result.get("feature_names_in_")
    ours = None if fitted.item_squares is None else fitted.recommending
    lost: list[str] = []
    header = {
        "params": {name: _plain(value) for name, value in kept.items()},
        **{name: kinds[0](result[f"{name}_"]) for name, kinds in OUTCOME.items()},
        "regularization": float(fitted.regularization),
        "recommender": None if ours is None else _facts(ours),
        "n_users": None if fitted.likes is None else int(fitted.likes.shape[0]),
        "items": _ids_to_json(fitted.items),
        "item_dtype": fitted.items.dtype.name,
        "titles": None if fitted.titles is None else [str(title) for title in fitted.titles],
        "feature_names": None if names is None else [str(name) for name in names],
        "threshold": fitted.threshold,
        "users": None if fitted.likes is None else _users_to_json(fitted.users, lost),
        "user_dtype": None if fitted.users is None else fitted.users.dtype.name,
        "item_table": None
        if fitted.item_table is None
        else _table_to_json(fitted.item_table, lost),
    }
    arrays = {
        "embedding": fitted.embedding,
        "eigenvalues": result["eigenvalues_"],
        "item_counts": fitted.item_counts,
        "history": result["history_"][list(HISTORY_COLUMNS)].to_numpy(dtype=np.float64),
    }
    if fitted.item_squares is not None:
        arrays["item_squares"] = fitted.item_squares
    if fitted.item_scale is not None:
        arrays["item_scale"] = fitted.item_scale
    if fitted.likes is not None:
        arrays["likes_indptr"] = fitted.likes.indptr.astype(np.int64)
        arrays["likes_indices"] = fitted.likes.indices
        if not holds_ones(fitted.likes.data):
            arrays["likes_data"] = fitted.likes.data
        if fitted.seen is not None:
            arrays["seen_indptr"] = fitted.seen.indptr.astype(np.int64)
            arrays["seen_indices"] = fitted.seen.indices
    if ours is not None:
        arrays["recommend_vectors"] = ours.vectors
        arrays["recommend_squares"] = ours.squares
        if ours.scale is not None:
            arrays["recommend_scale"] = ours.scale
        if ours.path is not None:
            arrays["recommend_path"] = ours.path[list(PATH)].to_numpy(dtype=np.float64)
    npz.write(place, MODEL, header, arrays)
    if lost:
        warn_caller(f"a file keeps only numbers and text, so it lacks {' and '.join(lost)}")


def _facts(ours: Recommender) -> dict[str, Any]:
    """The numbers of a recommender."""
    return {
        "unit": ours.unit,
        "user_weighting": ours.weighting.user_weighting,
        "item_scaling": ours.weighting.item_scaling,
        "power": ours.power,
        "refine": ours.refine,
    }


def _recommender(
    contents: npz.Contents, fitted: FittedItems, regularization: float
) -> Recommender | None:
    """The recommender of a file; older ones have the embedding's own."""
    if fitted.item_squares is None:
        return None
    if contents.header.get("recommender") is None:
        return Recommender(
            vectors=fitted.embedding,
            squares=fitted.item_squares,
            scale=fitted.item_scale,
            unit=1.0,
            weighting=fitted.weighting,
            power=0.0,
            regularization=regularization,
            refine=0 if fitted.likes is None else 1,
        )
    facts, n_items = contents.field("recommender", dict), len(fitted)
    numbers = [facts.get(name) for name in ("unit", "user_weighting", "item_scaling", "power")]
    if not all(isinstance(x, (int, float)) and 0 <= x < np.inf for x in numbers):
        raise ValueError("the numbers of its recommender are damaged")
    unit, users, items, power = (float(cast(float, x)) for x in numbers)
    steps = facts.get("refine")
    if not unit or not isinstance(steps, int) or not 0 <= steps <= MOST_STEPS:
        raise ValueError("the numbers of its recommender are damaged")
    path = None
    if "recommend_path" in contents:
        found = contents.array("recommend_path", ("float64",), (None, len(PATH)))
        path = pd.DataFrame(found, columns=list(PATH)).astype({"refine": int})
    return Recommender(
        vectors=contents.array("recommend_vectors", ("float32", "float64"), (n_items, None)),
        squares=contents.array("recommend_squares", ("float64",), (n_items,)),
        scale=contents.array("recommend_scale", ("float64",), (n_items,))
        if "recommend_scale" in contents
        else None,
        unit=unit,
        weighting=Weighting.of(items, users, None),
        power=power,
        regularization=regularization,
        refine=steps,
        path=path,
    )


def fitted_items(contents: npz.Contents, weighting: Weighting, recipe: Recipe) -> FittedItems:
    """The items of a file."""
    ids = _ids(contents, "item")
    n_items = len(ids)
    regularization = float(contents.field("regularization", float, int))
    if not 0 < regularization < np.inf:
        raise ValueError(f"regularization is {regularization}")

    def if_there(name: str) -> NDArray[np.float64] | None:
        there = name in contents
        return contents.array(name, ("float64",), (n_items,)) if there else None

    likes = _matrix(contents, "likes", n_items)
    fitted = FittedItems(
        embedding=contents.array("embedding", ("float32", "float64"), (n_items, None)),
        index=ItemIndex(ids, _labels(contents, "titles", n_items)),
        item_counts=contents.array("item_counts", ("int64",), (n_items,)),
        item_squares=if_there("item_squares"),
        item_scale=if_there("item_scale"),
        weighting=weighting,
        recipe=recipe,
        likes=likes,
        threshold=_threshold(contents),
        users=_users(contents, likes),
        seen=_matrix(contents, "seen", n_items) if "seen_indptr" in contents else None,
        item_table=_item_table(contents, n_items),
    )
    return replace(fitted, recommender=_recommender(contents, fitted, regularization))


def outcome(contents: npz.Contents, fitted: FittedItems) -> dict[str, Any]:
    """The attributes of a model that describe the fit."""
    n_items, n_components = fitted.embedding.shape
    history = contents.array("history", ("float64",), (None, len(HISTORY_COLUMNS)))
    names = _labels(contents, "feature_names", n_items)
    return {
        **{f"{name}_": kinds[0](contents.field(name, *kinds)) for name, kinds in OUTCOME.items()},
        "eigenvalues_": contents.array("eigenvalues", ("float64",), (n_components,)),
        "n_features_in_": n_items,
        **({} if names is None else {"feature_names_in_": names}),
        "history_": pd.DataFrame(history, columns=list(HISTORY_COLUMNS)).astype({"iteration": int}),
    }


def _labels(contents: npz.Contents, name: str, n_items: int) -> NDArray[np.object_] | None:
    """One string an item: its titles or feature names."""
    found = contents.field(name, list, type(None))
    if found is None:
        return None
    if len(found) != n_items:
        raise ValueError(f"it has {len(found)} {name} for {n_items} items")
    return np.array([str(label) for label in found], dtype=object)


def _threshold(contents: npz.Contents) -> float | None:
    """The lowest rating that was a like; files of before it was kept have none."""
    if "threshold" not in contents.header:
        return None
    return check_threshold(contents.field("threshold", float, int, type(None)))


def _matrix(contents: npz.Contents, name: str, n_items: int) -> sp.csr_array | None:
    """The kept likes, or what was seen; every index is checked before a kernel may follow it."""
    n_users = contents.field("n_users", int, type(None))
    if n_users is None:
        return None
    indptr = contents.array(f"{name}_indptr", ("int64",), (n_users + 1,))
    indices = contents.array(f"{name}_indices", ("int32", "int64"), (None,))
    kind = np.bool_ if name == "seen" else np.float32
    data: NDArray[Any] = np.ones(len(indices), dtype=kind)
    if f"{name}_data" in contents:
        data = contents.array(f"{name}_data", ("float32", "float64"), (len(indices),))
    if indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any():
        raise ValueError(f"the row pointers of its {name} do not fit")
    if len(indices) and not 0 <= indices.min() <= indices.max() < n_items:
        raise ValueError(f"its {name} name items that are not there")
    indptr = indptr.astype(index_dtype(len(indices)))
    matrix = of_canonical_parts(data, indices, indptr, (n_users, n_items))
    if matrix.nnz != len(indices):
        raise ValueError(f"its {name} repeat")
    return matrix.astype(kind, copy=False) if name == "seen" else matrix


def _ids(contents: npz.Contents, name: str) -> Any:
    """The ids of the items or users."""
    ids = contents.field(f"{name}s", list)
    if not all(isinstance(value, (str, int, float)) for value in ids):
        raise ValueError(f"its {name} ids are neither numbers nor strings")
    dtype = contents.field(f"{name}_dtype", str)
    return np.array(ids, dtype=dtype) if dtype in ("int64", "uint64", "float64") else ids


def _users(contents: npz.Contents, likes: sp.csr_array | None) -> NDArray[Any] | None:
    """The ids of those whose likes are kept; files of before they were have none."""
    if likes is None or contents.header.get("users") is None:
        return None
    users = as_ids(_ids(contents, "user"), "its users")
    if len(users) != likes.shape[0]:
        raise ValueError(f"it has {len(users)} users for {likes.shape[0]} rows of likes")
    return users


def _users_to_json(users: NDArray[Any] | None, lost: list[str]) -> list[Any] | None:
    """Ids of users; None where a file can hold no such ids, for nothing else needs them."""
    try:
        return None if users is None else _ids_to_json(users)
    except TypeError:
        lost.append("the ids of the users")
        return None


def _table_to_json(table: pd.DataFrame, lost: list[str]) -> dict[str, list[Any]]:
    """The columns of numbers and text of the table of items."""
    columns: dict[str, list[Any]] = {}
    for place, label in enumerate(table.columns):
        values = [_plain(value) for value in table.iloc[:, place].astype(object).tolist()]
        values = [None if _is_missing(value) else value for value in values]
        if all(isinstance(value, (str, int, float, type(None))) for value in values):
            columns[str(label)] = values
        else:
            lost.append(f"column {label!r} of the table of items")
    return columns


def _is_missing(value: Any) -> bool:
    """Whether a cell holds nothing."""
    return value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _item_table(contents: npz.Contents, n_items: int) -> pd.DataFrame | None:
    """The table of items; files of before it was kept have none."""
    if contents.header.get("item_table") is None:
        return None
    columns = contents.field("item_table", dict)
    for name, values in columns.items():
        if not isinstance(values, list) or len(values) != n_items:
            raise ValueError(f"column {name!r} of its table of items does not fit")
        if not all(isinstance(value, (str, int, float, type(None))) for value in values):
            raise ValueError(
                f"column {name!r} of its table of items holds neither text nor numbers"
            )
    return pd.DataFrame(columns, index=range(n_items))


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
