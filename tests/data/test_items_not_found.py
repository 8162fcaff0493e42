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
