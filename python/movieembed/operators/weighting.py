"""How X is made of the likes: counts, scaled or weighted counts, or changed entry by entry.

Item scaling and user weighting act on the rows and columns of L, so that X = L'L needs no forming;
a change of single entries needs X itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import holds_ones
from movieembed._base.memory import memory
from movieembed._base.message import Message
from movieembed._base.validation import check_real
from movieembed.operators.cooccurrence_matrix import cooccurrence_within
from movieembed.operators.units import (
    divided,
    row_sums,
    unit_of_columns,
    unit_of_rows,
    unit_of_shared,
)

ENTRIES = ("log1p", "ppmi")
NAMED = {"cosine": 1.0, "inverse": 1.0}


@dataclass(frozen=True)
class Weighting:
    """How X is made of the likes.

    Parameters
    ----------
    item_scaling : float
        alpha: X is S L'WL S off its diagonal with S = diag(c)^(-alpha / 2), c the diagonal of L'WL.
        1 makes X_ij the cosine of the columns of items i and j.
    user_weighting : float
        beta: W = diag(n)^(-beta), n_u the sum of squares of user u's row, the number of likes.
        1 lets every user add the same to c.
    entries : {None, "log1p", "ppmi"}
        Of the entries of X: log(1 + X_ij), or max(0, log(X_ij T / (r_i r_j))) with row sums r and
        total T (positive pointwise mutual information; Levy & Goldberg, NeurIPS 2014).
    """

    item_scaling: float = 0.0
    user_weighting: float = 0.0
    entries: str | None = None

    @classmethod
    def of(cls, item_scaling: Any, user_weighting: Any, entries: Any) -> Weighting:
        """Check what an estimator was given; "cosine" and "inverse" stand for 1."""
        powers = []
        for name, value, word in (
            ("item_scaling", item_scaling, "cosine"),
            ("user_weighting", user_weighting, "inverse"),
        ):
            if isinstance(value, str) and value == word:
                value = NAMED[word]
            if isinstance(value, str):
                raise TypeError(f"{name} must be a number or {word!r}, not {value!r}")
            powers.append(check_real(value, name, low=0.0, high=2.0))
        if entries is not None and entries not in ENTRIES:
            raise ValueError(f"entry_weighting must be None, 'log1p' or 'ppmi', not {entries!r}")
        if entries is not None and any(powers):
            what = "{entry_weighting} and {item_scaling} or {user_weighting} exclude each other"
            raise ValueError(Message(what))
        return cls(powers[0], powers[1], entries)

    def user_roots(self, matrix: sp.csr_array) -> NDArray[np.float64] | None:
        """The diagonal of W^(1/2), or None where it is one."""
        if not self.user_weighting:
            return None
        if holds_ones(matrix.data):
            return _power(np.diff(matrix.indptr).astype(np.float64), -self.user_weighting / 2)
        units = unit_of_rows(matrix)  # squares could overflow or vanish
        weights = matrix.data / np.repeat(units, np.diff(matrix.indptr))
        roots = _power(row_sums(matrix, weights**2), -self.user_weighting / 2)
        return np.asarray(roots * units**-self.user_weighting)

    def item_scale(
        self, matrix: sp.csr_array, roots: NDArray[np.float64] | None
    ) -> NDArray[np.float64] | None:
        """The diagonal of S, or None where it is one."""
        if not self.item_scaling:
            return None
        weights = self._weights(matrix, roots)
        units = unit_of_columns(weights, matrix)
        if units is None:
            return self.scale_of(self.item_squares(matrix, roots))
        weights /= units[matrix.indices]
        c: NDArray[Any] = np.bincount(matrix.indices, weights=weights**2, minlength=matrix.shape[1])
        return self.scale_of(c) * units**-self.item_scaling

    def item_squares(
        self, matrix: sp.csr_array, roots: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """The diagonal of L'WL; that of rows in parts is the sum of the parts'."""
        weights = self._weights(matrix, roots)
        c: NDArray[Any] = np.bincount(matrix.indices, weights=weights**2, minlength=matrix.shape[1])
        return c

    def _weights(
        self, matrix: sp.csr_array, roots: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """The entries of W^(1/2) L."""
        weights: NDArray[np.float64]
        if roots is None:
            weights = matrix.data.astype(np.float64)
        else:
            weights = np.repeat(roots, np.diff(matrix.indptr))
            if not holds_ones(matrix.data):
                weights *= matrix.data
        return weights

    def scale_of(self, squares: NDArray[np.float64]) -> NDArray[np.float64]:
        """The diagonal of S from that of L'WL."""
        return _power(squares, -self.item_scaling / 2)

    def scaled(
        self,
        matrix: sp.csr_array,
        roots: NDArray[np.float64] | None,
        scale: NDArray[np.float64] | None,
    ) -> sp.csr_array:
        """W^(1/2) L S; the matrix itself where both are one."""
        if roots is None and scale is None:
            return matrix
        data = self._weights(matrix, roots)
        if scale is not None:
            data *= scale[matrix.indices]
        out = sp.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
        out.has_canonical_format = True
        return out

    def explicit(self, matrix: sp.csr_array, threads: int) -> sp.csr_array:
        """The transformed X, float64.

        Raises
        ------
        MemoryError
            When X does not fit in half of this machine's memory, with its size.
        """
        if self.entries == "ppmi":  # the same for kL
            matrix = divided(matrix, unit_of_shared(matrix))
        return self.of_entries(
            cooccurrence_within(
                matrix, threads, most_bytes=(memory() or 8 << 30) // 2, why=f"{self.entries}"
            )
        )

    def of_entries(self, X: sp.csr_array) -> sp.csr_array:
        """X with each entry weighted, float64; its indices may be written to."""
        data = X.data.astype(np.float64)
        if self.entries is None:
            pass
        elif self.entries == "log1p":
            np.log1p(data, out=data)
        else:
            sums = np.asarray(X.sum(axis=1), dtype=np.float64)
            expected = np.repeat(sums, np.diff(X.indptr)) * sums[X.indices] / sums.sum()
            np.log(data / expected, out=data)
            np.maximum(data, 0, out=data)
        if not np.isfinite(data).all():
            what = "{entry_weighting=} is not finite for these weights: it takes the logarithm of "
            raise ValueError(
                Message(what + "X, which must be positive", entry_weighting=self.entries)
            )
        out = sp.csr_array((data, X.indices, X.indptr), shape=X.shape)
        out.eliminate_zeros()
        return out


def _power(x: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """x^exponent, 1 where x is 0."""
    # Of nothing `bincount` makes integers.
    return np.power(x, exponent, out=np.ones(len(x)), where=x > 0)
