"""Clusters: the hills of a map, and names that tell them apart."""

from __future__ import annotations

import numpy as np
import pytest

from movieembed.outputs.map.clusters import MOST, Kind, clusters_of, hills, title_words


def islands(centres, sizes):
    """Points about centres."""
    of = np.repeat(np.arange(len(sizes)), sizes)
    return of, np.asarray(centres)[of] + np.random.default_rng(0).normal(0, 0.01, (len(of), 2))


def test_an_island_is_a_cluster_and_the_heaviest_comes_first():
    of, xy = islands([[-0.8, -0.8], [0.8, 0.1], [-0.5, 0.8]], [10, 40, 20])
    found, tops = hills(xy, np.ones(70))
    assert (found == np.array([2, 0, 1])[of]).all()
    np.testing.assert_allclose(tops, [[0.8, 0.1], [-0.5, 0.8], [-0.8, -0.8]], atol=0.05)


def test_weight_counts_and_specks_have_no_name():
    of, xy = islands([[-0.8, 0], [0.8, 0], [0, 0.9]], [100, 100, 1])
    found, tops = hills(xy, np.where(of == 1, 2.0, 1.0))
    assert found.tolist() == [1] * 100 + [0] * 100 + [-1]
    assert len(tops) == 2


@pytest.mark.parametrize("n", [1, 2, 5000])
def test_there_are_never_too_many(n):
    found, tops = hills(np.random.default_rng(1).uniform(-1, 1, (n, 2)), np.ones(n))
    assert 1 <= len(tops) <= MOST
    assert set(found.tolist()) - {-1} == set(range(len(tops)))


def names(terms, likes=None, titles=None, **options):
    """Names of four islands of ten items each."""
    of, xy = islands([[-0.8, -0.8], [0.8, -0.8], [-0.8, 0.8], [0.8, 0.8]], [10] * 4)
    likes = np.repeat([40, 30, 20, 10], 10) if likes is None else likes
    titles = [f"Film {i}" for i in range(40)] if titles is None else titles
    return clusters_of(xy, likes, titles, [Kind(terms(of), 0.1, 2)]).names


def test_a_name_is_what_sets_a_cluster_apart():
    """Drama is everywhere, and names the one that has nothing else."""
    own = ["Crime", "War", "Horror", None]
    said = names(lambda of: [["Drama", own[c]] if own[c] else ["Drama"] for c in of])
    assert said == ["Crime", "War", "Horror", "around Film 30"]


def test_two_of_one_name_are_told_apart_by_their_best_known():
    likes = np.repeat([40, 30, 20, 10], 10)
    likes[25] = 21
    said = names(lambda of: [["War"] if c % 2 else ["Crime"] for c in of], likes)
    assert said == ["Crime (Film 0)", "War (Film 10)", "Crime (Film 25)", "War (Film 30)"]


def test_a_second_term_stands_where_it_tells_as_much():
    own = [["Crime", "Noir"], ["War"], ["War"], ["War"]]
    assert names(lambda of: [own[c] for c in of])[0] == "Crime, Noir"


def test_the_score_is_the_share_times_the_logarithm_of_the_lift():
    """By hand: a term of 3 in 10 that is nowhere else loses to one of 9 in 10 that is rare."""
    rows = [["A"] * (i < 3) + ["B"] * (i < 9) for i in range(10)]
    rows += [["B"] if i < 4 else [] for i in range(30)]
    assert 0.9 * np.log(0.9 / (13 / 40)) > 2 * 0.3 * np.log(0.3 / (3 / 40)) * 0.5
    assert names(lambda of: rows, likes=np.full(40, 5))[0].startswith("B")


def test_words_of_titles():
    assert title_words(["The Matrix 2, en été", "Up"]) == [["the", "matrix", "été"], []]
