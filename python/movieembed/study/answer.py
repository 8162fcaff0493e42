"""The answer of a study: every sentence is chosen by the numbers that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from movieembed.outputs.style import optimizer_name
from movieembed.study.comparison import LIST
from movieembed.study.tables import KEY, Study, of_run

# Relative distances to the optimum: "at it" below the first, "far" above the second.
NEAR, FAR = 1e-3, 0.1
# Films of ten by which lists are called the same, or different.
SAME, DIFFERENT = 9.0, 6.0
# Rank correlation from which distance is said to order the lists.
STRONG = 0.6


def study_answer(study: Study) -> str:
    """Whether the nearest films change with the optimiser, and why, in a few paragraphs.

    Parameters
    ----------
    study : Study
        Of `run_study`.

    Returns
    -------
    str
        Markdown. Every sentence is chosen by the numbers that it gives.

    Examples
    --------
    >>> import movieembed as me
    >>> from movieembed.study import run_study, study_answer
    >>> likes = me.Likes.from_matrix([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1]])
    >>> study = run_study(likes, components=(1,), iterations=20, films=[0], progress=False)
    >>> study_answer(study)[:54]
    '**No.** Runs that came within 0.001 of the optimum, by'
    """
    narrow = rows(study, wide=False)
    parts = []
    if len(narrow):
        parts += [
            verdict(narrow),
            bands(narrow),
            by_distance(narrow),
            rotation(narrow),
            margins(study),
        ]
        parts.append(learning_rates(narrow))
    parts.append(by_components(study))
    parts += [at_width(study, optimum) for optimum in records(study.optima) if optimum.wide]
    return "\n\n".join(part for part in parts if part)


def rows(study: Study, wide: bool) -> pd.DataFrame:
    """Runs of the narrow or the wide numbers of components: how they ended and what they share."""
    chosen = study.optima.loc[study.optima["wide"] == wide, "components"]
    table = study.costs.merge(study.overlap.drop(columns="distance"), on=KEY)
    return table[table["components"].isin(chosen)]


def correlation(table: pd.DataFrame) -> float:
    """Rank correlation of the distance to the optimum and the films shared with its lists."""
    kept = table[np.isfinite(table["distance"]) & np.isfinite(table["overlap"])]
    if len(kept) < 3 or kept["distance"].nunique() < 2 or kept["overlap"].nunique() < 2:
        return float("nan")
    return float(kept["distance"].rank().corr(kept["overlap"].rank()))


def verdict(narrow: pd.DataFrame) -> str:
    """Yes or no, by what runs at the optimum and runs far from it share with its lists."""
    here = narrow[narrow["overlap"].notna()]
    at, away = here[here["distance"] <= NEAR], here[here["distance"] > FAR]
    if len(here) == 0:
        return "**No run ended with lists to compare:** every one diverged."
    if len(at) == 0:
        return (
            f"**This study cannot tell:** no run came within {NEAR:g} of the optimum "
            f"(the nearest is at {here['distance'].min():.1e}). Give it more iterations."
        )
    near = at["overlap"].mean()
    optimisers = listed(sorted({optimizer_name(o) for o in at["optimizer"]}))
    if near < SAME:
        return (
            f"**Yes, even at the optimum:** runs within {NEAR:g} of it share {near:.1f} of {LIST} "
            "films with its lists. There the lists hang on differences too small for the cost."
        )
    if len(away) and away["overlap"].mean() < SAME:
        return (
            f"**Not with the optimiser, but with how far it got.** Runs that came within {NEAR:g} "
            f"of the optimum, by {optimisers}, share {near:.1f} of {LIST} films with its lists; "
            f"those that ended more than {FAR:g} away share {away['overlap'].mean():.1f}."
        )
    return (
        f"**No.** Runs that came within {NEAR:g} of the optimum, by {optimisers}, share "
        f"{near:.1f} of {LIST} films with its lists"
        + (
            f", and so do those more than {FAR:g} away ({away['overlap'].mean():.1f})."
            if len(away)
            else f", and none that stayed finite ended more than {FAR:g} away."
        )
    )


def bands(narrow: pd.DataFrame) -> str:
    """A table: what runs share with the optimum's lists, and how far their vectors are from its."""
    here = narrow[narrow["overlap"].notna()]
    rows = []
    for name, chosen in (
        (f"within {NEAR:g}", here["distance"] <= NEAR),
        (f"from {NEAR:g} to {FAR:g}", (here["distance"] > NEAR) & (here["distance"] <= FAR)),
        (f"beyond {FAR:g}", here["distance"] > FAR),
    ):
        if chosen.any():
            runs = here[chosen]
            shares = runs["overlap"].mean(), runs["overlap"].min()
            sides = (runs[f"{side}_difference"].median() for side in ("vector", "aligned"))
            rows.append(
                (
                    name,
                    f"{len(runs)}",
                    "{:.1f} ({:.1f})".format(*shares),
                    *("" if np.isnan(part) else percent(part) for part in sides),
                )
            )
    if not rows:
        return ""
    heading = (
        *("distance to the optimum", "runs", f"films shared, of {LIST} (least)"),
        *("vectors differ by", "once turned alike"),
    )
    return markdown(heading, rows)


