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


def test_the_columns_of_a_table_of_items_are_as_they_are_given() -> None:
    items = pd.DataFrame({"title": [9, 8, 7, 6], "code": IDS, "name": ["A", "B", "C", "D"]})
    table = pd.DataFrame(PAIRS)
    read = me.Cooccurrence.from_pairs(table, items=items, item_id="code", title="name")
    np.testing.assert_array_equal(read.matrix.toarray(), X)
    assert read.items.tolist() == IDS
    assert read.titles is not None
    assert read.titles.tolist() == ["A", "B", "C", "D"]
    for options, match in (
        ({"items": items, "item_id": "isbn"}, "'isbn' is not a column of items"),
        ({"items": IDS, "title": "name"}, "title='name' names a column of a table, but items is"),
        ({"item_id": "code"}, "item_id='code' names a column of a table, but items is"),
    ):
        with pytest.raises(ValueError, match=match):
            me.Cooccurrence.from_pairs(table, **options)


def test_ids_are_text_in_both_columns_if_they_are_in_one() -> None:
    table = pd.DataFrame({"a": [1, 1, 2], "b": ["2", "x", "x"], "n": [5, 2, 9]})
    for given in (table, table[["b", "a", "n"]]):
        read = me.Cooccurrence.from_pairs(given)
        assert read.items.tolist() == ["1", "2", "x"]
        np.testing.assert_array_equal(read.matrix.toarray(), [[0, 5, 2], [5, 0, 9], [2, 9, 0]])


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
        ([("w", "x", -1)], {}, "column 2 holds -1 in row 0"),
        ([("w", "x", 3), ("x", "w", 3), ("w", "y", -2)], {}, "column 2 holds -2 in row 2"),
        ([("w", "x", 3), ("w", "x", -1)], {}, "column 2 holds -1 in row 1"),
        ([("w", "x", 3), ("w", "w", -1)], {}, "column 2 holds -1 in row 1"),
        ([("w", "x", 3), ("w", "y", np.inf)], {}, "column 2 holds inf in row 1"),
        ([("w", "x", 1e6), ("w", "y", 0.5), ("y", "w", 0.4)], {}, "table has 0.[45] for"),
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


@pytest.mark.parametrize("order", [IDS, IDS[::-1], ["y", "w", "z", "x"], ["y", "new", *"wzx"]])
@pytest.mark.parametrize("titled", [True, False])
@pytest.mark.parametrize("kind", ["frame", "rows named", "Cooccurrence"])
def test_items_put_what_x_names_in_their_order(order: list[str], titled: bool, kind: str) -> None:
    given: Any = pd.DataFrame(X, columns=IDS) if kind == "frame" else frame(["z", "x", "w", "y"])
    given = me.Cooccurrence(given) if kind == "Cooccurrence" else given
    titles = [name.upper() for name in order]
    items: Any = pd.DataFrame({"item": order, "title": titles}) if titled else order
    read = me.Cooccurrence(given, items=items)
    expected = pd.DataFrame(X, index=IDS, columns=IDS).reindex(index=order, columns=order)
    np.testing.assert_array_equal(read.matrix.toarray(), expected.fillna(0))
    assert read.items.tolist() == order
    assert (None if read.titles is None else read.titles.tolist()) == (titles if titled else None)


def test_items_of_text_columns_that_are_numbers_and_items_that_are_not_there() -> None:
    numbered = pd.DataFrame(X, columns=["10", "20", "30", "40"])
    read = me.Cooccurrence(numbered, items=[40, 20, 10, 30])
    np.testing.assert_array_equal(read.matrix.toarray(), X[np.ix_([3, 1, 0, 2], [3, 1, 0, 2])])
    with pytest.raises(ValueError, match="X has 1 rows that items lacks, such as 'z'"):
        me.Cooccurrence(frame(IDS), items=["w", "x", "y", "q"])
    plain = me.Cooccurrence(pd.DataFrame(X), items=IDS)
    np.testing.assert_array_equal(plain.matrix.toarray(), X)


@pytest.mark.parametrize("kind", ["frame", "rows named", "Cooccurrence"])
@pytest.mark.parametrize("first", [0, 1])
def test_names_that_are_numbers_are_put_in_order(kind: str, first: int) -> None:
    names = [first + place for place in range(4)]
    given: Any = pd.DataFrame(X, columns=names)
    if kind == "rows named":
        given = pd.DataFrame(X, index=names, columns=names).iloc[[2, 0, 3, 1]]
    elif kind == "Cooccurrence":
        given = me.Cooccurrence(X, items=names)
    for order in (names[::-1], [names[2], 99, names[0], names[3], names[1]]):
        read = me.Cooccurrence(given, items=order)
        expected = pd.DataFrame(X, index=names, columns=names).reindex(index=order, columns=order)
        np.testing.assert_array_equal(read.matrix.toarray(), expected.fillna(0))
        assert read.items.tolist() == order
    with pytest.raises(ValueError, match=f"X has 1 rows that items lacks, such as {first}"):
        me.Cooccurrence(given, items=[*names[1:], 99])


@pytest.mark.parametrize("items", [IDS, [3, 1, 2, 0]])
def test_what_is_merely_numbered_gets_its_names_in_place(items: list[Any]) -> None:
    plain = [X, pd.DataFrame(X)] + [me.Cooccurrence(X)] * isinstance(items[0], str)
    for given in plain:
        read = me.Cooccurrence(given, items=items)
        np.testing.assert_array_equal(read.matrix.toarray(), X)
        assert read.items.tolist() == items


