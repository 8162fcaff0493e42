"""Fits, costs, questions, files and studies of X alone, against those of the likes behind it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import movieembed as me
from helpers import dense_cost, dense_gradient, normal, random_likes
from movieembed.data.likes import Likes
from movieembed.study import run_study

IDS = [100 + i for i in range(30)]
TITLES = [f"Film {i}" for i in range(30)]
LIKES = Likes.from_matrix(random_likes(80, 30, 0.2, seed=1), items=IDS, titles=TITLES)
GIVEN = me.Cooccurrence(me.cooccurrence(LIKES), IDS, TITLES)
DENSE = GIVEN.matrix.toarray().astype(np.float64)


def fitted(likes: Any, **options: Any) -> me.MovieEmbedding:
    return me.MovieEmbedding(**{"n_components": 4, "random_state": 0, **options}).fit(likes)


@pytest.mark.parametrize("solver", ["eigen", "als", "lbfgs"])
def test_the_fit_is_that_of_the_likes(solver: str) -> None:
    ours, theirs = fitted(GIVEN, solver=solver), fitted(LIKES, solver=solver)
    assert ours.converged_
    assert ours.cost_ == pytest.approx(theirs.cost_, rel=1e-6)
    assert ours.cost_ == pytest.approx(dense_cost(DENSE, ours.embedding_), rel=1e-10)
    gram = theirs.embedding_ @ theirs.embedding_.T
    np.testing.assert_allclose(ours.embedding_ @ ours.embedding_.T, gram, atol=1e-2 * gram.max())
    assert ours.items_.tolist() == IDS
    assert ours.item_squares_ is None
    assert ours.likes_ is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cost_and_gradient(dtype: Any) -> None:
    for V in (normal((30, 5), 2, dtype), np.zeros((30, 2), dtype)):
        rtol = 1e-12 if dtype == np.float64 else 1e-5
        for method in ("auto", "identity", "exact"):
            value = me.cost(GIVEN, V, method=method)
            assert value == pytest.approx(dense_cost(DENSE, V), rel=1e-12)
        g = me.gradient(GIVEN, V)
        assert g.dtype == dtype
        exact = dense_gradient(DENSE, V)
        np.testing.assert_allclose(g, exact, atol=rtol * (np.abs(exact).max() + 1))
        both = me.cost_and_gradient(GIVEN, V)
        assert both[0] == pytest.approx(dense_cost(DENSE, V), rel=1e-12)
        np.testing.assert_allclose(both[1], exact, atol=rtol * (np.abs(exact).max() + 1))
    with pytest.raises(ValueError, match="V has 3 rows for 30 items"):
        me.cost(GIVEN, np.ones((3, 2)))


def test_statistics_of_x() -> None:
    assert (me.cooccurrence(GIVEN) != me.cooccurrence(LIKES)).nnz == 0
    for ours, theirs in zip(
        me.cooccurrence_top_k(GIVEN, 40, return_sums=True),
        me.cooccurrence_top_k(LIKES, 40, return_sums=True),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    some = me.cooccurrence_top_k(GIVEN, 3, items=["Film 4", 107])
    np.testing.assert_array_equal(some, me.cooccurrence_top_k(LIKES, 3, items=["Film 4", 107]))
    corner = me.cooccurrence_frame(GIVEN, [101, 103], [103, 101, 102])
    np.testing.assert_array_equal(corner, me.cooccurrence_frame(LIKES, [101, 103], [103, 101, 102]))


def test_questions_go_by_the_cosine() -> None:
    ours = fitted(GIVEN)
    pd_equal = ours.similar("Film 3", n=5), ours.similar("Film 3", n=5, method="cosine")
    assert pd_equal[0].equals(pd_equal[1])
    taken = ["Film 3", 105]
    assert ours.recommend(taken, n=5).equals(ours.recommend(taken, n=5, method="cosine"))
    assert not set(ours.recommend(taken, n=28)["item"]) & {103, 105}
    for question in (ours.similar, ours.recommend):
        with pytest.raises(ValueError, match="method='precision' needs likes, and this model is"):
            question(["Film 3"], method="precision")


def test_a_file_keeps_it() -> None:
    ours, file = fitted(GIVEN), io.BytesIO()
    ours.save(file)
    file.seek(0)
    again = me.load(file)
    assert again.recommend(["Film 3"], n=4).equals(ours.recommend(["Film 3"], n=4))


def test_weights_of_entries_and_of_what_is_not_known() -> None:
    ours, theirs = (fitted(x, entry_weighting="log1p") for x in (GIVEN, LIKES))
    assert ours.cost_ == pytest.approx(theirs.cost_, rel=1e-6)
    assert fitted(GIVEN, entry_weighting="ppmi").cost_ == pytest.approx(
        fitted(LIKES, entry_weighting="ppmi").cost_, rel=1e-5
    )
    for name in ("item_scaling", "user_weighting"):
        with pytest.raises(ValueError, match=f"{name} needs likes"):
            fitted(GIVEN, **{name: 1.0})
    for backend in ("cuda", "dask"):
        with pytest.raises(ValueError, match="a Cooccurrence needs backend='cpu'"):
            fitted(GIVEN, backend=backend)


def test_real_numbers_of_any_size() -> None:
    for factor in (1e-9, 0.37, 1e9):
        model = fitted(me.Cooccurrence(factor * DENSE))
        assert model.cost_ == pytest.approx(factor**2 * fitted(GIVEN).cost_, rel=1e-6)


def test_more_items_later() -> None:
    order = [29, *range(29)]
    larger = me.Cooccurrence(DENSE[order][:, order], [IDS[i] for i in order])
    few = fitted(me.Cooccurrence(DENSE[:20, :20], IDS[:20], TITLES[:20]))
    again = few.refit(larger)
    assert again.items_.tolist() == [*IDS[:20], 129, *IDS[20:29]]
    assert again.cost_ == pytest.approx(fitted(GIVEN).cost_, rel=1e-6)
    assert again.titles_ is not None
    assert again.titles_[3] == "Film 3"
    with pytest.raises(ValueError, match="is of a Cooccurrence: new items need likes"):
        few.fold_in([[1]], [[1] * 20])


def test_a_checkpoint_tells_x_from_another(tmp_path: Path) -> None:
    path = tmp_path / "fit.npz"
    with pytest.warns(Warning, match="max_iter"):
        fitted(GIVEN, checkpoint=path, max_iter=1)
    with pytest.raises(ValueError, match="another fit, which differs in who likes what"):
        fitted(me.Cooccurrence(2 * DENSE, IDS), checkpoint=path)
    goes_on = fitted(GIVEN, checkpoint=path)
    assert goes_on.cost_ == pytest.approx(fitted(GIVEN).cost_, rel=1e-6)


def test_exports_maps_and_reports(tmp_path: Path) -> None:
    ours = fitted(GIVEN)
    me.export_cooccurrence(GIVEN, tmp_path / "X.npz")
    np.testing.assert_array_equal(sp.load_npz(tmp_path / "X.npz").toarray(), DENSE)
    assert np.load(tmp_path / "X.npz")["items"].tolist() == IDS
    me.export_word2vec(ours, tmp_path / "x.vec", keys="title")
    assert (tmp_path / "x.vec").read_text().startswith("30 4\n")
    me.map_html(ours, tmp_path / "map.html")
    me.write_report(ours, tmp_path / "report.html", likes=GIVEN)
    with pytest.raises(ValueError, match="this model is of a Cooccurrence, and has no likes"):
        me.export_likes(ours, tmp_path / "likes.npz")


def test_a_study(tmp_path: Path) -> None:
    options: dict[str, Any] = {"components": (3, "M"), "iterations": 20, "wide_iterations": 1}
    ours = run_study(GIVEN, films=["Film 3"], **options)
    theirs = run_study(LIKES, films=["Film 3"], **options)
    assert (ours.facts["items"], ours.facts["pairs"]) == (30, GIVEN.n_pairs)
    assert ours.facts["zero_cost"] == theirs.facts["zero_cost"] == (DENSE**2).sum()
    lowest = ours.optima.set_index("components")["cost"]
    expected = theirs.optima.set_index("components")["cost"]
    assert lowest[3] == pytest.approx(expected[3], rel=1e-6)
