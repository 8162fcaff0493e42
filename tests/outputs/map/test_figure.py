"""The printed map: points, a legend, and titles that cover no other."""

from __future__ import annotations

import movieembed as me
from map_cases import made_up
from movieembed.outputs.map.figure import save_figure


def test_pictures(tmp_path):
    titles = ["$x^2$ & <b> (1999)", *(f"Film {i}" for i in range(39))]
    model = me.MovieEmbedding(4, random_state=0).fit(made_up(titles=titles))
    figure = me.map_figure(model, method="pca", genres=["A|B", "C"] * 20, title="Mine")
    ax = figure.axes[0]
    assert len(ax.collections[0].get_offsets()) == 39
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["A", "B", "C"]
    boxes = [t.get_window_extent() for t in ax.texts]
    assert len(boxes) > 3
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
    for kind, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        path = save_figure(model, tmp_path / f"map.{kind}", method="pca")
        assert path.read_bytes().startswith(start)
    assert len(list(tmp_path.iterdir())) == 3
