"""A small fit with a well separated optimum, for tests of the model."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from movieembed import MovieEmbedding


def tastes(n_users: int, n_items: int, seed: int) -> sp.csr_array:
    """Users of three tastes, half of them of the first: a well separated optimum, found by all."""
    rng = np.random.default_rng(seed)
    taste = np.array([0, 0, 0, 1, 1, 2])[np.arange(n_users) % 6]
    likely = np.where(np.arange(n_items) % 3 == taste[:, None], 0.7, 0.15)
    return sp.csr_array((rng.random((n_users, n_items)) < likely).astype(np.float32))


# Eigenvalues 155, 53 and 32 at the optimum: well apart, so that the axes are well determined.
L0 = tastes(90, 15, 0)


def fit(L: Any = L0, d: int = 3, **parameters: Any) -> MovieEmbedding:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MovieEmbedding(d, **{"random_state": 0, **parameters}).fit(L)
