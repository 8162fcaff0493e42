"""MovieLens in every layout it was published in, from a folder, a .zip or the site."""

from __future__ import annotations

import contextlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import pandas as pd
from numpy.typing import NDArray

from movieembed.data import delimited_text as textfiles
from movieembed.data import demo
from movieembed.data import number_file as numberfiles
from movieembed.data.delimited_text import read_table
from movieembed.data.download import CHECKSUMS, MOVIELENS_URL, download

__all__ = ["load_movielens", "read_table"]

# In the order of the flags of u.item.
GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)  # fmt: skip
NO_GENRES = "(no genres listed)"

MOVIE_COLUMNS = ("movieId", "title", "genres")
_MOVIE_TYPES: dict[str, Any] = {"movieId": "int64", "title": str, "genres": str}
RATING_TYPES = {"userId": int, "movieId": int, "rating": float, "timestamp": int}


def load_movielens(
    source: str | os.PathLike[str] = "ml-latest-small",
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    base_url: str = MOVIELENS_URL,
    progress: bool | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    r"""Read a MovieLens data set from a folder or .zip, or get it by name.

    Parameters
    ----------
    source : path or str
        A folder with the data set, directly or in one folder inside; a .zip as published,
        read without unpacking it; or a name: ml-latest-small, ml-100k, ml-1m, ml-10m, ml-20m,
        ml-25m, ml-32m or ml-latest to download, or demo, 58 thousand ratings of 2,000 invented
        films that are drawn here, the same each time. A path that exists is never taken as a name.
    cache_dir : path or None
        Where downloads are kept; None is the environment variable MOVIEEMBED_DATA_DIR, or the
        user's cache folder. Nothing else is written.
    base_url : str
        Address of the folder that holds NAME.zip, for a mirror.
    progress : bool or None
        Whether to show progress bars on stderr, of the download and of reading the ratings; None
        shows them where stderr is a terminal and the file is not small.

    Returns
    -------
    ratings : DataFrame of shape (n_ratings, 4)
        userId, movieId (int64), rating (float64), timestamp (int64, seconds since 1970).
    movies : DataFrame of shape (n_movies, 3)
        movieId (int64), title, genres (str, joined by "|"). Both are in file order.

    Raises
    ------
    FileNotFoundError
        If source neither exists nor is a known name, or lacks a ratings or movies file.
    ValueError
        If a file is malformed: the message names it and, where possible, the line.
    DownloadError
        If the site cannot be reached or what came does not have the published checksum.
        It is an OSError.

    Notes
    -----
    Every download is checked against a checksum: one known here, or for ml-32m and ml-latest
    the NAME.zip.md5 that the site serves beside the file. It is then kept, and the next call
    needs no network; remove it from the cache folder to get a newer ml-latest.

    Ratings are read on all cores, a block of the file at a time. `Likes.from_movielens` needs half
    the memory where only the likes are wanted.

    Text is UTF-8, or Latin-1 where it is not valid UTF-8 (as in ml-100k and ml-1m).

    Examples
    --------
    A name, such as "ml-latest-small", is downloaded; a folder of your own is read:

    >>> import os, tempfile
    >>> import movieembed as me
    >>> files = {
    ...     "ratings.csv": "userId,movieId,rating,timestamp\n1,10,5.0,978300760\n",
    ...     "movies.csv": "movieId,title,genres\n10,Heat (1995),Crime\n",
    ... }
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, text in files.items():
    ...         with open(os.path.join(folder, name), "w") as file:
    ...             _ = file.write(text)
    ...     ratings, movies = me.load_movielens(folder)
    >>> movies["title"].tolist(), ratings["rating"].tolist()
    (['Heat (1995)'], [5.0])
    """
    if demo.is_demo(source):
        return demo.draw_demo()
    with _opened(source, cache_dir, base_url, progress) as (layout, ratings, movies):
        table = numberfiles.read_numbers(
            ratings,
            RATING_TYPES,
            separator=layout.separator,
            header=layout.header,
            progress=progress,
        )
        return table, layout.read_movies(movies)


def load_compact(
    source: str | os.PathLike[str],
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    base_url: str = MOVIELENS_URL,
    progress: bool | None = None,
) -> tuple[dict[str, NDArray[Any]], pd.DataFrame]:
    """Read userId, movieId and rating as arrays, in 32 bits where they fit, and the movies."""
    names = ("userId", "movieId", "rating")
    if demo.is_demo(source):
        table, catalogue = demo.draw_demo()
        return {name: table[name].to_numpy(copy=True) for name in names}, catalogue
    with _opened(source, cache_dir, base_url, progress) as (layout, ratings, movies):
        columns = numberfiles.read_columns(
            ratings,
            RATING_TYPES,
            names,
            separator=layout.separator,
            header=layout.header,
            progress=progress,
        )
        return columns, layout.read_movies(movies)


def load_movies(source: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the movies of a data set without a look at its ratings."""
    if demo.is_demo(source):
        return demo.draw_demo()[1]
    with _opened(source, None, MOVIELENS_URL, None) as (layout, _, movies):
        return layout.read_movies(movies)


@contextlib.contextmanager
def _opened(
    source: str | os.PathLike[str],
    cache_dir: str | os.PathLike[str] | None,
    base_url: str,
    progress: bool | None,
) -> Iterator[tuple[_Layout, textfiles.Source, textfiles.Source]]:
    """Yield a data set's layout, ratings and movies, downloaded if need be."""
    path = Path(source).expanduser()
    if not path.exists():
        name = str(source).lower()
        if name not in CHECKSUMS:
            raise FileNotFoundError(
                f"{str(source)!r} is neither a folder or .zip that exists nor the name of a data "
                f"set; those are {demo.NAME}, {', '.join(CHECKSUMS)}"
            )
        path = download(name, cache_dir, base_url, progress)
    if path.is_dir():
        yield _find(_folder(path))
        return
    if path.suffix.lower() != ".zip" and not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path} is neither a folder nor a .zip; read a single ratings table with read_table"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            yield _find(_archive(path, archive))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path} is not a whole .zip file: {error}") from error
    except RuntimeError as error:  # what zipfile raises for both
        raise ValueError(f"{path} is encrypted or compressed in an unknown way: {error}") from error


