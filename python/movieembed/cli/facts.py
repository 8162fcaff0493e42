"""What a data set or a model holds, for people and for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from movieembed.data.likes import Likes
    from movieembed.model.embedding import Embedding


@dataclass
class Loaded:
    """Likes, and what they were read from.

    Attributes
    ----------
    n_ratings : int
    likes : Likes
    columns : dict
        The columns of a table of one's own that were read as user, item, rating and time.
    table : DataFrame
        That table; None of MovieLens.
    """

    n_ratings: int
    likes: Likes
    columns: dict[str, Any] = field(default_factory=dict)
    table: pd.DataFrame | None = None


def data_facts(source: str, loaded: Loaded) -> dict[str, Any]:
    """Say what a data set holds, and which columns of a table of one's own were read."""
    likes = loaded.likes
    columns = {role: str(label) for role, label in loaded.columns.items()}
    return {
        "data": source,
        "ratings": loaded.n_ratings,
        "users": likes.n_users,
        "items": likes.n_items,
        "liked_items": int((likes.item_counts > 0).sum()),
        "likes": likes.n_likes,
        **({"columns": columns} if columns else {}),
    }


def columns_in_words(columns: Mapping[str, str]) -> str:
    """Say which column was read as what."""
    return ", ".join(f"{role} {label!r}" for role, label in columns.items())


def model_facts(model: Embedding) -> dict[str, Any]:
    """Say what a model is, how it was found and what it keeps."""
    fitted = model._fitted_items()
    ours, likes = fitted.recommender_if_made, fitted.likes
    recommender = {
        "recommend_weighting": None if ours is None else ours.weighting.user_weighting,
        "regularization_power": None if ours is None else ours.power,
        "refine": None if ours is None else ours.refine,
    }
    return {
        "items": len(fitted),
        "embedded_items": int(fitted.embedded.sum()),
        "titles": fitted.titles is not None,
        "components": model.n_components,
        "dtype": str(model.embedding_.dtype),
        "threshold": model.threshold_,
        "item_scaling": model.item_scaling,
        "user_weighting": model.user_weighting,
        "entry_weighting": model.entry_weighting,
        "regularization": model.regularization_,
        **recommender,
        "keeps_likes": likes is not None,
        "kept_likes": None if likes is None else int(likes.nnz),
        "kept_users": None if likes is None else int(likes.shape[0]),
        "keeps_recommender": ours is not None,
        "solver": model.solver,
        "learning_rate": model.learning_rate,
        "seed": model.random_state if isinstance(model.random_state, int) else None,
        "cost": model.cost_,
        "gap": model.gap_,
        "converged": model.converged_,
        "stop_reason": model.stop_reason_,
        "iterations": model.n_iter_,
    }