@pytest.mark.parametrize("as_table", [True, False])
def test_titles_go_with_their_items(as_table: bool) -> None:
    one = me.Cooccurrence(X, items=IDS, titles=["A", "B", "C", "D"])
    order = ["y", "new", "w", "z", "x"]
    items: Any = pd.DataFrame({"item": order, "genre": "drama"}) if as_table else order
    read = me.Cooccurrence(one, items=items)
    assert read.titles is not None
    assert read.titles.tolist() == ["C", "", "A", "D", "B"]
    assert one.titles is not None
    assert one.titles.tolist() == ["A", "B", "C", "D"]
    named = me.Cooccurrence(one, items=order, titles=list("EFGHI"))
    assert named.titles is not None
    assert named.titles.tolist() == list("EFGHI")
    numbered = me.Cooccurrence(me.Cooccurrence(X, titles=["A", "B", "C", "D"]), items=IDS)
    assert numbered.titles is not None
    assert numbered.titles.tolist() == ["A", "B", "C", "D"]


def test_a_cooccurrence_of_one_keeps_its_titles() -> None:
    one = me.Cooccurrence(X, items=IDS, titles=["A", "B", "C", "D"])
    again = me.Cooccurrence(one)
    assert again.titles is not None
    assert again.titles.tolist() == ["A", "B", "C", "D"]
    renamed = me.Cooccurrence(one, titles=["E", "F", "G", "H"])
    assert renamed.titles is not None
    assert renamed.titles.tolist() == ["E", "F", "G", "H"]


def test_halves_are_compared_entry_by_entry() -> None:
    with pytest.raises(ValueError, match=r"it is 0.5 at row 0, column 2 and 0 at row 2, column 0"):
        me.Cooccurrence([[0, 1e6, 0.5], [1e6, 0, 0], [0, 0, 0]])
    # Rounding is none of it, whatever the size.
    rounded = np.array([[0, 1e6, 0.1], [1e6, 0, 3e-7], [0.1, 3e-7, 0]])
    rounded[2, :2] = rounded[2, :2].astype(np.float32)
    read = me.Cooccurrence(rounded).matrix.toarray()
    np.testing.assert_array_equal(read, (rounded + rounded.T) / 2)
    table = pd.DataFrame([("a", "b", 1e6), ("a", "c", 0.1), ("c", "a", float(np.float32(0.1)))])
    pairs = me.Cooccurrence.from_pairs(table).matrix.toarray()
    np.testing.assert_allclose(pairs, [[0, 1e6, 0.1], [1e6, 0, 0], [0.1, 0, 0]], rtol=1e-6)


def shared(seed: int) -> Any:
    likes = np.random.default_rng(seed).random((500, 60)) < 0.2
    return likes.astype(np.float64).T @ likes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["array", "sparse", "frame", "pairs"])
@pytest.mark.parametrize("measure", [np.log, lambda ratio: ratio - 1])
def test_what_is_left_of_larger_numbers_may_be_rounded(dtype: Any, kind: str, measure: Any) -> None:
    exact = shared(0)
    K, n = exact.astype(dtype), exact.diagonal().astype(dtype)
    given = measure(K / n[:, None] / n[None, :] * 500).clip(0)
    X = measure(exact / np.outer(exact.diagonal(), exact.diagonal()) * 500).clip(0)
    assert given.dtype == dtype
    assert (given != given.T).any()
    if kind == "pairs":
        rows, columns = np.nonzero(given + given.T)
        table = pd.DataFrame({"a": rows, "b": columns, "n": given[rows, columns]})
        read = me.Cooccurrence.from_pairs(table)
    else:
        made = {"array": np.asarray, "sparse": sp.csr_array, "frame": pd.DataFrame}[kind]
        read = me.Cooccurrence(made(given))
    np.fill_diagonal(X, 0)
    dense = read.matrix.toarray()
    np.testing.assert_array_equal(dense, dense.T)
    np.testing.assert_allclose(dense, X, rtol=1e-5, atol=8 * np.finfo(dtype).eps * given.max())


def test_more_than_rounding_is_an_asymmetry_in_float32_too() -> None:
    given = shared(1).astype(np.float32)
    given /= given.diagonal().max()
    given[3, 5] *= 0.999
    with pytest.raises(ValueError, match=r"row 5, column 3, the most apart of 1 pairs"):
        me.Cooccurrence(given)
    # Counts are exact, however large.
    counts = np.array([[0, 2e7, 5], [2e7, 0, 1], [4, 1, 0]], dtype=np.float32)
    with pytest.raises(ValueError, match="it is 5 at row 0, column 2 and 4 at row 2, column 0"):
        me.Cooccurrence(counts)


@pytest.mark.parametrize("types", [("int64", "uint64"), ("uint64", "int64"), ("int32", "int64")])
def test_integer_ids_of_two_widths_stay_apart(types: tuple[str, str]) -> None:
    start = 2**60 if "int32" not in types else 2**30
    table = pd.DataFrame({"a": [start + 1, start + 2], "b": [start + 3, start + 4], "n": [1, 2]})
    read = me.Cooccurrence.from_pairs(table.astype(dict(zip("ab", types, strict=True))))
    assert read.items.tolist() == [start + 1, start + 2, start + 3, start + 4]
    expected = np.zeros((4, 4))
    expected[[0, 2, 1, 3], [2, 0, 3, 1]] = [1, 1, 2, 2]
    np.testing.assert_array_equal(read.matrix.toarray(), expected)
