"""Where the tests find MovieLens small, which its licence keeps out of this repository."""

from __future__ import annotations

import functools
import os
import zipfile
from pathlib import Path
from typing import NoReturn

import pooch
import pytest

from helpers import REPOSITORY
from movieembed.data import movielens
from movieembed.exceptions import DownloadError

NAME = "ml-latest-small"
PLACES = (REPOSITORY.parent / "shared" / "data", REPOSITORY.parent, REPOSITORY, REPOSITORY / "data")


def find_movielens(unpacked: Path) -> Path | None:
    """Find its folder here, or unpack the library's download into `unpacked`; None if neither."""
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
            archive = movielens._download(NAME, None, movielens.MOVIELENS_URL, False)
        except (DownloadError, OSError):
            return None
    with zipfile.ZipFile(archive) as file:
        file.extractall(unpacked)
    return unpacked / NAME


def missing() -> NoReturn:
    """Skip what needs the data, or fail it where MOVIEEMBED_REQUIRE_DATA=1 demands it."""
    reason = (
        "needs MovieLens small, which is not here and cannot be downloaded: unpack "
        f"{movielens.MOVIELENS_URL}{NAME}.zip in the checkout, or name its folder in "
        "MOVIEEMBED_DATA"
    )
    if os.environ.get("MOVIEEMBED_REQUIRE_DATA", "0") not in ("", "0"):
        pytest.fail(reason)
    pytest.skip(reason)
