"""The data that was named on the command line, and what it and a model hold."""

from __future__ import annotations

import zipfile
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from movieembed.cli.options import OwnTable
from movieembed.exceptions import ParameterError

if TYPE_CHECKING:
    import pandas as pd

    from movieembed.data.given_cooccurrence import Cooccurrence
    from movieembed.data.likes import Likes
    from movieembed.model.embedding import Embedding

TABLES = (".csv", ".tsv", ".txt", ".dat", ".parquet", ".pq", ".gz", ".bz2", ".xz")


def load_likes(source: str, threshold: float | None, own: OwnTable) -> tuple[int, Likes]:
    """Read the likes, and the number of ratings, of MovieLens data or of a table of one's own."""
    from movieembed.data.delimited_text import read_table
    from movieembed.data.likes import Likes, movielens_likes

    path = Path(source).expanduser()
    if is_table(path):
        ratings = read_table(path, ids=typed(own.user, own.item))
        item_id, title = own.item_id, own.title
        catalogue = None
        if own.items is not None:
            catalogue = read_table(own.items, ids=typed(item_id or "0", title or "1", own.item))
            if numbered(catalogue) and catalogue.shape[1] > 1:
                item_id, title = item_id or "0", title or "1"
            let_ids_agree(ratings, own.item, catalogue, item_id)
        return len(ratings), Likes.from_ratings(
            ratings,
            threshold=threshold,
            user=as_column(own.user, ratings),
            item=as_column(own.item, ratings),
            rating=as_column(own.rating, ratings),
            items=catalogue,
            item_id=None if catalogue is None else as_column(item_id, catalogue),
            title=None if catalogue is None else as_column(title, catalogue),
        )
    if path.is_file() and path.suffix.lower() != ".zip" and not zipfile.is_zipfile(path):
        raise ValueError(
            f"{source} is neither a MovieLens folder or .zip nor a table ({', '.join(TABLES)})"
        )
    for name, value in vars(own).items():
        if value is not None:
            text = f" is for a table of one's own ({', '.join(TABLES[:5])}), not for {source}"
            raise ParameterError(f"{name}{text}", name)
    likes, n_ratings = movielens_likes(source, threshold)
    return n_ratings, likes


def load_data(
    source: str, threshold: float | None, own: OwnTable, pairs: bool
) -> tuple[dict[str, Any], Likes | Cooccurrence]:
    """Read likes, or a table of pairs of items, and say what it holds."""
    if pairs:
        X = load_pairs(source, threshold, own)
        paired = int((X.item_counts > 0).sum())
        return {
            "data": source,
            "pairs": X.n_pairs,
            "items": X.n_items,
            "paired_items": paired,
        }, X
    n_ratings, likes = load_likes(source, threshold, own)
    return data_facts(source, n_ratings, likes), likes


def load_pairs(source: str, threshold: float | None, own: OwnTable) -> Cooccurrence:
    """Read a table with a row a pair of items."""
    from movieembed.data.delimited_text import read_table
    from movieembed.data.given_cooccurrence import Cooccurrence

    path = Path(source).expanduser()
    if not is_table(path):
        raise ParameterError(
            f"pairs reads a table ({', '.join(TABLES[:5])}), not {source}", "pairs"
        )
    if threshold is not None:
        raise ParameterError("threshold is for ratings, not for pairs", "threshold")
    items = None
    if own.items is not None:
        items = read_table(own.items, ids=typed(own.item_id or "0", own.title or "1"))
    # Which columns hold ids is known once the header is.
    header = read_table(path, ids=typed(own.user, own.item)).columns
    rest = [str(name) for name in header if str(name) not in (own.user, own.item, own.rating)]
    sides = [name or (rest.pop(0) if rest else None) for name in (own.user, own.item)]
    table = read_table(path, ids=typed(*sides))
    a, b, count = (as_column(name, table) for name in (*sides, own.rating))
    return Cooccurrence.from_pairs(table, a, b, count, items=items)


