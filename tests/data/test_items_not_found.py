"""What is said of an item that is not there."""

from __future__ import annotations

import re

import pytest

from movieembed.data.items import ById, ItemIndex
from movieembed.exceptions import ItemNotFoundError

IDS, TITLES = [1, 3114], ["Toy Story (1995)", "Toy Story 2 (1999)"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("id:99", "no item has the id '99'; the 2 ids are of type int"),
        ("title:Toy Stroy", "no item is called 'Toy Stroy'; did you mean 'Toy Story (1995)'"),
        (ById(99), "no item has the id 99"),
    ],
)
def test_what_is_not_found_is_named(query: object, words: str) -> None:
    index = ItemIndex(IDS, TITLES)
    assert index.find(query) is None
    with pytest.raises(ItemNotFoundError, match=re.escape(words)):
        index.resolve(query)


# Titles that share more letters with what was typed, or hold it, beside the one that was meant.
MANY = ["Hamlet (1996)", "Heat (1995)", "Up (2009)", "Pulp Fiction (1994)", "Toy Story (1995)"]
MANY += ["Joy (2015)", "The Matrix (1999)", "Maverick (1994)", "Jaws (1975)", "Jaws 2 (1978)"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Haet", "Heat (1995)"),
        ("Hea", "Heat (1995)"),
        ("Hheat", "Heat (1995)"),
        ("Hest", "Heat (1995)"),
        ("Uo", "Up (2009)"),
        ("Hamelt", "Hamlet (1996)"),
        ("Toy", "Toy Story (1995)"),
        ("matrxi", "The Matrix (1999)"),
        ("Jasw", "Jaws (1975)"),
    ],
)
def test_one_slip_is_put_right_first(typed: str, meant: str) -> None:
    with pytest.raises(ItemNotFoundError) as caught:
        ItemIndex(range(len(MANY)), MANY).resolve(typed)
    assert caught.value.suggestions[0] == meant
