"""The data that was named on the command line, and what it and a model hold."""

from __future__ import annotations

import zipfile
from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from movieembed.cli.console import complain
from movieembed.cli.facts import Loaded, data_facts
from movieembed.cli.options import OwnTable, one_of
from movieembed.exceptions import ParameterError

if TYPE_CHECKING:
    import pandas as pd

    from movieembed.data.given_cooccurrence import Cooccurrence
    from movieembed.data.likes import Likes
    from movieembed.model.embedding import Embedding

TAGS = [("tag", "tags", "label", "keyword")]
GENRES = [("genres", "genre", "category", "categories", "tags")]
TABLES = (
    ".csv", ".tsv", ".txt", ".dat", ".parquet", ".pq", ".gz", ".bz2", ".xz", ".json", ".jsonl",
    ".ndjson", ".inter", ".data",
)  # fmt: skip
# Mean length of what is no id and no number, but a review.
LONG_TEXT = 64


def load(
    source: str,
    threshold: float | None,
    own: OwnTable,
    *,
    usual: float | None = None,
    timed: bool = False,
) -> Loaded:
    """Read MovieLens data or a table of one's own.

    `usual` is the threshold where none is given and there are ratings, a model's for one; `timed`
    keeps what tells the time of a like.
    """
    from movieembed.data.likes import Likes, movielens_likes
    from movieembed.data.movielens import load_movielens

    path = Path(source).expanduser()
    if is_table(path):
        loaded = load_table(path, threshold, own, usual, timed)
        return loaded if timed else replace(loaded, table=None)
    if path.is_file() and path.suffix.lower() != ".zip" and not zipfile.is_zipfile(path):
        raise ValueError(
            f"{source} is neither a MovieLens folder or .zip nor a table ({', '.join(TABLES)})"
        )
    for name, value in vars(own).items():
        if value not in (None, []) and name not in ("half_life", "dislike_below"):
            text = f" is for a table of one's own ({', '.join(TABLES[:5])}), not for {source}"
            raise ParameterError(f"{name}{text}", name)
    threshold = usual if threshold is None else threshold
    if own.half_life is None and own.dislike_below is None and not timed:
        likes, n_ratings = movielens_likes(source, threshold)
        return Loaded(n_ratings, likes)
    ratings, movies = load_movielens(source)
    weighed: dict[str, Any] = {"dislike_below": own.dislike_below, "half_life": own.half_life}
    likes = Likes.from_ratings(ratings, threshold=threshold, items=movies, **weighed)
    return Loaded(len(ratings), likes, table=ratings)


def load_table(
    path: Path, threshold: float | None, own: OwnTable, usual: float | None, timed: bool
) -> Loaded:
    """Read a table of one's own, and that of its items."""
    from movieembed.data.delimited_text import read_kept
    from movieembed.data.likes import Likes

    catalogue, item_id, title = read_catalogue(own, own.item)
    ratings = read_kept(
        path,
        is_short,
        header=has_header(own.header, own.typed_columns()),
        ids=typed(own.user, own.item),
        where=own.where or (),
        separator=own.separator,
        layout=one_of(own.layout, ("rows", "lists", "blocks", "json"), "--layout"),
    )
    if catalogue is not None:
        let_ids_agree(ratings, ids_among(ratings, own.item), catalogue, item_id)
    user, item, rating, time = (
        as_column(label, ratings) for label in (own.user, own.item, own.rating, own.timestamp)
    )
    columns = chosen_columns(
        ratings, (user, item, rating), time, timed or own.half_life is not None
    )
    if threshold is None and "rating" in columns:
        threshold = usual
    likes = Likes.from_ratings(
        ratings,
        threshold=threshold,
        user=user,
        item=item,
        rating=rating,
        items=catalogue,
        item_id=item_id,
        title=title,
        missing=one_of(own.missing, ("raise", "drop"), "--missing") or "raise",
        dislike_below=own.dislike_below,
        half_life=own.half_life,
        timestamp=time,
    )
    return Loaded(len(ratings), likes, columns, ratings)


def read_catalogue(
    own: OwnTable, *ids: str | None
) -> tuple[pd.DataFrame | None, Hashable | None, Hashable | None]:
    """Read the table of items, and return with it the labels of its ids and titles.

    They are None where they are to be found by their names, and so is a table that is not named.
    `ids` are more columns that hold ids.
    """
    from movieembed.data.delimited_text import read_table

    item_id, title = own.item_id, own.title
    if own.items is None:
        for name in ("item_id", "title"):
            if getattr(own, name) is not None:
                raise ParameterError(f"{name} names a column of --items: name that file", name)
        return None, None, None
    header = has_header(None, typed(item_id, title))
    catalogue = read_table(own.items, header=header, ids=typed(item_id or "0", title or "1", *ids))
    if numbered(catalogue) and catalogue.shape[1] > 1:
        item_id, title = item_id or "0", title or "1"
    return catalogue, as_column(item_id, catalogue), as_column(title, catalogue)


