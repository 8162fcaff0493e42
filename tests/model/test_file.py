"""Saving and loading: everything comes back."""

from __future__ import annotations

import os
import stat
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import movieembed as me
from file_cases import N_ITEMS, TITLES, assert_same, likes
from fit_cases import fit
from helpers import random_likes
from movieembed import MovieEmbedding
from movieembed.model import npz

# -- There and back


@pytest.mark.parametrize(("titles", "dtype"), [(None, "float64"), (TITLES, "float32")])
@pytest.mark.parametrize(
    "ids",
    [
        None,
        [5, -1, 2**62, 3, 100, 7, 8, 9],
        ["a", "b", "", "é", "1", "千", "with space", "\n"],
        [1, "1", 2.5, "x", 4, 5, 6, 7],
        [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5],
        np.array([1, 2, 3, 4, 5, 6, 7, 2**63 + 1], dtype=np.uint64),
        np.array(list("abcdefgh")),
    ],
    ids=["none", "int", "str", "mixed", "float", "uint64", "numpy str"],
)
def test_round_trip(tmp_path, ids, titles, dtype):
    model = fit(likes(items=ids, titles=titles), dtype=dtype)
    path = tmp_path / "model.npz"
    model.save(path)
    for loaded in (me.load(path), me.load(str(path)), MovieEmbedding.load(path)):
        assert type(loaded) is MovieEmbedding
        assert_same(model, loaded)
    assert os.listdir(tmp_path) == ["model.npz"]


def test_ids_in_numpys_scalars(tmp_path):
    # What list(some_array) gives, beside strings.
    ids = np.empty(N_ITEMS, dtype=object)
    ids[:] = [np.int64(3), "a", np.str_("b"), np.float64(0.5), "c", "d", "e", "f"]
    model = fit(likes(items=ids))
    model.save(tmp_path / "m.npz")
    loaded = me.load(tmp_path / "m.npz")
    assert loaded.items_.tolist() == model.items_.tolist()
    assert loaded.similar(3)["item"].tolist() == model.similar(3)["item"].tolist()


def test_saving_again_gives_the_same(tmp_path):
    model = fit(likes(titles=TITLES))
    model.save(tmp_path / "a.npz")
    me.load(tmp_path / "a.npz").save(tmp_path / "b.npz")
    assert_same(model, me.load(tmp_path / "b.npz"))
    with np.load(tmp_path / "a.npz") as a, np.load(tmp_path / "b.npz") as b:
        assert sorted(a.files) == sorted(b.files)
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name])


def test_parameters_are_kept(tmp_path):
    model = MovieEmbedding(
        np.int64(2),
        solver="momentum",
        learning_rate=np.float64(1e-3),
        momentum=0.5,
        tol=np.float32(0.25),
        max_iter=7,
        dtype=np.float32,
        random_state=np.int32(5),
        n_jobs=1,
        verbose=None,
    )
    with pytest.warns(ConvergenceWarning):
        model.fit(likes())
    model.save(tmp_path / "m.npz")
    params = me.load(tmp_path / "m.npz").get_params()
    wanted = model.get_params() | {"dtype": "float32"}
    assert params == wanted
    # They are parameters one can fit with.
    with pytest.warns(ConvergenceWarning):
        again = clone(me.load(tmp_path / "m.npz")).fit(likes())
    np.testing.assert_array_equal(again.embedding_, model.embedding_)


def test_what_is_not_kept(tmp_path):
    model = fit(
        likes(),
        solver="als",
        init=np.ones((N_ITEMS, 3)) + np.eye(N_ITEMS, 3),
        callback=lambda entry: False,
        random_state=np.random.default_rng(0),
    )
    model.save(tmp_path / "m.npz")
    loaded = me.load(tmp_path / "m.npz")
    assert_same(model, loaded)
    assert loaded.init == "random"
    assert loaded.callback is None
    assert loaded.random_state is None


@pytest.mark.parametrize("seed", [0, 2**40, None])
def test_seeds(tmp_path, seed):
    fit(likes(), random_state=seed).save(tmp_path / "m.npz")
    assert me.load(tmp_path / "m.npz").random_state == seed


def test_infinite_gap(tmp_path):
    model = fit(likes(), solver="gd", max_iter=3)
    assert model.gap_ == np.inf
    assert not model.converged_
    model.save(tmp_path / "m.npz")
    assert_same(model, me.load(tmp_path / "m.npz"))


