"""Data that commands take: MovieLens, and tables of one's own."""

from __future__ import annotations

import pandas as pd
import pytest

import movieembed as me
from command_line import TITLES, error, run


@pytest.mark.parametrize(
    "arguments",
    [
        ["own.csv", "--user-col", "listener", "--item-col", "song", "--rating-col", "grade"],
        ["bare.tsv", "--user-col", "0", "--item-col", "1", "--rating-col", "2"],
        ["ratings.parquet"],
    ],
)
def test_fit_a_table_of_ones_own(folder, tmp_path, arguments):
    out = tmp_path / "m.npz"
    source, *options = arguments
    run("fit", folder / source, *options, "--components", 3, "--out", out)
    reference = me.load(folder / "model.npz")
    assert me.load(out).cost_ == pytest.approx(reference.cost_, rel=1e-6)
    assert me.load(out).titles_ is None


@pytest.mark.parametrize("header", [True, False])
def test_an_item_table_brings_titles(folder, tmp_path, header):
    items = tmp_path / "items.csv"
    pd.read_csv(folder / "items.csv").to_csv(items, index=False, header=header)
    out = tmp_path / "m.npz"
    columns = ["--user-col", "listener", "--item-col", "song", "--rating-col", "grade"]
    options = ["--id-col", "movieId", "--title-col", "title"] if header else []
    run("fit", folder / "own.csv", *columns, "--items", items, *options, "-o", out)
    assert me.load(out).titles_.tolist() == TITLES


def test_columns_that_cannot_be_told_are_asked_for_by_option(folder, tmp_path):
    message = error("fit", folder / "own.csv", "--out", tmp_path / "m.npz")
    assert "--user-col COLUMN" in message
    assert "'listener'" in message
    message = error("fit", folder / "data", "--out", tmp_path / "m.npz", "--user-col", "x")
    assert message.startswith("--user-col is for a table of one's own")
