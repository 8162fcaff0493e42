"""What a file keeps of the users and of the table of items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from fit_cases import fit
from helpers import random_likes

N_USERS, N_ITEMS = 40, 8


DAY = pd.to_datetime(["2020-01-01"] * N_ITEMS)


def likes(users: Any = None, **columns: Any) -> me.Likes:
    rng = np.random.default_rng(0)
    matrix = random_likes(N_USERS, N_ITEMS, 0.5, 0)
    table = pd.DataFrame(
        {
            "genres": ["Comedy", None] * 4,
            "minutes": [90.5, np.nan] * 4,
            "year": range(1990, 1998),
            7: ["a"] * 8,
        }
    ).assign(**columns)
    seen = (rng.random(matrix.shape) < 0.3) & (matrix.toarray() == 0)
    users = range(N_USERS) if users is None else users
    return me.Likes(matrix, users, np.arange(N_ITEMS) + 20, item_table=table, seen=seen)


@pytest.mark.parametrize(
    "users",
    [
        None,
        [f"u{i}" for i in range(N_USERS)],
        ["1", 1, *range(10, 10 + N_USERS - 2)],
        np.arange(N_USERS, dtype=np.uint64) + 2**63,
        np.arange(N_USERS) + 0.5,
    ],
    ids=["numbers", "text", "mixed", "uint64", "float"],
)
def test_there_and_back(tmp_path: Path, users: Any) -> None:
    given = likes(users, day=DAY)
    model = fit(given)
    with pytest.warns(UserWarning, match=r"so it lacks column 'day' of the table of items$"):
        model.save(tmp_path / "m.npz")
    again = me.load(tmp_path / "m.npz")
    kept = again._fitted
    assert again.users_.tolist() == given.users.tolist()
    assert again.users_.dtype == given.users.dtype
    np.testing.assert_array_equal(kept.seen.toarray(), given.seen.toarray())
    assert kept.seen.dtype == bool
    # Of what a header of JSON holds.
    expected = given.item_table.drop(columns="day").rename(columns={7: "7"})
    pd.testing.assert_frame_equal(again.item_table_, expected, check_dtype=False)
    some = given.users[[5, 2]].tolist()
    pd.testing.assert_frame_equal(
        again.recommend_users(users=some), model.recommend_users(users=some)
    )


def test_ids_that_a_file_cannot_hold_are_not_kept(tmp_path: Path) -> None:
    model = fit(likes([(i, i) for i in range(N_USERS)], day=DAY))
    assert len(model.recommend_users(users=[(3, 3)]))
    with pytest.warns(UserWarning, match="so it lacks the ids of the users and column 'day' of"):
        model.save(tmp_path / "m.npz")
    again = me.load(tmp_path / "m.npz")
    assert again.likes_ is not None
    with pytest.raises(ValueError, match=r"file does not keep whose likes it has: pass likes$"):
        again.recommend_users()
    X = me.MovieEmbedding(2, random_state=0).fit(me.Cooccurrence(np.ones((5, 5))))
    with pytest.raises(
        ValueError, match=r"is of a Cooccurrence, which knows no users: pass likes$"
    ):
        X.recommend_users()


@pytest.mark.parametrize(
    "cells",
    [
        [np.arange(3)] * N_ITEMS,
        [np.arange(1)] * N_ITEMS,
        [["a", "b"]] * N_ITEMS,
        [*[None] * (N_ITEMS - 1), np.zeros(0)],
    ],
    ids=["arrays", "arrays of one", "lists", "some"],
)
def test_a_table_with_lists_in_its_cells(tmp_path: Path, cells: list[Any]) -> None:
    given = likes(tags=pd.Series(cells, dtype=object))
    model = fit(given)
    with pytest.warns(UserWarning, match="so it lacks column 'tags' of the table of items$"):
        model.save(tmp_path / "m.npz")
    again = me.load(tmp_path / "m.npz").item_table_
    expected = given.item_table.drop(columns="tags").rename(columns={7: "7"})
    pd.testing.assert_frame_equal(again, expected, check_dtype=False)


def test_a_file_of_before_users_were_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    model = fit(likes())
    model.save(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if not name.startswith("seen")}
    header = json.loads(arrays["header"].tobytes())
    for name in ("users", "user_dtype", "item_table"):
        del header[name]
    np.savez(path, **{**arrays, "header": np.frombuffer(json.dumps(header).encode(), np.uint8)})
    again = me.load(path)
    pd.testing.assert_frame_equal(again.recommend([20]), model.recommend([20]))
    with pytest.raises(ValueError, match="does not keep whose likes"):
        again.recommend_users()


@pytest.mark.parametrize(
    "changes",
    [
        {"users": 3},
        {"users": [1, 2]},
        {"users": [1] * N_USERS},
        {"users": [None] * N_USERS},
        {"user_dtype": 4},
        {"item_table": [1]},
        {"item_table": {"a": [1]}},
        {"item_table": {"a": 1}},
        {"item_table": {"a": [[1]] * N_ITEMS}},
        {"seen_indptr": np.zeros(3, dtype=np.int64)},
        {"seen_indices": np.array([99], dtype=np.int32)},
    ],
    ids=str,
)
def test_what_is_damaged(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "m.npz"
    fit(likes()).save(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(arrays["header"].tobytes())
    in_arrays = {name: value for name, value in changes.items() if name in arrays}
    header |= {name: value for name, value in changes.items() if name in header}
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **{**arrays, **in_arrays, "header": text})
    with pytest.raises(ValueError, match="damaged") as error:
        me.load(path)
    assert str(path) in str(error.value)
