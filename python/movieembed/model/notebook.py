"""What a notebook shows of a fitted model: a short table in HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from movieembed.data.notebook import html_table, most_liked
from movieembed.model.neighbors import embedded

if TYPE_CHECKING:
    from movieembed.model.embedding import Embedding


def model_html(model: Embedding) -> str:
    """How a fit ended, and the items that most people like."""
    n_embedded = int(embedded(model.embedding_).sum())
    gap = f"{model.gap_:.0e} of the cost, estimated" if np.isfinite(model.gap_) else "unknown"
    facts = {
        "items": f"{len(model.items_):,} ({n_embedded:,} with a vector)",
        "components": f"{model.n_components:,}",
        "cost": f"{model.cost_:,.8g}",
        "distance to the optimum": gap,
        "iterations": f"{model.n_iter_:,} of {model.solver}, {model.stop_reason_}",
        "seconds": f"{model.history_['seconds'].max():.2f}",
    }
    return html_table("Fit", facts | most_liked(model.items_, model.titles_, model.item_counts_))
