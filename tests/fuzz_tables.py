"""Random tables, matrices and files as people have them, and a slow reading of each."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse as sp

WORDS = [
    "",
    " ",
    "NA",
    "None",
    "null",
    "nan",
    "é",
    "Ünïcode",
    "a,b",
    'a "b"',
    "a\tb",
    "007",
    "7",
    "1e3",
]
STARS = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]


def some_ids(rng: np.random.Generator, n: int) -> list[Any]:
    """Distinct ids of one kind, hashable and none missing."""
    kind = rng.integers(8)
    if kind == 0:
        found: list[Any] = list(range(1, n + 1))
    elif kind == 1:
        found = rng.choice(10 * n + 1, n, replace=False).tolist()
    elif kind == 2:
        found = (2**53 + rng.choice(3 * n, n, replace=False)).tolist()
    elif kind == 3:
        found = (-(2**62) + rng.choice(3 * n, n, replace=False)).tolist()
    elif kind == 4:
        found = (rng.choice(10 * n, n, replace=False) + 0.5).tolist()
    elif kind == 5:
        found = [f"{number:03d}" for number in rng.choice(10 * n, n, replace=False)]
    elif kind == 6:
        found = [str(number) for number in rng.choice(10 * n, n, replace=False)]
    else:
        found = [word for word in WORDS if word] + [f"item {i}" for i in range(n)]
        found = found[:n]
    rng.shuffle(found)
    return found


@dataclass
class Table:
    """A ratings table: one entry a row in each list; ratings may be None."""

    users: list[Any]
    items: list[Any]
    ratings: list[Any] | None
    threshold: float | None
    duplicates: str

    def columns(self) -> dict[str, list[Any]]:
        found = {"userId": self.users, "movieId": self.items}
        return found if self.ratings is None else {**found, "rating": self.ratings}

    def likes(self) -> tuple[set[tuple[Any, Any]], set[Any], set[Any]]:
        """The pairs that are likes, the users and the items, by plain Python."""
        ratings = self.ratings or [1] * len(self.users)
        met: dict[tuple[Hashable, Hashable], list[Any]] = {}
        for user, item, rating in zip(self.users, self.items, ratings, strict=True):
            met.setdefault((user, item), []).append(rating)
        which = {"last": lambda x: x[-1], "first": lambda x: x[0], "max": max}[self.duplicates]
        bar = self.threshold
        if bar is None:
            bar = 1.0 if all(rating in (0, 1) for rating in ratings) else 4.0
        liked = {pair for pair, given in met.items() if which(given) >= bar}
        return liked, set(self.users), set(self.items)


def some_table(rng: np.random.Generator) -> Table:
    """A table of up to 40 rows, some of them repeating a pair."""
    n = int(rng.integers(1, 41))
    users, items = some_ids(rng, int(rng.integers(1, 9))), some_ids(rng, int(rng.integers(1, 9)))
    ratings: list[Any] | None = [STARS[i] for i in rng.integers(len(STARS), size=n)]
    kind = rng.integers(5)
    if kind == 0:
        ratings = rng.integers(0, 2, n).tolist()
    elif kind == 1:
        ratings = rng.integers(1, 6, n).tolist()
    elif kind == 2:
        ratings = None
    threshold = None
    if ratings is not None and rng.random() < 0.5:
        threshold = float(rng.choice([0.5, 1.0, 3.0, 3.5, 4.0, 5.0]))
    return Table(
        [users[i] for i in rng.integers(len(users), size=n)],
        [items[i] for i in rng.integers(len(items), size=n)],
        ratings,
        threshold,
        str(rng.choice(["last", "first", "max"])),
    )


def as_frame(rng: np.random.Generator, columns: dict[str, list[Any]]) -> Any:
    """The columns in a frame of some library, in some order, ids perhaps as categories."""
    names = list(columns)
    rng.shuffle(names)
    columns = {name: columns[name] for name in names}
    kind = rng.integers(7)
    if kind == 0:
        return pd.DataFrame(columns)
    if kind == 1:
        return pd.DataFrame({name: pd.Series(c, dtype=object) for name, c in columns.items()})
    if kind == 2:
        return pd.DataFrame(columns).convert_dtypes(dtype_backend="pyarrow")
    if kind == 3:
        return pd.DataFrame(columns).astype({"userId": "category", "movieId": "category"})
    if kind == 4:
        return pl.DataFrame(columns)
    if kind == 5:
        return pl.DataFrame(columns).lazy()
    return pa.table(columns)


def some_matrix(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """A users x items matrix of ones, counts or weights of any size, that is no X."""
    shape = (int(rng.integers(2, 12)), int(rng.integers(2, 12)))
    there = rng.random(shape) < rng.choice([0.2, 0.5, 0.9])
    there[0, 0] = True  # so that the diagonal is not zero
    kind = rng.integers(4)
    values = np.ones(shape)
    if kind == 1:
        values = rng.integers(1, 100, shape).astype(float)
    elif kind == 2:
        values = rng.standard_normal(shape)
    elif kind == 3:
        values = rng.random(shape) * 10.0 ** rng.integers(-60, 60)
    return np.where(there, values, 0.0)


def in_a_container(rng: np.random.Generator, dense: np.ndarray[Any, Any]) -> Any:
    """The same float64 numbers in something else that holds a matrix."""
    kind = rng.integers(9)
    if kind == 0:
        return dense.astype(">f8")
    if kind == 1:
        return np.asfortranarray(dense)
    if kind == 2:
        return dense.tolist()
    if kind == 3:
        return pd.DataFrame(dense, columns=[f"film {i}" for i in range(dense.shape[1])])
    if kind == 4:
        return pl.DataFrame(dense, schema=[f"film {i}" for i in range(dense.shape[1])])
    made = getattr(
        sp, str(rng.choice(["csr", "csc", "coo", "bsr", "lil", "dok", "dia"])) + "_array"
    )
    if kind == 5:
        turned = sp.csr_array(dense)
        turned.data = turned.data.astype(">f8")
        return turned
    if kind == 6:
        rows, columns = np.nonzero(dense)  # each value in two halves, in any order
        order = rng.permutation(2 * len(rows))
        halves = np.tile(dense[rows, columns] / 2, 2)[order]
        return sp.coo_array(
            (halves, (np.tile(rows, 2)[order], np.tile(columns, 2)[order])), shape=dense.shape
        )
    return made(dense)
