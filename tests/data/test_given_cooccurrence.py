"""X ready-made: what it is read from, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp

import movieembed as me
from helpers import dense_cooccurrence, random_likes
from movieembed.data.likes import Likes

X = np.array([[0, 2, 1, 0], [2, 0, 5, 0], [1, 5, 0, 0], [0, 0, 0, 0]])
IDS = ["w", "x", "y", "z"]


def frame(order: list[str]) -> pd.DataFrame:
    return pd.DataFrame(X, index=IDS, columns=IDS).loc[order]


@pytest.mark.parametrize(
    "given",
    [
        X,
        X.tolist(),
        X + np.diag([9, 0, 3, 1]),
        X.astype(np.float32),
        sp.csr_matrix(X),
        sp.coo_array(X),
        frame(IDS),
        frame(["z", "x", "w", "y"]),
        frame(IDS).rename_axis(index="movieId", columns="movieId"),
        frame(IDS).reset_index(drop=True),
        pl.DataFrame(dict(zip(IDS, X.T, strict=True))),
    ],
)
def test_a_matrix_of_any_kind(given: Any) -> None:
    read = me.Cooccurrence(given)
    np.testing.assert_array_equal(read.matrix.toarray(), X)
    assert read.matrix.nnz == 6
    assert repr(read) == "Cooccurrence(4 items, 3 pairs)"
    assert read.item_counts.tolist() == [2, 2, 2, 0]
    named = isinstance(given, pd.DataFrame | pl.DataFrame)
    assert read.items.tolist() == (IDS if named else [0, 1, 2, 3])


def test_ids_and_titles() -> None:
    table = pd.DataFrame({"id": [7, 8, 9, 10], "title": ["A", "B", "C", "D"]})
    for read in (
        me.Cooccurrence(X, items=table),
        me.Cooccurrence(X, [7, 8, 9, 10], ["A", "B", "C", "D"]),
    ):
        assert read.items.tolist() == [7, 8, 9, 10]
        assert read.titles is not None
        assert read.item_index().resolve("C") == 2
    with pytest.raises(ValueError, match="items has 3 entries for 4 rows"):
        me.Cooccurrence(X, items=[1, 2, 3])
    with pytest.raises(ValueError, match="titles has 1 entries for 4 rows"):
        me.Cooccurrence(X, titles=["A"])


def test_the_rounding_of_float32_is_no_asymmetry() -> None:
    rounded = X / 3
    rounded[0, 1] = np.float32(rounded[0, 1])
    read = me.Cooccurrence(rounded).matrix
    assert abs(read - read.T).nnz == 0
    np.testing.assert_allclose(read.toarray(), X / 3, rtol=1e-7)


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        (
            X + np.eye(4, k=1) * [0, 3, 0, 0],
            ValueError,
            "it is 5 at row 0, column 1 and 2 at row 1",
        ),
        (np.triu(X), ValueError, "most apart of 3 pairs; if each pair stands there once, pass X"),
        (-X, ValueError, "X has negative numbers, such as -5"),
        (X[:3], ValueError, "X must be items x items, not 3 x 4"),
        (X * np.nan, ValueError, "NaN or infinite"),
        (X.astype(complex), TypeError, "real numbers"),
        ("X", TypeError, "matrix"),
        (frame(IDS).rename(index={"w": "v"}), ValueError, "'w' is not in both"),
        (frame(IDS)[IDS[:3]], ValueError, "not the same items"),
    ],
)
def test_what_is_no_x(given: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        me.Cooccurrence(given)


PAIRS = [("w", "x", 2), ("y", "w", 1), ("x", "y", 5)]


@pytest.mark.parametrize(
    "library", [pd.DataFrame, lambda rows, **k: pl.DataFrame(pd.DataFrame(rows, **k))]
)
def test_a_table_of_pairs(library: Any) -> None:
    for rows in (
        PAIRS,
        [*PAIRS, ("x", "x", 8)],
        [*PAIRS, *((b, a, n) for a, b, n in PAIRS)],
        [*PAIRS[:2], ("x", "y", 3), ("x", "y", 2)],
    ):
        table = library(rows, columns=["one", "other", "times"])
        read = me.Cooccurrence.from_pairs(table)
        assert read.items.tolist() == IDS[:3]
        np.testing.assert_array_equal(read.matrix.toarray(), X[:3, :3])
    named = me.Cooccurrence.from_pairs(
        library(PAIRS, columns=["a", "b", "n"])[["n", "b", "a"]], a="a", b="b", count="n", items=IDS
    )
    np.testing.assert_array_equal(named.matrix.toarray(), X)


def test_without_counts_each_row_is_one() -> None:
    rows = [(1, 2), (2, 1), (1, 2), (3, 1)]
    read = me.Cooccurrence.from_pairs(pd.DataFrame(rows, columns=["a", "b"]))
    np.testing.assert_array_equal(read.matrix.toarray(), [[0, 3, 1], [3, 0, 0], [1, 0, 0]])
    assert read.items.tolist() == [1, 2, 3]


def test_pairs_with_titles() -> None:
    items = pd.DataFrame({"id": IDS, "title": ["A", "B", "C", "D"]})
    read = me.Cooccurrence.from_pairs(pd.DataFrame(PAIRS), items=items)
    np.testing.assert_array_equal(read.matrix.toarray(), X)
    assert read.titles is not None
    assert read.titles.tolist() == ["A", "B", "C", "D"]


@pytest.mark.parametrize(
    ("rows", "options", "match"),
    [
        (
            [*PAIRS, ("x", "w", 3)],
            {},
            "table has [23] for .* and [23] for .*: each pair counts once",
        ),
        (PAIRS, {"count": "n"}, "'n' is not a column of table; it has: 0, 1, 2"),
        ([("w",)], {}, "table has no column for b"),
        ([("w", None, 1)], {}, "missing values"),
        ([("w", "x", -1)], {}, "negative"),
        (PAIRS, {"items": ["w", "x"]}, "table names 1 items that items lacks, such as 'y'"),
    ],
)
def test_what_is_no_table_of_pairs(rows: Any, options: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        me.Cooccurrence.from_pairs(pd.DataFrame(rows), **options)


def test_what_is_no_table_at_all() -> None:
    with pytest.raises(TypeError, match="table must be"):
        me.Cooccurrence.from_pairs(PAIRS)


def test_what_needs_likes_says_so() -> None:
    given = me.Cooccurrence(X)
    for call in (
        lambda: me.export_likes(given, "likes.npz"),
        lambda: me.MovieEmbedding(1, random_state=0).fit([[1, 1], [1, 1]]).recommend_users(given),
    ):
        with pytest.raises(TypeError, match="likes, users x items, are needed"):
            call()
    with pytest.raises(ValueError, match=r"or Cooccurrence\(X\) without them"):
        Likes.from_matrix(dense_cooccurrence(random_likes(20, 9, 0.5, seed=1)))