def chosen_columns(
    ratings: pd.DataFrame, labels: tuple[Any, Any, Any], time: Hashable | None, timed: bool
) -> dict[str, Any]:
    """Return the columns that are read as user, item, rating and, if it is needed, time."""
    from movieembed.data.frames import Table
    from movieembed.data.rating_columns import find_rating_columns, find_time_column

    table = Table(ratings)
    columns = find_rating_columns(table, *labels)
    if timed:
        columns["time"] = find_time_column(table, time, columns.values())
    return columns


def is_short(label: Hashable, values: Sequence[Any]) -> bool:
    """Whether a column may be of use: reviews, in many files most of the text, are not."""
    texts = [len(value) for value in values if isinstance(value, str)]
    return sum(texts) <= LONG_TEXT * len(texts)


def has_header(given: bool | None, columns: Sequence[str]) -> bool | None:
    """Whether a file has a header: not if its columns were typed as numbers."""
    numbers = any(label.isdecimal() for label in columns)
    return False if given is None and numbers else given


def likes_of_model(
    fitted: Embedding, source: str | None, threshold: float | None, own: OwnTable
) -> Likes | None:
    """Read the likes of other people than a model's, with its threshold; None for its own."""
    if source is None:
        check_no_data(threshold, own, "is for the data that --users names")
        return None
    from movieembed.data.text_columns import of_one_kind

    likes = load(source, threshold, own, usual=fitted.threshold_).likes
    ids, _ = of_one_kind(likes.items, fitted.items_)
    if ids is not likes.items:
        likes = replace(likes, items=ids)
    missing = set(ids.tolist()) - set(fitted.items_.tolist())
    if len(missing) == likes.n_items:
        raise ValueError(f"{source} has none of the model's items: it is of other ids")
    if missing:
        what = f"the model lacks {len(missing):,} of the {likes.n_items:,} items of {source}"
        complain("warning", f"{what}: likes of them count for nothing")
    return likes


def each_once(fitted: Embedding, users: list[str], likes: Likes | None = None) -> list[Any]:
    """Return the ids of users that were typed, in that order, of some likes or a model's."""
    from movieembed.data.users import UserIndex

    index = fitted._fitted_items().user_index if likes is None else UserIndex(likes.users)
    found: list[Any] = index.ids[list(dict.fromkeys(index.rows(users).tolist()))].tolist()
    return found


def check_no_data(threshold: float | None, own: OwnTable, what: str) -> None:
    """Raise if an option for data was typed where there are none."""
    for name, value in {"threshold": threshold, **vars(own)}.items():
        if value not in (None, []):
            raise ParameterError(f"{name} {what}", name)


def conditions(fitted: Embedding, genres: list[str] | None, where: list[str] | None) -> list[str]:
    """Return what `recommend` takes as `where`, genres among it."""
    found = list(where or ())
    for genre in genres or ():
        from movieembed.data.column_names import find_column

        columns = [str(label) for label in fitted._fitted_items().catalogue.columns]
        label = find_column(
            columns, None, GENRES, argument="the model's table of items", role="genre"
        )
        quote = "'" if '"' in genre else '"'
        found.append(f"`{label}` has {quote}{genre}{quote}")
    return found


def load_data(
    source: str,
    threshold: float | None,
    own: OwnTable,
    pairs: bool,
    usual: float | None = None,
) -> tuple[dict[str, Any], Likes | Cooccurrence]:
    """Read likes, as `load` does, or a table of pairs of items, and say what it holds."""
    if pairs:
        X = load_pairs(source, threshold, own)
        paired = int((X.item_counts > 0).sum())
        return {
            "data": source,
            "pairs": X.n_pairs,
            "items": X.n_items,
            "paired_items": paired,
        }, X
    loaded = load(source, threshold, own, usual=usual)
    return data_facts(source, loaded), loaded.likes


def load_pairs(source: str, threshold: float | None, own: OwnTable) -> Cooccurrence:
    """Read a table with a row a pair of items."""
    from movieembed.data.delimited_text import read_table
    from movieembed.data.given_cooccurrence import Cooccurrence

    path = Path(source).expanduser()
    if not is_table(path):
        raise ParameterError(
            f"pairs reads a table ({', '.join(TABLES[:5])}), not {source}", "pairs"
        )
    of_ratings = ("timestamp", "missing", "dislike_below", "half_life")
    for name, value in {"threshold": threshold, **{n: getattr(own, n) for n in of_ratings}}.items():
        if value is not None:
            raise ParameterError(f"{name} is for ratings, not for pairs", name)
    catalogue, item_id, title = read_catalogue(own)
    # Which columns hold ids is known once the header is.
    how: dict[str, Any] = {"separator": own.separator, "where": own.where or ()}
    how["header"] = has_header(own.header, typed(own.user, own.item, own.rating))
    how["layout"] = one_of(own.layout, ("rows", "lists", "blocks", "json"), "--layout")
    names = read_table(path, ids=typed(own.user, own.item), **how).columns
    rest = [str(name) for name in names if str(name) not in (own.user, own.item, own.rating)]
    sides = [name or (rest.pop(0) if rest else None) for name in (own.user, own.item)]
    table = read_table(path, ids=typed(*sides), **how)
    a, b, count = (as_column(name, table) for name in (*sides, own.rating))
    if catalogue is not None:
        let_ids_agree(table, [name for name in (a, b) if name in table], catalogue, item_id)
    of_items: dict[str, Any] = {"items": catalogue, "item_id": item_id, "title": title}
    return Cooccurrence.from_pairs(table, a, b, count, **of_items)


