"""Arrays and sparse matrices that are on a GPU, told without importing what made them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from movieembed._base.message import Message, Parameter


def is_on_gpu(x: Any) -> bool:
    """Whether x is an array or sparse matrix of CuPy, or has ``__cuda_array_interface__``.

    PyTorch gives its tensors on the host that attribute too, and raises AttributeError on access.
    """
    return _is_of_cupy(x) or hasattr(x, "__cuda_array_interface__")


def _is_of_cupy(x: Any) -> bool:
    return any(base.__module__.partition(".")[0] in ("cupy", "cupyx") for base in type(x).__mro__)


def of_cupy(x: Any) -> Any:
    """What is on a GPU as an array or matrix of CuPy, without a copy."""
    return x if _is_of_cupy(x) else import_cupy("an array on a GPU").asarray(x)


def on_host(x: Any) -> Any:
    """X itself, or its copy on the host where it is on a GPU."""
    return of_cupy(x).get() if is_on_gpu(x) else x


def on_gpu_of(x: Any) -> AbstractContextManager[Any]:
    """Make the GPU that holds x the current one for a while; any will do for what is elsewhere."""
    if not is_on_gpu(x):
        return nullcontext()
    there = of_cupy(x)
    # CuPy's sparse matrices do not say where they are; their values do.
    array = there if hasattr(there, "__cuda_array_interface__") else there.data
    device: AbstractContextManager[Any] = array.device
    return device


# They share one folder, so that of two in one environment each has lost files to the other.
CUPY_PACKAGES = ("cupy", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x")


def import_cupy(wanted_by: str | Parameter) -> Any:
    """CuPy, or an ImportError that says what needs it and how to install it."""
    packages = [name for name in CUPY_PACKAGES if _is_installed(name)]
    if len(packages) > 1:
        what = "{wanted_by} needs one CuPy, and there are {packages}: pip uninstall all, then "
        what += "pip install 'movieembed[cuda12]' or 'movieembed[cuda13]'"
        raise ImportError(Message(what, wanted_by=wanted_by, packages=" and ".join(packages)))
    try:
        return import_module("cupy")
    except ImportError as error:
        what = "{wanted_by} needs CuPy (pip install 'movieembed[cuda12]' or, for CUDA 13, "
        what += "'movieembed[cuda13]'), which does not load: {why}"
        raise ImportError(Message(what, wanted_by=wanted_by, why=first_line(error))) from error


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def first_line(error: BaseException) -> str:
    """The first line of a message that says something."""
    lines = [line.strip(" =") for line in str(error).splitlines()]
    return next((line for line in lines if line), type(error).__name__)
