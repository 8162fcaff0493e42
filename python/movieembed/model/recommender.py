"""What `recommend` goes by: vectors of the likes in a weighting of its own, and ridges.

The embedding is the exercise's. But a person who likes everything says less with each like than one
who likes little, and half-weighted people make better lists on nearly all data. So the recommender
has vectors of its own, found from the embedding in a few passes over the likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed._base.threads import serial_blas
from movieembed.data.distributed.likes import DistributedLikes
from movieembed.data.likes import Likes
from movieembed.model.holdout import USUAL, choose, coarse, row_length, vectors_of
from movieembed.model.precision import PrecisionForm, ridges
from movieembed.operators.build import Prepared, prepare
from movieembed.operators.protocol import LeavesOutUsers
from movieembed.operators.units import times
from movieembed.operators.weighting import Weighting
from movieembed.solvers.size import FitSize, check_room

PATH = ("regularization", "refine", "ndcg", "stderr")


@dataclass(frozen=True)
class Recipe:
    """How a recommender is to be made.

    Attributes
    ----------
    weighting : Weighting
        Of the likes that it goes by.
    power : float
        Of the ridges, see :func:`movieembed.model.precision.ridges`.
    regularization : float or "auto"
        lambda; "auto" is chosen by lists for people who are held out.
    refine : int or "auto"
        Steps; "auto" is chosen with lambda.
    """

    weighting: Weighting
    power: float
    regularization: float | Literal["auto"] = "auto"
    refine: int | Literal["auto"] = "auto"


@dataclass(frozen=True, eq=False)
class Recommender:
    """The vectors and ridges that `recommend` goes by.

    Attributes
    ----------
    vectors : ndarray, shape (n_items, n_components)
        Of the weighted likes over `unit`; zero for unembedded items.
    squares : ndarray of float64, shape (n_items,)
        Diagonal of their Gram matrix.
    scale : ndarray of float64, shape (n_items,), or None
        The factors of the items, where the weighting scales them.
    unit : float
        A power of two.
    weighting : Weighting
    power : float
    regularization : float
        lambda, in the units of the likes.
    refine : int
        Steps.
    path : DataFrame or None
        regularization, refine and NDCG of all that was tried.
    """

    vectors: NDArray[Any]
    squares: NDArray[np.float64]
    scale: NDArray[np.float64] | None
    unit: float
    weighting: Weighting
    power: float
    regularization: float
    refine: int
    path: pd.DataFrame | None = None

    def ridge(self, regularization: float) -> NDArray[np.float64]:
        """What a lambda adds to the diagonal of the Gram matrix."""
        return ridges(self.squares, times(regularization, self.unit, -2), self.power)

    def form(self, regularization: float) -> PrecisionForm:
        """The precision form at a lambda."""
        return PrecisionForm(self.vectors, self.squares, self.ridge(regularization))


def weighed(
    likes: Likes | DistributedLikes,
    embedding: NDArray[Any],
    same: bool,
    weighting: Weighting,
    backend: str,
    n_jobs: int,
) -> tuple[Prepared, NDArray[Any]]:
    """The likes as a weighting has them, and vectors of theirs, in a few passes.

    Parameters
    ----------
    likes : Likes or DistributedLikes
    embedding : ndarray, shape (n_items, n_components)
        Of the likes in some weighting.
    same : bool
        Whether that is this weighting: then the vectors are the embedding's.
    weighting : Weighting
    backend : str
        See :func:`movieembed.operators.build.prepare`.
    n_jobs : int
        Threads.

    Returns
    -------
    prepared : Prepared
    vectors : ndarray, shape (n_items, n_components)
        Over the unit of the operator; zero for unembedded items.
    """
    if isinstance(likes, Likes) and backend == "cpu" and not same:
        check_memory(likes, embedding)
    prepared = prepare(backend, likes, weighting, embedding.dtype, n_jobs)
    prepared = prepared if same else coarse(prepared)
    op = prepared.op
    vectors = np.zeros(embedding.shape, dtype=op.dtype)
    if same:
        vectors[:] = embedding / embedding.dtype.type(op.unit)
    elif op.n_items:
        with serial_blas():
            vectors[op.active] = vectors_of(op, embedding)
    return prepared, vectors


def check_memory(likes: Likes, embedding: NDArray[Any]) -> None:
    """Raise MemoryError, before anything is done, for vectors that this machine cannot hold."""
    size = FitSize(
        n_users=likes.n_users,
        n_items=likes.n_items,
        n_liked=int((likes.item_counts > 0).sum()),
        n_likes=likes.n_likes,
        weighted=True,
        n_components=embedding.shape[1],
        solver="eigen",
        dtype=np.dtype(np.float32),
    )
    check_room(size, "what lists go by")


def made(
    likes: Likes | DistributedLikes,
    prepared: Prepared,
    vectors: NDArray[Any],
    recipe: Recipe,
    n_jobs: int,
) -> Recommender:
    """Make a recommender.

    Parameters
    ----------
    likes : Likes or DistributedLikes
    prepared : Prepared
    vectors : ndarray, shape (n_items, n_components)
        As `weighed` finds them.
    recipe : Recipe
    n_jobs : int
        Threads.

    Returns
    -------
    Recommender

    Notes
    -----
    A few passes over the likes that are left where people are held out.
    """
    unit, choice = prepared.op.unit, USUAL
    assert prepared.item_squares is not None
    if recipe.regularization == "auto" and isinstance(likes, Likes):
        with serial_blas():
            near = prepared
            if not isinstance(near.op, LeavesOutUsers):
                near = prepare("cpu", likes, recipe.weighting, vectors.dtype, n_jobs)
            choice = choose(likes.matrix, near, vectors, recipe.power, recipe.refine, n_jobs)
    length = float(times(row_length(prepared.op), unit, 2))
    path = choice.path
    if path is not None:
        path = path.assign(regularization=path["multiple"] * length).drop(columns="multiple")
        path = path[list(PATH)]
    value = choice.multiple * length if recipe.regularization == "auto" else recipe.regularization
    return Recommender(
        vectors=vectors,
        squares=times(prepared.item_squares, unit, -2),
        scale=prepared.item_scale,
        unit=unit,
        weighting=recipe.weighting,
        power=recipe.power,
        regularization=max(float(value), float(np.finfo(np.float64).tiny)),
        refine=choice.refine if recipe.refine == "auto" else int(recipe.refine),
        path=path,
    )
