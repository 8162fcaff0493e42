"""What a fit or a file gives of the items, and what can be derived from that.

A model's questions (`similar`, `recommend`, `explain`, ...) are functions of `FittedItems` in
`similarity`, `scoring`, `fold_in` and `users`. On the terms used here see docs/glossary.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from numbers import Integral
from typing import Any, Literal, TypeVar, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.derived import derived
from movieembed._base.message import Message, Parameter
from movieembed._base.threads import resolve_n_jobs
from movieembed._base.validation import Interval, check_parameter, check_real
from movieembed.data.items import ItemIndex
from movieembed.exceptions import ParameterError
from movieembed.model.neighbors import embedded
from movieembed.model.parameters import MOST_STEPS
from movieembed.model.precision import PrecisionForm, Refinement
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.weighting import Weighting

Method = Literal["precision", "cosine", "dot"]
METHODS: tuple[Method, ...] = ("precision", "cosine", "dot")

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class FittedItems:
    """Items with their vectors and counts: all that answers to questions are made of.

    It never changes. What is derived from it is kept beside it, and left out where it is copied,
    pickled or sent, so that nothing of this process goes along.

    Attributes
    ----------
    embedding : ndarray, shape (n_items, n_components)
        V. An item whose row is zero is *unembedded*: it is never found and says nothing.
    index : ItemIndex
        Ids and titles.
    item_counts : ndarray of int64, shape (n_items,)
        Likes of each item.
    item_squares : ndarray of float64, shape (n_items,), or None
        Diagonal of the (scaled) Gram matrix L'L; None where there is none.
    item_scale : ndarray of float64, shape (n_items,), or None
        The factors of `item_scaling`; None where they are one.
    regularization : float
        lambda.
    weighting : Weighting
        How X is made of likes.
    likes : csr_array, shape (n_users, n_items), or None
        Where the model keeps them.
    threshold : float or None
        Lowest rating that is a like, where the likes were made of ratings.
    refine : int or "auto"
        Steps of `recommend` unless it is told otherwise.
    n_jobs : int, optional
        Threads.
    """

    embedding: NDArray[Any]
    index: ItemIndex
    item_counts: NDArray[np.int64]
    item_squares: NDArray[np.float64] | None
    item_scale: NDArray[np.float64] | None
    regularization: float
    weighting: Weighting
    likes: sp.csr_array | None = None
    threshold: float | None = None
    refine: int | Literal["auto"] = "auto"
    n_jobs: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __len__(self) -> int:
        return len(self.embedding)

    @property
    def items(self) -> NDArray[Any]:
        """Item ids."""
        return self.index.ids

    @property
    def titles(self) -> NDArray[np.object_] | None:
        """Titles, where they are known."""
        return self.index.titles

    @derived
    def embedded(self) -> NDArray[np.bool_]:
        """Which items have a vector."""
        return embedded(self.embedding)

    @derived
    def operator(self) -> CpuOperator:
        """The operator of the kept likes, weighted and scaled as for the fit."""
        assert self.likes is not None
        roots = self.weighting.user_roots(self.likes)
        scaled = self.weighting.scaled(self.likes, roots, self.item_scale)
        return CpuOperator(scaled, self.embedding.dtype, resolve_n_jobs(self.n_jobs))

    def precision(self, regularization: float) -> PrecisionForm:
        """The precision form at a lambda; the last one is kept."""
        return self._last(
            "precision at",
            regularization,
            lambda: PrecisionForm(self.embedding, self._squares, regularization),
        )

    def refinement(self, regularization: float) -> Refinement:
        """What leads from the precision form to the dense inverse; the last one is kept."""
        form = self.precision(regularization)
        return self._last(
            "refinement at",
            regularization,
            lambda: Refinement(self.operator, form, self._squares, regularization),
        )

    @property
    def _squares(self) -> NDArray[np.float64]:
        assert self.item_squares is not None
        return self.item_squares

    def _last(self, name: str, key: float, make: Callable[[], T]) -> T:
        """What was made last under a name, or a new one where its key was another."""
        kept: tuple[float, T] | None = vars(self).get(name)
        if kept is None or kept[0] != key:
            kept = vars(self)[name] = (key, make())
        return kept[1]

    # What a caller may ask for of these items.

    def check_method(self, method: Any) -> Method:
        """A method, by default the best that these items allow."""
        if method is None:
            return "cosine" if self.item_squares is None else "precision"
        if method not in METHODS:
            message = f"method must be one of {METHODS}, not {method!r}"
            raise ParameterError(message, "method")
        if method == "precision" and self.item_squares is None:
            what = (
                "{method=} needs a Gram matrix, which {entry_weighting=} does not leave; use {use}"
            )
            cosine, entries = Parameter("method", "cosine"), self.weighting.entries
            raise ValueError(Message(what, method=method, entry_weighting=entries, use=cosine))
        return cast(Method, method)

    def check_steps(self, refine: Any, method: Method) -> int:
        """Steps of refinement, by default those of the model."""
        if refine is None:
            if method != "precision" or self.likes is None:
                return 0
            return 1 if self.refine == "auto" else int(self.refine)
        check_parameter(refine, "refine", Interval(Integral, 0, MOST_STEPS))
        steps = int(refine)
        if steps and method != "precision":
            what = "{refine} goes with {method=}, not {given!r}"
            raise ValueError(Message(what, method="precision", given=method))
        if steps and self.likes is None:
            what = "{refine=} needs the likes, which this model did not keep: fit it with "
            raise ValueError(Message(what + "{keep_likes=}", refine=refine, keep_likes=True))
        return steps

    def check_lambda(self, regularization: Any) -> float:
        """A positive lambda, by default the model's."""
        if regularization is None:
            return self.regularization
        return check_real(regularization, "regularization", low=0.0, open_low=True)
