"""The study on made-up data: its tables against plain computations, its words against those."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from helpers import dense_cooccurrence, dense_cost
from movieembed.operators.cpu import CpuOperator
from movieembed.study import answer as study_answer
from movieembed.study.result import FILMS, run_study
from movieembed.study.runs import nearest, rotation_gap, stable_rates
from movieembed.study.tables import shared

TITLES = [FILMS[0], "Other (2000)", FILMS[1], FILMS[2], *(f"Film {i}" for i in range(26))]


def tastes(n_users=80, n_items=30, seed=0):
    """Likes of people with one of three tastes; the last item is liked by nobody."""
    rng = np.random.default_rng(seed)
    user, item = rng.integers(3, size=n_users), rng.integers(3, size=n_items)
    liked = rng.random((n_users, n_items)) < np.where(user[:, None] == item, 0.6, 0.1)
    liked[:, -1] = False
    return me.Likes.from_matrix(
        liked.astype("f4"), items=np.arange(n_items) + 1000, titles=TITLES[:n_items]
    )


@pytest.fixture(scope="module")
def likes():
    return tastes()


@pytest.fixture(scope="module")
def study(likes):
    return run_study(likes, components=(3, 5, "M"), iterations=150, wide_iterations=4)


def test_every_setting_runs_at_every_d(study):
    narrow = study.costs[study.costs["components"] == 3]
    assert len(narrow) == 4 + 4 + 6
    wide = study.costs[study.costs["components"] == 30]
    assert list(zip(wide["optimizer"], wide["learning_rate"], strict=True)) == [
        ("momentum", "1e-05"),
        ("adam", "0.1"),
        ("eigen", "none"),
    ]
    assert study.optima["components"].tolist() == [3, 5, 30]
    assert study.optima["wide"].tolist() == [False, False, True]
    assert (wide["iterations"].iloc[:2] == 4).all()


def test_the_start_is_the_exercises_and_one_for_all(likes, study):
    narrow = study.costs[(study.costs["components"] == 3) & (study.costs["optimizer"] != "eigen")]
    assert narrow["start"].nunique() == 1
    V = 0.5 * np.random.default_rng(0).spawn(3)[0].standard_normal((30, 3))
    V[-1] = 0  # nobody liked it
    assert narrow["start"].iloc[0] == pytest.approx(dense_cost(dense_cooccurrence(likes), V))
    # At d = M that item starts at random too.
    V = 0.5 * np.random.default_rng(0).spawn(3)[2].standard_normal((30, 30), dtype=np.float32)
    wide = study.costs[study.costs["components"] == 30]
    expected = dense_cost(dense_cooccurrence(likes), V)
    assert wide["start"].iloc[0] == pytest.approx(expected, rel=1e-5)


def test_no_run_moves_or_scales_the_start(demo_likes):
    """Nor where, as here, a random V is so unlike X that its best multiple is near 0."""
    study = run_study(
        demo_likes, components=(10, 50), exact=("gd", "als"), adam_rates=(0.1,), iterations=1
    )
    for _, runs in study.costs.groupby("components"):
        assert runs["start"].nunique() == 1


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
        expected = model.similar(film)
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


def test_what_is_saved(study, tmp_path):
    files = study.save(tmp_path / "new" / "folder")
    assert sorted(file.name for file in files) == [
        *("README.md", "costs.csv", "loss.png", "neighbors.csv", "overlap.csv")
    ]
    assert all(file.stat().st_size > 0 for file in files)
    png = next(file for file in files if file.suffix == ".png")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert png.stat().st_size > 20_000
    folder = png.parent
    costs = pd.read_csv(folder / "costs.csv", keep_default_na=False)
    assert costs["learning_rate"].tolist() == study.costs["learning_rate"].tolist()
    np.testing.assert_allclose(costs["cost"].astype(float), study.costs["cost"])
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert study.answer in text
    assert "](loss.png)" in text
    assert all(f"### {film}" in text for film in FILMS)
    assert "nan" not in text
    assert (
        len(re.findall(r"^\|.*\| diverged \|", text, re.M))
        == (study.costs["outcome"] == "diverged").sum()
    )


def test_the_answer_gives_the_tables_numbers(study):
    table = study.costs.merge(
        study.overlap.drop(columns="distance"), on=["components", "optimizer", "learning_rate"]
    )
    narrow = table[(table["components"] < 30) & table["overlap"].notna()]
    at, away = narrow[narrow["distance"] <= 1e-3], narrow[narrow["distance"] > 0.1]
    answer = study.answer
    assert answer.startswith("**Not with the optimiser, but with how far it got.**")
    assert f"share {at['overlap'].mean():.1f} of 10 films" in answer
    assert f"more than 0.1 away share {away['overlap'].mean():.1f}." in answer
    rho = narrow["distance"].corr(narrow["overlap"], method="spearman")
    assert f"over {len(narrow)} runs is {rho:.2f}" in answer
    assert f"the median of {len(at)} runs" in answer
    assert "At d = M = 30 the optimum costs 0" in answer
    assert "after 4 iterations" in answer


def changed(study, **columns):
    """The study with other numbers in the runs that have lists."""
    costs, overlap = study.costs.copy(), study.overlap.copy()
    kept = (overlap["overlap"].notna() & (overlap["components"] < 30)).to_numpy()
    for name, values in columns.items():
        for table in (costs, overlap):
            if name in table:
                table.loc[kept, name] = np.resize(values, kept.sum())
    return dataclasses.replace(study, costs=costs, overlap=overlap)


@pytest.mark.parametrize(
    ("distance", "overlap", "words"),
    [
        ([1e-6, 1e-5], [10.0, 9.5], "**No.** Runs"),
        ([1e-6, 1.0], [10.0, 10.0], "**No.** Runs"),
        ([1e-6, 1.0], [9.5, 2.0], "**Not with the optimiser"),
        ([1e-6, 1e-5], [5.0, 6.0], "**Yes, even at the optimum:**"),
        ([0.01, 0.5], [8.0, 2.0], "**This study cannot tell:**"),
    ],
)
def test_the_verdict_follows_the_numbers(study, distance, overlap, words):
    answer = changed(study, distance=distance, overlap=overlap).answer
    assert answer.startswith(words)


@pytest.mark.parametrize(
    ("overlap", "words"),
    [
        ([10.0, 5.0, 1.0], "is -1.00: the farther from the optimum, the fewer"),
        ([1.0, 5.0, 10.0], "is 1.00: which is the wrong way round"),
        ([5.0, 10.0, 5.0], "distance alone does not order the lists"),
        ([10.0, 10.0, 10.0], "too alike, or too few, to correlate"),
    ],
)
def test_the_correlation_follows_the_numbers(study, overlap, words):
    assert words in changed(study, distance=[1e-6, 1e-2, 1.0], overlap=overlap).answer


def test_the_reason_is_given_only_where_it_holds(study):
    turned = changed(study, aligned_difference=[0.9], vector_difference=[1.2])
    assert "these are different embeddings, not one that is turned" in turned.answer
    assert "Why:" not in turned.answer
    assert "Why: the cost sees V only through the products VV'" in study.answer
    nowhere = changed(study, distance=[0.5])
    assert "rotation" not in nowhere.answer
    same = changed(study, optimum_d5=[10.0], optimum_d3=[10.0], optimum_d30=[10.0])
    assert "here even d hardly changes the lists" in same.answer
    other = changed(study, optimum_d5=[4.0], optimum_d3=[4.0], optimum_d30=[4.0])
    assert "the lists change much with d, at the optimum of each" in other.answer
    assert "share 4.0 of 10 between d = 3 and 5" in other.answer


def test_every_run_diverged(study):
    gone = changed(study, overlap=[np.nan], distance=[np.inf])
    gone.costs["outcome"] = "diverged"
    assert gone.answer.startswith("**No run ended with lists")


def test_films_that_are_missing_are_replaced_by_the_most_liked(likes):
    titles = ["X" if title == FILMS[1] else title for title in TITLES]
    other = me.Likes.from_matrix(likes.matrix, titles=titles)
    study = run_study(other, components=(2,), exact=("eigen",), adam_rates=(), iterations=5)
    popular = [titles[c] for c in np.argsort(-likes.item_counts, kind="stable")]
    expected = next(title for title in popular if title not in FILMS)
    assert study.films["title"].tolist() == [FILMS[0], expected, FILMS[2]]
    (note,) = study.notes
    assert note.startswith("Toy Story (1995) is not among the films")
    assert expected in note


def test_films_without_titles_are_named_by_id(likes, tmp_path):
    bare = me.Likes.from_matrix(likes.matrix, items=np.arange(30) + 7)
    study = run_study(bare, components=(2, "M"), iterations=5, wide_iterations=1, films=[7, 9])
    assert study.films["title"].tolist() == ["7", "9"]
    study.save(tmp_path)
    with pytest.raises(me.ItemNotFoundError):
        run_study(bare, components=(2,), films=[1])
    with pytest.raises(ValueError, match="nobody liked it"):
        run_study(bare, components=(2,), films=[36])


def test_few_items_make_short_lists(tmp_path):
    likes = me.Likes.from_matrix(tastes(n_items=6).matrix)
    study = run_study(likes, iterations=10, wide_iterations=2)
    assert study.optima["components"].tolist() == [10, 50, 6]
    assert study.neighbors["rank"].max() == 4  # six items, one unliked, less the film itself
    assert (study.overlap["overlap"].dropna() <= 10).all()
    study.save(tmp_path)


def test_the_seed_sets_the_start(likes):
    options = {"components": (2,), "exact": ("gd",), "adam_rates": (), "iterations": 3}
    starts = [
        run_study(likes, **options, random_state=seed).costs["start"].iloc[-1] for seed in (0, 0, 1)
    ]
    assert starts[0] == starts[1] != starts[2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"components": ()}, "components is empty"),
        ({"components": (2, 2)}, "names one twice"),
        ({"components": ("W",)}, "positive integers or 'M'"),
        ({"components": (0,)}, "components"),
        ({"iterations": 0}, "iterations"),
        ({"exact": ("magic",)}, "exact must name solvers"),
        ({"momentum_rates": (0.0,)}, "positive"),
        ({"adam_rates": (np.nan,)}, "positive"),
        ({"films": ()}, "films is empty"),
    ],
)
def test_wrong_options(likes, options, words):
    with pytest.raises(ValueError, match=words):
        run_study(likes, **{"components": (2,), **options})


def test_nothing_in_common_and_too_much_to_hold(likes, monkeypatch):
    with pytest.raises(ValueError, match="nothing to study"):
        run_study(me.Likes.from_matrix(np.eye(3)), components=(1,))
    monkeypatch.setattr("movieembed.study.result.WIDE_ARRAYS", 10**15)
    with pytest.raises(ValueError, match="this machine has"):
        run_study(likes)


def test_ctrl_c_ends_a_study(likes, monkeypatch):
    def interrupt(bar, setting, d):
        def tell(entry):
            raise KeyboardInterrupt

        return tell

    monkeypatch.setattr("movieembed.study.result.watch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_study(likes, components=(2,))


def test_the_rates_straddle_what_is_stable(likes):
    op = CpuOperator(likes.matrix)
    too_large, good, small, tiny = stable_rates(op)
    limit = 3.8 / (8 * np.linalg.eigvalsh(dense_cooccurrence(likes))[-1])
    assert too_large > limit > 3 * good
    assert small == pytest.approx(good / 10)
    assert tiny == pytest.approx(good / 100)
    assert good > 0.05 * limit


def test_the_rates_on_real_data(small_likes):
    assert stable_rates(CpuOperator(small_likes.matrix)) == [1e-4, 1e-5, 1e-6, 1e-7]


def test_nearest_ignores_what_is_no_candidate():
    V = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
    columns = np.array([2, 3, 5, 7, 11])
    found, cosines = nearest(V, columns, np.array([2]), np.array([2, 3, 5, 7]), 3)
    assert found.tolist() == [[3, 7, -1]]
    np.testing.assert_allclose(cosines[0, :2], [1 / np.hypot(1, 0.1), 0.5**0.5])
    assert np.isnan(cosines[0, 2])


def test_rotation_gap_finds_the_rotation():
    rng = np.random.default_rng(0)
    V = rng.standard_normal((20, 4))
    Q = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    raw, aligned = rotation_gap(V @ Q, V)
    assert raw == pytest.approx(np.linalg.norm(V @ Q - V) / np.linalg.norm(V))
    assert aligned == pytest.approx(0, abs=1e-12)
    assert rotation_gap(V, 2 * V)[1] == pytest.approx(0.5)
    assert np.isnan(rotation_gap(V, 0 * V)).all()


def test_shared_scales_short_lists_to_ten():
    a, b = np.array([[1, 2, 3, -1]]), np.array([[3, 2, 9, -1]])
    assert shared(a, b) == [pytest.approx(10 * 2 / 3)]
    assert shared(a, None) == []


def test_words():
    assert study_answer.listed(["a", "b", "c"]) == "a, b and c"
    assert study_answer.count(1, "run") == "1 run"
    assert study_answer.number(4669909.7) == "4,669,910"
    assert study_answer.percent(0.0013) == "0.13 %"
    assert study_answer.percent(1.41) == "141 %"
