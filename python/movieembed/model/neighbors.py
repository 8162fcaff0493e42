"""Exact nearest neighbours of vectors: BLAS for blocks of scores, our kernel for the top k."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import movieembed._core as _core
from movieembed._base.finite import check_finite
from movieembed._base.threads import resolve_n_jobs, serial_blas
from movieembed._base.validation import check_count

Found = tuple[NDArray[np.int64], NDArray[Any]]
"""Positions and scores, (n_queries, k) each, best first; -1 and -inf where there are no more."""

# Work between two looks at Ctrl-C, some tenths of a second, in whole blocks of the kernel for eight
# threads.
BLOCK_FLOPS = 5e10
QUERY_BLOCK = 8 * 768
# Where there are so many candidates an entry, a search among them takes less than a table of items.
FEW = 16


def top_k_neighbors(
    queries: NDArray[Any],
    items: NDArray[Any],
    k: int,
    *,
    metric: Literal["cosine", "dot"] = "cosine",
    exclude: list[NDArray[np.int64]] | sp.csr_array | None = None,
    n_jobs: int | None = None,
) -> Found:
    """The k items with the largest cosine, or dot product, for each query.

    Parameters
    ----------
    queries : ndarray, shape (n_queries, n_components)
        float32 or float64.
    items : ndarray, shape (n_items, n_components)
        The same dtype. A zero row is never returned: it has no direction.
    k : int
        At least 1.
    metric : {"cosine", "dot"}, default="cosine"
    exclude : list of int arrays or csr_array of shape (n_queries, n_items), optional
        For each query the item rows that are not to be returned: listed, or stored in a canonical
        matrix.
    n_jobs : int, optional
        Threads; None and -1 use all cores.

    Returns
    -------
    rows : ndarray of int64, shape (n_queries, k)
        Best first, ties by rising row; -1 where there are no more.
    scores : ndarray, shape (n_queries, k)
        -inf where there are no more.

    Raises
    ------
    TypeError, ValueError
        When the arrays do not fit together or hold NaN or infinity, or k is not a positive integer.

    Notes
    -----
    2 n_queries n_items n_components flops; two megabytes of scores a thread are held beside the
    result.

    Examples
    --------
    >>> import numpy as np
    >>> from movieembed.model.neighbors import top_k_neighbors
    >>> items = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 3.0]])
    >>> top_k_neighbors(items[:1], items, k=2, metric="dot")
    (array([[0, 1]]), array([[1., 1.]]))
    """
    k = check_count(k, "k")
    queries, items = np.asarray(queries), np.asarray(items)
    _check(queries, items, metric, exclude)
    threads = resolve_n_jobs(n_jobs)
    if metric == "cosine":
        queries = unit_rows(queries, threads)
    candidates = Candidates(items)
    if metric == "cosine":
        candidates.vectors = unit_rows(candidates.vectors, threads)
    return candidates.best(queries, k, exclude, threads)


class Candidates:
    """Items that may be found: those with a vector, side by side, for any number of questions.

    Parameters
    ----------
    items : ndarray, shape (n_items, n_components)
        float32 or float64, finite.
    among : ndarray of bool, shape (n_items,), optional
        Which items to take; all by default.
    """

    def __init__(self, items: NDArray[Any], among: NDArray[np.bool_] | None = None) -> None:
        there = embedded(items) if among is None else embedded(items) & among
        self.n_items, self.rows = len(items), np.flatnonzero(there)
        self.vectors: NDArray[Any] = np.ascontiguousarray(items if there.all() else items[there])

    def best(
        self,
        queries: NDArray[Any],
        k: int,
        exclude: list[NDArray[np.int64]] | sp.csr_array | None,
        threads: int,
    ) -> Found:
        """The k largest products with each query; see :func:`top_k_neighbors`."""
        items, candidates = self.vectors, self.rows
        pointers, excluded = _excluded(exclude, len(queries), candidates, self.n_items)
        inner = max(1, min(k, len(candidates)))
        rows, scores = none_found(len(queries), k, items.dtype)
        queries = np.ascontiguousarray(queries)
        block = int(BLOCK_FLOPS / (2 * items.size + 1)) // QUERY_BLOCK * QUERY_BLOCK
        block = max(QUERY_BLOCK, block)
        with serial_blas():
            for start in range(0, len(queries), block):
                stop = min(start + block, len(queries))
                skip = pointers[start : stop + 1]
                out = skip - skip[0], excluded[skip[0] : skip[-1]]
                if stop - start == 1:
                    at, value = _best_of_one(queries[start], items, inner, out, threads)
                else:
                    at, value = _core.top_k_products(
                        queries[start:stop], items, inner, *out, n_threads=threads
                    )
                rows[start:stop, :inner] = np.where(
                    at >= 0, candidates[at] if len(candidates) else -1, -1
                )
                scores[start:stop, :inner] = value
        return rows, scores


def _best_of_one(
    query: NDArray[Any], items: NDArray[Any], k: int, out: tuple[Any, Any], threads: int
) -> Found:
    """As `top_k_products` for one query, whose threads share the items."""
    scores = np.empty((len(items), 1), dtype=items.dtype)
    _core.tall_times_small(items, query[:, None].copy(), scores, False, n_threads=threads)
    check_finite(scores, "the scores")
    return _core.top_k_columns(scores, k, *out, n_threads=threads)


def _check(
    queries: NDArray[Any],
    items: NDArray[Any],
    metric: str,
    exclude: list[NDArray[np.int64]] | sp.csr_array | None,
) -> None:
    """Raise unless the arguments of `top_k_neighbors` fit together."""
    if metric not in ("cosine", "dot"):
        raise ValueError(f"metric must be 'cosine' or 'dot', not {metric!r}")
    for name, array in (("queries", queries), ("items", items)):
        if array.dtype not in (np.float32, np.float64):
            raise TypeError(f"{name} must be float32 or float64, not {array.dtype}")
        if array.ndim != 2:
            raise ValueError(f"{name} must have two dimensions, not {array.ndim}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity")
    if queries.dtype != items.dtype:
        raise TypeError(f"queries are {queries.dtype} but items are {items.dtype}")
    if queries.shape[1] != items.shape[1]:
        raise ValueError(
            f"queries have {queries.shape[1]} components but items have {items.shape[1]}"
        )
    if isinstance(exclude, sp.csr_array):
        if exclude.shape != (len(queries), len(items)):
            raise ValueError(
                f"exclude has shape {exclude.shape} for {len(queries)} queries and {len(items)} "
                "items"
            )
    elif exclude is not None and len(exclude) != len(queries):
        raise ValueError(f"exclude has {len(exclude)} entries for {len(queries)} queries")


def embedded(V: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows are vectors, that is not zero."""
    return np.asarray(V.any(axis=1), dtype=bool)


