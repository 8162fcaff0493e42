"""How a model that holds fitted items hands questions to them."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from movieembed.model.fitted_items import FittedItems
from movieembed.model.rules import Rules

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=Any)
RULES = {field.name for field in fields(Rules)}


class Fitted(Generic[T]):
    """An attribute that the fitted items have; the model has none before a fit."""

    def __init__(self, field: str) -> None:
        self.field = field

    def __get__(self, model: Any, owner: Any) -> T:
        if model is None:
            return self  # type: ignore[return-value]
        if model._fitted is None:
            raise AttributeError(f"this {owner.__name__} is not fitted yet: call fit first")
        value: T = getattr(model._fitted_items(), self.field)
        return value

    def __set__(self, model: Any, value: T) -> None:
        changed: dict[str, Any] = {self.field: value}
        model._fitted = replace(model._fitted_items(), **changed)


def question(
    function: Callable[Concatenate[FittedItems, P], T],
) -> Callable[Concatenate[Any, P], T]:
    """Turn a function of fitted items into a method of the model that holds them."""

    @functools.wraps(function, assigned=("__name__", "__doc__"))
    def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return function(self._fitted_items(), *args, **kwargs)

    return _as_method(method, function)


def successor(
    function: Callable[Concatenate[FittedItems, P], FittedItems],
) -> Callable[Concatenate[M, P], M]:
    """Turn a function from fitted items to others into a method that gives a model of those."""

    @functools.wraps(function, assigned=("__name__", "__doc__"))
    def method(self: M, /, *args: P.args, **kwargs: P.kwargs) -> M:
        model = copy.copy(self)
        model._fitted = function(self._fitted_items(), *args, **kwargs)
        model._forget_columns(len(model._fitted))
        return model

    return _as_method(method, function)


def _as_method(method: T, function: Callable[..., Any]) -> T:
    """Show a method with the parameters of the function that it calls."""
    signature = inspect.signature(function)
    _, *rest = signature.parameters.values()
    if rest and rest[-1].name == "rules":
        rest[-1:] = list(inspect.signature(Rules, eval_str=True).parameters.values())
        rest = [p.replace(kind=p.KEYWORD_ONLY) if p.name in RULES else p for p in rest]
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    vars(method)["__signature__"] = signature.replace(parameters=[this, *rest])
    return method
