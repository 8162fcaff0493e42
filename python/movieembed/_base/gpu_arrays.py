"""Arrays and sparse matrices that are on a GPU, told without importing what made them."""

from __future__ import annotations

from typing import Any

__all__ = ["is_on_gpu", "on_host"]


def is_on_gpu(x: Any) -> bool:
    """Whether x is an array or sparse matrix of CuPy, or has ``__cuda_array_interface__``.

    PyTorch gives its tensors on the host that attribute too, and raises AttributeError on access.
    """
    return type(x).__module__.partition(".")[0] == "cupyx" or hasattr(x, "__cuda_array_interface__")


def on_host(x: Any) -> Any:
    """X itself, or its copy on the host where it is on a GPU."""
    if not is_on_gpu(x):
        return x
    if hasattr(x, "get"):  # CuPy's own
        return x.get()
    from movieembed.operators.cuda.device import cuda_device

    return cuda_device().xp.asarray(x).get()
