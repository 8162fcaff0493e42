"""What needs a package that `pip install movieembed` leaves out names the extra that brings it."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import movieembed as me
from command_line import process
from helpers import REPOSITORY
from movieembed import evaluation
from movieembed.cli import app
from movieembed.outputs.map.figure import save_figure

PACKAGES = {
    "ann": ("usearch", "hnswlib", "faiss"),
    "cuda12": ("cupy",),
    "cuda13": ("cupy",),
    "dask": ("distributed",),
    "evaluation": ("implicit",),
    "export": ("safetensors",),
    "map": ("openTSNE",),
}
OTHER_NAMES = {"cuda": "cuda12"}
# Whole modules import Matplotlib: the test without it is a process of its own.
IN_A_PROCESS = {"plot"}
FOR_DEVELOPERS = {"cuda-check", "test", "docs", "lint", "bench"}

FUNCTIONS: list[tuple[str, Callable[[Any, Path], object]]] = [
    ("ann", lambda model, out: me.AnnIndex(model)),
    ("ann", lambda model, out: me.AnnIndex(model, library="usearch")),
    ("dask", lambda model, out: me.MovieEmbedding(2, backend="dask").fit(model.likes_)),
    ("dask", lambda model, out: me.DistributedLikes.from_likes(me.Likes.from_matrix(model.likes_))),
    ("dask", lambda model, out: me.DistributedLikes.from_ratings(out)),
    ("cuda12", lambda model, out: me.MovieEmbedding(2, backend="cuda").fit(model.likes_)),
    ("cuda13", lambda model, out: me.MovieEmbedding(2, backend="cuda").fit(model.likes_)),
    ("evaluation", lambda model, out: evaluation.als(me.Likes.from_matrix(model.likes_))),
    ("export", lambda model, out: me.export_safetensors(model, out / "v.safetensors")),
    ("map", lambda model, out: me.layout(model, "tsne")),
    ("map", lambda model, out: me.map_html(model, out / "map.html", method="tsne")),
    ("map", lambda model, out: me.map_figure(model, method="tsne")),
    ("map", lambda model, out: save_figure(model, out / "map.png", method="tsne")),
]
COMMANDS = [
    ("evaluation", "evaluate {data} --components 2 --baselines als"),
    ("export", "export {model} --out {out}/v.safetensors"),
    ("export", "export {model} --out {out}/v --format safetensors"),
    ("map", "map {model} --out {out}/map.html --method tsne"),
    ("map", "map {model} --out {out}/map.png --method tsne"),
]


@pytest.fixture(scope="module")
def model() -> me.MovieEmbedding:
    rng = np.random.default_rng(0)
    matrix = (rng.random((30, 12)) < 0.4).astype(float)
    return me.MovieEmbedding(2, random_state=0, keep_likes=True).fit(matrix)


@pytest.fixture(autouse=True)
def without_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = {name for names in PACKAGES.values() for name in names}
    loaded = {name for name in sys.modules if name.split(".")[0] in hidden}
    for name in hidden | loaded:
        monkeypatch.setitem(sys.modules, name, None)


def extras() -> dict[str, list[str]]:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]["optional-dependencies"]


def test_every_extra_is_tested() -> None:
    assert set(extras()) - FOR_DEVELOPERS - set(OTHER_NAMES) - IN_A_PROCESS == set(PACKAGES)
    for name, other in OTHER_NAMES.items():
        assert extras()[name] == extras()[other]
    assert {extra for extra, _ in FUNCTIONS} == set(PACKAGES)
    for extra, packages in PACKAGES.items():
        assert extras()[extra][0].startswith(packages[0])


@pytest.mark.parametrize(("extra", "call"), FUNCTIONS)
def test_functions(
    model: me.MovieEmbedding, tmp_path: Path, extra: str, call: Callable[[Any, Path], object]
) -> None:
    with pytest.raises(ImportError) as caught:
        call(model, tmp_path)
    (line,) = str(caught.value).splitlines()
    assert "pip install '" in line
    assert f"'movieembed[{extra}]'" in line
    assert PACKAGES[extra][0] in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("extra", "command"), COMMANDS)
def test_commands(model: me.MovieEmbedding, tmp_path: Path, extra: str, command: str) -> None:
    model.save(tmp_path / "model.npz")
    data = tmp_path / "data.csv"
    data.write_text("user,item\n" + "".join(f"{u},{i}\n" for u in range(9) for i in range(u, 9)))
    out = tmp_path / "out"
    out.mkdir()
    words = command.format(data=data, model=tmp_path / "model.npz", out=out).split()
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("movieembed: error: ")
    assert f"pip install 'movieembed[{extra}]'" in line
    assert list(out.iterdir()) == []


def test_the_rest_does_without(model: me.MovieEmbedding, tmp_path: Path) -> None:
    me.map_html(model, tmp_path / "map.html")
    me.export_parquet(model, tmp_path / "v.parquet")
    assert len(list(tmp_path.iterdir())) == 2
    np.testing.assert_array_equal(me.layout(model), me.layout(model, "pca"))


WITHOUT_MATPLOTLIB = """
import sys
sys.modules["matplotlib"] = None
import movieembed as me
from movieembed.cli import main
model = me.load("model.npz")
me.map_html(model, "map.html", method="pca")
for what in (
    lambda: __import__("movieembed.outputs.plots"),
    lambda: __import__("movieembed.outputs.loss_plots"),
    lambda: me.write_report,
    lambda: me.map_figure(model, method="pca"),
):
    try:
        what()
    except ImportError as error:
        print(error)
for words in (
    "report model.npz --out r.html",
    "map model.npz --method pca --out m.png",
    "study data.csv --out study",
):
    sys.argv[1:] = words.split()
    try:
        main()
    except SystemExit as end:
        assert end.code == 2
"""


def test_pictures_alone_need_matplotlib(model: me.MovieEmbedding, tmp_path: Path) -> None:
    model.save(tmp_path / "model.npz")
    (tmp_path / "data.csv").write_text("user,item\n1,1\n1,2\n2,1\n2,2\n")
    done = process(code=WITHOUT_MATPLOTLIB, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    what = "plots and reports need matplotlib: pip install 'movieembed[plot]'"
    assert done.stdout.splitlines() == [what] * 4
    assert done.stderr.splitlines() == [f"movieembed: error: {what}"] * 3
    assert {path.name for path in tmp_path.iterdir()} == {"model.npz", "data.csv", "map.html"}
