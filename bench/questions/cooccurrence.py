"""How long does the exact co-occurrence matrix take, and its k largest entries a row?

    python -m bench.questions.cooccurrence --data FOLDER

X = L'L off its diagonal, all of it, against SciPy's `L.T @ L` in float32 and int32. SciPy gets its
own CSR of L' beforehand, may keep the diagonal and leave the columns of a row unsorted; the package
starts from the likes and returns counts, sorted, without the diagonal. MKL's gram computes the
upper triangle alone. Top k against sparse_dot_topn, which keeps the k + 1 largest of L'L, the
diagonal among them.

Prediction: the multiply-adds, the sum over users of (number of likes)^2, are few beside the 6
million entries to write; where these are comes from the union of users' bitsets. A quarter of
SciPy's time, although the entries are wider. Top k without X adds 32 pairs at a time: a third of
sparse_dot_topn's time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

import movieembed as me
from bench.lib.floor import cores
from bench.lib.harness import (
    Contender,
    Question,
    available,
    load_likes,
    loadable,
    parser,
    run_questions,
)


def multiply_adds(likes: me.Likes) -> float:
    """Of L'L: the sum over users of (number of likes)^2."""
    lengths = np.diff(likes.matrix.indptr).astype(np.float64)
    return float(lengths @ lengths)


def described(X: Any) -> str:
    return f"{X.nnz:,} entries, {X.data.dtype}, indices {X.indices.dtype}"


def check_same_matrix(results: dict[str, Any]) -> None:
    """Every matrix against the first, entry by entry, off the diagonal."""
    (_, first), *others = results.items()
    assert first.has_canonical_format
    assert first.diagonal().sum() == 0
    for name, other in others:
        other = sp.csr_array(other).astype(np.int64)
        if "upper triangle" in name:
            other = sp.csr_array(sp.triu(other, 1) + sp.triu(other, 1).T)
        other.setdiag(0)
        other.eliminate_zeros()
        other.sort_indices()
        same = (
            np.array_equal(first.indptr, other.indptr)
            and np.array_equal(first.indices, other.indices)
            and np.array_equal(first.data, other.data)
        )
        if not same:
            raise RuntimeError(f"X of {name} is another matrix")


def matrix_question(likes: me.Likes) -> Question:
    def scipy_way(dtype: str) -> Contender:
        L = likes.matrix.astype(dtype)
        Lt = L.T.tocsr()
        return Contender(
            f"SciPy L.T @ L, {dtype}",
            lambda: Lt @ L,
            flops=flops,
            moved=entries * (4 + np.dtype(dtype).itemsize),
            runs=3,
            note=described,
        )

    flops = 2 * multiply_adds(likes)
    entries = me.cooccurrence(likes).nnz
    bytes_written = entries * (4 + 8)
    contenders = [
        Contender(name, run, flops=flops, moved=bytes_written, runs=3, note=described)
        for name, run in (
            ("movieembed", lambda: me.cooccurrence(likes)),
            ("movieembed, n_jobs=1", lambda: me.cooccurrence(likes, n_jobs=1)),
        )
    ]
    contenders += [scipy_way("float32"), scipy_way("int32")]

    def tidied() -> Any:
        X = Lt @ L
        X.setdiag(0)
        X.eliminate_zeros()
        X.sort_indices()
        return X

    L = likes.matrix.astype(np.float32)
    Lt = L.T.tocsr()
    contenders.append(
        Contender(
            "SciPy, float32, without diagonal and sorted",
            tidied,
            flops=flops,
            moved=entries * (4 + 4),
            runs=3,
            note=described,
        )
    )
    L32 = sp.csr_matrix(L)

    def mkl_way() -> Any:
        from sparse_dot_mkl import gram_matrix_mkl

        return gram_matrix_mkl(L32)

    contenders.append(
        Contender(
            "MKL gram (sparse_dot_mkl), upper triangle, float32",
            mkl_way,
            flops=flops / 2,
            moved=entries * (4 + 4) / 2,
            runs=3,
            note=described,
            missing=loadable("sparse_dot_mkl"),
        )
    )
    return Question("all of X", contenders, check_same_matrix, rounds=8)


def top_k_question(likes: me.Likes, k: int) -> Question:
    def rival(threads: int) -> Any:
        from sparse_dot_topn import sp_matmul_topn

        return sp_matmul_topn(Lt, L, top_n=k + 1, sort=True, n_threads=threads)

    def values(result: Any) -> np.ndarray:
        """The k largest values of each row off the diagonal, falling, padded with zeros.

        X_ii = c_i is at least every X_ij, so it is the first of the k + 1, or equals it.
        """
        if isinstance(result, tuple):
            return result[1]
        out = np.zeros((likes.n_items, k + 1))
        counts = np.diff(result.indptr)
        rows = np.repeat(np.arange(likes.n_items), counts)
        places = np.arange(result.nnz) - np.repeat(result.indptr[:-1], counts)
        out[rows, places] = result.data
        return -np.sort(-out, axis=1)[:, 1:]

    def check(results: dict[str, Any]) -> None:
        """All values against those of the whole of X; the columns must hold these values."""
        X = me.cooccurrence(likes)
        (_, (columns, ours)), *_ = results.items()
        rows = np.repeat(np.arange(likes.n_items), k)[columns.ravel() >= 0]
        there = columns.ravel()[columns.ravel() >= 0]
        if not np.array_equal(X.tocsr()[rows, there], ours.ravel()[columns.ravel() >= 0]):
            raise RuntimeError("top-k columns and values do not belong together")
        dense = X.toarray()
        expected = -np.sort(-dense, axis=1)[:, :k]
        for name, result in results.items():
            if not np.array_equal(values(result), expected):
                raise RuntimeError(f"{name}: the {k} largest values of a row are others")

    L = sp.csr_matrix(likes.matrix.astype(np.float32))  # it takes no csr_array
    Lt = L.T.tocsr()
    flops = 2 * multiply_adds(likes)
    contenders = [
        Contender("movieembed", lambda: me.cooccurrence_top_k(likes, k), flops=flops, runs=3),
        Contender(
            "movieembed, n_jobs=1",
            lambda: me.cooccurrence_top_k(likes, k, n_jobs=1),
            flops=flops,
            runs=3,
        ),
    ]
    for threads in sorted({1, cores()}):
        contenders.append(
            Contender(
                f"sparse_dot_topn, float32, n_threads={threads}",
                lambda threads=threads: rival(threads),
                flops=flops,
                runs=3,
                missing=available("sparse_dot_topn"),
            )
        )
    return Question(f"top {k} a row", contenders, check, rounds=8)


def main() -> None:
    args = parser(__doc__).parse_args()
    likes = load_likes(args)
    questions = [matrix_question(likes), *(top_k_question(likes, k) for k in (10, 100))]
    run_questions(args, questions)


if __name__ == "__main__":
    main()
