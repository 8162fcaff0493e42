"""One page about a model: its data, its fit, neighbours of well-known items, and its quality."""

from __future__ import annotations

import html
import os
from collections.abc import Hashable, Iterable
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from movieembed._base.atomic_file import replacing
from movieembed._version import __version__
from movieembed.data.items import ById, ItemIndex
from movieembed.data.likes import Likes
from movieembed.exceptions import shortened
from movieembed.model.embedding import Embedding
from movieembed.model.neighbors import embedded
from movieembed.model.recommender import Recommender
from movieembed.outputs.drawing import Axes, Figure
from movieembed.outputs.loss_plots import plot_loss
from movieembed.outputs.plots import plot_neighbors, plot_spectrum
from movieembed.outputs.report_parts import facts_html, figure_html, pair_html, table_html
from movieembed.outputs.report_study import study_section
from movieembed.outputs.style import BLUE

WELL_KNOWN = 6
NEIGHBORS = 8
STOPS = {
    "converged": "The fit converged.",
    "exact": "The likes have no more dimensions than that: the cost is 0.",
    "max_iter": "The fit stopped at its last iteration, not at its tolerance.",
    "callback": "The fit was ended by its caller.",
    "interrupted": "The fit was interrupted; this is the best embedding it had.",
    "empty": "No two items share a user, so there was nothing to learn.",
}


def write_report(
    model: Embedding,
    path: str | os.PathLike[str],
    *,
    likes: Likes | None = None,
    evaluation: pd.DataFrame | None = None,
    study: str | os.PathLike[str] | None = None,
    items: Iterable[Hashable] | None = None,
) -> None:
    """Write a page of HTML that needs nothing beside itself.

    Parameters
    ----------
    model : MovieEmbedding
        Fitted.
    path : path
        Where the page is written; usually ends in ".html".
    likes : Likes, optional
        What the model was fitted on, for users' activity; by default the likes that it keeps.
    evaluation : DataFrame, optional
        As :func:`movieembed.evaluation.evaluate` gives it, a row a recommender. What
        ``attrs["chosen"]`` holds, as :meth:`movieembed.evaluation.Tuned.parameters` gives it, is
        said too.
    study : path, optional
        A folder that ``movieembed study`` wrote, whose answer, picture and runs are taken over.
    items : iterable of ids or titles, optional
        Whose neighbours to show, in a table too; by default the most liked, no two of which are
        close neighbours.

    Raises
    ------
    NotFittedError
        Before `fit`.
    ItemNotFoundError, AmbiguousTitleError, ItemWithoutLikesError
        When an item cannot be found or is unembedded.
    FileNotFoundError
        When the study's folder lacks its files.
    OSError
        When the page cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import movieembed as me
    >>> from movieembed.outputs.report import write_report
    >>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
    >>> model = me.MovieEmbedding(1, random_state=0).fit(likes)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = pathlib.Path(folder, "report.html")
    ...     write_report(model, page, likes=likes)
    ...     "Neighbours" in page.read_text(encoding="utf-8")
    True
    """
    model._fitted_items()
    sections = [_data(model, likes), _fit(model), _neighbours(model, items)]
    if evaluation is not None:
        sections.append(_quality(model, evaluation))
    elif model.regularization_path_ is not None:
        recommender = model._fitted_items().recommending
        sections.append(_held_out(recommender, model.regularization_path_))
    if study is not None:
        sections.append(study_section(Path(study)))
    page = _page(f"Item embedding, {model.n_components} components", sections)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")


def _page(title: str, sections: list[str]) -> str:
    """The whole page around its sections."""
    style = (files("movieembed.outputs") / "report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>\n{style}</style></head><body>\n"
        f'<h1>{title}</h1>\n<p class="lead">Vectors v<sub>i</sub> that minimise the '
        "sum over pairs of items of (v<sub>i</sub>·v<sub>j</sub> &minus; X<sub>ij</sub>)², where "
        "X<sub>ij</sub> is the number of users who liked both.</p>\n"
        + "\n".join(sections)
        + f"\n<footer><p>Made by movieembed {__version__}.</p></footer>\n</body></html>\n"
    )


# --- its sections -----------------------------------------------------------------------------


