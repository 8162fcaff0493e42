"""The eigenvalue solver, the default: blocks of Ritz vectors with the free diagonal updated inside.

With delta free, c(V) is the least of |VV' - X - diag(delta)|_F^2 over delta, so two moves in turn
never increase it: delta <- the squared norms of V's rows, and V <- the best rank-d approximation of
X + diag(delta). This is principal factor analysis, or MINRES (Harman & Jones, Psychometrika 1966),
or HeteroPCA (Zhang, Cai & Wu, Annals of Statistics 2022).

The second move is not solved to the end. V is kept optimal in a subspace, which grows each
iteration by the residual block and by the previous direction, as LOBPCG does (Knyazev, SIAM J. Sci.
Comput. 2001). X times the basis is kept with it, and delta enters only through B' diag(delta) B, so
a new delta costs no pass over the likes: an iteration is one pass with a block of d + a few
columns.

Where V holds most of an item the alternation itself is slow for it, whatever the subspace; `delta`
therefore goes where the alternation would lead, item by item. When the cost's decreases still
shrink too slowly, or the subspace is at the end of its precision, the run goes on by alternating
least squares, which costs less an iteration.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from movieembed.operators.protocol import Operator, Small, Tall
from movieembed.solvers.als import going_on
from movieembed.solvers.point import Iterate, Step

# Ratio of decreases of the cost above which an iteration counts as slow: one of least squares takes
# a fifth of the time, for a ratio of 0.75. On MovieLens small the ratio stays below 0.3 from d = 10
# to 450; on other likes near their rank this value took less time than 0.3.
SLOW = 0.6
# A last decrease so small a part of the cost, and a gradient still so large a part of the last one,
# show rounding: of the float32 subspace, on MovieLens small at 1e-7 of the optimum.
NEAR, STALLED = 1e-5, 0.7
# Power steps of the random start: a pass over the likes each, but few dense products, for an
# iteration or two saved (measured on MovieLens small: 8 to 6 at d = 50). A third step costs more
# than it saves at the size of MovieLens 32M.
POWER_STEPS = 2
# Power steps of what is put beside a given start.
WARM_STEPS = 2
# Power steps where the users' Gram matrix is at hand: its products cost next to nothing.
GRAM_STEPS = 3
# Leading columns of a float32 V whose part of <V, XV> is summed anew. What L'(LV) and diag(c) V
# have in common is lost in XV: 1e-3 of the cost in a case, nearly all of it in the first column.
LONGEST = 8
# Part of an item outside the leading eigenvectors, at least: an item that they hold nearly whole
# has next to no say in its own diagonal.
LEAST_REST = 0.05
# How far from n the diagonal may go at first, and at most: from afar the derivative misleads, and
# with few items the run then ends in other minima. Of 1.1, 1.25 and 1.5 for the first the least was
# the fastest on all data tried.
FARTHEST, FARTHEST_EVER = 1.1, 2.0
# Rows whose columns are turned at a time.
TURNED = 1 << 15
# Of a new direction with the basis, in units of rounding, from which it is made orthogonal again.
# It stays in the basis for good: with 1000 the cost of 16 million likes came no closer than 4e-7.
OVERLAP = 30


def block_width(d: int, n_items: int) -> int:
    """Columns of a block: d, and some more for the eigenvectors that come next."""
    return min(d + max(6, d // 5), n_items)


def eigen(
    op: Operator,
    n_components: int,
    rng: np.random.Generator,
    V0: Tall | None = None,
    width: int | None = None,
) -> Iterator[Step]:
    """Yield embeddings of falling cost.

    Parameters
    ----------
    op : Operator
    n_components : int
        d.
    rng : Generator
        For the random start.
    V0 : Tall, shape (n_items, d), optional
        Start from its column space, filled up with random directions.
    width : int, default=block_width(n_components, n_items)
        k, the columns of a block.

    Yields
    ------
    Step
        `final` where the rank of L is at most d: then V's rows are those of L', rotated, and the
        cost is 0.

    Notes
    -----
    An iteration costs 4 nnz (k + d) flops in sparse products and about 60 n_items k^2 in dense
    ones. It holds at most twelve n_items x k arrays where V is float32. The subspace is kept in
    float32: near the optimum an error of eps in it moves the cost by eps^2. V, its cost and its
    gradient are in the operator's precision.
    """
    d, k = n_components, width or block_width(n_components, op.n_items)
    fast = op.in_precision(np.float32)
    first, delta, share = first_basis(fast, k, rng, V0)
    # X without an L has no diagonal.
    has_room = min(op.n_users, op.n_items) <= d and float(op.diagonal.sum(dtype=np.float64)) > 0
    may_be_exact = has_room or (V0 is None and share > 1 - 1e-3)
    if may_be_exact and (exact := exact_embedding(op, d, rng)) is not None:
        yield exact
        return
    W, XW = fast.empty(3 * k), fast.empty(3 * k)
    some_rows = fast.asarray(np.empty((min(TURNED, op.n_items), 2 * k), dtype=fast.dtype))
    width = first.shape[1]
    W[:, :width] = first
    fast.apply(first, out=XW[:, :width])
    H = symmetric(fast.gram(first, XW[:, :width]))
    del first
    n_ritz = 0  # leading columns of W that are the last iteration's Ritz vectors
    # Wider blocks reach with the residuals alone whatever L does: previous directions add nothing.
    narrow = 2 * k <= min(op.n_users, op.n_items)
    costs, norms = list[float](), list[float]()
    foresight = Foresight()

    while True:
        theta, C = op.eigh(H + fast.weighted_gram(W[:, :width], delta))
        theta, ritz = theta[::-1], C[:, ::-1][:, :k]
        kept = np.hstack([ritz, directions(op, ritz, n_ritz)]) if n_ritz and narrow else ritz
        turn(fast, W[:, :width], kept, some_rows)
        turn(fast, XW[:, :width], kept, some_rows)
        H = symmetric(kept.T @ H @ kept)
        n_ritz, width = ritz.shape[1], kept.shape[1]

        leading = min(d, n_ritz)
        point = leading_pairs(op, fast, W[:, :leading], XW[:, :leading], theta[:leading])
        # The subspace goes beyond V, whose columns are its best: nothing was missed in it.
        yield point.as_step()._replace(missed=0.0)
        costs.append(point.cost)
        norms.append(point.gradient_norm)
        if is_slow(costs, norms):
            del W, XW, some_rows
            yield from going_on(op, point)
            return

        # Up to the change of delta this residual is orthogonal to the basis already.
        # The diagonal of a given start comes from elsewhere: where it leads says nothing yet.
        foreseen = V0 is None or len(costs) > 2
        delta = foresight.next_delta(fast, W[:, :leading], delta, point.n) if foreseen else point.n
        del point  # two tall arrays, and the next ones take a pass to come
        R = residuals(fast, W[:, :width], XW[:, :n_ritz], delta, theta[:n_ritz])
        grown = width + R.shape[1]
        if grown == width:
            continue
        W[:, width:grown] = R
        fast.apply(R, out=XW[:, width:grown])
        del R
        H_R = fast.gram(W[:, :grown], XW[:, width:grown])
        H = np.block([[H, H_R[:width]], [H_R[:width].T, symmetric(H_R[width:])]])
        width = grown


def residuals(op: Operator, basis: Tall, XQ: Tall, delta: Tall, theta: Small) -> Tall:
    """An orthonormal basis of (X + diag(delta)) Q - Q diag(theta) beside a basis.

    Q are the leading columns of that basis, and XQ their products.
    """
    eps, largest = float(np.finfo(op.dtype).eps), max(float(np.abs(theta).max()), 1e-300)
    R = op.residual(basis[:, : len(theta)], XQ, delta, theta, 1 / largest)
    R = op.matmul(basis, -op.gram(basis, R), out=R, add=True)
    # Rounding of X w is of the size of its own theta, far below that of the longest.
    R = orthonormalise(op, R, floor=8 * eps * np.abs(theta) / largest)
    overlap = op.gram(basis, R)
    if np.abs(overlap).max(initial=0) > OVERLAP * eps:
        # What loses half its length on this second pass was rounding: the basis holds it.
        R = op.matmul(basis, -overlap, out=R, add=True)
        R = orthonormalise(op, R, drop=1e-2, floor=0.5)
    return R


def turn(op: Operator, A: Tall, C: Small, some_rows: Tall) -> None:
    """A <- A C in A's leading columns; of many items a second array would be half of all memory."""
    for start in range(0, len(A), len(some_rows)):
        rows = A[start : start + len(some_rows)]
        turned = some_rows[: len(rows), : C.shape[1]]
        rows[:, : C.shape[1]] = op.matmul(rows, C, out=turned)


