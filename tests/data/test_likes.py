from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from movieembed.data.items import ItemIndex
from movieembed.data.likes import Likes

FRAMES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": pd.DataFrame,
    "pandas-nullable": lambda data: pd.DataFrame(data).convert_dtypes(),
    "pandas-arrow": lambda data: pd.DataFrame(data).convert_dtypes(dtype_backend="pyarrow"),
    "polars": pl.DataFrame,
    "polars-lazy": pl.LazyFrame,
    "pyarrow": pa.table,
    "narwhals": lambda data: nw.from_native(pl.DataFrame(data)),
    "arrow-stream": lambda data: ArrowStream(pa.table(data)),
}


class ArrowStream:
    """The least that the Arrow C stream interface asks for."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.fixture(params=FRAMES)
def frame(request: pytest.FixtureRequest) -> Callable[[dict[str, Any]], Any]:
    return FRAMES[request.param]


def table(
    users: list[Any], items: list[Any], ratings: list[Any] | None = None, **others: Any
) -> pd.DataFrame:
    columns: dict[str, Any] = {"userId": users, "movieId": items}
    if ratings is not None:
        columns["rating"] = ratings
    return pd.DataFrame(columns | others)


def assert_same(one: Likes, other: Likes) -> None:
    for name in ("users", "items", "titles"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert a.dtype == b.dtype, name
            assert a.tolist() == b.tolist(), name
    assert one.matrix.shape == other.matrix.shape
    for part in ("indptr", "indices", "data"):
        a, b = getattr(one.matrix, part), getattr(other.matrix, part)
        assert a.dtype == b.dtype, part
        np.testing.assert_array_equal(a, b, part)


def assert_canonical(likes: Likes) -> None:
    matrix = likes.matrix
    assert isinstance(matrix, sp.csr_array)
    assert matrix.dtype in (np.float32, np.float64)
    assert matrix.indptr.dtype == matrix.indices.dtype
    rebuilt = sp.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
    assert rebuilt.has_canonical_format
    assert (matrix.data != 0).all()
    assert matrix.shape == likes.shape == (len(likes.users), len(likes.items))


def pairs(likes: Likes) -> set[tuple[Any, Any]]:
    rows, columns = likes.matrix.nonzero()
    return {(likes.users[u], likes.items[i]) for u, i in zip(rows, columns, strict=True)}


# --- real data ---------------------------------------------------------------------------------


def test_movielens_small_facts(
    ratings_movies: tuple[pd.DataFrame, pd.DataFrame], small_likes: Likes
) -> None:
    ratings, movies = ratings_movies
    assert repr(small_likes) == "Likes(610 users x 9,742 items, 48,580 likes)"
    assert_canonical(small_likes)
    assert small_likes.is_binary
    assert small_likes.matrix.dtype == np.float32
    assert int((small_likes.item_counts > 0).sum()) == 6298
    assert small_likes.item_counts.dtype == np.int64
    assert small_likes.items.tolist() == movies["movieId"].tolist()
    assert small_likes.titles is not None
    assert small_likes.titles.tolist() == movies["title"].tolist()
    assert small_likes.item_table is not None
    pd.testing.assert_frame_equal(small_likes.item_table, movies)
    liked = ratings[ratings["rating"] >= 4]
    assert pairs(small_likes) == set(zip(liked["userId"], liked["movieId"], strict=True))
    assert Likes.from_ratings(ratings).shape == (610, 9724)
    assert small_likes.item_index() is small_likes.item_index()
    assert small_likes.item_index().resolve("apollo 13") == movies["movieId"].tolist().index(150)


@pytest.mark.parametrize("kind", ["polars", "pyarrow"])
def test_movielens_small_is_the_same_from_any_frame(
    ratings_movies: tuple[pd.DataFrame, pd.DataFrame], small_likes: Likes, kind: str
) -> None:
    ratings, movies = (
        FRAMES[kind]({name: frame[name].to_list() for name in frame}) for frame in ratings_movies
    )
    likes = Likes.from_ratings(ratings, items=movies)
    assert_same(likes, small_likes)
    assert likes.item_table is not None
    assert likes.item_table["genres"].tolist() == ratings_movies[1]["genres"].tolist()


# --- frames and columns ------------------------------------------------------------------------


def test_every_kind_of_frame_gives_the_same(frame: Callable[[dict[str, Any]], Any]) -> None:
    ratings = {"user_id": [7, 7, 3], "item": ["b", "a", "b"], "Score": [4.0, 3.5, 5.0]}
    items = {"item_id": ["c", "b", "a"], "name": ["C", None, "A"], "n": [1, 2, 3]}
    likes = Likes.from_ratings(frame(ratings), items=frame(items))
    assert likes.users.tolist() == [3, 7]
    assert likes.users.dtype == np.int64
    assert likes.items.tolist() == ["c", "b", "a"]
    assert likes.items.dtype == object
    assert likes.titles is not None
    assert likes.titles.tolist() == ["C", "", "A"]
    assert pairs(likes) == {(7, "b"), (3, "b")}
    assert likes.item_table is not None
    assert likes.item_table["n"].tolist() == [1, 2, 3]
    assert likes.item_table.index.tolist() == [0, 1, 2]
    assert_canonical(likes)


@pytest.mark.parametrize(
    ("user", "item", "rating"),
    [
        ("userId", "movieId", "rating"),
        ("USER_ID", "Movie ID", "Stars"),
        ("uid", "iid", "Value"),
        ("user", "film", "liked"),
    ],
)
def test_usual_column_names_are_found(user: str, item: str, rating: str) -> None:
    frame = pd.DataFrame({rating: [4, 2], "extra": ["x", "y"], item: [1, 2], user: [5, 6]})
    assert pairs(Likes.from_ratings(frame)) == {(5, 1)}


def test_columns_can_be_named_by_any_label() -> None:
    exercise = pd.DataFrame([[10, 1, 0], [20, 1, 1], [10, 2, 1]])
    likes = Likes.from_ratings(exercise, item=0, user=1, rating=2)
    assert pairs(likes) == {(1, 20), (2, 10)}
    deep = pd.DataFrame(
        [[1, 10, 5.0]], columns=pd.MultiIndex.from_tuples([("a", x) for x in "uir"])
    )
    likes = Likes.from_ratings(deep, user=("a", "u"), item=("a", "i"), rating=("a", "r"))
    assert pairs(likes) == {(1, 10)}


def test_a_named_column_is_not_taken_for_another() -> None:
    frame = pd.DataFrame({"user": ["ann"], "item": ["x"], "movie": ["y"], "rating": [5]})
    assert pairs(Likes.from_ratings(frame, item="movie")) == {("ann", "y")}
    assert pairs(Likes.from_ratings(frame, user="item", item="movie")) == {("x", "y")}


def test_ids_in_a_pandas_index_are_found() -> None:
    ratings = table([1, 2], [10, 20], [5.0, 1.0]).set_index(["userId", "movieId"])
    movies = pd.DataFrame({"title": ["B", "A"]}, index=pd.Index([20, 10], name="movieId"))
    likes = Likes.from_ratings(ratings, items=movies)
    assert pairs(likes) == {(1, 10)}
    assert likes.titles is not None
    assert likes.titles.tolist() == ["B", "A"]
    assert movies.index.name == "movieId"


def test_an_unaligned_pandas_index_changes_nothing() -> None:
    ratings = table([1, 1, 2], [10, 20, 10], [5.0, None, 4.0])
    shuffled = ratings.set_axis([3, 3, 0])
    for drop in (ratings, shuffled):
        assert pairs(Likes.from_ratings(drop, missing="drop")) == {(1, 10), (2, 10)}


def test_columns_that_cannot_be_told_are_errors() -> None:
    with pytest.raises(ValueError, match=r"the user; it has: 'a', 'movieId'.*user=\.\.\."):
        Likes.from_ratings(pd.DataFrame({"a": [1], "movieId": [1]}))
    with pytest.raises(ValueError, match="the item; it has: 0, 1, 2"):
        Likes.from_ratings(pd.DataFrame([[1, 2, 3]]), user=0)
    with pytest.raises(ValueError, match=r"could be the item: 'item' and 'movie'; .*item='item'"):
        Likes.from_ratings(pd.DataFrame({"user": [1], "item": [1], "movie": [1]}))
    with pytest.raises(ValueError, match="could be the rating: 'rating' and 'liked'"):
        Likes.from_ratings(table([1], [1], [1], liked=[1]))
    with pytest.raises(ValueError, match="rating='stars' is not a column of ratings; it has"):
        Likes.from_ratings(table([1], [1], [1]), rating="stars")
    twice = pd.DataFrame([[1, 2, 3]], columns=["userId", "movieId", "movieId"])
    with pytest.raises(ValueError, match=r"'movieId' and 'movieId'"):
        Likes.from_ratings(twice)
    with pytest.raises(ValueError, match="ratings has 2 columns called 'movieId'"):
        Likes.from_ratings(twice, item="movieId")


@pytest.mark.parametrize(
    "ratings",
    [
        None,
        3,
        "ratings.csv",
        {"userId": [1]},
        [(1, 2, 5.0)],
        np.zeros((2, 2)),
        pd.Series([1]),
        pl.Series([1]),
        pa.chunked_array([[1]]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_table_is_refused_with_what_is(ratings: object) -> None:
    with pytest.raises(TypeError, match=r"pandas, polars, PyArrow .* SciPy sparse"):
        Likes.from_ratings(ratings)


def test_an_arrow_stream_without_a_table_is_refused() -> None:
    class Broken:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return pa.chunked_array([[1]]).__arrow_c_stream__(requested_schema)

    with pytest.raises(TypeError, match="ratings"):
        Likes.from_ratings(Broken())


# --- thresholds --------------------------------------------------------------------------------


def test_default_threshold_is_four() -> None:
    likes = Likes.from_ratings(table([1, 1, 1], [1, 2, 3], [3.99, 4.0, 4.5]))
    assert pairs(likes) == {(1, 2), (1, 3)}


@pytest.mark.parametrize("values", [[0, 1, 1], [0.0, 1.0, 1.0], [False, True, True]])
def test_a_table_of_zeros_and_ones_is_likes_already(values: list[Any]) -> None:
    likes = Likes.from_ratings(table([1, 1, 2], [1, 2, 1], values))
    assert pairs(likes) == {(1, 2), (2, 1)}


def test_explicit_threshold_is_used_as_is() -> None:
    ones = table([1, 2], [1, 1], [0, 1])
    assert Likes.from_ratings(ones, threshold=0).n_likes == 2
    assert Likes.from_ratings(ones, threshold=-1.5).n_likes == 2
    assert Likes.from_ratings(ones, threshold=Fraction(1, 2)).n_likes == 1  # type: ignore[arg-type]
    narrow = table([1], [1]).assign(rating=np.array([4.1], dtype=np.float32))
    assert Likes.from_ratings(narrow, threshold=4.1).n_likes == 1
    assert Likes.from_ratings(pl.from_pandas(narrow), threshold=np.float64(4.1)).n_likes == 1


@pytest.mark.parametrize("threshold", ["4", True, 4j, [4]])
def test_threshold_must_be_a_number(threshold: Any) -> None:
    with pytest.raises(TypeError, match="threshold must be a number or None"):
        Likes.from_ratings(table([1], [1], [5]), threshold=threshold)


@pytest.mark.parametrize("threshold", [np.nan, np.inf, -np.inf])
def test_threshold_must_be_finite(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold must be finite"):
        Likes.from_ratings(table([1], [1], [5]), threshold=threshold)


def test_no_likes_is_allowed_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="highest rating is 3.5 and the threshold 4") as caught:
        likes = Likes.from_ratings(table([1, 2], [1, 2], [3.5, 1.0]))
    assert caught[0].filename == __file__
    assert (likes.shape, likes.n_likes) == ((2, 2), 0)
    assert_canonical(likes)


def test_without_ratings_every_row_is_a_like() -> None:
    likes = Likes.from_ratings(table([1, 2, 2], [1, 1, 1], timestamp=[3, 4, 5]))
    assert pairs(likes) == {(1, 1), (2, 1)}
    assert likes.is_binary
    with pytest.raises(ValueError, match=r"threshold=4.0 needs ratings, .* rating=\.\.\."):
        Likes.from_ratings(table([1], [1]), threshold=4.0)


def test_a_number_that_may_be_the_rating_is_pointed_at() -> None:
    with pytest.warns(UserWarning, match="pass rating='plays'") as caught:
        likes = Likes.from_ratings(table([1, 2], [1, 2], plays=[0, 7], tag=["x", "y"]))
    assert caught[0].filename == __file__
    assert likes.n_likes == 2
    with pytest.warns(UserWarning, match="pass rating=2"):
        Likes.from_ratings(pd.DataFrame([[10, 1, 0]]), item=0, user=1)


# --- ids ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([30, 10, 20], [10, 20, 30]),
        ([3.0, 1.0, 2.0], [1, 2, 3]),
        ([2.5, 0.5, 1.0], [0.5, 1.0, 2.5]),
        (["b", "a", "B"], ["B", "a", "b"]),
        ([("b", 1), ("a", 2), ("a", 1)], [("a", 1), ("a", 2), ("b", 1)]),
        ([2, "a", (1, 2)], [2, "a", (1, 2)]),
        ([b"y", b"x", b"z"], [b"x", b"y", b"z"]),
        ([2**63 + 2, 2**63, 2**63 + 1], [2**63, 2**63 + 1, 2**63 + 2]),
        ([2**70, 1, 2**65], [1, 2**65, 2**70]),
        ([frozenset("b"), frozenset("a"), frozenset("ab")],) * 2,
    ],
    ids=str,
)
def test_ids_of_any_kind_are_kept_in_order(ids: list[Any], expected: list[Any]) -> None:
    column = pd.Series(ids, dtype=object) if not isinstance(ids[0], int | float) else ids
    frame = pd.DataFrame({"userId": column, "movieId": column, "rating": [5, 5, 5]})
    likes = Likes.from_ratings(frame)
    assert likes.users.tolist() == expected
    assert likes.items.tolist() == expected
    assert likes.items.ndim == 1
    np.testing.assert_array_equal(likes.matrix.toarray(), np.eye(3))


def test_integer_ids_are_int64_whatever_their_width() -> None:
    frame = table([2, 1], [1, 2], [5, 5])
    for dtype in ("int8", "uint16", "int64", "uint64", "float32", "Int32", object):
        likes = Likes.from_ratings(frame.astype({"userId": dtype, "movieId": dtype}))
        assert likes.users.dtype == likes.items.dtype == np.int64
        assert likes.users.tolist() == [1, 2]


def test_categories_count_as_their_values() -> None:
    frame = table(["b", "a"], ["x", "y"], [5, 5]).astype({"userId": "category"})
    assert Likes.from_ratings(frame).users.tolist() == ["a", "b"]
    polars = pl.DataFrame({"user": ["b", "a"], "item": [1, 2], "rating": [5, 5]})
    polars = polars.with_columns(pl.col("user").cast(pl.Categorical))
    assert Likes.from_ratings(polars).users.tolist() == ["a", "b"]


def test_large_nullable_ids_keep_every_digit() -> None:
    ids = [2**53 + 1, None, 2**53 + 2]
    frame = pd.DataFrame({"userId": pd.array(ids, dtype="Int64"), "movieId": [1, 2, 3]})
    for given_frame in (frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        likes = Likes.from_ratings(given_frame, missing="drop")
        assert likes.users.tolist() == [2**53 + 1, 2**53 + 2]


def test_unhashable_ids_are_type_errors() -> None:
    frame = pd.DataFrame({"userId": [[1], [2]], "movieId": [1, 2], "rating": [5, 5]})
    with pytest.raises(TypeError, match=r"'userId' must be hashable"):
        Likes.from_ratings(frame)
    lists = pl.DataFrame({"userId": [1, 2], "movieId": [[1], [2]], "rating": [5, 5]})
    with pytest.raises(TypeError, match=r"'movieId' must be hashable"):
        Likes.from_ratings(lists)


@given(
    st.lists(
        st.tuples(st.integers(-3, 6), st.integers(0, 8), st.sampled_from([1.0, 3.5, 4.0, 5.0])),
        unique_by=lambda row: row[:2],
        min_size=1,
    ),
    st.randoms(use_true_random=False),
)
def test_shuffled_rows_give_the_same_likes(rows: list[tuple[Any, ...]], random: Any) -> None:
    def build(given_rows: list[tuple[Any, ...]], **options: Any) -> Likes:
        frame = pd.DataFrame(given_rows, columns=["user", "item", "rating"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return Likes.from_ratings(frame, threshold=4.0, **options)

    shuffled = list(rows)
    random.shuffle(shuffled)
    assert_same(build(rows), build(shuffled))
    assert_same(build(rows, items=range(9)), build(shuffled, items=range(9)))
    likes = build(shuffled)
    assert_canonical(likes)
    assert pairs(likes) == {row[:2] for row in rows if row[2] >= 4}
    assert likes.users.tolist() == sorted({row[0] for row in rows})
    assert likes.items.tolist() == sorted({row[1] for row in rows})


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.sampled_from([2.0, 3.0, 4.0, 5.0])),
        min_size=1,
    ),
    st.sampled_from(["last", "first", "max"]),
)
def test_duplicates_against_a_dictionary(rows: list[tuple[Any, ...]], duplicates: Any) -> None:
    gold: dict[tuple[int, int], float] = {}
    for user, item, rating in rows:
        if duplicates == "first":
            gold.setdefault((user, item), rating)
        elif duplicates == "max":
            gold[user, item] = max(rating, gold.get((user, item), rating))
        else:
            gold[user, item] = rating
    frame = pd.DataFrame(rows, columns=["user", "item", "rating"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        likes = Likes.from_ratings(frame, threshold=4.0, duplicates=duplicates)
    assert pairs(likes) == {pair for pair, rating in gold.items() if rating >= 4}


def test_duplicates_are_settled_before_the_threshold() -> None:
    frame = table([1, 1, 2], [1, 1, 1], [5.0, 1.0, 4.0])
    assert pairs(Likes.from_ratings(frame)) == {(2, 1)}
    assert pairs(Likes.from_ratings(frame, duplicates="first")) == {(1, 1), (2, 1)}
    with pytest.raises(ValueError, match=r"1 ratings repeat .* user 1 and item 1"):
        Likes.from_ratings(frame, duplicates="error")
    assert Likes.from_ratings(frame.iloc[[0, 2]], duplicates="error").n_likes == 2


# --- missing and infinite values ---------------------------------------------------------------


def test_missing_values_are_reported(frame: Callable[[dict[str, Any]], Any]) -> None:
    data = {
        "userId": [1, None, 3, 4],
        "movieId": ["a", "b", None, "d"],
        "rating": [5.0, 5.0, 5.0, None],
    }
    with pytest.raises(
        ValueError,
        match=r"missing values in 3 of 4 rows \(1 in column 'userId', 1 in column 'movieId', "
        r"1 in column 'rating'\), first in row 1, counting from 0; pass missing='drop'",
    ):
        Likes.from_ratings(frame(data))
    likes = Likes.from_ratings(frame(data), missing="drop")
    assert likes.users.tolist() == [1]
    assert likes.users.dtype == np.int64
    assert pairs(likes) == {(1, "a")}


def test_nan_is_missing_where_null_is_another_thing() -> None:
    ratings = [5.0, np.nan, None]
    frame = pl.DataFrame({"userId": [1, 2, 3], "movieId": [1, 2, 3], "rating": ratings})
    with pytest.raises(ValueError, match=r"2 of 3 rows .*first in row 1"):
        Likes.from_ratings(frame)
    assert pairs(Likes.from_ratings(frame, missing="drop")) == {(1, 1)}


@pytest.mark.parametrize("missing", ["raise", "drop"])
def test_infinite_ratings_are_never_allowed(missing: Any) -> None:
    with pytest.raises(ValueError, match="ratings has 1 values that are NaN or infinite"):
        Likes.from_ratings(table([1, 2], [1, 2], [5, np.inf]), missing=missing)


@pytest.mark.parametrize("ratings", [["5", "4"], [4 + 1j, 5], [object(), 5], [[5], [4]], [5, "x"]])
def test_ratings_must_be_numbers(ratings: list[Any]) -> None:
    with pytest.raises(TypeError, match="'rating' must hold numbers"):
        Likes.from_ratings(table([1, 2], [1, 2], ratings))


def test_numbers_in_an_object_column_are_numbers() -> None:
    from decimal import Decimal

    for column in ([5, 3.5], [Decimal("4.5"), Decimal("1")]):
        frame = table([1, 2], [1, 2], pd.Series(column, dtype=object))  # type: ignore[arg-type]
        assert pairs(Likes.from_ratings(frame)) == {(1, 1)}
    decimals = pl.DataFrame(
        {"user": [1, 2], "item": [1, 2], "rating": [Decimal("4.5"), Decimal(1)]}
    )
    for frame in (decimals, decimals.to_arrow()):
        assert pairs(Likes.from_ratings(frame)) == {(1, 1)}


# --- items -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "items",
    [
        [30, 10, 20],
        (30, 10, 20),
        np.array([30, 10, 20]),
        pd.Series([30, 10, 20], index=[2, 2, 2]),
        pd.Index([30, 10, 20]),
        pl.Series([30, 10, 20]),
        pa.chunked_array([[30], [10, 20]]),
        pd.DataFrame({"id": [30, 10, 20]}),
        pl.DataFrame({"id": [30, 10, 20], "ITEM_ID": [30, 10, 20]}),
        pd.Series([30.0, 10.0, 20.0]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_items_fix_the_columns(items: object) -> None:
    likes = Likes.from_ratings(table([1], [10], [5.0]), items=items)
    assert likes.items.tolist() == [30, 10, 20]
    assert likes.items.dtype == np.int64
    assert likes.matrix.toarray().tolist() == [[0, 1, 0]]
    assert likes.titles is None


def test_unknown_items() -> None:
    ratings = table([1, 2, 3, 3], [10, 20, 30, 10], [5, 5, 5, 5])
    with pytest.raises(ValueError, match=r"2 items that items lacks, such as 20, 30; pass unknown"):
        Likes.from_ratings(ratings, items=[10, 40])
    likes = Likes.from_ratings(ratings, items=[10, 40], unknown="drop")
    assert likes.users.tolist() == [1, 2, 3]
    assert pairs(likes) == {(1, 10), (3, 10)}
    with pytest.raises(ValueError, match=r"ratings hold 10 where items hold '10'"):
        Likes.from_ratings(ratings, items=["10", "20", "30"])


def test_item_tables_with_other_names() -> None:
    movies = pd.DataFrame({"film no": [1, 2], "de": ["Eins", "Zwei"], "title": ["One", "Two"]})
    ratings = pd.DataFrame({"user": [1], "film no": [2], "rating": [5]})
    likes = Likes.from_ratings(ratings, item="film no", items=movies)
    assert likes.titles is not None
    assert likes.titles.tolist() == ["One", "Two"]
    likes = Likes.from_ratings(ratings, item="film no", items=movies, item_id="film no", title="de")
    assert likes.titles is not None
    assert likes.titles.tolist() == ["Eins", "Zwei"]
    with pytest.raises(ValueError, match="title='fr' is not a column of items"):
        Likes.from_ratings(ratings, item="film no", items=movies, title="fr")
    with pytest.raises(ValueError, match="items has no column that looks like the item_id"):
        Likes.from_ratings(table([1], [2], [5]), items=movies)
    with pytest.raises(ValueError, match="items is not a table"):
        Likes.from_ratings(table([1], [2], [5]), items=[2], title="de")


def test_bad_item_ids_are_refused() -> None:
    ratings = table([1], [1], [5])
    with pytest.raises(ValueError, match="items has 2 ids that occur more than once, such as 1, 2"):
        Likes.from_ratings(ratings, items=[1, 1, 2, 2, 2])
    with pytest.raises(ValueError, match="items has a missing id at position 1"):
        Likes.from_ratings(ratings, items=[1, None])
    with pytest.raises(ValueError, match="one-dimensional"):
        Likes.from_ratings(ratings, items=np.zeros((2, 2)))
    with pytest.raises(TypeError, match="hashable"):
        Likes.from_ratings(ratings, items=[[1]])
    for items in ("abc", {1: 2}, {1}, 5):
        with pytest.raises(TypeError, match="items must be a sequence"):
            Likes.from_ratings(ratings, items=items)


def test_item_table_is_a_copy() -> None:
    movies = pd.DataFrame({"movieId": [1, 2], "title": ["One", "Two"]}, index=[9, 8])
    likes = Likes.from_ratings(table([1], [1], [5]), items=movies)
    assert likes.item_table is not None
    likes.item_table.loc[0, "title"] = "changed"
    assert movies.loc[9, "title"] == "One"


@pytest.mark.parametrize("option", ["duplicates", "missing", "unknown"])
def test_options_name_what_is_allowed(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} must be one of '.*', got 'nonsense'"):
        Likes.from_ratings(table([1], [1], [5]), **{option: "nonsense"})  # type: ignore[arg-type]


# --- empty -------------------------------------------------------------------------------------


def test_empty_tables(frame: Callable[[dict[str, Any]], Any]) -> None:
    empty = {"userId": [], "movieId": [], "rating": []}
    likes = Likes.from_ratings(frame(empty), items=[1, 2])
    assert likes.shape == (0, 2)
    assert likes.item_counts.tolist() == [0, 0]
    assert_canonical(likes)
    nothing = Likes.from_ratings(frame(empty))
    assert nothing.shape == (0, 0)
    assert repr(nothing) == "Likes(0 users x 0 items, 0 likes)"
    assert nothing.is_binary
    assert len(nothing.item_index()) == 0


def test_no_items_but_users() -> None:
    likes = Likes.from_ratings(table([1, 2], [1, 2], [5, 5]), items=[], unknown="drop")
    assert likes.shape == (2, 0)


# --- matrices ----------------------------------------------------------------------------------

FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_sparse_format_is_taken(name: str, kind: str) -> None:
    dense = np.array([[0, 1, 0, 2.5], [0, 0, 0, 0], [-1, 0, 0, 3.1]])
    matrix = getattr(sp, f"{name}_{kind}")(dense)
    likes = Likes.from_matrix(matrix, users=["x", "y", "z"])
    np.testing.assert_array_equal(likes.matrix.toarray(), dense)
    np.testing.assert_array_equal(matrix.toarray(), dense)
    assert likes.matrix.dtype == np.float64
    assert not likes.is_binary
    assert likes.items.tolist() == [0, 1, 2, 3]
    assert_canonical(likes)
    liked = Likes.from_ratings(matrix, threshold=2.5)
    np.testing.assert_array_equal(liked.matrix.toarray(), dense >= 2.5)


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        (bool, [1, 1], np.float32),
        (np.int8, [1, 100], np.float32),
        (np.int64, [1, 2**24 + 1], np.float64),
        (np.uint64, [1, 3], np.float32),
        (np.float32, [0.1, 1], np.float32),
        (np.float64, [1.0, 1.0], np.float32),
        (np.float64, [0.5, 1.0], np.float64),
        (np.float64, [1e300, 1.0], np.float64),
        (np.longdouble, [0.5, 1.0], np.float64),
    ],
)
@pytest.mark.parametrize("build", [np.asarray, sp.coo_array, sp.csc_array])
def test_weights_keep_their_precision(
    build: Callable[[Any], Any], dtype: Any, values: list[float], expected: Any
) -> None:
    dense = np.array([values], dtype=dtype)
    likes = Likes.from_matrix(build(dense))
    assert likes.matrix.dtype == expected
    np.testing.assert_array_equal(likes.matrix.toarray(), dense.astype(np.float64))
    assert likes.is_binary == (values == [1, 1])


def test_half_precision_is_widened() -> None:
    likes = Likes.from_matrix(np.array([[0.5, 1.0]], dtype=np.float16))
    assert likes.matrix.dtype == np.float32
    assert likes.matrix.toarray().tolist() == [[0.5, 1.0]]


def test_the_input_is_neither_changed_nor_shared() -> None:
    matrix = sp.csr_array(
        (np.array([1, 0, 2, 3], dtype=np.float32), np.array([2, 1, 0, 0]), np.array([0, 2, 4])),
        shape=(2, 3),
    )
    before = [part.copy() for part in (matrix.data, matrix.indices, matrix.indptr)]
    likes = Likes.from_matrix(matrix)
    np.testing.assert_array_equal(likes.matrix.toarray(), [[0, 0, 1], [5, 0, 0]])
    assert_canonical(likes)
    for part, old in zip((matrix.data, matrix.indices, matrix.indptr), before, strict=True):
        np.testing.assert_array_equal(part, old)
    tidy = sp.csr_array(np.eye(3, dtype=np.float32))
    likes = Likes.from_matrix(tidy)
    for part in ("data", "indices", "indptr"):
        assert not np.shares_memory(getattr(tidy, part), getattr(likes.matrix, part))
        getattr(tidy, part).flags.writeable = False
    assert Likes.from_matrix(tidy).n_likes == 3


def test_duplicates_are_summed_without_wrapping() -> None:
    ones = np.array([100, 100, -1, 1], dtype=np.int8)
    coo = sp.coo_array((ones, (np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))), shape=(2, 2))
    likes = Likes.from_matrix(coo)
    assert likes.matrix.toarray().tolist() == [[0, 200], [0, 0]]
    assert likes.n_likes == 1
    coo = sp.coo_array((np.ones(4, dtype=bool), coo.coords), shape=(2, 2))
    likes = Likes.from_matrix(coo)
    assert likes.matrix.toarray().tolist() == [[0, 2], [2, 0]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("build", [np.asarray, sp.csr_array, sp.coo_matrix, sp.lil_array])
def test_values_must_be_finite(build: Callable[[Any], Any], value: float) -> None:
    with pytest.raises(ValueError, match="matrix has 1 values that are NaN or infinite"):
        Likes.from_matrix(build(np.array([[1.0, value]])))


def test_sums_must_be_finite() -> None:
    big = np.array([3e38, 3e38], dtype=np.float32)
    matrix = sp.coo_array((big, (np.array([0, 0]), np.array([0, 0]))), shape=(1, 1))
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="NaN or infinite"):
        Likes.from_matrix(matrix)


@pytest.mark.parametrize(
    "matrix", [np.ones((2, 2), dtype=complex), np.full((1, 1), "a"), sp.csr_array([[1j]])]
)
def test_values_must_be_real(matrix: object) -> None:
    with pytest.raises(TypeError, match="matrix must hold real numbers, got dtype"):
        Likes.from_matrix(matrix)


def test_nested_lists_are_a_matrix() -> None:
    assert Likes.from_matrix([[1, 0], [1, 1]]).matrix.toarray().tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize("matrix", [None, pd.DataFrame([[1]]), "matrix"])
def test_what_is_no_matrix_is_refused(matrix: object) -> None:
    with pytest.raises(TypeError, match="users x items; got"):
        Likes.from_matrix(matrix)


@pytest.mark.parametrize("matrix", [np.ones(3), np.ones((1, 1, 1)), sp.coo_array([1, 0, 2])])
def test_matrices_have_two_dimensions(matrix: object) -> None:
    with pytest.raises(ValueError, match="two-dimensional"):
        Likes.from_matrix(matrix)


def test_a_transposed_matrix_is_named() -> None:
    matrix = np.ones((3, 2))
    with pytest.raises(ValueError, match=r"items has 3 entries .*transposed .*pass matrix\.T"):
        Likes.from_matrix(matrix, items=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"users has 2 entries .*transposed"):
        Likes.from_matrix(matrix, users=[1, 2])
    with pytest.raises(ValueError, match=r"titles has 3 entries .*transposed"):
        Likes.from_matrix(matrix, titles=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"items has 4 entries .*\(3, 2\): 2 items$"):
        Likes.from_matrix(matrix, items=range(4))
    with pytest.raises(ValueError, match=r"items has 3 entries .*transposed"):
        Likes.from_ratings(sp.csr_array(matrix), items=["a", "b", "c"])


def test_matrix_labels() -> None:
    movies = pl.DataFrame({"item": ["a", "b"], "title": ["A", "B"]})
    likes = Likes.from_matrix(np.ones((1, 2)), users=["u"], items=movies)
    assert likes.items.tolist() == ["a", "b"]
    assert likes.titles is not None
    assert likes.titles.tolist() == ["A", "B"]
    likes = Likes.from_matrix(np.ones((1, 2)), items=movies, titles=["X", None])
    assert likes.titles is not None
    assert likes.titles.tolist() == ["X", ""]
    with pytest.raises(ValueError, match="users has 1 ids that occur more than once, such as 'u'"):
        Likes.from_matrix(np.ones((2, 2)), users=["u", "u"])
    with pytest.raises(ValueError, match="users has a missing id"):
        Likes.from_matrix(np.ones((1, 2)), users=[np.nan])


def malformed(part: str, values: list[int], name: str = "csr") -> Any:
    # The parts are set one by one because SciPy checks them when it is given all at once.
    matrix = getattr(sp, f"{name}_array")(np.array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]]))
    getattr(matrix, part)[:] = values
    return matrix


@pytest.mark.parametrize("name", ["csr", "bsr"])
@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        ("indptr", [0, 5, 4], r"indptr decreases at 2"),
        ("indptr", [1, 2, 4], r"indptr must start at 0, got 1"),
        ("indptr", [0, 2, 9], r"indptr ends at 9 but 4 are stored"),
        ("indices", [0, 3, 1, 2], r"indices must lie in 0 to 2, got 0 to 3"),
        ("indices", [0, -1, 1, 2], r"indices must lie in 0 to 2, got -1 to 2"),
    ],
)
@pytest.mark.parametrize("build", [Likes.from_matrix, Likes.from_ratings])
def test_malformed_structure_is_named(
    build: Callable[[Any], Likes], part: str, values: list[int], message: str, name: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build(malformed(part, values, name))


@pytest.mark.parametrize("build", [Likes.from_matrix, Likes.from_ratings])
def test_malformed_csc_and_coo_are_named(build: Callable[[Any], Likes]) -> None:
    with pytest.raises(ValueError, match="indices must lie in 0 to 1, got 0 to 2"):
        build(malformed("indices", [0, 0, 1, 2], "csc"))
    coo = sp.coo_array(np.eye(2))
    coo.row[0] = 7
    with pytest.raises(ValueError, match="row must lie in 0 to 1"):
        build(coo)
    lil = sp.lil_array(np.eye(2))
    lil.rows[0] = [5]
    with pytest.raises(ValueError, match="indices must lie in 0 to 1, got 1 to 5"):
        build(lil)
    short = sp.csr_array(np.eye(2))
    short.indptr = short.indptr[:-1]
    with pytest.raises(ValueError, match="indptr has 2 entries, not 3"):
        build(short)


def test_storage_beyond_the_last_row_is_left_out() -> None:
    matrix = sp.csr_array(np.eye(2))
    matrix.data = np.array([1.0, 1.0, np.nan])
    matrix.indices = np.array([0, 1, 77])
    likes = Likes.from_matrix(matrix)
    np.testing.assert_array_equal(likes.matrix.toarray(), np.eye(2))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_empty_matrices(shape: tuple[int, int]) -> None:
    for matrix in (np.ones(shape), sp.csr_array(shape), sp.coo_array(shape)):
        likes = Likes.from_matrix(matrix)
        assert (likes.shape, likes.n_likes) == (shape, 0)
        assert_canonical(likes)
        assert Likes.from_ratings(sp.csr_array(shape)).shape == shape


def test_ratings_in_a_matrix() -> None:
    ratings = sp.csr_array([[5.0, 3.0, 0], [0, 4.0, 2.0], [0, 0, 0]])
    likes = Likes.from_ratings(ratings, items=pd.DataFrame({"id": [7, 8, 9], "name": list("abc")}))
    np.testing.assert_array_equal(likes.matrix.toarray(), [[1, 0, 0], [0, 1, 0], [0, 0, 0]])
    assert likes.items.tolist() == [7, 8, 9]
    assert likes.users.tolist() == [0, 1, 2]
    assert Likes.from_ratings(ratings != 0).n_likes == 4
    with pytest.raises(ValueError, match="not of a matrix"):
        Likes.from_ratings(ratings, user="userId")
    ratings.data[1] = np.nan
    with pytest.raises(ValueError, match="ratings stores 1 NaN; pass missing='drop'"):
        Likes.from_ratings(ratings)
    assert Likes.from_ratings(ratings, missing="drop").n_likes == 2
    ratings.data[1] = np.inf
    with pytest.raises(ValueError, match="NaN or infinite"):
        Likes.from_ratings(ratings, missing="drop")


def test_repeats_in_a_ratings_matrix_follow_duplicates() -> None:
    index = np.zeros(2, dtype=int)
    coo = sp.coo_array((np.array([5.0, 2.0]), (index, index)), shape=(1, 1))
    assert Likes.from_ratings(coo, duplicates="first").n_likes == 1
    with pytest.warns(UserWarning, match="no likes"):
        assert Likes.from_ratings(coo).n_likes == 0


# --- the object --------------------------------------------------------------------------------


def test_likes_cannot_be_reassigned_and_travel_to_workers(
    demo_likes: Likes, there_and_back: Callable[..., Any]
) -> None:
    with pytest.raises(AttributeError):
        demo_likes.users = np.arange(3)  # type: ignore[misc]
    copy = there_and_back(demo_likes)
    assert_same(copy, demo_likes)
    assert isinstance(copy.item_index(), ItemIndex)
    assert copy != demo_likes
    assert demo_likes == demo_likes
    assert len({demo_likes, copy}) == 2


def test_the_constructor_checks_as_from_matrix_does() -> None:
    with pytest.raises(ValueError, match="item_table has 1 entries"):
        Likes(np.ones((1, 2)), [1], [1, 2], None, pd.DataFrame({"a": [1]}))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="matrix must be"):
        Likes(None, [1], [1])  # type: ignore[arg-type]
    likes = Likes(np.ones((1, 2)), [1], ["a", "b"])  # type: ignore[arg-type]
    assert_canonical(likes)
    assert likes.items.dtype == object
