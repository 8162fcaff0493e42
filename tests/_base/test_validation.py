"""Checks of parameters: what is allowed, what is not, and how the errors read."""

from __future__ import annotations

import copy
import os
from fractions import Fraction
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers import unpickled
from movieembed._base.validation import (
    InstanceOf,
    Interval,
    OneOf,
    as_generator,
    check_count,
    check_embedding,
    check_integer,
    check_parameter,
    check_parameters,
    check_real,
    check_threshold,
)
from movieembed.exceptions import ParameterError, ParameterTypeError

COUNT = [Interval(Integral, 1)]
MOMENTUM = [Interval(Real, 0, 1, closed="left")]
RATE = [Interval(Real, 0, closed="neither"), OneOf("exact")]
POWER = [Interval(Real, 0, 2)]
SHARE = [Interval(Real, 0, 1, closed="right")]
ANY_NUMBER = [Interval(Real), None]
SOLVER = [OneOf("als", "eigen")]
DTYPE = [OneOf("float32", "float64", np.float32, np.float64, name="float32 or float64")]
ENTRIES = [None, OneOf("log1p", "ppmi")]
PATH = [InstanceOf(str, os.PathLike, name="a path"), None]


@pytest.mark.parametrize(
    ("allowed", "value"),
    [
        (COUNT, 1),
        (COUNT, np.uint8(3)),
        (COUNT, 10**400),
        (MOMENTUM, 0),
        (MOMENTUM, np.float32(0.5)),
        (MOMENTUM, Fraction(1, 2)),
        (RATE, 1e-300),
        (RATE, "exact"),
        (POWER, 2),
        (SHARE, 1.0),
        (ANY_NUMBER, -3),
        (ANY_NUMBER, None),
        (SOLVER, "als"),
        (SOLVER, np.str_("als")),
        (DTYPE, "float32"),
        (DTYPE, np.float64),
        (DTYPE, np.dtype("float32")),
        (ENTRIES, None),
        (ENTRIES, "ppmi"),
        (PATH, "a.npz"),
        (PATH, Path("a.npz")),
        ([bool], np.False_),
        ([callable, None], print),
        ([callable, None], None),
    ],
)
def test_allowed(allowed: list[Any], value: Any) -> None:
    check_parameter(value, "p", *allowed)


@pytest.mark.parametrize(
    ("allowed", "value", "error", "message"),
    [
        (COUNT, 0, ParameterError, "p must be at least 1, not 0"),
        (COUNT, np.int64(-3), ParameterError, "p must be at least 1, not -3"),
        (COUNT, 2.0, ParameterTypeError, "p must be an integer, not 2.0"),
        (COUNT, True, ParameterTypeError, "p must be an integer, not True"),
        (COUNT, None, ParameterTypeError, "p must be an integer, not None"),
        (MOMENTUM, 1, ParameterError, "p must be in [0, 1), not 1"),
        (MOMENTUM, -0.1, ParameterError, "p must be in [0, 1), not -0.1"),
        (MOMENTUM, np.nan, ParameterError, "p must be in [0, 1), not nan"),
        (MOMENTUM, "0.9", ParameterTypeError, "p must be a number, not '0.9'"),
        (RATE, 0, ParameterError, "p must be in (0, inf), not 0"),
        (RATE, np.inf, ParameterError, "p must be in (0, inf), not inf"),
        (RATE, "auto", ParameterError, "p must be a number or 'exact', not 'auto'"),
        (RATE, None, ParameterTypeError, "p must be a number or 'exact', not None"),
        (RATE, True, ParameterTypeError, "p must be a number or 'exact', not True"),
        (RATE, [0.1], ParameterTypeError, "p must be a number or 'exact', not [0.1]"),
        (POWER, 2.1, ParameterError, "p must be in [0, 2], not 2.1"),
        (SHARE, 0.0, ParameterError, "p must be in (0, 1], not 0.0"),
        (ANY_NUMBER, -np.inf, ParameterError, "p must be finite, not -inf"),
        (ANY_NUMBER, 1j, ParameterTypeError, "p must be a number or None, not 1j"),
        (SOLVER, "sgd", ParameterError, "p must be one of 'als', 'eigen', got 'sgd'"),
        (SOLVER, None, ParameterError, "p must be one of 'als', 'eigen', got None"),
        (SOLVER, ["als"], ParameterError, "p must be one of 'als', 'eigen', got ['als']"),
        (DTYPE, int, ParameterError, "p must be float32 or float64, got <class 'int'>"),
        (DTYPE, None, ParameterError, "p must be float32 or float64, got None"),
        (ENTRIES, "log", ParameterError, "p must be None or one of 'log1p', 'ppmi', got 'log'"),
        (PATH, 3, ParameterTypeError, "p must be a path or None, not 3"),
        ([bool], 1, ParameterTypeError, "p must be true or false, not 1"),
        ([callable, None], 3, ParameterTypeError, "p must be callable or None, not 3"),
        (
            [*COUNT, OneOf("auto"), None],
            1.5,
            ParameterTypeError,
            "p must be an integer, 'auto' or None, not 1.5",
        ),
    ],
)
def test_refused(allowed: list[Any], value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        check_parameter(value, "p", *allowed)
    assert str(caught.value) == message
    assert caught.value.parameter == "p"  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [np.array(["als"]), pd.Series(["als", "eigen"])], ids=type)