def _data(model: Embedding, likes: Likes | None) -> str:
    """How many users, items and likes there are, and how the likes spread over them."""
    counts = model.item_counts_
    matrix = likes.matrix if isinstance(likes, Likes) else model.likes_
    facts: dict[str, str] = {
        "items": f"{len(counts):,}",
        "items with a vector": f"{int(embedded(model.embedding_).sum()):,}",
        "likes": f"{int(counts.sum()):,}",
    }
    figures = [
        figure_html(_spread_in_words(counts, "item"), _plot_ranked, counts, "items, by likes")
    ]
    if matrix is not None:
        lengths = np.diff(matrix.indptr)
        facts = {"users": f"{matrix.shape[0]:,}", **facts}
        facts["likes of a user, median"] = f"{int(np.median(lengths)):,}" if len(lengths) else "0"
        words = _spread_in_words(lengths, "user")
        figures.append(figure_html(words, _plot_ranked, lengths, "users, by likes"))
    return f"<h2>The data</h2>{facts_html(facts)}{pair_html(figures)}"


def _spread_in_words(counts: NDArray[Any], of: str) -> str:
    """A sentence on how unevenly likes spread over items or users."""
    ordered = np.sort(counts[counts > 0])[::-1]
    if not len(ordered):
        return f"No {of} has likes."
    half = int(np.searchsorted(ordered.cumsum(), ordered.sum() / 2)) + 1
    return (
        f"The {half:,} {of}s with the most likes, {100 * half / len(ordered):.0f} % of those with "
        f"any, have half of all likes; the middle one has {int(np.median(ordered)):,}."
    )


def _plot_ranked(counts: NDArray[Any], label: str, ax: Axes) -> None:
    """Draw counts against their rank, both on log scales."""
    ordered = np.sort(counts[counts > 0])[::-1]
    ax.plot(np.arange(1, len(ordered) + 1), ordered, color=BLUE)
    if len(ordered):
        ax.set_xscale("log")
        ax.set_yscale("log")
    ax.set_xlabel(label)
    ax.set_ylabel("likes")


def _fit(model: Embedding) -> str:
    """How the fit ended, its cost after each iteration, and the weight of each component."""
    near = f"{model.gap_:.1e} of the cost" if np.isfinite(model.gap_) else "unknown"
    facts = {
        "cost": f"{model.cost_:,.1f}",
        "distance to the optimum, estimated": near,
        "solver": f"{model.solver}, {model.n_iter_} iterations",
        "regularisation of recommend": f"{model.regularization_:,.3g}",
    }
    history = model.history_
    figures = []
    if (history["cost"] > 0).any():
        first, last = float(history["cost"].iloc[0]), float(history["cost"].min())
        words = f"The cost fell from {first:,.0f} to {last:,.0f}; a level line is done."
        figures.append(figure_html(words, plot_loss, {model.solver: history}))
    if model.eigenvalues_.any():
        shares = np.cumsum(model.eigenvalues_) / model.eigenvalues_.sum()
        few = min(10, len(shares))
        words = (
            f"How much each component explains: the first {100 * shares[0]:.0f} % of all, "
            f"the first {few} together {100 * shares[few - 1]:.0f} %."
        )
        figures.append(figure_html(words, plot_spectrum, model))
    said = html.escape(STOPS.get(model.stop_reason_, model.stop_reason_))
    return f"<h2>The fit</h2><p>{said}</p>{facts_html(facts)}{pair_html(figures)}"


def _neighbours(model: Embedding, items: Iterable[Hashable] | None) -> str:
    """The nearest items of those that are given, or else of the well-known ones, as bars."""
    index = ItemIndex(model.items_, model.titles_)
    chosen = _well_known(model) if items is None else index.resolve_many(items).tolist()
    names = model.items_ if model.titles_ is None else model.titles_
    ids = model.items_.tolist()
    tables = {}
    for column in chosen:
        found = model.similar([ById(ids[column])], NEIGHBORS)
        if len(found):
            tables[shortened(str(names[column]))] = found
    if not tables:
        return "<h2>Neighbours</h2><p>No item has neighbours.</p>"
    low = min(0.0, *(float(found["score"].min()) for found in tables.values()))
    high = max(float(found["score"].max()) for found in tables.values())

    def bars(found: pd.DataFrame, ax: Axes) -> None:
        plot_neighbors(found, ax)
        # The same scale and the same place for all, so that bars compare.
        ax.set_xlim(low, 1.02 * high)
        ax.tick_params(axis="y", labelsize=8.5)
        assert isinstance(ax.figure, Figure)
        ax.figure.set_layout_engine("none")
        ax.set_position((0.52, 0.15, 0.46, 0.83))

    figures = []
    for name, found in tables.items():
        best, last = found["score"].iloc[0], found["score"].iloc[-1]
        words = f"The nearest scores {best:.2f}, the last of these {len(found)} {last:.2f}."
        picture = figure_html(words, bars, found)
        figures.append(f"<section><h3>{html.escape(name)}</h3>{picture}</section>")
    words = "The nearest items, as similar finds them: the longer a bar, the nearer."
    listed = "" if items is None else _listed(tables)
    return f"<h2>Neighbours</h2><p>{words}</p>{pair_html(figures)}{listed}"


