"""What a notebook shows of likes, of models and of tables."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn import config_context

import movieembed as me

MATRIX = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 1, 0]])
TITLES = ["<b>Heat</b> & dust", "Up (2009)", "", "Nobody's"]


def rows_of(text: str) -> dict[str, str]:
    """The cells of the last table."""
    table = text[text.rindex("<table>") :]
    return dict(re.findall(r"<tr><th[^>]*>(.*?)</th><td[^>]*>(.*?)</td></tr>", table))


@pytest.fixture
def likes() -> me.Likes:
    return me.Likes.from_matrix(MATRIX, items=[10, 20, 30, 40], titles=TITLES)


def test_likes(likes: me.Likes) -> None:
    text = likes._repr_html_()
    assert rows_of(text) == {
        "users": "3",
        "items": "4 (3 liked)",
        "likes": "7, 2 a user (median), 3 at most",
        "most liked": "&lt;b&gt;Heat&lt;/b&gt; &amp; dust (3), Up (2009) (2), 30 (2)",
    }
    weights = me.Likes.from_matrix(0.5 * MATRIX)
    assert rows_of(weights._repr_html_())["weights"].startswith("7, ")


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 2)])
def test_no_likes(shape: tuple[int, int]) -> None:
    rows = rows_of(me.Likes.from_matrix(np.zeros(shape))._repr_html_())
    assert rows["users"] == str(shape[0])
    assert "most liked" not in rows


def test_a_fitted_model(likes: me.Likes) -> None:
    model = me.MovieEmbedding(1, random_state=0).fit(likes)
    text = model._repr_html_()
    rows = rows_of(text)
    assert rows["items"] == "4 (3 with a vector)"
    assert rows["components"] == "1"
    assert float(rows["cost"].replace(",", "")) == pytest.approx(model.cost_, rel=1e-7)
    assert rows["iterations"] == f"{model.n_iter_} of eigen, {model.stop_reason_}"
    assert rows["most liked"].startswith("&lt;b&gt;Heat&lt;/b&gt; &amp; dust (3)")
    assert "<b>Heat" not in text
    assert "n_components" in text  # scikit-learn's part is there too
    bundle = model._repr_mimebundle_()
    assert rows_of(bundle["text/html"]) == rows
    assert bundle["text/plain"] == repr(model)


def test_a_loaded_model(likes: me.Likes, tmp_path) -> None:
    model = me.MovieEmbedding(1, random_state=0).fit(likes)
    model.save(tmp_path / "model.npz")
    assert rows_of(me.load(tmp_path / "model.npz")._repr_html_()) == rows_of(model._repr_html_())


def test_a_model_without_a_fit() -> None:
    model = me.MovieEmbedding(3)
    assert "n_components" in model._repr_html_()
    assert "distance to the optimum" not in model._repr_html_()
    assert "distance to the optimum" not in model._repr_mimebundle_()["text/html"]


def test_a_model_with_nothing_to_learn() -> None:
    with pytest.warns(UserWarning, match="nothing to learn"):
        model = me.MovieEmbedding(1).fit(np.eye(3))
    assert rows_of(model._repr_html_())["items"] == "3 (0 with a vector)"


def test_scikit_learn_may_be_told_to_show_text(likes: me.Likes) -> None:
    model = me.MovieEmbedding(1, random_state=0).fit(likes)
    with config_context(display="text"):
        assert not hasattr(model, "_repr_html_")
        assert model._repr_mimebundle_() == {"text/plain": repr(model)}


def test_tables_are_data_frames_that_escape_titles(likes: me.Likes) -> None:
    table = me.MovieEmbedding(1, random_state=0).fit(likes).similar(20)
    assert "<b>Heat" not in table._repr_html_()
    assert "&lt;b&gt;Heat&lt;/b&gt; &amp; dust" in table._repr_html_()
