"""What the commands share: the data that was named, and the words for what was found."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from movieembed.cli import console as _console

if TYPE_CHECKING:
    import pandas as pd

    from movieembed.data.likes import Likes
    from movieembed.model.embedding import Embedding

TABLES = (".csv", ".tsv", ".txt", ".dat", ".parquet", ".pq", ".gz", ".bz2", ".xz")
FORMATS = (
    *("word2vec", "word2vec-binary", "projector", "parquet", "arrow", "safetensors", "numpy"),
    *("likes", "cooccurrence"),
)
SUFFIXES = {
    ".txt": "word2vec",
    ".vec": "word2vec",
    ".bin": "word2vec-binary",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".safetensors": "safetensors",
    ".npy": "numpy",
    ".npz": "numpy",
}
STOPS = {
    "converged": "converged",
    "exact": "exact: the likes have no more dimensions than that",
    "max_iter": "stopped at --max-iter",
    "interrupted": "interrupted",
    "empty": "nothing to learn",
}


def load_likes(
    source: str,
    threshold: float | None,
    user: str | None,
    item: str | None,
    rating: str | None,
    items: Path | None,
    item_id: str | None,
    title: str | None,
) -> tuple[int, Likes]:
    """The number of ratings and the likes of a MovieLens data set or of a table of one's own."""
    from movieembed.data.likes import Likes, movielens_likes
    from movieembed.data.movielens import read_table

    path = Path(source).expanduser()
    if not path.is_dir() and path.suffix.lower() in TABLES:
        table = read_table(path)
        catalogue = None if items is None else read_table(items)
        if catalogue is not None and numbered(catalogue) and catalogue.shape[1] > 1:
            item_id, title = item_id or "0", title or "1"
        return len(table), Likes.from_ratings(
            table,
            threshold=threshold,
            user=as_column(user, table),
            item=as_column(item, table),
            rating=as_column(rating, table),
            items=catalogue,
            item_id=None if catalogue is None else as_column(item_id, catalogue),
            title=None if catalogue is None else as_column(title, catalogue),
        )
    if path.is_file() and path.suffix.lower() != ".zip" and not zipfile.is_zipfile(path):
        raise ValueError(
            f"{source} is neither a MovieLens folder or .zip nor a table ({', '.join(TABLES)})"
        )
    given = {
        "--user-col": user,
        "--item-col": item,
        "--rating-col": rating,
        "--items": items,
        "--id-col": item_id,
        "--title-col": title,
    }
    for option, value in given.items():
        if value is not None:
            raise ValueError(
                f"{option} is for a table of one's own ({', '.join(TABLES[:5])}), not for {source}"
            )
    likes, n_ratings = movielens_likes(source, threshold)
    return n_ratings, likes


def load_genres(
    source: Path, model: Embedding, item_id: str | None, genres: str | None
) -> list[Any]:
    """Genres of a model's items, from a MovieLens data set or a table of items; none for others."""
    from movieembed.data.frames import find_column, item_labels
    from movieembed.data.movielens import load_movies, read_table

    path = source.expanduser()
    if not path.is_dir() and path.suffix.lower() in TABLES:
        table = read_table(path)
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
    of = dict(zip(ids.tolist(), values, strict=True))
    items = model.items_.tolist()
    if not any(item in of for item in items):
        raise ValueError(f"{source} has none of the model's items: it is of other ids")
    return [of.get(item) for item in items]


def numbered(table: pd.DataFrame) -> bool:
    """Whether a table came without a header, its columns numbered."""
    return all(isinstance(label, int) for label in table.columns)


def as_column(text: str | None, table: pd.DataFrame) -> Hashable | None:
    """The label that was typed: a number where columns are numbered."""
    if text is not None and text not in table.columns and numbered(table) and text.isdecimal():
        return int(text)
    return text


def as_rate(text: str, option: str = "--learning-rate") -> float | Literal["exact"]:
    """A learning rate as typed."""
    if text == "exact":
        return "exact"
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{option} must be a number or exact, not {text!r}") from None


def as_rates(text: str, option: str) -> list[float]:
    """Numbers between commas; none for an empty text."""
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ValueError(f"{option} must be numbers between commas, not {text!r}") from None


def as_width(text: str) -> int | str:
    """A number of components, or "M"."""
    text = text.strip()
    if text.upper() == "M":
        return "M"
    if not text.isdecimal():
        raise ValueError(f"--components must be numbers or M between commas, not {text!r}")
    return int(text)


def one_of(text: str | None, words: tuple[str, ...], option: str) -> Any:
    """A word that was typed, if it is one of those."""
    if text is not None and text not in words:
        raise ValueError(f"{option} must be one of {', '.join(words)}, not {text!r}")
    return text


def suffix_words() -> str:
    """The suffixes that say a format."""
    return ", ".join(SUFFIXES)


def export_format(out: Path, form: str | None) -> str:
    """The format that was asked for, or that the name of the file tells."""
    if form is not None:
        one_of(form, FORMATS, "--format")
        return form
    if out.is_dir() or not out.suffix:
        return "projector"
    if out.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"--out: {out.name} ends in none of {suffix_words()}; say what to write with --format, "
            f"one of {', '.join(FORMATS)}"
        )
    return SUFFIXES[out.suffix.lower()]


