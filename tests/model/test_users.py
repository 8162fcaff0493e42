"""Lists for users by id, as tables and as files, and what each user is never shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import movieembed as me
from helpers import random_likes
from movieembed.model import users as users_module

READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": pd.read_parquet,
    ".csv": pd.read_csv,
    ".arrow": pd.read_feather,
}


def rated() -> me.Likes:
    """Ratings of 40 users, the last of whom likes nothing, with ids that are no positions."""
    rng = np.random.default_rng(4)
    user, item = np.nonzero(rng.random((40, 12)) < 0.5)
    rating = np.where(user == 39, 1.0, rng.choice([2.0, 4.0, 5.0], len(user)))
    table = pd.DataFrame({"userId": 7 * user + 3, "movieId": item + 100, "rating": rating})
    films = pd.DataFrame(
        {
            "movieId": range(100, 112),
            "title": [f"Film {i} ({1984 + i})" for i in range(12)],
            "genres": ["Drama|Comedy", "Drama", "Action"] * 4,
        }
    )
    return me.Likes.from_ratings(table, items=films)


@pytest.fixture(scope="module")
def likes() -> me.Likes:
    return rated()


@pytest.fixture(scope="module")
def model(likes: me.Likes) -> me.MovieEmbedding:
    return me.MovieEmbedding(4, random_state=0).fit(likes)


def one_by_one(likes: me.Likes, model: me.MovieEmbedding, n: int, **options: Any) -> pd.DataFrame:
    """What `recommend` says of each user alone, put together by pandas."""
    tables = []
    for row, user in enumerate(likes.users.tolist()):
        columns, scores = model.recommend(likes.matrix[[row]], 12, **options)
        kept = columns[0] >= 0
        kept[kept] = ~np.isin(columns[0][kept], likes.seen[[row]].indices)
        columns, scores = columns[0][kept][:n], scores[0][kept][:n]
        tables.append(
            pd.DataFrame(
                {
                    "user": user,
                    "item": likes.items[columns],
                    "title": likes.titles[columns],
                    "rank": np.arange(1, len(columns) + 1),
                    "score": scores,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-5)


@pytest.mark.parametrize("options", [{"refine": 0}, {"refine": 2}, {"method": "cosine"}])
def test_everybody(
    likes: me.Likes,
    model: me.MovieEmbedding,
    options: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = one_by_one(likes, model, 5, **options)
    table = model.recommend_users(likes, 5, **options)
    assert table.columns.tolist() == ["user", "item", "title", "rank", "score"]
    same(table, expected)
    monkeypatch.setattr(users_module, "BLOCK_USERS", 7)
    same(model.recommend_users(likes, 5, **options), expected)


def test_the_kept_likes_and_those_of_a_file(
    likes: me.Likes, model: me.MovieEmbedding, tmp_path: Path
) -> None:
    expected = model.recommend_users(likes, 5)
    same(model.recommend_users(n=5), expected)
    model.save(tmp_path / "model.npz")
    again = me.load(tmp_path / "model.npz")
    same(again.recommend_users(n=5), expected)
    pd.testing.assert_frame_equal(
        again.item_table_, likes.item_table, check_dtype=False, check_column_type=False
    )


def test_some_users_in_their_order(likes: me.Likes, model: me.MovieEmbedding) -> None:
    expected = model.recommend_users(likes, 3).set_index("user")
    asked = likes.users[[30, 2, 17]].tolist()
    table = model.recommend_users(likes, 3, users=asked)
    assert table["user"].drop_duplicates().tolist() == asked
    same(table.set_index("user"), expected.loc[asked])
    for user in (asked[0], str(asked[0]), np.int64(asked[0])):
        same(model.recommend_users(users=user, n=3).set_index("user"), expected.loc[[asked[0]]])
    assert len(model.recommend_users(likes, users=likes.users[39])) == 0
    assert len(model.recommend_users(likes, users=[])) == 0


def test_users_that_are_not_there(likes: me.Likes, model: me.MovieEmbedding) -> None:
    with pytest.raises(me.UserNotFoundError, match=r"no user has the id 4; the 40 ids .* 3, 10"):
        model.recommend_users(likes, users=[3, 4])
    bare = me.MovieEmbedding(2, random_state=0, keep_likes=False).fit(likes)
    with pytest.raises(ValueError, match=r"does not keep whose likes .* keep_likes=True"):
        bare.recommend_users(users=3)


def test_a_matrix_without_names_has_the_items_of_the_model(
    likes: me.Likes, model: me.MovieEmbedding
) -> None:
    expected = model.recommend_users(likes, 3, exclude_seen=False).drop(columns="user")
    backwards = me.Likes.from_matrix(likes.matrix, items=np.arange(12)[::-1])
    for fitted in (model, me.MovieEmbedding(4, random_state=0).fit(backwards)):
        for matrix in (likes.matrix, likes.matrix.toarray()):
            table = fitted.recommend_users(matrix, 3)
            columns, scores = fitted.recommend(matrix, 3)
            there = columns >= 0
            assert table["user"].tolist() == np.nonzero(there)[0].tolist()
            assert table["item"].tolist() == fitted.items_[columns[there]].tolist()
            np.testing.assert_allclose(table["score"], scores[there], rtol=1e-6)
    pd.testing.assert_frame_equal(
        model.recommend_users(likes.matrix, 3).drop(columns="user"), expected
    )
    with pytest.raises(ValueError, match="has 11 columns for 12 items"):
        model.recommend_users(likes.matrix[:, :11])
    frame = pd.DataFrame(likes.matrix.toarray(), columns=likes.items)[likes.items[::-1]]
    same(model.recommend_users(frame, 3).drop(columns="user"), expected)


def test_the_columns_of_a_frame_are_ids_or_titles(
    likes: me.Likes, model: me.MovieEmbedding
) -> None:
    expected = model.recommend_users(likes.matrix, 3)
    alike = model.similar_users([2, 5], 3, likes=likes.matrix)
    titles = likes.titles.tolist()
    short = [title.removesuffix(f" ({1984 + i})") for i, title in enumerate(titles)]
    mixed = [short[0], *likes.items[1:].tolist()]
    for names in (titles, short, mixed):
        frame = pd.DataFrame(likes.matrix.toarray(), columns=names).iloc[:, ::-1]
        same(model.recommend_users(frame, 3), expected)
        same(model.similar_users([2, 5], 3, likes=frame), alike)
        same(model.recommend_users(frame.assign(other=1.0), 3, unknown="drop"), expected)
        with pytest.raises(me.ItemNotFoundError, match="no items of the model: 'other'; leave"):
            model.recommend_users(frame.assign(other=1.0), 3)
    twice = pd.DataFrame(likes.matrix.toarray(), columns=titles).assign(**{short[3]: 1.0})
    for unknown in ("raise", "drop"):
        with pytest.raises(ValueError, match=r"'Film 3 \(1987\)' and 'Film 3' are the same item"):
            model.recommend_users(twice, unknown=unknown)
    by_title = me.Likes.from_matrix(likes.matrix, items=titles)
    with pytest.raises(me.ItemNotFoundError, match="are no items of the model: 'Film 0"):
        model.recommend_users(by_title)


@pytest.mark.parametrize("suffix", READERS)
def test_files(
    likes: me.Likes,
    model: me.MovieEmbedding,
    suffix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(users_module, "BLOCK_USERS", 16)
    out = tmp_path / f"lists{suffix}"
    assert model.recommend_users(likes, 4, out=out, progress=True) == str(out)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    table = READERS[suffix](out)
    same(table, model.recommend_users(likes, 4))
    assert table["item"].dtype == table["user"].dtype == table["rank"].dtype == np.int64


def test_a_file_is_whole_or_not_there(
    likes: me.Likes, model: me.MovieEmbedding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the second block leaves the file that was there, and nothing else."""
    monkeypatch.setattr(users_module, "BLOCK_USERS", 16)
    out = tmp_path / "lists.csv"
    out.write_text("before")
    calls = []
    lists = users_module.Ranking.lists

    def interrupted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return lists(*arguments)

    monkeypatch.setattr(users_module.Ranking, "lists", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.recommend_users(likes, out=out)
    assert [path.name for path in tmp_path.iterdir()] == ["lists.csv"]
    assert out.read_text() == "before"


def test_what_out_refuses(likes: me.Likes, model: me.MovieEmbedding, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"out must end in one of \.parquet, .* not in '\.txt'"):
        model.recommend_users(likes, out=tmp_path / "lists.txt")
    with pytest.raises(ValueError, match="out names one file and folder"):
        model.recommend_users(likes, out=tmp_path / "a.csv", folder=tmp_path)
    with pytest.raises(FileNotFoundError):
        model.recommend_users(likes, out=tmp_path / "none" / "a.csv")


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"weights": [1]}, TypeError, r"recommend_users\(\) has no parameter 'weights'"),
        ({"as_frame": True}, TypeError, r"recommend_users\(\) has no parameter 'as_frame'"),
        ({"diversify": 2}, ValueError, "diversify must be"),
        ({"users": [4]}, me.UserNotFoundError, "no user has the id 4"),
        ({"method": "best"}, ValueError, "method must be one of"),
    ],
)
def test_what_is_refused_leaves_no_folder(
    likes: me.Likes,
    model: me.MovieEmbedding,
    tmp_path: Path,
    options: dict[str, Any],
    kind: type[Exception],
    words: str,
) -> None:
    with pytest.raises(kind, match=words):
        model.recommend_users(likes, folder=tmp_path / "lists", **options)
    assert not list(tmp_path.iterdir())
    with pytest.raises(TypeError, match=r"recommend\(\) has no parameter 'folder'"):
        model.recommend([100], folder=tmp_path)


