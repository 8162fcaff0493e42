"""The Dask client that a fit uses."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["current_client", "parts_for"]


def current_client() -> Any:
    """The client that was made last in this process.

    Raises
    ------
    ImportError
        When Dask is not installed.
    ValueError
        When there is no client.
    """
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise ImportError(
            "backend='dask' needs distributed: pip install 'movieembed[dask]'"
        ) from error
    try:
        return distributed.get_client()
    except ValueError:
        raise ValueError(
            "backend='dask' needs a Dask client: make one first, as client = "
            "distributed.Client(address), or distributed.Client() for workers on this machine"
        ) from None


def parts_for(client: Any) -> int:
    """As many parts as the workers have threads."""
    threads: int = sum(client.nthreads().values())
    return max(1, threads)
