"""From liked items to the best others: rows of likes, scores, the k best, tables."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed._base.threads import resolve_n_jobs, serial_blas
from movieembed.data.canonical_csr import canonical_csr
from movieembed.data.items import ItemIndex
from movieembed.data.likes import Likes
from movieembed.exceptions import ItemWithoutLikesError
from movieembed.model.neighbors import top_k_neighbors, unit_rows
from movieembed.model.precision import PrecisionForm, Preconditioner, refine

if TYPE_CHECKING:
    from movieembed.operators.cpu import CpuOperator

METHODS = ("precision", "cosine", "dot")
# Of the arrays of one block of users while their scores are refined.
REFINE_BYTES = 256 << 20
REFINE_ARRAYS = 6
# From this many steps on the diagonal of the inverse is refined as well: the scores' scale, one
# number an item, which few steps can leave as the embedding has it.
REFINED_DIAGONAL = 8


@dataclass
class Taste:
    """Whom to recommend to.

    Attributes
    ----------
    rows : csr_array, shape (n_users, n_items)
        Weights of the items given; canonical.
    single : bool
        Whether it was a list of items, not a matrix.
    """

    rows: sp.csr_array
    single: bool


def as_taste(
    index: ItemIndex,
    items: Any,
    weights: Iterable[float] | None = None,
    dislikes: Any = None,
) -> Taste:
    """What `recommend` was given: a list of ids or titles, or one row a user.

    Raises
    ------
    ValueError
        When a list is empty, an item is liked and disliked, weights are not finite or do not fit,
        or a matrix has another number of columns than there are items.
    """
    n_items = len(index)
    if isinstance(items, Likes):
        items = _by_id(index, items)
    if sp.issparse(items) or (isinstance(items, np.ndarray) and items.ndim == 2):
        if weights is not None or dislikes is not None:
            raise ValueError(
                "weights and dislikes go with a list of items; a matrix holds weights itself, "
                "negative ones for dislikes"
            )
        if items.shape[1] != n_items:
            hint = "; it looks transposed: pass matrix.T" if items.shape[0] == n_items else ""
            raise ValueError(
                f"the matrix, users x items, has {items.shape[1]} columns for {n_items} items{hint}"
            )
        return Taste(canonical_csr(items), single=False)
    liked = index.resolve_many(items)
    values = np.ones(len(liked))
    if weights is not None:
        values = np.asarray(list(weights), dtype=np.float64)
        if values.shape != liked.shape:
            raise ValueError(f"there are {len(values)} weights for {len(liked)} items")
        if not np.isfinite(values).all():
            raise ValueError("weights hold NaN or infinity")
    total: dict[int, float] = {}
    for column, value in zip(liked.tolist(), values.tolist(), strict=True):
        # A repeat counts once, unless it brings a weight of its own.
        total[column] = value + (total.get(column, 0.0) if weights is not None else 0.0)
    for column in index.resolve_many([] if dislikes is None else dislikes).tolist():
        if column in total:
            raise ValueError(f"{index.ids[column]!r} is among the items and among the dislikes")
        total[column] = -1.0
    if not total:
        raise ValueError("items is empty: name at least one item to recommend from")
    columns = np.array(sorted(total))
    data = np.array([total[c] for c in columns.tolist()])
    return Taste(
        sp.csr_array((data, columns, np.array([0, len(columns)])), shape=(1, n_items)), single=True
    )


def _by_id(index: ItemIndex, likes: Likes) -> sp.csr_array:
    """The matrix of some likes with this model's columns."""
    if likes.items is index.ids or np.array_equal(likes.items, index.ids):
        return likes.matrix
    place = index.resolve_many(likes.items.tolist())
    matrix = likes.matrix
    return sp.csr_array(
        (matrix.data, place[matrix.indices], matrix.indptr),
        shape=(matrix.shape[0], len(index)),
    )


