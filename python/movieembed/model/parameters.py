"""What each parameter of a `MovieEmbedding` may be."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from movieembed._base.message import Message
from movieembed._base.threads import resolve_n_jobs
from movieembed._base.validation import (
    Constraint,
    InstanceOf,
    Interval,
    OneOf,
    as_generator,
    check_parameters,
)
from movieembed.exceptions import ParameterError
from movieembed.model.recommender import Recipe
from movieembed.operators.build import BACKENDS
from movieembed.operators.weighting import Weighting
from movieembed.solvers import SOLVERS, HistoryEntry

# What "auto" is for a recommender of counts, see docs/recommendations.md.
HALF, POWER = 0.5, 0.25
MOST_STEPS = 1000  # of refinement, which is at its end after some tens
POSITIVE = Interval(Real, 0, closed="neither")
# The others are checked where they are read: `init` against the likes, `random_state` and `n_jobs`
# by what makes generators and threads of them, the weights of X by `Weighting.of`.
CONSTRAINTS: dict[str, Sequence[Constraint]] = {
    "n_components": [Interval(Integral, 1)],
    "max_iter": [Interval(Integral, 1), None],
    "solver": [OneOf(*sorted(SOLVERS))],
    "backend": [OneOf("auto", *sorted(BACKENDS))],
    "learning_rate": [POSITIVE, OneOf("exact")],
    "momentum": [Interval(Real, 0, 1, closed="left")],
    "tol": [Interval(Real, 0)],
    "dtype": [OneOf("float32", "float64", np.float32, np.float64, name="float32 or float64")],
    "regularization": [POSITIVE, OneOf("auto")],
    "refine": [Interval(Integral, 0, MOST_STEPS), OneOf("auto")],
    "recommend_weighting": [Interval(Real, 0, 2), OneOf("auto", "inverse")],
    "regularization_power": [Interval(Real, 0, 1), OneOf("auto")],
    "keep_likes": [bool],
    "keep_unliked": [bool],
    "checkpoint": [InstanceOf(str, os.PathLike, name="a path"), None],
    "callback": [callable, None],
}


class Parameters:
    """The parameters, as they were given; see `Embedding` on each."""

    def __init__(  # noqa: PLR0913 - a parameter for each choice of the estimator
        self,
        n_components: int = 50,
        *,
        solver: str = "eigen",
        learning_rate: float | Literal["exact"] = "exact",
        momentum: float = 0.9,
        init: str | NDArray[Any] = "random",
        tol: float = 1e-8,
        max_iter: int | None = None,
        item_scaling: float | Literal["cosine"] = 0.0,
        user_weighting: float | Literal["inverse"] = 0.0,
        entry_weighting: Literal["log1p", "ppmi"] | None = None,
        regularization: float | Literal["auto"] = "auto",
        refine: int | Literal["auto"] = "auto",
        recommend_weighting: float | Literal["inverse", "auto"] = "auto",
        regularization_power: float | Literal["auto"] = "auto",
        keep_likes: bool = True,
        keep_unliked: bool = False,
        dtype: Any = "float64",
        random_state: Any = None,
        backend: str = "auto",
        n_jobs: int | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
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
        self.item_scaling = item_scaling
        self.user_weighting = user_weighting
        self.entry_weighting = entry_weighting
        self.regularization = regularization
        self.refine = refine
        self.recommend_weighting = recommend_weighting
        self.regularization_power = regularization_power
        self.keep_likes = keep_likes
        self.keep_unliked = keep_unliked
        self.dtype = dtype
        self.random_state = random_state
        self.backend = backend
        self.n_jobs = n_jobs
        self.checkpoint = checkpoint
        self.callback = callback
        self.verbose = verbose

    def _check(self) -> None:
        """Raise unless every parameter is one of what it may be, and they go together."""
        check_parameters(CONSTRAINTS, vars(self))
        if not isinstance(self.learning_rate, str) and not SOLVERS[self.solver].uses_learning_rate:
            what = "{solver=} takes no learning rate; leave {learning_rate=}"
            message = Message(what, solver=self.solver, learning_rate="exact")
            raise ParameterError(message, "learning_rate")
        if self.keep_unliked and not SOLVERS[self.solver].uses_learning_rate:
            what = "{keep_unliked=} is for gd, momentum, adam and lbfgs: {solver=} goes to the "
            what += "optimum, where the vectors of items that nobody liked are zero"
            message = Message(what, keep_unliked=True, solver=self.solver)
            raise ParameterError(message, "keep_unliked")
        if self.refine not in ("auto", 0) and not self.keep_likes:
            message = Message("{refine=} needs {keep_likes=}", refine=self.refine, keep_likes=True)
            raise ParameterError(message, "refine")

    @classmethod
    def _of(cls, params: Mapping[str, Any]) -> Self:
        """The parameters of a file, each checked; those of other versions are passed over."""
        known = inspect.signature(cls).parameters
        made = cls(**{name: value for name, value in params.items() if name in known})
        check_parameters(CONSTRAINTS, vars(made))
        made._weighting()
        resolve_n_jobs(made.n_jobs)
        as_generator(made.random_state)
        return made

    def _parameters(self) -> dict[str, Any]:
        """What the model is made with, in the order of its signature."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def _weighting(self) -> Weighting:
        """How X is made of the likes."""
        return Weighting.of(self.item_scaling, self.user_weighting, self.entry_weighting)

    def _recipe(self) -> Recipe:
        """How the recommender is to be made: as X is where that is weighted, unless asked for."""
        of_X = self._weighting()
        plain = of_X == Weighting()
        users, power = self.recommend_weighting, self.regularization_power
        if users == "auto":
            users = HALF if plain else of_X.user_weighting
        if power == "auto":
            power = POWER if plain else 0.0
        weighting = Weighting.of(of_X.item_scaling, users, of_X.entries)
        return Recipe(weighting, float(power), self.regularization, self.refine)
