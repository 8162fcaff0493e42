"""Models with awkward ids and titles to export, and readers of what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import KeyedVectors

import movieembed as me
from helpers import random_likes
from movieembed import Likes, MovieEmbedding

TITLES = [
    "Heat (1995)",
    "Tab\tand\nline\r\nends",
    "",  # the item without likes
    "Quote \"x\", \\ and 'y'",
    "千と千尋 (2001)",
    "Heat (1995)",
    "",
    " \u2028 padded\u00a0\u0000 ",
    "Amélie\x1c😀",
    "4",  # the id of another item, where ids are integers
]
N, D = len(TITLES), 3
INTS = [7, -1, 2**62, 5, 4, 3, 100, 8, 9, 11]
TEXTS = ["a", "b", "c", "é", "千", "with space", "tab\t", '"', "1", "x\ny"]


def fit(ids: Any = None, titles: Any = None, dtype: str = "float64", **more: Any) -> MovieEmbedding:
    L = random_likes(40, N, 0.5, 0).toarray()
    L[:, 2] = 0
    likes = Likes.from_matrix(L, items=ids, titles=titles)
    return MovieEmbedding(D, random_state=0, tol=1e-3, dtype=dtype, **more).fit(likes)


def rows_of(model: MovieEmbedding, only_embedded: bool) -> list[int]:
    there = [k for k in range(N) if not only_embedded or model.embedding_[k].any()]
    assert (2 in there) == (not only_embedded)
    return there


MODELS = pytest.mark.parametrize(
    ("ids", "titles", "dtype", "only_embedded"),
    [
        (INTS, TITLES, "float64", False),
        (INTS, TITLES, "float32", True),
        (TEXTS, TITLES, "float32", False),
        (TEXTS, None, "float64", True),
        (None, None, "float32", False),
    ],
)


def read_word2vec(path: Path, binary: bool, dtype: Any = np.float32) -> KeyedVectors:
    return KeyedVectors.load_word2vec_format(
        str(path), binary=binary, datatype=np.dtype(dtype).type
    )


def projector_lines(path: Path) -> list[list[str]]:
    """As the Projector reads: lines at line ends, cells at tabs, nothing quoted, blanks skipped."""
    lines = path.read_bytes().decode().split("\n")
    return [line.split("\t") for line in lines if line.strip()]


WRITERS = {
    "v.txt": me.export_word2vec,
    "v.bin": lambda model, path: me.export_word2vec(model, path, binary=True),
    "v.parquet": me.export_parquet,
    "v.arrow": me.export_arrow,
    "v.safetensors": me.export_safetensors,
    "v.npy": me.export_numpy,
    "v.npz": me.export_numpy,
    "L.npz": me.export_likes,
    "X.npz": me.export_cooccurrence,
}
EACH = pytest.mark.parametrize(("name", "write"), WRITERS.items(), ids=WRITERS)
