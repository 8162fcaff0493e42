"""The steps of a fit between the likes and the fitted items."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.gpu_arrays import on_host
from movieembed._base.message import Message, Parameter
from movieembed._base.validation import OneOf, as_generator, check_embedding, check_parameter
from movieembed._base.warn import warn_caller
from movieembed.data.distributed.likes import DistributedLikes, with_items_first
from movieembed.data.given_cooccurrence import Cooccurrence
from movieembed.data.likes import Likes
from movieembed.data.users_by_items import plain_labels, read_matrix, with_columns
from movieembed.exceptions import ParameterError
from movieembed.model.checkpoint import Checkpoint
from movieembed.model.fitted_items import FittedItems
from movieembed.model.parameters import Parameters
from movieembed.objective.cost import CANCELLED, identity_cost, identity_size
from movieembed.operators.build import Prepared
from movieembed.operators.protocol import Operator, Tall
from movieembed.solvers import HistoryEntry, Solution, solve
from movieembed.solvers.size import FitSize, check_room

# Length of a row, relative to the longest, below which it is rounding.
NEGLIGIBLE = 1e-6


def check_init(init: Any, n_items: int, n_components: int) -> NDArray[Any] | None:
    """Return the embedding to start from; None for a random one."""
    if isinstance(init, str):
        check_parameter(init, "init", OneOf("random", name="'random' or an array"))
        return None
    V = check_embedding(on_host(init), n_items, "init")
    if V.shape[1] != n_components:
        raise ParameterError(
            f"init has {V.shape[1]} columns for n_components={n_components}", "init"
        )
    return V


def fitted_items(
    likes: Likes | Cooccurrence | DistributedLikes,
    parameters: Parameters,
    prepared: Prepared,
    embedding: NDArray[Any],
    backend: str,
) -> FittedItems:
    """What a model keeps of its fit; what `recommend` goes by too, where the likes are not kept."""
    there: dict[str, Any] = {}
    if not isinstance(likes, Cooccurrence):
        there = {"item_table": likes.item_table}
        if parameters.keep_likes and isinstance(likes, Likes):
            there |= {"likes": likes.matrix, "users": likes.users, "seen": likes.seen}
        elif parameters.keep_likes:
            there |= {"distributed": likes}
    fitted = FittedItems(
        embedding=embedding,
        index=likes.item_index(),
        item_counts=likes.item_counts,
        item_squares=prepared.item_squares,
        item_scale=prepared.item_scale,
        weighting=parameters._weighting(),
        recipe=parameters._recipe(),
        **there,
        threshold=likes.threshold,
        n_jobs=parameters.n_jobs,
    )
    if fitted.likes is None and prepared.item_squares is not None:
        assert not isinstance(likes, Cooccurrence)
        return replace(fitted, recommender=fitted.make_recommender(likes, backend))
    return fitted


def check_memory(
    likes: Likes | Cooccurrence | DistributedLikes, parameters: Parameters, backend: str
) -> None:
    """Raise MemoryError, before anything is done, for a fit that this machine cannot hold."""
    if backend != "cpu" or not isinstance(likes, Likes) or parameters.entry_weighting is not None:
        return
    size = FitSize(
        n_users=likes.n_users,
        n_items=likes.n_items,
        n_liked=int((likes.item_counts > 0).sum())
        if not parameters.keep_unliked
        else likes.n_items,
        n_likes=likes.n_likes,
        weighted=not likes.is_binary or any((parameters.item_scaling, parameters.user_weighting)),
        n_components=parameters.n_components,
        solver=parameters.solver,
        dtype=parameters.dtype,
    )
    check_room(size)


def start_of(
    op: Operator, init: NDArray[Any] | None, checkpoint: Checkpoint | None
) -> NDArray[Any] | None:
    """Rows of the active items to start from: a checkpoint's before those of `init`."""
    kept = None if checkpoint is None else checkpoint.start(op.n_items)
    if kept is not None or init is None:
        return kept
    return init[op.active]


def solved(
    op: Operator, parameters: Parameters, start: NDArray[Any] | None, checkpoint: Checkpoint | None
) -> Solution:
    """Solve from a V, or from a random one; the solution is in the operator's units."""
    if op.n_items == 0:  # the zero embedding is optimal where X is zero
        V = np.zeros((0, parameters.n_components), dtype=parameters.dtype)
        return Solution(V, 0.0, 0.0, True, "empty", [HistoryEntry(0, 0.0, 0.0, 0.0)])
    return solve(
        op,
        parameters.solver,
        parameters.n_components,
        rng=as_generator(parameters.random_state),
        V0=None if start is None else op.asarray(start / op.unit),
        learning_rate=parameters.learning_rate,
        decay=parameters.momentum,
        max_iter=parameters.max_iter,
        tol=parameters.tol,
        callback=parameters.callback,
        progress=parameters.verbose,
        checkpoint=checkpoint,
    )


