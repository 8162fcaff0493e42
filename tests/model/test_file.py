"""Saving and loading: everything comes back, and nothing but a model is let in."""

from __future__ import annotations

import json
import os
import pickle
import stat
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import movieembed as me
from helpers import random_likes
from movieembed import Likes, MovieEmbedding

N_ITEMS = 8
TITLES = ["Amélie (2001)", "千と千尋 (2001)", "", "B \u0000 C", 'Quote "x" \\', "😀", "G", "H\n"]


def likes(**labels):
    L = random_likes(40, N_ITEMS, 0.5, 0).toarray()
    L[:, 2] = 0
    return Likes.from_matrix(L, **labels)


def fit(data, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MovieEmbedding(3, **{"random_state": 0, **parameters}).fit(data)


def assert_same(a, b):
    for name in ("embedding_", "eigenvalues_", "item_counts_"):
        x, y = getattr(a, name), getattr(b, name)
        assert x.dtype == y.dtype, name
        np.testing.assert_array_equal(x, y, err_msg=name)
    for name in ("cost_", "gap_", "converged_", "stop_reason_", "n_iter_", "n_features_in_"):
        x, y = getattr(a, name), getattr(b, name)
        assert type(x) is type(y), name
        assert x == y, name
    pd.testing.assert_frame_equal(a.history_, b.history_)
    assert a.items_.tolist() == b.items_.tolist()
    assert [type(i) for i in a.items_.tolist()] == [type(i) for i in b.items_.tolist()]
    if a.items_.dtype.kind in "iu":
        assert a.items_.dtype == b.items_.dtype
    assert (a.titles_ is None) == (b.titles_ is None)
    if a.titles_ is not None:
        assert a.titles_.tolist() == b.titles_.tolist()
    assert hasattr(a, "feature_names_in_") == hasattr(b, "feature_names_in_")
    query = a.items_.tolist()[0]
    pd.testing.assert_frame_equal(a.similar(query), b.similar(query))
    pd.testing.assert_frame_equal(a.recommend([query]), b.recommend([query]))


# -- There and back


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("titles", [None, TITLES])
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


def test_a_loaded_model_travels_to_workers_and_is_refitted(tmp_path, there_and_back):
    model = fit(likes(titles=TITLES))
    model.save(tmp_path / "m.npz")
    loaded = there_and_back(me.load(tmp_path / "m.npz"))
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

    def half(file, **arrays):
        file.write(b"PK half a file")
        raise error

    monkeypatch.setattr(np, "savez", half)
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


# -- What is not a model


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Bytes and arrays of a good file, and its header."""
    path = tmp_path_factory.mktemp("good") / "m.npz"
    fit(likes(titles=TITLES)).save(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    return path.read_bytes(), arrays, json.loads(arrays["header"].tobytes())


def refused(path, match=None):
    """Loading raises ValueError or OSError with the path in the message, and nothing else."""
    with pytest.raises((ValueError, OSError), match=match) as caught:
        me.load(path)
    assert str(path) in str(caught.value)
    return caught.value


def as_header(header):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return np.frombuffer(text, dtype=np.uint8)


def test_missing_file(tmp_path):
    assert isinstance(refused(tmp_path / "no.npz"), FileNotFoundError)
    assert isinstance(refused(tmp_path / "no" / "no.npz"), OSError)


def test_directory(tmp_path):
    assert isinstance(refused(tmp_path), OSError)


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"PK", b"PK\x03\x04", b"userId,movieId\n1,2\n", b"\x93NUMPY", bytes(1000)],
)
def test_not_a_zip(tmp_path, content):
    path = tmp_path / "m.npz"
    path.write_bytes(content)
    refused(path, "is not a movieembed model")


def test_a_pickle(tmp_path):
    path = tmp_path / "m.npz"
    path.write_bytes(pickle.dumps({"a": 1}))
    refused(path)


def test_a_single_array(tmp_path):
    path = tmp_path / "m.npy"
    np.save(path, np.ones(3))
    refused(path, "not a zip")


def test_another_npz(tmp_path):
    path = tmp_path / "m.npz"
    np.savez(path, embedding=np.ones((3, 2)))
    refused(path, "no header")
    np.savez(path)
    refused(path)


def test_truncated(tmp_path, good):
    content, _, _ = good
    path = tmp_path / "m.npz"
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        refused(path)


def test_a_flipped_byte_is_seen_or_harmless(tmp_path, good):
    # Members carry a checksum; what it does not cover must still fail as documented.
    content, _, _ = good
    path = tmp_path / "m.npz"
    rng = np.random.default_rng(0)
    messages = []
    central_directory = content.index(b"PK\x01\x02")
    positions = [*range(0, central_directory, 41), *range(central_directory, len(content))]
    for at in positions:
        damaged = bytearray(content)
        damaged[at] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            me.load(path)
        except (ValueError, OSError) as error:
            messages.append(str(error))
    assert len(messages) > len(positions) / 2
    assert [message for message in messages if str(path) not in message] == []


class Touch:
    """Its pickle, when loaded, makes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("name", ["embedding", "header", "extra"])
def test_a_pickled_array_is_refused_and_not_run(tmp_path, good, name):
    _, arrays, _ = good
    evil = np.empty(1, dtype=object)
    evil[0] = Touch(tmp_path / "touched")
    path = tmp_path / "m.npz"
    np.savez(path, **{**arrays, name: evil})
    refused(path)
    assert not (tmp_path / "touched").exists()


def test_newer_format(tmp_path, good):
    _, arrays, header = good
    path = tmp_path / "m.npz"
    newer = header | {"format_version": header["format_version"] + 1, "version": "77.0"}
    np.savez(path, **{**arrays, "header": as_header(newer)})
    refused(path, "77.0.*upgrade")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'"movieembed-model"',
        b"[" * 100_000,
        {},
        {"format": "something else"},
        {"format": "movieembed-model"},
    ],
    ids=lambda h: repr(h)[:20],
)
def test_wrong_header(tmp_path, good, header):
    _, arrays, _ = good
    path = tmp_path / "m.npz"
    np.savez(path, **{**arrays, "header": as_header(header)})
    refused(path)