def test_ids_of_several_types_in_a_file(tmp_path: Path) -> None:
    matrix = random_likes(20, 6, 0.5, seed=1)
    users, items = ["a", 2, *range(10, 28)], ["x", 1, 2.5, "\ud800", "y", "z"]
    likes = me.Likes.from_matrix(matrix, users=users, items=items)
    model = me.MovieEmbedding(2, random_state=0).fit(likes)
    table = model.recommend_users(likes, 2)
    model.recommend_users(likes, 2, out=tmp_path / "lists.parquet")
    read = pd.read_parquet(tmp_path / "lists.parquet")
    assert read["user"].tolist() == [str(user) for user in table["user"]]
    assert read["item"].tolist() == [str(i).replace("\ud800", "?") for i in table["item"]]


@pytest.mark.parametrize("kind", ["likes", "table"])
@pytest.mark.parametrize("refine", [0, 2])
def test_never_for_single_users(
    likes: me.Likes, model: me.MovieEmbedding, kind: str, refine: int
) -> None:
    every = model.recommend_users(likes, 12, refine=refine)
    pairs = every[every["rank"].isin([1, 3])].rename(columns={"user": "userId", "item": "movieId"})
    pairs = pd.concat([pairs, pd.DataFrame({"userId": [3, 999], "movieId": [9999, 100]})])
    pairs = pairs[["userId", "movieId"]]
    exclude: Any = me.Likes.from_ratings(pairs) if kind == "likes" else pairs
    found = model.recommend_users(likes, 2, exclude=exclude, refine=refine)
    expected = every[~every["rank"].isin([1, 3])].groupby("user").head(2)
    assert found["item"].tolist() == expected["item"].tolist()
    assert found["user"].tolist() == expected["user"].tolist()


