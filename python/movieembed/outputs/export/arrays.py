"""Vectors, likes and X as NumPy's and SciPy's files."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.message import Message
from movieembed.data.likes import Likes, as_likes
from movieembed.model.embedding import Embedding
from movieembed.objective.cooccurrence import cooccurrence, likes_or_x
from movieembed.outputs.export.chosen import check_path, choose, encodable, new_file, uniform


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
        Leave out unembedded items, whose vectors are zeros.

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
    chosen = choose(model, only_embedded)
    suffix = Path(path).suffix.lower()
    if suffix not in (".npy", ".npz"):
        raise ValueError(f"a NumPy file ends in .npy or .npz, not as {Path(path).name!r} does")
    if suffix == ".npy":
        with new_file(path) as temporary, temporary.open("wb") as file:
            np.save(file, chosen.vectors, allow_pickle=False)
        return
    arrays = {
        "embedding": chosen.vectors,
        "eigenvalues": model.eigenvalues_,
        "item_counts": chosen.counts,
    } | _labels(items=uniform(chosen.items, "items"), titles=chosen.titles)
    with new_file(path) as temporary:
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
        users=uniform(checked.users, "users"),
        items=uniform(checked.items, "items"),
        titles=encodable(checked.titles),
    )
    _write_sparse(checked.matrix, labels, path)


def export_cooccurrence(
    likes: Likes | Any, path: str | os.PathLike[str], *, n_jobs: int | None = None
) -> None:
    """Write the co-occurrence matrix X as a sparse matrix that SciPy reads.

    Parameters
    ----------
    likes : Likes, matrix of shape (n_users, n_items), Cooccurrence, or MovieEmbedding
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
    checked = _as_likes(likes) if isinstance(likes, Embedding) else likes_or_x(likes)
    labels = _labels(items=uniform(checked.items, "items"), titles=encodable(checked.titles))
    check_path(path)  # before the work
    _write_sparse(cooccurrence(checked, n_jobs=n_jobs), labels, path)


def _labels(**texts: Any) -> dict[str, NDArray[Any]]:
    """Texts and ids as arrays that NumPy stores without pickle; what is None is left out."""
    return {
        name: values.astype(np.str_) if (values := np.asarray(given)).dtype == object else values
        for name, given in texts.items()
        if given is not None
    }


def _append_arrays(path: Path, arrays: dict[str, NDArray[Any]], mode: Literal["w", "a"]) -> None:
    """Put arrays into an .npz; strings, four bytes a character, are compressed."""
    with zipfile.ZipFile(path, mode) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            member.external_attr = 0o644 << 16
            if array.dtype.kind == "U":
                member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def _as_likes(likes: Any) -> Likes:
    """Likes as they are, of a matrix, or those that a fitted model kept."""
    if not isinstance(likes, Embedding):
        return as_likes(likes)
    likes._fitted_items()
    if likes.likes_ is None:
        if likes.item_squares_ is None and likes.entry_weighting is None:
            raise ValueError("this model is of a Cooccurrence, and has no likes")
        what = "this model did not keep its likes: fit it with {keep_likes=}"
        raise ValueError(Message(what, keep_likes=True))
    kept, ids = likes.likes_, (likes.items_, likes.titles_)
    return Likes(kept, np.arange(kept.shape[0]), *ids, threshold=likes.threshold_)


def _write_sparse(
    matrix: sp.csr_array, labels: dict[str, NDArray[Any]], path: str | os.PathLike[str]
) -> None:
    """Write what SciPy's load_npz reads, with labels of rows and columns beside it."""
    with new_file(path) as temporary:
        with temporary.open("wb") as file:
            sp.save_npz(file, matrix)
        _append_arrays(temporary, labels, "a")
