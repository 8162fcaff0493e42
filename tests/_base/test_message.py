"""Messages that know which parameters they name."""

from __future__ import annotations

import copy
import pickle

from movieembed._base.message import Message, Parameter


def test_a_message_is_text_as_python_spells_it() -> None:
    clause = ("; pass ", Parameter("missing", "drop"))
    message = Message(Parameter("refine", 1), " and ", Parameter("user", ...), clause)
    assert message == "refine=1 and user=...; pass missing='drop'"
    assert str(ValueError(message)) == message
    assert str(Parameter("max_iter")) == "max_iter"


def test_a_message_is_spelled_in_another_way() -> None:
    clause = ("; pass ", Parameter("missing", "drop"))
    message = Message("use ", Parameter("solver", "eigen"), clause)
    names = {"solver": "--solver"}
    assert message.spelled(lambda parameter: names.get(parameter.name)) == "use --solver"
    assert message.spelled(lambda parameter: None) == "use solver='eigen'"


def test_a_message_travels_whole() -> None:
    message = Message("use ", Parameter("solver", "eigen"), ("; or ", Parameter("tol")))
    for other in (copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert other == message
        assert other.parts == message.parts
    error = pickle.loads(pickle.dumps(ValueError(message)))
    assert error.args[0].parts == message.parts
