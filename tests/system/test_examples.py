"""The notebooks of examples/ run from beginning to end, and find what they say they find."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from notebooks import EXAMPLES, NOTEBOOKS, outputs, run, split_numbers


def facts_of(name: str, folder: Path, expressions: dict[str, str]) -> dict[str, Any]:
    """Values of expressions at the end of a notebook that is run in a folder.

    What its cells show must be what they show in its file, but for a thousandth of a number.
    """
    kept = nbformat.read(EXAMPLES / name, as_version=4)
    notebook = copy.deepcopy(kept)
    pairs = ", ".join(f"{key!r}: {text}" for key, text in expressions.items())
    source = f"import json\nprint(json.dumps({{{pairs}}}, default=float))"
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    run(notebook, folder)
    facts = json.loads(notebook.cells.pop()["outputs"][0]["text"])
    for now, before in zip(outputs(notebook), outputs(kept), strict=True):
        assert [kind for kind, _ in now] == [kind for kind, _ in before]
        for (kind, text), (_, expected) in zip(now, before, strict=True):
            assert kind != "stderr", text
            words, numbers = split_numbers(text)
            expected_words, expected_numbers = split_numbers(expected)
            assert words == expected_words
            assert numbers == pytest.approx(expected_numbers, rel=1e-3, abs=1e-6)
    return facts


@pytest.fixture(autouse=True)
def pictures_in_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MPLBACKEND", raising=False)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_with_their_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert sum(bool(cell.outputs) for cell in code) > len(code) / 2
    assert path.stat().st_size < 250_000


def test_the_exercise(
    tmp_path: Path, movielens_small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOVIEEMBED_DATA", str(movielens_small.resolve()))
    facts = facts_of(
        "exercise.ipynb",
        tmp_path,
        {
            "n_likes": "likes.n_likes",
            "cost": "best.cost_",
            "wide_cost": "wide.cost_",
            "nearest": "{film: wide.similar(film, n=3, method='cosine')['title'].tolist()"
            " for film in films}",
            "curves": "len(histories)",
            "diverged": "sorted(f'{s} {r}' for s, r in histories.keys() - runs.keys())",
            "comparison": "comparison.to_dict('list')",
            "recommended": "wide.recommend(films)['title'].tolist()",
        },
    )
    assert facts["n_likes"] == 48_580
    assert facts["cost"] == pytest.approx(4_669_909.7171, rel=1e-7)
    assert facts["wide_cost"] == pytest.approx(1_687_122.2267, rel=1e-7)
    assert facts["nearest"] == {
        "Apollo 13 (1995)": [
            "Fugitive, The (1993)",
            "Jurassic Park (1993)",
            "Forrest Gump (1994)",
        ],
        "Toy Story (1995)": ["Toy Story 2 (1999)", "Aladdin (1992)", "Groundhog Day (1993)"],
        "Home Alone (1990)": [
            "Jumanji (1995)",
            "Back to the Future Part II (1989)",
            "Aladdin (1992)",
        ],
    }
    assert facts["curves"] == 14
    assert facts["diverged"] == ["gd 0.0001", "momentum 3e-05"]
    # What the text says of the table: who came close has the optimum's films, others do not.
    table = facts["comparison"]
    films = list(facts["nearest"])
    shared = list(zip(*(table[film] for film in films), strict=True))
    near = [all(n == 10 for n in row) for row in shared]
    assert {o for o, all_ten in zip(table["optimiser"], near, strict=True) if all_ten} >= {
        "adam",
        "als",
        "lbfgs",
        "momentum",
    }
    assert all(
        all_ten == (above < 1e-6) for above, all_ten in zip(table["above"], near, strict=True)
    )
    assert max(max(row) for row in shared[-3:]) <= 5
    assert "Jurassic Park (1993)" in facts["recommended"]


def test_own_data(tmp_path: Path) -> None:
    facts = facts_of(
        "own_data.ipynb",
        tmp_path,
        {
            "shape": "likes.shape",
            "same": "abs(same.matrix - likes.matrix).nnz",
            "step": "wide.eigenvalues_[5] / wide.eigenvalues_[6]",
            "tuned": "tuned.n_components",
            "right": "right.mean()",
            "liked": "model.recommend(taken, n=6)['title'].tolist()",
            "disliked": "model.recommend(taken, n=6, dislikes=['Music 1'])['title'].tolist()",
            "files": "sorted(file.name for file in folder.iterdir())",
        },
    )
    assert facts["shape"] == [1500, 90]
    assert facts["same"] == 0
    assert facts["step"] > 3
    assert facts["tuned"] == 6
    assert facts["right"] > 0.99
    subjects = [title.split()[0] for title in facts["liked"]]
    assert subjects[0] == "Physics"
    assert set(subjects) == {"Physics", "Music"}
    assert {title.split()[0] for title in facts["disliked"]} == {"Physics"}
    assert facts["files"] == ["courses.npz", "courses.parquet", "courses.vec"]
