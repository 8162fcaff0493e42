"""Vectors and likes in the files of other tools: word2vec, Projector, Arrow, NumPy and SciPy."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from movieembed import __version__
from movieembed._files import replacing

if TYPE_CHECKING:
    import pyarrow as pa
    import scipy.sparse as sp

    from movieembed.embedding import Embedding
    from movieembed.likes import Likes

__all__ = [
    "export_arrow",
    "export_cooccurrence",
    "export_likes",
    "export_numpy",
    "export_parquet",
    "export_projector",
    "export_safetensors",
    "export_word2vec",
]

PROJECTOR_COLUMNS = ("title", "item", "likes")
# safetensors refuses a header of more than 100 MB, with an error that does not say what to do.
MOST_HEADER_BYTES = 99_000_000
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
        Leave out items without a vector, which are zeros otherwise.

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
        raise ValueError(f"keys must be one of 'item' and 'title', not {keys!r}")
    chosen = _choose(model, only_embedded)
    if keys == "title" and chosen.titles is None:
        raise ValueError("keys='title' needs titles, and this model has none; use keys='item'")
    words = _title_words(chosen) if keys == "title" else _id_words(chosen)
    n, d = chosen.vectors.shape
    _check_path(path)
    with replacing(path) as temporary, temporary.open("wb") as file:
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
        Leave out items without a vector, which are zeros otherwise.

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
    chosen = _choose(model, only_embedded)
    names: list[str]
    if columns is None:
        names = [c for c in PROJECTOR_COLUMNS if c != "title" or chosen.titles is not None]
    else:
        names = [columns] if isinstance(columns, str) else list(columns)
    for name in names:
        if name not in PROJECTOR_COLUMNS:
            raise ValueError(f"columns must be of {', '.join(PROJECTOR_COLUMNS)}, not {name!r}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"columns must name one or more, each once, not {names}")
    ids = [_flat(text) or "_" for text in _texts(chosen.items)]
    known: dict[str, list[str]] = {"item": ids, "likes": list(map(str, chosen.counts.tolist()))}
    if chosen.titles is not None:
        known["title"] = [_flat(t) or id_ for t, id_ in zip(chosen.titles, ids, strict=True)]
    elif "title" in names:
        raise ValueError("columns name the title, and this model has no titles")
    header = ["\t".join(names)] if len(names) > 1 else []
    rows = ["\t".join(row) for row in zip(*(known[name] for name in names), strict=True)]

    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    vectors, metadata = folder / "vectors.tsv", folder / "metadata.tsv"
    _check_path(vectors)
    _check_path(metadata)
    with ExitStack() as stack:  # both are written before either is renamed
        new_vectors = stack.enter_context(replacing(vectors))
        new_metadata = stack.enter_context(replacing(metadata))
        with new_vectors.open("wb") as file:
            for row in chosen.vectors:
                file.write(_digits(row, "\t").encode() + b"\n")
        new_metadata.write_bytes("".join(f"{line}\n" for line in header + rows).encode())


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
        Leave out items without a vector, which are zeros otherwise.

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
    table = _arrow_table(_choose(model, only_embedded))
    import pyarrow.parquet as pq

    _check_path(path)
    with replacing(path) as temporary:
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
        Leave out items without a vector, which are zeros otherwise.

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
    table = _arrow_table(_choose(model, only_embedded))
    import pyarrow as pa

    _check_path(path)
    with (
        replacing(path) as temporary,
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
        Leave out items without a vector, which are zeros otherwise.

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
    model._check_fitted()
    try:
        from safetensors.numpy import save_file
    except ImportError:
        raise ImportError(
            "safetensors is not installed: pip install 'movieembed[export]'"
        ) from None
    chosen = _choose(model, only_embedded)
    metadata = {"movieembed_version": __version__, "items": json.dumps(_ids(chosen).tolist())}
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
    _check_path(path)
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata)


def export_numpy(
    model: Embedding, path: str | os.PathLike[str], *, only_embedded: bool = False
) -> None:
    """Write the vectors as a NumPy array, alone or with what its rows mean.

    Parameters
    ----------
    model : MovieEmbedding
        Fitted.
    path : path
        Ending in ".npy", for the vectors alone, or in ".npz".
    only_embedded : bool, default=False
        Leave out items without a vector, which are zeros otherwise.

    Raises
    ------
    NotFittedError
        Before `fit`.
    ValueError
        When the path ends otherwise, or ids of several types would be the same as text.
    OSError
        When the file cannot be written; one that was there stays as it is.

    See Also
    --------
    movieembed.MovieEmbedding.save : A file that `movieembed.load` makes a model of again.

    Notes
    -----
    ``numpy.load`` reads either without ``allow_pickle``. The arrays of an .npz: embedding, of shape
    (n_items, n_components) and the embedding's dtype; eigenvalues, of float64 and shape
    (n_components,); items, of int64, uint64 or float64, or else strings; titles, strings, where the
    model has them; item_counts, of int64. NumPy's strings lose NULs at their end.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import movieembed as me
    >>> model = me.MovieEmbedding(2, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "items.npz")
    ...     me.export_numpy(model, path)
    ...     with np.load(path) as arrays:
    ...         sorted(arrays), arrays["embedding"].shape
    (['eigenvalues', 'embedding', 'item_counts', 'items'], (3, 2))
    """
    chosen = _choose(model, only_embedded)
    suffix = Path(path).suffix.lower()
    if suffix not in (".npy", ".npz"):
        raise ValueError(f"a NumPy file ends in .npy or .npz, not as {Path(path).name!r} does")
    _check_path(path)
    if suffix == ".npy":
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, chosen.vectors, allow_pickle=False)
        return
    arrays = {
        "embedding": chosen.vectors,
        "eigenvalues": model.eigenvalues_,
        "item_counts": chosen.counts,
    } | _labels(items=_ids(chosen), titles=chosen.titles)
    with replacing(path) as temporary:
        _append_arrays(temporary, arrays, "w")


def export_likes(likes: Likes | Any, path: str | os.PathLike[str]) -> None:
    """Write the likes as a sparse matrix that SciPy reads.

    Parameters
    ----------
    likes : Likes, matrix of shape (n_users, n_items), or MovieEmbedding
        A model must have been fitted with ``keep_likes=True``; its users have no ids.
    path : path
        Usually ending in ".npz".

    Raises
    ------
    TypeError, ValueError
        When `likes` is malformed, the model kept none, or ids of several types would be the same
        as text.
    OSError
        When the file cannot be written; one that was there stays as it is.

    Notes
    -----
    ``scipy.sparse.load_npz`` gives the csr_array of shape (n_users, n_items), 1 (float32) for a
    like, or the weights. ``numpy.load`` finds the ids of its rows and columns in the same file, as
    users and items, and the titles where they are known.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import movieembed as me
    >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], items=[10, 20, 30])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "likes.npz")
    ...     me.export_likes(likes, path)
    ...     sp.load_npz(path).sum(axis=0), np.load(path)["items"]
    (array([2., 2., 1.], dtype=float32), array([10, 20, 30]))
    """
    checked = _as_likes(likes)
    labels = _labels(
        users=_uniform(checked.users, "users"),
        items=_uniform(checked.items, "items"),
        titles=_encodable(checked.titles),
    )
    _write_sparse(checked.matrix, labels, path)


def export_cooccurrence(
    likes: Likes | Any, path: str | os.PathLike[str], *, n_jobs: int | None = None
) -> None:
    """Write the co-occurrence matrix X as a sparse matrix that SciPy reads.

    Parameters
    ----------
    likes : Likes, matrix of shape (n_users, n_items), or MovieEmbedding
        As :func:`export_likes`.
    path : path
        Usually ending in ".npz".
    n_jobs : int, optional
        Threads; None and -1 use all cores.

    Raises
    ------
    TypeError, ValueError, OSError
        As :func:`export_likes`.

    See Also
    --------
    cooccurrence : The matrix, and what it takes.

    Notes
    -----
    ``scipy.sparse.load_npz`` gives the csr_array of shape (n_items, n_items), int64 (float64 for
    weights), as counted from the likes: weightings of a model do not enter. ``numpy.load`` finds
    items and titles in the same file.

    Examples
    --------
    >>> import os, tempfile
    >>> import scipy.sparse as sp
    >>> import movieembed as me
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "X.npz")
    ...     me.export_cooccurrence([[1, 1, 0], [1, 1, 1]], path)
    ...     sp.load_npz(path).toarray()
    array([[0, 2, 1],
           [2, 0, 1],
           [1, 1, 0]])
    """
    from movieembed.cooccurrence import cooccurrence

    checked = _as_likes(likes)
    labels = _labels(
        items=_uniform(checked.items, "items"),
        titles=_encodable(checked.titles),
    )
    _check_path(path)
    _write_sparse(cooccurrence(checked, n_jobs=n_jobs), labels, path)


@dataclass(frozen=True)
class _Chosen:
    """The items that are written."""

    vectors: NDArray[Any]
    items: NDArray[Any]
    titles: list[str] | None
    counts: NDArray[np.int64]


def _choose(model: Embedding, only_embedded: bool) -> _Chosen:
    model._check_fitted()
    titles = _encodable(model.titles_)
    if not only_embedded:
        return _Chosen(model.embedding_, model.items_, titles, model.item_counts_)
    kept = np.flatnonzero(model.embedding_.any(axis=1))
    return _Chosen(
        model.embedding_[kept],
        model.items_[kept],
        None if titles is None else [titles[k] for k in kept],
        model.item_counts_[kept],
    )


def _encodable(titles: Iterable[str] | None) -> list[str] | None:
    """Titles that UTF-8 has: no half of a surrogate pair."""
    return None if titles is None else [_utf8(str(title)) for title in titles]


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _ids(chosen: _Chosen) -> NDArray[Any]:
    return _uniform(chosen.items, "items")


def _uniform(ids: NDArray[Any], name: str) -> NDArray[Any]:
    """Ids of one type: numbers as they are, or else all as strings (objects)."""
    if ids.dtype.kind in "iuf":
        return ids
    texts = _texts(ids)
    _check_distinct(texts, name, "text")
    out = np.empty(len(texts), dtype=object)
    out[:] = texts
    return out


def _texts(ids: NDArray[Any]) -> list[str]:
    if ids.dtype.kind in "mM":  # whose tolist gives numbers
        ids = ids.astype(np.str_)
    return [_utf8(str(id_)) for id_ in ids.tolist()]


def _check_distinct(texts: list[str], name: str, form: str) -> None:
    if len(set(texts)) < len(texts):
        text = Counter(texts).most_common(1)[0][0]
        raise ValueError(
            f"several ids of the {name} would be the same {form} {text!r}; give them other ids"
        )


def _word(text: str) -> str:
    """Text without blanks and control characters, which end a word in word2vec's format."""
    return _BLANKS.sub("_", text.strip())


