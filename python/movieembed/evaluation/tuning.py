"""Choose the parameters of `recommend` on likes that are held out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed._base.progress import progress_bar
from movieembed.data.likes import Likes
from movieembed.evaluation.metrics import ranking_metrics
from movieembed.evaluation.splits import Split, split_random
from movieembed.model.embedding import Embedding
from movieembed.model.fitted_items import FittedItems
from movieembed.model.holdout import USUAL
from movieembed.model.scoring import recommend
from movieembed.model.taste import Taste

# People whose lists are made for a setting. Fewer are asked again, in as many other splits as make
# that many lists, for what is best for few lists is luck; up to a number, for each takes its fits.
MOST_PEOPLE, MOST_SPLITS = 2000, 4


@dataclass(frozen=True)
class Tuned:
    """The parameters that :func:`tune` chose, and all that it tried.

    Attributes
    ----------
    n_components, refine : int
    regularization : float
    table : DataFrame
        n_components, recommend_weighting, regularization_power, regularization, refine, recall and
        ndcg of everything tried.
    recommend_weighting, regularization_power : float

    Examples
    --------
    >>> import pandas as pd
    >>> from movieembed.evaluation import Tuned
    >>> Tuned(64, 1, 100.0, pd.DataFrame(), 0.5, 0.25).parameters()["refine"]
    1
    """

    n_components: int
    refine: int
    regularization: float
    table: pd.DataFrame = field(repr=False)
    recommend_weighting: float
    regularization_power: float

    def parameters(self) -> dict[str, Any]:
        """Return what was chosen, as parameters of :class:`movieembed.MovieEmbedding`.

        Examples
        --------
        >>> import pandas as pd
        >>> from movieembed.evaluation import Tuned
        >>> list(Tuned(64, 1, 100.0, pd.DataFrame(), 0.5, 0.25).parameters())[:2]
        ['n_components', 'recommend_weighting']
        """
        return {name: getattr(self, name) for name in CHOSEN}


COORDINATES = (
    "n_components",
    "recommend_weighting",
    "regularization_power",
    "factor",
    "refine",
)
CHOSEN = (
    "n_components",
    "recommend_weighting",
    "regularization_power",
    "regularization",
    "refine",
)


def tune(
    likes: Likes,
    *,
    n_components: Iterable[int] = (64, 128, 256),
    recommend_weighting: Iterable[float] = (0.5, 0.0, 1.0),
    regularization_power: Iterable[float] = (0.25, 0.0, 0.5),
    factors: Iterable[float] = (0.5, 1.0, 2.0, 4.0, 8.0),
    refine: Iterable[int] = (0, 1, 2),
    k: int = 20,
    split: Split | None = None,
    random_state: Any = 0,
    progress: bool | None = None,
    **parameters: Any,
) -> Tuned:
    """Choose the parameters of `recommend` on a part of the likes that is held out.

    Parameters
    ----------
    likes : Likes
        For training: what is to be tested on must not be among them.
    n_components : iterable of int
    recommend_weighting, regularization_power : iterable of float
        The first of each is the one at which the others are chosen.
    factors : iterable of float
        Values of the regularisation, in units of the mean squared length of a person's row.
    refine : iterable of int
        Numbers of steps.
    k : int, default=20
        Cut-off of the lists that are measured.
    split : Split, optional
        The validation split; by default a fifth of each user's likes, at random. Fewer than 2,000
        people are asked in up to four such splits, each with fits of its own; of more 2,000 are.
    random_state : int or None, default=0
        Of that split and of the fits.
    progress : bool, optional
        Show a bar; by default where standard error is a terminal.
    **parameters
        Others of the estimator.

    Returns
    -------
    Tuned
        Measured by recall plus NDCG, person by person. Of settings within a standard error of the
        best, the one that differs least from the usual: the first of each list, a factor of 2 and
        one step. On few people the best is luck.

    Notes
    -----
    A search along one coordinate after the other: the weightings with the first `n_components`,
    then the others with the best weighting. A fit of each, in each split, serves every
    regularisation, its power and the steps. Regularisations in the table are means over splits.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> from movieembed.evaluation import tune
    >>> rng = np.random.default_rng(1)
    >>> likes = me.Likes.from_matrix((rng.random((40, 15)) < 0.4).astype(float))
    >>> chosen = tune(likes, n_components=(2, 3), recommend_weighting=[0.5], k=3)
    >>> chosen.n_components in (2, 3), chosen.parameters()["recommend_weighting"]
    (True, 0.5)
    """
    widths, weightings = list(n_components), list(recommend_weighting)
    search = Search(
        splits_of(likes, random_state) if split is None else [split],
        list(regularization_power),
        list(factors),
        list(refine),
        k,
        {"random_state": random_state, **parameters},
    )
    with progress_bar(len(widths) + len(weightings) - 1, "tune", "fit", progress) as bar:
        for weighting in weightings:
            search.fit(widths[0], weighting)
            bar.update()
        weighting = search.best()["recommend_weighting"]
        for d in widths[1:]:
            search.fit(d, weighting)
            bar.update()
    best = search.best()
    chosen = {name: best[name] for name in CHOSEN}
    return Tuned(table=search.table(), **chosen)


def splits_of(likes: Likes, random_state: Any) -> list[Split]:
    """Random splits that have MOST_PEOPLE together, or MOST_SPLITS."""
    rng = np.random.default_rng(random_state)
    splits = [split_random(likes, random_state=rng)]
    people = splits[0].given.shape[0]
    for _ in range(min(-(-MOST_PEOPLE // people), MOST_SPLITS) - 1):
        splits.append(split_random(likes, random_state=rng))
    return splits


class Part:
    """The people of a split that are asked, and what is fitted on its training likes."""

    fitted: FittedItems
    length: float

    def __init__(self, split: Split) -> None:
        self.train = split.train
        people = np.arange(split.given.shape[0])
        if len(people) > MOST_PEOPLE:
            people = np.sort(np.random.default_rng(0).choice(people, MOST_PEOPLE, replace=False))
        self.given, self.held = Taste(split.given[people], single=False), split.held[people]

    def fit(self, n_components: int, parameters: dict[str, Any]) -> None:
        """Fit a model, whose likes' mean squared length is the unit of lambda."""
        model = Embedding(n_components, **parameters).fit(self.train)
        self.fitted = model._fitted_items()
        ours = self.fitted.recommending
        self.length = float(ours.squares.sum()) * ours.unit**2 / self.train.shape[0]

    def lists(self, power: float, factor: float, steps: int, k: int) -> dict[str, Any]:
        """How good the lists of a setting are, person by person."""
        ours = replace(self.fitted.recommending, power=float(power))
        fitted = replace(self.fitted, recommender=ours)
        value = factor * self.length
        columns, _ = recommend(fitted, self.given, k, regularization=value, refine=steps)
        return ranking_metrics(columns, self.held, ks=(k,))


