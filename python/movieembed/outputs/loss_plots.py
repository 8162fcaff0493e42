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
    """Draw a study: distances to the optimum, a row a d, a column an optimiser.

    An optimiser with several learning rates has a column of its own, where the best rate stands out
    and the others are faint; those with one run share the last column.

    Parameters
    ----------
    history : DataFrame
        Columns components, optimizer, learning_rate, iteration, cost.
    optima : mapping of int to float
        The lowest cost at each number of components. Where it is 0, the cost is drawn instead.
    wide : sequence of int
        Those where few optimisers ran, at the end.
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
    ['gradient descent']
    """
    frame = history[["optimizer", "learning_rate"]].drop_duplicates()
    runs: list[Any] = list(frame.itertuples(index=False, name=None))
    columns = _columns(runs)
    rows = [d for d in optima if d not in wide] + [d for d in optima if d in wide]
    styles = run_styles(runs)
    with rc_context(FONTS):
        size = (1 + 4.3 * len(columns), 0.5 + 3.2 * len(rows))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(rows), len(columns), squeeze=False)
        for row, d in enumerate(rows):
            here = history[history["components"] == d]
            for ax, (title, of) in zip(axes[row], columns.items(), strict=True):
                _panel(ax, here, of, optima[d], zero_cost, styles)
                if row == 0:
                    ax.set_title(title, loc="left", fontweight="bold")
            _share(axes[row], zero_cost if d in wide else None)
            for ax in axes[row]:
                ax.set_xlabel("iteration" if row == len(rows) - 1 else "")
            what = "(cost - optimum) / optimum" if optima[d] > 0 else "cost; the optimum is 0"
            axes[row, 0].set_ylabel(f"d = {d:,}\n{what}")
    return figure


def _columns(runs: Sequence[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """The runs of each column, by its title: optimisers with several runs, then all others."""
    of: dict[str, list[tuple[str, str]]] = {}
    for optimiser, rate in runs:
        of.setdefault(optimizer_name(optimiser), []).append((optimiser, rate))
    columns = {name: own for name, own in of.items() if len(own) > 1}
    single = {name: own for name, own in of.items() if len(own) == 1}
    if single:
        title = next(iter(single)) if len(single) == 1 else "one run each"
        columns[title] = [own[0] for own in single.values()]
    return columns


def _panel(
    ax: Axes,
    history: pd.DataFrame,
    runs: Sequence[tuple[str, str]],
    optimum: float,
    zero_cost: float,
    styles: Mapping[tuple[str, str], Mapping[str, Any]],
) -> None:
    """Draw runs at one d, the best rate above the others, and name them."""
    tables = {}
    for run in runs:
        table = history[(history["optimizer"] == run[0]) & (history["learning_rate"] == run[1])]
        # A cost of 0, up to rounding, has no place on a log scale.
        table = table[~(table["cost"] <= FLOOR * zero_cost)]
        if len(table):
            tables[run] = table
    if not tables:
        ran = not history[history["optimizer"].isin([name for name, _ in runs])].empty
        names = ", ".join(optimizer_name(name) for name, _ in runs)
        words = "cost 0, below the scale beside" if ran else f"{names}: not run here"
        ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", color="#555555")
        ax.axis("off")
        return
    rated = {run: table["cost"].iloc[-1] for run, table in tables.items() if _is_number(run[1])}
    ended = {run: cost for run, cost in rated.items() if np.isfinite(cost)}
    best = min(ended, key=ended.__getitem__) if len(runs) > 1 and ended else None
    shown = {}
    for run in tables:
        faint = run in rated and run != best and len(rated) > 1
        shown[" ".join(run)] = dict(styles[run]) | {
            "alpha": 0.45 if faint else 1.0,
            "linewidth": 1.1 if faint else 2.6,
        }
    relative = optimum > 0
    named = {" ".join(run): table for run, table in tables.items()}
    plot_loss(named, ax, optimum=optimum if relative else None, relative=relative, styles=shown)
    ax.set_ylabel("")
    alone = len({name for name, _ in runs}) > 1 or len(runs) == 1
    labels = [optimizer_name(run[0]) if alone else _rate_name(run[1]) for run in tables]
    for k, run in enumerate(tables):
        diverged = not np.isfinite(tables[run]["cost"].iloc[-1])
        if run == best and len(rated) > 1:
            labels[k] += ", the best"
        elif diverged:
            labels[k] += ", diverged"
    handles = [Line2D([], [], **shown[" ".join(run)]) for run in tables]
    ax.legend(handles, labels, loc="lower left", frameon=False, fontsize=9, handlelength=2.2)


def _share(axes: Sequence[Axes], zero_cost: float | None) -> None:
    """Give panels beside each other the same scales, and mark the cost of V = 0 where asked."""
    drawn = [ax for ax in axes if ax.lines]
    if not drawn:
        return
    limits = np.array([ax.get_ylim() for ax in drawn])
    last = max(int(np.asarray(line.get_xdata())[-1]) for ax in drawn for line in ax.lines)
    for ax in drawn:
        _scale_iterations(ax, max(1, last))
        ax.set_ylim(limits[:, 0].min(), limits[:, 1].max())
        if zero_cost is not None:
            _mark_cost(ax, zero_cost, "V = 0, no embedding:")


def _rate_name(rate: str) -> str:
    """A learning rate as readers know it."""
    return f"rate {float(rate):g}" if _is_number(rate) else "exact line search"


def _is_number(text: str) -> bool:
    """Whether a learning rate is a number, and not "exact" or "none"."""
    return text not in ("exact", "none")


def _mixed(colour: str, shade: float) -> str:
    """The colour mixed with white, or with black where `shade` is negative."""
    towards = 1.0 if shade > 0 else 0.0
    red, green, blue = (part + abs(shade) * (towards - part) for part in to_rgb(colour))
    return to_hex((red, green, blue))
