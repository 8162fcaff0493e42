"""What a notebook shows of likes: a short table in HTML."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from movieembed._base.arrays import holds_ones

MOST_LIKED = 5


def likes_html(
    matrix: sp.csr_array,
    items: NDArray[Any],
    titles: NDArray[Any] | None,
    counts: NDArray[np.int64],
) -> str:
    """Return a table of the sizes of likes, and of the items that most people like."""
    n_users, n_items = matrix.shape
    each = np.diff(matrix.indptr)
    spread = (
        f", {np.median(each):,.0f} a user (median), {each.max():,} at most" if len(each) else ""
    )
    facts = {
        "users": f"{n_users:,}",
        "items": f"{n_items:,} ({int((counts > 0).sum()):,} liked)",
        "likes" if holds_ones(matrix.data) else "weights": f"{matrix.nnz:,}{spread}",
    }
    return html_table("Likes", facts | most_liked(items, titles, counts))


def most_liked(
    items: NDArray[Any], titles: NDArray[Any] | None, counts: NDArray[np.int64]
) -> dict[str, str]:
    """Return a row of a table with the items that have the most likes; none if none has any."""
    order = np.argsort(-counts, kind="stable")[:MOST_LIKED]
    order = order[counts[order] > 0]
    names = [str(items[i] if titles is None or not titles[i] else titles[i]) for i in order]
    shown = ", ".join(f"{name} ({counts[i]:,})" for i, name in zip(order, names, strict=True))
    return {"most liked": shown} if shown else {}


def html_table(caption: str, facts: dict[str, str]) -> str:
    """Return a table of two columns in HTML, its text escaped."""
    left = 'style="text-align: left"'
    rows = "".join(
        f"<tr><th {left}>{html.escape(name)}</th><td {left}>{html.escape(value)}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table><caption {left}><b>{caption}</b></caption><tbody>{rows}</tbody></table>"