def _flat(text: str) -> str:
    """Text on one line, without tabs."""
    return _BLANKS.sub(" ", text).strip()


def _id_words(chosen: _Chosen) -> list[str]:
    words = [_word(text) or "_" for text in _texts(chosen.items)]
    _check_distinct(words, "items", "word")
    return words


def _title_words(chosen: _Chosen) -> list[str]:
    assert chosen.titles is not None
    ids = [_word(text) or "_" for text in _texts(chosen.items)]
    titles = [_word(title) for title in chosen.titles]
    shared = Counter(titles)
    words: dict[str, None] = {}
    for title, id_ in zip(titles, ids, strict=True):
        word = id_ if not title else title if shared[title] == 1 else f"{title}_{id_}"
        while word in words:  # the title of one film may be the id of another
            word += "_"
        words[word] = None
    return list(words)


def _digits(row: NDArray[Any], separator: str) -> str:
    """As few digits as give the same numbers of the same dtype again."""
    return separator.join(map(str, row))


def _arrow_table(chosen: _Chosen) -> pa.Table:
    import pyarrow as pa

    n, d = chosen.vectors.shape
    ids = _ids(chosen)
    columns = {"item": pa.array(ids, type=pa.string() if ids.dtype == object else None)}
    if chosen.titles is not None:
        columns["title"] = pa.array(chosen.titles, type=pa.string())
    columns["likes"] = pa.array(chosen.counts)
    flat = pa.array(np.ascontiguousarray(chosen.vectors).reshape(n * d))
    columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, d)
    return pa.table(columns)