def test_pairs_in_columns_without_names(likes: me.Likes, model: me.MovieEmbedding) -> None:
    first = model.recommend_users(likes, 1)
    bare = pd.DataFrame(first[["user", "item"]].to_numpy())
    named = model.recommend_users(likes, 3, exclude=first[["user", "item"]])
    pd.testing.assert_frame_equal(model.recommend_users(likes, 3, exclude=bare), named)
    assert not len(named.merge(first[["user", "item"]]))


def test_pairs_that_mean_nothing(likes: me.Likes, model: me.MovieEmbedding) -> None:
    other = pd.DataFrame({"user": [3], "item": ["Film 1"]})
    with pytest.raises(ValueError, match=r"exclude has none of the model's items: .*'Film 1'"):
        model.recommend_users(likes, exclude=other)
    with pytest.raises(ValueError, match="exclude has no column that looks like the item"):
        model.recommend_users(likes, exclude=other[["user"]])
    missing = pd.DataFrame({"user": [3, None], "item": [100, 101]})
    with pytest.raises(
        ValueError, match=r"missing values in 1 of 2 rows .*; leave those rows out$"
    ):
        model.recommend_users(likes, exclude=missing)
    for columns in (["u", "item"], ["buyer", "i"], ["customer", "buyer_id"]):
        advice = "; call the columns 'user' and 'item'$"
        with pytest.raises(ValueError, match=advice) as caught:
            model.recommend_users(likes, exclude=pd.DataFrame([[3, 100]], columns=columns))
        assert caught.value.parameter == "exclude"
    with pytest.raises(TypeError, match="exclude must be Likes or a table of users and items"):
        model.recommend_users(likes, exclude=[1, 2])
    same(
        model.recommend_users(likes, 3, exclude=pd.DataFrame({"user": [], "item": []})),
        model.recommend_users(likes, 3),
    )