@dataclass(frozen=True)
class _Files:
    """A data set's files, wherever they lie: folder name -> file names, and how to open one."""

    where: str
    folders: dict[str, set[str]]
    open: Callable[[str], IO[bytes]]
    size: Callable[[str], int]


def _folder(path: Path) -> _Files:
    folders = {"": {entry.name for entry in path.iterdir()}}
    for inner in path.iterdir():
        if inner.is_dir():
            folders[inner.name] = {entry.name for entry in inner.iterdir()}
    return _Files(
        str(path),
        folders,
        lambda name: (path / name).open("rb"),
        lambda name: (path / name).stat().st_size,
    )


def _archive(path: Path, archive: zipfile.ZipFile) -> _Files:
    folders: dict[str, set[str]] = {}
    for member in archive.namelist():
        name = PurePosixPath(member)
        if "__MACOSX" not in name.parts:
            parent = str(name.parent) if name.parent.parts else ""
            folders.setdefault(parent, set()).add(name.name)
    return _Files(str(path), folders, archive.open, lambda name: archive.getinfo(name).file_size)


def _find(files: _Files) -> tuple[_Layout, textfiles.Source, textfiles.Source]:
    """Return the layout, ratings and movies of the one data set among the files."""
    found = {
        folder: layout
        for folder, names in files.folders.items()
        for layout in _LAYOUTS[::-1]
        if layout.ratings in names
    }
    # The outermost folder with ratings is the data set; a copy further in does not count.
    depth = min((len(PurePosixPath(folder).parts) for folder in found), default=0)
    at_depth = [folder for folder in found if len(PurePosixPath(folder).parts) == depth]
    if not found:
        wanted = ", ".join(layout.ratings for layout in _LAYOUTS)
        raise FileNotFoundError(f"{files.where} has no ratings file; looked for {wanted}")
    if len(at_depth) > 1:
        listed = ", ".join(sorted(at_depth))
        raise ValueError(f"{files.where} has several data sets, in {listed}; name one folder")
    folder = at_depth[0]
    layout = found[folder]
    prefix = f"{folder}/" if folder else ""
    if layout.movies not in files.folders[folder]:
        raise FileNotFoundError(
            f"{files.where} has {prefix}{layout.ratings} but no {prefix}{layout.movies}"
        )

    def found_file(name: str) -> textfiles.Source:
        return textfiles.Source(
            f"{files.where}{os.sep}{prefix}{name}",
            lambda: files.open(prefix + name),
            files.size(prefix + name),
        )

    return layout, found_file(layout.ratings), found_file(layout.movies)


