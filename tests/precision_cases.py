"""Dense references of the precision form and of EASE."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

LAMBDA = 3.0
# The recommender of the exercise's own X: its vectors are the embedding.
UNWEIGHTED: dict[str, Any] = {"recommend_weighting": 0, "regularization_power": 0}


def dense_precision(V: Any, squares: Any, value: float) -> NDArray[np.float64]:
    V = np.asarray(V, dtype=np.float64)
    D = np.maximum(squares - (V**2).sum(axis=1), 0) + value
    return np.linalg.inv(V @ V.T + np.diag(D))


def dense_weights(P: NDArray[np.float64]) -> NDArray[np.float64]:
    """EASE's B: -P_ij / P_jj, 0 on the diagonal."""
    B = -P / np.diag(P)
    np.fill_diagonal(B, 0)
    return B


def ease(L: Any, value: float) -> NDArray[np.float64]:
    A = L.toarray().astype(np.float64)
    return dense_weights(np.linalg.inv(A.T @ A + value * np.eye(A.shape[1])))


def inverse_gram(
    A: NDArray[np.float64],
) -> Callable[[float], tuple[NDArray[Any], NDArray[Any]]]:
    """What gives A P and the diagonal of P = (A'A + lambda I)^-1 for a lambda.

    A P is (AA' + lambda I)^-1 A, and A'(AA' + lambda I)^-1 A is I - lambda P, so the eigenvectors
    of the users' AA' = U diag(w) U' serve every lambda.
    """
    w, U = np.linalg.eigh(A @ A.T)
    UA = U.T @ A
    squares = UA**2

    def at(value: float) -> tuple[NDArray[Any], NDArray[Any]]:
        inverse = 1 / (w + value)
        return (U * inverse) @ UA, (1 - inverse @ squares) / value

    return at


def ranking(scores: NDArray[Any], left_out: Any, n: int) -> list[int]:
    allowed = np.setdiff1d(np.arange(len(scores)), left_out)
    return allowed[np.argsort(-scores[allowed], kind="stable")][:n].tolist()
