"""What a notebook shows of likes and of a fitted model: short tables in HTML."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from movieembed.data.likes import Likes
    from movieembed.model.embedding import Embedding

__all__ = ["likes_html", "model_html"]

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
    return _table("Likes", facts | _most_liked(likes.items, likes.titles, likes.item_counts))


def model_html(model: Embedding) -> str:
    """How a fit ended, and the items that most people like."""
    embedded = int(model.embedding_.any(axis=1).sum())
    gap = f"{model.gap_:.0e} of the cost, estimated" if np.isfinite(model.gap_) else "unknown"
    facts = {
        "items": f"{len(model.items_):,} ({embedded:,} with a vector)",
        "components": f"{model.n_components:,}",
        "cost": f"{model.cost_:,.8g}",
        "distance to the optimum": gap,
        "iterations": f"{model.n_iter_:,} of {model.solver}, {model.stop_reason_}",
        "seconds": f"{model.history_['seconds'].max():.2f}",
    }
    return _table("Fit", facts | _most_liked(model.items_, model.titles_, model.item_counts_))


def _most_liked(
    items: NDArray[Any], titles: NDArray[Any] | None, counts: NDArray[np.int64]
) -> dict[str, str]:
    order = np.argsort(-counts, kind="stable")[:MOST_LIKED]
    order = order[counts[order] > 0]
    names = [str(items[i] if titles is None or not titles[i] else titles[i]) for i in order]
    shown = ", ".join(f"{name} ({counts[i]:,})" for i, name in zip(order, names, strict=True))
    return {"most liked": shown} if shown else {}


def _table(caption: str, facts: dict[str, str]) -> str:
    left = 'style="text-align: left"'
    rows = "".join(
        f"<tr><th {left}>{html.escape(name)}</th><td {left}>{html.escape(value)}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table><caption {left}><b>{caption}</b></caption><tbody>{rows}</tbody></table>"
