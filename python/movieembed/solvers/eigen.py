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

Near the rank of L the alternation itself becomes slow, whatever the subspace. When the cost's
decreases shrink too slowly the run goes on by alternating least squares, which feels the diagonal's
mask directly and costs less an iteration.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from movieembed.backends.base import Operator, Small, Tall
from movieembed.solvers.als import als
from movieembed.solvers.iterate import Iterate
from movieembed.solvers.step import Step

# Ratio of decreases of the cost above which an iteration counts as slow. On MovieLens small it
# stays below 0.17 at d = 10 and 50; at d = 300 and 450 this value halved the time that 0.5 took,
# and more.
SLOW = 0.3
# Power steps of the random start: a pass over the likes each, but few dense products, for an
# iteration or two saved (measured on MovieLens small: 8 to 6 at d = 50).
POWER_STEPS = 3


def eigen(
    op: Operator, n_components: int, rng: np.random.Generator, V0: Tall | None = None
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

    Yields
    ------
    Step
        `final` where the rank of L is at most d: then V's rows are those of L', rotated, and the
        cost is 0.

    Notes
    -----
    An iteration costs 4 nnz k flops in sparse products and about 50 n_items k^2 in dense ones, with
    k = d + max(6, d / 5), and holds eight n_items x k arrays.
    """
    d = n_components
    k = min(d + max(6, d // 5), op.n_items)
    eps = float(np.finfo(op.dtype).eps)
    if V0 is None:
        # L' times a random block has the range of L' when the block is as wide as its rank.
        block = op.from_user_vectors(rng.standard_normal((op.n_users, min(k, op.n_users))))
        delta = op.diagonal
    else:
        random = op.from_user_vectors(rng.standard_normal((op.n_users, min(k, op.n_users))))
        block = op.hstack([orthonormalise(op, V0, drop=50 * eps), orthonormalise(op, random, 1e-2)])
        block, delta = block[:, :k], op.row_dots(V0, V0)
    # Twice: the first pass leaves an error of eps times the square of the condition number.
    basis = orthonormalise(op, orthonormalise(op, block, drop=50 * eps), drop=50 * eps)
    if V0 is None and basis.shape[1] == k:
        for _ in range(POWER_STEPS):
            block = op.apply(basis) + op.scale_rows(delta, basis)
            basis = orthonormalise(op, block, drop=50 * eps)
        basis = orthonormalise(op, basis, drop=50 * eps)
    X_basis = op.apply(basis)
    H = symmetric(op.gram(basis, X_basis))
    n_ritz = 0  # leading columns of the basis that are the last iteration's Ritz vectors
    costs: list[float] = []

    for iteration in itertools.count():
        theta, C = np.linalg.eigh(H + op.weighted_gram(basis, delta))
        theta, C = theta[::-1], C[:, ::-1]
        ritz = C[:, :k]
        Q, XQ = op.matmul(basis, ritz), op.matmul(X_basis, ritz)
        weights = np.sqrt(np.maximum(theta[:d], 0))
        point = Iterate.at(
            op, op.scale_columns(Q[:, :d], weights), op.scale_columns(XQ[:, :d], weights)
        )
        exact = iteration == 0 and V0 is None and spans_likes(op, theta, d)  # delta is still c
        yield point.as_step()._replace(final=exact)
        costs.append(point.cost)
        if is_slow(costs):
            yield from itertools.islice(als(op, point.V), 1, None)

        # Up to the change of delta this residual is orthogonal to the basis already.
        delta = point.n
        R = XQ + op.scale_rows(delta, Q) - op.scale_columns(Q, theta[: ritz.shape[1]])
        kept = ritz
        if n_ritz:
            P = directions(ritz, n_ritz)
            kept = np.hstack([ritz, P])
            Q = op.hstack([Q, op.matmul(basis, P)])
            XQ = op.hstack([XQ, op.matmul(X_basis, P)])
        n_ritz = ritz.shape[1]
        H = symmetric(kept.T @ H @ kept)
        noise = 8 * eps * max(float(np.abs(theta).max()), 1e-300)
        R = orthonormalise(op, R - op.matmul(Q, op.gram(Q, R)), drop=50 * eps, floor=noise)
        overlap = op.gram(Q, R)
        if np.abs(overlap).max(initial=0) > 1e3 * eps:
            # What loses half its length on this second pass was rounding: Q's span holds it.
            R = orthonormalise(op, R - op.matmul(Q, overlap), drop=1e-2, floor=0.5)
        if R.shape[1] == 0:
            basis, X_basis = Q, XQ
            continue
        XR = op.apply(R)
        HQR = op.gram(Q, XR)
        H = np.block([[H, HQR], [HQR.T, symmetric(op.gram(R, XR))]])
        basis, X_basis = op.hstack([Q, R]), op.hstack([XQ, XR])


def is_slow(costs: list[float]) -> bool:
    """Whether the last decrease was a large part of the one before it."""
    if len(costs) < 3:
        return False
    before, last = costs[-3] - costs[-2], costs[-2] - costs[-1]
    return bool(last > SLOW * before and last > 0)


def spans_likes(op: Operator, theta: Small, d: int) -> bool:
    """Whether d Ritz vectors of L'L hold all of it: its trace is then theirs."""
    if d >= min(op.n_users, op.n_items):
        return True
    total = float(op.diagonal.sum(dtype=np.float64))
    precision = float(np.finfo(op.dtype).eps) * max(64, op.n_items) ** 0.5
    return bool(abs(float(theta[:d].sum()) - total) <= precision * total)


def directions(ritz: Small, n_ritz: int) -> Small:
    """What the Ritz vectors gained over the last ones, orthonormal and orthogonal to them.

    These are LOBPCG's P; taken in coefficients of an orthonormal basis they stay orthonormal to
    rounding (Hetmaniuk & Lehoucq, J. Comput. Phys. 2006).
    """
    P = ritz.copy()
    P[:n_ritz] = 0
    P -= ritz @ (ritz.T @ P)
    U, s, _ = np.linalg.svd(P, full_matrices=False)
    U = U[:, s > 1e-8]
    U -= ritz @ (ritz.T @ U)
    return np.linalg.qr(U)[0]


def orthonormalise(op: Operator, A: Tall, drop: float, floor: float = 0.0) -> Tall:
    """An orthonormal basis of A's columns, by the eigenvectors of their Gram matrix.

    Directions whose squared length is below `drop` of the largest, among columns scaled to length
    one, are left out, and so are columns no longer than `floor` (Stathopoulos & Wu, SIAM J. Sci.
    Comput. 2002).
    """
    G = op.gram(A)
    lengths = np.sqrt(np.maximum(np.diag(G), 0))
    long = lengths > max(floor, 1e-300)
    scale = 1 / lengths[long]
    G = G[np.ix_(long, long)] * np.outer(scale, scale)
    if not len(G):
        return A[:, :0]
    w, U = np.linalg.eigh(symmetric(G))
    w, U = w[::-1], U[:, ::-1]
    keep = w > drop * w[0]
    coefficients = np.zeros((len(long), int(keep.sum())))
    coefficients[long] = scale[:, None] * U[:, keep] / np.sqrt(w[keep])
    return op.matmul(A, coefficients)


def symmetric(H: Small) -> Small:
    """The symmetric part, free of rounding's asymmetry."""
    return (H + H.T) / 2
