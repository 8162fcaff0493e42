"""Splits, metrics and recommendations on a Dask cluster, against those of one process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import movieembed as me
from helpers import random_likes, unpickled
from movieembed import evaluation
from movieembed.data.distributed import blocks
from movieembed.data.likes import Likes
from movieembed.model.rules import Rules
from movieembed.model.users import Wish, best_in_task
from spread_likes import N_ITEMS, N_USERS, expected_table, matrix_of, some_likes, spread

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def likes() -> Likes:
    return some_likes()


@pytest.fixture(scope="module")
def model(likes: Likes) -> me.MovieEmbedding:
    """In float64 throughout, so that blocks of other sizes round alike."""
    given = {"recommend_weighting": 0, "keep_likes": False, "refine": 0}
    return me.MovieEmbedding(4, random_state=0, **given).fit(likes)


# Recommendations.


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"method": "cosine"},
        {"popularity_discount": 0.5, "filter_items": [0, 290]},
        {"regularization": 3.0, "allowed_items": [10, 20, 30]},
    ],
)
@pytest.mark.parametrize("n_parts", [1, 4])
def test_recommend(
    likes: Likes,
    model: me.MovieEmbedding,
    options: dict[str, Any],
    n_parts: int,
    tmp_path: Path,
    client: Any,
) -> None:
    there = spread(likes, client, n_parts)
    expected = expected_table(likes, model, 7, **options)
    assert {*likes.users} - {*expected["user"]} == {likes.users[5], likes.users[40]}
    table = model.recommend_users(there, 7, **options)
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=1e-12)
    folder = tmp_path / "new" / "lists"
    files = model.recommend_users(there, 7, folder=folder, progress=True, **options)
    assert files == [str(folder / f"part-{p:05d}.parquet") for p in range(n_parts)]
    assert sorted(map(str, folder.iterdir())) == files
    read = pd.concat([pd.read_parquet(path) for path in files], ignore_index=True)
    pd.testing.assert_frame_equal(read, table, check_dtype=False)
    assert read["item"].dtype == table["item"].dtype == np.int64


def test_recommend_from_files(likes: Likes, model: Any, tmp_path: Path, client: Any) -> None:
    """Parts without users, and users in the order of their hashes."""
    m = likes.matrix.tocoo()
    ratings = pd.DataFrame({"user": likes.users[m.row], "item": likes.items[m.col]})
    ratings.to_parquet(tmp_path / "a.parquet")
    there = me.DistributedLikes.from_ratings(tmp_path, items=likes.items, n_parts=90, client=client)
    assert 0 in there.users_of_part
    table = model.recommend_users(there, 3).sort_values(["user", "rank"], ignore_index=True)
    expected = expected_table(likes, model, 3).sort_values(["user", "rank"], ignore_index=True)
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=1e-12)


def test_lists_of_another_cut(likes: Likes, model: Any, tmp_path: Path, client: Any) -> None:
    """A folder never mixes the lists of two cuts."""
    model.recommend_users(spread(likes, client, 4), 2, folder=tmp_path)
    again = model.recommend_users(spread(likes, client, 4), 3, folder=tmp_path)
    assert pd.read_parquet(again[0])["rank"].max() == 3
    with pytest.raises(ValueError, match=r"part-00002\.parquet .* in another number of parts"):
        model.recommend_users(spread(likes, client, 2), 2, folder=tmp_path)
    assert pd.read_parquet(again[0])["rank"].max() == 3


def test_recommend_refined(likes: Likes, client: Any) -> None:
    """With the likes that a model keeps, by each worker."""
    model = me.MovieEmbedding(4, random_state=0, recommend_weighting=0).fit(likes)
    assert model.refine == "auto"
    table = model.recommend_users(spread(likes, client), 5)
    expected = expected_table(likes, model, 5)
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=1e-9)
    plain = model.recommend_users(spread(likes, client), 5, refine=0)
    assert not np.allclose(plain["score"].head(20), table["score"].head(20))


class Locked:
    """A callback that holds what cannot be sent."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def __call__(self, entry: Any) -> None:
        with self.lock:
            pass


