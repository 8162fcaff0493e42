"""Item embeddings from likes: the fit and what a fitted model answers.

`Embedding` is all of `movieembed.MovieEmbedding` but scikit-learn's part, whose import takes longer
than a fit of MovieLens small: the command line does without.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.gpu_arrays import on_host
from movieembed._base.threads import resolve_n_jobs, serial_blas
from movieembed._base.validation import (
    as_generator,
    check_count,
    check_embedding,
    check_integer,
    check_real,
)
from movieembed.data.distributed.likes import DistributedLikes, with_items_first
from movieembed.data.likes import Likes
from movieembed.model import file as model_file
from movieembed.model.checkpoint import Checkpoint
from movieembed.model.fitted_items import Recommender
from movieembed.model.regularization import choose_regularization
from movieembed.objective.cost import CANCELLED, identity_cost, identity_size
from movieembed.operators.build import BACKENDS, backend_of, prepare
from movieembed.operators.protocol import Operator
from movieembed.solvers import SOLVERS, HistoryEntry, Solution, solve

__all__ = ["Embedding"]

# Length of a row, relative to the longest, below which it is rounding.
NO_VECTOR = 1e-6


class Embedding(Recommender):
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
        On MovieLens small with 10 components "gd" reaches the optimum with 3e-5, "momentum" with
        1e-5 and "adam" with 0.1.
    momentum : float, default=0.9
        Decay of the velocity of solver="momentum", in [0, 1).
    init : "random" or ndarray of shape (n_items, n_components), default="random"
        Where to start.
    tol : float, default=1e-8
        Stop when the estimated distance of the cost to the optimum is at most `tol` times the cost.
        The estimate extrapolates the last decreases; and before a run counts as converged it is
        checked that no direction outside V's column space would lower the cost, so that it is not a
        saddle.
    max_iter : int, optional
        Most iterations; by default 200 for "eigen", 1000 for "als" and "lbfgs" and 2000 for the
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
        least leave-one-out error of the linear model over a sample of users.
    refine : int or "auto", default="auto"
        Steps of `recommend` towards the dense linear model; "auto" is 1 where the model keeps its
        likes and 0 where it does not.
    keep_likes : bool, default=False
        Keep the likes with the model, and in its file, for `refine`.
    dtype : {"float64", "float32"}, default="float64"
        Of the embedding and of the work. Costs are float64 in either case; float32 halves time and
        memory and finds the optimum to about 1e-5.
    random_state : int, numpy Generator, RandomState or None, default=None
        For the random start. The same seed and thread count give the same bits.
    backend : {"auto", "cpu", "cuda", "dask"}, default="auto"
        Where the work is done: on this machine's cores, on an NVIDIA GPU (with the extra ``cuda``),
        or on the workers of a Dask client (with the extra ``dask``): that of DistributedLikes, and
        for other likes the current one. "auto" is where the likes are: "cuda" for a matrix of CuPy,
        "dask" for DistributedLikes, else "cpu".
    n_jobs : int, optional
        Threads; None uses all cores.
    checkpoint : path, optional
        A file in which the fit keeps its best embedding so far: after the first iteration, and then
        so that writing takes at most a twentieth of the time. A fit that finds the file goes on
        from there, instead of from `init`, so that nothing is lost by Ctrl-C, a crash or a lost
        cluster; `max_iter`, `n_iter_` and `history_` count all iterations. The velocity of
        "momentum" and "adam" is not kept. The file goes when a fit has converged, and stays when it
        ended otherwise. One of other likes or parameters is an error.
    callback : callable, optional
        Called after every iteration with (iteration, cost, gradient_norm, seconds); a true result
        ends the fit with the best embedding so far.
    verbose : bool or None, default=False
        Show a progress bar; None shows one where standard error is a terminal.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_items, n_components)
        V, one row an item: the transpose of the exercise's. Zero for items that nobody liked
        together with another. Columns are the principal axes, by falling eigenvalue, each with its
        largest entry positive: the rotation that the objective leaves free is fixed.
    eigenvalues_ : ndarray of shape (n_components,)
        Squared lengths of the columns, the eigenvalues of V'V.
    cost_ : float
        c(V) in float64.
    gap_ : float
        Estimated distance of the cost to the optimum, relative to the cost; inf where it is not
        known.
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
        Likes of each item.
    item_squares_ : ndarray of float64 of shape (n_items,) or None
        Diagonal of the (scaled) Gram matrix L'L; None with `entry_weighting`.
    item_scale_ : ndarray of float64 of shape (n_items,) or None
        The factors of `item_scaling`; None without.
    regularization_ : float
        lambda in use.
    likes_ : csr_array of shape (n_users, n_items) or None
        With `keep_likes`.
    n_features_in_ : int
        n_items, in scikit-learn's words.
    feature_names_in_ : ndarray of shape (n_items,)
        Column names, when fitted on a DataFrame of users x items.

    See Also
    --------
    cost, gradient : The objective alone.

    Notes
    -----
    A pass over the likes costs 4 nnz d flops, and X is never formed. On the solvers see
    `movieembed.solvers`. The problem is the "Movie Embeddings" exercise of Princeton COS 402, fall
    2016.

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

    feature_names_in_: NDArray[Any]

    def __init__(
        self,
        n_components: int = 50,
        *,
        solver: str = "eigen",
        learning_rate: float | Literal["exact"] = "exact",
        momentum: float = 0.9,
        init: str | NDArray[Any] = "random",
        tol: float = 1e-8,
        max_iter: int | None = None,
        item_scaling: float | Literal["cosine"] = 0.0,
        user_weighting: float | Literal["inverse"] = 0.0,
        entry_weighting: Literal["log1p", "ppmi"] | None = None,
        regularization: float | Literal["auto"] = "auto",
        refine: int | Literal["auto"] = "auto",
        keep_likes: bool = False,
        dtype: Any = "float64",
        random_state: Any = None,
        backend: str = "auto",
        n_jobs: int | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        callback: Callable[[HistoryEntry], Any] | None = None,
        verbose: bool | None = False,
    ) -> None:
        self.n_components = n_components
        self.solver = solver
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.init = init
        self.tol = tol
        self.max_iter = max_iter
        self.item_scaling = item_scaling
        self.user_weighting = user_weighting
        self.entry_weighting = entry_weighting
        self.regularization = regularization
        self.refine = refine
        self.keep_likes = keep_likes
        self.dtype = dtype
        self.random_state = random_state
        self.backend = backend
        self.n_jobs = n_jobs
        self.checkpoint = checkpoint
        self.callback = callback
        self.verbose = verbose

    def fit(self, X: Likes | Any, y: Any = None) -> Self:
        """Find the embedding.

        Parameters
        ----------
        X : Likes, DistributedLikes, or sparse or dense matrix of shape (n_users, n_items)
            A matrix holds 1 where the user (row) liked the item (column), or real weights. It may
            be on a GPU (CuPy).
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
        self._check_parameters()
        self.__dict__.pop("embedding_", None)  # a refit that fails must not leave half of each
        backend = backend_of(X) if self.backend == "auto" else self.backend
        likes = self._as_likes(on_host(X))
        threads = resolve_n_jobs(self.n_jobs)
        init = self.init
        if not isinstance(init, str):
            init = check_embedding(on_host(init), likes.n_items, "init")
            if init.shape[1] != self.n_components:
                raise ValueError(
                    f"init has {init.shape[1]} columns for n_components={self.n_components}"
                )
        weighting = self._weighting()
        checkpoint = None
        if self.checkpoint is not None:
            checkpoint = Checkpoint(self.checkpoint, likes, self.n_components, weighting)
        with serial_blas():
            op, self.item_scale_, self.item_squares_ = prepare(
                backend, likes, weighting, self.dtype, threads
            )
            start = None if isinstance(init, str) else init[op.active]
            if checkpoint is not None and (kept := checkpoint.start(op.n_items)) is not None:
                start = kept
            with nullcontext() if checkpoint is None else checkpoint.guard():
                if op.n_items == 0:
                    solution = self._nothing_to_learn(op)
                else:
                    solution = self._solution(op, start, checkpoint)
                V, self.eigenvalues_ = principal_axes(op.to_host(solution.V), self.n_components)
                # Rows that are zero at the optimum come out as rounding, which has no direction.
                lengths = np.linalg.norm(V, axis=1)
                V[lengths <= NO_VECTOR * lengths.max(initial=0)] = 0
                embedding = np.zeros((likes.n_items, self.n_components), dtype=self.dtype)
                embedding[op.active] = V
                self.cost_ = self._final_cost(op, solution, V)
                self.regularization_ = self._regularization(op, V)
        self.likes_ = None
        if self.keep_likes:
            assert isinstance(likes, Likes)
            self.likes_ = likes.matrix
        for cached in ("_operator_", "_form_"):
            self.__dict__.pop(cached, None)
        self.gap_ = solution.gap
        self.converged_ = solution.converged
        self.stop_reason_ = solution.reason
        self.n_iter_ = solution.n_iter
        history = solution.history
        if checkpoint is not None:
            checkpoint.done(solution.converged)
            if checkpoint.past:
                history = [*checkpoint.past, *history[1:]]
        self.embedding_ = embedding
        self.history_ = pd.DataFrame(history, columns=list(HistoryEntry._fields))
        self.items_ = likes.items
        self.titles_ = likes.titles
        self.item_counts_ = likes.item_counts
        self._index = likes.item_index()
        self._warn_of_the_end()
        return self

    def refit(self, X: Likes | Any) -> Self:
        """A model of more likes, started from this one's embedding.

        Parameters
        ----------
        X : Likes, or sparse or dense matrix of shape (n_users, n_items)
            All likes, old and new, of any users. Items are found again by their ids. A matrix
            without ids must have this model's columns first, and may have more behind them.

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
        self._check_fitted()
        likes = self._continued(X)
        again = type(self)(
            **{name: getattr(self, name) for name in model_file.parameters(type(self))}
        )
        start = np.zeros((likes.n_items, self.n_components), dtype=self.embedding_.dtype)
        start[: len(self.embedding_)] = self.embedding_
        again.init = start if start.any() else "random"
        again.backend = backend_of(X) if self.backend == "auto" else self.backend
        again.fit(likes)
        again.init, again.backend = self.init, self.backend
        return again

    def _continued(self, X: Any) -> Likes | DistributedLikes:
        """Likes with this model's items first."""
        if isinstance(X, DistributedLikes):
            with_items_first(X, self.items_.tolist())
            return X
        old = self.items_.tolist()
        titles = {} if self.titles_ is None else dict(zip(old, self.titles_, strict=True))
        if isinstance(X, Likes):
            given, matrix, users = X.items.tolist(), X.matrix, X.users
            if X.titles is not None:
                titles.update(zip(given, X.titles, strict=True))
        else:
            matrix, users = Likes.from_matrix(X).matrix, None
            if matrix.shape[1] < len(old):
                raise ValueError(
                    f"the matrix has {matrix.shape[1]} columns, fewer than the {len(old)} items of "
                    "the model; pass Likes, whose columns have ids"
                )
            fresh = range(len(old), matrix.shape[1])
            if set(fresh) & set(old):
                raise ValueError(
                    "the model's item ids are not column numbers, so new columns have no ids: pass "
                    "Likes"
                )
            given = [*old, *fresh]
        place = {item: column for column, item in enumerate(old)}
        for item in given:
            place.setdefault(item, len(place))
        columns = np.array([place[item] for item in given], dtype=np.int64)
        moved = sp.csr_array(
            (matrix.data, columns[matrix.indices], matrix.indptr),
            shape=(matrix.shape[0], len(place)),
        )
        names = [titles.get(item, "") for item in place] if titles else None
        return Likes.from_matrix(moved, users=users, items=list(place), titles=names)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to a file that holds arrays and JSON, nothing executable.

        Parameters
        ----------
        path : path
            Usually ending in ".npz". Written beside it first and renamed, so that no half file
            stays.

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
        kept.

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
        self._check_fitted()
        model_file.write(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
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
        return model_file.read(cls, path)

    def _check_parameters(self) -> None:
        check_count(self.n_components, "n_components")
        if self.max_iter is not None:
            check_count(self.max_iter, "max_iter")
        if not isinstance(self.solver, str) or self.solver not in SOLVERS:
            raise ValueError(f"solver must be one of {sorted(SOLVERS)}, not {self.solver!r}")
        known = ["auto", *sorted(BACKENDS)]
        if not isinstance(self.backend, str) or self.backend not in known:
            raise ValueError(f"backend must be one of {known}, not {self.backend!r}")
        rate = self.learning_rate
        if isinstance(rate, str):
            if rate != "exact":
                raise ValueError(f"learning_rate must be a number or 'exact', not {rate!r}")
        else:
            check_real(rate, "learning_rate", low=0.0, open_low=True)
            if not SOLVERS[self.solver].uses_learning_rate:
                raise ValueError(
                    f"solver={self.solver!r} takes no learning rate; leave learning_rate='exact'"
                )
        check_real(self.momentum, "momentum", low=0.0)
        if self.momentum >= 1:
            raise ValueError(f"momentum must be in [0, 1), not {self.momentum}")
        check_real(self.tol, "tol", low=0.0)
        if self.dtype not in ("float32", "float64", np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, not {self.dtype!r}")
        if isinstance(self.init, str) and self.init != "random":
            raise ValueError(f"init must be 'random' or an array, not {self.init!r}")
        if isinstance(self.regularization, str):
            if self.regularization != "auto":
                raise ValueError(
                    f"regularization must be a number or 'auto', not {self.regularization!r}"
                )
        else:
            check_real(self.regularization, "regularization", low=0.0, open_low=True)
        if isinstance(self.refine, str):
            if self.refine != "auto":
                raise ValueError(f"refine must be an integer or 'auto', not {self.refine!r}")
        elif check_integer(self.refine, "refine") and not self.keep_likes:
            raise ValueError(f"refine={self.refine} needs keep_likes=True")
        if not isinstance(self.keep_likes, bool | np.bool_):
            raise TypeError(f"keep_likes must be true or false, not {self.keep_likes!r}")
        self._weighting()
        if not isinstance(self.checkpoint, str | os.PathLike | None):
            raise TypeError(f"checkpoint must be a path or None, not {self.checkpoint!r}")
        if self.callback is not None and not callable(self.callback):
            raise TypeError(f"callback must be callable, not {self.callback!r}")

    def _as_likes(self, X: Any) -> Likes | DistributedLikes:
        if not isinstance(X, Likes | DistributedLikes):
            raise TypeError(f"X must be Likes, not {type(X).__name__}")
        if isinstance(X, DistributedLikes) and self.keep_likes:
            raise ValueError(
                "keep_likes=True would bring the likes of all workers here: leave it out, and "
                "recommend without refinement"
            )
        self.__dict__.pop("feature_names_in_", None)
        self.n_features_in_ = X.n_items
        return X

    def _solution(
        self, op: Operator, start: NDArray[Any] | None, checkpoint: Checkpoint | None
    ) -> Solution:
        """Solve from a V, or from a random one."""
        return solve(
            op,
            self.solver,
            self.n_components,
            rng=as_generator(self.random_state),
            V0=None if start is None else op.asarray(start),
            learning_rate=self.learning_rate,
            decay=self.momentum,
            max_iter=self.max_iter,
            tol=self.tol,
            callback=self.callback,
            progress=self.verbose,
            checkpoint=checkpoint,
        )

    def _nothing_to_learn(self, op: Operator) -> Solution:
        """The zero embedding is optimal where X is zero."""
        V = np.zeros((0, self.n_components), dtype=self.dtype)
        return Solution(V, 0.0, 0.0, True, "empty", [HistoryEntry(0, 0.0, 0.0, 0.0)])

    def _final_cost(self, op: Operator, solution: Solution, V: NDArray[Any]) -> float:
        """The cost of the embedding that is returned, with its digits in either dtype."""
        if op.n_items == 0:
            return 0.0
        known = solution.cost
        wide = op.in_precision(np.float64)
        there = wide.asarray(V)
        G, n = wide.moments(there)
        if wide is not op:
            known = identity_cost(wide, G, n, wide.quadratic_form(there))
        if known > CANCELLED * identity_size(wide, G, n):
            return known
        return op.exact_cost(V)

    def _regularization(self, op: Operator, V: NDArray[Any]) -> float:
        if self.item_squares_ is None:
            return 1.0
        if self.regularization != "auto":
            return float(self.regularization)
        if op.n_items == 0:
            return 1.0
        return choose_regularization(op, V, self.item_squares_[op.active])

    def _warn_of_the_end(self) -> None:
        if self.stop_reason_ == "empty":
            warnings.warn(
                "no two items are liked by the same user, so there is nothing to learn: "
                "the embedding is zero",
                UserWarning,
                stacklevel=3,
            )
        if self.stop_reason_ not in ("max_iter", "interrupted"):
            return
        from sklearn.exceptions import ConvergenceWarning

        if self.stop_reason_ == "max_iter":
            gap = "unknown" if np.isinf(self.gap_) else f"about {self.gap_:.1e} of it"
            warnings.warn(
                f"{self.solver} stopped after max_iter={self.n_iter_} iterations at cost "
                f"{self.cost_:.8g}; the distance to the optimum is {gap}. Raise max_iter"
                + ("." if self.solver == "eigen" else ", or use solver='eigen'."),
                ConvergenceWarning,
                stacklevel=3,
            )
        else:
            warnings.warn(
                f"interrupted after {self.n_iter_} iterations; the best embedding so far is kept "
                f"(cost {self.cost_:.8g})",
                ConvergenceWarning,
                stacklevel=3,
            )


def principal_axes(V: NDArray[Any], n_components: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """V turned to its principal axes, with zero columns added up to n_components.

    Columns are orthogonal and ordered by falling length, and the entry of largest size in each is
    positive. Returns V and the squared lengths of its columns.
    """
    wide = V.astype(np.float64, copy=False)
    lengths, axes = np.linalg.eigh(wide.T @ wide)
    turned = wide @ axes[:, ::-1]
    if len(turned):
        largest = np.take_along_axis(turned, np.abs(turned).argmax(axis=0)[None], axis=0)
        turned *= np.where(largest < 0, -1.0, 1.0)
    out = np.zeros((len(V), n_components), dtype=V.dtype)
    out[:, : turned.shape[1]] = turned
    eigenvalues = np.zeros(n_components)
    eigenvalues[: len(lengths)] = np.maximum(lengths[::-1], 0)
    return out, eigenvalues
