"""``movieembed info``."""

from __future__ import annotations

import json

import movieembed as me
from command_line import run


def test_info(folder):
    text = run("info", folder / "data").stdout
    likes = me.Likes.from_ratings(*[me.load_movielens(folder / "data")[0]])
    assert f"\nlikes {likes.n_likes}\n" in text
    facts = json.loads(run("info", folder / "data", "--json").stdout)
    assert facts["cost_of_zero"] == me.cooccurrence_sums(likes)[0].sum()
    facts = json.loads(run("info", folder / "model.npz", "--json").stdout)
    assert facts["cost"] == me.load(folder / "model.npz").cost_
    assert "components 3\n" in run("info", folder / "model.npz").stdout
