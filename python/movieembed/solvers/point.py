"""One iterate: V with its cost and gradient, and the exact minimum along a line through it.

Solvers yield what others need of it, a step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from movieembed.objective.cost import identity_cost
from movieembed.operators.protocol import Operator, Small, Tall
from movieembed.solvers.line_search import minimise_quartic, quartic

# Steps after which XV is computed afresh: in between it is carried along, and rounding adds up.
REFRESH = 50
# Size of a start, in multiples of that for which |VV'| = |X|, from which it is scaled down first.
OUT_OF_REACH = 100.0


class Step(NamedTuple):
    """An embedding that its solver will not write to again, and its cost.

    `final` ends the run: the optimum is known to be reached. `missed` is a decrease of the cost
    that the solver knows to be possible outside V's column space, None where it has not looked.
    The decreases of `uneven` steps do not tell how the next ones will shrink.
    """

    V: Tall
    cost: float
    gradient_norm: float
    final: bool = False
    missed: float | None = None
    uneven: bool = False


@dataclass
class Iterate:
    """An embedding with all that one pass over the likes tells of it.

    G is V's Gram matrix V'V, n holds the squared lengths of its rows, and vxv is <V, XV>. The
    gradient is None where its norm was enough.
    """

    V: Tall
    XV: Tall
    G: Small
    n: Any
    cost: float
    gradient: Tall
    gradient_norm: float
    vxv: float
    age: int = 0

    @classmethod
    def at(cls, op: Operator, V: Tall, norm_only: bool = False) -> Iterate:
        """Evaluate cost and gradient at V: one pass over the likes."""
        return cls.with_product(op, V, *op.evaluate(V), norm_only=norm_only)

    @classmethod
    def with_product(
        cls,
        op: Operator,
        V: Tall,
        XV: Tall,
        vxv: float,
        age: int = 0,
        norm_only: bool = False,
        spare: Tall | None = None,
    ) -> Iterate:
        """Evaluate cost and gradient at V from XV and <V, XV>: no pass over the likes.

        `spare` is for the gradient.
        """
        G, n = op.moments(V)
        cost = identity_cost(op, G, n, vxv)
        gradient, norm = op.masked_gradient(V, XV, G, n, spare, norm_only=norm_only)
        return cls(V, XV, G, n, cost, gradient, norm, vxv, age)

    def with_gradient(self, op: Operator) -> Iterate:
        """The same, with its gradient."""
        if self.gradient is not None:
            return self
        gradient, _ = op.masked_gradient(self.V, self.XV, self.G, self.n)
        return replace(self, gradient=gradient)

    def exact_step(
        self, op: Operator, D: Tall, spare: tuple[Tall | None, Tall | None] = (None, None)
    ) -> Iterate:
        """The minimum of the cost along V + t D, over all real t: one pass over the likes.

        The new point's XV and gradient may be in `spare`.
        """
        XD, dxd = op.evaluate(D, spare[0])
        coefficients = quartic(
            A=self.G,
            B=op.gram(self.V, D),
            C=op.gram(D),
            n=self.n,
            m=op.row_dots(self.V, D),
            q=op.row_dots(D, D),
            slope=dot(op, self.gradient, D),
            dxd=dxd,
            cost=self.cost,
        )
        t = float(op.dtype.type(minimise_quartic(coefficients)))
        V = plus(op, self.V, t, D)
        if self.age + 1 >= REFRESH:
            return Iterate.at(op, V)
        # Carried along like XV, <V, XV> has the rounding of its change, not of itself.
        vxv = self.vxv + 2 * t * dot(op, self.XV, D) + t**2 * dxd
        XV = plus(op, self.XV, t, XD, out=XD)
        return Iterate.with_product(op, V, XV, vxv, self.age + 1, spare=spare[1])

    def step(self, op: Operator, D: Tall, learning_rate: float | Literal["exact"]) -> Iterate:
        """V + learning_rate D, or the exact minimum along D."""
        if learning_rate == "exact":
            return self.exact_step(op, D)
        return Iterate.at(op, self.V + op.dtype.type(learning_rate) * D)

    def as_step(self) -> Step:
        """The step that a solver yields for this point."""
        return Step(self.V, self.cost, self.gradient_norm)


def dot(op: Operator, A: Tall, B: Tall) -> float:
    """<A, B>."""
    return float(op.row_dots(A, B).sum())


def plus(op: Operator, A: Tall, t: float, B: Tall, out: Tall | None = None) -> Tall:
    """A + t B, in `out` where that is given, which may be either."""
    return op.residual(B, A, 0 * op.diagonal, np.full(B.shape[1], -t), out=out)


def random_start(op: Operator, n_components: int, rng: np.random.Generator) -> Tall:
    """A standard normal V times the scalar that fits X best."""
    V = op.asarray(rng.standard_normal((op.n_items, n_components)))
    return V * op.dtype.type(best_multiple(op, V))


def in_reach(op: Operator, V: Tall) -> Tall:
    """V, or its best multiple where V is so large that rounding would hide the way down.

    Its size is judged by |VV'| against |X|, which is known whichever way V points.
    """
    largest = float(abs(V).max())
    if not largest:
        return V
    unit = V / op.dtype.type(largest)
    G = op.gram(unit)
    of_size_x = (op.frobenius_squared / float(np.vdot(G, G))) ** 0.25
    if largest <= OUT_OF_REACH * of_size_x:
        return V
    return unit * op.dtype.type(best_multiple(op, unit))


def best_multiple(op: Operator, V: Tall) -> float:
    """The scalar s for which s V fits X best.

    The cost of s V is |X|^2 - 2 s^2 <V, XV> + s^4 (|V'V|_F^2 - sum n_i^2).
    """
    n = op.row_dots(V, V)
    G = op.gram(V)
    quartic_term = max(float(np.vdot(G, G)) - float(n @ n), 1e-300)
    square = dot(op, V, op.apply(V)) / quartic_term
    if square <= 0:  # V happens to point away from X; any small multiple will do
        square = 1e-3 * (op.frobenius_squared / quartic_term) ** 0.5
    return float(square**0.5)