def test_models_that_cannot_travel(
    likes: Likes, client: Any, pickle_roundtrip: Callable[[Any], Any]
) -> None:
    """A callback belongs to the process that fits."""
    callback = Locked()
    model = me.MovieEmbedding(2, random_state=0, callback=callback).fit(likes)
    with pytest.raises(TypeError, match="lock"):
        pickle_roundtrip(model)
    sent = pickle_roundtrip(model._fitted)
    assert sent.embedding.tobytes() == model.embedding_.tobytes()
    model.recommend(likes, 1, method="precision")
    kept = vars(model._fitted)  # with what a model keeps for its own recommendations
    assert kept.keys() > vars(sent).keys() == vars(pickle_roundtrip(model._fitted)).keys()
    assert len(model.recommend_users(spread(likes, client), 1)) == N_USERS - 2
    assert model.callback is callback


def test_arrays_from_the_network(likes: Likes, model: Any, client: Any) -> None:
    """They may be read-only, and lie where no number should."""

    def moved(x: np.ndarray) -> np.ndarray:
        raw = np.empty(x.nbytes + 1, dtype=np.uint8)
        there = raw[1:].view(x.dtype)
        there[...] = x
        there.flags.writeable = False
        assert not there.flags.aligned
        return there

    m = likes.matrix
    make, (data, indices, indptr, n_items, users) = blocks.UserRows(m, likes.users).__reduce__()
    rows = make(moved(data), moved(indices), moved(indptr), n_items, users)
    assert rows.matrix.indices.flags.aligned
    future = client.submit(best_in_task, rows, model._fitted_items(), Wish(7, Rules(), {}), None, 0)
    pd.testing.assert_frame_equal(
        future.result(), model.recommend_users(spread(likes, client, 1), 7)
    )


def test_what_recommend_refuses(likes: Likes, model: Any, tmp_path: Path, client: Any) -> None:
    there = spread(likes, client)
    other = me.MovieEmbedding(2, random_state=0).fit(
        Likes.from_matrix(likes.matrix, items=likes.items[::-1])
    )
    with pytest.raises(ValueError, match=r"in another order: .*items=model\.items_"):
        other.recommend_users(there)
    fewer = me.MovieEmbedding(2, random_state=0).fit(likes.matrix[:, :20])
    with pytest.raises(ValueError, match="the model has 20 items and the likes 30"):
        fewer.recommend_users(there)
    for n, kind in ((0, ValueError), (2.5, TypeError)):
        with pytest.raises(kind, match="n must be"):
            model.recommend_users(there, n)
    with pytest.raises(ValueError, match="method"):
        model.recommend_users(there, method="best")
    with pytest.raises(me.ItemNotFoundError):
        model.recommend_users(there, filter_items=["nothing"])
    with pytest.raises(Exception, match="not fitted") as error:
        me.MovieEmbedding(2).recommend_users(there)
    assert type(error.value).__name__ == "NotFittedError"
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        model.recommend_users(there, folder=tmp_path / "file")


# Splits.


@pytest.mark.parametrize("share", [0.2, 0.5])
@pytest.mark.parametrize("n_parts", [1, 3])
def test_split_random(likes: Likes, share: float, n_parts: int, client: Any) -> None:
    there = spread(likes, client, n_parts)
    split = evaluation.split_random(there, share, random_state=3)
    train, held = matrix_of(split.train.parts, client), matrix_of(split.held, client)
    assert ((train + held) != likes.matrix).nnz == 0
    assert train.nnz + held.nnz == likes.n_likes == split.train.n_likes + held.nnz
    lengths = np.diff(likes.matrix.indptr)
    np.testing.assert_array_equal(np.diff(held.indptr), np.floor(share * lengths + 0.5))
    assert split.train.items is there.items
    assert split.train.shape == likes.shape
    np.testing.assert_array_equal(
        split.train.item_counts, np.bincount(train.indices, minlength=N_ITEMS)
    )
    again = matrix_of(evaluation.split_random(there, share, random_state=3).held, client)
    assert (again != held).nnz == 0
    for seed in (4, None):
        other = matrix_of(evaluation.split_random(there, share, random_state=seed).held, client)
        assert (other != held).nnz > held.nnz / 4
    parts = client.gather(split.train.parts)
    assert np.concatenate([part.users for part in parts]).tolist() == likes.users.tolist()


