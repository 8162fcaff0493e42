"""Vectors and likes in the files of other tools: word2vec, Projector, Arrow, NumPy and SciPy."""

from movieembed.outputs.export.arrays import export_cooccurrence, export_likes, export_numpy
from movieembed.outputs.export.columns import export_arrow, export_parquet, export_safetensors
from movieembed.outputs.export.text import export_projector, export_word2vec

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
