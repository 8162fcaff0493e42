"""Item embeddings from likes: the fit and what a fitted model answers.

`Embedding` is all of `movieembed.MovieEmbedding` but scikit-learn's part, whose import takes longer
than a fit of MovieLens small: the command line does without.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.finite import check_finite
from movieembed._base.gpu_arrays import on_gpu_of, on_host
from movieembed._base.threads import resolve_n_jobs, serial_blas
from movieembed.data.distributed.likes import DistributedLikes
from movieembed.data.given_cooccurrence import Cooccurrence
from movieembed.data.likes import Likes
from movieembed.model import file, fitting, npz
from movieembed.model.checkpoint import Checkpoint
from movieembed.model.delegation import Fitted
from movieembed.model.fitted_items import FittedItems
from movieembed.model.parameters import Parameters
from movieembed.model.questions import Questions
from movieembed.operators.build import backend_of, prepare
from movieembed.operators.units import times
from movieembed.solvers import HistoryEntry


class Embedding(Questions, Parameters):
    """Item embeddings at the optimum of the masked co-occurrence objective.

    Finds V, one row v_i an item, that minimises

        c(V) = sum over i != j of (v_i . v_j - X_ij)^2,

    where X_ij is the number of users who liked both i and j.

    Parameters
    ----------
    n_components : int, default=50
        Length of an item's vector, d. Components beyond the rank of the likes are zero.
    solver : {"eigen", "als", "gd", "momentum", "adam", "lbfgs"}, default="eigen"
        "eigen" is a block eigenvalue method and reaches the optimum in a few passes over the likes;
        "als" is alternating least squares; the others are the descents of the exercise.
    learning_rate : float or "exact", default="exact"
        Step length of the descents. "exact" goes to the minimum along each direction, which is
        known in closed form. A number is used as it is; too large a one ends in a DivergenceError.
    momentum : float, default=0.9
        Decay of the velocity of solver="momentum", in [0, 1).
    init : "random" or ndarray of shape (n_items, n_components), default="random"
        Where to start.
    tol : float, default=1e-8
        Stop when the estimated distance of the cost to the optimum is at most `tol` times the cost.
        The estimate extrapolates the last decreases; and a run counts as converged only if no
        direction outside V's column space would lower the cost: it is no saddle, but may be a local
        minimum. With few items there are such; "eigen" then compares several starts.
    max_iter : int, optional
        Most iterations; by default 1000 for "eigen", "als" and "lbfgs" and 2000 for the
        others. A ConvergenceWarning tells when they were too few.
    item_scaling : float or "cosine", default=0
        X_ij is divided by (c_i c_j)^(item_scaling / 2), c_i the likes of item i: at 1 ("cosine") it
        is the cosine of the two columns of likes. Popular items then weigh less.
    user_weighting : float or "inverse", default=0
        A user counts as (number of likes)^-user_weighting: at 1 ("inverse") users who like
        everything weigh no more than others.
    entry_weighting : {None, "log1p", "ppmi"}, default=None
        Of the entries of X, log(1 + X_ij) or positive pointwise mutual information. Forms X, which
        must fit in half of the memory, and leaves no Gram matrix: `recommend` then goes by cosine.
    regularization : float or "auto", default="auto"
        lambda of `recommend` and ``similar(method="precision")``. "auto" takes the one with the
        best lists for people who are held out, when it is first needed: about a fit's time.
    refine : int or "auto", default="auto"
        Steps of `recommend` towards the dense linear model, at most 1000; "auto" is chosen with
        lambda, and 0 where the model does not keep its likes.
    recommend_weighting : float, "inverse" or "auto", default="auto"
        `user_weighting` of the likes that `recommend` goes by; the embedding never depends on it.
        "auto" is 0.5 where X is of counts, and else as X.
    regularization_power : float or "auto", default="auto"
        An item's lambda grows with this power of its likes, from 0 to 1. "auto" is 0.25 where X is
        of counts, and else 0.
    keep_likes : bool, default=True
        Keep the likes with the model, and in its file (of distributed likes a reference, and not in
        the file): without them lists are worse.
    keep_unliked : bool, default=False
        Let a descent move the vectors of items that nobody liked too, from the start's values
        towards zero, as the exercise does. Otherwise they are zero, as at the optimum, from the
        start on, which lowers the costs in `history_`.
    dtype : {"float64", "float32"}, default="float64"
        Of the embedding and of the work. float32 halves time and memory, to 1e-5 of the optimum.
    random_state : int, numpy Generator, RandomState or None, default=None
        Draws the random start. The same seed gives the same bits, at any number of threads.
    backend : {"auto", "cpu", "cuda", "dask"}, default="auto"
        Where the work is done: on this machine's cores, on an NVIDIA GPU (extra ``cuda12`` or
        ``cuda13``), or on the workers of a Dask client (extra ``dask``): that of DistributedLikes,
        else the current one. "auto" is where the likes are: "cuda" for a matrix of CuPy. With
        "cuda" refined lists are made on the GPU too, or on the cores where no GPU can be used.
    n_jobs : int, optional
        Threads; None uses all cores.
    checkpoint : path, optional
        A file in which the fit keeps its best embedding so far, in a twentieth of its time. A fit
        that finds the file goes on from there: `max_iter`, `n_iter_` and `history_` count all
        iterations. The velocity of "momentum" and "adam" is not kept. The file goes when a fit has
        converged. One of other likes or parameters is an error.
    callback : callable, optional
        Called after every iteration with (iteration, cost, gradient_norm, seconds); a true result
        ends the fit with the best embedding so far.
    verbose : bool or None, default=False
        Show a progress bar; None shows one where standard error is a terminal.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_items, n_components)
        V, one row an item: the transpose of the exercise's. Zero for items that nobody liked
        together with another. Columns are the principal axes, the longest first, each with its
        largest entry positive.
    eigenvalues_ : ndarray of shape (n_components,)
        Squared lengths of the columns.
    cost_ : float
        c(V) in float64.
    gap_ : float
        Estimated relative distance of the cost to the minimum that the fit is near; inf: not known.
    converged_ : bool
        Whether `gap_` came down to `tol`.
    stop_reason_ : str
        "converged", "exact" (the rank of the likes is at most n_components and the cost 0),
        "max_iter", "callback", "interrupted", or "empty" (no two items share a user).
    n_iter_ : int
        Iterations done.
    history_ : DataFrame
        One row an iteration, 0 the start: iteration, cost, gradient_norm, seconds.
    items_ : ndarray of shape (n_items,)
        Item ids.
    titles_ : ndarray of str of shape (n_items,) or None
    item_counts_ : ndarray of int64 of shape (n_items,)
        Likes of each item; of a Cooccurrence how many others each occurs with.
    item_squares_ : ndarray of float64 of shape (n_items,) or None
        Diagonal of the (scaled) Gram matrix L'L; None with `entry_weighting` and of a Cooccurrence.
    item_scale_ : ndarray of float64 of shape (n_items,) or None
        The factors of `item_scaling`.
    regularization_ : float
        lambda in use.
    regularization_path_ : DataFrame or None
        regularization, refine, ndcg and stderr of all that was tried for it.
    likes_ : csr_array of shape (n_users, n_items) or None
        With `keep_likes`.
    users_ : ndarray of shape (n_users,) or None
        Ids of the rows of `likes_`.
    item_table_ : DataFrame of n_items rows, or None
        The table of items that the likes came with.
    threshold_ : float or None
        Lowest rating that was a like; None where the likes came without ratings.
    n_features_in_, feature_names_in_
        n_items, and column names of a DataFrame, as scikit-learn has them.

    See Also
    --------
    cost, gradient : The objective alone.

    Notes
    -----
    A pass over the likes costs 4 nnz d flops, and X is never formed. On the solvers see
    `movieembed.solvers`. The problem is an exercise of Princeton COS 402 (2016).

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> likes = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 1, 1]])
    >>> model = me.MovieEmbedding(n_components=2, random_state=0).fit(likes)
    >>> model.embedding_.shape
    (4, 2)
    >>> model.similar(0, n=1)["item"].tolist()
    [1]
    """

    embedding_ = Fitted[NDArray[Any]]("embedding")
    items_ = Fitted[NDArray[Any]]("items")
    titles_ = Fitted[NDArray[np.object_] | None]("titles")
    item_counts_ = Fitted[NDArray[np.int64]]("item_counts")
    item_squares_ = Fitted[NDArray[np.float64] | None]("item_squares")
    item_scale_ = Fitted[NDArray[np.float64] | None]("item_scale")
    regularization_ = Fitted[float]("regularization")
    regularization_path_ = Fitted[pd.DataFrame | None]("regularization_path")
    likes_ = Fitted[sp.csr_array | None]("likes")
    users_ = Fitted[NDArray[Any] | None]("users")
    item_table_ = Fitted[pd.DataFrame | None]("item_table")
    threshold_ = Fitted[float | None]("threshold")
    eigenvalues_: NDArray[np.float64]
    cost_: float
    gap_: float
    converged_: bool
    stop_reason_: str
    n_iter_: int
    history_: pd.DataFrame
    _fitted: FittedItems | None = None

    def fit(self, X: Likes | Any, y: Any = None) -> Self:
        """Find the embedding.

        Parameters
        ----------
        X : Likes, DistributedLikes, Cooccurrence, or matrix or frame of shape (n_users, n_items)
            1 where the user (row) liked the item (column, in a frame its id), or real weights; on a
            GPU too (CuPy). A table with a row a rating goes to `Likes.from_ratings`.
        y : None
            Ignored; scikit-learn's convention.

        Returns
        -------
        self
            Fitted.

        Raises
        ------
        TypeError, ValueError
            When a parameter or the data is not what is documented.
        DivergenceError
            When a learning rate was too large.
        MemoryError
            When the fit would need more memory than there is, before it begins.

        Notes
        -----
        Ctrl-C ends the fit with the best embedding so far and a warning.

        Examples
        --------
        >>> import movieembed as me
        >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
        >>> model.embedding_.shape, model.stop_reason_
        ((3, 1), 'converged')
        """
        self._check()
        self._fitted = None  # a fit that fails must not leave half of each
        weighting = self._weighting()
        backend = backend_of(X) if self.backend == "auto" else self.backend
        likes = self._as_likes(on_host(X))
        threads = resolve_n_jobs(self.n_jobs)
        fitting.check_memory(likes, self, backend)
        init = fitting.check_init(self.init, likes.n_items, self.n_components)
        checkpoint = None
        if self.checkpoint is not None:
            checkpoint = Checkpoint(self.checkpoint, likes, self.n_components, weighting)
        with serial_blas(), on_gpu_of(X):
            prepared = prepare(
                backend, likes, weighting, self.dtype, threads, keep_all=self.keep_unliked
            )
            op = prepared.op
            start = fitting.start_of(op, init, checkpoint)
            with nullcontext() if checkpoint is None else checkpoint.guard():
                solution = fitting.solved(op, self, start, checkpoint)
                V, eigenvalues = fitting.item_vectors(op, solution, self.n_components)
                cost = fitting.final_cost(op, solution, V)
        history = solution.history if checkpoint is None else checkpoint.done(solution)
        self.history_ = pd.DataFrame(history, columns=list(HistoryEntry._fields))
        self.gap_, self.converged_ = solution.gap, solution.converged
        self.stop_reason_, self.n_iter_ = solution.reason, solution.n_iter
        unit = op.unit
        self.cost_, self.eigenvalues_ = times(cost, unit, 4), times(eigenvalues, unit, 2)
        embedding = np.zeros((likes.n_items, self.n_components), dtype=self.dtype)
        embedding[op.active] = V * V.dtype.type(unit)
        check_finite(embedding, "the embedding")
        self._fitted = fitting.fitted_items(likes, self, prepared, embedding, backend)
        fitting.warn_of_the_end(solution, self.cost_, self.solver)
        return self

    def refit(self, X: Likes | Any) -> Self:
        """A model of more likes, started from this one's embedding.

        Parameters
        ----------
        X : Likes, Cooccurrence, or matrix or data frame of shape (n_users, n_items)
            All likes, old and new, of any users. Items are found again by id, in a frame by
            column; a matrix has this model's columns first, and perhaps more behind them.

        Returns
        -------
        MovieEmbedding
            Newly fitted, with this model's parameters; this one stays as it is. Its items are this
            model's, in their order, also those that nobody likes any more, and then the new ones.

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError, ValueError
            As `fit`, and when a matrix has fewer columns than there are items.

        Notes
        -----
        It reaches the optimum that a fit from scratch reaches, in fewer passes.

        Examples
        --------
        >>> import movieembed as me
        >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
        >>> model.refit([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1]]).embedding_.shape
        (4, 1)
        """
        fitted = self._fitted_items()
        likes = fitting.likes_with_items_first(X, fitted)
        start = np.zeros((likes.n_items, self.n_components), dtype=self.embedding_.dtype)
        start[: len(fitted)] = fitted.embedding
        again = type(self)(**self._parameters())
        again.init = start if start.any() else "random"
        again.backend = backend_of(X) if self.backend == "auto" else self.backend
        again.fit(likes)
        again.init, again.backend = self.init, self.backend
        return again

    def save(self, path: npz.Place) -> None:
        """Write the fitted model to a file that holds arrays and JSON, nothing executable.

        Parameters
        ----------
        path : path or binary file object
            A path usually ends in ".npz". What it leads to is written beside it first and renamed,
            so that no half file stays. A file object, such as ``io.BytesIO()``, is written to.

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError
            When item ids are neither numbers nor strings.
        OSError
            When the file cannot be written.

        Notes
        -----
        `callback`, an array given as `init` and a `random_state` that is not an integer are not
        kept. Nor are, with a warning, ids of users and columns of the table of items that are
        neither numbers nor text, such as dates.

        Examples
        --------
        >>> import os, tempfile
        >>> import movieembed as me
        >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(os.path.join(folder, "model.npz"))
        ...     me.load(os.path.join(folder, "model.npz")).cost_ == model.cost_
        True
        """
        file.write(path, self._fitted_items(), self._parameters(), vars(self))

    @classmethod
    def load(cls, path: npz.Place, *, mmap: bool = False) -> Self:
        """Read what `save` wrote; see :func:`movieembed.load`.

        Examples
        --------
        >>> import os, tempfile
        >>> import movieembed as me
        >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(os.path.join(folder, "model.npz"))
        ...     me.MovieEmbedding.load(os.path.join(folder, "model.npz"))
        MovieEmbedding(n_components=1, random_state=0)
        """
        with npz.reading(path, file.MODEL, mmap) as contents:
            model = cls._of(contents.field("params", dict))
            fitted = file.fitted_items(contents, model._weighting(), model._recipe())
            model._fitted = fitted
            vars(model).update(file.outcome(contents, fitted))
        return model

    def _fitted_items(self) -> FittedItems:
        """What answers, with the `refine`, `n_jobs` and `backend` that the model has now."""
        if self._fitted is None:
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(f"this {type(self).__name__} is not fitted yet: call fit first")
        self._fitted = self._fitted.with_settings(self.refine, self.n_jobs, self.backend)
        return self._fitted

    def _as_likes(self, X: Any) -> Likes | Cooccurrence | DistributedLikes:
        if not isinstance(X, Likes | Cooccurrence | DistributedLikes):
            raise TypeError(f"X must be Likes, not {type(X).__name__}")
        self._forget_columns(X.n_items)
        return X

    def _forget_columns(self, n_items: int) -> None:
        """Note the number of items; the names of a table's columns are not theirs."""
        self.n_features_in_ = n_items
        vars(self).pop("feature_names_in_", None)
