"""How long ``movieembed evaluate`` may take: said before it begins."""

from __future__ import annotations

from collections.abc import Sequence

from movieembed._base.threads import available_cores
from movieembed.cli.comparison import EASE_GRID
from movieembed.cli.console import complain
from movieembed.evaluation.splits import Split

# Shorter than that nothing is said.
SHORT = 10.0
# Seconds of a thread, from the times in README.md, which are of two: of a fit and the choice of
# lambda, by items times squared components and by likes times components; of lists, by people times
# likes; of the dense inverse, by items cubed; of ALS, by likes.
BY_VECTORS, BY_LIKES, BY_LISTS, BY_INVERSE, BY_ALS = 9e-8, 8e-9, 8e-10, 3e-11, 5e-6
# Fits of `tune` beside one a number of components.
MORE_FITS = 6


def say_how_long(split: Split, widths: Sequence[int], names: Sequence[str], tuned: bool) -> None:
    """Say on stderr about how long it takes, where that is long."""
    seconds = thread_seconds(split, widths, names, tuned) / available_cores()
    if seconds > SHORT:
        complain("note", f"this takes about {in_words(seconds)} on an idle machine")


def thread_seconds(split: Split, widths: Sequence[int], names: Sequence[str], tuned: bool) -> float:
    """Return about how long one thread takes for all recommenders."""
    likes, people = split.train, split.given.shape[0]
    n_items = int((likes.item_counts > 0).sum())

    def ours(d: int) -> float:
        fit = BY_VECTORS * n_items * d**2 + BY_LIKES * likes.n_likes * d
        return float(fit + BY_LISTS * people * likes.n_likes)

    total = ours(widths[0])
    if tuned:
        total += sum(map(ours, widths)) + MORE_FITS * ours(max(widths))
    if "ease" in names:
        total += (len(EASE_GRID) + 1) * BY_INVERSE * n_items**3
    if "als" in names:
        total += BY_ALS * likes.n_likes
    return float(total)


def in_words(seconds: float) -> str:
    """Return a length of time in one unit, roughly."""
    for size, unit in ((3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{round(seconds, -1):.0f} seconds"