def by_distance(narrow: pd.DataFrame) -> str:
    """Whether what runs share with the optimum's lists goes with how far they ended from it."""
    here = narrow[narrow["overlap"].notna()]
    if len(here) == 0:
        return ""
    rho = correlation(here)
    if np.isnan(rho):
        return "The runs are too alike, or too few, to correlate distance and shared films."
    told = (
        "the farther from the optimum, the fewer"
        if rho <= -STRONG
        else "distance alone does not order the lists"
        if rho < STRONG
        else "which is the wrong way round, and no explanation"
    )
    return (
        f"The rank correlation of distance and shared films over {len(here)} runs is "
        f"{rho:.2f}: {told}."
    )


def rotation(narrow: pd.DataFrame) -> str:
    """Why different vectors give the same lists, where the runs show it."""
    at = narrow[(narrow["distance"] <= NEAR) & narrow["vector_difference"].notna()]
    if len(at) == 0:
        return ""
    raw, aligned = at["vector_difference"].median(), at["aligned_difference"].median()
    cosine = at["cosine_difference"].median()
    if aligned > 0.5 * raw:
        return (
            f"The vectors of those runs differ from the optimum's by {percent(raw)} of its size, "
            f"and a rotation leaves {percent(aligned)}: near as the costs are, these are different "
            "embeddings, not one that is turned."
        )
    return (
        "Why: the cost sees V only through the products VV', and turning all vectors together "
        "changes none of them, nor any cosine. The optimisers do end at different vectors: from "
        f"the optimum's they differ by {percent(raw)} of its size (the median of "
        f"{count(len(at), 'run')} within {NEAR:g}), but after the best rotation by "
        f"{percent(aligned)}, and the cosines of the lists by {cosine:.1e}. To that "
        "precision they found the same VV', each turned in its own way, and the same neighbours."
    )


def margins(study: Study) -> str:
    """Where lists near the optimum differ from its own, and by how little."""
    narrow = rows(study, wide=False)
    places: list[int] = []
    for _, table in narrow[narrow["distance"] <= NEAR].groupby("components"):
        best = lists_of(study, table.sort_values("distance").iloc[0])
        for _, run in table.iterrows():
            kept = lists_of(study, run)
            places += [place for key, place in best.items() if key not in kept]
    known = study.optima[~study.optima["wide"] & study.optima["margin"].notna()]
    if not places or len(known) == 0:
        return ""
    gaps = listed([f"{row.margin:.4f} at d = {row.components:,}" for row in records(known)])
    middle = float(np.median(places))
    where = "at their end" if middle >= 0.75 * LIST else "not only at their end"
    return (
        f"Where lists within {NEAR:g} of the optimum differ from it, they differ {where}: the "
        f"films that they lack stand at place {middle:g} of its lists (the median of "
        f"{count(len(places), 'film')}). The cosines at places {LIST} and {LIST + 1} are {gaps} "
        "apart on average."
    )


def lists_of(study: Study, run: Any) -> dict[tuple[str, Any], int]:
    """The place of each (film, neighbour) in the lists of a run."""
    table = of_run(study.neighbors, run)
    pairs = zip(table["film"], table["item"], strict=True)
    return dict(zip(pairs, table["rank"].tolist(), strict=True))


def learning_rates(narrow: pd.DataFrame) -> str:
    """What the learning rates did: diverged, too small to arrive, or too large to settle."""
    rate = pd.to_numeric(narrow["learning_rate"], errors="coerce")
    given, free = narrow[rate.notna()].assign(rate=rate), narrow[rate.isna()]
    gone = given[given["outcome"] == "diverged"]
    kept = given[given["outcome"] != "diverged"].sort_values("distance")
    away = kept[kept["distance"] > FAR]
    if len(gone) + len(away) == 0:
        return ""
    # The rate that came nearest, for each optimiser and d, tells which side of it others are on.
    best = kept.drop_duplicates(["components", "optimizer"])
    sides = away.merge(best, on=["components", "optimizer"], suffixes=("", "_best"))
    small = sides[sides["rate"] < sides["rate_best"]]
    large = sides[sides["rate"] > sides["rate_best"]]
    parts = [
        f"{names(table)} {text}"
        for table, text in (
            (gone, "diverged, and left no lists"),
            (small, "came too slowly"),
            (large, "did not settle"),
        )
        if len(table)
    ]
    text = f"Of the given learning rates, {'; '.join(parts)}." if parts else ""
    if len(best):
        nearest = [
            f"{label(run)}, {run.distance:.1e} (d = {run.components:,})"
            for run in records(best.sort_values(["components", "distance"]))
        ]
        text += f" How far the best rates ended from the optimum: {'; '.join(nearest)}."
    if len(free):
        failed = (free["outcome"] == "diverged").sum()
        text += (
            " Of the runs that find their own step, "
            + (f"{count(int(failed), 'run')} diverged" if failed else "none diverged")
            + f", and the farthest ended at {free['distance'].max():.1e}."
        )
    return text.strip()


