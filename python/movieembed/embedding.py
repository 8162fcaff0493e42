"""Item embeddings from likes: the fit and what a fitted model answers.

`Embedding` is all of `movieembed.MovieEmbedding` but scikit-learn's part, whose import takes longer
than a fit of MovieLens small: the command line does without.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Hashable, Iterable
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed import model_file, recommend
from movieembed._threads import resolve_n_jobs, serial_blas
from movieembed.backends.cpu import CpuOperator
from movieembed.cooccurrence import check_count
from movieembed.likes import Likes
from movieembed.objective import CANCELLED, check_embedding, exact_cost, identity_size
from movieembed.solvers import SOLVERS, HistoryEntry, Solution, solve
from movieembed.solvers.iterate import identity_cost

__all__ = ["Embedding"]

# Length of a row, relative to the longest, below which it is rounding.
NO_VECTOR = 1e-6


class Embedding:
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
    dtype : {"float64", "float32"}, default="float64"
        Of the embedding and of the work. Costs are float64 in either case; float32 halves time and
        memory and finds the optimum to about 1e-5.
    random_state : int, numpy Generator, RandomState or None, default=None
        For the random start. The same seed and thread count give the same bits.
    n_jobs : int, optional
        Threads; None uses all cores.
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
        dtype: Any = "float64",
        random_state: Any = None,
        n_jobs: int | None = None,
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
        self.dtype = dtype
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.callback = callback
        self.verbose = verbose

    def fit(self, X: Likes | Any, y: Any = None) -> Self:
        """Find the embedding.

        Parameters
        ----------
        X : Likes, or sparse or dense matrix of shape (n_users, n_items)
            A matrix holds 1 where the user (row) liked the item (column), or real weights.
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
        """
        self._check_parameters()
        self.__dict__.pop("embedding_", None)  # a refit that fails must not leave half of each
        likes = self._as_likes(X)
        threads = resolve_n_jobs(self.n_jobs)
        init = self.init
        if not isinstance(init, str):
            init = check_embedding(init, likes.n_items, "init")
            if init.shape[1] != self.n_components:
                raise ValueError(
                    f"init has {init.shape[1]} columns for n_components={self.n_components}"
                )
        with serial_blas():
            op = CpuOperator(likes.matrix, self.dtype, threads)
            if op.n_items == 0:
                solution = self._nothing_to_learn(op)
            else:
                solution = solve(
                    op,
                    self.solver,
                    self.n_components,
                    rng=as_generator(self.random_state),
                    V0=None if isinstance(init, str) else op.asarray(init[op.active]),
                    learning_rate=self.learning_rate,
                    decay=self.momentum,
                    max_iter=self.max_iter,
                    tol=self.tol,
                    callback=self.callback,
                    progress=self.verbose,
                )
            V, self.eigenvalues_ = principal_axes(op.to_host(solution.V), self.n_components)
            # Rows that are zero at the optimum come out as rounding, which has no direction.
            lengths = np.linalg.norm(V, axis=1)
            V[lengths <= NO_VECTOR * lengths.max(initial=0)] = 0
            self.embedding_ = np.zeros((likes.n_items, self.n_components), dtype=self.dtype)
            self.embedding_[op.active] = V
            self.cost_ = self._final_cost(op, solution, V, threads)
        self.gap_ = solution.gap
        self.converged_ = solution.converged
        self.stop_reason_ = solution.reason
        self.n_iter_ = solution.n_iter
        self.history_ = pd.DataFrame(solution.history, columns=list(HistoryEntry._fields))
        self.items_ = likes.items
        self.titles_ = likes.titles
        self.item_counts_ = likes.item_counts
        self._index = likes.item_index()
        self._warn_of_the_end()
        return self

    def similar(
        self,
        items: Hashable | Iterable[Hashable],
        n: int = 10,
        *,
        metric: Literal["cosine", "dot"] = "cosine",
    ) -> pd.DataFrame:
        """The nearest items of one item, or of each of several.

        Parameters
        ----------
        items : id or title, or a list of them
            A title may leave out the year; see :class:`movieembed.items.ItemIndex`.
        n : int, default=10
            Rows an item; fewer where fewer items have likes.
        metric : {"cosine", "dot"}, default="cosine"
            The dot product approximates the number of users in common, and favours popular items.

        Returns
        -------
        DataFrame
            item (id), title (where titles are known), score; best first. For a list, a column
            `query` with the asked item's id comes first. The item itself and items without likes
            are left out.

        Raises
        ------
        ItemNotFoundError
            With suggestions.
        AmbiguousTitleError
            When a title stands for several items; pass the id.
        ItemWithoutLikesError
            When an item has no vector.
        NotFittedError
            Before `fit`.

        Examples
        --------
        >>> import movieembed as me
        >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
        >>> model = me.MovieEmbedding(1, random_state=0).fit(likes)
        >>> model.similar("A", n=1)["title"].tolist()
        ['B']
        """
        self._check_fitted()
        return recommend.similar_items(
            self.embedding_, self._index, self.item_counts_, items, n, metric, self.n_jobs
        )

    def recommend(self, items: Hashable | Iterable[Hashable], n: int = 10) -> pd.DataFrame:
        """Items for somebody who likes the given ones: the highest mean cosine with them.

        Parameters
        ----------
        items : id or title, or a list of them
            Repeats count once. Items without likes say nothing and are left aside with a warning.
        n : int, default=10

        Returns
        -------
        DataFrame
            item (id), title (where titles are known), score; best first, the given items left out.

        Raises
        ------
        ItemNotFoundError, AmbiguousTitleError, NotFittedError
            As `similar`.
        ItemWithoutLikesError
            When none of the items has a vector.
        ValueError
            When the list is empty.

        Examples
        --------
        >>> import movieembed as me
        >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
        >>> me.MovieEmbedding(1, random_state=0).fit(likes).recommend(["A", "B"])["title"].tolist()
        ['C']
        """
        self._check_fitted()
        return recommend.recommend_by_cosine(
            self.embedding_, self._index, self.item_counts_, items, n, self.n_jobs
        )

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
        """
        self._check_fitted()
        model_file.write(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote; see :func:`movieembed.load`."""
        return model_file.read(cls, path)

    def _check_fitted(self) -> None:
        if not hasattr(self, "embedding_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(f"this {type(self).__name__} is not fitted yet: call fit first")

    def _check_parameters(self) -> None:
        check_count(self.n_components, "n_components")
        if self.max_iter is not None:
            check_count(self.max_iter, "max_iter")
        if not isinstance(self.solver, str) or self.solver not in SOLVERS:
            raise ValueError(f"solver must be one of {sorted(SOLVERS)}, not {self.solver!r}")
        rate = self.learning_rate
        if isinstance(rate, str):
            if rate != "exact":
                raise ValueError(f"learning_rate must be a number or 'exact', not {rate!r}")
        else:
            _check_real(rate, "learning_rate", low=0.0, open_low=True)
            if not SOLVERS[self.solver].uses_learning_rate:
                raise ValueError(
                    f"solver={self.solver!r} takes no learning rate; leave learning_rate='exact'"
                )
        _check_real(self.momentum, "momentum", low=0.0, below=1.0)
        _check_real(self.tol, "tol", low=0.0)
        if self.dtype not in ("float32", "float64", np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, not {self.dtype!r}")
        if isinstance(self.init, str) and self.init != "random":
            raise ValueError(f"init must be 'random' or an array, not {self.init!r}")
        if self.callback is not None and not callable(self.callback):
            raise TypeError(f"callback must be callable, not {self.callback!r}")

    def _as_likes(self, X: Any) -> Likes:
        if not isinstance(X, Likes):
            raise TypeError(f"X must be Likes, not {type(X).__name__}")
        self.__dict__.pop("feature_names_in_", None)
        self.n_features_in_ = X.n_items
        return X

    def _nothing_to_learn(self, op: CpuOperator) -> Solution:
        """The zero embedding is optimal where X is zero."""
        V = np.zeros((0, self.n_components), dtype=self.dtype)
        return Solution(V, 0.0, 0.0, True, "empty", [HistoryEntry(0, 0.0, 0.0, 0.0)])

    def _final_cost(
        self, op: CpuOperator, solution: Solution, V: NDArray[Any], threads: int
    ) -> float:
        """The cost of the embedding that is returned, with its digits in either dtype."""
        if op.n_items == 0:
            return 0.0
        known = solution.cost
        wide = op.in_precision(np.float64)
        V = wide.astype(V)
        G, n = wide.moments(V)
        if wide is not op:
            known = identity_cost(wide, G, n, wide.quadratic_form(V))
        if known > CANCELLED * identity_size(wide, G, n):
            return known
        return exact_cost(op.matrix, V, threads)

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


def as_generator(random_state: Any) -> np.random.Generator:
    """A Generator from an int, None, a Generator or a RandomState."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**31, size=4))
    if random_state is not None and not isinstance(random_state, np.random.Generator):
        wanted = "an integer from 0, a Generator, a RandomState or None"
        if isinstance(random_state, bool) or not isinstance(random_state, Integral):
            raise TypeError(f"random_state must be {wanted}, not {random_state!r}")
        if random_state < 0:
            raise ValueError(f"random_state must be {wanted}, not {random_state}")
    return np.random.default_rng(random_state)


def _check_real(
    value: Any, name: str, *, low: float, below: float = np.inf, open_low: bool = False
) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not low <= float(value) < below or (open_low and value == low):
        interval = f"{'(' if open_low else '['}{low:g}, {below:g})"
        raise ValueError(f"{name} must be in {interval}, not {value}")
