from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from movieembed.data.items import ById, ItemIndex, Typed
from movieembed.exceptions import AmbiguousTitleError, ItemNotFoundError, MovieEmbedError

TITLES = {
    1: "Toy Story (1995)",
    3114: "Toy Story 2 (1999)",
    2571: "Matrix, The (1999)",
    73: "Misérables, Les (1995)",
    1873: "Misérables, Les (1998)",
    47: "Seven (a.k.a. Se7en) (1995)",
    3652: "City of the Living Dead (a.k.a. Gates of Hell, The) (Paura) (1980)",
    1320: "Alien³ (a.k.a. Alien 3) (1992)",
    72998: "2012 (2009)",
    838: "Emma (1996)",
    26958: "Emma (1996)",
    4: "Atalante, L' (1934)",
    5: "Runaway Brain (1995) ",
    6: "Death Note: Desu nôto (2006\u20132007)",
    7: "",
    8: "Good, the Bad and the Ugly, The (Buono, il brutto, il cattivo, Il) (1966)",
    9: "Straße, Die (1950)",
}
IDS = list(TITLES)


@pytest.fixture(scope="module")
def index() -> ItemIndex:
    return ItemIndex(IDS, TITLES.values())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (1, 1),
        (np.int32(2571), 2571),
        (np.uint8(47), 47),
        (1.0, 1),
        (np.float32(47), 47),
        ("id:838", 838),
        ("title:Toy Story", 1),
        ("Toy Story (1995)", 1),
        ("toy  story\t(1995)", 1),
        ("TOY STORY", 1),
        ("Toy Story 2", 3114),
        ("The Matrix", 2571),
        ("the matrix (1999)", 2571),
        ("Matrix, The", 2571),
        ("les misérables (1998)", 1873),
        ("Les Miserables (1995)", 73),
        ("Les Mise\u0301rables (1995)", 73),
        ("Seven", 47),
        ("Se7en", 47),
        ("The Gates of Hell", 3652),
        ("Gates of Hell, The", 3652),
        ("paura", 3652),
        ("Alien 3", 1320),
        ("L'Atalante", 4),
        ("runaway brain", 5),
        ("Runaway Brain (1995)", 5),
        ("Death Note: Desu noto", 6),
        ("The Good, the Bad and the Ugly", 8),
        ("Die STRASSE", 9),
        ("2012", 72998),
        ("838", 838),
        (" 26958 ", 26958),
    ],
)
def test_each_rule_finds_its_item(index: ItemIndex, query: object, expected: int) -> None:
    assert index.find(query) == index.resolve(query) == IDS.index(expected)


@pytest.mark.parametrize(
    "query",
    [
        True,
        False,
        1.5,
        float("nan"),
        float("inf"),
        "007",
        None,
        (1,),
        b"1",
        99,
        "99",
        "Toy Story (1996)",
        "",
        " ",
        "(1995)",
        "9" * 5000,
    ],
)
def test_what_is_no_item_is_not_found(index: ItemIndex, query: object) -> None:
    assert index.find(query) is None
    with pytest.raises(ItemNotFoundError):
        index.resolve(query)


def test_resolve_returns_a_plain_int(index: ItemIndex) -> None:
    assert type(index.resolve("The Matrix")) is int
    assert type(index.resolve(np.int64(1))) is int


def test_repeated_title_lists_every_item(index: ItemIndex) -> None:
    with pytest.raises(AmbiguousTitleError) as caught:
        index.resolve("Emma (1996)")
    assert caught.value.matches == ((838, "Emma (1996)"), (26958, "Emma (1996)"))
    assert str(caught.value) == (
        "'Emma (1996)' stands for 2 items: 838 ('Emma (1996)'), 26958 ('Emma (1996)'); "
        "pass the id instead"
    )
    with pytest.raises(AmbiguousTitleError, match=r"73 .*1873"):
        index.resolve("les miserables")


def test_exact_title_wins_over_a_looser_rule() -> None:
    index = ItemIndex([1, 2, 3], ["emma", "Emma", "Emma (1996)"])
    assert index.resolve("Emma") == 1
    assert index.resolve("emma") == 0
    with pytest.raises(AmbiguousTitleError, match="2 items"):
        index.resolve("EMMA")


