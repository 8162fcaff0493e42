"""Messages that know which parameters they name."""

from __future__ import annotations

import copy

from helpers import unpickled
from movieembed._base.message import Message, Parameter


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
