"""Whole fits of backend="cuda", on arrays that behave like a device's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import movieembed as me
from device_arrays import HostDevice
from movieembed.backends.cuda import device as cuda_device_module
from movieembed.likes import Likes
from movieembed.solvers import SOLVERS
from reference_kernels import ReferenceKernels

FLOATS = ("float32", "float64")
# Descents end where their decreases do: not at the last digit.
TOLERANCES = {"gd": 1e-7, "momentum": 1e-7, "adam": 1e-7}


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> HostDevice:
    """What stands for the GPU in a fit."""
    stand_in = HostDevice(ReferenceKernels())
    monkeypatch.setattr(cuda_device_module, "cuda_device", lambda: stand_in)
    return stand_in


def pair_of_fits(L: Any, **parameters: Any) -> tuple[me.MovieEmbedding, me.MovieEmbedding]:
    models = [
        me.MovieEmbedding(random_state=0, backend=backend, **parameters).fit(L)
        for backend in ("cuda", "cpu")
    ]
    return models[0], models[1]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers_reach_the_cost_that_the_cpu_reaches(
    solver: str, dtype: str, small_likes: Likes, device: HostDevice
) -> None:
    tol = TOLERANCES.get(solver, 1e-8)
    there, here = pair_of_fits(small_likes, n_components=10, solver=solver, dtype=dtype, tol=tol)
    print(solver, dtype, there.n_iter_, here.n_iter_, there.cost_, here.cost_, there.history_.seconds.iloc[-1], here.history_.seconds.iloc[-1], there.regularization_, here.regularization_)
    assert there.embedding_.dtype == np.dtype(dtype)
    assert there.converged_
    within = 1e-6 if dtype == "float64" else 1e-5
    assert there.cost_ == pytest.approx(here.cost_, rel=within)
    assert there.regularization_ == pytest.approx(here.regularization_, rel=1e-3)
