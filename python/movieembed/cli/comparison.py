"""Recommenders compared on held-out likes, and what is tuned on a part of the rest.

What ``movieembed evaluate`` does once its options are read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from movieembed._base.progress import progress_bar
from movieembed.cli.facts import Loaded
from movieembed.data.likes import Likes
from movieembed.evaluation import baselines
from movieembed.evaluation.by_time import split_last, split_time
from movieembed.evaluation.compare import evaluate
from movieembed.evaluation.metrics import ranking_metrics
from movieembed.evaluation.seen import check_seen
from movieembed.evaluation.splits import Split, split_random, split_users
from movieembed.evaluation.tuning import tune

EASE_GRID = (25.0, 50.0, 100.0, 200.0, 400.0, 800.0)


def compare(
    split: Split,
    widths: list[int],
    k: int,
    names: list[str],
    seed: int,
    *,
    tuned: bool,
    exclude_seen: bool = False,
    progress: bool | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table of recommenders, and what was chosen for ours if it was tuned."""
    if "als" in names:
        baselines.implicit_als()  # before minutes are spent on the others
    check_seen(split, exclude_seen)  # before minutes are spent on tuning
    inner = split_random(split.train, random_state=seed + 1)
    ours = partial(baselines.movieembed, random_state=seed)
    recommenders: dict[str, Callable[[Likes], baselines.Recommend]] = {
        "movieembed": partial(ours, n_components=widths[0])
    }
    chosen: dict[str, Any] = {}
    if tuned:
        searched: dict[str, Any] = {
            "n_components": widths,
            "k": k,
            "split": inner,
            "random_state": seed,
        }
        chosen = tune(split.train, **searched, progress=progress).parameters()
        recommenders["movieembed, tuned"] = partial(ours, **chosen)
    simple: dict[str, Callable[[Likes], baselines.Recommend]] = {
        "popularity": baselines.popularity,
        "item-cosine": baselines.item_cosine,
        "als": partial(baselines.als, random_state=seed),
    }
    for name in names:
        if name == "ease":
            tried = {value: partial(baselines.ease, regularization=value) for value in EASE_GRID}
            best = best_of(tried, inner, k, progress)
            recommenders[f"ease, lambda {best:g}"] = tried[best]
        else:
            recommenders[name] = simple[name]
    options: dict[str, Any] = {"exclude_seen": exclude_seen, "progress": progress}
    return evaluate(recommenders, split, ks=(k,), **options), chosen


def make_split(loaded: Loaded, kind: str, seed: int, at: str | None) -> Split:
    """Split likes in the way that has this name; by time at a share or a moment."""
    likes = loaded.likes
    if kind == "random":
        return split_random(likes, random_state=seed)
    if kind == "users":
        return split_users(likes, random_state=seed)
    if loaded.table is None:
        raise AssertionError("read without times")
    labels: dict[str, Any] = {name: loaded.columns.get(name) for name in ("user", "item")}
    labels["timestamp"] = loaded.columns.get("time")
    if kind == "last":
        return split_last(likes, loaded.table, **labels)
    share = 0.2 if at is None else 0.0
    with contextlib.suppress(ValueError):
        share = float(at or share)
    if 0 < share < 1:
        return split_time(likes, loaded.table, share, **labels)
    return split_time(likes, loaded.table, cutoff=at, **labels)


def best_of(
    recommenders: Mapping[float, Callable[[Likes], baselines.Recommend]],
    split: Split,
    k: int,
    progress: bool | None = False,
) -> float:
    """Return the value whose recommender has the highest sum of recall and NDCG."""
    scores = {}
    with progress_bar(len(recommenders), "ease", "fit", progress) as bar:
        for value, fit in recommenders.items():
            found = ranking_metrics(fit(split.train)(split.given, k), split.held, ks=(k,))
            scores[value] = float((found[f"recall@{k}"] + found[f"ndcg@{k}"]).mean())
            bar.update()
    return max(scores, key=scores.__getitem__)
