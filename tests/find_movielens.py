"""Where the tests find MovieLens small, which its licence keeps out of this repository."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import NoReturn

import pooch
import pytest

import movieembed as me
from helpers import REPOSITORY

NAME = "ml-latest-small"
PLACES = (REPOSITORY.parent / "shared" / "data", REPOSITORY.parent, REPOSITORY, REPOSITORY / "data")


def find_movielens(empty: Path) -> Path | None:
    """Find its folder, or fill an empty one with the library's download; None if neither works."""
    named = os.environ.get("MOVIEEMBED_DATA")
    folders = [place / NAME for place in PLACES]
    if named:
        folders = [Path(named) / NAME, Path(named), *folders]
    for folder in folders:
        if (folder / "ratings.csv").is_file() and (folder / "movies.csv").is_file():
            return folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pooch, "HTTPDownloader", functools.partial(pooch.HTTPDownloader, timeout=5))
        try:
            ratings, movies = me.load_movielens(NAME, progress=False)
        except OSError:  # a DownloadError, or nowhere to keep it
            return None
    ratings.to_csv(empty / "ratings.csv", index=False)
    movies.to_csv(empty / "movies.csv", index=False)
    return empty


def missing() -> NoReturn:
    """Skip what needs the data, or fail it where MOVIEEMBED_REQUIRE_DATA=1 demands it."""
    reason = (
        "needs MovieLens small, which is not here and cannot be downloaded: unpack "
        f"https://files.grouplens.org/datasets/movielens/{NAME}.zip in the checkout, or name its "
        "folder in MOVIEEMBED_DATA"
    )
    if os.environ.get("MOVIEEMBED_REQUIRE_DATA", "0") not in ("", "0"):
        pytest.fail(reason)
    pytest.skip(reason)
