"""MovieLens data sets from their site, each checked and kept in a cache folder."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from movieembed.data import demo
from movieembed.exceptions import DownloadError

MOVIELENS_URL = "https://files.grouplens.org/datasets/movielens/"

# None: the site's own NAME.zip.md5 is asked, since the file is new or changes now and then.
CHECKSUMS: dict[str, str | None] = {
    "ml-latest-small": "sha256:696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
    "ml-100k": "md5:0e33842e24a9c977be4e0107933c0723",
    "ml-1m": "md5:c4d9eecfca2ab87c1945afe126590906",
    "ml-10m": "md5:ce571fd55effeba0271552578f2648bd",
    "ml-20m": "md5:cd245b17a1ae2cc31bb14903e1204af3",
    "ml-25m": "md5:6b51fb2759a8657d3bfcbfc42b592ada",
    "ml-32m": None,
    "ml-latest": None,
}


def download(
    name: str, cache_dir: str | os.PathLike[str] | None, base_url: str, progress: bool | None
) -> Path:
    """Return the .zip of a data set, kept in a cache folder or downloaded and checked."""
    import pooch

    folder = Path(
        cache_dir or os.environ.get("MOVIEEMBED_DATA_DIR") or pooch.os_cache("movieembed")
    ).expanduser()
    url = f"{base_url.rstrip('/')}/{name}.zip"
    checksum = CHECKSUMS[name]
    if checksum is not None:
        return _fetch(url, checksum, folder, progress)
    listed = _fetch(f"{url}.md5", None, folder, False)
    try:
        found = re.search(r"\b[0-9a-fA-F]{32}\b", listed.read_text("utf-8", "replace"))
        if found is None:
            raise DownloadError(f"{url}.md5 holds no MD5 checksum; try again later")
        return _fetch(url, f"md5:{found[0].lower()}", folder, progress)
    except DownloadError:
        # Kept, a checksum of another version would refuse every later download.
        listed.unlink(missing_ok=True)
        raise


def _fetch(url: str, checksum: str | None, folder: Path, progress: bool | None) -> Path:
    """Download url into folder unless the file is there with that checksum."""
    import pooch
    import requests

    if progress is None:
        progress = sys.stderr is not None and sys.stderr.isatty()
    name = url.rpartition("/")[2]
    otherwise = (
        "download it in another way and pass the folder or .zip instead of the name, or use "
        f"{demo.NAME!r}, a small data set that needs no download"
    )
    try:
        kept = pooch.retrieve(
            url,
            known_hash=checksum,
            fname=name,
            path=folder,
            downloader=pooch.HTTPDownloader(progressbar=progress, chunk_size=1 << 16),
        )
    except requests.exceptions.HTTPError as error:
        raise DownloadError(f"cannot download {url}: {error}; {otherwise}") from error
    except requests.exceptions.RequestException as error:
        raise DownloadError(
            f"cannot download {url}: no connection ({_cause(error)}); {otherwise}"
        ) from error
    except ValueError as error:
        raise DownloadError(
            f"{name} from {url} does not have the published checksum, so it was removed; try "
            f"again, {otherwise}"
        ) from error
    return Path(kept)


def _cause(error: Exception) -> str:
    """What went wrong in the first place: requests wraps errors that wrap others."""
    within: Any = error
    while isinstance(within, Exception):
        error = within
        inner = [arg for arg in error.args if isinstance(arg, Exception)]
        within = getattr(error, "reason", None) or next(iter(inner), None)
    return str(error).rpartition("): ")[2] or type(error).__name__
