"""Properties that are computed once, without a lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class derived(Generic[T]):  # noqa: N801
    """A property that is computed when it is first asked for, and kept.

    Two threads that ask at once may both compute it and get the same object. Python 3.11's
    `cached_property` has a lock for all instances, on which a forked child would wait for ever.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __get__(self, instance: Any, owner: Any) -> T:
        if instance is None:
            return self  # type: ignore[return-value]
        value: T = vars(instance).setdefault(self.compute.__name__, self.compute(instance))
        return value
