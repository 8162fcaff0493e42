"""``movieembed evaluate``."""

from __future__ import annotations

import json

import pytest

import movieembed as me
from command_line import error, run
from movieembed import evaluation as ev
from movieembed.cli import estimate


@pytest.mark.parametrize("split", ["random", "users", "last"])
def test_evaluate(folder, split):
    given = ["evaluate", folder / "data", "--components", "2,3", "--split", split, "-k", 3]
    given_names = ["--baselines", "popularity,ease"]
    document = json.loads(run(*given, *given_names, "--tune", "--json").stdout)
    assert document["split"] == split
    names = [row["name"] for row in document["results"]]
    assert names[:3] == ["movieembed", "movieembed, tuned", "popularity"]
    assert names[3].startswith("ease, lambda ")
    assert document["chosen"]["n_components"] in (2, 3)
    for row in document["results"]:
        assert 0 <= row["recall@3"] <= 1
    lines = run(*given, "--tune").stdout.splitlines()
    assert lines[0].startswith("chosen n_components ")
    assert lines[2].split()[:2] == ["recall@3", "ndcg@3"]
    lines = run(*given).stdout.splitlines()
    assert [line.split()[-1] for line in lines[1:3]] == ["movieembed", "popularity"]


def test_what_was_seen_is_left_out_if_asked(folder):
    given = ["evaluate", folder / "data", "--components", "2", "-k", 3, "--baselines", "popularity"]
    before, after = (
        json.loads(run(*given, *more, "--json").stdout)["results"][1]
        for more in ([], ["--exclude-seen"])
    )
    likes = me.Likes.from_movielens(folder / "data")
    split = ev.split_random(likes, random_state=0)
    for exclude, row in ((False, before), (True, after)):
        found = ev.evaluate({"it": ev.popularity}, split, ks=(3,), exclude_seen=exclude)
        assert row["recall@3"] == found.loc["it", "recall@3"]
    assert before["recall@3"] != after["recall@3"]
    own = folder / "bare.csv"
    own.write_text("user,item\n" + "".join(f"{u},{i}\n" for u in range(9) for i in range(5)))
    assert error("evaluate", own, "--exclude-seen").startswith("--exclude-seen needs ratings below")


def test_pairs_have_no_people_to_evaluate_by(tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text("a,b,n\nbread,butter,31\n")
    said = error("evaluate", table, "--pairs")
    assert said.startswith("--pairs says what occurs together, not who liked it")
    assert "evaluate needs rows of users and items" in said


def test_how_long_it_takes_is_said_where_that_is_long(folder, monkeypatch):
    given = ["evaluate", folder / "data", "--components", "2", "--baselines", "popularity"]
    assert run(*given).stderr == ""
    monkeypatch.setattr(estimate, "thread_seconds", lambda *arguments: 200.0)
    monkeypatch.setattr(estimate, "available_cores", lambda: 2)
    said = "movieembed: note: this takes about 2 minutes on an idle machine\n"
    assert run(*given).stderr == said


def test_the_estimate_grows_with_the_work(demo_likes):
    """MovieLens small takes some 30 seconds on two threads, most of them for EASE."""
    split = ev.split_random(demo_likes, random_state=0)
    alone = estimate.thread_seconds(split, [64], [], False)
    assert 0.3 < alone < 3
    n = int((split.train.item_counts > 0).sum())
    ease = estimate.thread_seconds(split, [64], ["ease"], False) - alone
    assert ease == pytest.approx(7 * 3e-11 * n**3)
    assert estimate.thread_seconds(split, [64, 128], [], True) > 10 * alone
    assert [estimate.in_words(s) for s in (14, 89, 90, 7200)] == [
        "10 seconds",
        "90 seconds",
        "2 minutes",
        "2 hours",
    ]


def test_a_share_that_cannot_be_split_says_so(folder, tmp_path):
    given = ["evaluate", folder / "data", "--split", "time", "--split-at"]
    for share in ("0.9", "0.2"):  # all are of one time
        told = error(*given, share)
        assert told == f"nobody liked anything before share={share}: the likes are from 0 to 0"
    assert error(*given, "soon") == "--split-at soon is neither a number nor a date or time"
    assert error(*given, "nan") == "--split-at nan is neither a number nor a date or time"
    bare = tmp_path / "bare.csv"
    bare.write_text("user,item\n1,7\n2,7\n")
    told = error("evaluate", bare, "--split", "time", "--split-at", "0.5")
    assert told.startswith("ratings has no column that looks like the timestamp")
