"""The tables of a study, against plain computations."""

from __future__ import annotations

import numpy as np
import pytest

import movieembed as me
from helpers import dense_cooccurrence
from movieembed.study import FILMS
from movieembed.study.tables import shared


def test_distances_are_to_the_lowest_cost(likes, study):
    for d in (3, 5):
        model = me.MovieEmbedding(d, random_state=5, tol=1e-12).fit(likes)
        optimum = study.optima.set_index("components").loc[d, "cost"]
        assert optimum == pytest.approx(model.cost_, rel=1e-9)
        rows = study.costs[(study.costs["components"] == d)]
        expected = (rows["cost"] - optimum) / optimum
        kept = rows["outcome"] != "diverged"
        assert rows["distance"][kept].tolist() == expected[kept].tolist()
        assert rows["distance"].min() >= 0
    # Where the optimum is 0, distances are relative to the cost of V = 0.
    last = study.optima.iloc[-1]
    assert (last["cost"], last["reason"]) == (0, "exact")
    assert last["scale"] == pytest.approx((dense_cooccurrence(likes) ** 2).sum())


def test_the_lists_are_the_models(likes, study):
    model = me.MovieEmbedding(5, random_state=5, tol=1e-12).fit(likes)
    rows = study.neighbors
    rows = rows[(rows["components"] == 5) & (rows["optimizer"] == "eigen")]
    for film in FILMS:
        expected = model.similar(film, method="cosine")
        mine = rows[rows["film"] == film]
        assert mine["item"].tolist() == expected["item"].tolist()
        assert mine["title"].tolist() == expected["title"].tolist()
        assert mine["rank"].tolist() == list(range(1, 11))
        np.testing.assert_allclose(mine["cosine"], expected["score"], atol=1e-4)


def test_diverged_runs_are_flagged_and_have_no_lists(study):
    gone = study.costs[study.costs["outcome"] == "diverged"]
    assert len(gone) >= 1
    assert set(gone["optimizer"]) == {"momentum"}
    assert np.isinf(gone["distance"]).all()
    for _, run in gone.iterrows():
        same = [(study.neighbors[k] == run[k]) for k in ("components", "learning_rate")]
        same.append(study.neighbors["optimizer"] == "momentum")
        assert not np.logical_and.reduce(same).any()
    assert study.neighbors["cosine"].notna().all()
    lost = study.overlap[np.isinf(study.overlap["distance"])]
    assert lost["overlap"].isna().all()


def test_overlap_counts_the_shared_films(study):
    lists = study.neighbors.groupby(["components", "optimizer", "learning_rate", "film"])["item"]
    sets = {key: set(items) for key, items in lists}
    for row in study.overlap[study.overlap["overlap"].notna()].to_dict("records"):
        key = row["components"], row["optimizer"], row["learning_rate"]
        best = row["components"], "eigen", "none"
        counts = [len(sets[*key, film] & sets[*best, film]) for film in FILMS]
        assert [row[film] for film in FILMS] == counts
        assert row["overlap"] == pytest.approx(np.mean(counts))
        assert row[f"optimum_d{row['components']}"] == pytest.approx(row["overlap"])
        others = [
            np.mean([len(sets[*key, film] & sets[*other, film]) for film in FILMS])
            for other in {k[:3] for k in sets}
            if other[0] == key[0] and other != key
        ]
        assert row["among_settings"] == pytest.approx(np.mean(others))


def test_runs_at_the_optimum_differ_by_a_rotation(study):
    at = study.overlap[(study.overlap["distance"] < 1e-9) & (study.overlap["components"] < 30)]
    assert len(at) >= 4
    # The eigenvalue solver gives principal axes, of which only signs are free.
    assert (at["vector_difference"][at["optimizer"] != "eigen"] > 0.1).all()
    assert (at["aligned_difference"] < 1e-3).all()
    assert (at["cosine_difference"] < 1e-3).all()
    assert (at["overlap"] == 10).all()


def test_shared_scales_short_lists_to_ten():
    a, b = np.array([[1, 2, 3, -1]]), np.array([[3, 2, 9, -1]])
    assert shared(a, b) == [pytest.approx(10 * 2 / 3)]
    assert shared(a, None) == []