def test_many_namesakes_are_counted_not_listed() -> None:
    index = ItemIndex(range(30), ["Emma"] * 30)
    with pytest.raises(AmbiguousTitleError, match="and 20 more; pass the id") as caught:
        index.resolve("Emma")
    assert len(caught.value.matches) == 30


def test_string_ids_come_before_titles() -> None:
    index = ItemIndex(["Emma", "b", "1"], ["x", "Emma (1996)", "y"])
    assert index.resolve("Emma") == 0
    assert index.resolve("1") == 2
    assert index.resolve(np.str_("b")) == 1
    with pytest.raises(ItemNotFoundError, match=r"no item has the id 1; the 3 ids are of type str"):
        index.resolve(1)


def test_a_string_that_is_an_id_and_a_title_is_ambiguous() -> None:
    index = ItemIndex(["Emma", "b", "300"], ["300", "Emma", "300 (2007)"])
    for query, id_, title in (("Emma", 0, 1), ("300", 2, 0)):
        with pytest.raises(AmbiguousTitleError, match=f"say 'id:{query}' or 'title:{query}'"):
            index.resolve(query)
        assert index.resolve(f"id:{query}") == index.resolve(ById(query)) == id_
        assert index.resolve(f"title:{query}") == title
    assert ItemIndex(["Emma", "b"], ["Emma", "x"]).resolve("Emma") == 0


def test_integers_are_ids_and_strings_titles_but_what_is_typed_may_be_both() -> None:
    index = ItemIndex([300, 51662, 2012, 7], ["Quiz Show (1994)", "300 (2007)", "7", "2012"])
    assert [index.resolve(query) for query in (300, "300", 2012, "2012")] == [0, 1, 2, 3]
    assert [index.resolve(query) for query in (7, "7", "id:7", "title:7")] == [3, 2, 3, 2]
    for query, places in (("300", [0, 1]), ("2012", [2, 3]), ("7", [3, 2])):
        with pytest.raises(AmbiguousTitleError) as caught:
            index.resolve(Typed(query))
        assert [id_ for id_, _ in caught.value.matches] == index.ids[places].tolist()
        assert index.resolve(Typed(f"id:{query}")) == places[0]
        assert index.resolve(Typed(f"title:{query}")) == places[1]
    assert index.resolve(Typed("51662")) == index.resolve(Typed("300 (2007)")) == 1
    with pytest.raises(ItemNotFoundError, match="no item has the id '5'"):
        index.resolve("id:5")
    with pytest.raises(ItemNotFoundError, match="no item is called '51662'"):
        index.resolve("title:51662")


def test_names_that_begin_like_a_prefix_are_names() -> None:
    index = ItemIndex([1, 2, 3], ["id:2", "title:x", "x"])
    found = [index.resolve(make(q)) for make in (str, Typed) for q in ("id:2", "title:x", "id:3")]
    assert found == [0, 1, 2] * 2


@pytest.mark.parametrize(
    ("ids", "queries"),
    [
        ([7.5, 7.0], [(7.5, 0), ("7.5", 0), (7.0, 1), (7, 1), ("7", 1), ("7.0", 1)]),
        ([1, 2], [(2.0, 1), (np.float32(2), 1), ("2.0", 1), ("2", 1)]),
        ([-1, 2**63], [(-1, 0), (2**63, 1), (np.uint64(2**63), 1), (str(2**63), 1)]),
        ([2**70, 2**53 + 1], [(2**70, 0), (float(2**70), 0), (str(2**53 + 1), 1)]),
        ([("a", 1), None], [(("a", 1), 0), ("('a', 1)", 0), ("None", 1)]),
        (np.array([1e20, 0.5]), [(1e20, 0), (10**20, 0), (str(10**20), 0), ("1e+20", 0)]),
    ],
)
def test_numbers_are_found_in_each_form_that_is_written(ids: Any, queries: list[Any]) -> None:
    index = ItemIndex(ids)
    assert [index.resolve(query) for query, _ in queries] == [place for _, place in queries]
    assert [index.resolve(Typed(query)) for query, _ in queries if isinstance(query, str)] == [
        place for query, place in queries if isinstance(query, str)
    ]
    for near in (True, float(2**53), 7.25, "7.50", "01"):
        with pytest.raises(ItemNotFoundError):
            index.resolve(near)


