"""``movieembed study``."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from command_line import run


def test_study_from_the_command_line(folder, tmp_path):
    out = tmp_path / "new" / "study"
    arguments = ["study", folder / "data", "--out", out, "--components", "2,M"]
    arguments += ["--iterations", 20, "--wide-iterations", 2, "--adam-rates", "0.1"]
    document = json.loads(run(*arguments, "--json").stdout)
    assert {Path(file).name for file in document["files"]} == {
        *("README.md", "loss.png", "costs.csv", "neighbors.csv", "overlap.csv")
    }
    assert {row["components"] for row in document["costs"]} == {2, 12}
    result = run(*arguments, "--no-wide", "--film", "Heat", "--momentum-rates", "1e-3")
    assert result.stdout.endswith(f"overlap.csv in {out}\n")
    assert "**" not in result.stdout
    costs = pd.read_csv(out / "costs.csv")
    assert set(costs["components"]) == {2}
    assert set(pd.read_csv(out / "neighbors.csv")["film"]) == {"Heat (1995)"}