def load_genres(
    source: Path, model: Embedding, item_id: str | None, genres: str | None
) -> list[Any]:
    """Read the genres of a model's items from MovieLens data or a table of items; else None."""
    from movieembed.data.column_names import find_column
    from movieembed.data.delimited_text import read_table
    from movieembed.data.frames import item_labels
    from movieembed.data.movielens import load_movies
    from movieembed.data.text_columns import of_one_kind

    path = source.expanduser()
    if is_table(path):
        ids_and_titles = typed(item_id or "0", "1")
        table = read_table(path, ids=ids_and_titles)
        if numbered(table) and table.shape[1] > 2:
            item_id, genres = item_id or "0", genres or "2"
        label = find_column(
            list(table.columns),
            as_column(genres, table),
            GENRES,
            argument="--items",
            role="genres",
        )
        ids = item_labels(table, as_column(item_id, table), None, None)[0]
        values = as_written(path, table, label, *ids_and_titles)
    else:
        movies = load_movies(source)
        ids, values = movies["movieId"].to_numpy(), movies["genres"].tolist()
    ids, own = of_one_kind(ids, model.items_)
    of = dict(zip(ids.tolist(), values, strict=True))
    items = own.tolist()
    if not any(item in of for item in items):
        raise ValueError(f"{source} has none of the model's items: it is of other ids")
    return [of.get(item) for item in items]


def load_tags(source: Path, model: Embedding) -> list[list[str]]:
    """Read the tags of a model's items from a table with a row a tag, or a folder's tags.csv."""
    from movieembed.data.column_names import RATING_COLUMNS, find_column
    from movieembed.data.delimited_text import read_table
    from movieembed.data.text_columns import of_one_kind

    path = source.expanduser()
    path = path / "tags.csv" if path.is_dir() else path
    table = read_table(path)
    columns = list(table.columns)
    label = find_column(columns, None, TAGS, argument="--tags", role="tag")
    item = find_column(columns, None, RATING_COLUMNS["item"], argument="--tags", role="item")
    ids, own = of_one_kind(table[item].to_numpy(), model.items_)
    of: dict[Any, list[str]] = {item: [] for item in own.tolist()}
    for item, tag in zip(ids.tolist(), as_written(path, table, label), strict=True):
        if item in of and isinstance(tag, str):
            of[item].append(tag.casefold())
    if not any(of.values()):
        raise ValueError(f"{source} has no tags of the model's items: it is of other ids")
    return list(of.values())


def as_written(path: Path, table: pd.DataFrame, label: Hashable, *ids: str) -> list[Any]:
    """Return a column of words in which numbers stand as the file has them, and None for none."""
    import pandas as pd

    from movieembed.data.delimited_text import read_table

    values = table[label]
    if pd.api.types.is_numeric_dtype(values.dtype):
        values = read_table(path, ids=[*ids, str(label)], columns=[label])[label]
    if pd.api.types.is_numeric_dtype(values.dtype):
        values = values.astype(object).where(values.notna(), None)
        return [None if value is None else str(value) for value in values]
    return list(values)


def let_ids_agree(
    table: pd.DataFrame,
    columns: Sequence[Hashable],
    catalogue: pd.DataFrame,
    item_id: Hashable | None,
) -> None:
    """Make text of the items' ids in a table where all are integers, if the other has others."""
    from movieembed.data.text_columns import of_one_kind

    for there in columns:
        for here in ids_among(catalogue, item_id):
            before = table[there].to_numpy(), catalogue[here].to_numpy()
            after = of_one_kind(*before)
            for frame, name, old, new in zip(
                (table, catalogue), (there, here), before, after, strict=True
            ):
                if new is not old:
                    frame[name] = new


def ids_among(table: pd.DataFrame, given: Hashable | None) -> list[Hashable]:
    """Return the columns that may hold the ids of items: the one that is given, or is so named."""
    from movieembed.data.column_names import ITEM_ALIASES, looks_like

    wanted, usual = None if given is None else str(given), {*ITEM_ALIASES, "id"}
    return [name for name in table if str(name) == wanted or looks_like(name, usual)]


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