def test_parts_draw_apart(client: Any) -> None:
    """Not the same draws for the first user of each part."""
    there = spread(Likes.from_matrix(np.ones((40, 50))), client, 40)
    held = matrix_of(evaluation.split_random(there, 0.5).held, client).toarray()
    assert len({row.tobytes() for row in held}) == 40


def test_what_split_random_refuses(likes: Likes, client: Any) -> None:
    there = spread(likes, client)
    for share in (0, 1, -0.1, 1.5, np.nan):
        with pytest.raises(ValueError, match="share must be between 0 and 1"):
            evaluation.split_random(there, share)
    with pytest.raises(ValueError, match="nothing is held out: users have too few likes"):
        evaluation.split_random(spread(Likes.from_matrix(np.eye(5)), client), 0.2)
    with pytest.raises(ValueError, match="random_state must be at least 0"):
        evaluation.split_random(there, random_state=-1)
    for wrong in (1.5, np.random.default_rng(0)):
        with pytest.raises(TypeError, match="random_state must be an integer"):
            evaluation.split_random(there, random_state=wrong)


# Metrics.


@pytest.mark.parametrize("n_parts", [1, 2, 5])
@pytest.mark.parametrize("ks", [(5,), (3, 10, 1)])
@pytest.mark.parametrize("options", [{}, {"method": "dot", "popularity_discount": 0.3}])
def test_evaluate(
    likes: Likes, ks: tuple[int, ...], n_parts: int, options: dict[str, Any], client: Any
) -> None:
    split = evaluation.split_random(spread(likes, client, n_parts), 0.3, random_state=1)
    train, held = matrix_of(split.train.parts, client), matrix_of(split.held, client)
    model = me.MovieEmbedding(3, random_state=0).fit(Likes.from_matrix(train, items=likes.items))
    found = split.evaluate(model, ks=ks, **options)

    asked = np.flatnonzero(np.diff(held.indptr))
    assert 0 < len(asked) < N_USERS
    here = evaluation.Split(Likes.from_matrix(train, items=likes.items), train[asked], held[asked])
    table = evaluation.evaluate(
        {"it": lambda _: lambda given, n: model.recommend(given, n, **options)[0]}, here, ks=ks
    )
    expected = table.loc["it"].drop(["fit_seconds", "recommend_seconds"])
    assert found.pop("users") == len(asked)
    assert found.index.tolist() == expected.index.tolist()
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found["popularity"] > 0
    assert 0 < found[f"recall@{ks[0]}"] < 1


def test_the_standard_error_of_few(client: Any) -> None:
    """Of one user none is known; of users alike it is 0 to the last bit."""
    one = evaluation.split_random(spread(Likes.from_matrix(np.ones((1, 10))), client))
    model = me.MovieEmbedding(1, random_state=0).fit(np.ones((3, 10)))
    found = one.evaluate(model, ks=(2,))
    assert found["users"] == 1
    assert np.isnan(found["ndcg@2_stderr"])
    alike = evaluation.split_random(spread(Likes.from_matrix(np.ones((50, 10))), client, 4))
    found = alike.evaluate(model, ks=(1,))
    assert found["ndcg@1_stderr"] == 0


def test_what_evaluate_refuses(likes: Likes, model: Any, client: Any) -> None:
    split = evaluation.split_random(spread(likes, client))
    with pytest.raises(ValueError, match="the model has 4 items"):
        split.evaluate(me.MovieEmbedding(1, random_state=0).fit(np.ones((3, 4))))
    with pytest.raises(ValueError, match="ks is empty"):
        split.evaluate(model, ks=())
    for k, kind in ((0, ValueError), (2.5, TypeError)):
        with pytest.raises(kind, match="ks must be"):
            split.evaluate(model, ks=(5, k))
    with pytest.raises(ValueError, match="method"):
        split.evaluate(model, method="best")


# Fits.


def test_keep_likes(likes: Likes, model: Any, client: Any) -> None:
    there = me.MovieEmbedding(4, random_state=0, recommend_weighting=0).fit(spread(likes, client))
    assert there.likes_ is None
    with pytest.raises(ValueError, match="takes Likes; DistributedLikes take"):
        me.MovieEmbedding(2, backend="cpu").fit(spread(likes, client))
    with pytest.raises(ValueError, match="keep_likes"):
        model.recommend_users(spread(likes, client), refine=1)


