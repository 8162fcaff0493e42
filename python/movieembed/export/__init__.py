"""Vectors and likes in the files of other tools: word2vec, Projector, Arrow, NumPy and SciPy."""

from movieembed.export.arrays import export_cooccurrence, export_likes, export_numpy
from movieembed.export.columns import export_arrow, export_parquet, export_safetensors
from movieembed.export.text import export_projector, export_word2vec

__all__ = [
    "export_arrow",
    "export_cooccurrence",
    "export_likes",
    "export_numpy",
    "export_parquet",
    "export_projector",
    "export_safetensors",
    "export_word2vec",
]
