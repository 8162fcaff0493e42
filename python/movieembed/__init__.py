"""Item embeddings from a ratings table.

Minimises c(V) = sum over i != j of (v_i . v_j - X_ij)^2, where X_ij is the number of users who
liked both items, exactly and without forming X.

>>> import movieembed as me
>>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
>>> model = me.MovieEmbedding(n_components=1, random_state=0).fit(likes)
>>> model.similar("A", n=1)["title"].tolist()
['B']
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from movieembed.ann import AnnIndex
    from movieembed.cooccurrence import (
        cooccurrence,
        cooccurrence_frame,
        cooccurrence_sums,
        cooccurrence_top_k,
    )
    from movieembed.datasets import load_movielens, read_table
    from movieembed.distributed import DistributedLikes, DistributedSplit
    from movieembed.estimator import MovieEmbedding, load
    from movieembed.exceptions import (
        AmbiguousTitleError,
        ClusterError,
        DivergenceError,
        DownloadError,
        ItemNotFoundError,
        ItemWithoutLikesError,
        MovieEmbedError,
    )
    from movieembed.export import (
        export_arrow,
        export_cooccurrence,
        export_likes,
        export_numpy,
        export_parquet,
        export_projector,
        export_safetensors,
        export_word2vec,
    )
    from movieembed.items import ItemIndex
    from movieembed.likes import Likes
    from movieembed.maps import layout, map_figure, map_html
    from movieembed.objective import cost, gradient
    from movieembed.report import write_report
    from movieembed.synthetic import synthetic_movielens

__version__ = "0.1.0"

__all__ = [
    "AmbiguousTitleError",
    "AnnIndex",
    "ClusterError",
    "DistributedLikes",
    "DistributedSplit",
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
    "export_arrow",
    "export_cooccurrence",
    "export_likes",
    "export_numpy",
    "export_parquet",
    "export_projector",
    "export_safetensors",
    "export_word2vec",
    "gradient",
    "layout",
    "load",
    "load_movielens",
    "map_figure",
    "map_html",
    "read_table",
    "synthetic_movielens",
    "write_report",
]

# Importing pandas, SciPy and scikit-learn takes a second, which --help and a script that wants one
# function need not wait for: a name is imported when it is first used.
_MODULES = {
    "ann": ("AnnIndex",),
    "cooccurrence": (
        "cooccurrence",
        "cooccurrence_frame",
        "cooccurrence_sums",
        "cooccurrence_top_k",
    ),
    "datasets": ("load_movielens", "read_table"),
    "distributed": ("DistributedLikes", "DistributedSplit"),
    "estimator": ("MovieEmbedding", "load"),
    "exceptions": (
        "AmbiguousTitleError",
        "ClusterError",
        "DivergenceError",
        "DownloadError",
        "ItemNotFoundError",
        "ItemWithoutLikesError",
        "MovieEmbedError",
    ),
    "export": (
        "export_arrow",
        "export_cooccurrence",
        "export_likes",
        "export_numpy",
        "export_parquet",
        "export_projector",
        "export_safetensors",
        "export_word2vec",
    ),
    "items": ("ItemIndex",),
    "likes": ("Likes",),
    "maps": ("layout", "map_figure", "map_html"),
    "objective": ("cost", "gradient"),
    "report": ("write_report",),
    "synthetic": ("synthetic_movielens",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


if not TYPE_CHECKING:  # to a type checker it would say that there is any name

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        # An import of the module movieembed.cooccurrence binds it here, over the function.
        if name == "cooccurrence" and isinstance(value, ModuleType):
            value = value.cooccurrence
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
