"""Compiled kernels of movieembed. Private: use the functions of the package."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

def has_openmp() -> bool: ...
def max_threads() -> int: ...
def gather_isas() -> list[str]: ...
def gather_isa() -> str: ...
def use_gather_isa(name: str) -> None: ...
def parallel_threshold() -> float: ...
def set_parallel_threshold(work: float) -> None: ...

class Csr:
    def __init__(
        self,
        rows: int,
        cols: int,
        indptr: NDArray[Any],
        indices: NDArray[Any],
        values: NDArray[Any] | None = None,
    ) -> None: ...
    @property
    def rows(self) -> int: ...
    @property
    def cols(self) -> int: ...
    @property
    def nnz(self) -> int: ...

def gather_product(
    a: Csr,
    v: NDArray[Any],
    out: NDArray[Any],
    s: NDArray[Any] | None = None,
    diag: NDArray[Any] | None = None,
    n_threads: int = 0,
) -> None: ...

class Cooccurrence:
    def __init__(self, l: Csr, lt: Csr) -> None: ...
    def add(self, first: int, last: int, n_threads: int = 0) -> None: ...
    def finish(
        self, n_threads: int = 0
    ) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]]: ...

def cooccurrence_row_sums(
    l: Csr, lt: Csr, first: int, last: int, with_diagonal: bool = False, n_threads: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def cooccurrence_top_k(
    l: Csr, lt: Csr, first: int, last: int, k: int, n_threads: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]: ...
def row_dots(a: NDArray[Any], b: NDArray[Any], n_threads: int = 0) -> NDArray[np.float64]: ...
def masked_gradient(
    vg: NDArray[Any],
    xv: NDArray[Any],
    v: NDArray[Any],
    n: NDArray[np.float64],
    n_threads: int = 0,
) -> NDArray[np.float64]: ...
def residual_rows(
    l: Csr, lt: Csr, first: int, p: NDArray[np.float64], n_threads: int = 0
) -> NDArray[np.float64]: ...

class TopK32:
    def __init__(self, queries: int, k: int) -> None: ...
    def offer(
        self,
        scores: NDArray[np.float32],
        first_column: int,
        excluded_ptr: NDArray[np.int64],
        excluded: NDArray[np.int64],
        n_threads: int = 0,
    ) -> None: ...
    def finish(self, n_threads: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float32]]: ...

class TopK64:
    def __init__(self, queries: int, k: int) -> None: ...
    def offer(
        self,
        scores: NDArray[np.float64],
        first_column: int,
        excluded_ptr: NDArray[np.int64],
        excluded: NDArray[np.int64],
        n_threads: int = 0,
    ) -> None: ...
    def finish(self, n_threads: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float64]]: ...