class Foresight:
    """The diagonal that the alternation leads to, foreseen row by row.

    Where the eigenvalues beyond V's are small beside them, a change of delta_i alone changes n_i by
    1 - r^2 of it, r = 1 - h_i the rest of an item outside the leading eigenvectors and h_i the
    squared length of its row of them. So n - delta falls by r^2 a unit of delta: the alternation
    alone takes r^-2 steps for what Newton's step on delta = n does in one. At 16 million likes h
    comes to 0.45 for the most popular items, on MovieLens small at half the rank to 0.8, on sparse
    likes at d = 256 to 0.95.

    There r falls as delta grows, as delta^-p say. Where one eigenvalue n / h holds an item the
    derivative of h gives p = 2 h^2 delta / n; items that were slow had more, so it is taken as
    2 h delta / n. Then n - delta is zero at

        delta (1 - q a)^(-1 / q),  a = (n - delta) / (r^2 delta),  q = 2 p - 1,

    which is Newton's step for p = 0, and farther for more. On the way down it is Newton's: there n
    is below delta mostly since the subspace still lacks something.

    An item whose step was cut short may go farther the next time.
    """

    def __init__(self) -> None:
        self.farthest: Any = FARTHEST

    def next_delta(self, op: Operator, W: Tall, delta: Any, n: Any) -> Any:
        """Return the diagonal after `delta`, which gave n; W has the leading eigenvectors."""
        h = op.row_dots(W, W)
        rest = (1 - h).clip(LEAST_REST)
        size = n + 1e-300
        q = 4 * h * (delta.clip(0, n) / size) * (n > delta) - 1
        q = q + 0.04 * (abs(q) < 0.02)  # 0 would need another formula, with the same values nearby
        base = delta.clip(1e-6 * size)
        steps = (n - delta) / (rest**2 * base)
        # Where there is no zero the least number leads far away, to the limits.
        wanted = base * (1 - q * steps).clip(1e-3) ** (-1 / q)
        taken = wanted.clip(n / self.farthest, n * self.farthest)
        farther = self.farthest**2 * (taken != wanted)
        self.farthest = farther.clip(self.farthest, FARTHEST_EVER)
        return taken


