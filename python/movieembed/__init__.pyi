from .data.delimited_text import read_table
from .data.distributed.likes import DistributedLikes
from .data.given_cooccurrence import Cooccurrence
from .data.items import ItemIndex
from .data.likes import Likes
from .data.movielens import load_movielens
from .data.synthetic import synthetic_movielens
from .evaluation.distributed import DistributedSplit
from .exceptions import (
    AmbiguousTitleError,
    ClusterError,
    DivergenceError,
    DownloadError,
    ItemNotFoundError,
    ItemWithoutLikesError,
    MovieEmbedError,
    UserNotFoundError,
)
from .model.estimator import MovieEmbedding
from .model.loading import load
from .objective.cooccurrence import (
    cooccurrence,
    cooccurrence_frame,
    cooccurrence_sums,
    cooccurrence_top_k,
)
from .objective.cost import cost, cost_and_gradient, gradient
from .outputs.ann import AnnIndex
from .outputs.export.arrays import export_cooccurrence, export_likes, export_numpy
from .outputs.export.columns import export_arrow, export_parquet, export_safetensors
from .outputs.export.text import export_projector, export_word2vec
from .outputs.map.figure import map_figure
from .outputs.map.layout import layout
from .outputs.map.page import map_html
from .outputs.report import write_report

__all__ = [
    "AmbiguousTitleError",
    "AnnIndex",
    "ClusterError",
    "Cooccurrence",
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
    "UserNotFoundError",
    "cooccurrence",
    "cooccurrence_frame",
    "cooccurrence_sums",
    "cooccurrence_top_k",
    "cost",
    "cost_and_gradient",
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

__version__: str
