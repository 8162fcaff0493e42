"""Files of likes as well-known data sets publish them, all of the same ratings."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

N_USERS, N_ITEMS = 30, 12


def ratings_of(seed: int = 0) -> pd.DataFrame:
    """user and item, numbers from 0, whole stars from 1 to 5, and seconds; each pair once."""
    rng = np.random.default_rng(seed)
    user, item = np.nonzero(rng.random((N_USERS, N_ITEMS)) < 0.5)
    stars = rng.integers(1, 6, len(user))
    when = 1_200_000_000 + rng.permutation(len(user)) * 86_400
    return pd.DataFrame({"user": user, "item": item, "stars": stars, "when": when})


def asin(item: int) -> str:
    return f"B00{item:07}"


def isbn(item: int) -> str:
    return f"{item:09}X"


def adjacency(path: Path, ratings: pd.DataFrame) -> None:
    """LightGCN: a user and all their items a row."""
    with path.open("w") as file:
        for user, items in ratings.groupby("user")["item"]:
            file.write(" ".join(map(str, [user, *items])) + "\n")


def triples(separator: str) -> Callable[[Path, pd.DataFrame], None]:
    """User, item and rating without a header."""

    def write(path: Path, ratings: pd.DataFrame) -> None:
        columns = ratings[["user", "item", "stars"]]
        columns.to_csv(path, sep=separator, header=False, index=False)

    return write


def netflix(path: Path, ratings: pd.DataFrame) -> None:
    """The Netflix Prize: "1:" and then the users of film 1."""
    with path.open("w") as file:
        for item, rows in ratings.groupby("item"):
            file.write(f"{item}:\n")
            days = pd.to_datetime(rows["when"], unit="s").dt.strftime("%Y-%m-%d")
            for user, stars, day in zip(rows["user"], rows["stars"], days, strict=True):
                file.write(f"{user},{stars},{day}\n")


def amazon(path: Path, ratings: pd.DataFrame) -> None:
    """Amazon reviews: an object of JSON a line, some fields of which are lists or objects."""
    rows: Any = ratings.itertuples()
    lines = [
        json.dumps(
            {
                "reviewerID": f"A{row.user:05}",
                "asin": asin(row.item),
                "reviewerName": "J. Doe",
                "helpful": [0, int(row.stars)],
                "style": {"Format:": "Kindle"},
                "verified": True,
                "reviewText": "A book; of, words\t" * 20,
                "overall": float(row.stars),
                "unixReviewTime": int(row.when),
                "reviewTime": "09 13, 2009",
            }
        )
        for row in rows
    ]
    text = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def amazon_csv(path: Path, ratings: pd.DataFrame) -> None:
    """Amazon's ratings of 2018: item, user, rating and seconds without a header."""
    rows: Any = ratings.itertuples()
    with path.open("w") as file:
        for row in rows:
            file.write(f"{asin(row.item)},A{row.user:012},{row.stars}.0,{row.when}\n")


def book_crossing(path: Path, ratings: pd.DataFrame) -> None:
    """Semicolons, quotation marks, Latin-1; one of ten is 0: read and not rated."""
    text = '"User-ID";"ISBN";"Book-Rating"\n'
    rows: Any = ratings.itertuples()
    for row in rows:
        text += f'"{row.user}";"{isbn(row.item)}";"{2 * row.stars if row.stars > 1 else 0}"\n'
    path.write_bytes((text + '"999";"é";"10"\n').encode("latin-1"))


def anime(path: Path, ratings: pd.DataFrame) -> None:
    """Kaggle's MyAnimeList: -1 for watched and not rated."""
    table = ratings.rename(columns={"user": "user_id", "item": "anime_id"})
    table["rating"] = np.where(table.stars > 1, 2 * table.stars, -1)
    table[["user_id", "anime_id", "rating"]].to_csv(path, index=False)


def shop(path: Path, ratings: pd.DataFrame) -> None:
    """RetailRocket: a row an event, milliseconds, and ids of sales that are mostly absent."""
    with path.open("w") as file:
        file.write("timestamp,visitorid,event,itemid,transactionid\n")
        rows: Any = ratings.itertuples()
        for row in rows:
            file.write(f"{row.when}000,{row.user},view,{row.item},\n")
            if row.stars >= 4:
                file.write(f"{row.when}999,{row.user},transaction,{row.item},{row.Index}\n")


def lastfm(path: Path, ratings: pd.DataFrame) -> None:
    """Last.fm 1K: user, time, artist and track, each with an id that may be missing."""
    rows: Any = ratings.itertuples()
    with path.open("w") as file:
        for row in rows:
            time = pd.Timestamp(row.when, unit="s").strftime("%Y-%m-%dT%H:%M:%SZ")
            mbid = "" if row.item % 3 == 0 else f"f1b1cf71-{row.item:04}"
            fields = [f"user_{row.user:06}", time, mbid, f"Artist {row.item}", "", "Song"]
            file.write("\t".join(fields) + "\n")


def with_header(header: str, separator: str = ",") -> Callable[[Path, pd.DataFrame], None]:
    """A table with user, item, rating and seconds under such names, in this order."""

    def write(path: Path, ratings: pd.DataFrame) -> None:
        columns = ratings[["user", "item", "stars", "when"]].iloc[:, : header.count(separator) + 1]
        path.write_text(header + "\n" + columns.to_csv(sep=separator, header=False, index=False))

    return write