@dataclass
class Scorer:
    """Scores as inner products: of a vector a user and a vector an item.

    Attributes
    ----------
    items : ndarray, shape (n_items, n_components)
    by : Any
        What rows of likes are multiplied with to give the users' vectors.
    """

    items: NDArray[Any]
    by: Any

    def users(self, rows: sp.csr_array) -> NDArray[Any]:
        """A vector for each row of likes."""
        return np.ascontiguousarray(self.by(rows), dtype=self.items.dtype)


def cosine_scorer(V: NDArray[Any]) -> Scorer:
    """The mean cosine with the items given, by their weights."""
    units = unit_rows(V)
    return Scorer(units, lambda rows: _means(rows, units))


def dot_scorer(V: NDArray[Any]) -> Scorer:
    """The mean inner product with the items given, by their weights."""
    return Scorer(V, lambda rows: _means(rows, V))


def precision_scorer(form: PrecisionForm, dtype: Any, scale: NDArray[np.float64] | None) -> Scorer:
    """X B of DESIGN 10's B, in the units of the likes themselves."""
    vectors = form.item_vectors()
    if scale is not None:
        vectors /= scale[:, None]
    return Scorer(
        np.ascontiguousarray(vectors, dtype=dtype),
        lambda rows: form.queries(scaled_columns(rows, scale)),
    )


def scaled_columns(rows: sp.csr_array, scale: NDArray[np.float64] | None) -> sp.csr_array:
    """Rows times diag(scale)."""
    if scale is None:
        return rows
    data = rows.data * scale[rows.indices]
    return sp.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)


def _means(rows: sp.csr_array, V: NDArray[Any]) -> NDArray[Any]:
    speaks = np.asarray(V.any(axis=1), dtype=bool)
    speaking = rows.copy()
    if not speaks.all():
        speaking.data = np.where(speaks[rows.indices], rows.data, 0)
    sums = speaking @ V.astype(np.float64)
    weight = np.asarray(abs(speaking).sum(axis=1), dtype=np.float64)[:, None]
    means: NDArray[Any] = np.divide(sums, weight, out=np.zeros_like(sums), where=weight > 0)
    return means


