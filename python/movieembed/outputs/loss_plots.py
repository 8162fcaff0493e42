"""Plots of runs: the cost against the iteration, for one number of components d or for several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed.outputs.drawing import (
    Axes,
    Figure,
    Line2D,
    ScaledTranslation,
    rc_context,
    to_hex,
    to_rgb,
)
from movieembed.outputs.style import BLUE, FONTS, new_axes, optimizer_name

__all__ = ["loss_figure", "plot_loss", "run_styles"]

# Okabe and Ito's colours, which the colour-blind tell apart; the same optimiser is always the same.
COLOURS = {
    "momentum": BLUE,
    "adam": "#D55E00",
    "gd": "#7A5C3E",
    "lbfgs": "#009E73",
    "als": "#CC79A7",
    "eigen": "#000000",
}
OTHERS = ("#56B4E9", "#E69F00", "#882255", "#999933")
# The smallest relative distance that is drawn.
FLOOR = 1e-10
# Drawn where a run that diverges leaves the picture.
CROSS: dict[str, Any] = {"marker": "X", "markersize": 9, "markeredgecolor": "white"}


def plot_loss(
    histories: Mapping[str, pd.DataFrame],
    ax: Axes | None = None,
    *,
    optimum: float | None = None,
    relative: bool = False,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw the cost of several runs against the iteration, both on log scales.

    Parameters
    ----------
    histories : mapping of label to DataFrame
        Columns iteration and cost, as in ``MovieEmbedding.history_``. A run that ends in infinity
        is drawn up to there and closed with a cross.
    ax : Axes, optional
        Where to draw; by default on a new figure.
    optimum : float, optional
        The lowest cost there is, marked with a line.
    relative : bool, default=False
        Draw (cost - optimum) / optimum, which shows how a run approaches; it needs an optimum
        above 0. Values below 1e-10 are drawn at 1e-10.
    styles : mapping of label to dict, optional
        Keyword arguments of ``Axes.plot`` for a run.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        With `relative` but no positive optimum.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import movieembed as me
    >>> from movieembed.outputs.loss_plots import plot_loss
    >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
    >>> plot_loss({"eigen": model.history_}).get_xlabel()
    'iteration'
    """
    if relative and (optimum is None or optimum <= 0):
        raise ValueError(f"relative=True needs an optimum above 0, not {optimum!r}")
    if ax is None:
        ax = new_axes()
    histories = {label: history for label, history in histories.items() if len(history)}
    starts = [float(history["cost"].iloc[0]) for history in histories.values()]
    ceiling = 10 * max((start for start in starts if np.isfinite(start)), default=1.0)
    shift, scale = (optimum or 0.0, optimum or 1.0) if relative else (0.0, 1.0)
    last = 1
    for label, history in histories.items():
        iteration, cost, gone = _within(history, ceiling)
        y = (cost - shift) / scale
        if relative:
            y = np.maximum(y, FLOOR)
        style = {"linewidth": 1.8, **(styles or {}).get(label, {})}
        (line,) = ax.plot(iteration, y, label=label, **style)
        if gone:
            colour = line.get_color()
            ax.plot(iteration[-1], y[-1], color=colour, zorder=5, clip_on=False, **CROSS)
        last = max(last, int(iteration[-1]))
    _scale_iterations(ax, last)
    ax.set_yscale("log")
    ax.set_ylabel("distance to the optimum" if relative else "cost")
    low, high = ax.get_ylim()
    ax.set_ylim(max(low, FLOOR / 3) if relative else low, min(high, (ceiling - shift) / scale))
    if optimum is not None and optimum > 0 and not relative:
        _mark_cost(ax, optimum, "optimum")
    return ax


def _within(
    history: pd.DataFrame, ceiling: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], bool]:
    """Iterations and costs of a run up to where it leaves the picture for good, and if it does."""
    cost = np.maximum(history["cost"].to_numpy(dtype=np.float64), np.finfo(float).tiny)
    iteration = history["iteration"].to_numpy()
    inside = np.isfinite(cost) & (cost <= ceiling)
    # A run that leaves the picture may come back: one that ends outside ends at its edge.
    if inside[-1]:
        return iteration, cost, False
    stop = int(np.flatnonzero(inside).max(initial=-1)) + 2
    return iteration[:stop], np.append(cost[: stop - 1], ceiling), True


