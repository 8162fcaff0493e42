"""Plots of a model: what is drawn, in which order, and what is refused."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from movieembed.outputs import plots

mpl.use("Agg")


def axes() -> Any:
    return mpl.figure.Figure().add_subplot()


def test_spectrum(evil_model: Any) -> None:
    ax = plots.plot_spectrum(evil_model, axes())
    np.testing.assert_array_equal(ax.get_lines()[0].get_ydata(), evil_model.eigenvalues_)
    assert ax.get_yscale() == "log"


def test_cost_and_recall_against_components() -> None:
    ax = plots.plot_cost_against_components({50: 1.0, 10: 3.0, 609: 0.0}, axes())
    assert ax.get_lines()[0].get_xdata().tolist() == [10, 50, 609]
    assert ax.get_lines()[0].get_ydata().tolist() == [3, 1, 0]
    with pytest.raises(ValueError, match="costs is empty"):
        plots.plot_cost_against_components({}, axes())
    table = pd.DataFrame(
        {
            "n_components": [8, 8, 16, 8],
            "refine": [0, 0, 0, 1],
            "recall": [0.1, 0.2, 0.3, 0.25],
            "ndcg": 0.5,
        }
    )
    ax = plots.plot_recall_against_components(table, axes())
    assert [line.get_ydata().tolist() for line in ax.get_lines()] == [[0.2, 0.3], [0.25]]
    with pytest.raises(ValueError, match="no column 'map'"):
        plots.plot_recall_against_components(table, axes(), metric="map")


def test_neighbor_bars(evil_model: Any) -> None:
    table = evil_model.similar("Film 1", 12)
    ax = plots.plot_neighbors(table, axes(), title="$5")
    assert [bar.get_width() for bar in ax.patches] == table["score"].tolist()
    assert ax.yaxis_inverted()
    assert ax.get_title(loc="left") == r"\$5"
    with pytest.raises(ValueError, match="one at a time"):
        plots.plot_neighbors(evil_model.similar(["Film 1", "Film 2"]), axes())
    untitled = table.drop(columns="title")
    assert plots.plot_neighbors(untitled, axes()).get_yticklabels()[0].get_text().isdigit()
