"""One page about a model: its data, its fit, neighbours of well-known items, and its quality."""

from __future__ import annotations

import base64
import html
import io
import os
import re
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from movieembed._base.atomic_file import replacing
from movieembed._version import __version__
from movieembed.outputs.loss_plots import FONTS, NAMES, plot_loss
from movieembed.outputs.plots import plot_neighbors, plot_spectrum

if TYPE_CHECKING:
    from collections.abc import Callable

    from movieembed.data.likes import Likes
    from movieembed.model.embedding import Embedding

__all__ = ["write_report"]

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
STYLE = """
:root { color-scheme: light dark; --ink: #1c1f23; --soft: #5c6670; --line: #d9dee3; --paper: #fff;
  --card: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --soft: #9aa4ae; --line: #343a41; --paper: #15181c; --card: #1e2329; }
  figure { background: #fff; border-radius: 6px; padding: 6px; }
}
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 0 auto; padding: 1.5rem 1.2rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; }
h3 { font-size: 1rem; margin: .6rem 0 .2rem; }
p.lead, footer { color: var(--soft); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; }
dl div { background: var(--card); border-radius: 6px; padding: .6rem .8rem; }
dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; font-size: 1.15rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr));
  gap: 1rem; }
figure { margin: 0; } figure svg, figure img { width: 100%; height: auto; }
figure svg { max-width: 34rem; }
figcaption { color: #5c6670; font-size: .9rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); }
details { margin-top: .8rem; } summary { cursor: pointer; color: var(--soft); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
"""


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
        Of the page; usually ends in ".html".
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
        When an item cannot be found or has no vector.
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
    model._check_fitted()
    parts = [_data(model, likes), _fit(model), _neighbours(model, items)]
    if evaluation is not None:
        parts.append(_quality(model, evaluation))
    if study is not None:
        parts.append(_study(Path(study)))
    d = f"{model.n_components} components"
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Item embedding, {d}</title><style>{STYLE}</style></head><body>\n"
        f'<h1>Item embedding, {d}</h1>\n<p class="lead">Vectors v<sub>i</sub> that minimise the '
        "sum over pairs of items of (v<sub>i</sub>·v<sub>j</sub> &minus; X<sub>ij</sub>)², where "
        "X<sub>ij</sub> is the number of users who liked both.</p>\n"
        + "\n".join(parts)
        + f"\n<footer><p>Made by movieembed {__version__}.</p></footer>\n</body></html>\n"
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _data(model: Embedding, likes: Likes | None) -> str:
    counts = model.item_counts_
    liked = counts[counts > 0]
    matrix = likes.matrix if likes is not None else model.likes_
    facts: dict[str, str] = {
        "items": f"{len(counts):,}",
        "items with a vector": f"{int(model.embedding_.any(axis=1).sum()):,}",
        "likes": f"{int(counts.sum()):,}",
    }
    figures = [_figure(lambda ax: _ranked(ax, liked, "items, by likes"), "Likes of each item.")]
    if matrix is not None:
        lengths = np.diff(matrix.indptr)
        facts = {"users": f"{matrix.shape[0]:,}", **facts}
        facts["likes of a user, median"] = f"{int(np.median(lengths)):,}" if len(lengths) else "0"
        figures.append(
            _figure(lambda ax: _ranked(ax, lengths, "users, by likes"), "Likes of each user.")
        )
    return f"<h2>The data</h2>{_facts(facts)}{_pair(figures)}"


def _ranked(ax: Axes, counts: Any, label: str) -> None:
    ordered = np.sort(counts[counts > 0])[::-1]
    ax.plot(np.arange(1, len(ordered) + 1), ordered, color="#0072B2")
    if len(ordered):
        ax.set_xscale("log")
        ax.set_yscale("log")
    ax.set_xlabel(label)
    ax.set_ylabel("likes")


def _fit(model: Embedding) -> str:
    facts = {
        "cost": f"{model.cost_:,.1f}",
        "distance to the optimum, estimated": f"{model.gap_:.1e} of the cost"
        if np.isfinite(model.gap_)
        else "unknown",
        "solver": f"{model.solver}, {model.n_iter_} iterations",
        "regularisation of recommend": f"{model.regularization_:,.3g}",
    }
    history = model.history_
    figures = []
    if (history["cost"] > 0).any():
        draw = lambda ax: plot_loss({model.solver: history}, ax)  # noqa: E731
        figures.append(_figure(draw, "The cost after each iteration."))
    if model.eigenvalues_.any():
        draw = lambda ax: plot_spectrum(model, ax)  # noqa: E731
        words = "Squared lengths of the embedding's columns: how much each component explains."
        figures.append(_figure(draw, words))
    said = html.escape(STOPS.get(model.stop_reason_, model.stop_reason_))
    return f"<h2>The fit</h2><p>{said}</p>{_facts(facts)}{_pair(figures)}"