def leading_pairs(
    op: Operator, fast: Operator, W: Tall, XW: Tall, theta: Small, spare: Tall | None = None
) -> Iterate:
    """V from the leading Ritz vectors W and values theta, with all that is known of it.

    XV may be written to `spare`, which may be XW.
    """
    weights = np.sqrt(np.maximum(theta, 0))
    V = op.astype(fast.scale_columns(W, weights))
    if fast is not op:
        return Iterate.at(op, V, norm_only=True)
    XV = op.scale_columns(XW, weights, out=spare)  # known as well as a product would tell
    vxv = op.quadratic_form(V[:, :LONGEST])
    vxv += float(op.column_dots(V[:, LONGEST:], XV[:, LONGEST:]).sum())
    return Iterate.with_product(op, V, XV, vxv, norm_only=True)


def first_basis(
    op: Operator, k: int, rng: np.random.Generator, V0: Tall | None
) -> tuple[Tall, Any, float]:
    """Orthonormal columns to start from, the first delta, and the share of L'L's trace in them.

    There are k columns, or fewer where the rank of L is less. With few users the first delta is c,
    the diagonal of L'L, from which a large d starts far nearer to the optimum. Else it is 0: with c
    the most popular items pull whole components to themselves, from which a run on likes of the
    size of MovieLens 32M did not come away.
    """

    def random_users(width: int) -> Any:
        numbers = rng.random((op.n_users, width), dtype=np.float32)
        numbers -= 0.5
        return numbers

    if V0 is not None:
        V0 = op.astype(V0)
        delta = op.row_dots(V0, V0)
        given = twice_orthonormalised(op, V0)
        if given.shape[1] >= k:
            return given, delta, 0.0
        # The random part has to catch up, or the steps after it look slow.
        beside = op.from_user_vectors(random_users(k - given.shape[1]))
        for step in range(WARM_STEPS + 1):
            if step:
                beside = op.apply(beside) + op.scale_rows(delta, beside)
            beside = op.matmul(given, -op.gram(given, beside), out=beside, add=True)
            beside = orthonormalise(op, beside)
        return twice_orthonormalised(op, op.hstack([given, beside])), delta, 0.0
    start = random_users(min(k, op.n_users))
    total = float(op.diagonal.sum(dtype=np.float64)) or np.inf  # X without an L has no diagonal
    delta = 0 * op.diagonal
    gram = op.user_gram()
    if gram is not None:
        delta = op.diagonal
        for _ in range(GRAM_STEPS):
            start = np.linalg.qr(gram @ (gram @ start))[0]
        share = float(np.vdot(start, gram @ start)) / total
        return twice_orthonormalised(op, op.from_user_vectors(start)), delta, share
    # L' times a random block has the range of L' when the block is as wide as its rank.
    basis = twice_orthonormalised(op, op.from_user_vectors(start))
    share = 1.0  # as far as this block can tell
    for step in range(POWER_STEPS if basis.shape[1] == k else 0):
        product = op.apply(basis)
        if step == 0:
            diagonal = op.row_dots(basis, basis) @ op.diagonal.astype(np.float64)
            share = float(op.row_dots(basis, product).sum() + diagonal) / total
        basis = orthonormalise(op, product)
    return orthonormalise(op, basis), delta, share