def test_refit(likes: Likes, tmp_path: Path, client: Any) -> None:
    model = me.MovieEmbedding(3, random_state=0).fit(likes)
    more = Likes.from_matrix(
        random_likes(80, N_ITEMS + 4, 0.3, seed=9), items=[*likes.items, "a", "b", "c", "d"]
    )
    again = model.refit(spread(more, client))
    fresh = me.MovieEmbedding(3, random_state=0).fit(more)
    assert again.cost_ == pytest.approx(fresh.cost_, rel=1e-6)
    assert again.items_.tolist() == more.items.tolist()
    assert again.backend == "auto"
    assert model.embedding_.shape == (N_ITEMS, 3)
    turned = Likes.from_matrix(more.matrix, items=more.items[::-1])
    for wrong in (turned, Likes.from_matrix(likes.matrix[:, :20], items=likes.items[:20])):
        with pytest.raises(ValueError, match="must have the model's items first, in its order"):
            model.refit(spread(wrong, client))


# What was rated and not liked.


@pytest.mark.parametrize("source", ["files in ranges", "files with all users", "likes"])
def test_what_was_seen(source: str, tmp_path: Path, client: Any) -> None:
    rng = np.random.default_rng(4)
    users, items = np.nonzero(rng.random((30, 14)) < 0.6)
    stars = rng.choice([1.0, 3.0, 4.0, 5.0], len(users))
    ratings = pd.DataFrame({"user": users, "item": items, "rating": stars})
    likes = Likes.from_ratings(ratings, threshold=4.0, items=range(14))
    assert likes.seen is not None
    if source == "likes":
        there = spread(likes, client)
    else:
        order = np.argsort(users if "ranges" in source else rng.random(len(users)), kind="stable")
        for p, rows in enumerate(np.array_split(order, 3)):
            ratings.iloc[rows].to_parquet(tmp_path / f"{p}.parquet")
        there = me.DistributedLikes.from_ratings(
            tmp_path, threshold=4.0, items=range(14), n_parts=2, client=client
        )
    parts = client.gather(there.parts)
    order = np.argsort(np.concatenate([part.users for part in parts]))
    seen = np.vstack([part.seen.toarray() for part in parts])[order]
    np.testing.assert_array_equal(seen, likes.seen.toarray())
    for part in parts:
        again = unpickled(part)
        np.testing.assert_array_equal(again.seen.toarray(), part.seen.toarray())
        assert again.seen.dtype == np.bool_
        larger = part.seen.data.nbytes + part.seen.indices.nbytes + part.seen.indptr.nbytes
        assert part.__sizeof__() - larger == blocks.UserRows(part.matrix, part.users).__sizeof__()

    model = me.MovieEmbedding(3, random_state=0).fit(likes)
    for options in ({}, {"exclude_seen": False}):
        table = model.recommend_users(there, 14, **options)
        table = table.sort_values(["user", "rank"], ignore_index=True)
        expected = model.recommend_users(likes, 14, **options)
        pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=1e-12)
    split = evaluation.split_random(there, 0.3, random_state=1)
    for exclude in (False, True):
        found = split.evaluate(model, ks=(5,), exclude_seen=exclude)
        matrices = [part.matrix for part in client.gather(split.train.parts)]
        train, held = (
            sp.csr_array(sp.vstack(some, format="csr"))[order]
            for some in (matrices, client.gather(split.held))
        )
        asked = np.flatnonzero(np.diff(held.indptr))
        here = evaluation.Split(
            Likes(train, likes.users, likes.items), train[asked], held[asked], likes.seen[asked]
        )
        table = evaluation.evaluate(
            {"it": lambda _: lambda given, n: model.recommend(given, n)[0]},
            here,
            ks=(5,),
            exclude_seen=exclude,
        )
        expected = table.loc["it"].drop(["fit_seconds", "recommend_seconds"])
        np.testing.assert_allclose(found[expected.index], expected, rtol=1e-12)
    assert split.evaluate(model, ks=(5,))["recall@5"] != found["recall@5"]