def _labels(**texts: Any) -> dict[str, NDArray[Any]]:
    """Arrays that NumPy stores without pickle; what is None is left out."""
    return {
        name: values.astype(np.str_) if (values := np.asarray(given)).dtype == object else values
        for name, given in texts.items()
        if given is not None
    }


def _append_arrays(path: Path, arrays: dict[str, NDArray[Any]], mode: Literal["w", "a"]) -> None:
    """Arrays into an .npz; strings, four bytes a character, are compressed."""
    with zipfile.ZipFile(path, mode) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            member.external_attr = 0o644 << 16
            if array.dtype.kind == "U":
                member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def _as_likes(likes: Any) -> Likes:
    from movieembed.likes import Likes
    from movieembed.recommender import Recommender

    if isinstance(likes, Likes):
        return likes
    if not isinstance(likes, Recommender):
        return Likes.from_matrix(likes)
    likes._check_fitted()
    if likes.likes_ is None:
        raise ValueError("this model did not keep its likes: fit it with keep_likes=True")
    return Likes.from_matrix(likes.likes_, items=likes.items_, titles=likes.titles_)


def _write_sparse(
    matrix: sp.csr_array, labels: dict[str, NDArray[Any]], path: str | os.PathLike[str]
) -> None:
    import scipy.sparse as sp

    _check_path(path)
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            sp.save_npz(file, matrix)
        _append_arrays(temporary, labels, "a")


def _check_path(path: str | os.PathLike[str]) -> None:
    """Raise OSError, in words, unless a file can be made there."""
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist")
