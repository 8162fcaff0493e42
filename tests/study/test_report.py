"""The files of a study."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from movieembed.study import FILMS, save_study, study_answer


def test_what_is_saved(study, tmp_path):
    files = save_study(study, tmp_path / "new" / "folder")
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
    assert study_answer(study) in text
    assert "](loss.png)" in text
    assert all(f"### {film}" in text for film in FILMS)
    assert "nan" not in text
    assert (
        len(re.findall(r"^\|.*\| diverged \|", text, re.M))
        == (study.costs["outcome"] == "diverged").sum()
    )
