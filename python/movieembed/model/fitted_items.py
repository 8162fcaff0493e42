"""What a fit or a file gives of the items, and what can be derived from that.

A model's questions (`similar`, `recommend`, `explain`, ...) are functions of `FittedItems` in
`similarity`, `scoring`, `fold_in` and `users`. On the terms used here see docs/glossary.md.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields, replace
from numbers import Integral
from typing import Any, Literal, TypeVar, cast

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.derived import derived
from movieembed._base.message import Message, Parameter
from movieembed._base.threads import resolve_n_jobs
from movieembed._base.validation import Interval, check_parameter, check_real
from movieembed._base.warn import warn_caller
from movieembed.data.distributed.likes import DistributedLikes
from movieembed.data.items import ItemIndex
from movieembed.data.likes import Likes
from movieembed.data.users import UserIndex
from movieembed.exceptions import ParameterError
from movieembed.model.neighbors import embedded, unit_rows
from movieembed.model.parameters import MOST_STEPS
from movieembed.model.precision import PrecisionForm
from movieembed.model.recommender import Recipe, Recommender, made, weighed
from movieembed.model.refinement import Refinement
from movieembed.operators.build import (
    Prepared,
    backend_of_lists,
    operator_of_lists,
    prepare,
)
from movieembed.operators.protocol import Operator
from movieembed.operators.units import divided
from movieembed.operators.weighting import Weighting

Method = Literal["precision", "weighted", "cosine", "dot"]
METHODS: tuple[Method, ...] = ("precision", "weighted", "cosine", "dot")
YEAR = r"\((\d{4})\)\s*$"

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
    weighting : Weighting
        How X is made of likes.
    recipe : Recipe
        How the recommender is to be made.
    likes : csr_array, shape (n_users, n_items), or None
        Where the model keeps them.
    threshold : float or None
        Lowest rating that is a like, where the likes were made of ratings.
    recommender : Recommender or None
        What `recommend` goes by, where it has been made.
    n_jobs : int, optional
        Threads.
    distributed : DistributedLikes or None
        Likes on a cluster, where the model keeps them: a reference, which copies do not have.
    users : ndarray, shape (n_users,), or None
        Ids of the rows of `likes`.
    seen : csr_array of bool, shape (n_users, n_items), or None
        What they rated and did not like, as `Likes.seen`.
    item_table : DataFrame of n_items rows, or None
        What else is known of the items.
    """

    embedding: NDArray[Any]
    index: ItemIndex
    item_counts: NDArray[np.int64]
    item_squares: NDArray[np.float64] | None
    item_scale: NDArray[np.float64] | None
    weighting: Weighting
    recipe: Recipe
    likes: sp.csr_array | None = None
    threshold: float | None = None
    recommender: Recommender | None = None
    n_jobs: int | None = None
    backend: str = "auto"
    distributed: DistributedLikes | None = None
    users: NDArray[Any] | None = None
    seen: sp.csr_array | None = None
    item_table: pd.DataFrame | None = None

    def __getstate__(self) -> dict[str, Any]:
        state = {field.name: getattr(self, field.name) for field in fields(self)}
        return state | {"recommender": self.recommender_if_made, "distributed": None}

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

    def embedded_by(self, method: Method, steps: int = 0) -> NDArray[np.bool_]:
        """Which items have a vector as a method goes by them; refined lists go by likes."""
        if method in ("cosine", "dot"):
            return self.embedded
        return self._embedded_and_liked if steps else self.embedded & self._embedded_as_weighted

    @derived
    def _embedded_and_liked(self) -> NDArray[np.bool_]:
        liked = np.zeros(len(self), dtype=bool)
        liked[self.operator.active] = True
        return self.embedded & liked

    @derived
    def _embedded_as_weighted(self) -> NDArray[np.bool_]:
        return embedded(self.weighted_vectors)

    @derived
    def user_index(self) -> UserIndex:
        """What finds the rows of the kept likes by the ids of their users."""
        if self.likes is None or self.users is None:
            what = "this model does not keep whose likes it was fitted on: |pass {likes}, or |fit "
            what += "it with {keep_likes=}"
            if self.likes is not None:
                what = "this model's file does not keep whose likes it has|: pass {likes}"
            elif self.is_of_cooccurrence:
                what = "this model is of a Cooccurrence, which knows no users|: pass {likes}"
            raise ParameterError(Message(what, keep_likes=True), "likes")
        return UserIndex(self.users)

    @derived
    def catalogue(self) -> pd.DataFrame:
        """The table of items, with the year of a title where it has no such column."""
        table = pd.DataFrame(index=range(len(self)))
        if self.item_table is not None:
            table = self.item_table
        named = {str(label).casefold() for label in table.columns}
        if self.titles is None:
            return table
        titles = pd.Series(self.titles, index=table.index, dtype=object)
        years = titles.str.extract(YEAR, expand=False).astype(np.float64)
        missing = {"title": titles, "year": years}
        return table.assign(**{name: x for name, x in missing.items() if name not in named})

    def with_settings(
        self, refine: int | Literal["auto"], n_jobs: int | None, backend: str
    ) -> FittedItems:
        """The same with other steps, threads or backend; itself where they are its own."""
        if (self.recipe.refine, self.n_jobs, self.backend) == (refine, n_jobs, backend):
            return self
        recipe, made = replace(self.recipe, refine=refine), self.recommender_if_made
        return replace(self, recipe=recipe, n_jobs=n_jobs, backend=backend, recommender=made)

    @property
    def recommender_if_made(self) -> Recommender | None:
        """The recommender, if it has been made."""
        found: Recommender | None = vars(self).get("recommending", self.recommender)
        return found

    @derived
    def recommending(self) -> Recommender:
        """The recommender, made of the kept likes when it is first asked for."""
        if self.recommender is not None:
            return self.recommender
        ours = made(self._kept, *self._weighed, self.recipe, resolve_n_jobs(self.n_jobs))
        vars(self).pop("_weighed", None)
        return ours

    def make_recommender(self, likes: Likes | DistributedLikes, backend: str) -> Recommender:
        """A recommender of the likes that these items are of."""
        found = self._weigh(likes, backend)
        return made(likes, *found, self.recipe, resolve_n_jobs(self.n_jobs))

    @derived
    def weighted_vectors(self) -> NDArray[Any]:
        """Vectors of the likes as the recommender weighs them."""
        ours = self.recommender_if_made
        return self._weighed[1] if ours is None else ours.vectors

    @derived
    def _weighed(self) -> tuple[Prepared, NDArray[Any]]:
        return self._weigh(self._kept, backend_of_lists(self.backend))

    def _weigh(
        self, likes: Likes | DistributedLikes, backend: str
    ) -> tuple[Prepared, NDArray[Any]]:
        same, threads = self.recipe.weighting == self.weighting, resolve_n_jobs(self.n_jobs)
        return weighed(likes, self.embedding, same, self.recipe.weighting, backend, threads)

    @property
    def _kept(self) -> Likes:
        assert self.likes is not None
        return Likes.from_matrix(self.likes, users=np.arange(self.likes.shape[0]))

    def directions(self, method: Method) -> NDArray[Any]:
        """What the inner products are of with a method other than "precision"; the last is kept."""
        V = self.weighted_vectors if method == "weighted" else self.embedding
        return V if method == "dot" else self.last("directions by", method, lambda: unit_rows(V))

    @property
    def regularization(self) -> float:
        """lambda; 1 where there is no Gram matrix."""
        return 1.0 if self.item_squares is None else self.recommending.regularization

    @property
    def regularization_path(self) -> pd.DataFrame | None:
        """What was tried for lambda, and how good the lists were."""
        return None if self.item_squares is None else self.recommending.path

    @derived
    def operator(self) -> Operator:
        """The operator of the kept likes, as the recommender weighs them."""
        ours = self.recommending
        threads, dtype = resolve_n_jobs(self.n_jobs), ours.vectors.dtype
        if self.likes is None:
            return prepare("dask", self.distributed, ours.weighting, dtype, threads).op
        roots = ours.weighting.user_roots(self.likes)
        scaled = divided(ours.weighting.scaled(self.likes, roots, ours.scale), ours.unit)
        return operator_of_lists(self.backend, scaled, dtype, threads)

    def precision(self, regularization: float) -> PrecisionForm:
        """The precision form at a lambda; the last one is kept."""
        return self.last(
            "precision at", regularization, lambda: self.recommending.form(regularization)
        )

    def refinement(self, regularization: float) -> Refinement:
        """What leads from the precision form to the dense inverse; the last one is kept."""
        ours, threads = self.recommending, resolve_n_jobs(self.n_jobs)

        def make() -> Refinement:
            weights = ours.squares + ours.ridge(regularization)
            return Refinement(self.operator, self.precision(regularization), weights, threads)

        return self.last("refinement at", regularization, make)

    def last(self, name: str, key: Hashable, make: Callable[[], T]) -> T:
        """What was made last under a name, or a new one where its key was another."""
        kept: tuple[Hashable, T] | None = vars(self).get(name)
        if kept is None or kept[0] != key:
            kept = vars(self)[name] = (key, make())
        return kept[1]

    @property
    def is_of_cooccurrence(self) -> bool:
        """Whether the items are those of an X that came without likes."""
        return self.item_squares is None and self.weighting.entries is None

    @property
    def has_likes(self) -> bool:
        """Whether the likes are at hand: kept, or on a cluster that is still there."""
        return self.likes is not None or (
            self.distributed is not None and self.distributed.cluster.client.status == "running"
        )

    # What a caller may ask for of these items.

    def check_method(self, method: Any, usual: Method) -> Method:
        """A method, by default the usual one if these items allow it."""
        if method is None:
            return "cosine" if self.item_squares is None else usual
        if method not in METHODS:
            message = f"method must be one of {METHODS}, not {method!r}"
            raise ParameterError(message, "method")
        if method in ("precision", "weighted") and self.item_squares is None:
            cosine, entries = Parameter("method", "cosine"), self.weighting.entries
            what = "{method=} needs a Gram matrix, which {entry_weighting=} does not leave; "
            if self.is_of_cooccurrence:
                what = "{method=} needs likes, and this model is of a Cooccurrence; "
            what += "use {use}"
            raise ValueError(Message(what, method=method, entry_weighting=entries, use=cosine))
        return cast(Method, method)

    def check_steps(self, refine: Any, method: Method) -> int:
        """Steps of refinement, by default those of the model."""
        if refine is None:
            if method != "precision":
                return 0
            if not self.has_likes:
                self._say_what_is_lost()
                return 0
            steps = self.recipe.refine
            return self.recommending.refine if steps == "auto" else int(steps)
        check_parameter(refine, "refine", Interval(Integral, 0, MOST_STEPS))
        steps = int(refine)
        if steps and method != "precision":
            what = "{refine} goes with {method=}, not {given!r}"
            raise ValueError(Message(what, method="precision", given=method))
        if steps and not self.has_likes:
            what = "{refine=} needs the likes, which this model did not keep: fit it with "
            raise ValueError(Message(what + "{keep_likes=}", refine=refine, keep_likes=True))
        return steps

    def _say_what_is_lost(self) -> None:
        """Warn, once, that lists go by the vectors alone."""
        if self.recipe.refine and self.recommending.refine and "said" not in vars(self):
            vars(self)["said"] = True
            lost = "the cluster that had this model's likes is gone"
            if self.distributed is None:
                lost = "this model did not keep its likes"
            what = "{lost}: it recommends by its vectors alone, which is worse where likes are few."
            what += " Fit it with {keep_likes=}|, or say {refine=}"
            warn_caller(Message(what, lost=lost, keep_likes=True, refine=0))

    def check_lambda(self, regularization: Any) -> float:
        """A positive lambda, by default the model's."""
        if regularization is None:
            return self.recommending.regularization
        return check_real(regularization, "regularization", low=0.0, open_low=True)