def _scale_iterations(ax: Axes, last: int) -> None:
    """A log scale that has a place for iteration 0, or a linear one for a few iterations."""
    ax.set_xscale("symlog", linthresh=1, linscale=0.4)
    ax.set_xlim(0, last * (1.15 if last > 10 else 1.03))
    ax.set_xticks([t for t in (0, 1, 10, 100, 1000, 10000) if t <= last])
    if last <= 10:
        ax.set_xscale("linear")
        ax.set_xticks(range(last + 1))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_xlabel("iteration")


def _mark_cost(ax: Axes, cost: float, name: str) -> None:
    """Draw a line at a cost, with its value in the free space under it."""
    ax.axhline(cost, color="#555555", linewidth=1, linestyle=(0, (1, 1.5)), zorder=1)
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, cost / (high / cost) ** 0.12), high)
    ax.annotate(
        f"{name} {cost:,.0f}",
        (0.02, cost),
        xycoords=("axes fraction", "data"),
        xytext=(0, -3),
        textcoords="offset points",
        va="top",
        color="#444444",
        fontsize=10,
    )


def run_styles(runs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Line styles of runs: a colour an optimiser, a shade a learning rate.

    Parameters
    ----------
    runs : sequence of (optimiser, learning rate)
        Rates as text: a number; or "exact" or "none", which are drawn dashed, for their step is
        not a choice.

    Returns
    -------
    dict
        For each run, keyword arguments of ``Axes.plot``. The larger the rate, the darker.

    Examples
    --------
    >>> from movieembed.outputs.loss_plots import run_styles
    >>> styles = run_styles([("adam", "0.1"), ("adam", "exact")])
    >>> styles["adam", "exact"]["color"]
    '#D55E00'
    """
    optimisers = list(dict.fromkeys(optimiser for optimiser, _ in runs))
    unknown = [optimiser for optimiser in optimisers if optimiser not in COLOURS]
    colours = COLOURS | {name: OTHERS[i % len(OTHERS)] for i, name in enumerate(unknown)}
    styles: dict[tuple[str, str], dict[str, Any]] = {}
    for optimiser in optimisers:
        rates = sorted((r for o, r in runs if o == optimiser and _is_number(r)), key=float)
        for place, rate in enumerate(rates):
            shade = 0.0 if len(rates) == 1 else 0.72 - 0.97 * place / (len(rates) - 1)
            styles[optimiser, rate] = {
                "color": _mixed(colours[optimiser], shade),
                "linewidth": 1.8,
                "zorder": 1.5 if shade < 0 else 2,
            }
        for rate in (r for o, r in runs if o == optimiser and not _is_number(r)):
            styles[optimiser, rate] = {
                "color": colours[optimiser],
                "linewidth": 2.0,
                "linestyle": (0, (4, 1.4)),
                "zorder": 3,
            }
    return {run: styles[run] for run in runs}


def loss_figure(
    history: pd.DataFrame, optima: Mapping[int, float], wide: Sequence[int], zero_cost: float
) -> Figure:
    """Draw a study: the cost above, the relative distance to the optimum below, a column each d.

    Parameters
    ----------
    history : DataFrame
        Columns components, optimizer, learning_rate, iteration, cost.
    optima : mapping of int to float
        The lowest cost at each number of components.
    wide : sequence of int
        Those with few runs and an optimum of 0, which get one panel, over the legend.
    zero_cost : float
        The cost of V = 0, marked at the wide ones.

    Returns
    -------
    Figure
        Not shown, and not known to pyplot.

    Examples
    --------
    >>> import pandas as pd
    >>> from movieembed.outputs.loss_plots import loss_figure
    >>> run = {"components": 2, "optimizer": "gd", "learning_rate": "exact"}
    >>> history = pd.DataFrame({**run, "iteration": [0, 1, 2], "cost": [9.0, 5.0, 4.0]})
    >>> [ax.get_title("left") for ax in loss_figure(history, {2: 3.0}, [], 10.0).axes]
    ['d = 2', '', '']
    """
    narrow = [d for d in optima if d not in wide]
    widest = [d for d in optima if d in wide]
    frame = history[["optimizer", "learning_rate"]].drop_duplicates()
    runs = list(frame.itertuples(index=False, name=None))
    styles = run_styles(runs)
    with rc_context(FONTS):
        columns = len(narrow) + max(1, len(widest))
        figure = Figure(figsize=(1.5 + 4.6 * columns, 8.6), layout="constrained")
        grid = figure.add_gridspec(2, columns)
        for column, d in enumerate(narrow):
            for row, relative in enumerate((False, True)):
                if relative and optima[d] <= 0:
                    continue
                ax = figure.add_subplot(grid[row, column])
                _panel(ax, history, d, optima[d], styles, relative)
                if row == 0:
                    ax.set_title(f"d = {d:,}", loc="left", fontweight="bold")
                if column:
                    ax.set_ylabel("")
        for column, d in enumerate(widest, len(narrow)):
            ax = figure.add_subplot(grid[0, column])
            _panel(ax, history, d, optima[d], styles, False)
            _mark_cost(ax, zero_cost, "V = 0, no embedding:")
            ax.set_title(f"d = {d:,}", loc="left", fontweight="bold")
            ax.set_ylabel("")
            if optima[d] <= 0:
                ax.set_title("eigen: cost 0, not drawn", loc="right", fontsize=10, color="#444444")
        below = figure.add_subplot(grid[1 if widest else slice(None), len(narrow) :])
        below.axis("off")
        _legends(below, runs, styles)
    return figure


def _panel(
    ax: Axes,
    history: pd.DataFrame,
    d: int,
    optimum: float,
    styles: Mapping[tuple[str, str], Mapping[str, Any]],
    relative: bool,
) -> None:
    """Draw the runs at one d: their costs, or their distances to its optimum."""
    here = history[history["components"] == d]
    runs = {
        run: here[(here["optimizer"] == run[0]) & (here["learning_rate"] == run[1])]
        for run in styles
    }
    plot_loss(
        # A cost of 0 has no place on a log scale.
        {" ".join(run): table for run, table in runs.items() if (table["cost"] > 0).any()},
        ax,
        optimum=optimum,
        relative=relative,
        styles={" ".join(run): style for run, style in styles.items()},
    )
    ax.set_ylabel("(cost - optimum) / optimum" if relative else "cost")


def _legends(
    ax: Axes, runs: Sequence[tuple[str, str]], styles: Mapping[tuple[str, str], Mapping[str, Any]]
) -> None:
    """A legend for each group: an optimiser's given rates on the left, the others on the right."""
    groups: list[tuple[int, str, list[tuple[Any, str]]]] = []
    for optimiser in dict.fromkeys(o for o, _ in runs):
        rates = sorted((r for o, r in runs if o == optimiser and _is_number(r)), key=float)
        entries = [(Line2D([], [], **styles[optimiser, r]), f"{float(r):g}") for r in rates]
        groups.append((0, f"{optimizer_name(optimiser)}, rate", entries))
    for rate, title in (("exact", "exact line search"), ("none", "no step to choose")):
        entries = [
            (Line2D([], [], **styles[o, r]), optimizer_name(o)) for o, r in runs if r == rate
        ]
        groups.append((1, title, entries))
    cross = Line2D([], [], linestyle="none", color="#555555", **CROSS)
    groups.append((1, "", [(cross, "diverged")]))
    down = [0.0, 0.0]  # points from the top, in each column
    for column, title, entries in groups:
        if not entries:
            continue
        handles, labels = zip(*entries, strict=True)
        legend = ax.legend(
            handles,
            labels,
            title=title or None,
            alignment="left",
            loc="upper left",
            bbox_to_anchor=(0.02 + 0.5 * column, 1.0),
            bbox_transform=ax.transAxes
            + ScaledTranslation(0, -down[column] / 72, ax.figure.dpi_scale_trans),
            frameon=False,
            handlelength=2.4,
            borderaxespad=0.0,
            title_fontproperties={"weight": "bold", "size": FONTS["font.size"]},
        )
        legend.set_in_layout(False)
        ax.add_artist(legend)
        down[column] += (len(entries) + bool(title)) * 1.5 * FONTS["font.size"] + 16


def _is_number(text: str) -> bool:
    """Whether a learning rate is a number, and not "exact" or "none"."""
    return text not in ("exact", "none")


def _mixed(colour: str, shade: float) -> str:
    """The colour mixed with white, or with black where `shade` is negative."""
    towards = 1.0 if shade > 0 else 0.0
    red, green, blue = (part + abs(shade) * (towards - part) for part in to_rgb(colour))
    return to_hex((red, green, blue))
