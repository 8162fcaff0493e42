"""The eigenvalue solver where products are cheap: a block filtered by polynomials of the matrix.

The moves are those of `eigen.py`: delta <- the squared norms of V's rows, and V <- the best
rank-d approximation of A = X + diag(delta). Where likes are few, a pass over them costs less than
the dense algebra of a growing subspace, so the second move spends passes. An iteration applies to
the block a Chebyshev polynomial of A that is small on the eigenvalues below those of the block and
large above (Zhou, Saad, Tiago & Chelikowsky, Phys. Rev. E 2006; ChASE, ACM TOMS 2019), and takes
the best vectors in the space that this gives.

In float32 a leading eigenvalue, a hundred times those of the last columns, would leave nothing
else in a block. So a column ends as soon as it has grown enough, by the polynomial of a lower
degree, and the directions of those that ended are taken out of the others before rounding has
grown too far.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from movieembed.operators.protocol import Operator, Small, Tall
from movieembed.solvers.als import going_on
from movieembed.solvers.eigen import (
    POWER_STEPS,
    Foresight,
    block_width,
    eigen,
    first_basis,
    is_slow,
    leading_pairs,
    orthonormalise,
    symmetric,
)
from movieembed.solvers.point import Step

FILTERED = "eigen, filtered"
# How much more a filter is to make of the last column of V than of what lies below the block.
GAIN = 10.0
# Degrees of a filter, at least and at most, and that from which on least squares is the faster one.
DEGREES = (3, 10)
TOO_HIGH = 20
# Growth at which a column ends, and that at which the rounding of others is taken out of it.
GROWN = 1e4
ROUNDING = 1e5
# Below this a block is made orthonormal before A's Ritz values are taken in it: they have rounding
# of the longest direction over the square of the shortest.
EVEN = 1e-3
# From this on float32 products tell the directions of a block apart well enough for that.
TOLD_APART = 1e-6
# Products with a vector that place the lowest eigenvalue.
LANCZOS_STEPS = 8


def filters(op: Operator, n_components: int) -> bool:
    """Whether this solver is the faster one: where products are cheap and the block is narrow."""
    k = block_width(n_components, op.n_items)
    return is_narrow(k, op.n_users, op.n_items) and op.cheap_products(k)


def is_narrow(k: int, n_users: int, n_items: int) -> bool:
    """Whether k columns are at most half of the rank.

    Wider blocks would lead to other minima, some of them far higher.
    """
    return 2 * k <= min(n_users, n_items)


def eigen_or_filtered(
    op: Operator, n_components: int, rng: np.random.Generator, V0: Tall | None
) -> tuple[str, Iterator[Step]]:
    """The name of the faster of the two here, and its steps."""
    if filters(op, n_components):
        return FILTERED, filtered(op, n_components, rng, V0)
    return "eigen", eigen(op, n_components, rng, V0)


def filtered(
    op: Operator, n_components: int, rng: np.random.Generator, V0: Tall | None = None
) -> Iterator[Step]:
    """Yield embeddings of falling cost; parameters and steps are those of `eigen`.

    Notes
    -----
    An iteration costs 4 to 9 passes over the likes with a block of k = d + max(6, d / 5) columns or
    fewer, each 4 nnz k flops, and about 12 n_items k^2 flops in dense products; it holds six
    n_items x k arrays where V is float32.
    """
    d = n_components
    fast, is_given = op.in_precision(np.float32), V0 is not None
    width = block_width(d, op.n_items)
    Y, delta = start(fast, width, rng, V0)
    if Y.shape[1] < width:  # the rank is less
        yield from eigen(op, d, rng, V0)
        return
    A, W = fast.empty(width), fast.empty(width)
    bottom: float | None = None
    costs: list[float] = []
    norms: list[float] = []
    foresight = Foresight()
    while True:
        Y, Z = evened(fast, Y)
        if Z.shape[1] < width:  # float32 has lost a direction
            yield from eigen(op, d, rng, V0)
            return
        fast.shifted(Y, delta, 1.0, out=A)
        theta, C = np.linalg.eigh(symmetric(Z.T @ fast.gram(Y, A) @ Z))
        theta, C = theta[::-1], Z @ C[:, ::-1]
        fast.matmul(Y, C, out=W)
        A, Y = fast.matmul(A, C, out=Y), A
        XW = fast.residual(W[:, :d], A[:, :d], -delta, np.zeros(d), out=Y[:, :d])
        point = leading_pairs(op, fast, W[:, :d], XW, theta[:d], spare=XW)
        yield point.as_step()._replace(missed=0.0)
        V0, n = point.V, point.n
        costs.append(point.cost)
        norms.append(point.gradient_norm)
        if bottom is None:
            bottom = lowest_eigenvalue(fast, n)
        edges = min(bottom, float(theta[-1])), max(float(theta[-1]), 0.0)
        wanted = degree_to_gain(growth(theta[d - 1], edges))
        if is_slow(costs, norms) or (len(costs) > 1 and wanted > TOO_HIGH):
            del W, A, Y, XW
            yield from going_on(op, point)
            return
        del point  # where V is float64, XV with it
        before = delta
        # The diagonal of a given start comes from elsewhere: where it leads says nothing yet.
        foreseen = not is_given or len(costs) > 2
        delta = foresight.next_delta(fast, W[:, :d], delta, n) if foreseen else n
        most = int(np.clip(wanted, *DEGREES))
        Y = filter_block(fast, (W, A, Y), theta, (before, delta), edges, most)


def start(op: Operator, k: int, rng: np.random.Generator, V0: Tall | None) -> tuple[Tall, Tall]:
    """Columns to start from, and the first delta; see `first_basis`."""
    if V0 is not None or op.user_gram() is not None:
        return first_basis(op, k, rng, V0)[:2]
    users = rng.random((op.n_users, k), dtype=np.float32)
    users -= 0.5
    # One step from a random block leaves float32 room: it is made orthonormal after each other one.
    Y = op.apply(op.from_user_vectors(users))
    for _ in range(POWER_STEPS - 1):
        Y = op.apply(orthonormalise(op, Y))
    return Y, op.row_dots(Y[:, :1], Y[:, :1]) * 0


def evened(op: Operator, Y: Tall) -> tuple[Tall, Small]:
    """Y, made orthonormal where it is far from that, and Z for which the columns of Y Z are."""
    Z, evenness = whitening(op.gram(Y))
    if evenness >= EVEN:
        return Y, Z
    Y = op.matmul(Y, Z) if evenness >= TOLD_APART else orthonormalise(op, Y)
    return Y, whitening(op.gram(Y))[0]


def whitening(G: Small) -> tuple[Small, float]:
    """Z with Z'GZ = 1, and the least eigenvalue of G over the largest, its diagonal scaled to 1.

    Directions that are rounding are left out.
    """
    scale = 1 / np.sqrt(np.maximum(np.diag(G), 1e-300))
    g, U = np.linalg.eigh(symmetric(G * np.outer(scale, scale)))
    kept = g > (8 * float(np.finfo(np.float32).eps)) ** 2 * g[-1]
    return scale[:, None] * U[:, kept] / np.sqrt(g[kept]), float(g[0] / g[-1])


def growth(theta: Any, edges: tuple[float, float]) -> Any:
    """What a degree more of a filter makes of columns of Ritz values theta, in the end."""
    middle, half = middle_and_half(edges)
    x = np.maximum((theta - middle) / half, 1 + 1e-6)
    return x + np.sqrt(x**2 - 1)


def middle_and_half(edges: tuple[float, float]) -> tuple[float, float]:
    """Of what lies between the edges."""
    return (edges[1] + edges[0]) / 2, max((edges[1] - edges[0]) / 2, 1e-300)


def degree_to_gain(grown: Any) -> float:
    """The degree by which a column that grows so much a degree has grown by GAIN."""
    return float(np.ceil(np.log(GAIN) / np.log(grown)))


def filter_block(
    op: Operator,
    arrays: tuple[Tall, Tall, Tall],
    theta: Small,
    deltas: tuple[Tall, Tall],
    edges: tuple[float, float],
    most: int,
) -> Tall:
    """T_m((A - c) / e) W, c and e the edges' middle and half, m a degree for each column.

    Parameters
    ----------
    op : Operator
    arrays : tuple of three Tall
        W of Ritz vectors, (X + diag(before)) W, and one to write to, which is returned. The second
        is written to as well.
    theta : Small
        W's Ritz values, falling.
    deltas : tuple
        The diagonals before and now; A has the latter.
    edges : tuple of float
        What lies between them is made small.
    most : int
        Degree at which all columns end.
    """
    W, other, out = arrays
    before, delta = deltas
    middle, half = middle_and_half(edges)
    grown = growth(theta, edges)
    degrees = np.clip(np.ceil(np.log(GROWN) / np.log(grown)), 1, most).astype(int)
    op.residual(W, other, delta - before, np.full(len(theta), middle), 1 / half, out=out)
    other[:] = W
    last, now, rounding, taken_out = other, out, grown[0], 0
    shift = delta - middle
    for degree in range(2, int(degrees[-1]) + 1):
        done = int(np.searchsorted(degrees, degree))  # columns that have ended
        rounding *= grown[0]
        if done > taken_out or (rounding > ROUNDING and done):
            taken_out = done
            ended = op.matmul(out[:, :done], whitening(op.gram(out[:, :done]))[0])
            for block in (last[:, done:], now[:, done:]):
                op.matmul(ended, -op.gram(ended, block), out=block, add=True)
            rounding = grown[0]
        op.shifted(now[:, done:], shift, 2 / half, out=last[:, done:], minus_out=True)
        last, now = now, last
        ends = slice(done, int(np.searchsorted(degrees, degree, side="right")))
        if now is not out:
            out[:, ends] = now[:, ends]
    return out


def lowest_eigenvalue(op: Operator, delta: Tall) -> float:
    """About the lowest eigenvalue of X + diag(delta), rather too low, by Lanczos's recurrence."""
    v = op.asarray(np.random.default_rng(0).standard_normal((op.n_items, 1)))
    v = op.scale_columns(v, 1 / np.sqrt(op.column_dots(v, v)))
    last = op.scale_columns(v, np.zeros(1))
    T = np.zeros((LANCZOS_STEPS + 1, LANCZOS_STEPS + 1))
    for j in range(LANCZOS_STEPS):
        w = op.shifted(v, delta, 1.0, out=op.empty(1))
        T[j, j] = op.column_dots(v, w)[0]
        before = T[j, j - 1] if j else 0.0
        w = w - op.scale_columns(v, T[j : j + 1, j]) - op.scale_columns(last, np.array([before]))
        length = float(np.sqrt(op.column_dots(w, w)[0]))
        T[j, j + 1] = T[j + 1, j] = length
        if length == 0:
            break
        last, v = v, op.scale_columns(w, np.array([1 / length]))
    values, vectors = np.linalg.eigh(T[:-1, :-1])
    return float(values[0] - T[-1, -2] * abs(vectors[-1, 0]))
