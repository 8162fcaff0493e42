"""MovieLens in every layout it was published in, from a folder, a .zip or the site."""

from __future__ import annotations

import contextlib
import functools
import os
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from movieembed._base.regular_file import check_regular
from movieembed.data import demo, text_columns
from movieembed.data import number_file as numberfiles
from movieembed.data import text_fields as textfiles
from movieembed.data.bounded_text import bounded
from movieembed.data.download import CHECKSUMS, MOVIELENS_URL, download

# In the order of the flags of u.item.
GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)  # fmt: skip
NO_GENRES = "(no genres listed)"

MOVIE_COLUMNS = ("movieId", "title", "genres")
RATING_TYPES: dict[str, numberfiles.Kind] = {
    "userId": "id",
    "movieId": "id",
    "rating": "number",
    "timestamp": "seconds",
}


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
        userId, movieId (int64), rating (float64), timestamp (int64, seconds since 1970; dates and
        times, as in Kaggle's files, are in UTC). No timestamp where the file has none.
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

    Text is UTF-8, or Latin-1 where it is not valid UTF-8 (as in ml-100k and ml-1m). Kaggle's
    rating.csv and movie.csv are read too. Ids are integers only if every one of a column is written
    as one: with a single "007" or "10.0" in it all of the column are text, as written.

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
        table = numberfiles.read_numbers(ratings, RATING_TYPES, **layout.form, progress=progress)
        rated = table["movieId"].to_numpy()
        ids, catalogue = _of_one_kind(rated, layout.read_movies(movies))
        return (table if ids is rated else table.assign(movieId=ids)), catalogue


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
            ratings, RATING_TYPES, names, **layout.form, progress=progress
        )
        ids, catalogue = _of_one_kind(columns["movieId"], layout.read_movies(movies))
        return columns | {"movieId": ids}, catalogue


def _of_one_kind(rated: NDArray[Any], movies: pd.DataFrame) -> tuple[NDArray[Any], pd.DataFrame]:
    """Return the ids of rated movies, and the movies: integers only if both files have those."""
    rated, listed = text_columns.of_one_kind(rated, movies["movieId"].to_numpy())
    return rated, movies.assign(movieId=listed)


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
        inside = [entry for pattern in ("*", "*/*") for entry in path.glob(pattern)]
        names = [entry.relative_to(path).as_posix() for entry in inside]

        def in_folder(name: str) -> textfiles.Source:
            file = path / name
            check_regular(file, "a file of text")
            where = str(file)
            return textfiles.Source(
                where, lambda: bounded(lambda: file.open("rb"), where), file.stat().st_size
            )

        yield _find(str(path), names, in_folder)
        return
    check_regular(path, "a folder or a .zip")
    if path.suffix.lower() != ".zip" and not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path} is neither a folder nor a .zip; read a single ratings table with read_table"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if "__MACOSX" not in name.split("/")]

            def in_archive(name: str) -> textfiles.Source:
                member, where = archive.getinfo(name), f"{path}{os.sep}{name}"
                held = min(member.compress_size, path.stat().st_size)
                opened = functools.partial(archive.open, name)
                # What an archive says of a size is believed as far as ratings may shrink.
                size = min(member.file_size, 16 * held)
                return textfiles.Source(where, lambda: bounded(opened, where, held), size)

            yield _find(str(path), names, in_archive)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path} is not a whole .zip file: {error}") from error
    except RuntimeError as error:  # what zipfile raises for both
        raise ValueError(f"{path} is encrypted or compressed in an unknown way: {error}") from error


def _find(
    where: str,
    names: Collection[str],
    source_of: Callable[[str], textfiles.Source],
) -> tuple[_Layout, textfiles.Source, textfiles.Source]:
    """Return the layout, ratings and movies of the one data set among the files."""
    found: dict[str, _Layout] = {}
    for layout in _LAYOUTS[::-1]:
        for name in names:
            folder, _, file = name.rpartition("/")
            if file == layout.ratings:
                found[folder] = layout
    if not found:
        wanted = ", ".join(layout.ratings for layout in _LAYOUTS)
        raise FileNotFoundError(f"{where} has no ratings file; looked for {wanted}")
    # The outermost folder with ratings is the data set; a copy further in does not count.
    depths = {folder: len(PurePosixPath(folder).parts) for folder in found}
    outermost = [folder for folder, depth in depths.items() if depth == min(depths.values())]
    if len(outermost) > 1:
        listed = ", ".join(sorted(outermost))
        raise ValueError(f"{where} has several data sets, in {listed}; name one folder")
    layout = found[outermost[0]]
    prefix = f"{outermost[0]}/".lstrip("/")
    if prefix + layout.movies not in names:
        raise FileNotFoundError(
            f"{where} has {prefix}{layout.ratings} but no {prefix}{layout.movies}"
        )
    return layout, source_of(prefix + layout.ratings), source_of(prefix + layout.movies)


# A movie as it is read: the number of its line, movieId, title and genres.
_Movie = tuple[int, str, str, str]


def _movies_csv(source: textfiles.Source) -> Iterator[_Movie]:
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
        yield number, id_, title, genres
    if places is None:
        raise ValueError(f"{source.name} is empty")


def _movies_dat(source: textfiles.Source) -> Iterator[_Movie]:
    for number, line in textfiles.lines(source):
        # A title may itself hold "::", an id or a genre not.
        id_, _, rest = line.partition("::")
        title, separator, genres = rest.rpartition("::")
        if not separator:
            raise ValueError(f"{source.name}, line {number}: expected id::title::genres, {line!r}")
        yield number, id_, title, genres


def _movies_100k(source: textfiles.Source) -> Iterator[_Movie]:
    for number, line in textfiles.lines(source):
        fields = line.split("|")
        flags = fields[5:]
        if len(flags) != len(GENRES_100K) or set(flags) - {"0", "1"}:
            raise ValueError(
                f"{source.name}, line {number}: expected 5 fields and {len(GENRES_100K)} "
                f"genre flags between |, got {line!r}"
            )
        genres = [name for name, flag in zip(GENRES_100K, flags, strict=True) if flag == "1"]
        yield number, fields[0].lstrip(" "), fields[1], "|".join(genres) or NO_GENRES


@dataclass(frozen=True)
class _Layout:
    """How a data set is published: the names of its files and how they are read."""

    ratings: str
    form: dict[str, Any]  # the separator, and whether there is a header
    movies: str
    movies_of: Callable[[textfiles.Source], Iterator[_Movie]]

    def read_movies(self, source: textfiles.Source) -> pd.DataFrame:
        """Return the table of movies."""
        import pyarrow as pa

        rows = []
        for number, id_, title, genres in self.movies_of(source):
            if not id_:
                raise ValueError(f"{source.name}, line {number}: movieId is missing")
            rows.append((id_, title, genres))
        movies = pd.DataFrame(rows, columns=list(MOVIE_COLUMNS)).astype(str)
        ids = text_columns.as_proven_ids(
            pa.chunked_array([pa.array(movies["movieId"], pa.string())])
        )
        return movies.assign(movieId=text_columns.to_pandas(ids))


_LAYOUTS = (
    _Layout("ratings.csv", {"separator": ",", "header": True}, "movies.csv", _movies_csv),
    _Layout("ratings.dat", {"separator": "::", "header": False}, "movies.dat", _movies_dat),
    _Layout("u.data", {"separator": "\t", "header": False}, "u.item", _movies_100k),
    _Layout("rating.csv", {"separator": ",", "header": True}, "movie.csv", _movies_csv),  # Kaggle
)
