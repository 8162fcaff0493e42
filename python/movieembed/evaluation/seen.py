"""Lists without what users have rated and did not like, from recommenders that only know likes."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.message import Message
from movieembed._base.validation import check_parameter
from movieembed.evaluation.baselines import Recommend
from movieembed.evaluation.metrics import are_stored
from movieembed.evaluation.splits import Split
from movieembed.exceptions import ParameterError


def check_seen(split: Split, exclude_seen: Any) -> sp.csr_array | None:
    """Return what is to be left out of lists beside the given likes; None for nothing."""
    check_parameter(exclude_seen, "exclude_seen", bool)
    if not exclude_seen:
        return None
    if split.seen is None:
        what = "{exclude_seen=} needs ratings below the threshold, and these likes came without any"
        raise ParameterError(Message(what, exclude_seen=exclude_seen), "exclude_seen")
    return split.seen


def lists(
    recommend: Recommend, given: sp.csr_array, n: int, seen: sp.csr_array | None
) -> NDArray[np.int64]:
    """The n best of each user, (n_users, n), without what they have seen.

    Users who have seen about as much are asked for together, for so many more items: all lists are
    made once, and have some n + 2 seen places a user.
    """
    if seen is None:
        return recommend(given, n)
    found = np.full((given.shape[0], n), -1, dtype=np.int64)
    powers = np.frexp(np.diff(seen.indptr))[1]  # 2**power is more than the user has seen
    for power in np.unique(powers):
        users = np.flatnonzero(powers == power)
        more = max(n, min(n + 2 ** int(power) - 1, given.shape[1]))
        columns = recommend(given[users], more)
        out = are_stored(columns, seen[users]) | (columns < 0)
        first = np.argsort(out, axis=1, kind="stable")[:, :n]
        kept = np.where(out, -1, columns)
        found[users, : first.shape[1]] = np.take_along_axis(kept, first, axis=1)
    return found
