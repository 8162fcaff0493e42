"""Models whose arrays stay in their file: the same answers, and nothing is copied."""

from __future__ import annotations

import gc
import io
import mmap
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import movieembed as me
from file_cases import assert_same, likes
from fit_cases import fit
from helpers import random_likes
from movieembed.data.canonical_csr import of_canonical_parts
from movieembed.model.npz import ALIGNMENT

QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "similar": lambda model: model.similar(3),
    "precision": lambda model: model.similar([3, 4], method="precision", refine=3),
    "recommend": lambda model: model.recommend([1, 2]),
    "users": lambda model: model.recommend_users(n=3),
    "rank": lambda model: model.rank([1, 2], [3, 4, 5]),
    "explain": lambda model: model.explain([1, 2], 5),
    "people": lambda model: model.similar_users(3),
    "vectors": lambda model: model.transform(model.likes_),
    "neighbours": lambda model: model.neighbors(4),
    "diversify": lambda model: model.recommend([1, 2], diversify=0.5),
    "extend": lambda model: model.extend(np.ones((60, 1)), model.likes_, items=[99]).embedding_,
    "refit": lambda model: model.refit(model.likes_).embedding_,
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mapped") / "model.npz"
    fit(random_likes(60, 25, 0.3, 0)).save(path)
    return path


def arrays_of(model: Any) -> list[np.ndarray]:
    fitted = model._fitted_items()
    ours = fitted.recommending
    own = [fitted.embedding, fitted.item_counts, fitted.item_squares]
    return [*own, ours.vectors, ours.squares, fitted.likes.indices]


def owner(array: Any) -> Any:
    """What holds the memory that an array is a view of."""
    while isinstance(array, np.ndarray):
        array = array.base
    return array


def test_the_arrays_are_the_files(path: Path) -> None:
    content, model, mapped = path.read_bytes(), me.load(path), me.load(path, mmap=True)
    for there, read in zip(arrays_of(mapped), arrays_of(model), strict=True):
        np.testing.assert_array_equal(there, read)
        assert isinstance(owner(there), mmap.mmap)
        assert not there.flags.writeable
        assert there.ctypes.data % ALIGNMENT == 0
        assert content.find(there.tobytes()) % ALIGNMENT == 0
        with pytest.raises(ValueError, match="read-only"):
            there[0] = 0


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_same_answers(path: Path, question: str) -> None:
    ask = QUESTIONS[question]
    wanted, found = ask(me.load(path)), ask(me.load(path, mmap=True))
    if isinstance(wanted, tuple):
        wanted, found = np.hstack(wanted), np.hstack(found)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))


replaces_mapped_files = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows replaces no file that is mapped"
)


@replaces_mapped_files
def test_round_trip(tmp_path: Path) -> None:
    """Saved over the file that it lies in, and in another process."""
    model = fit(likes(titles=list("ABCDEFGH")))
    model.save(tmp_path / "m.npz")
    there = me.MovieEmbedding.load(tmp_path / "m.npz", mmap=True)
    assert_same(model, there)
    there.save(tmp_path / "m.npz")
    assert_same(model, there)
    assert_same(model, me.load(tmp_path / "m.npz", mmap=True))


def test_another_process(path: Path, pickle_roundtrip: Callable[[Any], Any]) -> None:
    model = me.load(path, mmap=True)
    assert pickle_roundtrip(model).recommend([1, 2]).equals(model.recommend([1, 2]))


@replaces_mapped_files
def test_a_file_that_is_replaced(path: Path, tmp_path: Path) -> None:
    there = tmp_path / "m.npz"
    there.write_bytes(path.read_bytes())
    model = me.load(there, mmap=True)
    before = model.recommend([1, 2])
    fit(random_likes(60, 25, 0.3, 1)).save(there)
    assert model.recommend([1, 2]).equals(before)
    assert not me.load(there, mmap=True).recommend([1, 2]).equals(before)


def test_a_file_of_an_older_version(path: Path, tmp_path: Path) -> None:
    """NumPy's own, where arrays begin anywhere, are read."""
    with np.load(path) as file:
        np.savez(tmp_path / "old.npz", **dict(file))
    model = me.load(tmp_path / "old.npz", mmap=True)
    assert model.recommend([1, 2]).equals(me.load(path).recommend([1, 2]))
    assert all(array.flags.aligned for array in arrays_of(model))


def test_many_threads(path: Path) -> None:
    model = me.load(path, mmap=True)
    wanted = [me.load(path).recommend([i % 25]) for i in range(64)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: model.recommend([i % 25]), range(64)))
    assert all(one.equals(other) for one, other in zip(found, wanted, strict=True))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_file_is_let_go(path: Path) -> None:
    def mapped() -> bool:
        return str(path) in Path("/proc/self/maps").read_text(encoding="utf-8")

    gc.collect()
    assert not mapped()
    model = me.load(path, mmap=True)
    assert mapped()
    del model
    gc.collect()
    assert not mapped()


def test_a_damaged_array(tmp_path: Path) -> None:
    """Large enough for its end not to be seen with its beginning."""
    model = fit(random_likes(60, 300, 0.1, 0))
    model.save(tmp_path / "m.npz")
    content, array = bytearray((tmp_path / "m.npz").read_bytes()), model.embedding_.tobytes()
    content[content.find(array) + len(array) - 1] ^= 1
    (tmp_path / "m.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"its embedding does not match its checksum"):
        me.load(tmp_path / "m.npz", mmap=True)


def test_a_file_object_cannot_be_mapped(path: Path) -> None:
    with pytest.raises(ValueError, match="mmap=True needs a path, not a file object"):
        me.load(io.BytesIO(path.read_bytes()), mmap=True)


def test_canonical_parts_are_taken_as_they_are() -> None:
    indptr = np.array([0, 0, 2, 2, 3, 3], dtype=np.int32)
    data = np.array([1, 2, 3], dtype=np.float32)
    for indices, same in (([0, 2, 1], True), ([2, 0, 1], False)):
        given = np.array(indices, dtype=np.int32)
        matrix = of_canonical_parts(data, given, indptr, (5, 4))
        assert np.shares_memory(matrix.indices, given) == same
        assert matrix.has_canonical_format
        want = np.zeros((5, 4))
        want[[1, 1, 3], indices] = data
        np.testing.assert_array_equal(matrix.toarray(), want)
    repeated = of_canonical_parts(data, np.array([1, 1, 0], dtype=np.int32), indptr, (5, 4))
    assert repeated.toarray()[1].tolist() == [0, 3, 0, 0]
    zero = np.array([1, 0, 3], dtype=np.float32)
    assert of_canonical_parts(zero, np.array([0, 2, 1]), indptr, (5, 4)).nnz == 2
    empty = np.zeros(0, dtype=np.int32)
    assert of_canonical_parts(data[:0], empty, np.zeros(6, np.int32), (5, 4)).nnz == 0
