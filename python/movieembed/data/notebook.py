"""What a notebook shows of likes: a short table in HTML."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from movieembed.data.likes import Likes

__all__ = ["html_table", "likes_html", "most_liked"]

MOST_LIKED = 5


def likes_html(likes: Likes) -> str:
    """Sizes of the likes, and the items that most people like."""
    liked = int((likes.item_counts > 0).sum())
    each = np.diff(likes.matrix.indptr)
    spread = (
        f", {np.median(each):,.0f} a user (median), {each.max():,} at most" if len(each) else ""
    )
    facts = {
        "users": f"{likes.n_users:,}",
        "items": f"{likes.n_items:,} ({liked:,} liked)",
        "likes" if likes.is_binary else "weights": f"{likes.n_likes:,}{spread}",
    }
    return html_table("Likes", facts | most_liked(likes.items, likes.titles, likes.item_counts))


def most_liked(
    items: NDArray[Any], titles: NDArray[Any] | None, counts: NDArray[np.int64]
) -> dict[str, str]:
    """The items with the most likes, as a row of a table; none where nothing is liked."""
    order = np.argsort(-counts, kind="stable")[:MOST_LIKED]
    order = order[counts[order] > 0]
    names = [str(items[i] if titles is None or not titles[i] else titles[i]) for i in order]
    shown = ", ".join(f"{name} ({counts[i]:,})" for i, name in zip(order, names, strict=True))
    return {"most liked": shown} if shown else {}


def html_table(caption: str, facts: dict[str, str]) -> str:
    """A table of two columns, whose text is escaped."""
    left = 'style="text-align: left"'
    rows = "".join(
        f"<tr><th {left}>{html.escape(name)}</th><td {left}>{html.escape(value)}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table><caption {left}><b>{caption}</b></caption><tbody>{rows}</tbody></table>"
