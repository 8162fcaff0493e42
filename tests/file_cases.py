"""A model to be saved, and what must be the same where it is loaded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from helpers import random_likes
from movieembed import Likes, MovieEmbedding

N_ITEMS = 8
TITLES = ["Amélie (2001)", "千と千尋 (2001)", "", "B \u0000 C", 'Quote "x" \\', "😀", "G", "H\n"]


def likes(**labels: Any) -> Likes:
    L = random_likes(40, N_ITEMS, 0.5, 0).toarray()
    L[:, 2] = 0
    return Likes.from_matrix(L, **labels)


def assert_same(a: MovieEmbedding, b: MovieEmbedding) -> None:
    for name in ("embedding_", "eigenvalues_", "item_counts_"):
        x, y = getattr(a, name), getattr(b, name)
        assert x.dtype == y.dtype, name
        np.testing.assert_array_equal(x, y, err_msg=name)
    for name in ("cost_", "gap_", "converged_", "stop_reason_", "n_iter_", "n_features_in_"):
        x, y = getattr(a, name), getattr(b, name)
        assert type(x) is type(y), name
        assert x == y, name
    pd.testing.assert_frame_equal(a.history_, b.history_)
    assert a.items_.tolist() == b.items_.tolist()
    assert [type(i) for i in a.items_.tolist()] == [type(i) for i in b.items_.tolist()]
    if a.items_.dtype.kind in "iu":
        assert a.items_.dtype == b.items_.dtype
    assert (a.titles_ is None) == (b.titles_ is None)
    if a.titles_ is not None:
        assert a.titles_.tolist() == b.titles_.tolist()
    assert hasattr(a, "feature_names_in_") == hasattr(b, "feature_names_in_")
    query = a.items_.tolist()[0]
    pd.testing.assert_frame_equal(a.similar(query), b.similar(query))
    pd.testing.assert_frame_equal(a.recommend([query]), b.recommend([query]))