def best(
    scorer: Scorer,
    rows: sp.csr_array,
    n: int,
    candidates: NDArray[np.bool_],
    factor: NDArray[np.float64] | None,
    n_jobs: int | None,
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The n best candidates a user, those of their row left out."""
    items = scorer.items
    if factor is not None:
        items = items * factor[:, None].astype(items.dtype)
    if not candidates.all():
        items = np.where(candidates[:, None], items, 0)
    found, scores = top_k_neighbors(
        scorer.users(rows), items, n, metric="dot", exclude=rows, n_jobs=n_jobs
    )
    return _without_silent(rows, candidates, found, scores)


def best_refined(
    op: CpuOperator,
    form: PrecisionForm,
    squares: NDArray[np.float64],
    scale: NDArray[np.float64] | None,
    regularization: float,
    diagonal: NDArray[np.float64],
    rows: sp.csr_array,
    n: int,
    candidates: NDArray[np.bool_],
    factor: NDArray[np.float64] | None,
    steps: int,
    n_jobs: int | None,
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The same with scores that `steps` conjugate gradients have refined."""
    threads = resolve_n_jobs(n_jobs)
    chosen = np.flatnonzero(candidates[op.active])
    columns = op.active[chosen]
    position = np.full(rows.shape[1], -1, dtype=np.int64)
    position[columns] = np.arange(len(columns))
    gain = -1 / diagonal[op.active]
    if scale is not None:
        gain /= scale[op.active]
    if factor is not None:
        gain *= factor[op.active]
    found = np.full((rows.shape[0], n), -1, dtype=np.int64)
    scores = np.full((rows.shape[0], n), -np.inf, dtype=op.dtype)
    inner = min(n, len(columns))
    if not inner:
        return found, scores
    scaled = scaled_columns(rows, scale)
    with serial_blas():
        P = Preconditioner(op, form, op.active)
        for start, stop in user_blocks(rows.shape[0], op):
            some = rows[start:stop]
            X = op.asarray(scaled[start:stop][:, op.active].toarray().T)
            Y = refine(op, P, squares[op.active], regularization, X, steps)
            Y = op.scale_rows(gain, Y)
            if len(chosen) < op.n_items:
                Y = np.ascontiguousarray(Y[chosen])
            pointers, excluded = without(some, position)
            at, value = _core.top_k_columns(Y, inner, pointers, excluded, n_threads=threads)
            found[start:stop, :inner] = np.where(at >= 0, columns[at], -1)
            scores[start:stop, :inner] = value
    return _without_silent(rows, candidates, found, scores)


def refined_scores(
    op: CpuOperator,
    form: PrecisionForm,
    squares: NDArray[np.float64],
    regularization: float,
    rows: sp.csr_array,
    steps: int,
) -> Iterable[tuple[int, int, NDArray[Any]]]:
    """Blocks of columns of the inverse times rows: (start, stop, (n_active, stop - start))."""
    P = Preconditioner(op, form, op.active)
    for start, stop in user_blocks(rows.shape[0], op):
        X = op.asarray(rows[start:stop][:, op.active].toarray().T)
        yield start, stop, refine(op, P, squares[op.active], regularization, X, steps)


def user_blocks(n_users: int, op: CpuOperator) -> Iterable[tuple[int, int]]:
    """Ranges of users whose arrays fit REFINE_BYTES."""
    column = REFINE_ARRAYS * op.n_items * op.dtype.itemsize
    size = int(np.clip(REFINE_BYTES // max(1, column) // 16 * 16, 16, 256))
    for start in range(0, n_users, size):
        yield start, min(start + size, n_users)


def without(
    rows: sp.csr_array, position: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The columns of each row as ascending positions among the candidates."""
    at = position[rows.indices]
    kept = at >= 0
    upto = np.concatenate([[0], np.cumsum(kept)])
    return upto[rows.indptr].astype(np.int64), at[kept]


def _without_silent(
    rows: sp.csr_array,
    candidates: NDArray[np.bool_],
    found: NDArray[np.int64],
    scores: NDArray[Any],
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Nothing is recommended to who says nothing."""
    silent = np.diff(rows.indptr) == 0
    found[silent], scores[silent] = -1, -np.inf
    return found, scores


def warn_of_silent(
    index: ItemIndex, V: NDArray[Any], counts: NDArray[np.int64], rows: sp.csr_array
) -> None:
    """Items without a vector say nothing: a warning each, an error if there are no others."""
    silent = [int(c) for c in rows.indices if not V[c].any()]
    if len(silent) == len(rows.indices):
        raise ItemWithoutLikesError(why_no_vector(index, counts, silent[0]))
    for column in silent:
        warnings.warn(why_no_vector(index, counts, column), UserWarning, stacklevel=3)


def as_table(index: ItemIndex, rows: NDArray[np.int64], scores: NDArray[Any]) -> pd.DataFrame:
    """Columns item, title (where known) and score."""
    columns: dict[str, Any] = {"item": index.ids[rows]}
    if index.titles is not None:
        columns["title"] = index.titles[rows]
    columns["score"] = scores
    return pd.DataFrame(columns)


def is_single(index: ItemIndex, items: Hashable | Iterable[Hashable]) -> bool:
    """Whether one item was asked for, not a list."""
    return (
        isinstance(items, (str, bytes))
        or not isinstance(items, Iterable)
        or (isinstance(items, tuple) and index.is_id(items))
    )


def why_no_vector(index: ItemIndex, counts: NDArray[np.int64], row: int) -> str:
    """A sentence for an item whose embedding is zero."""
    name = repr(index.ids.tolist()[row]) if index.titles is None else repr(index.titles[row])
    if counts[row] == 0:
        return f"{name} has no embedding: nobody liked it"
    return f"{name} has no embedding: none of the users who liked it liked anything else"
