"""The pictures: what is drawn, and what is left out."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from movieembed.outputs.loss_plots import FLOOR, loss_figure, plot_loss, run_styles

mpl.use("Agg")


def history(*costs):
    return pd.DataFrame({"iteration": range(len(costs)), "cost": np.array(costs, dtype=float)})


def axes():
    return mpl.figure.Figure().add_subplot()


def test_costs_are_drawn_against_the_iteration():
    ax = plot_loss({"a": history(8, 4, 2), "b": history(9, 3)}, axes(), optimum=1.5)
    a, b, optimum = ax.get_lines()
    assert a.get_label() == "a"
    assert a.get_xdata().tolist() == [0, 1, 2]
    assert a.get_ydata().tolist() == [8, 4, 2]
    assert b.get_ydata().tolist() == [9, 3]
    assert set(optimum.get_ydata()) == {1.5}
    assert ax.get_ylim()[0] < 1.5
    assert ax.get_yscale() == "log"
    assert ax.texts[0].get_text() == "optimum 2"


def test_distances_are_relative_and_end_at_a_floor():
    ax = plot_loss({"a": history(30, 15, 10)}, axes(), optimum=10.0, relative=True)
    (line,) = ax.get_lines()
    assert line.get_ydata().tolist() == [2.0, 0.5, FLOOR]
    with pytest.raises(ValueError, match="optimum above 0"):
        plot_loss({"a": history(1)}, axes(), optimum=0.0, relative=True)
    with pytest.raises(ValueError, match="optimum above 0"):
        plot_loss({"a": history(1)}, axes(), relative=True)


@pytest.mark.parametrize("end", [np.inf, np.nan, 1e30])
@pytest.mark.parametrize("relative", [False, True])
def test_a_diverged_run_ends_at_the_edge_with_a_cross(end, relative):
    runs = {"bad": history(5, 7, 1e4, end), "good": history(6, 5, 4)}
    ax = plot_loss(runs, axes(), optimum=4.0, relative=relative)
    bad, cross, good = ax.get_lines()[:3]
    assert len(bad.get_xdata()) == 3
    assert np.isfinite(bad.get_ydata()).all()
    assert cross.get_marker() == "X"
    assert cross.get_xdata() == 2
    assert cross.get_ydata() == pytest.approx(ax.get_ylim()[1])
    assert len(good.get_xdata()) == 3


def test_a_run_that_comes_back_has_no_cross():
    ax = plot_loss({"a": history(5, 1e6, 4)}, axes())
    assert [line.get_marker() for line in ax.get_lines()] == ["None"]
    assert ax.get_ylim()[1] <= 50.0001


def test_a_run_that_never_was_inside():
    ax = plot_loss({"a": history(np.inf, np.inf), "b": history(3, 2)}, axes())
    assert np.isfinite(ax.get_ylim()).all()


def test_without_axes_it_makes_a_figure():
    import matplotlib.pyplot as plt

    ax = plot_loss({"a": history(2, 1)})
    assert ax.figure.number in plt.get_fignums()
    plt.close(ax.figure)


def test_colours_tell_optimisers_and_shades_rates():
    runs = [("adam", "0.1"), ("adam", "10"), ("adam", "1"), ("adam", "exact"), ("als", "none")]
    styles = run_styles(runs)
    assert list(styles) == runs
    light = [sum(mpl.colors.to_rgb(styles["adam", r]["color"])) for r in ("0.1", "1", "10")]
    assert light == sorted(light, reverse=True)
    assert "linestyle" not in styles["adam", "1"]
    assert styles["adam", "exact"]["linestyle"] == styles["als", "none"]["linestyle"]
    others = run_styles([("mine", "1"), ("yours", "1")])
    assert others["mine", "1"]["color"] != others["yours", "1"]["color"]


@pytest.mark.parametrize("wide", [[], [40], [40, 30]])
def test_the_figure_has_a_row_a_d_and_a_column_an_optimiser(wide, tmp_path):
    rows = [
        {"components": d, "optimizer": o, "learning_rate": r, "iteration": i, "cost": c}
        for d in (2, 3, *wide)
        for o, r, last in (
            *(("adam", "0.1", 21.0), ("adam", "1", 25.0), ("adam", "exact", 20.5)),
            *(("momentum", "1", np.inf), ("eigen", "none", 20.0 if d == 2 else 0.0)),
        )
        for i, c in enumerate((90.0, 40.0, last))
        if d not in wide or o == "adam" or (o == "eigen" and i == 2)
    ]
    optima = {2: 20.0, 3: 0.0} | dict.fromkeys(wide, 0.0)
    figure = loss_figure(pd.DataFrame(rows), optima, wide, zero_cost=15.0)
    axes = np.array(figure.axes).reshape(2 + len(wide), 2)
    assert [ax.get_title(loc="left") for ax in axes[0]] == ["Adam", "one run each"]
    assert [ax.get_ylabel().split("\n")[0] for ax in axes[:, 0]] == [f"d = {d}" for d in optima]
    relative = [ax for ax in axes[:, 0] if "optimum) / optimum" in ax.get_ylabel()]
    assert len(relative) == 1  # there is no such distance where the optimum is 0

    adam, single = axes[0]
    assert [t.get_text() for t in adam.get_legend().get_texts()] == [
        *("rate 0.1, the best", "rate 1", "exact line search")
    ]
    widths = {line.get_label(): line.get_linewidth() for line in adam.lines}
    assert widths["adam 0.1"] == widths["adam exact"] > widths["adam 1"]
    assert {line.get_label(): line.get_alpha() for line in adam.lines}["adam 1"] < 0.5
    assert adam.lines[0].get_ydata()[-1] == pytest.approx(1 / 20)
    assert [t.get_text() for t in single.get_legend().get_texts()] == [
        "momentum, diverged",
        "eigen",
    ]
    assert adam.get_ylim() == single.get_ylim()
    for row in axes[2:]:
        marked = [text.get_text() for text in row[0].texts]
        assert marked == ["V = 0, no embedding: 15"]
        # No panel is blank: where nothing can be drawn, words say why.
        assert [text.get_text() for text in row[1].texts] == ["cost 0, below the scale beside"]
    figure.savefig(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000
