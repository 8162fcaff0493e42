"""``movieembed recommend``."""

from __future__ import annotations

import json

import movieembed as me
from command_line import run


def test_recommend(folder):
    model = me.load(folder / "model.npz")
    expected = model.recommend(["Heat", 101], n=4)
    result = run("recommend", folder / "model.npz", "Heat", "101", "-n", 4)
    assert [int(line.split()[1]) for line in result.stdout.splitlines()[1:]] == expected[
        "item"
    ].tolist()
    document = json.loads(
        run("recommend", folder / "model.npz", "Heat", "101", "-n", 4, "--json").stdout
    )
    assert document["recommendations"] == expected.to_dict("records")
    assert [item["item"] for item in document["items"]] == [100, 101]


def test_recommend_with_options(folder, tmp_path):
    out = tmp_path / "kept.npz"
    arguments = ["--components", 3, "--keep-likes", "--item-scaling", 0.5, "--user-weighting", 1]
    run("fit", folder / "data", "-o", out, *arguments, "--regularization", 7)
    model = me.load(out)
    assert model.regularization_ == 7
    assert model.likes_.shape == (40, 12)
    assert (model.item_scaling, model.user_weighting) == (0.5, 1.0)
    given = ["recommend", out, "Heat", "101", "-n", 4, "--dislike", "103", "--refine", 2]
    given += ["--popularity-discount", 0.5, "--regularization", 3]
    expected = model.recommend(
        ["Heat", 101], 4, dislikes=[103], refine=2, popularity_discount=0.5, regularization=3
    )
    document = json.loads(run(*given, "--json").stdout)
    assert document["recommendations"] == expected.to_dict("records")
    document = json.loads(run(*given, "--explain", "--json").stdout)
    for record in document["recommendations"]:
        shares = model.explain(["Heat", 101], record["item"], dislikes=[103], regularization=3)
        assert record["because"] == shares["title"].iloc[0]
    lines = run(*given, "--explain").stdout.splitlines()
    assert lines[0].split()[-2:] == ["because", "of"]
    cosine = json.loads(run("recommend", out, "Heat", "--method", "cosine", "--json").stdout)
    expected = model.recommend(["Heat"], method="cosine")
    assert cosine["recommendations"] == expected.to_dict("records")
    near = ["similar", out, "Heat", "--method", "precision", "--refine", 1, "--min-likes", 12]
    (query,) = json.loads(run(*near, "--json").stdout)["queries"]
    expected = model.similar("Heat", method="precision", refine=1, min_likes=12)
    assert query["neighbors"] == expected.to_dict("records")
    assert "regularization 7\n" in run("info", out).stdout
    assert "keeps likes yes\n" in run("info", out).stdout