def by_components(study: Study) -> str:
    """Whether the optimum's lists change with d."""
    widths = study.optima["components"].tolist()
    best = {d: study.overlap[study.overlap["components"] == d] for d in widths}
    pairs = []
    for i, d in enumerate(widths):
        table = best[d][best[d]["overlap"].notna()].sort_values("distance")
        for e in widths[i + 1 :]:
            if len(table):
                pairs.append((d, e, float(table[f"optimum_d{e}"].iloc[0])))
    if not pairs:
        return ""
    told = listed([f"{share:.1f} of {LIST} between d = {d:,} and {e:,}" for d, e, share in pairs])
    mean = float(np.mean([share for *_, share in pairs]))
    text = f"The number of components is another matter. The optima themselves share {told}"
    if mean >= SAME:
        return text + ": here even d hardly changes the lists."
    strength = "much" if mean < DIFFERENT else "somewhat"
    return text + (
        f": the lists change {strength} with d, at the optimum of each. That is the problem "
        "changing, not the optimiser: another d is another best approximation of X. A small one "
        "can only keep broad tastes; a larger one keeps more of who watched what together."
    )


def at_width(study: Study, optimum: Any) -> str:
    """The published choice, d = M: how far its runs get, and what the lists are worth there."""
    d = optimum.components
    table = rows(study, wide=True)
    table = table[table["components"] == d]
    descents = table[table["optimizer"].isin(["momentum", "adam"])]
    zero = study.facts["zero_cost"]
    text = f"At d = M = {d:,}"
    if optimum.cost <= 0:
        text += (
            f" the optimum costs 0: it reproduces X, and the eigenvalue solver has it in "
            f"{optimum.seconds:.1f} s, with {optimum.rank:,} of the {d:,} components in use"
        )
    else:
        text += f" the lowest cost found is {number(optimum.cost)}"
    parts = []
    for run in records(descents):
        if run.outcome == "diverged":
            parts.append(f"{label(run)} diverged")
        else:
            parts.append(
                f"{label(run)} is at {number(run.cost)} after {count(run.iterations, 'iteration')} "
                f"and shares {run.overlap:.1f} of {LIST} films with those lists"
            )
    text += f". Of the descents, {'; '.join(parts)}." if parts else "."
    finite = descents[descents["outcome"] != "diverged"]
    above = finite[finite["cost"] > zero]
    if len(above):
        who = "Both are" if len(above) == 2 else f"The run of {label(records(above)[0])} is"
        text += (
            f" {who} still above {number(zero)}, the cost of no embedding at all (V = 0): what "
            "is left of the random start outweighs what was learnt."
        )
    if optimum.cost <= 0:
        text += (
            " There, even cost 0 would not settle the lists: with so many components the free "
            "diagonal of VV' can take many values at no cost, and cosines depend on it. The lists "
            "given are those of the V whose rows are the columns of the likes, turned."
        )
    return text


def records(table: pd.DataFrame) -> list[Any]:
    """Rows as named tuples."""
    return list(table.itertuples())


def label(run: Any) -> str:
    """An optimiser with its rate, such as "Adam at 0.1"."""
    name = optimizer_name(run.optimizer)
    if run.learning_rate == "none":
        return name
    return f"{name} at {run.learning_rate}"


def names(table: pd.DataFrame) -> str:
    """Runs by name, once for all d where they are the same."""
    found: dict[str, list[str]] = {}
    for run in records(table):
        found.setdefault(label(run), []).append(f"{run.components:,}")
    parts = [f"{name} (d = {', '.join(widths)})" for name, widths in found.items()]
    return listed(parts)


def listed(parts: Sequence[str]) -> str:
    """Parts as a list in words, such as "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def count(n: int, noun: str) -> str:
    """A number with its noun, such as "2 runs"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def percent(part: float) -> str:
    """A part of a whole in percent, small ones with their digits."""
    return f"{100 * part:.0f} %" if part >= 0.1 else f"{100 * part:.2g} %"


def number(value: float) -> str:
    """A cost to read: whole where it is large."""
    return f"{value:,.0f}" if value >= 1e6 else f"{value:,.6g}"


def markdown(heading: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (heading, *body)]
    lines = ["| " + " | ".join(row) + " |" for row in escaped]
    return "\n".join([lines[0], "|" + " --- |" * len(heading), *lines[1:]])