def item_vectors(
    op: Operator, solution: Solution, n_components: int
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The active items' rows of V in its principal axes, and their eigenvalues."""
    V, eigenvalues = principal_axes(op, solution.V, n_components)
    # Rows that are zero at the optimum come out as rounding, which has no direction.
    # Beside a row that goes to infinity, as some do where items are few, small ones matter.
    lengths = np.linalg.norm(V, axis=1)
    longest = float(lengths.max(initial=0))
    if longest:
        V[lengths <= NEGLIGIBLE * min(longest, op.frobenius_squared**0.5 / longest)] = 0
    return V, eigenvalues


def principal_axes(
    op: Operator, V: Tall, n_components: int
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """V turned to its principal axes, with zero columns added up to n_components.

    Columns are orthogonal and ordered by falling length, and the entry of largest size in each is
    positive. Returns V and the squared lengths of its columns.
    """
    eigenvalues = np.zeros(n_components)
    if not op.n_items:
        return np.zeros((0, n_components), dtype=op.dtype), eigenvalues
    lengths, axes = op.eigh(op.moments(V)[0])
    turned = op.to_host(op.matmul(V, np.ascontiguousarray(axes[:, ::-1])))
    turned *= np.where(turned.max(axis=0) < -turned.min(axis=0), -1.0, 1.0)
    eigenvalues[: len(lengths)] = np.maximum(lengths[::-1], 0)
    if turned.shape[1] < n_components:
        turned = np.pad(turned, ((0, 0), (0, n_components - turned.shape[1])))
    return turned, eigenvalues


def final_cost(op: Operator, solution: Solution, V: NDArray[Any]) -> float:
    """The cost of the embedding that is returned, with its digits in either dtype."""
    if op.n_items == 0:
        return 0.0
    known = solution.cost
    op64 = op.in_precision(np.float64)
    V64 = op64.asarray(V)
    G, n = op64.moments(V64)
    if op64 is not op:
        known = identity_cost(op64, G, n, op64.quadratic_form(V64))
    if known > CANCELLED * identity_size(op64, G, n):
        return known
    return op.exact_cost(V)


def warn_of_the_end(solution: Solution, cost: float, solver: str) -> None:
    """Warn the user of a fit that learned nothing, or ended before the optimum."""
    if solution.reason == "empty":
        warn_caller(
            "no two items are liked by the same user, so there is nothing to learn: "
            "the embedding is zero"
        )
    if solution.reason not in ("max_iter", "interrupted"):
        return
    from sklearn.exceptions import ConvergenceWarning

    what = f"interrupted after {solution.n_iter} iterations; the best embedding so far is kept "
    what += f"(cost {cost:.8g})"
    if solution.reason == "max_iter":
        gap = "unknown" if np.isinf(solution.gap) else f"about {solution.gap:.1e} of it"
        what = f"{solver} stopped after {{reached}} iterations at cost {cost:.8g}; the distance to "
        what += f"the optimum is {gap}. Raise {{max_iter}}"
        what += "." if solver == "eigen" else ", or use {solver=}."
    reached = Parameter("max_iter", solution.n_iter)
    warn_caller(Message(what, reached=reached, solver="eigen"), ConvergenceWarning)


def likes_with_items_first(X: Any, fitted: FittedItems) -> Likes | Cooccurrence | DistributedLikes:
    """Likes whose first items are those of a model, for a fit that starts from it."""
    if isinstance(X, DistributedLikes):
        with_items_first(X, fitted.items.tolist())
        return X
    old = fitted.items.tolist()
    titles = {} if fitted.titles is None else dict(zip(old, fitted.titles, strict=True))
    likes: Likes | Cooccurrence
    if isinstance(X, Likes | Cooccurrence):
        likes, given = X, X.items.tolist()
        if X.titles is not None:
            titles.update(zip(given, X.titles, strict=True))
    else:
        read = read_matrix(X)
        likes = Likes.from_matrix(read)
        if read.items is None:
            given = _with_new_columns(old, likes.shape)
        else:
            given = plain_labels(read.items, fitted.items)
    if _is_of_the_same_items(likes, fitted):
        return likes
    place = {item: column for column, item in enumerate(old)}
    for item in given:
        place.setdefault(item, len(place))
    columns = np.array([place[item] for item in given], dtype=np.int64)
    moved = with_columns(likes.matrix, columns, len(place))
    names = [titles.get(item, "") for item in place] if titles else None
    ids: Any = list(place)
    if isinstance(likes, Cooccurrence):
        both = with_columns(sp.csr_array(moved.T), columns, len(place))
        return Cooccurrence(both, ids, names)
    seen = None if likes.seen is None else with_columns(likes.seen, columns, len(place))
    titled: Any = names
    source, of = (fitted.item_table, old) if likes.item_table is None else (likes.item_table, given)
    table = None
    if source is not None:
        row = {item: at for at, item in enumerate(of)}
        at_place = [row.get(item, -1) for item in place]  # -1 is no row: its values are missing
        table = source.reset_index(drop=True).reindex(at_place).reset_index(drop=True)
    return Likes(moved, likes.users, ids, titled, table, likes.threshold, seen)


def _is_of_the_same_items(likes: Likes | Cooccurrence, fitted: FittedItems) -> bool:
    """Whether likes have the very ids of a model, and titles and a table wherever it has."""
    ids, old = likes.items.tolist(), fitted.items.tolist()
    if ids != old or list(map(type, ids)) != list(map(type, old)):
        return False
    table = None if isinstance(likes, Cooccurrence) else likes.item_table
    return (likes.titles is not None or fitted.titles is None) and (
        table is not None or fitted.item_table is None
    )


def _with_new_columns(ids: list[Any], shape: tuple[int, int]) -> list[Any]:
    """Ids of the columns of a matrix that goes on behind a model's items."""
    n_users, n_columns = shape
    if n_columns < len(ids):
        hint = "pass Likes, whose columns have ids"
        if n_users == len(ids):
            hint = "it looks transposed: pass matrix.T"
        raise ValueError(
            f"the matrix has {n_columns} columns, fewer than the {len(ids)} items of the model; "
            + hint
        )
    fresh = range(len(ids), n_columns)
    if set(fresh) & set(ids):
        raise ValueError(
            "the model's item ids are not column numbers, so new columns have no ids: pass Likes"
        )
    return [*ids, *fresh]