def _movies_csv(source: textfiles.Source) -> pd.DataFrame:
    rows = []
    places: list[int] | None = None
    for number, fields in textfiles.csv_records(source):
        if places is None:
            absent = [name for name in MOVIE_COLUMNS if name not in fields]
            if absent:
                raise ValueError(textfiles.lacks(source, absent[0], fields))
            places, width = [fields.index(name) for name in MOVIE_COLUMNS], len(fields)
            continue
        if len(fields) != width:
            raise ValueError(
                f"{source.name}, line {number}: expected {width} fields, got {len(fields)}"
            )
        id_, title, genres = (fields[place] for place in places)
        rows.append((_movie_id(id_, source, number), title, genres))
    if places is None:
        raise ValueError(f"{source.name} is empty")
    return _movies(rows)


def _movies_dat(source: textfiles.Source) -> pd.DataFrame:
    rows = []
    for number, line in textfiles.lines(source):
        # A title may itself hold "::", an id or a genre not.
        id_, _, rest = line.partition("::")
        title, separator, genres = rest.rpartition("::")
        if not separator:
            raise ValueError(f"{source.name}, line {number}: expected id::title::genres, {line!r}")
        rows.append((_movie_id(id_, source, number), title, genres))
    return _movies(rows)


def _movies_100k(source: textfiles.Source) -> pd.DataFrame:
    rows = []
    for number, line in textfiles.lines(source):
        fields = line.split("|")
        flags = fields[5:]
        if len(flags) != len(GENRES_100K) or set(flags) - {"0", "1"}:
            raise ValueError(
                f"{source.name}, line {number}: expected 5 fields and {len(GENRES_100K)} "
                f"genre flags between |, got {line!r}"
            )
        genres = [name for name, flag in zip(GENRES_100K, flags, strict=True) if flag == "1"]
        rows.append(
            (_movie_id(fields[0], source, number), fields[1], "|".join(genres) or NO_GENRES)
        )
    return _movies(rows)


def _movie_id(text: str, source: textfiles.Source, number: int) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ValueError(
            f"{source.name}, line {number}: movieId is {text!r}, not an integer"
        ) from error


def _movies(rows: list[tuple[int, str, str]]) -> pd.DataFrame:
    movies = pd.DataFrame(rows, columns=list(MOVIE_COLUMNS))
    return movies.astype(_MOVIE_TYPES)


@dataclass(frozen=True)
class _Layout:
    """How a data set is published: the names of its files and how they are read."""

    ratings: str
    separator: str
    header: bool
    movies: str
    read_movies: Callable[[textfiles.Source], pd.DataFrame]


_LAYOUTS = (
    _Layout("ratings.csv", ",", True, "movies.csv", _movies_csv),
    _Layout("ratings.dat", "::", False, "movies.dat", _movies_dat),
    _Layout("u.data", "\t", False, "u.item", _movies_100k),
)
