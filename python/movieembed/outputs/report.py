"""One page about a model: its data, its fit, neighbours of well-known items, and its quality."""

from __future__ import annotations

import base64
import html
import io
import os
import re
from collections.abc import Callable, Hashable, Iterable
from importlib.resources import files
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
from movieembed.outputs.drawing import Axes, Figure, rc_context
from movieembed.outputs.loss_plots import plot_loss
from movieembed.outputs.plots import plot_neighbors, plot_spectrum
from movieembed.outputs.style import BLUE, FONTS, optimizer_name

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
        Whose neighbours to show; by default the most liked, no two of which are close neighbours.

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
    if study is not None:
        sections.append(_study(Path(study)))
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
    figures = [_figure("Likes of each item.", _plot_ranked, counts, "items, by likes")]
    if matrix is not None:
        lengths = np.diff(matrix.indptr)
        facts = {"users": f"{matrix.shape[0]:,}", **facts}
        facts["likes of a user, median"] = f"{int(np.median(lengths)):,}" if len(lengths) else "0"
        figures.append(_figure("Likes of each user.", _plot_ranked, lengths, "users, by likes"))
    return f"<h2>The data</h2>{_facts(facts)}{_pair(figures)}"


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
        words = "The cost after each iteration."
        figures.append(_figure(words, plot_loss, {model.solver: history}))
    if model.eigenvalues_.any():
        words = "Squared lengths of the embedding's columns: how much each component explains."
        figures.append(_figure(words, plot_spectrum, model))
    said = html.escape(STOPS.get(model.stop_reason_, model.stop_reason_))
    return f"<h2>The fit</h2><p>{said}</p>{_facts(facts)}{_pair(figures)}"


def _neighbours(model: Embedding, items: Iterable[Hashable] | None) -> str:
    """The nearest items of those that are given, or else of the well-known ones, as bars."""
    index = ItemIndex(model.items_, model.titles_)
    chosen = _well_known(model) if items is None else index.resolve_many(items).tolist()
    names = model.items_ if model.titles_ is None else model.titles_
    ids = model.items_.tolist()
    figures = []
    for column in chosen:
        table = model.similar([ById(ids[column])], NEIGHBORS)
        if len(table):
            bars = _figure("", plot_neighbors, table)
            name = html.escape(shortened(str(names[column])))
            figures.append(f"<section><h3>{name}</h3>{bars}</section>")
    if not figures:
        return "<h2>Neighbours</h2><p>No item has neighbours.</p>"
    words = "The nearest items, as `similar` finds them."
    return f"<h2>Neighbours</h2><p>{words}</p>{_pair(figures)}"


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
    return f"<h2>Quality</h2><p>{html.escape(' '.join(words))}</p>{_table(heading, rows)}"


def _recall_in_words(recall: pd.Series[float]) -> str:
    """A sentence that gives the recall of each recommender, the best first."""
    shares = recall.sort_values(ascending=False, kind="stable")
    found = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())
    k = str(recall.name).removeprefix("recall@")
    return f"Of a user's held-out likes the {k} recommended hold, on average: {found}."


def _chosen_in_words(chosen: dict[str, Any], n_components: int) -> str:
    """A sentence that says with what parameters our recommender was measured."""
    d, refine = int(chosen["n_components"]), int(chosen.get("refine", 0))
    steps = "1 step" if refine == 1 else f"{refine} steps"
    return (
        f"movieembed was measured with {d} components and {steps} of refinement, chosen "
        f"on a part of the rest; this model has {n_components} components."
    )


def _digits(name: str, value: float) -> str:
    return f"{value:.2f}" if "seconds" in name or name == "popularity" else f"{value:.4f}"


def _study(folder: Path) -> str:
    """The answer, the picture and the runs of a study, from the files that it wrote."""
    for name in ("README.md", "loss.png", "costs.csv"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} is not a study: it has no {name}")
    text = (folder / "README.md").read_text(encoding="utf-8")
    # The answer stands between the heading and the picture.
    answer = html.escape(text.split("\n![", 1)[0].split("\n", 1)[-1].strip())
    answer = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", answer)
    paragraphs = "".join(f"<p>{part}</p>" for part in answer.split("\n\n"))
    picture = base64.b64encode((folder / "loss.png").read_bytes()).decode()
    return (
        f"<h2>Do the nearest items change with the optimiser?</h2>{paragraphs}"
        f'<figure><img alt="Cost against iteration" src="data:image/png;base64,{picture}">'
        f"</figure>{_runs(pd.read_csv(folder / 'costs.csv', dtype={'learning_rate': str}))}"
    )


def _runs(costs: pd.DataFrame) -> str:
    """Every run of a study, folded up."""
    heading = ["optimiser", "learning rate", "d", "cost", "above the optimum", "iterations"]
    rows = []
    run: Any
    for run in costs.itertuples():
        known = run.outcome != "diverged"
        rows.append(
            [
                optimizer_name(run.optimizer),
                "" if run.learning_rate == "none" else run.learning_rate,
                f"{run.components:,}",
                f"{run.cost:,.8g}" if known else str(run.outcome),
                f"{run.distance:.1e}" if known else "",
                str(run.iterations),
            ]
        )
    return f"<details><summary>All {len(rows)} runs</summary>{_table(heading, rows)}</details>"


# --- what sections are made of ----------------------------------------------------------------


def _table(heading: list[str], rows: list[list[str]]) -> str:
    """A table of text, its first column to the left, the others to the right."""

    def line(cells: list[str], tag: str) -> str:
        first, *rest = (html.escape(cell) for cell in cells)
        others = "".join(f'<{tag} class="number">{cell}</{tag}>' for cell in rest)
        return f"<tr><{tag}>{first}</{tag}>{others}</tr>"

    body = line(heading, "th") + "".join(line(row, "td") for row in rows)
    return f'<div class="wide"><table>{body}</table></div>'


def _facts(facts: dict[str, str]) -> str:
    """Named numbers, each in a box."""
    cells = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    return f"<dl>{cells}</dl>"


def _pair(figures: list[str]) -> str:
    """Figures beside each other, where the page is broad enough."""
    return f'<div class="pair">{"".join(figures)}</div>'


def _figure(caption: str, draw: Callable[..., object], *what: Any) -> str:
    """What ``draw(*what, ax=...)`` draws, as SVG within the page."""
    with rc_context({**FONTS, "svg.fonttype": "path"}):
        figure = Figure(figsize=(6, 3.8), layout="constrained")
        draw(*what, ax=figure.add_subplot())
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    drawing = out.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    words = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{drawing}{words}</figure>"
