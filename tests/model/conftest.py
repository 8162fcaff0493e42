from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

import movieembed as me
from helpers import random_likes
from precision_cases import LAMBDA, UNWEIGHTED


@pytest.fixture(scope="module")
def likes() -> sp.csr_array:
    L = random_likes(120, 40, 0.25, seed=0)
    return sp.csr_array(L[np.diff(L.indptr) >= 2])


@pytest.fixture(scope="module")
def model(likes: sp.csr_array) -> me.MovieEmbedding:
    return me.MovieEmbedding(6, random_state=0, regularization=LAMBDA, **UNWEIGHTED).fit(likes)