def test_arrays_are_no_options(value: Any) -> None:
    with pytest.raises(ParameterError, match="one of"):
        check_parameter(value, "p", *SOLVER)


def test_parameters_are_checked_in_the_order_of_their_constraints() -> None:
    constraints = {"solver": SOLVER, "n": COUNT}
    check_parameters(constraints, {"n": 2, "solver": "als", "other": object()})
    with pytest.raises(ParameterError, match=r"^solver must be") as caught:
        check_parameters(constraints, {"n": 0, "solver": "sgd"})
    assert caught.value.parameter == "solver"
    with pytest.raises(ParameterError, match=r"^n must be"):
        check_parameters(constraints, {"n": 0, "solver": "als"})


@pytest.mark.parametrize("kind", [ParameterError, ParameterTypeError])
def test_errors_keep_their_parameter_when_copied(kind: type[Exception]) -> None:
    assert issubclass(kind, ValueError if kind is ParameterError else TypeError)
    error = kind("n must be at least 1, not 0", "n")
    for other in (unpickled(error), copy.copy(error)):
        assert type(other) is kind
        assert (str(other), other.parameter) == (str(error), "n")


def test_single_checks_return_plain_numbers() -> None:
    for value in (2, np.int8(2), np.uint64(2)):
        for got in (check_count(value, "k"), check_integer(value, "k")):
            assert type(got) is int
            assert got == 2
    for got in (check_real(np.float32(0.5), "x", low=0), check_threshold(np.float32(0.5))):
        assert type(got) is float
        assert got == 0.5
    assert check_integer(0, "k") == 0
    assert check_threshold(None) is None


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: check_count(0, "k"), "k must be at least 1, not 0"),
        (lambda: check_integer(-1, "k"), "k must be at least 0, not -1"),
        (lambda: check_real(0, "x", low=0, open_low=True), r"x must be in \(0, inf\), not 0"),
        (lambda: check_real(3, "x", low=0, high=2), r"x must be in \[0, 2\], not 3"),
        (lambda: check_real(-1, "x", low=0), r"x must be in \[0, inf\), not -1"),
        (lambda: check_threshold(np.nan), "threshold must be finite, not nan"),
        (lambda: as_generator(-1), "random_state must be at least 0, not -1"),
        (lambda: check_embedding(np.ones(3), 3), "V must have two dimensions"),
        (lambda: check_embedding(np.ones((2, 3)), 3), r"2 rows for 3 items; .* pass V\.T"),
        (lambda: check_embedding(np.ones((2, 1)), 3, "init"), "init has 2 rows for 3 items$"),
        (lambda: check_embedding([[np.inf]], 1), "V holds NaN or infinity"),
    ],
)
def test_messages_of_single_checks(check: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        check()
    assert str(caught.value).startswith(caught.value.parameter)


def test_embeddings() -> None:
    V = np.ones((3, 2), dtype=np.float32)
    assert check_embedding(V, 3) is V
    assert check_embedding(V.T, 2).flags.c_contiguous
    assert check_embedding([[1, 2]], 1).dtype == np.float64
    with pytest.raises(ParameterTypeError, match="init must be an array of real numbers"):
        check_embedding(np.ones((3, 2), dtype=complex), 3, "init")


def test_generators() -> None:
    generator = np.random.default_rng(3)
    assert as_generator(generator) is generator
    assert as_generator(np.int64(3)).random() == np.random.default_rng(3).random()
    state = np.random.RandomState(3)
    assert as_generator(state).random() != as_generator(state).random()
    with pytest.raises(ParameterTypeError, match="random_state must be an integer, a Generator"):
        as_generator("seed")