def exact_embedding(op: Operator, d: int, rng: np.random.Generator) -> Step | None:
    """V with VV' = L'L, for which the cost is 0, where the rank of L is at most d."""
    basis = twice_orthonormalised(
        op, op.from_user_vectors(rng.standard_normal((op.n_users, min(d + 1, op.n_users))))
    )
    theta, C = op.eigh(
        symmetric(op.gram(basis, op.apply(basis))) + op.weighted_gram(basis, op.diagonal)
    )
    theta, C = theta[::-1][:d], C[:, ::-1][:, :d]
    total = float(op.diagonal.sum(dtype=np.float64))
    precision = float(np.finfo(op.dtype).eps) * max(64, op.n_items) ** 0.5
    if d < min(op.n_users, op.n_items) and abs(float(theta.sum()) - total) > precision * total:
        return None
    V = op.scale_columns(op.matmul(basis, C), np.sqrt(np.maximum(theta, 0)))
    found = Iterate.at(op, V, norm_only=True)
    # Beside an item of large weights the trace does not show what others lack.
    if found.cost > max(precision**2, 64 * float(np.finfo(np.float64).eps)) * total**2:
        return None
    return found.as_step()._replace(final=True)


def twice_orthonormalised(op: Operator, block: Tall) -> Tall:
    """An orthonormal basis to rounding: one pass alone leaves eps times the condition number."""
    return orthonormalise(op, orthonormalise(op, block))


def is_slow(costs: list[float], norms: list[float]) -> bool:
    """Whether the last decrease was a large part of the one before it, or near rounding's end.

    There the gradient no longer falls with the cost: least squares in the operator's precision goes
    on in a fraction of the time.
    """
    if len(costs) < 3:
        return False
    before, last = costs[-3] - costs[-2], costs[-2] - costs[-1]
    ended = last < NEAR * costs[-1] and norms[-1] > STALLED * norms[-2]
    return bool((last > SLOW * before and last > 0) or ended)


def directions(op: Operator, ritz: Small, n_ritz: int) -> Small:
    """The directions that the Ritz vectors gained over the last ones, orthonormal to them.

    These are LOBPCG's P; taken in coefficients of an orthonormal basis they stay orthonormal to
    rounding (Hetmaniuk & Lehoucq, J. Comput. Phys. 2006).
    """
    P = ritz.copy()
    P[:n_ritz] = 0
    for drop in (1e-14, 1e-2):  # the second pass mends what the first left to rounding
        P = P - ritz @ (ritz.T @ P)
        w, U = op.eigh(symmetric(P.T @ P))
        keep = w > drop
        P = P @ (U[:, keep] / np.sqrt(w[keep]))
    return P


def orthonormalise(op: Operator, A: Tall, drop: float | None = None, floor: Any = 0.0) -> Tall:
    """An orthonormal basis of A's columns, by the eigenvectors of their Gram matrix.

    Directions whose squared length is below `drop` of the largest, among columns scaled to length
    one, are left out, by default those that are rounding, and so are columns no longer than `floor`
    (Stathopoulos & Wu, SIAM J. Sci. Comput. 2002). The Gram matrix is summed in float64, so that a
    float32 block loses nothing to the square of its condition number.
    """
    if drop is None:
        drop = max(50 * float(np.finfo(np.float64).eps), (8 * float(np.finfo(op.dtype).eps)) ** 2)
    G, _ = op.moments(A)
    lengths = np.sqrt(np.maximum(np.diag(G), 0))
    long = lengths > np.maximum(floor, 1e-300)
    scale = 1 / lengths[long]
    G = G[np.ix_(long, long)] * np.outer(scale, scale)
    if not len(G):
        return A[:, :0]
    w, U = op.eigh(symmetric(G))
    w, U = w[::-1], U[:, ::-1]
    keep = w > drop * w[0]
    coefficients = np.zeros((len(long), int(keep.sum())))
    coefficients[long] = scale[:, None] * U[:, keep] / np.sqrt(w[keep])
    return op.matmul(A, coefficients)


def symmetric(H: Small) -> Small:
    """The symmetric part, free of rounding's asymmetry."""
    return (H + H.T) / 2
