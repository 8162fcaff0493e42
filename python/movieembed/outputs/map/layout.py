"""Positions of a model's items in the plane, by PCA or t-SNE.

Why these two methods, and why t-SNE comes from openTSNE, is told in docs/map.md.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed._base.message import Message, Parameter
from movieembed._base.progress import progress_bar
from movieembed._base.threads import resolve_n_jobs, serial_blas
from movieembed._base.validation import check_integer
from movieembed.exceptions import ParameterError
from movieembed.model.embedding import Embedding
from movieembed.model.neighbors import embedded, top_k_neighbors, unit_rows

Method = Literal["auto", "tsne", "pca"]
METHODS = ("auto", "tsne", "pca")
# Neighbours that t-SNE pulls together: with 15 some groups fly off, beyond 30 they blur.
PULL = 30
# Below this t-SNE has nothing to arrange.
FEWEST_FOR_TSNE = 10
# Items up to which trees beat the Fourier transform's fixed cost; openTSNE says 10,000.
TREES = 2000


def layout(
    model: Embedding,
    method: Method = "auto",
    *,
    min_likes: int = 0,
    random_state: int = 0,
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Positions of a model's items in the plane: near each other what the same people liked.

    Parameters
    ----------
    model : MovieEmbedding
        Fitted.
    method : {"auto", "tsne", "pca"}, default="auto"
        "tsne" keeps each item's nearest ones near it and needs openTSNE, the extra ``map``; "pca"
        is the two widest directions of the unit vectors, and takes no time. "auto" is "tsne" where
        openTSNE is installed, else "pca".
    min_likes : int, default=0
        Leave out items with fewer likes.
    random_state : int, default=0
        Seed of "tsne".
    n_jobs : int, optional
        Threads; None and -1 use all cores.

    Returns
    -------
    ndarray, shape (n_items, 2)
        NaN for unembedded items, which have no vector, and for those left out.

    Raises
    ------
    ImportError
        When openTSNE is asked for and is not installed, with the command that installs it.
    ValueError, TypeError
        When an argument is not what is documented.
    NotFittedError
        Before `fit`.

    Notes
    -----
    t-SNE of the exact 30 nearest neighbours, as `similar` finds them, started from the PCA, so that
    what is far apart in the plane was far apart before; see Kobak and Berens, Nature Communications
    2019.

    Examples
    --------
    >>> import movieembed as me
    >>> model = me.MovieEmbedding(2, random_state=0).fit([[1, 1, 0, 1], [1, 1, 1, 0], [0, 1, 1, 0]])
    >>> me.layout(model, "pca").shape
    (4, 2)
    """
    shown = shown_items(model, min_likes)
    positions = np.full((len(model.items_), 2), np.nan)
    U = unit_vectors(model, shown)
    positions[shown] = arranged(U, method, random_state, n_jobs)
    return positions


def shown_items(model: Embedding, min_likes: int) -> NDArray[np.intp]:
    """Columns of the items on a map: embedded, and with at least `min_likes` likes."""
    model._fitted_items()
    enough = model.item_counts_ >= check_integer(min_likes, "min_likes")
    return np.flatnonzero(embedded(model.embedding_) & enough)


def unit_vectors(model: Embedding, shown: NDArray[np.intp]) -> NDArray[np.float64]:
    """Vectors of the shown items, each of length one, as `similar` compares them."""
    fitted = model._fitted_items()
    vectors = fitted.directions(fitted.check_method(None, "weighted"))
    return unit_rows(vectors[shown].astype(np.float64))


def arranged(
    U: NDArray[np.float64], method: Method, random_state: int, n_jobs: int | None
) -> NDArray[np.float64]:
    """Positions of unit vectors in the plane, by the method that is asked for."""
    if method not in METHODS:
        raise ParameterError(f"method must be one of {METHODS}, not {method!r}", "method")
    installed = find_spec("openTSNE") is not None
    if method == "tsne" and not installed:
        what = "{method=} needs openTSNE: pip install 'movieembed[map]'; or take {other}"
        raise ImportError(Message(what, method=method, other=Parameter("method", "pca")))
    start = _principal(U)
    if method == "pca" or not installed or len(U) < FEWEST_FOR_TSNE:
        return start
    return _tsne(U, start, check_integer(random_state, "random_state"), n_jobs)


def nearest(
    U: NDArray[np.float64], k: int, n_jobs: int | None
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The k other rows with the largest cosine to each unit vector, and these cosines."""
    n = len(U)
    own = sp.csr_array((np.ones(n), np.arange(n), np.arange(n + 1)), shape=(n, n))
    U = U.astype(np.float32)
    return top_k_neighbors(U, U, k, metric="dot", exclude=own, n_jobs=n_jobs)


def _principal(U: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates along the two widest directions; the sign makes the largest entry positive."""
    out = np.zeros((len(U), 2))
    if not len(U):
        return out
    with serial_blas():
        centred = U - U.mean(axis=0)
        axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :2]
        along = centred @ axes
    largest = np.take_along_axis(along, np.abs(along).argmax(axis=0)[None], axis=0)
    out[:, : along.shape[1]] = along * np.where(largest < 0, -1.0, 1.0)
    return out


def _tsne(
    U: NDArray[np.float64], start: NDArray[np.float64], random_state: int, n_jobs: int | None
) -> NDArray[np.float64]:
    """Coordinates by t-SNE on the exact nearest neighbours, from a start in the plane."""
    from openTSNE import TSNE
    from openTSNE.affinity import Uniform
    from openTSNE.initialization import rescale
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    k = min(PULL, len(U) - 1)
    rows, cosines = nearest(U, k, n_jobs)
    distances = np.sqrt(np.maximum(2 - 2 * cosines, 0))
    neighbors = PrecomputedNeighbors(rows, distances)
    # Pairs that either item calls near; by default older versions average, and warn.
    pairs = Uniform(None, k_neighbors=k, knn_index=neighbors, symmetrize="max")
    bar = progress_bar(750, "t-SNE", "it", None)
    solver = TSNE(
        early_exaggeration_iter=250,
        n_iter=500,
        callbacks=lambda *_: bar.update(10) and None,
        callbacks_every_iters=10,
        initialization=rescale(start),
        negative_gradient_method="fft" if len(U) > TREES else "bh",
        n_jobs=resolve_n_jobs(n_jobs) or _core.max_threads(),
        random_state=random_state,
    )
    with bar:
        return np.array(solver.fit(affinities=pairs), dtype=np.float64)