class Search:
    """Lists for the people of some splits, in one setting after the other."""

    def __init__(
        self,
        splits: list[Split],
        powers: list[float],
        factors: list[float],
        steps: list[int],
        k: int,
        parameters: dict[str, Any],
    ) -> None:
        self.parts = [Part(split) for split in splits]
        self.powers, self.factors, self.steps, self.k = powers, factors, steps, k
        self.parameters = parameters
        self.rows: list[dict[str, Any]] = []
        self.scores: list[NDArray[np.float64]] = []

    def fit(self, n_components: int, weighting: float) -> None:
        """Try every lambda and step at the first power, and the other powers near the best."""
        given = {**self.parameters, "regularization": 1.0, "keep_likes": True}
        for part in self.parts:
            part.fit(n_components, {**given, "recommend_weighting": weighting})
        self.setting = {"n_components": int(n_components), "recommend_weighting": float(weighting)}
        first = len(self.rows)
        for factor in self.factors:
            for steps in self.steps:
                self.measure(self.powers[0], factor, steps)
        best = first + int(np.argmax([score.mean() for score in self.scores[first:]]))
        at = self.factors.index(self.rows[best]["factor"])
        for power in self.powers[1:]:
            for factor in self.factors[max(0, at - 1) : at + 2]:
                self.measure(power, factor, self.rows[best]["refine"])

    def measure(self, power: float, factor: float, steps: int) -> None:
        """Make the lists of a setting and note how good they are."""
        found = [part.lists(power, factor, steps, self.k) for part in self.parts]
        # The same people in all splits, for how many of their likes are held out is not random.
        recall, ndcg = (
            np.mean([x[f"{name}@{self.k}"] for x in found], axis=0) for name in ("recall", "ndcg")
        )
        value = factor * np.mean([part.length for part in self.parts])
        self.scores.append(recall + ndcg)
        self.rows.append(
            {
                **self.setting,
                "regularization_power": float(power),
                "regularization": float(value),
                "refine": int(steps),
                "recall": float(recall.mean()),
                "ndcg": float(ndcg.mean()),
                "factor": factor,
            }
        )

    def best(self) -> dict[str, Any]:
        """The setting to take of those tried so far."""
        scores = np.array(self.scores)
        means = scores.mean(axis=1)
        lost = scores[means.argmax()] - scores
        near = lost.mean(axis=1) <= lost.std(axis=1) / np.sqrt(scores.shape[1])
        usual = {**self.rows[0], "factor": USUAL.multiple, "refine": USUAL.refine}

        def order(i: int) -> tuple[int, float]:
            return sum(self.rows[i][name] != usual[name] for name in COORDINATES), -means[i]

        return self.rows[min(np.flatnonzero(near).tolist(), key=order)]

    def table(self) -> pd.DataFrame:
        """Everything that was tried."""
        return pd.DataFrame(self.rows).drop(columns="factor")