def load_genres(
    source: Path, model: Embedding, item_id: str | None, genres: str | None
) -> list[Any]:
    """Read the genres of a model's items from MovieLens data or a table of items; else None."""
    from movieembed.data.delimited_text import read_table
    from movieembed.data.frames import find_column, item_labels
    from movieembed.data.movielens import load_movies
    from movieembed.data.text_columns import of_one_kind

    path = source.expanduser()
    if is_table(path):
        table = read_table(path, ids=typed(item_id or "0", "1"))
        if numbered(table) and table.shape[1] > 2:
            item_id, genres = item_id or "0", genres or "2"
        label = find_column(
            list(table.columns),
            as_column(genres, table),
            ("genres", "genre", "category", "categories", "tags"),
            argument="--items",
            role="genres",
        )
        ids = item_labels(table, as_column(item_id, table), None, None)[0]
        values = table[label].tolist()
    else:
        movies = load_movies(source)
        ids, values = movies["movieId"].to_numpy(), movies["genres"].tolist()
    ids, own = of_one_kind(ids, model.items_)
    of = dict(zip(ids.tolist(), values, strict=True))
    items = own.tolist()
    if not any(item in of for item in items):
        raise ValueError(f"{source} has none of the model's items: it is of other ids")
    return [of.get(item) for item in items]


def let_ids_agree(
    ratings: pd.DataFrame, item: str | None, catalogue: pd.DataFrame, item_id: str | None
) -> None:
    """Make text of the items' ids in a table where all are integers, if the other has others."""
    from movieembed.data.frames import ITEM_ALIASES, looks_like
    from movieembed.data.text_columns import of_one_kind

    rated, listed = (
        [name for name in table if str(name) == given or looks_like(name, {*ITEM_ALIASES, "id"})]
        for table, given in ((ratings, item), (catalogue, item_id))
    )
    for there in rated:
        for here in listed:
            before = ratings[there].to_numpy(), catalogue[here].to_numpy()
            after = of_one_kind(*before)
            for table, name, old, new in zip(
                (ratings, catalogue), (there, here), before, after, strict=True
            ):
                if new is not old:
                    table[name] = new


def typed(*labels: str | None) -> list[str]:
    """Return the labels of columns that were typed."""
    return [label for label in labels if label is not None]


def is_table(path: Path) -> bool:
    """Whether a file's name ends as a table's does."""
    return not path.is_dir() and path.suffix.lower() in TABLES


def numbered(table: pd.DataFrame) -> bool:
    """Whether a table came without a header, its columns numbered."""
    return all(isinstance(label, int) for label in table.columns)


def as_column(text: str | None, table: pd.DataFrame) -> Hashable | None:
    """Return the label that was typed: a number where columns are numbered."""
    if text is not None and text not in table.columns and numbered(table) and text.isdecimal():
        return int(text)
    return text


def data_facts(source: str, n_ratings: int, likes: Likes) -> dict[str, Any]:
    """Say what a data set holds."""
    return {
        "data": source,
        "ratings": n_ratings,
        "users": likes.n_users,
        "items": likes.n_items,
        "liked_items": int((likes.item_counts > 0).sum()),
        "likes": likes.n_likes,
    }


def model_facts(model: Embedding) -> dict[str, Any]:
    """Say what a model is and how it was found."""
    return {
        "items": len(model.items_),
        "embedded_items": int(model._fitted_items().embedded.sum()),
        "components": model.n_components,
        "dtype": str(model.embedding_.dtype),
        "item_scaling": model.item_scaling,
        "user_weighting": model.user_weighting,
        "entry_weighting": model.entry_weighting,
        "regularization": model.regularization_,
        "keeps_likes": model.likes_ is not None,
        "threshold": model.threshold_,
        "solver": model.solver,
        "learning_rate": model.learning_rate,
        "seed": model.random_state if isinstance(model.random_state, int) else None,
        "cost": model.cost_,
        "gap": model.gap_,
        "converged": model.converged_,
        "stop_reason": model.stop_reason_,
        "iterations": model.n_iter_,
    }