def export_model(
    model: Embedding, out: Path, form: str, keys: Any, only_embedded: bool, jobs: int | None
) -> None:
    """Write a model in one of `FORMATS`."""
    from movieembed.outputs import export

    if form.startswith("word2vec"):
        export.export_word2vec(
            model,
            out,
            binary=form == "word2vec-binary",
            keys=keys or "item",
            only_embedded=only_embedded,
        )
    elif form == "likes":
        export.export_likes(model, out)
    elif form == "cooccurrence":
        export.export_cooccurrence(model, out, n_jobs=jobs)
    else:
        write: dict[str, Any] = {
            "projector": export.export_projector,
            "parquet": export.export_parquet,
            "arrow": export.export_arrow,
            "safetensors": export.export_safetensors,
            "numpy": export.export_numpy,
        }
        write[form](model, out, only_embedded=only_embedded)


def read_evaluation(path: Path) -> pd.DataFrame:
    """The table of `evaluate --json`."""
    import pandas as pd

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        table = pd.DataFrame(document["results"]).set_index("name")
        table.attrs["chosen"] = dict(document.get("chosen", {}))
        return table
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not what movieembed evaluate --json prints") from error


def data_facts(source: str, n_ratings: int, likes: Likes) -> dict[str, Any]:
    """What a data set holds."""
    return {
        "data": source,
        "ratings": n_ratings,
        "users": likes.n_users,
        "items": likes.n_items,
        "liked_items": int((likes.item_counts > 0).sum()),
        "likes": likes.n_likes,
    }


def model_facts(model: Embedding) -> dict[str, Any]:
    """What a model is and how it was found."""
    return {
        "items": len(model.items_),
        "embedded_items": int(model.embedding_.any(axis=1).sum()),
        "components": model.n_components,
        "dtype": str(model.embedding_.dtype),
        "item_scaling": model.item_scaling,
        "user_weighting": model.user_weighting,
        "entry_weighting": model.entry_weighting,
        "regularization": model.regularization_,
        "keeps_likes": model.likes_ is not None,
        "solver": model.solver,
        "learning_rate": model.learning_rate,
        "seed": model.random_state if isinstance(model.random_state, int) else None,
        "cost": model.cost_,
        "gap": model.gap_,
        "converged": model.converged_,
        "stop_reason": model.stop_reason_,
        "iterations": model.n_iter_,
    }


def named(model: Embedding, column: int) -> dict[str, Any]:
    """Id and title of an item; the id stands for a title that is missing."""
    item = model.items_.tolist()[column]
    title = "" if model.titles_ is None else str(model.titles_[column])
    return {"item": item, "title": title or str(item)}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON."""
    kept = table.drop(columns="query", errors="ignore")
    return [{str(key): value for key, value in row.items()} for row in kept.to_dict("records")]


def print_table(table: pd.DataFrame, more: dict[str, list[str]] | None = None) -> None:
    """Rows of items: the score, the id, and the title last, for it may be long."""
    scores = [f"{score:.4f}" if abs(score) < 100 else f"{score:,.1f}" for score in table["score"]]
    columns = [scores, table["item"].astype(str).tolist()]
    heading = ["score", "item"]
    if "title" in table:
        heading.append("title")
        columns.append(table["title"].astype(str).tolist())
    for name, words in (more or {}).items():
        heading.append(name)
        columns.append(words)
    _console.print_columns(heading, [list(row) for row in zip(*columns, strict=True)])


def print_metrics(table: pd.DataFrame, k: int) -> None:
    """A row a recommender."""
    metrics = [f"recall@{k}", f"ndcg@{k}", f"map@{k}", f"mrr@{k}", "coverage", "popularity"]
    heading = [*metrics, "seconds", "recommender"]
    rows = []
    for name, row in table.iterrows():
        seconds = row["fit_seconds"] + row["recommend_seconds"]
        rows.append([*(f"{row[m]:.4f}" for m in metrics), f"{seconds:.2f}", str(name)])
    _console.print_columns(heading, rows)


def data_words(n_ratings: int, likes: Likes) -> str:
    """A data set in a line."""
    liked = int((likes.item_counts > 0).sum())
    return (
        f"{n_ratings:,} ratings, {likes.n_likes:,} likes, {likes.n_users:,} users, "
        f"{likes.n_items:,} items ({liked:,} liked)"
    )


def cost_words(cost: float) -> str:
    """A cost with the digits that a fit to its default tolerance settles: eight."""
    return f"{cost:,.{max(0, 7 - int(math.log10(cost)))}f}" if cost >= 1 else f"{cost:.6g}"


def fact_words(value: Any) -> str:
    """A fact of `info` in words."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else cost_words(value)
    return str(value)


def gap_words(gap: float) -> str:
    """The estimated distance to the optimum."""
    if gap != gap or gap == float("inf"):
        return "unknown"
    return f"{gap:.1e} of the cost, estimated"