def _listed(tables: dict[str, pd.DataFrame]) -> str:
    """A table with a column an item: its nearest, the first on top."""
    column = {
        name: [shortened(str(t)) for t in found["title" if "title" in found else "item"]]
        for name, found in tables.items()
    }
    ranks = enumerate(zip_longest(*column.values(), fillvalue=""), 1)
    rows = [[str(rank), *titles] for rank, titles in ranks]
    return table_html(["", *column], rows, numbers=False)


def _well_known(model: Embedding) -> list[int]:
    """The most liked items, none of which stands among another's ten nearest."""
    order = np.argsort(-model.item_counts_, kind="stable")[:200]
    order = order[embedded(model.embedding_[order])]
    ids = model.items_.tolist()
    chosen: list[int] = []
    near: set[Any] = set()
    for column in order.tolist():
        if ids[column] in near:
            continue
        chosen.append(column)
        near.update(model.similar(ById(ids[column]), 10)["item"])
        if len(chosen) == WELL_KNOWN:
            break
    return chosen


def _quality(model: Embedding, table: pd.DataFrame) -> str:
    """How many held-out likes each recommender finds, in words and as a table."""
    shown = [
        name
        for name in table.columns
        if not name.endswith("_stderr") and not name.startswith("capped")
    ]
    words = ["Likes held out, and how many of them each recommender finds."]
    recall = next((name for name in shown if name.startswith("recall@")), None)
    if recall is not None:
        words.append(_recall_in_words(table[recall]))
    if "n_components" in table.attrs.get("chosen", {}):
        words.append(_chosen_in_words(table.attrs["chosen"], model.n_components))
    rows = [
        [str(label), *(_digits(name, row[name]) for name in shown)]
        for label, row in table.iterrows()
    ]
    heading = ["", *(name.replace("_", " ") for name in shown)]
    return f"<h2>Quality</h2><p>{html.escape(' '.join(words))}</p>{table_html(heading, rows)}"


def _held_out(ours: Recommender, path: pd.DataFrame) -> str:
    """How good the lists were when the recommender's lambda was chosen, by people held out."""
    apart = (path["regularization"] - ours.regularization).abs()
    taken: Any = path.iloc[int(apart.where(path["refine"] == ours.refine, np.inf).argmin())]
    words = (
        f"NDCG of the lists for people held out: {taken['ndcg']:.3f} with lambda "
        f"{taken['regularization']:,.3g} and {_steps_in_words(ours.refine)} of refinement, which "
        "were taken; no list is 0, a perfect one 1. "
    )
    if taken["ndcg"] < path["ndcg"].max():
        words += (
            "The highest in the table is ahead by no more than two standard errors, which may be "
            "luck, and so the setting nearest to the usual one was taken. "
        )
    words += "For other recommenders beside it, give what evaluate --json prints."
    rows = [
        [f"{row.regularization:,.3g}", f"{row.refine:.0f}", f"{row.ndcg:.4f} ± {row.stderr:.4f}"]
        for row in path.itertuples()
    ]
    heading = ["lambda", "steps of refinement", "NDCG"]
    return f"<h2>Quality</h2><p>{html.escape(words)}</p>{table_html(heading, rows)}"


def _recall_in_words(recall: pd.Series[float]) -> str:
    """A sentence that gives the recall of each recommender, the best first."""
    shares = recall.sort_values(ascending=False, kind="stable")
    found = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())
    k = str(recall.name).removeprefix("recall@")
    return f"Of a user's held-out likes the {k} recommended hold, on average: {found}."


def _chosen_in_words(chosen: dict[str, Any], n_components: int) -> str:
    """A sentence that says with what parameters our recommender was measured."""
    d, refine = int(chosen["n_components"]), int(chosen.get("refine", 0))
    return (
        f"movieembed was measured with {d} components and {_steps_in_words(refine)} of refinement, "
        f"chosen on a part of the rest; this model has {n_components} components."
    )


def _steps_in_words(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps} steps"


def _digits(name: str, value: float) -> str:
    return f"{value:.2f}" if "seconds" in name or name == "popularity" else f"{value:.4f}"
