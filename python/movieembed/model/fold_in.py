"""Vectors of new items in closed form, the others given: a row of alternating least squares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import object_array
from movieembed._base.finite import check_finite
from movieembed._base.message import Message
from movieembed.data.ids import as_ids, check_apart, unify
from movieembed.data.items import ItemIndex
from movieembed.data.likes import likes_matrix
from movieembed.exceptions import ParameterError
from movieembed.model.fitted_items import FittedItems
from movieembed.model.recommender import Recommender
from movieembed.model.taste import as_taste
from movieembed.operators.units import times, unit_of
from movieembed.operators.weighting import Weighting


def fold_in(fitted: FittedItems, new: Any, known: Any = None) -> NDArray[Any]:
    """Vectors of new items, from who liked them, without a fit.

    Parameters
    ----------
    new : matrix of shape (n_users, n_new)
        Likes of the new items.
    known : Likes or matrix of shape (n_users, n_items), optional
        What the same users like of the model's items; by default the likes that the model
        keeps.

    Returns
    -------
    ndarray, shape (n_new, n_components)
        The least squares optimum of each new row, the others given; zero where none of its
        users likes anything known.

    Raises
    ------
    ValueError
        When the matrices do not fit, or the model keeps no likes and `known` is missing.
    NotFittedError
        Before `fit`.

    Notes
    -----
    v = G^-1 sum of V's rows over the likes of the item's users, with G = V'V: row i of
    alternating least squares. 2 nnz n_components flops.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> known = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]])
    >>> model = me.MovieEmbedding(1, random_state=0, keep_likes=True).fit(known)
    >>> model.fold_in(np.array([[1], [1], [0]])).shape
    (1, 1)
    """
    new, known = _checked(fitted, new, known)
    return _least_squares(fitted.embedding, fitted.weighting, fitted.item_scale, new, known)[0]


def extend(
    fitted: FittedItems, new: Any, known: Any = None, *, items: Any = None, titles: Any = None
) -> FittedItems:
    """A model with new items folded in; this one stays as it is.

    Parameters
    ----------
    new, known
        As `fold_in`.
    items : list of ids
        Of the new items, of any type; by default they go on numbering where the model's ids are
        0, 1, 2, ...
    titles : list of str, optional

    Returns
    -------
    MovieEmbedding
        With the new items behind the others. `cost_` and what else describes the fit stays
        that of the fit.

    Raises
    ------
    ValueError
        As `fold_in`, and when ids repeat or are needed.
    TypeError
        When an id equals another of a different type, as True equals 1.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> known = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]])
    >>> model = me.MovieEmbedding(1, random_state=0, keep_likes=True).fit(known)
    >>> bigger = model.extend(np.array([[1], [1], [0]]), items=[3])
    >>> bigger.items_.tolist(), len(bigger.similar(3))
    ([0, 1, 2, 3], 3)
    """
    keeps = fitted.likes is not None and known is None
    new, known = _checked(fitted, new, known)
    vectors, squares, scale = _least_squares(
        fitted.embedding, fitted.weighting, fitted.item_scale, new, known
    )
    n_old, n_new = len(fitted), new.shape[1]
    ids = _joined_ids(fitted.items, n_new, items)
    names = None
    if titles is not None or fitted.titles is not None:
        old = [""] * n_old if fitted.titles is None else list(fitted.titles)
        names = [*old, *([""] * n_new if titles is None else titles)]
    likes = sp.csr_array(sp.hstack([fitted.likes, new], format="csr")) if keeps else None
    ours = None if fitted.item_squares is None else fitted.recommending
    counts = np.bincount(new.indices, minlength=n_new)
    return replace(
        fitted,
        embedding=np.vstack([fitted.embedding, vectors]),
        index=ItemIndex(ids, names),
        item_counts=np.concatenate([fitted.item_counts, counts]),
        item_squares=_behind(fitted.item_squares, squares),
        item_scale=_behind(fitted.item_scale, scale),
        likes=likes,
        users=fitted.users if keeps else None,
        seen=_wider(fitted.seen, n_old + n_new) if keeps else None,
        item_table=None
        if fitted.item_table is None
        else fitted.item_table.reset_index(drop=True).reindex(range(n_old + n_new)),
        recommender=None if ours is None else _with_items(ours, new, known),
    )


def _with_items(ours: Recommender, new: sp.csr_array, known: sp.csr_array) -> Recommender:
    """A recommender with new items behind the others."""
    unit = ours.unit
    vectors, squares, scale = _least_squares(
        ours.vectors * ours.vectors.dtype.type(unit), ours.weighting, ours.scale, new, known
    )
    return replace(
        ours,
        vectors=np.vstack([ours.vectors, vectors / vectors.dtype.type(unit)]),
        squares=np.concatenate([ours.squares, times(squares, unit, -2)]),
        scale=_behind(ours.scale, scale),
    )


def _joined_ids(old: NDArray[Any], n_new: int, items: Any) -> NDArray[Any]:
    """Old ids with new ones behind them, each of the type it has."""
    if items is None:
        if not np.array_equal(old, np.arange(len(old))):
            what = "pass {items=}, the new items' ids: the model's are not 0, 1, 2, ..."
            raise ParameterError(Message(what, items=...), "items")
        items = np.arange(len(old), len(old) + n_new)
    new = as_ids(items, "items")
    if len(new) != n_new:
        raise ValueError(f"there are {len(new)} ids for {n_new} new items")
    if old.dtype == new.dtype and old.dtype.kind != "O":
        return np.concatenate([old, new])
    ids = object_array([*old.tolist(), *new.tolist()])
    check_apart(ids.tolist(), "items")
    return unify(ids)


def _wider(matrix: sp.csr_array | None, n_items: int) -> sp.csr_array | None:
    """A matrix with empty columns behind its own."""
    if matrix is None:
        return None
    parts = matrix.data, matrix.indices, matrix.indptr
    return sp.csr_array(parts, shape=(matrix.shape[0], n_items))


def _behind(
    old: NDArray[np.float64] | None, new: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    """Old values with new ones behind them, where there are any."""
    return None if old is None or new is None else np.concatenate([old, new])


def _checked(fitted: FittedItems, new: Any, known: Any) -> tuple[sp.csr_array, sp.csr_array]:
    """New items' likes, and what the same users like of the model's items."""
    new = likes_matrix(new)
    if fitted.is_of_cooccurrence:
        raise ValueError("this model is of a Cooccurrence: new items need likes; fit a larger X")
    if known is not None:
        known = as_taste(fitted, known).rows
    elif fitted.likes is not None:
        known = fitted.likes
    else:
        raise ValueError(
            "this model kept no likes: pass what the users like of its items as `known`, "
            "or fit it with keep_likes=True"
        )
    if fitted.item_squares is None:
        entries = fitted.weighting.entries
        raise ValueError(f"entry_weighting={entries!r} has no closed form for new items")
    if new.shape[0] != known.shape[0]:
        raise ValueError(f"new has {new.shape[0]} users and known {known.shape[0]}")
    return new, known


def _least_squares(
    V: NDArray[Any],
    weighting: Weighting,
    item_scale: NDArray[np.float64] | None,
    new: sp.csr_array,
    known: sp.csr_array,
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64] | None]:
    """The v_i that minimise the cost of new items' rows and columns.

    Returns
    -------
    vectors : ndarray, shape (n_new, n_components)
        Least squares, of least length where V has not full rank.
    squares : ndarray, shape (n_new,)
        The new items' entries of the diagonal of the Gram matrix.
    scale : ndarray, shape (n_new,), or None
        Their scale, where items are scaled.
    """
    roots = weighting.user_roots(known)
    known = weighting.scaled(known, roots, item_scale)
    scale = None if item_scale is None else weighting.item_scale(new, roots)
    scaled = weighting.scaled(new, roots, scale).astype(np.float64)
    # In units of their own, so that nothing overflows or vanishes on the way.
    units = unit_of(scaled.data), unit_of(known.data), unit_of(V)
    dtype, V = V.dtype, V.astype(np.float64) / units[2]
    XV = (scaled / units[0]).T @ ((known.astype(np.float64) / units[1]) @ V)
    lengths, axes = np.linalg.eigh(V.T @ V)
    kept = lengths > lengths.max(initial=0) * len(lengths) * np.finfo(np.float64).eps
    inverse = (axes[:, kept] / lengths[kept]) @ axes[:, kept].T
    with np.errstate(over="ignore"):
        squares: NDArray[Any] = np.bincount(
            scaled.indices, weights=scaled.data**2, minlength=scaled.shape[1]
        )
    with np.errstate(over="ignore"):
        vectors = ((XV @ inverse) * (units[1] / units[2]) * units[0]).astype(dtype)
    check_finite(squares, "the squares of the new items")
    return check_finite(vectors, "the vectors of the new items"), squares, scale
