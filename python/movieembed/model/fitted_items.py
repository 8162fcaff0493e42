"""What a fitted embedding answers: neighbours, recommendations and the reasons for them."""

from __future__ import annotations

import copy
import os
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.progress import tqdm
from movieembed._base.threads import resolve_n_jobs, serial_blas
from movieembed._base.validation import check_count, check_integer, check_real
from movieembed.data.canonical_csr import canonical_csr
from movieembed.data.items import ItemIndex
from movieembed.data.likes import Likes
from movieembed.exceptions import ItemWithoutLikesError
from movieembed.model import scoring as recommend
from movieembed.model import users
from movieembed.model.fold_in import fold_in
from movieembed.model.neighbors import top_k_neighbors, unit_rows
from movieembed.model.precision import PrecisionForm
from movieembed.operators.cpu import CpuOperator
from movieembed.operators.weighting import Weighting

if TYPE_CHECKING:
    from movieembed.data.distributed.likes import DistributedLikes
    from movieembed.model.scoring import Scorer

Method = Literal["precision", "cosine", "dot"]


class Recommender:
    """The part of :class:`movieembed.MovieEmbedding` that needs no fit."""

    # Set by a fit or a file.
    embedding_: NDArray[Any]
    items_: NDArray[Any]
    titles_: NDArray[np.object_] | None
    item_counts_: NDArray[np.int64]
    item_squares_: NDArray[np.float64] | None
    item_scale_: NDArray[np.float64] | None
    regularization_: float
    likes_: sp.csr_array | None
    _index: ItemIndex
    n_jobs: int | None
    refine: int | Literal["auto"]
    item_scaling: Any
    user_weighting: Any
    entry_weighting: Any

    def similar(
        self,
        items: Hashable | Iterable[Hashable],
        n: int = 10,
        *,
        method: Literal["cosine", "dot", "precision"] = "cosine",
        min_likes: int = 0,
        refine: int = 0,
        regularization: float | None = None,
    ) -> pd.DataFrame:
        """The nearest items of one item, or of each of several.

        Parameters
        ----------
        items : id or title, or a list of them
            A title may leave out the year; see :class:`movieembed.data.items.ItemIndex`.
        n : int, default=10
            Rows an item; fewer where fewer items have likes.
        method : {"cosine", "dot", "precision"}, default="cosine"
            The cosine of the vectors. "dot" approximates the number of users in common and favours
            popular items. "precision" is the partial correlation: what two items have in common
            beyond what all others explain; it finds few, close relatives, such as sequels.
        min_likes : int, default=0
            Leave out items with fewer likes.
        refine : int, default=0
            With "precision": steps of conjugate gradients towards the inverse of L'L + lambda I
            itself. Needs a model with `keep_likes=True`.
        regularization : float, optional
            With "precision": lambda instead of `regularization_`.

        Returns
        -------
        DataFrame
            item (id), title (where titles are known), score; best first. For a list, a column
            `query` with the asked item's id comes first. The item itself and items without likes
            are left out.

        Raises
        ------
        ItemNotFoundError
            With suggestions.
        AmbiguousTitleError
            When a title stands for several items; pass the id.
        ItemWithoutLikesError
            When an item has no vector.
        NotFittedError
            Before `fit`.
        ValueError
            When an argument is none of those listed, or the model lacks what it needs.

        Examples
        --------
        >>> import movieembed as me
        >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
        >>> model = me.MovieEmbedding(1, random_state=0).fit(likes)
        >>> model.similar("A", n=1)["title"].tolist()
        ['B']
        """
        self._check_fitted()
        rows = self._index.resolve_many(items)
        for row in rows:
            if not self.embedding_[row].any():
                raise ItemWithoutLikesError(
                    recommend.why_no_vector(self._index, self.item_counts_, row)
                )
        found, scores = self._neighbors(rows, n, method, min_likes, refine, regularization)
        there = found >= 0
        table = recommend.as_table(self._index, found[there], scores[there])
        if not recommend.is_single(self._index, items):
            table.insert(0, "query", self._index.ids[np.repeat(rows, there.sum(axis=1))])
        return table

    def neighbors(
        self,
        n: int = 10,
        *,
        method: Literal["cosine", "dot", "precision"] = "cosine",
        min_likes: int = 0,
        refine: int = 0,
        regularization: float | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """The nearest items of every item, as arrays.

        Parameters
        ----------
        n, method, min_likes, refine, regularization
            As `similar`.

        Returns
        -------
        columns : ndarray of int64, shape (n_items, n)
            Positions in `items_`, best first; -1 where there are no more, and throughout for items
            without a vector.
        scores : ndarray, shape (n_items, n)
            -inf where there are no more.

        Raises
        ------
        NotFittedError, ValueError
            As `similar`.

        Notes
        -----
        2 n_items^2 n_components flops.

        Examples
        --------
        >>> import movieembed as me
        >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
        >>> model.neighbors(n=1)[0].tolist()
        [[1], [0], [0]]
        """
        self._check_fitted()
        return self._neighbors(
            np.arange(len(self.items_)), n, method, min_likes, refine, regularization
        )

    def recommend(
        self,
        items: Any,
        n: int = 10,
        *,
        method: Method | None = None,
        weights: Iterable[float] | None = None,
        dislikes: Any = None,
        regularization: float | None = None,
        refine: int | None = None,
        popularity_discount: float = 0.0,
        filter_items: Any = None,
        allowed_items: Any = None,
    ) -> Any:
        """Items for somebody who likes the given ones, or for many such people.

        Parameters
        ----------
        items : list of ids or titles, or Likes, or matrix of shape (n_users, n_items)
            A list is one person; repeats count once, and items without likes say nothing and are
            left aside with a warning. A matrix holds one person a row: weights, 1 for a like.
        n : int, default=10
        method : {"precision", "cosine", "dot"}, optional
            "precision" is the best linear recommender, read off the embedding's factor model, and
            the default where the model allows it (`entry_weighting` does not). "cosine" is the
            exercise's way: the highest mean cosine with the items given; "dot" the highest mean
            inner product.
        weights : list of float, optional
            One an item of a list, 1 by default; negative for a dislike. Repeats add up.
        dislikes : list of ids or titles, optional
            Items with the weight -1.
        regularization : float, optional
            lambda, positive; by default the model's `regularization_`.
        refine : int, optional
            Steps of conjugate gradients towards the dense recommender, which has no embedding in
            between. By default the model's `refine`: 1 where it keeps its likes, else 0. More
            than 0 needs `keep_likes=True`.
        popularity_discount : float, default=0
            Scores are divided by the number of likes to this power.
        filter_items : list of ids or titles, optional
            Never recommend these.
        allowed_items : list of ids or titles, optional
            Recommend nothing but these.

        Returns
        -------
        DataFrame, for a list
            item (id), title (where titles are known), score; best first, the given items left out;
            fewer rows than n where fewer are left.
        columns, scores : ndarrays of shape (n_users, n), for a matrix
            Positions in `items_`, -1 where there are no more, and scores, -inf there. Nothing is
            recommended to a person without items.

        Raises
        ------
        ItemNotFoundError, AmbiguousTitleError, NotFittedError
            As `similar`.
        ItemWithoutLikesError
            When none of the items of a list has a vector.
        ValueError
            When a list is empty, a matrix has the wrong number of columns, an argument is none of
            those listed, or the model lacks what it needs.

        Notes
        -----
        A person costs 2 (n_likes + n_items) n_components flops, and 4 nnz a step of `refine`;
        nothing about them is learned or kept. With few components `refine=1` brings most of what
        the embedding leaves out. From ``refine=8`` on the diagonal of the inverse is refined as
        well, once, by as many steps for every item, so that many steps give exactly the
        dense recommender's scores.

        The dense recommender is EASE (Steck, WWW 2019).

        Examples
        --------
        >>> import movieembed as me
        >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
        >>> model = me.MovieEmbedding(1, random_state=0).fit(likes)
        >>> model.recommend(["A", "B"])["title"].tolist()
        ['C']
        >>> import numpy as np
        >>> columns, scores = model.recommend(np.array([[1, 0, 1], [0, 0, 0]]), n=1)
        >>> columns.tolist()
        [[1], [-1]]
        """
        self._check_fitted()
        n = check_count(n, "n")
        taste = recommend.as_taste(self._index, items, weights, dislikes)
        if taste.single:
            recommend.warn_of_silent(self._index, self.embedding_, self.item_counts_, taste.rows)
        method = self._method(method)
        candidates = self._candidates(filter_items, allowed_items)
        factor = self._popularity_factor(popularity_discount)
        steps = self._steps(refine, method)
        if steps == 0:
            scorer = self._scorer(method, regularization)
            found, scores = recommend.best(scorer, taste.rows, n, candidates, factor, self.n_jobs)
        else:
            value = self._lambda(regularization)
            op = self._operator()
            form = self._form(value)
            found, scores = recommend.best_refined(
                op,
                form,
                self._squares(),
                self.item_scale_,
                value,
                self._diagonal(value, steps),
                taste.rows,
                n,
                candidates,
                factor,
                steps,
                self.n_jobs,
            )
        if not taste.single:
            return found, scores
        there = found[0] >= 0
        return recommend.as_table(self._index, found[0][there], scores[0][there])

    def recommend_users(
        self,
        likes: Likes | DistributedLikes,
        n: int = 10,
        *,
        folder: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
        **options: Any,
    ) -> pd.DataFrame | list[str]:
        """The best items for every user of some likes, by the ids of both.

        Parameters
        ----------
        likes : Likes or DistributedLikes
            Of the model's items. The users of distributed likes are scored by the workers that
            hold them.
        n : int, default=10
        folder : path, optional
            Where each part of distributed likes becomes a Parquet file, written by the worker that
            holds it; every worker must see it. Likes become one file. Without, the table is
            returned.
        progress : bool, optional
            Show a bar; by default where standard error is a terminal.
        **options
            Of `recommend`.

        Returns
        -------
        DataFrame, or list of str with `folder`
            user and item (ids), rank (from 1) and score; or the paths of the files with that.

        Raises
        ------
        ValueError
            When the items of the model are others, or the folder has lists of likes in another
            number of parts.
        NotFittedError
            Before `fit`.

        Examples
        --------
        >>> import movieembed as me
        >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], items=["a", "b", "c"])
        >>> model = me.MovieEmbedding(1, random_state=0).fit(likes)
        >>> model.recommend_users(likes, n=1)[["user", "item", "rank"]]
           user item  rank
        0     0    c     1
        """
        return users.recommend_users(self, likes, n, folder, progress, options)

    def explain(
        self,
        items: Any,
        recommended: Hashable | Iterable[Hashable],
        *,
        weights: Iterable[float] | None = None,
        dislikes: Any = None,
        regularization: float | None = None,
    ) -> pd.DataFrame:
        """Why something is recommended: each given item's share of its score.

        Parameters
        ----------
        items, weights, dislikes, regularization
            As `recommend`, for one person.
        recommended : id or title, or a list of them
            Items not among the given ones.

        Returns
        -------
        DataFrame
            item (id), title (where titles are known), share; largest first. The shares add up to
            the score of ``recommend(items, method="precision", refine=0)``. For a list of
            recommended items their id stands in a first column, `recommended`.

        Raises
        ------
        ItemNotFoundError, AmbiguousTitleError, NotFittedError, ValueError
            As `recommend`.

        Examples
        --------
        >>> import movieembed as me
        >>> rows = [[1, 1, 0], [1, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]]
        >>> likes = me.Likes.from_matrix(rows, titles=["A", "B", "C"])
        >>> model = me.MovieEmbedding(1, random_state=0, tol=1e-4).fit(likes)
        >>> model.explain(["A", "B"], "C")["title"].tolist()
        ['A', 'B']
        """
        self._check_fitted()
        taste = recommend.as_taste(self._index, items, weights, dislikes)
        if not taste.single:
            raise ValueError("explain takes one person's items, not a matrix")
        self._method("precision")
        asked = self._index.resolve_many(recommended)
        given = taste.rows.indices
        both = np.intersect1d(asked, given)
        if len(both):
            raise ValueError(f"{self._index.ids[both[0]]!r} is among the given items")
        form = self._form(self._lambda(regularization))
        gain = np.ones(len(self.items_)) if self.item_scale_ is None else self.item_scale_
        reach = (form.W[given] * (taste.rows.data * gain[given])[:, None]) @ form.K
        tables = []
        for column in asked:
            shares = reach @ form.W[column] / (form.diagonal[column] * gain[column])
            order = np.argsort(-shares, kind="stable")
            table = recommend.as_table(self._index, given[order], shares[order])
            table = table.rename(columns={"score": "share"})
            table.insert(0, "recommended", self._index.ids[np.repeat(column, len(table))])
            tables.append(table)
        if not tables:
            raise ValueError("recommended is empty: name at least one item")
        found = pd.concat(tables, ignore_index=True)
        if recommend.is_single(self._index, recommended):
            found = found.drop(columns="recommended")
        return found

    def item_vectors(self, method: Method = "cosine") -> NDArray[Any]:
        """Vectors whose plain inner product ranks as this model does, for an index elsewhere.

        Parameters
        ----------
        method : {"cosine", "dot", "precision"}, default="cosine"
            As `recommend`; for `similar`, "cosine" and "dot".

        Returns
        -------
        ndarray, shape (n_items, n_components)
            Zero for items without a vector: leave them out of an index.

        See Also
        --------
        query_vectors : What they are multiplied with.
        movieembed.AnnIndex : An approximate index of them.

        Examples
        --------
        >>> import numpy as np
        >>> import movieembed as me
        >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
        >>> scores = model.query_vectors([0], "precision") @ model.item_vectors("precision").T
        >>> model.recommend([0], n=2, refine=0)["score"].round(6).tolist() == sorted(
        ...     scores[0, 1:].round(6).tolist(), reverse=True
        ... )
        True
        """
        self._check_fitted()
        return self._scorer(self._method(method), None).items

    def query_vectors(self, items: Any, method: Method = "cosine") -> NDArray[Any]:
        """A vector for each person, to be multiplied with `item_vectors`.

        Parameters
        ----------
        items : list of ids or titles, or Likes, or matrix of shape (n_users, n_items)
            As `recommend`.
        method : {"cosine", "dot", "precision"}, default="cosine"

        Returns
        -------
        ndarray, shape (n_users, n_components)
            One row for a list.

        Examples
        --------
        >>> import movieembed as me
        >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
        >>> scores = model.query_vectors([0, 1]) @ model.item_vectors().T
        >>> scores.shape
        (1, 3)
        """
        self._check_fitted()
        taste = recommend.as_taste(self._index, items)
        return self._scorer(self._method(method), None).users(taste.rows)

    def fold_in(self, new: Any, known: Any = None) -> NDArray[Any]:
        """Vectors of new items, from who liked them, without a fit.

        Parameters
        ----------
        new : matrix of shape (n_users, n_new)
            Likes of the new items.
        known : Likes or matrix of shape (n_users, n_items), optional
            What the same users like of the model's items; by default the likes that the model
            keeps.

        Returns
        -------
        ndarray, shape (n_new, n_components)
            The least squares optimum of each new row, the others given; zero where none of its
            users likes anything known.

        Raises
        ------
        ValueError
            When the matrices do not fit, or the model keeps no likes and `known` is missing.
        NotFittedError
            Before `fit`.

        Notes
        -----
        v = G^-1 sum of V's rows over the likes of the item's users, with G = V'V: row i of
        alternating least squares. 2 nnz n_components flops.

        Examples
        --------
        >>> import numpy as np
        >>> import movieembed as me
        >>> known = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]])
        >>> model = me.MovieEmbedding(1, random_state=0, keep_likes=True).fit(known)
        >>> model.fold_in(np.array([[1], [1], [0]])).shape
        (1, 1)
        """
        self._check_fitted()
        new, known, roots = self._fold_parts(new, known)
        vectors, _, _ = fold_in(
            self.embedding_, known, new, roots, self.item_scale_, self._weighting()
        )
        return vectors

    def extend(self, new: Any, known: Any = None, *, items: Any = None, titles: Any = None) -> Self:
        """A model with new items folded in; this one stays as it is.

        Parameters
        ----------
        new, known
            As `fold_in`.
        items : list of ids
            Of the new items; by default they go on numbering where the ids are 0, 1, 2, ...
        titles : list of str, optional

        Returns
        -------
        MovieEmbedding
            With the new items behind the others. `cost_` and what else describes the fit stays
            that of the fit.

        Raises
        ------
        ValueError
            As `fold_in`, and when ids repeat.

        Examples
        --------
        >>> import numpy as np
        >>> import movieembed as me
        >>> known = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]])
        >>> model = me.MovieEmbedding(1, random_state=0, keep_likes=True).fit(known)
        >>> bigger = model.extend(np.array([[1], [1], [0]]), items=[3])
        >>> bigger.items_.tolist(), len(bigger.similar(3))
        ([0, 1, 2, 3], 3)
        """
        self._check_fitted()
        new, known_scaled, roots = self._fold_parts(new, known)
        vectors, squares, scale = fold_in(
            self.embedding_, known_scaled, new, roots, self.item_scale_, self._weighting()
        )
        n_old, n_new = len(self.items_), new.shape[1]
        if items is None:
            items = np.arange(n_old, n_old + n_new)
        ids = np.array([*self.items_.tolist(), *list(items)], dtype=self.items_.dtype)
        if len(ids) != n_old + n_new:
            raise ValueError(f"there are {len(ids) - n_old} ids for {n_new} new items")
        old_titles = None if self.titles_ is None else list(self.titles_)
        if titles is not None or old_titles is not None:
            names = [*(old_titles or [""] * n_old), *(titles or [""] * n_new)]
        else:
            names = None
        model = copy.copy(self)
        model.__dict__.pop("_operator_", None)
        model.__dict__.pop("_form_", None)
        model._index = ItemIndex(ids, names)
        model.items_, model.titles_ = model._index.ids, model._index.titles
        model.embedding_ = np.vstack([self.embedding_, vectors])
        model.item_counts_ = np.concatenate(
            [self.item_counts_, np.bincount(new.indices, minlength=n_new)]
        )
        if self.item_squares_ is not None:
            model.item_squares_ = np.concatenate([self.item_squares_, squares])
        if self.item_scale_ is not None:
            assert scale is not None
            model.item_scale_ = np.concatenate([self.item_scale_, scale])
        if self.likes_ is not None:
            model.likes_ = (
                sp.csr_array(sp.hstack([self.likes_, new], format="csr")) if known is None else None
            )
        model.n_features_in_ = n_old + n_new  # type: ignore[attr-defined]
        model.__dict__.pop("feature_names_in_", None)
        return model

    # --- what these stand on --------------------------------------------------------------------

    def _check_fitted(self) -> None:
        if not hasattr(self, "embedding_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(f"this {type(self).__name__} is not fitted yet: call fit first")

    def _weighting(self) -> Weighting:
        return Weighting.of(self.item_scaling, self.user_weighting, self.entry_weighting)

    def _method(self, method: Any) -> Method:
        possible = self.item_squares_ is not None
        if method is None:
            return "precision" if possible else "cosine"
        if method not in recommend.METHODS:
            raise ValueError(f"method must be one of {recommend.METHODS}, not {method!r}")
        if method == "precision" and not possible:
            raise ValueError(
                "method='precision' needs a Gram matrix, which "
                f"entry_weighting={self.entry_weighting!r} does not leave; use method='cosine'"
            )
        chosen: Method = method
        return chosen

    def _steps(self, refine: Any, method: Method) -> int:
        if refine is None:
            if method != "precision" or self.likes_ is None:
                return 0
            return 1 if self.refine == "auto" else int(self.refine)
        steps = check_integer(refine, "refine")
        if steps and method != "precision":
            raise ValueError(f"refine goes with method='precision', not {method!r}")
        if steps and self.likes_ is None:
            raise ValueError(
                f"refine={refine} needs the likes, which this model did not keep: fit it with "
                "keep_likes=True"
            )
        return steps

    def _lambda(self, regularization: Any) -> float:
        if regularization is None:
            return self.regularization_
        return check_real(regularization, "regularization", low=0.0, open_low=True)

    def _squares(self) -> NDArray[np.float64]:
        assert self.item_squares_ is not None
        return self.item_squares_

    def _form(self, regularization: float) -> PrecisionForm:
        cached: tuple[float, PrecisionForm, dict[int, NDArray[np.float64]]] | None
        cached = self.__dict__.get("_form_")
        if cached is None or cached[0] != regularization:
            with serial_blas():
                form = PrecisionForm(self.embedding_, self._squares(), regularization)
            cached = self.__dict__["_form_"] = (regularization, form, {})
        return cached[1]

    def _diagonal(self, regularization: float, steps: int) -> NDArray[np.float64]:
        """That of P, or from REFINED_DIAGONAL steps on that of what the steps lead to."""
        form = self._form(regularization)
        if steps < recommend.REFINED_DIAGONAL:
            return form.diagonal
        known: dict[int, NDArray[np.float64]] = self.__dict__["_form_"][2]
        if steps not in known:
            op = self._operator()
            diagonal = form.diagonal.copy()
            n = len(self.items_)
            unit = sp.csr_array(
                (np.ones(op.n_items), op.active, np.arange(op.n_items + 1)),
                shape=(op.n_items, n),
            )
            with (
                serial_blas(),
                tqdm(
                    total=op.n_items, desc="diagonal", unit="item", leave=False, disable=None
                ) as bar,
            ):
                for start, stop, Y in recommend.refined_scores(
                    op, form, self._squares(), regularization, unit, steps
                ):
                    own = np.arange(start, stop)
                    diagonal[op.active[own]] = Y[own, own - start]
                    bar.update(stop - start)
            known[steps] = diagonal
        return known[steps]

    def _operator(self) -> CpuOperator:
        op: CpuOperator | None = self.__dict__.get("_operator_")
        if op is None:
            assert self.likes_ is not None
            weighting = self._weighting()
            scaled = weighting.scaled(
                self.likes_, weighting.user_roots(self.likes_), self.item_scale_
            )
            op = CpuOperator(scaled, self.embedding_.dtype, resolve_n_jobs(self.n_jobs))
            self.__dict__["_operator_"] = op
        return op

    def _scorer(self, method: Method, regularization: float | None) -> Scorer:
        if method == "cosine":
            return recommend.cosine_scorer(self.embedding_)
        if method == "dot":
            return recommend.dot_scorer(self.embedding_)
        form = self._form(self._lambda(regularization))
        return recommend.precision_scorer(form, self.embedding_.dtype, self.item_scale_)

    def _candidates(self, filter_items: Any, allowed_items: Any) -> NDArray[np.bool_]:
        candidates = with_vector(self.embedding_)
        if allowed_items is not None:
            allowed = np.zeros(len(candidates), dtype=bool)
            allowed[self._index.resolve_many(allowed_items)] = True
            candidates &= allowed
        if filter_items is not None:
            candidates[self._index.resolve_many(filter_items)] = False
        return candidates

    def _popularity_factor(self, discount: Any) -> NDArray[np.float64] | None:
        power = check_real(discount, "popularity_discount", low=0.0, high=2.0)
        if power == 0:
            return None
        factor: NDArray[np.float64] = np.maximum(self.item_counts_, 1.0) ** -power
        return factor

    def _neighbors(
        self,
        rows: NDArray[np.int64],
        n: int,
        method: Any,
        min_likes: int,
        refine: Any,
        regularization: float | None,
    ) -> tuple[NDArray[np.int64], NDArray[Any]]:
        n = check_count(n, "n")
        min_likes = check_integer(min_likes, "min_likes")
        method = self._method(method)
        steps = self._steps(0 if refine is None else refine, method)
        V = self.embedding_
        candidates = with_vector(V) & (self.item_counts_ >= min_likes)
        own = sp.csr_array(
            (np.ones(len(rows)), rows, np.arange(len(rows) + 1)), shape=(len(rows), len(V))
        )
        if method == "precision":
            value = self._lambda(regularization)
            form = self._form(value)
            if steps:
                return self._refined_neighbors(own, n, candidates, form, value, steps)
            lengths = np.sqrt(form.diagonal)[:, None]
            items = (form.W / lengths).astype(V.dtype)
            queries = ((form.W[rows] @ form.K) / lengths[rows]).astype(V.dtype)
        else:
            items = unit_rows(V) if method == "cosine" else V
            queries = items[rows]
        items = np.where(candidates[:, None], items, 0)
        found, scores = top_k_neighbors(
            queries, items, n, metric="dot", exclude=own, n_jobs=self.n_jobs
        )
        silent = ~with_vector(V)[rows]
        found[silent], scores[silent] = -1, -np.inf
        return found, scores

    def _refined_neighbors(
        self,
        own: sp.csr_array,
        n: int,
        candidates: NDArray[np.bool_],
        form: PrecisionForm,
        value: float,
        steps: int,
    ) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Partial correlations -P_ij / sqrt(P_ii P_jj), with rows of P that are refined."""
        diagonal = self._diagonal(value, steps)
        found, scores = recommend.best_refined(
            self._operator(),
            form,
            self._squares(),
            None,
            value,
            np.sqrt(diagonal),
            own,
            n,
            candidates,
            None,
            steps,
            self.n_jobs,
        )
        return found, scores / np.sqrt(diagonal[own.indices])[:, None].astype(scores.dtype)

    def _fold_parts(
        self, new: Any, known: Any
    ) -> tuple[sp.csr_array, sp.csr_array, NDArray[np.float64] | None]:
        """New likes, known likes scaled, and the users' weights."""
        new = canonical_csr(new.matrix if isinstance(new, Likes) else new)
        if known is None:
            if self.likes_ is None:
                raise ValueError(
                    "this model kept no likes: pass what the users like of its items as `known`, "
                    "or fit it with keep_likes=True"
                )
            known = self.likes_
        else:
            known = recommend.as_taste(self._index, known).rows
        if self.item_squares_ is None:
            raise ValueError(
                f"entry_weighting={self.entry_weighting!r} has no closed form for new items"
            )
        if new.shape[0] != known.shape[0]:
            raise ValueError(f"new has {new.shape[0]} users and known {known.shape[0]}")
        weighting = self._weighting()
        roots = weighting.user_roots(known)
        return new, weighting.scaled(known, roots, self.item_scale_), roots


def with_vector(V: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows are not zero."""
    there: NDArray[np.bool_] = np.asarray(V.any(axis=1), dtype=bool)
    return there
