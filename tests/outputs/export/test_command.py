"""The command export: what it writes and says, and its errors in one line."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest
from safetensors import safe_open

import movieembed as me
from command_line import run
from export_cases import (
    D,
    N,
    fit,
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory, model, kept):
    folder = tmp_path_factory.mktemp("models")
    model.save(folder / "model.npz")
    kept.save(folder / "kept.npz")
    fit().save(folder / "bare.npz")
    return folder


@pytest.mark.parametrize(
    ("out", "options", "write"),
    [
        ("v.txt", [], me.export_word2vec),
        ("v.vec", ["--keys", "title"], lambda m, p: me.export_word2vec(m, p, keys="title")),
        ("v.BIN", [], lambda m, p: me.export_word2vec(m, p, binary=True)),
        ("v.dat", ["--format", "word2vec"], me.export_word2vec),
        ("v.parquet", [], me.export_parquet),
        ("v.pq", [], me.export_parquet),
        ("v.arrow", [], me.export_arrow),
        ("v.feather", [], me.export_arrow),
        ("v.npy", [], me.export_numpy),
        ("v.npz", [], me.export_numpy),
        ("v.npz", ["--format", "likes"], me.export_likes),
        ("v.npz", ["--format", "cooccurrence", "--jobs", 1], me.export_cooccurrence),
    ],
)
def test_from_the_command_line(tmp_path, saved, kept, out, options, write):
    result = run("export", saved / "kept.npz", "--out", tmp_path / out, *options)
    assert result.stderr == ""
    write(kept, tmp_path / "expected.npz" if out == "v.npz" else tmp_path / f"expected_{out}")
    (expected,) = tmp_path.glob("expected*")
    assert (tmp_path / out).read_bytes() == expected.read_bytes()
    assert result.stdout.splitlines()[0] == "items 10 (9 with a vector)"
    assert result.stdout.splitlines()[-1] == f"saved {tmp_path / out}"


def test_folders_and_options_from_the_command_line(tmp_path, saved, model):
    me.export_projector(model, tmp_path / "expected", only_embedded=True)
    (tmp_path / "there.d").mkdir()
    for name in ("new", "there.d"):
        run("export", saved / "model.npz", "-o", tmp_path / name, "--only-embedded")
        for file in ("vectors.tsv", "metadata.tsv"):
            expected = (tmp_path / "expected" / file).read_bytes()
            assert (tmp_path / name / file).read_bytes() == expected
    out = tmp_path / "v.safetensors"
    document = json.loads(run("export", saved / "model.npz", "-o", out, "--json").stdout)
    assert document == {
        "model": str(saved / "model.npz"),
        "format": "safetensors",
        "items": N,
        "embedded_items": N - 1,
        "components": D,
        "out": str(out),
    }
    with safe_open(out, framework="numpy") as file:
        np.testing.assert_array_equal(file.get_tensor("embedding"), model.embedding_)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model.npz"], "Missing option"),
        (["absent.npz", "-o", "OUT/v.npy"], "there is no model file"),
        (["absent.npz", "-o", "OUT/p"], "there is no model file"),
        (["model.npz", "-o", "OUT/v.xyz"], "v.xyz ends in none of .txt, .vec, .bin,"),
        (["model.npz", "-o", "OUT/v.xyz", "--format", "csv"], "--format must be one of word2vec,"),
        (["model.npz", "-o", "OUT/v.xyz", "--format", "numpy"], "ends in .npy or .npz, not as"),
        (["model.npz", "-o", "OUT/absent/v.npy"], "absent does not exist"),
        (["model.npz", "-o", "OUT", "--format", "parquet"], "is a folder; name a file in it"),
        (["model.npz", "-o", "model.npz"], "is the model itself; name another file"),
        (["model.npz", "-o", "model.npz", "--format", "projector"], "is a file; name a folder"),
        (["model.npz", "-o", "OUT/v.npy", "--keys", "title"], "--keys is for word2vec, not for nu"),
        (["model.npz", "-o", "OUT/v.vec", "--keys", "id"], "--keys must be one of 'item' and"),
        (
            ["bare.npz", "-o", "OUT/v.vec", "--keys", "title"],
            "--keys title needs titles, and this model has none; use --keys item",
        ),
        (["model.npz", "-o", "OUT/L.npz", "--format", "likes"], "fit it with --keep-likes"),
        (["model.npz", "-o", "OUT/X.npz", "--format", "cooccurrence"], "fit it with --keep-likes"),
        (
            ["kept.npz", "-o", "OUT/L.npz", "--format", "likes", "--only-embedded"],
            "--only-embedded is for vectors, not for likes",
        ),
    ],
)
def test_an_error_is_one_line(tmp_path, saved, monkeypatch, arguments, words):
    monkeypatch.chdir(saved)
    before = (saved / "model.npz").read_bytes()
    named = [a.replace("OUT", str(tmp_path)) for a in arguments]
    result = run("export", *named, status=2)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("movieembed: error: ")
    assert words in line
    assert os.listdir(tmp_path) == []
    assert (saved / "model.npz").read_bytes() == before


def test_a_missing_package_is_one_line(tmp_path, saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    out = tmp_path / "v.safetensors"
    (line,) = run("export", saved / "model.npz", "-o", out, status=2).stderr.splitlines()
    needed = "safetensors is not installed: pip install 'movieembed[export]'"
    assert line == f"movieembed: error: {needed}"


def test_help_names_the_extra():
    text = run("export", "--help").stdout
    assert "$ movieembed export small.npz --out small.parquet" in text
    assert "movieembed[export]" in text
    assert "movieembed[evaluation]" in run("evaluate", "--help").stdout
