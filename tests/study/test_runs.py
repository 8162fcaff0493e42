"""Which settings run, from which start, on which films, and what is refused."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

import movieembed as me
from helpers import dense_cooccurrence, dense_cost
from movieembed.exceptions import ParameterError
from movieembed.study import FILMS, run_study, save_study


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


def test_films_that_are_missing_are_replaced_by_the_most_liked(likes):
    titles = ["X" if title == FILMS[1] else title for title in likes.titles]
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
    save_study(study, tmp_path)
    with pytest.raises(me.ItemNotFoundError):
        run_study(bare, components=(2,), films=[1])
    with pytest.raises(ValueError, match="nobody liked it"):
        run_study(bare, components=(2,), films=[36])


def test_few_items_make_short_lists(tastes, tmp_path):
    likes = me.Likes.from_matrix(tastes(n_items=6).matrix)
    study = run_study(likes, iterations=10, wide_iterations=2)
    assert study.optima["components"].tolist() == [10, 50, 6]
    assert study.neighbors["rank"].max() == 4  # six items, one unliked, less the film itself
    assert (study.overlap["overlap"].dropna() <= 10).all()
    save_study(study, tmp_path)


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
    monkeypatch.setattr("movieembed.study.runs.WIDE_ARRAYS", 10**15)
    with pytest.raises(ValueError, match="this machine has"):
        run_study(likes)


def test_ctrl_c_ends_a_study(likes, monkeypatch):
    def interrupt(bar, setting, part):
        def tell(entry):
            raise KeyboardInterrupt

        return tell

    monkeypatch.setattr("movieembed.study.runs.watch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_study(likes, components=(2,))


def test_the_wide_runs_end_by_the_clock(likes):
    options = {"components": ("M",), "films": [1000], "iterations": 40}
    hasty = run_study(likes, **options, patience=1e-9)
    patient = run_study(likes, **options, patience=1e6)
    for study, wanted in ((hasty, 1), (patient, 40)):
        runs = study.costs[study.costs["optimizer"] != "eigen"]
        assert runs["iterations"].tolist() == [wanted, wanted]
        assert runs["outcome"].tolist() == ["stopped", "stopped"]
    with pytest.raises(ParameterError, match="patience must be a positive number, not 0"):
        run_study(likes, **options, patience=0)


def test_progress_says_what_is_running(likes, monkeypatch):
    told = []

    class Bar:
        def set_postfix_str(self, what, refresh=True):
            told.append(what)

        def update(self, n=1):
            pass

    monkeypatch.setattr("movieembed.study.runs.progress_bar", lambda *_, **__: nullcontext(Bar()))
    run_study(
        likes, components=(2,), exact=("als",), adam_rates=(), momentum_rates=(), films=[1000]
    )
    assert told[:2] == ["d=2, the optimum", "d=2 als none, iteration 0"]
