"""The printed map: points, a legend, and titles that cover no other."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.transforms import Bbox
from PIL import Image

import movieembed as me
from map_cases import made_up
from movieembed.outputs.map.figure import CROWDED, _Dots, map_figure, save_figure


@pytest.fixture(scope="module")
def islands():
    """A model, and three islands of 20, 12 and 8 of its items, each of one genre."""
    model = me.MovieEmbedding(4, random_state=0).fit(made_up())
    island = np.repeat([0, 1, 2], [20, 12, 8])
    centres = np.array([[-0.8, 0.0], [0.8, 0.5], [0.8, -0.5]])
    xy = centres[island] + np.random.default_rng(0).normal(0, 0.02, (40, 2))
    return model, {"positions": xy, "genres": np.array(["War", "Comedy", "Crime"])[island]}


def test_clusters_are_named_where_they_lie(islands):
    model, options = islands
    figure = me.map_figure(model, **options)
    figure.draw_without_rendering()
    (ax,) = figure.axes
    names = {t.get_text(): t for t in ax.texts if t.get_fontsize() == 12}
    assert set(names) == {"War, 1960s", "Comedy, 1970s", "Crime, 1980s"}
    for name, x, y in (("War, 1960s", -1, 0), ("Comedy, 1970s", 1, 0.6), ("Crime, 1980s", 1, -0.6)):
        assert names[name].xy == pytest.approx((x, y), abs=0.15)
    assert figure._suptitle.get_text() == "Map of items"
    assert "its rarest genre" in ax.get_title(loc="left")
    width, height = figure.get_size_inches()
    assert (width, height) == pytest.approx((11.69, 8.27))
    # Stretched: the items fill the paper in both directions.
    box = ax.get_window_extent()
    assert box.width > 0.9 * figure.bbox.width
    assert box.height > 0.7 * figure.bbox.height


def test_the_heading_stands_over_the_line_below_it(islands):
    model, options = islands
    figure = me.map_figure(model, **options)
    figure.get_layout_engine().set(w_pad=1.0)  # inches, as a long name at the border needs
    figure.draw_without_rendering()
    below = figure.axes[0]._left_title
    left = figure._suptitle.get_window_extent().x0
    assert left == pytest.approx(below.get_window_extent().x0, abs=3)
    assert left >= figure.dpi


def test_without_genres_colours_are_clusters(islands):
    model, options = islands
    figure = me.map_figure(model, positions=options["positions"])
    colours = figure.axes[0].collections[0].get_facecolors()[:, :3]
    assert len(np.unique(colours, axis=0)) == 3
    assert len(figure.legends[0].get_texts()) == 3
    assert "its cluster" in figure.axes[0].get_title(loc="left")


def test_tags_name_the_clusters(islands):
    model, options = islands
    tags = [[f"tag {genre}"] for genre in options["genres"]]
    figure = me.map_figure(model, positions=options["positions"], tags=tags)
    words = {text.get_text() for text in figure.legends[0].get_texts()}
    assert words == {"tag War, 1960s", "tag Comedy, 1970s", "tag Crime, 1980s"}


def test_titles_leave_the_dense_middle_free():
    dots = _Dots(np.repeat([[50.0, 50.0], [300.0, 300.0]], [500, 1], axis=0), np.ones(501))
    box = Bbox.from_bounds
    assert dots.share(box(30, 40, 40, 20)) > CROWDED
    assert dots.share(box(150, 150, 40, 20)) == 0


def test_a_png_has_few_bytes(islands, tmp_path):
    model, options = islands
    path = save_figure(model, tmp_path / "map.png", **options)
    with Image.open(path) as picture:
        assert picture.mode == "P"
        assert picture.size == pytest.approx((11.69 * 150, 8.27 * 150), abs=1)


def test_pictures(tmp_path):
    titles = ["$x^2$ & <b> (1999)", *(f"Film {i}" for i in range(39))]
    model = me.MovieEmbedding(4, random_state=0).fit(made_up(titles=titles))
    figure = me.map_figure(model, method="pca", genres=["A|B", "C"] * 20, title="Mine")
    ax = figure.axes[0]
    assert len(ax.collections[0].get_offsets()) == 39
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["B", "C"]
    boxes = [t.get_window_extent() for t in ax.texts]
    assert len(boxes) > 3
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
    for kind, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        path = save_figure(model, tmp_path / f"map.{kind}", method="pca")
        assert path.read_bytes().startswith(start)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_png_has_the_colours_of_the_figure(demo_likes, tmp_path):
    """Those of the key too, which few of its pixels have."""
    model = me.MovieEmbedding(20, random_state=0).fit(demo_likes)
    whole = tmp_path / "whole.png"
    map_figure(model).savefig(whole, dpi=150)
    pixels = []
    for path in (whole, save_figure(model, tmp_path / "map.png")):
        with Image.open(path) as picture:
            pixels.append(np.asarray(picture.convert("RGB")).astype(int))
    assert np.abs(pixels[0] - pixels[1]).max() <= 16
