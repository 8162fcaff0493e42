"""Tell an optimum from a saddle, where a descent rests although the cost can fall further."""

from __future__ import annotations

import numpy as np

from movieembed.operators.protocol import Operator, Tall
from movieembed.solvers.eigen import orthonormalise, symmetric

BLOCK = 4
PASSES = 8


def missed_decrease(op: Operator, V: Tall) -> float:
    """A decrease of the cost that is still possible, found outside V's column space.

    At an optimum V holds the d largest eigenpairs of A = X + diag(n), n_i = |v_i|^2. If a direction
    outside has a larger Rayleigh quotient than V's smallest eigenvalue, changing the one for the
    other lowers the cost by about the square of the difference. The largest quotient outside is
    approached from below by a block Krylov space.

    Parameters
    ----------
    op : Operator
    V : Tall, shape (n_items, d)

    Returns
    -------
    float
        A lower estimate, 0 where nothing was found.

    Notes
    -----
    Costs 8 passes over the likes with 4 columns.
    """
    if V.shape[1] >= op.n_items:
        return 0.0
    eps = float(np.finfo(op.dtype).eps)
    n = op.row_dots(V, V)
    inside = orthonormalise(op, V)
    rank = inside.shape[1]
    smallest = 0.0
    if rank == V.shape[1]:
        smallest = max(0.0, float(np.linalg.eigvalsh(op.gram(V))[0]))

    noise = 0.0

    def outside(block: Tall, others: list[Tall]) -> Tall:
        for floor in (noise, 0.5):  # as in eigen: the second pass tells rounding from directions
            for other in others:
                block = block - op.matmul(other, op.gram(other, block))
            block = orthonormalise(op, block, floor=floor)
        return block

    block = op.asarray(np.random.default_rng(0).standard_normal((op.n_items, BLOCK)))
    block = outside(block, [inside])
    blocks = [inside]
    products = []
    for _ in range(PASSES):
        if block.shape[1] == 0:
            break
        blocks.append(block)
        product = op.apply(block) + op.scale_rows(n, block)
        products.append(product)
        noise = 8 * eps * float(np.sqrt(op.row_dots(product, product).sum()))
        block = outside(product, blocks)
    if not products:
        return 0.0
    basis = op.hstack(blocks[1:])
    largest = float(np.linalg.eigvalsh(symmetric(op.gram(basis, op.hstack(products))))[-1])
    return max(0.0, largest - smallest) ** 2
