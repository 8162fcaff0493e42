"""What every format asks first: which items, their ids as text, and where the file goes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from movieembed._base.atomic_file import replacing
from movieembed.model.embedding import Embedding
from movieembed.model.neighbors import embedded
from movieembed.outputs.style import utf8


@dataclass(frozen=True)
class Chosen:
    """The items that are written, a row each."""

    vectors: NDArray[Any]
    items: NDArray[Any]
    titles: list[str] | None
    counts: NDArray[np.int64]  # of likes


def choose(model: Embedding, only_embedded: bool) -> Chosen:
    """The items of a fitted model, or only those that are embedded."""
    model._fitted_items()
    titles = encodable(model.titles_)
    if not only_embedded:
        return Chosen(model.embedding_, model.items_, titles, model.item_counts_)
    kept = np.flatnonzero(embedded(model.embedding_))
    return Chosen(
        model.embedding_[kept],
        model.items_[kept],
        None if titles is None else [titles[k] for k in kept],
        model.item_counts_[kept],
    )


def encodable(titles: Iterable[str] | None) -> list[str] | None:
    """Titles that UTF-8 can encode: a "?" stands for half of a surrogate pair."""
    return None if titles is None else [utf8(str(title)) for title in titles]


def uniform(ids: NDArray[Any], name: str) -> NDArray[Any]:
    """Ids of one type: numbers as they are, or else all as strings (objects)."""
    if ids.dtype.kind in "iuf":
        return ids
    texts = as_texts(ids)
    check_distinct(texts, name, "text")
    out = np.empty(len(texts), dtype=object)
    out[:] = texts
    return out


def as_texts(ids: NDArray[Any]) -> list[str]:
    """Ids as text, as people write them."""
    if ids.dtype.kind in "mM":  # whose tolist gives numbers
        ids = ids.astype(np.str_)
    return [utf8(str(id_)) for id_ in ids.tolist()]


def check_distinct(texts: list[str], name: str, form: str) -> None:
    """Raise ValueError unless ids are told apart by their texts."""
    if len(set(texts)) < len(texts):
        text = Counter(texts).most_common(1)[0][0]
        raise ValueError(
            f"several ids of the {name} would be the same {form} {text!r}; give them other ids"
        )


@contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A file beside `path` that takes its place when it is whole; see `check_path`."""
    check_path(path)
    with replacing(path) as temporary:
        yield temporary


def check_path(path: str | os.PathLike[str]) -> None:
    """Raise OSError, in words, unless a file can be made there."""
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist")
