"""Approximate neighbours: a model's item vectors in an index of usearch, hnswlib or faiss."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from movieembed._base.validation import check_count
from movieembed.model.neighbors import embedded
from movieembed.model.taste import table_of_lists

if TYPE_CHECKING:
    from movieembed.model.embedding import Embedding

LIBRARIES = ("usearch", "hnswlib", "faiss")
PACKAGES = {"usearch": "usearch", "hnswlib": "hnswlib", "faiss": "faiss-cpu"}


class AnnIndex:
    """An index of item vectors by inner product, whose lists are those of the model but for misses.

    Parameters
    ----------
    model : MovieEmbedding
        Fitted.
    method : {"weighted", "cosine", "dot", "precision"}, optional
        Whose ranking to follow, by default that of `similar`; see
        :meth:`movieembed.MovieEmbedding.recommend`.
    library : {"usearch", "hnswlib", "faiss"}, optional
        By default the first of these that is installed.
    connectivity : int, default=32
        Links of a node of the graph.
    expansion : int, default=256
        Candidates looked at; more are slower and miss less.

    Raises
    ------
    ImportError
        When none of the libraries is installed, with the command that installs one.
    ValueError
        When `library` is none of those.
    NotFittedError
        Before `fit`.

    Notes
    -----
    All three build a hierarchical navigable small world graph (Malkov and Yashunin, IEEE TPAMI
    2020). Up to some 100,000 items the exact search of `recommend` takes milliseconds; an
    index pays beyond that.

    Examples
    --------
    >>> import numpy as np
    >>> import movieembed as me
    >>> rng = np.random.default_rng(0)
    >>> model = me.MovieEmbedding(4, random_state=0).fit((rng.random((60, 30)) < 0.3).astype(float))
    >>> index = me.AnnIndex(model)
    >>> columns, scores = index.search(model.query_vectors([0]), n=3)
    >>> columns.shape
    (1, 3)
    """

    def __init__(
        self,
        model: Embedding,
        method: Literal["weighted", "cosine", "dot", "precision"] | None = None,
        *,
        library: Literal["usearch", "hnswlib", "faiss"] | None = None,
        connectivity: int = 32,
        expansion: int = 256,
    ) -> None:
        if library is not None and library not in LIBRARIES:
            raise ValueError(f"library must be one of {LIBRARIES}, not {library!r}")
        wanted = LIBRARIES if library is None else (library,)
        name = next((one for one in wanted if find_spec(one)), None)
        if name is None:
            package = "'movieembed[ann]'" if "usearch" in wanted else PACKAGES[wanted[0]]
            raise ImportError(f"an approximate index needs {wanted[0]}: pip install {package}")
        vectors = model.item_vectors(method)
        self.items = model._fitted_items().index
        self.columns = np.flatnonzero(embedded(vectors))
        self.library = name
        self.n_components = vectors.shape[1]
        kept = np.ascontiguousarray(vectors[self.columns], dtype=np.float32)
        # One scale for all changes no ranking; scores of some libraries overflow on large ones.
        self.scale = float(np.abs(kept).max(initial=0)) or 1.0
        kept /= np.float32(self.scale)
        self._index: Any
        self._expansion = check_count(expansion, "expansion")
        build = {"usearch": self._usearch, "hnswlib": self._hnswlib, "faiss": self._faiss}
        build[name](kept, check_count(connectivity, "connectivity"))

    def search(self, queries: NDArray[Any], n: int = 10, *, as_frame: bool = False) -> Any:
        """The items with the largest inner products, nearly.

        Parameters
        ----------
        queries : ndarray, shape (n_queries, n_components)
            As :meth:`movieembed.MovieEmbedding.query_vectors` gives them.
        n : int, default=10
        as_frame : bool, default=False
            A table instead: query (a row of `queries`), item, title (where titles are known), rank
            from 1, score.

        Returns
        -------
        columns : ndarray of int64, shape (n_queries, n)
            Positions in `items_`; -1 where there are no more. The items of a query are among them:
            ask for as many more.
        scores : ndarray of float32, shape (n_queries, n)

        Raises
        ------
        ValueError
            When the queries have another number of components.

        Examples
        --------
        >>> import numpy as np
        >>> import movieembed as me
        >>> rng = np.random.default_rng(0)
        >>> likes = me.Likes.from_matrix((rng.random((60, 30)) < 0.3).astype(float))
        >>> model = me.MovieEmbedding(4, random_state=0).fit(likes)
        >>> columns, _ = me.AnnIndex(model).search(model.query_vectors([7]), n=3)
        >>> int(columns[0, 0])  # the nearest to an item is itself
        7
        """
        n = check_count(n, "n")
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.n_components:
            raise ValueError(
                f"queries must have shape (n, {self.n_components}), not {queries.shape}"
            )
        inner = min(n, len(self.columns))
        columns = np.full((len(queries), n), -1, dtype=np.int64)
        scores = np.full((len(queries), n), -np.inf, dtype=np.float32)
        if inner and len(queries):
            at, products = self._search(queries, inner)
            there = at >= 0
            columns[:, :inner][there] = self.columns[at[there]]
            scores[:, :inner][there] = products[there] * self.scale
        if as_frame:
            rows = np.arange(len(queries))
            return table_of_lists(self.items, rows, columns, scores, "query")
        return columns, scores

    def _search(
        self, queries: NDArray[np.float32], n: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        if self.library == "usearch":
            matches = self._index.search(queries, n)
            at = np.asarray(matches.keys, dtype=np.int64).reshape(len(queries), -1)
            products = 1 - np.asarray(matches.distances, dtype=np.float32).reshape(at.shape)
        elif self.library == "hnswlib":
            labels, distances = self._index.knn_query(queries, k=n)
            at, products = labels.astype(np.int64), 1 - distances
        else:
            products, at = self._index.search(queries, n)
        return at, products

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_index": self._saved()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._index = self._restored(state["_index"])

    def _saved(self) -> Any:
        """What the library itself writes of an index."""
        if self.library == "faiss":
            import faiss

            return faiss.serialize_index(self._index)
        if self.library == "hnswlib":
            return _through_a_file(self._index.save_index)
        return bytes(self._index.save())

    def _restored(self, saved: Any) -> Any:
        """The index that `_saved` wrote; how much is looked at is set again."""
        if self.library == "faiss":
            import faiss

            return faiss.deserialize_index(saved)
        if self.library == "hnswlib":
            import hnswlib

            index = hnswlib.Index(space="ip", dim=self.n_components)
            _through_a_file(index.load_index, saved)
            index.set_ef(self._expansion)
            return index
        from usearch.index import Index

        return Index.restore(saved, expansion_search=self._expansion)

    def _usearch(self, vectors: NDArray[np.float32], connectivity: int) -> None:
        from usearch.index import Index

        self._index = Index(
            ndim=vectors.shape[1],
            metric="ip",
            dtype="f32",
            connectivity=connectivity,
            expansion_add=self._expansion,
            expansion_search=self._expansion,
        )
        self._index.add(np.arange(len(vectors)), vectors)

    def _hnswlib(self, vectors: NDArray[np.float32], connectivity: int) -> None:
        import hnswlib

        self._index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        self._index.init_index(
            max_elements=max(1, len(vectors)), ef_construction=self._expansion, M=connectivity
        )
        if len(vectors):  # it refuses none
            self._index.add_items(vectors, np.arange(len(vectors)))
        self._index.set_ef(self._expansion)

    def _faiss(self, vectors: NDArray[np.float32], connectivity: int) -> None:
        import faiss

        self._index = faiss.IndexHNSWFlat(
            vectors.shape[1], connectivity, faiss.METRIC_INNER_PRODUCT
        )
        self._index.hnsw.efConstruction = self._expansion
        self._index.hnsw.efSearch = self._expansion
        self._index.add(vectors)


def _through_a_file(call: Callable[[str], Any], content: bytes = b"") -> bytes:
    """What a file holds after a call with its path, from what it held before."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "index")
        with open(path, "wb") as file:
            file.write(content)
        call(path)
        with open(path, "rb") as file:
            return file.read()
