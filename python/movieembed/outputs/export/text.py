"""Vectors as text: word2vec's format, and the files of the Embedding Projector."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from movieembed._base.message import Message, Parameter
from movieembed.exceptions import ParameterError
from movieembed.model.embedding import Embedding
from movieembed.outputs.export.chosen import Chosen, as_texts, check_distinct, choose, new_file

PROJECTOR_COLUMNS = ("title", "item", "likes")
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def export_word2vec(
    model: Embedding,
    path: str | os.PathLike[str],
    *,
    binary: bool = False,
    keys: Literal["item", "title"] = "item",
    only_embedded: bool = False,
) -> None:
    """Write the vectors in word2vec's format, which gensim and many others read.

    Parameters
    ----------
    model : MovieEmbedding
        Fitted.
    path : path
        Usually ending in ".txt" or ".vec", or in ".bin" if binary.
    binary : bool, default=False
        float32 bytes instead of text. The text holds all digits of either dtype.
    keys : {"item", "title"}, default="item"
        The words of the file: ids or titles. Runs of blanks and control characters become one
        "_", for the format ends a word at a blank. Of titles, one that is empty gives way to the
        id, and those that several items share are followed by "_" and the id.
    only_embedded : bool, default=False
        Leave out unembedded items, whose vectors are zeros.

    Raises
    ------
    NotFittedError
        Before `fit`.
    ValueError
        When `keys` is none of those, the model has no titles, or two ids make the same word.
    OSError
        When the file cannot be written; one that was there stays as it is.

    Notes
    -----
    Read it with ``gensim.models.KeyedVectors.load_word2vec_format(path, binary=...)``, which makes
    float32 of it unless told ``datatype=numpy.float64``. Its `most_similar` ranks by cosine, as
    :meth:`movieembed.MovieEmbedding.similar` does.

    Examples
    --------
    >>> import os, tempfile
    >>> import movieembed as me
    >>> likes = me.Likes.from_matrix([[1, 1], [1, 1]], titles=["Heat (1995)", "Up (2009)"])
    >>> model = me.MovieEmbedding(1, random_state=0).fit(likes)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "vectors.txt")
    ...     me.export_word2vec(model, path, keys="title")
    ...     with open(path) as file:
    ...         [line.split()[0] for line in file]
    ['2', 'Heat_(1995)', 'Up_(2009)']
    """
    if keys not in ("item", "title"):
        raise ParameterError(f"keys must be one of 'item' and 'title', not {keys!r}", "keys")
    chosen = choose(model, only_embedded)
    words = [_word(text) or "_" for text in as_texts(chosen.items)]
    if keys == "item":
        check_distinct(words, "items", "word")
    elif chosen.titles is None:
        what = "{keys=} needs titles, and this model has none; use {other}"
        raise ValueError(Message(what, keys="title", other=Parameter("keys", "item")))
    else:
        words = _title_words(chosen.titles, words)
    n, d = chosen.vectors.shape
    with new_file(path) as temporary, temporary.open("wb") as file:
        file.write(f"{n} {d}\n".encode())
        if binary:  # as the original tool writes it, with a line end behind each vector
            for word, row in zip(words, chosen.vectors.astype("<f4"), strict=True):
                file.write(word.encode() + b" " + row.tobytes() + b"\n")
        else:
            for word, row in zip(words, chosen.vectors, strict=True):
                file.write(f"{word} {_digits(row, ' ')}\n".encode())


def export_projector(
    model: Embedding,
    folder: str | os.PathLike[str],
    *,
    columns: Sequence[Literal["title", "item", "likes"]] | None = None,
    only_embedded: bool = False,
) -> None:
    r"""Write vectors.tsv and metadata.tsv for TensorFlow's Embedding Projector.

    Parameters
    ----------
    model : MovieEmbedding
        Fitted.
    folder : path
        Made if need be.
    columns : sequence of {"title", "item", "likes"}, optional
        Of metadata.tsv, the label first; by default all that the model has. With one column the
        file has no header, as the Projector expects.
    only_embedded : bool, default=False
        Leave out unembedded items, whose vectors are zeros.

    Raises
    ------
    NotFittedError
        Before `fit`.
    ValueError
        When a column is none of those, repeats, or is the title of a model without titles.
    OSError
        When the files cannot be written; those that were there stay as they are.

    Notes
    -----
    Load both files at https://projector.tensorflow.org. Tabs and line ends in titles become blanks,
    and an empty title the id, so that no line is empty.

    Examples
    --------
    >>> import os, tempfile
    >>> import movieembed as me
    >>> likes = me.Likes.from_matrix([[1, 1], [1, 1]], titles=["Heat (1995)", "Up (2009)"])
    >>> model = me.MovieEmbedding(1, random_state=0).fit(likes)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     me.export_projector(model, folder)
    ...     with open(os.path.join(folder, "metadata.tsv")) as file:
    ...         file.read()
    'title\titem\tlikes\nHeat (1995)\t0\t2\nUp (2009)\t1\t2\n'
    """
    chosen = choose(model, only_embedded)
    lines = _metadata_lines(chosen, columns)
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    # Both are written before either is renamed.
    with new_file(folder / "vectors.tsv") as vectors, new_file(folder / "metadata.tsv") as metadata:
        with vectors.open("wb") as file:
            for row in chosen.vectors:
                file.write(_digits(row, "\t").encode() + b"\n")
        metadata.write_bytes("".join(f"{line}\n" for line in lines).encode())


def _metadata_lines(chosen: Chosen, columns: Sequence[str] | None) -> list[str]:
    """Lines of metadata.tsv; where it has one column the Projector expects no header."""
    if columns is None:
        names = [c for c in PROJECTOR_COLUMNS if c != "title" or chosen.titles is not None]
    else:
        names = [columns] if isinstance(columns, str) else list(columns)
    for name in names:
        if name not in PROJECTOR_COLUMNS:
            raise ValueError(f"columns must be of {', '.join(PROJECTOR_COLUMNS)}, not {name!r}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"columns must name one or more, each once, not {names}")
    ids = [_flat(text) or "_" for text in as_texts(chosen.items)]
    known = {"item": ids, "likes": list(map(str, chosen.counts.tolist()))}
    if chosen.titles is not None:
        known["title"] = [_flat(t) or id_ for t, id_ in zip(chosen.titles, ids, strict=True)]
    elif "title" in names:
        raise ValueError("columns name the title, and this model has no titles")
    header = ["\t".join(names)] if len(names) > 1 else []
    return header + ["\t".join(row) for row in zip(*(known[name] for name in names), strict=True)]


def _word(text: str) -> str:
    """Text without blanks and control characters, which end a word in word2vec's format."""
    return _BLANKS.sub("_", text.strip())


def _flat(text: str) -> str:
    """Text on one line, without tabs."""
    return _BLANKS.sub(" ", text).strip()


def _title_words(titles: list[str], ids: list[str]) -> list[str]:
    """A word an item: its title, with the id where several items share it, or else the id."""
    titles = [_word(title) for title in titles]
    shared = Counter(titles)
    words: dict[str, None] = {}
    for title, id_ in zip(titles, ids, strict=True):
        word = id_ if not title else title if shared[title] == 1 else f"{title}_{id_}"
        while word in words:  # the title of one film may be the id of another
            word += "_"
        words[word] = None
    return list(words)


def _digits(row: NDArray[Any], separator: str) -> str:
    """Numbers as text, in as few digits as give the same numbers of the same dtype again."""
    return separator.join(map(str, row))
