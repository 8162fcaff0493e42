"""``movieembed evaluate``."""

from __future__ import annotations

import json

import pytest

from command_line import run


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
