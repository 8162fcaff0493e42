"""Loading what is no model, or a damaged one: nothing but a model is let in."""

from __future__ import annotations

import io
import json
import os
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest

import movieembed as me
from file_cases import N_ITEMS, TITLES, likes
from fit_cases import fit


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
    for mapped in (True, False):
        with pytest.raises((ValueError, OSError), match=match) as caught:
            me.load(path, mmap=mapped)
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
            me.load(path, mmap=bool(at % 2))
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
    in_older_files_or_not = {"version", "threshold", "recommender", "users", "item_table"}
    for name in header.keys() - in_older_files_or_not:
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
        assert me.load(path, mmap=True).recommend([0, 1]).equals(model.recommend([0, 1]))


def peak_of_loading(path):
    """What Python and NumPy allocate at most while a file is refused."""
    tracemalloc.start()
    try:
        error = refused(path)
        return tracemalloc.get_traced_memory()[1], error
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["extra", "embedding", "header"])
def test_a_member_that_would_inflate_is_not_read(tmp_path, good, name):
    _, arrays, _ = good
    path = tmp_path / "m.npz"
    np.savez(path, **{key: value for key, value in arrays.items() if key != name})
    held = io.BytesIO()
    np.save(held, np.zeros(50_000_000, dtype=np.uint8))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", held.getbuffer())
    peak, error = peak_of_loading(path)
    assert peak < 5e6
    assert ("'extra.npy', which none has" if name == "extra" else "is compressed") in str(error)


@pytest.mark.parametrize("shape", [(2**40, 3), (N_ITEMS, 2**40), (10**30, 3)])
@pytest.mark.parametrize("declared", [None, 2**43])
def test_an_array_that_says_it_is_huge_is_damage(tmp_path, good, shape, declared):
    """Nothing is allocated for it, also where the archive's entry says the same."""
    _, arrays, header = good
    header = header | {"items": ["x"] * N_ITEMS}
    path = tmp_path / "m.npz"
    rest = {key: value for key, value in arrays.items() if key not in ("embedding", "header")}
    np.savez(path, header=as_header(header), **rest)
    about = {"descr": "<f8", "fortran_order": False, "shape": shape}
    with zipfile.ZipFile(path, "a") as archive:
        with archive.open("embedding.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array_header_2_0(member, about)
        if declared:
            entry = archive.getinfo("embedding.npy")
            entry.file_size = entry.compress_size = declared
    peak, error = peak_of_loading(path)
    assert peak < 5e6
    assert "or is damaged" in str(error)


@pytest.mark.parametrize(
    "changes",
    [
        {"refine": 10**29},
        {"refine": 1e29},
        {"max_iter": "many"},
        {"solver": "magic"},
        {"n_jobs": 0},
        {"n_jobs": "all"},
        {"random_state": -1},
        {"item_scaling": 1e300},
        {"tol": -1.0},
        {"keep_likes": "no"},
    ],
)
def test_parameters_are_checked_as_the_constructor_checks_them(tmp_path, good, changes):
    _, arrays, header = good
    changed = header | {"params": header["params"] | changes}
    path = tmp_path / "m.npz"
    np.savez(path, **{**arrays, "header": as_header(changed)})
    (name,) = changes
    assert f"damaged: {name} must" in str(refused(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is a pipe or a device, not a movieembed model")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such device here")
def test_a_device_is_not_read():
    refused("/dev/zero", "is a pipe or a device, not a movieembed model")


def test_a_file_object(tmp_path, good):
    content, _, _ = good
    model = me.load(io.BytesIO(content))
    held = io.BytesIO()
    model.save(held)
    assert held.getvalue() == content
    held.seek(0)
    assert (me.load(held).embedding_ == model.embedding_).all()
    with (tmp_path / "m.npz").open("w+b") as file:
        model.save(file)
        assert (me.load(file).embedding_ == model.embedding_).all()
    assert (me.load(tmp_path / "m.npz").embedding_ == model.embedding_).all()
    with pytest.raises(ValueError, match="the file object is not a movieembed model"):
        me.load(io.BytesIO(b"PK half"))
    for wrong in (io.StringIO(), 3):
        with pytest.raises(TypeError, match="expected a path or a binary file object"):
            me.load(wrong)
        with pytest.raises(TypeError, match="expected a path or a binary file object"):
            model.save(wrong)
