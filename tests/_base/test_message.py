"""Messages that know which parameters they name."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

import movieembed as me
from helpers import unpickled
from movieembed._base.message import Message, Parameter
from movieembed.exceptions import LONGEST_MESSAGE, shortened


def test_a_message_is_text_as_python_spells_it() -> None:
    message = Message("{refine=} and {user=}|; pass {missing=}", refine=1, user=..., missing="drop")
    assert message == "refine=1 and user=...; pass missing='drop'"
    assert str(ValueError(message)) == message
    assert str(Parameter("max_iter")) == "max_iter"


def test_a_message_is_spelled_in_another_way() -> None:
    message = Message("use {solver=}|; pass {missing=}", solver="eigen", missing="drop")
    names = {"solver": "--solver"}
    assert message.spelled(lambda parameter: names.get(parameter.name)) == "use --solver"
    assert message.spelled(lambda parameter: None) == "use solver='eigen'"


def test_a_message_travels_whole() -> None:
    message = Message("use {solver=}|; or {tol}", solver="eigen")
    for other in (copy.deepcopy(message), unpickled(message)):
        assert other == message
        assert other.clauses == message.clauses
    error = unpickled(ValueError(message))
    assert error.args[0].clauses == message.clauses


def test_long_text_keeps_both_its_ends() -> None:
    assert shortened("short") == "short"
    cut = shortened("a" * 500 + "z" * 500)
    assert (len(cut), cut[:97], cut[-97:]) == (199, "a" * 97, "z" * 97)


@pytest.mark.parametrize(
    "fails",
    [
        lambda: me.MovieEmbedding("x" * 10**6).fit([[1, 1]]),
        lambda: me.MovieEmbedding(10**4000).fit([[1, 1]]),
        lambda: me.MovieEmbedding(1, solver="x" * 10**6).fit([[1, 1]]),
        lambda: me.MovieEmbedding(1, learning_rate=list(range(10**5))).fit([[1, 1]]),
        lambda: me.ItemIndex([1], ["Heat"]).resolve("x" * 10**6),
        lambda: me.ItemIndex([1], ["Heat" * 10**4]).resolve("Heat" * (10**4 - 1)),
    ],
)
def test_no_message_is_longer_than_a_screen(fails: Callable[[], object]) -> None:
    with pytest.raises((ValueError, TypeError, LookupError, MemoryError)) as caught:
        fails()
    assert len(str(caught.value)) <= LONGEST_MESSAGE


def test_a_message_with_a_long_value_is_spelled_in_both_ways() -> None:
    message = Message("{keys=} and {other}", keys="k" * 10**6, other="o" * 10**6)
    assert len(message) < LONGEST_MESSAGE
    assert message.startswith("keys='kkk")
    assert message.endswith("ooo")
