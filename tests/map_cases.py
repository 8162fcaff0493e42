"""Made-up likes of two tastes, the map page of a model, and what such a page holds."""

from __future__ import annotations

import base64
import gzip
import json
import re

import numpy as np

import movieembed as me

EVIL = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)> (1999)"


def made_up(n_items=40, titles=None, seed=0):
    rng = np.random.default_rng(seed)
    taste = rng.random((90, 1)) < 0.5
    side = np.arange(n_items) % 2 == 0
    chance = np.where(taste == side, 0.4, 0.05)
    likes = (rng.random((90, n_items)) < chance).astype(float)
    likes[:, -1] = 0  # an item without a vector
    if titles is None:
        titles = [f"Film {i} ({1950 + i})" for i in range(n_items)]
    return me.Likes.from_matrix(likes, items=np.arange(n_items) + 100, titles=titles)


def data_of(page: str):
    """What a page holds, read as its script reads it."""
    text = re.search(r'<script id="data"[^>]*>([^<]*)</script>', page)[1]
    raw = gzip.decompress(base64.b64decode(text, validate=True))
    size = int(np.frombuffer(raw[:4], "<u4")[0])
    header = json.loads(raw[4 : 4 + size])
    at, arrays = 4 + size, {}
    for name, (kind, count) in header["arrays"].items():
        arrays[name] = np.frombuffer(raw, f"<{kind}", count, at)
        at += -(-arrays[name].nbytes // 4) * 4
    assert at == len(raw)
    return header, arrays


def page_of(model, tmp_path, **options):
    path = me.map_html(model, tmp_path / "map.html", **{"method": "pca", **options})
    return path.read_text(encoding="utf-8")