@pytest.mark.filterwarnings("ignore:no two items")
def test_empty_model(tmp_path):
    model = MovieEmbedding(3).fit(np.eye(4))
    model.save(tmp_path / "m.npz")
    loaded = me.load(tmp_path / "m.npz")
    assert loaded.stop_reason_ == "empty"
    np.testing.assert_array_equal(loaded.embedding_, np.zeros((4, 3)))


def test_feature_names(tmp_path):
    frame = pd.DataFrame(likes().matrix.toarray(), columns=[f"film {i}" for i in range(N_ITEMS)])
    model = fit(frame)
    model.save(tmp_path / "m.npz")
    loaded = me.load(tmp_path / "m.npz")
    assert_same(model, loaded)
    assert loaded.feature_names_in_.tolist() == frame.columns.tolist()
    assert loaded.feature_names_in_.dtype == object


def test_loaded_models_are_their_own(tmp_path):
    model = fit(likes())
    model.save(tmp_path / "m.npz")
    one, two = me.load(tmp_path / "m.npz"), me.load(tmp_path / "m.npz")
    one.embedding_[:] = 0
    assert two.embedding_.any()
    one.fit(random_likes(20, 5, 0.6, 1).toarray())
    assert one.n_features_in_ == 5
    assert two.n_features_in_ == N_ITEMS


def test_a_loaded_model_travels_to_workers_and_is_refitted(tmp_path, pickle_roundtrip):
    model = fit(likes(titles=TITLES))
    model.save(tmp_path / "m.npz")
    loaded = pickle_roundtrip(me.load(tmp_path / "m.npz"))
    assert_same(model, loaded)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        refitted = loaded.fit(likes(titles=TITLES))
    np.testing.assert_array_equal(refitted.embedding_, model.embedding_)


def test_the_file_holds_no_pickle(tmp_path):
    fit(likes(items=list("abcdefgh"), titles=TITLES)).save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        for name in file.files:
            assert file[name].dtype.kind in "uif"


def test_the_suffix_is_the_users(tmp_path):
    model = fit(likes())
    for name in ("model", "model.bin", "модель.npz", "a b.npz"):
        model.save(tmp_path / name)
        assert_same(model, me.load(tmp_path / name))
    assert len(os.listdir(tmp_path)) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_permissions_follow_the_umask(tmp_path):
    model = fit(likes())
    before = os.umask(0o027)
    try:
        model.save(tmp_path / "m.npz")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "m.npz").stat().st_mode) == 0o640


# -- What cannot be saved


@pytest.mark.parametrize(
    "ids",
    [
        [(1, i) for i in range(N_ITEMS)],
        list(pd.date_range("2020-01-01", periods=N_ITEMS)),
        [b"x", *range(N_ITEMS - 1)],
        [frozenset(), *range(N_ITEMS - 1)],
    ],
    ids=["tuple", "date", "bytes", "frozenset"],
)
def test_ids_that_json_does_not_have(tmp_path, ids):
    model = fit(likes(items=ids))
    (tmp_path / "m.npz").write_text("old")
    with pytest.raises(TypeError, match="item ids must be numbers or strings"):
        model.save(tmp_path / "m.npz")
    assert os.listdir(tmp_path) == ["m.npz"]
    assert (tmp_path / "m.npz").read_text() == "old"


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), MemoryError()])
def test_a_failing_write_leaves_the_old_file(tmp_path, monkeypatch, error):
    path = tmp_path / "m.npz"
    old = fit(likes())
    old.save(path)
    before = path.read_bytes()

    def half(archive, name, array):
        archive.fp.write(b"PK half a file")
        raise error

    monkeypatch.setattr(npz, "_add", half)
    with pytest.raises(type(error)):
        fit(likes(), random_state=1, dtype="float32").save(path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.npz"]
    assert_same(old, me.load(path))


def test_a_failing_rename_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.npz"
    fit(likes()).save(path)
    before = path.read_bytes()

    def refuse(*args, **kwargs):
        raise PermissionError("no")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        fit(likes(), random_state=1).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.npz"]


def test_saving_over_an_old_file(tmp_path):
    path = tmp_path / "m.npz"
    fit(likes()).save(path)
    new = fit(likes(titles=TITLES), dtype="float32")
    new.save(path)
    assert_same(new, me.load(path))


def test_saving_where_one_cannot(tmp_path):
    model = fit(likes())
    with pytest.raises(OSError, match="nowhere"):
        model.save(tmp_path / "nowhere" / "m.npz")
    with pytest.raises(OSError, match=tmp_path.name):
        model.save(tmp_path)
    assert os.listdir(tmp_path) == []
    assert not [p for p in os.listdir(tmp_path.parent) if p.endswith(".part")]
