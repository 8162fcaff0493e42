"""Plots of a model: its spectrum, costs and recall against d, neighbours as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from movieembed.model.embedding import Embedding
from movieembed.outputs.drawing import Axes, MaxNLocator
from movieembed.outputs.style import BLUE, drawn, new_axes

__all__ = [
    "plot_cost_against_components",
    "plot_neighbors",
    "plot_recall_against_components",
    "plot_spectrum",
]

LONGEST_TITLE = 44


def plot_spectrum(model: Embedding, ax: Axes | None = None) -> Axes:
    """Draw the eigenvalues of V'V, the squared lengths of the embedding's columns.

    Parameters
    ----------
    model : MovieEmbedding
        Fitted.
    ax : matplotlib Axes, optional
        By default one on a new figure.

    Returns
    -------
    Axes
        Log scale; components of no length are left out.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import movieembed as me
    >>> from movieembed.outputs.plots import plot_spectrum
    >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
    >>> plot_spectrum(model).get_xlabel()
    'component'
    """
    ax = new_axes() if ax is None else ax
    values = model.eigenvalues_[model.eigenvalues_ > 0]
    ax.plot(np.arange(1, len(values) + 1), values, "o-", color=BLUE, markersize=4)
    if len(values):
        ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("component")
    ax.set_ylabel("eigenvalue")
    return ax


def plot_cost_against_components(costs: Mapping[int, float], ax: Axes | None = None) -> Axes:
    """Draw the lowest cost for several numbers of components.

    Parameters
    ----------
    costs : mapping of int to float
        Cost of each d.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes
        Linear cost from 0, for a cost of 0 is a cost too.

    Raises
    ------
    ValueError
        When there are no costs.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from movieembed.outputs.plots import plot_cost_against_components
    >>> plot_cost_against_components({10: 4.7e6, 50: 1.7e6}).get_ylabel()
    'cost'
    """
    if not costs:
        raise ValueError("costs is empty")
    ax = new_axes() if ax is None else ax
    d = sorted(costs)
    ax.plot(d, [costs[k] for k in d], "o-", color=BLUE)
    ax.set_xlabel("components, d")
    ax.set_ylabel("cost")
    ax.set_ylim(bottom=0)
    return ax


def plot_neighbors(table: pd.DataFrame, ax: Axes | None = None, *, title: str = "") -> Axes:
    """Draw a table of neighbours or recommendations as bars, the best on top.

    Parameters
    ----------
    table : DataFrame
        As `similar` or `recommend` gives it for one item or person.
    ax : matplotlib Axes, optional
    title : str, optional
        Above the bars.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        When the table has the neighbours of several items.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import movieembed as me
    >>> from movieembed.outputs.plots import plot_neighbors
    >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
    >>> model = me.MovieEmbedding(1, random_state=0).fit(likes)
    >>> [tick.get_text() for tick in plot_neighbors(model.similar("A")).get_yticklabels()]
    ['B', 'C']
    """
    if "query" in table and table["query"].nunique() > 1:
        raise ValueError("the table has the neighbours of several items: draw one at a time")
    ax = new_axes() if ax is None else ax
    names = map(str, table["title" if "title" in table else "item"].tolist())
    places = np.arange(len(table))
    ax.barh(places, table["score"], color=BLUE, height=0.7)
    ax.set_yticks(places, [drawn(name, LONGEST_TITLE) for name in names])
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("score")
    ax.set_title(drawn(title), loc="left")
    return ax


def plot_recall_against_components(
    table: pd.DataFrame, ax: Axes | None = None, *, metric: str = "recall"
) -> Axes:
    """Draw the best recall, or NDCG, that tuning found at each number of components.

    Parameters
    ----------
    table : DataFrame
        Of :class:`movieembed.evaluation.Tuned`.
    ax : matplotlib Axes, optional
    metric : {"recall", "ndcg"}, default="recall"

    Returns
    -------
    Axes
        A line for each number of steps of refinement.

    Raises
    ------
    ValueError
        When the table lacks a column.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import pandas as pd
    >>> from movieembed.outputs.plots import plot_recall_against_components
    >>> table = pd.DataFrame({"n_components": [8, 16], "refine": [0, 0], "recall": [0.2, 0.25]})
    >>> plot_recall_against_components(table).get_ylabel()
    'recall'
    """
    for column in ("n_components", "refine", metric):
        if column not in table:
            raise ValueError(f"the table has no column {column!r}")
    ax = new_axes() if ax is None else ax
    best: Any = table.groupby(["refine", "n_components"])[metric].max()
    for steps in sorted(table["refine"].unique()):
        line = best[steps]
        ax.plot(line.index, line.to_numpy(), "o-", label=f"refine = {steps}")
    ax.set_xlabel("components, d")
    ax.set_ylabel(metric)
    ax.legend(frameon=False)
    return ax
