"""The cost of an embedding and its gradient, without a fit.

c(V) = sum over i != j of (v_i . v_j - X_ij)^2, with v_i the rows of V (n_items x n_components). The
exercise writes V as the transpose of that, one *column* an item; passing its V here would multiply
the wrong sides, so the number of rows is checked against the items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from movieembed._base.finite import check_finite
from movieembed._base.threads import resolve_n_jobs, serial_blas
from movieembed._base.validation import check_embedding
from movieembed.exceptions import ParameterError, ParameterTypeError
from movieembed.objective.cooccurrence import likes_or_x
from movieembed.operators.build import operator_of
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.protocol import Operator, Small
from movieembed.operators.units import unit_of

if TYPE_CHECKING:
    from movieembed.data.given_cooccurrence import Cooccurrence
    from movieembed.data.likes import Likes

# The identity subtracts numbers of about the size of its terms; below this part of them its result
# has too few digits left.
CANCELLED = 1e-6


def cost(
    likes: Likes | Any,
    V: NDArray[Any],
    *,
    method: Literal["auto", "identity", "exact"] = "auto",
    n_jobs: int | None = None,
) -> float:
    """The masked cost c(V) = sum over i != j of (v_i . v_j - X_ij)^2.

    Parameters
    ----------
    likes : Likes, Cooccurrence, or users x items matrix or data frame
        L; X = L'L off its diagonal.
    V : ndarray, shape (n_items, n_components)
        The embedding, float32 or float64, one row an item.
    method : {"auto", "identity", "exact"}, default="auto"
        "identity" uses ``|V'V|_F^2 - 2 <V, XV> + |X|_F^2 - sum_i |v_i|^4``, in time linear in
        the likes. "exact" sums the squared residuals in blocks of rows, in
        O(n_items^2 n_components) time and O(n_items) memory; it keeps its digits where the cost is
        close to 0. "auto" takes the identity and, where that cancels to less than 1e-6 of its
        terms, the exact way.
    n_jobs : int, optional
        Threads; None and -1 use all cores.

    Returns
    -------
    float
        Evaluated in float64 for either dtype.

    Raises
    ------
    TypeError, ValueError
        When V is not a finite matrix of real numbers with one row an item, `likes` is malformed or
        X itself, or the result leaves the range of its numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> L = np.array([[1, 1, 0], [1, 1, 1]])        # two users, three items
    >>> me.cooccurrence(L).toarray()
    array([[0, 2, 1],
           [2, 0, 1],
           [1, 1, 0]])
    >>> me.cost(L, np.zeros((3, 1)))                # 2 (4 + 1 + 1)
    12.0
    """
    if method not in ("auto", "identity", "exact"):
        raise ValueError(f"method must be 'auto', 'identity' or 'exact', not {method!r}")
    likes = likes_or_x(likes)
    V = check_embedding(V, likes.n_items).astype(np.float64, copy=False)
    threads = resolve_n_jobs(n_jobs)
    with serial_blas(), np.errstate(over="ignore", invalid="ignore"):
        op = operator_of(likes, np.float64, threads, keep_all=True)
        if method != "exact":
            value, size = _identity(op, V)
            if method == "identity" or CANCELLED * size < value < np.inf:
                return check_finite(value, "the cost")
        return check_finite(op.exact_cost(V), "the cost")


def gradient(likes: Likes | Any, V: NDArray[Any], *, n_jobs: int | None = None) -> NDArray[Any]:
    """The gradient of :func:`cost`, ``4 (V V'V - XV - diag(|v_i|^2) V)``.

    Parameters
    ----------
    likes : Likes, Cooccurrence, or users x items matrix or data frame
    V : ndarray, shape (n_items, n_components)
        float32 or float64, one row an item.
    n_jobs : int, optional
        Threads; None and -1 use all cores.

    Returns
    -------
    ndarray, shape (n_items, n_components)
        In V's dtype. With the exercise's V, the transpose of ours, this is
        4 V ((V'V - X) * mask), transposed.

    Raises
    ------
    TypeError, ValueError
        As :func:`cost`.

    Notes
    -----
    4 nnz n_components + 4 n_items n_components^2 flops, without an n_items x n_items array.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> L = np.array([[1, 1]])                      # one user who likes both items: X_01 = 1
    >>> me.gradient(L, np.array([[1.0], [2.0]]))    # 4 (v_0 v_1 - X_01) v_1, 4 (v_0 v_1 - X_01) v_0
    array([[8.],
           [4.]])
    """
    likes = likes_or_x(likes)
    V = check_embedding(V, likes.n_items)
    threads = resolve_n_jobs(n_jobs)
    with serial_blas(), np.errstate(over="ignore", invalid="ignore"):
        op = _operator(likes, V, threads)
        W = op.asarray(V)
        found = op.masked_gradient(W, op.apply(W), op.gram(W), op.row_dots(W, W))[0]
        return check_finite(found.astype(V.dtype, copy=False), "the gradient")


def cost_and_gradient(
    likes: Likes | Any,
    V: NDArray[Any],
    out: NDArray[Any] | None = None,
    *,
    n_jobs: int | None = None,
) -> tuple[float, NDArray[Any]]:
    """The cost and its gradient together, for an optimisation loop of one's own.

    Parameters
    ----------
    likes : Likes, Cooccurrence, or users x items matrix or data frame
    V : ndarray, shape (n_items, n_components)
        float32 or float64, one row an item.
    out : ndarray, shape (n_items, n_components), optional
        Where to write the gradient, to spare its allocation; of V's dtype.
    n_jobs : int, optional
        Threads; None and -1 use all cores.

    Returns
    -------
    cost : float
        What :func:`cost` gives, evaluated in float64 for either dtype.
    gradient : ndarray, shape (n_items, n_components)
        What :func:`gradient` gives, in V's dtype; `out` itself where that was given.

    Raises
    ------
    TypeError, ValueError
        As :func:`cost`, and when `out` is no array of V's shape and dtype that can be written to.

    Notes
    -----
    Both share the Gram matrix V'V, which :func:`cost` and :func:`gradient` one after the other
    form twice. Where the cost is close to 0, it takes the exact way and the time of that.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> L = np.array([[1, 1]])                      # one user who likes both items: X_01 = 1
    >>> me.cost_and_gradient(L, np.array([[1.0], [2.0]]))
    (2.0, array([[8.],
           [4.]]))
    """
    likes = likes_or_x(likes)
    V = check_embedding(V, likes.n_items)
    if out is not None:
        _check_out(out, V)
    threads = resolve_n_jobs(n_jobs)
    with serial_blas(), np.errstate(over="ignore", invalid="ignore"):
        op = _operator(likes, V, threads)
        W = op.asarray(V)
        XV, vxv = op.evaluate(W)
        if op.dtype != np.float64:
            vxv = op.quadratic_form(W)
        G, n = op.moments(W)
        value = identity_cost(op, G, n, vxv)
        if not CANCELLED * identity_size(op, G, n) < value < np.inf:
            value = op.exact_cost(V)
        direct = out is not None and out.dtype == op.dtype and _is_plain(out, V)
        found = op.masked_gradient(W, XV, G, n, out if direct else None)[0]
        found = check_finite(found.astype(V.dtype, copy=False), "the gradient")
        if out is not None and found is not out:
            out[...] = found
        return check_finite(value, "the cost"), found if out is None else out


def _operator(likes: Likes | Cooccurrence, V: NDArray[Any], threads: int) -> CpuOperator:
    """The operator of V's dtype; of float64 where float32 may overflow or vanish on the way."""
    usual = unit_of(likes.matrix.data, free=2.0**20) == unit_of(V, free=2.0**20) == 1
    return operator_of(likes, V.dtype if usual else np.float64, threads, keep_all=True)


def _check_out(out: Any, V: NDArray[Any]) -> None:
    """Raise unless a gradient at V can be written to `out`."""
    if not isinstance(out, np.ndarray) or out.dtype != V.dtype:
        what = out.dtype if isinstance(out, np.ndarray) else type(out).__name__
        raise ParameterTypeError(f"out must be an array of {V.dtype}, as V is, not {what}", "out")
    if out.shape != V.shape:
        raise ParameterError(f"out has shape {out.shape} for V of {V.shape}", "out")
    if not out.flags.writeable:
        raise ParameterError("out is read-only", "out")


def _is_plain(out: NDArray[Any], V: NDArray[Any]) -> bool:
    """Whether a kernel that reads V can write to `out` itself."""
    return out.flags.c_contiguous and out.flags.aligned and not np.may_share_memory(out, V)


def _identity(op: Operator, V: NDArray[Any]) -> tuple[float, float]:
    """The cost by the identity, and the size of the terms that it subtracts."""
    G, n = op.moments(V)
    return identity_cost(op, G, n, op.quadratic_form(V)), identity_size(op, G, n)


def identity_cost(op: Operator, G: Small, n: Any, vxv: Any) -> float:
    """The cost from G = V'V, n_i = |v_i|^2 and <V, XV>, in float64.

    It is |G|_F^2 - 2 <V, XV> + |X|_F^2 - sum n_i^2.
    """
    return float(np.vdot(G, G) - 2 * float(vxv) + op.frobenius_squared - float(n @ n))


def identity_size(op: Operator, G: NDArray[np.float64], n: NDArray[np.float64]) -> float:
    """The sum of the identity's terms in size, which tells what their difference has lost."""
    # <V, XV> is itself the difference of |LV|_F^2 and <c, n>.
    return float(np.vdot(G, G)) + op.frobenius_squared + float(n @ n) + 2 * float(op.diagonal @ n)