@pytest.mark.parametrize("header", [np.zeros(4), np.zeros((2, 2), np.uint8), np.array("text")])
def test_header_of_another_kind(tmp_path, good, header):
    _, arrays, _ = good
    path = tmp_path / "m.npz"
    np.savez(path, **{**arrays, "header": header})
    refused(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"format_version": "2"},
        {"format_version": None},
        {"items": 3},
        {"items": None},
        {"items": [1, 2]},
        {"items": [1] * N_ITEMS},
        {"items": [None] * N_ITEMS},
        {"items": [[1]] * N_ITEMS},
        {"items": {"a": 1}},
        {"titles": "abcdefgh"},
        {"titles": ["a"]},
        {"titles": 5},
        {"feature_names": 5},
        {"feature_names": ["a"]},
        {"params": None},
        {"params": [1]},
        {"params": "x"},
        {"cost": "x"},
        {"cost": None},
        {"cost": []},
        {"gap": None},
        {"gap": "x"},
        {"n_iter": "x"},
        {"n_iter": None},
        {"n_iter": float("inf")},
    ],
    ids=repr,
)
def test_wrong_field(tmp_path, good, changes):
    _, arrays, header = good
    path = tmp_path / "m.npz"
    np.savez(path, **{**arrays, "header": as_header(header | changes)})
    refused(path)


def test_missing_field(tmp_path, good):
    _, arrays, header = good
    path = tmp_path / "m.npz"
    for name in header:
        if name == "version":
            continue
        less = {k: v for k, v in header.items() if k != name}
        np.savez(path, **{**arrays, "header": as_header(less)})
        refused(path)


def test_unknown_parameters_are_passed_over(tmp_path, good):
    # A later version of the same format may add one.
    _, arrays, header = good
    path = tmp_path / "m.npz"
    more = header | {"params": header["params"] | {"not_yet": 3}}
    np.savez(path, **{**arrays, "header": as_header(more)})
    assert me.load(path).n_components == 3


@pytest.mark.parametrize("name", ["header", "embedding", "eigenvalues", "item_counts", "history"])
def test_missing_array(tmp_path, good, name):
    _, arrays, _ = good
    path = tmp_path / "m.npz"
    np.savez(path, **{k: v for k, v in arrays.items() if k != name})
    refused(path, f"no {name}")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("embedding", lambda A: A[:-1]),
        ("embedding", lambda A: A.T),
        ("embedding", lambda A: A[:, :2]),
        ("embedding", lambda A: A.ravel()),
        ("embedding", lambda A: A[None]),
        ("embedding", lambda A: A.astype(int)),
        ("embedding", lambda A: A.astype(complex)),
        ("embedding", lambda A: A.astype(str)),
        ("embedding", lambda A: np.where(A[1, 1] == A, np.nan, A)),
        ("embedding", lambda A: np.where(A[1, 1] == A, np.inf, A)),
        ("eigenvalues", lambda A: A[:-1]),
        ("eigenvalues", lambda A: A * np.nan),
        ("eigenvalues", lambda A: np.float64(1)),
        ("item_counts", lambda A: A[:-1]),
        ("item_counts", lambda A: A.astype(float)),
        ("history", lambda A: A[:, :3]),
        ("history", lambda A: A.ravel()),
        ("history", lambda A: A * np.nan),
    ],
)
def test_wrong_array(tmp_path, good, name, change):
    _, arrays, _ = good
    path = tmp_path / "m.npz"
    np.savez(path, **{**arrays, name: change(arrays[name])})
    refused(path)


@pytest.mark.parametrize("name", ["embedding", "eigenvalues", "item_counts", "history"])
def test_other_layouts_work_or_are_refused(tmp_path, good, name):
    # Big-endian or Fortran-ordered files of another writer: a model that works, or an error now.
    _, arrays, _ = good
    array = arrays[name]
    path = tmp_path / "m.npz"
    for changed in (array.astype(array.dtype.newbyteorder(">")), np.asfortranarray(array)):
        np.savez(path, **{**arrays, name: changed})
        try:
            model = me.load(path)
        except ValueError:
            refused(path)
            continue
        assert len(model.similar(0)) > 0
        assert len(model.recommend([0, 1])) > 0
