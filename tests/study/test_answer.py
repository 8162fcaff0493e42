"""The words of the answer, against the numbers that they tell."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from movieembed.study import study_answer
from movieembed.study.answer import count, listed, number, percent


def test_the_answer_gives_the_tables_numbers(study):
    table = study.costs.merge(
        study.overlap.drop(columns="distance"), on=["components", "optimizer", "learning_rate"]
    )
    narrow = table[(table["components"] < 30) & table["overlap"].notna()]
    at, away = narrow[narrow["distance"] <= 1e-3], narrow[narrow["distance"] > 0.1]
    answer = study_answer(study)
    assert answer.startswith("**Not with the optimiser, but with how far it got.**")
    assert f"share {at['overlap'].mean():.1f} of 10 films" in answer
    assert f"more than 0.1 away share {away['overlap'].mean():.1f}." in answer
    table = [row.strip("| ").split(" | ") for row in answer.split("\n\n")[1].splitlines()]
    first = next(row for row in table if row[0] == "within 0.001")
    assert first[1:4] == [
        str(len(at)),
        f"{at['overlap'].mean():.1f} ({at['overlap'].min():.1f})",
        percent(at["vector_difference"].median()),
    ]
    assert sum(int(row[1]) for row in table[2:]) == len(narrow)
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
    answer = study_answer(changed(study, distance=distance, overlap=overlap))
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
    assert words in study_answer(changed(study, distance=[1e-6, 1e-2, 1.0], overlap=overlap))


def test_the_reason_is_given_only_where_it_holds(study):
    turned = changed(study, aligned_difference=[0.9], vector_difference=[1.2])
    assert "these are different embeddings, not one that is turned" in study_answer(turned)
    assert "Why:" not in study_answer(turned)
    assert "Why: the cost sees V only through the products VV'" in study_answer(study)
    nowhere = changed(study, distance=[0.5])
    assert "rotation" not in study_answer(nowhere)
    same = changed(study, optimum_d5=[10.0], optimum_d3=[10.0], optimum_d30=[10.0])
    assert "here even d hardly changes the lists" in study_answer(same)
    other = changed(study, optimum_d5=[4.0], optimum_d3=[4.0], optimum_d30=[4.0])
    assert "the lists change much with d, at the optimum of each" in study_answer(other)
    assert "share 4.0 of 10 between d = 3 and 5" in study_answer(other)


def test_every_run_diverged(study):
    gone = changed(study, overlap=[np.nan], distance=[np.inf])
    gone.costs["outcome"] = "diverged"
    assert study_answer(gone).startswith("**No run ended with lists")


def test_words():
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert count(1, "run") == "1 run"
    assert number(4669909.7) == "4,669,910"
    assert percent(0.0013) == "0.13 %"
    assert percent(1.41) == "141 %"