def test_mixed_ids_keep_their_types_apart() -> None:
    index = ItemIndex([1, "1", (1, 2), None, 1.5, True])
    assert [index.resolve(query) for query in (1, "1", (1, 2), None, 1.5, True)] == [*range(6)]
    with pytest.raises(ItemNotFoundError):
        index.resolve(False)


class Title(StrEnum):
    MATRIX = "Matrix, The (1999)"

    def __str__(self) -> str:
        return self.name


def test_str_subclasses_are_strings(index: ItemIndex) -> None:
    assert index.resolve(Title.MATRIX) == IDS.index(2571)


def test_typing_error_suggests_the_title_first(index: ItemIndex) -> None:
    with pytest.raises(ItemNotFoundError) as caught:
        index.resolve("Toy Stroy")
    assert caught.value.suggestions[0] == "Toy Story (1995)"
    assert str(caught.value).startswith(
        "no item is called 'Toy Stroy'; did you mean 'Toy Story (1995)'"
    )


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("Toy Stroy", "Toy Story (1995)"),
        ("Toy Stroy (1995)", "Toy Story (1995)"),
        ("matrix", "Matrix, The (1999)"),
        ("Forest Gump", "Forrest Gump (1994)"),
        ("gump forrest", "Forrest Gump (1994)"),
        ("Shawshank", "Shawshank Redemption, The (1994)"),
        ("Ghosbusters", "Ghostbusters (a.k.a. Ghost Busters) (1984)"),
    ],
)
def test_suggestions_on_real_titles(
    ratings_movies: tuple[pd.DataFrame, pd.DataFrame], query: str, first: str
) -> None:
    movies = ratings_movies[1]
    index = ItemIndex(movies["movieId"], movies["title"])
    with pytest.raises(ItemNotFoundError) as caught:
        index.resolve(query)
    assert 1 <= len(caught.value.suggestions) <= 5
    assert caught.value.suggestions[0] == first
    assert set(caught.value.suggestions) <= set(movies["title"])


def test_titles_that_begin_with_the_query_are_suggested_first() -> None:
    titles = ["Solo: A Star Wars Story (2018)", "Star Wars: Episode IV - A New Hope (1977)"]
    with pytest.raises(ItemNotFoundError) as caught:
        ItemIndex([1, 2], titles).resolve("star wars")
    assert caught.value.suggestions == (titles[1], titles[0])


def test_ids_alone_are_enough() -> None:
    index = ItemIndex(["apple", "pear"])
    assert index.resolve("pear") == 1
    with pytest.raises(ItemNotFoundError, match="did you mean 'apple'") as caught:
        index.resolve("aple")
    assert caught.value.suggestions == ("apple",)
    numbers = ItemIndex([10, 20])
    assert numbers.resolve("20") == 1
    with pytest.raises(ItemNotFoundError, match="no item has the id '30'"):
        numbers.resolve("30")


def test_empty_index_finds_nothing() -> None:
    for index in (ItemIndex([]), ItemIndex([], [])):
        assert len(index) == 0
        for query in (1, "a"):
            with pytest.raises(ItemNotFoundError):
                index.resolve(query)


@pytest.mark.parametrize(
    ("queries", "expected"),
    [
        ("Toy Story", [0]),
        (1, [0]),
        (np.int64(1), [0]),
        ([1, "The Matrix", 1], [0, 2, 0]),
        ((1, 2571), [0, 2]),
        (np.array([2571, 1]), [2, 0]),
        (pd.Series([2571, 1], index=[5, 5]), [2, 0]),
        (pd.Index(["Toy Story"]), [0]),
        (iter([1]), [0]),
        ([], []),
    ],
)
def test_resolve_many(index: ItemIndex, queries: object, expected: list[int]) -> None:
    found = index.resolve_many(queries)  # type: ignore[arg-type]
    assert found.dtype == np.int64
    assert found.shape == (len(expected),)
    assert found.tolist() == expected


