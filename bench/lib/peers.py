"""Recommenders of other libraries, each fitted on likes: given rows and n, the n best columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

import movieembed as me
from movieembed import evaluation as ev

# Items up to which dense EASE is made.
MOST_DENSE = 12_000


def ranked(scores_of: Any, block: int = 256) -> ev.baselines.Recommend:
    """Lists by scores of blocks of rows, what is given left out."""

    def recommend(given: Any, n: int) -> Any:
        found = []
        for start in range(0, given.shape[0], block):
            rows = sp.csr_array(given[start : start + block])
            scores = np.array(scores_of(rows), dtype=np.float32)
            scores[
                np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr)), rows.indices
            ] = -np.inf
            best = np.argpartition(-scores, n, axis=1)[:, :n]
            order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
            found.append(np.take_along_axis(best, order, 1))
        return np.concatenate(found)

    return recommend


def truncated_svd(likes: me.Likes, n_components: int) -> ev.baselines.Recommend:
    """PureSVD (Cremonesi, Koren and Turrin 2010): a row's projection onto the right vectors."""
    from sklearn.decomposition import TruncatedSVD

    svd = TruncatedSVD(n_components, n_iter=5, random_state=0)
    svd.fit(likes.matrix.astype(np.float32))
    V = svd.components_.astype(np.float32)
    return ranked(lambda rows: (rows @ V.T) @ V)


def bpr(
    likes: me.Likes, factors: int, learning_rate: float, iterations: int
) -> ev.baselines.Recommend:
    """Bayesian personalised ranking of implicit; for people of the training part alone."""
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    model = BayesianPersonalizedRanking(
        factors=factors,
        learning_rate=learning_rate,
        iterations=iterations,
        random_state=0,
        num_threads=2,
    )
    matrix = sp.csr_matrix(likes.matrix.astype(np.float32))
    model.fit(matrix, show_progress=False)
    # A person is known again by their likes, and met first where some like the same.
    places: dict[bytes, int] = {}
    for user in range(matrix.shape[0]):
        places.setdefault(_of_row(matrix, user), user)

    def scores(rows: sp.csr_array) -> Any:
        at = [places[_of_row(rows, i)] for i in range(rows.shape[0])]
        return model.user_factors[at] @ model.item_factors.T

    return ranked(scores)


def _of_row(matrix: Any, row: int) -> bytes:
    some = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
    return np.sort(some).astype(np.int64).tobytes()


def elsa(likes: me.Likes, n_dims: int, epochs: int) -> ev.baselines.Recommend:
    """ELSA (Vancura et al., RecSys 2022) from the package elsarec."""
    import torch
    from elsa import ELSA as ElsaModel  # noqa: N811

    torch.manual_seed(0)
    used = np.flatnonzero(likes.item_counts)
    rows = likes.matrix[:, used].toarray().astype(np.float32)
    model = ElsaModel(n_items=len(used), device=torch.device("cpu"), n_dims=n_dims)
    model.fit(rows, batch_size=128, epochs=epochs, shuffle=True, verbose=False)

    def scores(given: sp.csr_array) -> Any:
        x = given[:, used].toarray().astype(np.float32)
        found = np.full(given.shape, -np.inf, dtype=np.float32)
        found[:, used] = model.predict(x, batch_size=256).cpu().numpy()
        return found

    return ranked(scores)


def sansa(likes: me.Likes, l2: float, density: float) -> ev.baselines.Recommend:
    """SANSA (Spisak et al., RecSys 2023): a sparse approximate inverse in EASE's place."""
    from sansa import (
        SANSA,
        ICFGramianFactorizerConfig,
        SANSAConfig,
        UMRUnitLowerTriangleInverterConfig,
    )

    config = SANSAConfig(
        l2=l2,
        weight_matrix_density=density,
        gramian_factorizer_config=ICFGramianFactorizerConfig(),
        lower_triangle_inverter_config=UMRUnitLowerTriangleInverterConfig(),
    )
    model = SANSA(config)
    used = np.flatnonzero(likes.item_counts)  # an item without likes is an error there
    model.fit(sp.csr_matrix(likes.matrix[:, used].astype(np.float32)))
    first, second = (sp.csr_array(w) for w in model.weights)

    def scores(given: sp.csr_array) -> Any:
        found = np.full(given.shape, -np.inf, dtype=np.float32)
        found[:, used] = ((given[:, used] @ first) @ second).toarray()
        return found

    return ranked(scores)