def none_found(n_queries: int, k: int, dtype: Any) -> Found:
    """Answers without an item, to be filled."""
    rows = np.full((n_queries, k), -1, dtype=np.int64)
    return rows, np.full((n_queries, k), -np.inf, dtype=dtype)


def unit_rows(A: NDArray[Any], n_threads: int = 0) -> NDArray[Any]:
    """Rows of length one; zero rows stay zero.

    Each is first divided by its largest entry, whose square might overflow or vanish.
    """
    largest = np.abs(A).max(axis=1, initial=0, keepdims=True)
    units: NDArray[Any] = np.divide(A, largest, out=np.zeros(A.shape, A.dtype), where=largest > 0)
    lengths = np.sqrt(_core.row_dots(units, units, n_threads=n_threads))[:, None]
    np.divide(units, lengths, out=units, where=lengths > 0, casting="same_kind")
    return units


def _excluded(
    exclude: list[NDArray[np.int64]] | sp.csr_array | None,
    n_queries: int,
    candidates: NDArray[np.int64],
    n_items: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The lists as one, in positions among the candidates, ascending."""
    if isinstance(exclude, sp.csr_array):
        return positions_among(candidates, exclude)
    pointers = np.zeros(n_queries + 1, dtype=np.int64)
    if exclude is None:
        return pointers, np.zeros(0, dtype=np.int64)
    position = _position(candidates, n_items)
    parts = []
    for q, listed in enumerate(exclude):
        listed = np.asarray(listed)
        if listed.ndim != 1 or (listed.size and listed.dtype.kind not in "iu"):
            raise TypeError(f"exclude must list integer rows; for query {q} it is {listed!r}")
        listed = listed.astype(np.int64)
        if listed.size and (listed.min() < 0 or listed.max() >= n_items):
            raise ValueError(f"exclude lists a row outside [0, {n_items}) for query {q}")
        at = position[listed]
        part = np.unique(at[at >= 0])
        parts.append(part)
        pointers[q + 1] = pointers[q] + len(part)
    return pointers, np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def positions_among(
    candidates: NDArray[np.int64], rows: sp.csr_array
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The columns of each row as ascending positions among some columns: pointers, positions."""
    among = rows_among(candidates, rows)
    return among.indptr.astype(np.int64), among.indices.astype(np.int64)


def rows_among(candidates: NDArray[np.int64], rows: sp.csr_array) -> sp.csr_array:
    """Some columns of sparse rows, ascending."""
    if FEW * rows.nnz < len(candidates):
        at = np.searchsorted(candidates, rows.indices)
        kept = candidates[np.minimum(at, len(candidates) - 1)] == rows.indices
    else:
        at = _position(candidates, rows.shape[1])[rows.indices]
        kept = at >= 0
    upto = np.concatenate([[0], np.cumsum(kept)])
    parts = rows.data[kept], at[kept], upto[rows.indptr]
    return sp.csr_array(parts, shape=(rows.shape[0], len(candidates)))


def in_order(columns: NDArray[np.int64], scores: NDArray[Any], n: int) -> Found:
    """Ascending columns as the list of n of one query: best first, ties by rising column."""
    found, best = none_found(1, n, scores.dtype)
    order = np.argsort(-scores, kind="stable")
    found[0, : len(order)], best[0, : len(order)] = columns[order], scores[order]
    return found, best


def _position(candidates: NDArray[np.int64], n_items: int) -> NDArray[np.int64]:
    """Of each item among the candidates; -1 of others."""
    position = np.full(n_items, -1, dtype=np.int64)
    position[candidates] = np.arange(len(candidates))
    return position
