"""The embedding as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, validate_data

from movieembed._base.gpu_arrays import on_host
from movieembed.data.distributed.likes import DistributedLikes
from movieembed.data.given_cooccurrence import Cooccurrence
from movieembed.data.likes import Likes
from movieembed.data.notebook import html_table, most_liked
from movieembed.data.users_by_items import read_matrix
from movieembed.model.embedding import Embedding
from movieembed.model.taste import as_taste, of_columns
from movieembed.model.vectors import user_vectors


class _Shown(str):
    """Text that stands for a parameter in its model's text."""

    def __repr__(self) -> str:
        return str(self)


class MovieEmbedding(  # noqa: D101
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, Embedding
):
    __doc__ = Embedding.__doc__

    def __sklearn_is_fitted__(self) -> bool:
        return self._fitted is not None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = False
        tags.transformer_tags.preserves_dtype = []  # vectors are of the embedding's dtype
        return tags

    @property
    def _n_features_out(self) -> int:
        return int(self.embedding_.shape[1])

    def transform(self, X: Likes | Any) -> NDArray[Any]:
        """Vectors of users by what they like, in the space of the embedding.

        Parameters
        ----------
        X : Likes, or matrix or data frame of shape (n_users, n_items)
            The items are the model's, a matrix's in its order. Likes are found by id, the columns
            of a data frame by id or title; items without a column are not liked. A model fitted on
            a data frame with names of text wants the same columns in the same order.

        Returns
        -------
        ndarray of shape (n_users, n_components)
            The likes, weighted as in the fit, times the unit vectors of the embedding's columns, as
            TruncatedSVD gives them. Users who like much have long vectors: compare them by cosine.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, TypeError
            As `fit`, and when the items are not the model's.

        See Also
        --------
        similar_users : The users with the nearest vectors.
        query_vectors : Vectors to be multiplied with those of items.

        Examples
        --------
        >>> import movieembed as me
        >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
        >>> model.transform([[1, 1, 1], [0, 0, 0]]).shape
        (2, 1)
        """
        fitted = self._fitted_items()
        if isinstance(X, Likes):
            return user_vectors(fitted, as_taste(fitted, X).rows)
        given = read_matrix(on_host(X), "X")
        checked = check_array(given.values, accept_sparse="csr", dtype=[np.float64, np.float32])
        if given.items is None:
            validate_data(self, checked, reset=False, skip_check_array=True)
        elif hasattr(self, "feature_names_in_"):
            named = pd.DataFrame(columns=given.items)
            validate_data(self, named, reset=False, skip_check_array=True)
        given.values = sp.csr_array(checked)
        return user_vectors(fitted, of_columns(fitted.index, given, rows_are_users=True))

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        if isinstance(self.init, str) or not hasattr(self.init, "shape"):
            return str(super().__repr__(N_CHAR_MAX))
        shape = " x ".join(map(str, self.init.shape))
        shown = type(self)(**self._parameters() | {"init": _Shown(f"<array of {shape}>")})
        return repr(shown)

    # scikit-learn draws the parameters; below them comes what the fit found. A notebook asks for
    # the bundle, other viewers for the HTML.
    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] += self._fit_html()
        return bundle

    def _repr_html_inner(self) -> str:
        return str(super()._repr_html_inner()) + self._fit_html()

    def _fit_html(self) -> str:
        """How the fit ended, and the items that most people like."""
        if self._fitted is None:
            return ""
        gap = f"{self.gap_:.0e} of the cost, estimated" if np.isfinite(self.gap_) else "unknown"
        facts = {
            "items": f"{len(self.items_):,} ({self._fitted.embedded.sum():,} with a vector)",
            "components": f"{self.n_components:,}",
            "cost": f"{self.cost_:,.8g}",
            "distance to the optimum": gap,
            "iterations": f"{self.n_iter_:,} of {self.solver}, {self.stop_reason_}",
            "seconds": f"{self.history_['seconds'].max():.2f}",
        }
        return html_table("Fit", facts | most_liked(self.items_, self.titles_, self.item_counts_))

    def _as_likes(self, X: Any) -> Likes | Cooccurrence | DistributedLikes:
        if isinstance(X, Likes | Cooccurrence | DistributedLikes):
            return super()._as_likes(X)
        given, kinds = read_matrix(X, "X"), [np.float64, np.float32]
        checked = validate_data(self, given.values, accept_sparse="csr", dtype=kinds)
        # The columns of a frame are item ids, also the numbers that scikit-learn takes no note of.
        if given.items is not None and all(isinstance(name, str) for name in given.items):
            self.feature_names_in_ = np.array(given.items, dtype=object)
        given.values = sp.csr_array(checked)
        return Likes.from_matrix(given)
