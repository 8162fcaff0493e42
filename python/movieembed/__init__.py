"""Item embeddings from a ratings table.

Minimises c(V) = sum over i != j of (v_i . v_j - X_ij)^2, where X_ij is the number of users who
liked both items, exactly and without forming X.

>>> import movieembed as me
>>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
>>> model = me.MovieEmbedding(n_components=1, random_state=0).fit(likes)
>>> model.similar("A", n=1)["title"].tolist()
['B']
"""

from importlib.metadata import version as _version

from movieembed.cooccurrence import (
    cooccurrence,
    cooccurrence_frame,
    cooccurrence_sums,
    cooccurrence_top_k,
)
from movieembed.datasets import load_movielens, read_table
from movieembed.embedding import MovieEmbedding, load
from movieembed.exceptions import (
    AmbiguousTitleError,
    DivergenceError,
    DownloadError,
    ItemNotFoundError,
    ItemWithoutLikesError,
    MovieEmbedError,
)
from movieembed.items import ItemIndex
from movieembed.likes import Likes
from movieembed.objective import cost, gradient

__version__ = _version("movieembed")

__all__ = [
    "AmbiguousTitleError",
    "DivergenceError",
    "DownloadError",
    "ItemIndex",
    "ItemNotFoundError",
    "ItemWithoutLikesError",
    "Likes",
    "MovieEmbedError",
    "MovieEmbedding",
    "cooccurrence",
    "cooccurrence_frame",
    "cooccurrence_sums",
    "cooccurrence_top_k",
    "cost",
    "gradient",
    "load",
    "load_movielens",
    "read_table",
]