def test_a_tuple_that_is_an_id_is_one_query() -> None:
    index = ItemIndex([("a", 1), ("b", 2), "a"])
    assert index.resolve_many(("b", 2)).tolist() == [1]
    assert index.resolve_many([("b", 2), "a"]).tolist() == [1, 2]
    assert index.resolve_many(("a", ("a", 1))).tolist() == [2, 0]
    with pytest.raises(ItemNotFoundError):
        index.resolve_many(("a", "z"))


def test_unhashable_queries_are_type_errors(index: ItemIndex) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        index.resolve([1])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unhashable"):
        index.resolve_many([[1]])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="unhashable"):
        index.resolve_many(([1], 2))  # type: ignore[arg-type]


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="titles has 1 entries and ids 2"):
        ItemIndex([1, 2], ["a"])
    with pytest.raises(ValueError, match="ids repeat"):
        ItemIndex([1, 1])
    with pytest.raises(ValueError, match="one-dimensional"):
        ItemIndex(np.zeros((2, 2)))
    with pytest.raises(TypeError, match="unhashable"):
        ItemIndex([[1]])  # type: ignore[list-item]


def test_errors_come_from_workers_with_their_details(pickle_roundtrip: Callable[..., Any]) -> None:
    not_found = pickle_roundtrip(ItemNotFoundError("no such item", ["a"]))
    assert (str(not_found), not_found.suggestions) == ("no such item", ("a",))
    ambiguous = pickle_roundtrip(AmbiguousTitleError("two", [(1, "a")]))
    assert (str(ambiguous), ambiguous.matches) == ("two", ((1, "a"),))
    assert isinstance(not_found, MovieEmbedError)
    assert isinstance(not_found, LookupError)


def test_an_index_travels_to_workers(
    index: ItemIndex, pickle_roundtrip: Callable[..., Any]
) -> None:
    index.resolve("the matrix")
    assert pickle_roundtrip(index).resolve("the matrix") == 2


@given(st.lists(st.text(min_size=1), unique=True, max_size=8))
def test_every_unique_title_finds_itself(titles: list[str]) -> None:
    index = ItemIndex([(i,) for i in range(len(titles))], titles)
    for position, title in enumerate(titles):
        assert index.resolve(title) == position


@given(st.text())
@example("0\x1f")  # white space to str.strip and not to int
def test_any_text_gets_an_answer_or_a_lookup_error(index: ItemIndex, text: str) -> None:
    try:
        position = index.resolve(text)
    except LookupError as error:
        message = str(error)
    else:
        message = index.ids.tolist()[position]
    assert message


def test_real_titles_each_stand_for_themselves(
    ratings_movies: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    movies = ratings_movies[1]
    index = ItemIndex(movies["movieId"].to_numpy(), movies["title"])
    repeated = movies["title"].duplicated(keep=False)
    assert repeated.sum() == 10
    once = np.flatnonzero(~repeated)
    assert index.resolve_many(movies["title"][~repeated]).tolist() == once.tolist()
    for title in movies["title"][repeated].unique():
        with pytest.raises(AmbiguousTitleError) as caught:
            index.resolve(title)
        assert len(caught.value.matches) == 2
    for query in ("Apollo 13", "Toy Story", "Home Alone", "The Matrix"):
        assert index.resolve(query) >= 0


def test_five_near_titles_are_suggested() -> None:
    index = ItemIndex(range(8), [f"Rocky {k}" for k in range(2, 10)])
    with pytest.raises(ItemNotFoundError) as caught:
        index.resolve("Rockx 7")
    assert len(caught.value.suggestions) == 5
    assert caught.value.suggestions[0] == "Rocky 7"


def test_whole_numbers_in_a_list_are_int64() -> None:
    assert ItemIndex([3, 1]).ids.dtype == np.int64
    assert ItemIndex(["3", "1"]).ids.tolist() == ["3", "1"]