def _neighbours(model: Embedding, items: Iterable[Hashable] | None) -> str:
    index = model._index
    chosen = _well_known(model) if items is None else index.resolve_many(list(items)).tolist()
    figures = []
    for column in chosen:
        table = model.similar([model.items_.tolist()[column]], NEIGHBORS)
        name = str(model.items_[column]) if model.titles_ is None else str(model.titles_[column])
        if len(table):
            drawn = _figure(lambda ax, t=table: plot_neighbors(t, ax), "")  # type: ignore[misc]
            figures.append(f"<section><h3>{html.escape(name)}</h3>{drawn}</section>")
    if not figures:
        return "<h2>Neighbours</h2><p>No item has neighbours.</p>"
    words = "The nearest items by the cosine of their vectors."
    return f"<h2>Neighbours</h2><p>{words}</p>{_pair(figures)}"


def _well_known(model: Embedding) -> list[int]:
    """The most liked items, none of which stands among another's ten nearest."""
    order = np.argsort(-model.item_counts_, kind="stable")[:200]
    order = order[model.embedding_[order].any(axis=1)]
    ids = model.items_.tolist()
    chosen: list[int] = []
    near: set[Any] = set()
    for column in order.tolist():
        if ids[column] in near:
            continue
        chosen.append(column)
        near.update(model.similar(ids[column], 10)["item"])
        if len(chosen) == WELL_KNOWN:
            break
    return chosen


def _quality(model: Embedding, table: pd.DataFrame) -> str:
    shown = [
        name
        for name in table.columns
        if not name.endswith("_stderr") and not name.startswith("capped")
    ]
    words = ["Likes held out, and how many of them each recommender finds."]
    recall = next((name for name in shown if name.startswith("recall@")), None)
    if recall is not None:
        shares = table[recall].sort_values(ascending=False, kind="stable")
        found = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())
        k = recall.removeprefix("recall@")
        words.append(f"Of a user's held-out likes the {k} recommended hold, on average: {found}.")
    chosen = table.attrs.get("chosen", {})
    if "n_components" in chosen:
        d, refine = int(chosen["n_components"]), int(chosen.get("refine", 0))
        steps = "1 step" if refine == 1 else f"{refine} steps"
        words.append(
            f"movieembed was measured with {d} components and {steps} of refinement, chosen "
            f"on a part of the rest; this model has {model.n_components} components."
        )
    rows = [
        [str(label), *(_digits(name, row[name]) for name in shown)]
        for label, row in table.iterrows()
    ]
    heading = ["", *(name.replace("_", " ") for name in shown)]
    return f"<h2>Quality</h2><p>{html.escape(' '.join(words))}</p>{_table(heading, rows)}"


def _digits(name: str, value: float) -> str:
    return f"{value:.2f}" if "seconds" in name or name == "popularity" else f"{value:.4f}"


def _study(folder: Path) -> str:
    for name in ("README.md", "loss.png", "costs.csv"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} is not a study: it has no {name}")
    text = (folder / "README.md").read_text(encoding="utf-8")
    answer = html.escape(text.split("\n![", 1)[0].split("\n", 1)[-1].strip())
    answer = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", answer)
    picture = base64.b64encode((folder / "loss.png").read_bytes()).decode()
    return (
        "<h2>Do the nearest items change with the optimiser?</h2>"
        + "".join(f"<p>{part}</p>" for part in answer.split("\n\n"))
        + f'<figure><img alt="Cost against iteration" src="data:image/png;base64,{picture}">'
        "</figure>" + _runs(pd.read_csv(folder / "costs.csv", dtype={"learning_rate": str}))
    )


def _runs(costs: pd.DataFrame) -> str:
    """Every run of a study, folded up."""
    heading = ["optimiser", "learning rate", "d", "cost", "above the optimum", "iterations"]
    rows = []
    run: Any
    for run in costs.itertuples():
        rate = "" if run.learning_rate == "none" else run.learning_rate
        known = run.outcome != "diverged"
        cost = f"{run.cost:,.8g}" if known else str(run.outcome)
        above = f"{run.distance:.1e}" if known else ""
        name = NAMES.get(run.optimizer, run.optimizer)
        rows.append([name, rate, f"{run.components:,}", cost, above, str(run.iterations)])
    return f"<details><summary>All {len(rows)} runs</summary>{_table(heading, rows)}</details>"


def _table(heading: list[str], rows: list[list[str]]) -> str:
    """Cells of text, the first to the left, the others to the right."""

    def line(cells: list[str], tag: str) -> str:
        first, *rest = (html.escape(cell) for cell in cells)
        others = "".join(f'<{tag} class="number">{cell}</{tag}>' for cell in rest)
        return f"<tr><{tag}>{first}</{tag}>{others}</tr>"

    body = line(heading, "th") + "".join(line(row, "td") for row in rows)
    return f'<div class="wide"><table>{body}</table></div>'


def _facts(facts: dict[str, str]) -> str:
    cells = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    return f"<dl>{cells}</dl>"


def _pair(figures: list[str]) -> str:
    return f'<div class="pair">{"".join(figures)}</div>'


def _figure(draw: Callable[[Axes], object], caption: str) -> str:
    """A picture as text within the page."""
    with mpl.rc_context({**FONTS, "svg.fonttype": "path"}):
        figure = Figure(figsize=(6, 3.8), layout="constrained")
        draw(figure.add_subplot())
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    drawing = out.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    words = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{drawing}{words}</figure>"
