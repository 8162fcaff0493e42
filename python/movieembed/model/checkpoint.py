"""A fit's best embedding so far, in a file from which another fit goes on."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from movieembed.data.digest import likes_digest
from movieembed.data.distributed.likes import DistributedLikes
from movieembed.data.given_cooccurrence import Cooccurrence
from movieembed.data.likes import Likes
from movieembed.model import npz
from movieembed.operators.protocol import Operator
from movieembed.operators.weighting import Weighting
from movieembed.solvers.driver import HistoryEntry, Solution
from movieembed.solvers.point import Step

CHECKPOINT = npz.Kind(
    "movieembed-checkpoint",
    1,
    "checkpoint",
    "a checkpoint of movieembed",
    frozenset(("embedding", "history")),
    "; remove it, or name another checkpoint",
)
# The next writing waits for so many times as long as the last one took.
PAUSE = 20.0


class Checkpoint:
    """Written while a fit runs, read by the next one; see `checkpoint` of `MovieEmbedding`.

    Parameters
    ----------
    path : path
        The file; its folder must exist.
    likes : Likes, Cooccurrence or DistributedLikes
    n_components : int
    weighting : Weighting

    Attributes
    ----------
    V : ndarray, shape (n_active, n_components), or None
        What the file holds, one row an item that the operator keeps.
    past : list of HistoryEntry
        How it was reached; empty without a file.

    Raises
    ------
    ValueError
        When the file is damaged, or of other likes or parameters.
    OSError
        When it cannot be read, or could not be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        likes: Likes | Cooccurrence | DistributedLikes,
        n_components: int,
        weighting: Weighting,
    ) -> None:
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"checkpoint: the folder {self.path.parent} does not exist")
        self.of = {
            "users": None if isinstance(likes, Cooccurrence) else likes.n_users,
            "items": likes.n_items,
            "likes": likes.n_pairs if isinstance(likes, Cooccurrence) else likes.n_likes,
            "item ids": digest(likes.items),
            "likes of each item": digest(likes.item_counts),
            "who likes what": likes_digest(likes),
            "n_components": int(n_components),
            "item_scaling": weighting.item_scaling,
            "user_weighting": weighting.user_weighting,
            "entry_weighting": weighting.entries,
        }
        self.V: NDArray[Any] | None = None
        self.past: list[HistoryEntry] = []
        self._history: list[HistoryEntry] = []
        self._unwritten: tuple[Operator, Step] | None = None
        self._next = 0.0
        if self.path.exists():
            self._read()

    def keep(self, op: Operator, best: Step, entry: HistoryEntry) -> None:
        """Take note of an iteration; write unless the last time was too short ago."""
        if self.past and entry.iteration <= self.past[-1].iteration:
            return  # where the file left off
        self._history.append(entry)
        self._unwritten = op, best
        if time.perf_counter() >= self._next:
            self.write()

    def write(self) -> None:
        """Write what was not yet written."""
        if self._unwritten is None:
            return
        start = time.perf_counter()
        op, best = self._unwritten
        arrays = {
            "embedding": op.to_host(best.V),
            "history": np.array([*self.past, *self._history], dtype=np.float64),
        }
        npz.write(self.path, CHECKPOINT, {"of": self.of}, arrays)
        self._unwritten = None
        end = time.perf_counter()
        self._next = end + PAUSE * (end - start)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Write what was not yet written where an error or Ctrl-C ends the fit, and say so."""
        try:
            yield
        except BaseException as error:
            self.write()
            if self.path.exists():
                error.add_note(
                    f"The best embedding so far is in {self.path}: a fit with the same checkpoint "
                    "goes on from it."
                )
            raise

    def done(self, solution: Solution) -> list[HistoryEntry]:
        """End a fit: remove the file if it has converged, else bring it up to date.

        Returns the history, that of the fits before in front.
        """
        if solution.converged:
            self.path.unlink(missing_ok=True)
        else:
            self.write()
        return [*self.past, *solution.history[1:]] if self.past else solution.history

    def start(self, n_active: int) -> NDArray[Any] | None:
        """The V to start from, for an operator with so many items."""
        V, largest = self.V, (n_active, self.of["n_components"])
        if V is not None and (V.shape[0] != largest[0] or V.shape[1] > largest[1]):
            raise ValueError(
                f"{self.path} has an embedding of shape {V.shape}, which is none of a fit whose "
                f"likes and n_components are {largest}: remove it, or name another checkpoint"
            )
        return V

    def _read(self) -> None:
        """Take the embedding and the history of a file, if it is of the same fit."""
        with npz.reading(self.path, CHECKPOINT) as contents:
            self.V = contents.array("embedding", ("float32", "float64"), (None, None))
            history = contents.array("history", ("float64",), (None, len(HistoryEntry._fields)))
            if not len(history):
                raise ValueError("it holds no history")
            self.past = [HistoryEntry(int(row[0]), *map(float, row[1:])) for row in history]
            of = contents.field("of", dict)
        differing = [name for name, value in self.of.items() if of.get(name) != value]
        if differing:
            raise ValueError(
                f"{self.path} is the checkpoint of another fit, which differs in "
                f"{', '.join(differing)}: remove it, or name another checkpoint"
            )


def digest(array: NDArray[Any]) -> str:
    """A hash of the values of an array."""
    raw = repr(array.tolist()).encode() if array.dtype.kind == "O" else array.tobytes()
    return hashlib.sha256(raw).hexdigest()
